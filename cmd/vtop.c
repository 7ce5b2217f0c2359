/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vtop: a virtual address, the entries that translate it, the area it lies in, and the page or the
 * place where the page would come from.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/context.h"
#include "cmd/entry_row.h"
#include "cmd/page_row.h"
#include "cmd/session.h"
#include "cmd/vma_row.h"
#include "mm/page.h"
#include "mm/path.h"
#include "mm/swap.h"
#include "mm/vma.h"
#include "mm/zero_page.h"

struct translation {
	struct session *s;
	const struct task *task; /* of a user address */
	uint64_t addr;
	bool user;
	uint64_t pgd_virtual, pgd; /* the top table */
	struct walk walk;
	struct vma vma;
	bool has_vma;
};

static void format_page_size(char *buf, size_t size, uint64_t bytes)
{
	if (bytes >= 1ull << 30)
		snprintf(buf, size, "%" PRIu64 "GB", bytes >> 30);
	else if (bytes >= 1ull << 20)
		snprintf(buf, size, "%" PRIu64 "MB", bytes >> 20);
	else
		snprintf(buf, size, "%" PRIu64 "KB", bytes >> 10);
}

static void print_step(struct out *o, const char *level, uint64_t entry_addr, uint64_t entry)
{
	out_object_begin(o, NULL);
	out_str(o, "level", "%6s", level);
	out_hex(o, "entry_addr", ": %" PRIx64, entry_addr);
	out_hex(o, "entry", " => %" PRIx64 "\n", entry);
	out_object_end(o);
}

/* i386: entries of the directory by their virtual address, and the folded middle level shown as the
 * kernel names it. */
static void print_steps_32(const struct translation *t)
{
	struct out *o = t->s->out;
	const struct pagetable_geometry *g = &t->s->kernel->geometry;
	out_printf(o, "PAGE DIRECTORY: %" PRIx64 "\n", t->pgd_virtual);
	for (unsigned i = 0; i < t->walk.steps; i++) {
		const struct walk_step *step = &t->walk.step[i];
		uint64_t at = i ? step->entry_addr : t->pgd_virtual + (step->entry_addr - t->pgd);
		print_step(o, g->level[i].name, at, step->entry);
		if (g->levels == 2 && !i)
			print_step(o, "PMD", at, step->entry);
	}
}

static void print_steps_64(const struct translation *t)
{
	struct out *o = t->s->out;
	const struct pagetable_geometry *g = &t->s->kernel->geometry;
	unsigned first = 0;
	if (!t->user && t->walk.steps) {
		out_printf(o, "PGD DIRECTORY: %" PRIx64 "\n", t->pgd_virtual);
		out_printf(o, "PAGE DIRECTORY: %" PRIx64 "\n", t->walk.step[0].entry);
		if (!out_json(o))
			first = 1;
	}
	for (unsigned i = first; i < t->walk.steps; i++)
		print_step(o, g->level[i].name, t->walk.step[i].entry_addr, t->walk.step[i].entry);
}

static void print_leaf(const struct translation *t)
{
	struct out *o = t->s->out;
	uint64_t entry = t->walk.step[t->walk.steps - 1].entry;
	uint64_t frame = t->walk.phys & ~(t->walk.page_size - 1);
	bool huge = t->walk.page_size > VMCORE_PAGE_SIZE;
	char size[16];
	format_page_size(size, sizeof(size), t->walk.page_size);
	out_hex(o, "page_frame", "  PAGE: %" PRIx64, frame);
	out_dec(o, "page_size", NULL, t->walk.page_size);
	bool zero = t->user &&
		    is_zero_frame(t->s->kernel, frame >> t->s->kernel->arch->page_shift, huge);
	if (huge)
		out_printf(o, zero ? "  (%s, ZERO PAGE)" : "  (%s)", size);
	else if (zero)
		out_text(o, "  (ZERO PAGE)");
	if (t->user)
		out_bool(o, "zero_page", NULL, zero);
	out_text(o, "\n\n");
	entry_row_print(o, t->s->kernel, entry, frame, huge);
	out_text(o, "\n");
}

