/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/rmap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/interrupt.h"
#include "mm/path.h"
#include "mm/swap.h"
#include "mm/task.h"

enum word_kind { WORD_ADDRESS, WORD_PHYSICAL, WORD_FRAME };

struct request {
	enum word_kind words;
	bool verbose, scan, all;
	const struct task *task; /* whose user addresses */
};

/* ---- What mappings are said by ---- */

const struct task *rmap_next_process(struct kernel *k, uint64_t mm, size_t *at)
{
	const struct task *t;
	while ((t = task_of_mm(k, mm, (*at)++))) {
		if (t->is_leader)
			return t;
		/* A thread stands for its group where the leader is gone, the first one only. */
		const struct task *leader = task_by_pid(k, t->tgid);
		bool first = !leader || leader->mm != mm;
		for (size_t i = 0; first && i + 1 < *at; i++)
			first = task_of_mm(k, mm, i)->tgid != t->tgid;
		if (first)
			return t;
	}
	return NULL;
}

const char *rmap_level_name(struct kernel *k, const struct rmap_mapping *m)
{
	return k->geometry.level[m->level].name;
}

const char *rmap_state_name(enum leaf_kind kind)
{
	switch (kind) {
	case LEAF_PAGE:
		return "mapped";
	case LEAF_ZERO:
		return "zero page";
	case LEAF_RAW:
		return "raw frame";
	case LEAF_MIGRATION:
		return "migration";
	case LEAF_DEVICE_PRIVATE:
		return "device-private";
	case LEAF_DEVICE_EXCLUSIVE:
		return "device-exclusive";
	case LEAF_HWPOISON:
		return "hwpoison";
	default:
		return "";
	}
}

static const struct column columns_64[] = {
	{"pid", "PID", 7, '>', 0},     {"mm", "MM", 16, '^', 2},       {"vma", "VMA", 16, '^', 2},
	{"virtual", "VIRTUAL", 16, '>', 2}, {"level", "LEVEL", 5, '<', 2}, {"state", "STATE", 9, '<', 2},
	{"comm", "COMM", 0, '<', 2}};
static const struct column columns_32[] = {
	{"pid", "PID", 7, '>', 0},    {"mm", "MM", 8, '^', 2},	   {"vma", "VMA", 8, '^', 2},
	{"virtual", "VIRTUAL", 8, '>', 2}, {"level", "LEVEL", 5, '<', 2}, {"state", "STATE", 9, '<', 2},
	{"comm", "COMM", 0, '<', 2}};

struct rows {
	struct session *s;
	bool begun;
	uint64_t counted;
};

static void begin_rows(struct rows *r)
{
	if (!r->begun)
		out_table(r->s->out, "mappings", r->s->kernel->arch->pointer_size == 8 ? columns_64 : columns_32, 7, true);
	r->begun = true;
}

static void row(struct rows *r, const struct rmap_mapping *m, const struct task *t)
{
	struct out *o = r->s->out;
	struct kernel *k = r->s->kernel;
	unsigned width = 2 * k->arch->pointer_size;
	if (t)
		out_cell_dec(o, t->pid);
	else
		out_cell_none(o, "-");
	out_cell_hex_pad(o, m->vma->mm, width);
	out_cell_hex_pad(o, m->vma->addr, width);
	out_cell_hex(o, m->address);
	out_cell_str(o, rmap_level_name(k, m));
	out_cell_str(o, rmap_state_name(m->kind));
	out_cell_str(o, t ? t->comm : "");
	out_hex(o, "entry", NULL, m->entry);
	out_hex(o, "entry_addr", NULL, m->entry_addr);
	out_row_end(o);
}

static bool print_mapping(void *context, const struct rmap_mapping *m)
{
	struct rows *r = context;
	const struct task *t;
	size_t at = 0;
	begin_rows(r);
	if (m->kind != LEAF_MIGRATION)
		r->counted++;
	t = rmap_next_process(r->s->kernel, m->vma->mm, &at);
	do
		row(r, m, t);
	while (t && (t = rmap_next_process(r->s->kernel, m->vma->mm, &at)));
	return true;
}

static bool print_scanned(void *context, uint64_t pfn, const struct rmap_mapping *m)
{
	return print_mapping(context, m);
}

/* ---- A page ---- */