/* Where an absent page of an area would come from: swap, or the file. */
static void print_absent(const struct translation *t)
{
	struct out *o = t->s->out;
	struct kernel *k = t->s->kernel;
	char text[PATH_SIZE + 64];
	if (t->walk.result == WALK_NOT_PRESENT && t->walk.steps) {
		struct swap_entry entry;
		swap_entry_decode(k, t->walk.step[t->walk.steps - 1].entry, &entry);
		swap_entry_format(k, &entry, text, sizeof(text));
		out_str(o, "absent", "%s\n\n", text);
		out_str(o, "absent_kind", NULL, swap_kind_name(entry.kind));
		return;
	}
	if (t->walk.result == WALK_EMPTY && t->has_vma && t->vma.file) {
		const struct file_path *path = path_of_file(k, t->vma.file);
		uint64_t offset = (t->vma.pgoff << k->arch->page_shift) +
				  ((t->addr - t->vma.start) & ~(VMCORE_PAGE_SIZE - 1));
		out_str(o, "file", "FILE: %s  ", path->path);
		out_hex(o, "file_offset", "OFFSET: %" PRIx64 "\n\n", offset);
	}
}

static struct error *find_table(struct translation *t)
{
	struct kernel *k = t->s->kernel;
	if (!t->user) {
		t->pgd = k->kernel_pgd;
		t->pgd_virtual = k->kernel_pgd - k->phys_base + k->arch->kernel_map;
		return NULL;
	}
	if (!t->task->mm)
		return NULL;
	TRY(kernel_get(k, t->task->mm, M_mm_struct_pgd, &t->pgd_virtual));
	return kernel_vtop(k, t->pgd_virtual, &t->pgd);
}

static struct error *translate(struct translation *t)
{
	struct kernel *k = t->s->kernel;
	struct out *o = t->s->out;
	struct error *unreadable = NULL;
	int width = t->user ? 10 : 2 * k->arch->pointer_size;
	out_printf(o, "%-*s  PHYSICAL\n", width, "VIRTUAL");
	TRY(find_table(t));
	if (t->user && t->task->mm) {
		/* A damaged tree of areas does not keep the entries from being shown. */
		struct error *e = vma_find(k, t->task->mm, t->addr, &t->vma, &t->has_vma);
		if (e) {
			context_complain(t->s, "vtop", e);
			error_free(e);
			t->has_vma = false;
		}
	}
	if (t->pgd_virtual)
		pagetable_walk(k->vmcore, &k->geometry, t->pgd, t->addr, &t->walk, &unreadable);
	bool mapped = t->walk.result == WALK_MAPPED;
	out_printf(o, "%-*" PRIx64 "  ", width, t->addr);
	out_hex(o, "virtual", NULL, t->addr);
	out_str(o, "space", NULL, t->user ? "user" : "kernel");
	out_bool(o, "mapped", NULL, mapped);
	if (mapped)
		out_hex(o, "physical", "%" PRIx64 "\n\n", t->walk.phys);
	else if (t->user && !t->has_vma)
		out_text(o, "(not accessible)\n\n");
	else
		out_text(o, "(not mapped)\n\n");
	/* Nothing is mapped outside all areas; what entries there may be is still shown when they
	 * are not empty. */
	if (t->user && !t->has_vma && !mapped)
		return unreadable;
	out_array_begin(o, "walk");
	if (k->arch->pointer_size == 4)
		print_steps_32(t);
	else
		print_steps_64(t);
	out_array_end(o);
	if (mapped) {
		print_leaf(t);
	} else {
		out_text(o, "\n");
		/* JSON has the same in "absent". */
		if (t->walk.result == WALK_NOT_PRESENT && t->walk.steps &&
		    entry_row_print_swap(o, k, t->walk.step[t->walk.steps - 1].entry))
			out_text(o, "\n");
	}
	if (t->has_vma) {
		vma_row_print(o, k, &t->vma);
		out_text(o, "\n");
	}
	if (unreadable)
		return unreadable;
	if (!mapped) {
		print_absent(t);
		return NULL;
	}
	uint64_t page;
	if (!error_drop(pages_open(k)) && pfn_to_page(k, phys_to_pfn(k, t->walk.phys), &page))
		TRY(page_row_print(o, k, page));
	return NULL;
}