static void print_page(struct out *o, struct kernel *k, const struct rmap_page *page)
{
	static const char *const objects[] = {
		[RMAP_ANON] = "  ANON_VMA: ", [RMAP_KSM] = "  STABLE NODE: ", [RMAP_FILE] = "  MAPPING: "};
	out_hex(o, "page", "PAGE: %" PRIx64, page->page);
	out_hex(o, "physical", "  PHYSICAL: %" PRIx64, page->pfn << k->arch->page_shift);
	out_str(o, "kind", NULL, rmap_kind_name(page->kind));
	if (page->folio.order) {
		out_hex(o, "head", "  HEAD: %" PRIx64, page->folio.page);
		out_dec(o, "order", " (order %" PRIu64 ")", page->folio.order);
	}
	if (page->kind != RMAP_OUTSIDE) {
		out_text(o, objects[page->kind]);
		out_hex(o, "object", "%" PRIx64, page->object);
		if (page->kind != RMAP_KSM)
			out_hex(o, "index", "  INDEX: %" PRIx64, page->index);
		if (page->swapcache)
			out_text(o, "  (in the swap cache)");
		out_bool(o, "swapcache", NULL, page->swapcache);
	}
	out_text(o, "\n");
	if (page->kind == RMAP_OUTSIDE && rmap_exists(k))
		out_str(o, "outside", "outside reverse mapping: %s\n", page->outside);
}

static struct error *print_mappings(struct session *s, const struct request *r, const struct rmap_page *page)
{
	struct rows rows = {.s = s};
	unsigned depth = s->out->depth;
	struct error *e;
	if (page->kind == RMAP_OUTSIDE && !r->scan)
		return NULL;
	if (out_json(s->out))
		begin_rows(&rows);
	if (r->scan)
		e = rmap_scan(s->kernel, page->pfn, page->pfn + 1, print_scanned, &rows);
	else
		e = rmap_walk(s->kernel, page, print_mapping, &rows);
	if (rows.begun)
		out_table_end(s->out);
	out_close(s->out, depth);
	out_dec(s->out, "mapped", NULL, rows.counted);
	if (!e && !rows.begun)
		out_text(s->out, "mapped nowhere\n");
	return e;
}

static struct error *print_frame(struct session *s, const struct request *r, uint64_t pfn)
{
	struct rmap_page page;
	TRY(rmap_page_open(s->kernel, pfn, &page));
	print_page(s->out, s->kernel, &page);
	if (r->verbose && !r->scan)
		TRY(rmap_graph_print(s, &page));
	return print_mappings(s, r, &page);
}

/* ---- Words ---- */

static struct error *user_frame(struct session *s, const struct request *r, uint64_t addr, uint64_t *pfn)
{
	struct kernel *k = s->kernel;
	struct error *unreadable = NULL;
	struct swap_entry entry;
	struct walk walk;
	uint64_t pgd;
	char text[PATH_SIZE + 64];
	if (!r->task->mm)
		return error_at(ERR_NOT_MAPPED, addr, "pid %u has no user memory: %" PRIx64, r->task->pid, addr);
	TRY(mm_pgd(k, r->task->mm, &pgd));
	pagetable_walk(k->vmcore, &k->geometry, pgd, addr, &walk, &unreadable);
	if (walk.result == WALK_UNREADABLE)
		return unreadable;
	error_free(unreadable);
	if (walk.result == WALK_EMPTY)
		return error_at(ERR_NOT_MAPPED, addr, "not mapped by pid %u: %" PRIx64, r->task->pid, addr);
	if (walk.result == WALK_MAPPED) {
		*pfn = phys_to_pfn(k, walk.phys);
		return NULL;
	}
	swap_entry_decode(k, walk.step[walk.steps - 1].entry, &entry);
	if (!entry.pfn)
		return error_at(ERR_SWAPPED, addr, "no page at %" PRIx64 " of pid %u: %s", addr, r->task->pid,
				swap_entry_format(k, &entry, text, sizeof(text)));
	unsigned shift = k->geometry.level[walk.steps - 1].shift;
	*pfn = entry.pfn + ((addr & ((1ull << shift) - 1)) >> k->arch->page_shift);
	return NULL;
}

static struct error *find_frame(struct session *s, const struct request *r, const char *word, uint64_t *pfn)
{
	struct kernel *k = s->kernel;
	uint64_t addr, page, phys;
	TRY(parse_address(s, word, &addr));
	if (r->words == WORD_FRAME)
		*pfn = addr;
	else if (r->words == WORD_PHYSICAL)
		*pfn = phys_to_pfn(k, addr);
	else if (!kernel_is_kernel_address(k, addr))
		return user_frame(s, r, addr, pfn);
	else if (page_holding(k, addr, &page) && page_to_pfn(k, page, pfn))
		return NULL;
	else {
		TRY(kernel_vtop(k, addr, &phys));
		*pfn = phys_to_pfn(k, phys);
	}
	return NULL;
}