enum space { SPACE_BY_ADDRESS, SPACE_USER, SPACE_KERNEL };

static struct error *translate_word(struct session *s, const char *word, const struct task *task,
				    enum space space)
{
	struct kernel *k = s->kernel;
	struct translation t = {.s = s, .task = task, .walk.result = WALK_EMPTY};
	TRY(parse_address(s, word, &t.addr));
	t.user = space == SPACE_USER ||
		 (space == SPACE_BY_ADDRESS && !kernel_is_kernel_address(k, t.addr));
	if (space == SPACE_KERNEL && !kernel_is_kernel_address(k, t.addr))
		return error_at(ERR_USAGE, t.addr, "not a kernel virtual address: %s", word);
	if (t.user && kernel_is_kernel_address(k, t.addr))
		return error_at(ERR_USAGE, t.addr, "not a user virtual address: %s", word);
	if (t.user && !task)
		return error_new(ERR_UNSUPPORTED, "%s", k->typeless->message);
	return translate(&t);
}

static struct error *run_vtop(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:uk"};
	enum space space = SPACE_BY_ADDRESS;
	const struct task *task = NULL;
	const char *word = NULL;
	struct error *first = NULL;
	int c;
	while ((c = next_option(&p))) {
		if (c == 'c')
			word = p.argument;
		else if (c == 'u' || c == 'k')
			space = c == 'u' ? SPACE_USER : SPACE_KERNEL;
		else
			return option_error(&p);
	}
	if (p.index == argc)
		return usage_error("vtop", "an address is needed");
	if (word)
		TRY(context_select_one(s, word, &task));
	else if (!s->kernel->typeless)
		TRY(context_task(s, &task));
	if (s->in_foreach) {
		if (s->foreach_index)
			out_text(s->out, "\n");
		context_heading(s, task);
	}
	out_array_begin(s->out, "addresses");
	for (int i = p.index; i < argc; i++) {
		if (i > p.index)
			out_text(s->out, "\n");
		out_object_begin(s->out, NULL);
		struct error *e = translate_word(s, argv[i], task, space);
		out_object_end(s->out);
		if (e && !first)
			first = e;
		else
			error_free(e);
	}
	out_array_end(s->out);
	return first;
}

COMMAND(vtop) = {
	.name = "vtop",
	.summary = "virtual to physical",
	.synopsis = "[-c pid | task] [-u | -k] ADDR…",
	.options = "-c -u -k",
	.flags = CMD_NEEDS_KERNEL | CMD_TYPELESS | CMD_FOREACH | CMD_SYMBOL_ARGS,
	.help = "DESCRIPTION\n"
		"  Translates virtual addresses: for each it shows the entry of every page-table "
		"level with\n"
		"  its physical address and value, the flags of the entry that maps the page, the "
		"area that a user\n"
		"  address lies in, and the page's struct page. For a page that is absent it shows "
		"the\n"
		"  swap slot or the place in the file that the page would come from.\n"
		"\n"
		"  -c  a user address of this task, by pid, task_struct address or name, instead "
		"of the\n"
		"      current context\n"
		"  -u  the addresses are user addresses\n"
		"  -k  the addresses are kernel addresses\n"
		"\n"
		"  Without -u and -k the address itself tells which it is. Kernel addresses are "
		"translated from\n"
		"  swapper_pg_dir. ADDR may be a symbol.\n"
		"\n"
		"EXAMPLES\n"
		"  Where the kernel's first task structure lies:\n"
		"    mmscope> vtop init_task\n"
		"  A user address of process 1:\n"
		"    mmscope> vtop -c 1 400000\n",
	.run = run_vtop,
};