static struct error *print_words(struct session *s, const struct request *r, int argc, char **argv, int from)
{
	struct error *first = NULL;
	out_array_begin(s->out, "pages");
	for (int i = from; i < argc; i++) {
		uint64_t pfn;
		unsigned depth = s->out->depth;
		if (i > from)
			out_text(s->out, "\n");
		out_object_begin(s->out, NULL);
		struct error *e = find_frame(s, r, argv[i], &pfn);
		if (!e)
			e = print_frame(s, r, pfn);
		if (e) {
			out_close(s->out, depth + 1);
			out_str(s->out, "error", NULL, e->message);
		}
		out_close(s->out, depth);
		if (e && e->code == ERR_INTERRUPTED) {
			error_free(first);
			return e;
		}
		if (e && first) {
			context_complain(s, argv[0], e);
			error_free(e);
		} else if (e) {
			first = e;
		}
	}
	out_array_end(s->out);
	return first;
}

static struct error *run_rmap(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:pnvA-:"};
	struct request r = {.words = WORD_ADDRESS};
	const char *word = NULL;
	int c;
	while ((c = next_option(&p))) {
		if (c == 'c')
			word = p.argument;
		else if (c == 'p' || c == 'n')
			r.words = c == 'p' ? WORD_PHYSICAL : WORD_FRAME;
		else if (c == 'v')
			r.verbose = true;
		else if (c == 'A')
			r.all = true;
		else if (c == '-' && !strcmp(p.argument, "scan"))
			r.scan = true;
		else if (c == '-')
			return unknown_option("rmap", '-', argv[p.index - 1]);
		else
			return option_error(&p);
	}
	if (r.all == (p.index < argc))
		return usage_error("rmap", r.all ? "-A is about all pages" : "a page is needed");
	if (!r.scan && !rmap_exists(s->kernel))
		return error_new(ERR_UNSUPPORTED, "this kernel has no reverse mapping of interval trees: use rmap --scan");
	TRY(pages_open(s->kernel));
	if (r.all)
		return rmap_all_print(s, r.scan);
	if (word)
		TRY(context_select_one(s, word, &r.task));
	else
		TRY(context_task(s, &r.task));
	TRY(context_heading_in_foreach(s));
	return print_words(s, &r, argc, argv, p.index);
}

COMMAND(rmap) = {
	.name = "rmap",
	.summary = "who maps a page",
	.synopsis = "[-v] [--scan] [-c pid | task] [-p | -n] ADDR… | -A [--scan]",
	.options = "-v -c -p -n -A --scan",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_SYMBOL_ARGS,
	.help = "DESCRIPTION\n"
		"  Shows every process, area and virtual address that maps a page, as the kernel finds them: by the\n"
		"  anon_vma of an anonymous page, the stable node of one that KSM merged, the i_mmap of a file's page,\n"
		"  each place checked against the page tables. ADDR is a user address of the current context, the\n"
		"  address of a struct page, or any other kernel address (of memory that has a struct page).\n"
		"\n"
		"  -v      also the structures: the anon_vma and those above it with their counts, and every area in\n"
		"          their tree, mapped there or not\n"
		"  --scan  finds the same in the page tables of all processes: for kernels without reverse mapping,\n"
		"          for pages outside of it, and to check it\n"
		"  -c      user addresses are of this task\n"
		"  -p      ADDR is a physical address\n"
		"  -n      ADDR is a frame number\n"
		"  -A      every mapping of every page that reverse mapping covers, a row each (with --scan in the\n"
		"          order of processes), and in the end what it does not cover\n"
		"\n"
		"  A row stands for a thread group. LEVEL is where the page tables map the page: PTE, or PMD and PUD for\n"
		"  a part of a huge page. Migration entries name a page and are shown, but do not count as mappings, nor\n"
		"  do swap entries. The zero page, vdso and vvar, and frames mapped as such (VM_PFNMAP, VM_MIXEDMAP) are\n"
		"  outside reverse mapping: that is said, and --scan finds them.\n"
		"\n"
		"EXAMPLES\n"
		"  Who shares the first page of process 1's program:\n"
		"    mmscope> rmap -c 1 400000\n"
		"  The same, with the file's areas:\n"
		"    mmscope> rmap -v -c 1 400000\n"
		"  The same from all page tables:\n"
		"    mmscope> rmap --scan -c 1 400000\n"
		"  Who maps the frame at physical address 1000000:\n"
		"    mmscope> rmap -p 1000000\n",
	.run = run_rmap,
};
