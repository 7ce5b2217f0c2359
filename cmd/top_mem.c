/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * top-mem: who has the memory.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/session.h"
#include "cmd/size.h"
#include "mm/audit/audit.h"
#include "mm/inode_path.h"
#include "mm/meminfo.h"
#include "mm/path.h"
#include "mm/usage.h"

#define DEFAULT_ROWS 10

struct top {
	struct session *s;
	uint64_t rows;
	unsigned shift;	 /* from pages to bytes */
	bool any;	 /* a part was printed */
};

static void begin_part(struct top *t, const char *title)
{
	out_printf(t->s->out, "%s%s\n", t->any ? "\n" : "", title);
	t->any = true;
}

/* Bytes, for people with a unit. */
static void size_cell(struct out *o, uint64_t bytes)
{
	char text[32];
	format_size(bytes, text, sizeof(text));
	out_cell_dec_as(o, bytes, bytes ? text : "0");
}

static void share_cell(struct out *o, uint64_t part, uint64_t whole)
{
	char text[16];
	snprintf(text, sizeof(text), "%.1f%%", whole ? 100.0 * (double)part / (double)whole : 0.0);
	out_cell_str(o, text);
}

static void say_rest(struct top *t, uint64_t count)
{
	if (count > t->rows)
		out_printf(t->s->out, "… and %" PRIu64 " more\n", count - t->rows);
}

/* ---- By use ---- */

struct use_row {
	enum audit_use use;
	uint64_t frames;
};

static int compare_uses(const void *x, const void *y)
{
	const struct use_row *a = x, *b = y;
	/* What is not known comes last. */
	if (!a->use != !b->use)
		return a->use ? -1 : 1;
	return a->frames != b->frames ? (a->frames > b->frames ? -1 : 1) : 0;
}

static void print_uses(struct top *t, const struct audit_report *report)
{
	static const struct column columns[] = {{"use", "USE", 28, '<', 0}, {"pages", "PAGES", 10, '>', 1}, {"bytes", "SIZE", 10, '>', 1}, {"share", "SHARE", 7, '>', 1}};
	struct out *o = t->s->out;
	struct use_row rows[AUDIT_USE_COUNT];
	struct meminfo m;
	uint64_t total = 0;
	for (int i = 0; i < AUDIT_USE_COUNT; i++)
		rows[i] = (struct use_row){(enum audit_use)i, report->census[i]};
	qsort(rows, AUDIT_USE_COUNT, sizeof(rows[0]), compare_uses);
	begin_part(t, "MEMORY BY USE");
	out_table(o, "uses", columns, 4, true);
	for (int i = 0; i < AUDIT_USE_COUNT; i++) {
		if (!rows[i].frames && rows[i].use)
			continue;
		out_cell_str(o, audit_use_name(rows[i].use));
		out_cell_dec(o, rows[i].frames);
		size_cell(o, rows[i].frames << t->shift);
		share_cell(o, rows[i].frames, report->frames);
		out_row_end(o);
		total += rows[i].frames;
	}
	out_table_end(o);
	out_dec(o, "pages", "= %" PRIu64 " pages with a struct page", total);
	if (!error_drop(meminfo_read(t->s->kernel, &m)))
		out_dec(o, "managed_pages", "; the allocator has %" PRIu64 " (MemTotal)", m.total);
	out_text(o, "\n");
}

static struct error *top_uses(struct top *t)
{
	struct audit_options options = {.limit = 1};
	struct audit_report report;
	struct error *e = audit_run(t->s->kernel, &options, &report);
	if (!e)
		print_uses(t, &report);
	audit_report_free(&report);
	return e;
}

/* ---- By process ---- */

static struct error *top_processes(struct top *t)
{
	static const struct column columns[] = {{"pid", "PID", 7, '>', 0},   {"rss", "RSS", 9, '>', 1},	      {"pss", "PSS", 9, '>', 1},
						{"swap", "SWAP", 9, '>', 1}, {"tables", "TABLES", 9, '>', 1}, {"comm", "COMM", 0, '<', 2}};
	struct out *o = t->s->out;
	struct usage_processes u;
	struct error *e = usage_processes(t->s->kernel, &u);
	if (e) {
		free(u.list);
		return e;
	}
	begin_part(t, "PROCESSES");
	out_table(o, "processes", columns, 6, true);
	for (size_t i = 0; i < u.count && i < t->rows; i++) {
		const struct usage_process *p = &u.list[i];
		out_cell_dec(o, p->task->pid);
		size_cell(o, p->rss);
		size_cell(o, p->pss);
		size_cell(o, p->swap);
		size_cell(o, p->tables);
		out_cell_printf(o, "%s%s", p->task->comm, p->damaged && !out_json(o) ? " (in part)" : "");
		out_bool(o, "damaged", NULL, p->damaged);
		out_row_end(o);
	}
	out_table_end(o);
	say_rest(t, u.count);
	char pss[32], swap[32], tables[32];
	format_size(u.total.pss, pss, sizeof(pss));
	format_size(u.total.swap, swap, sizeof(swap));
	format_size(u.total.tables, tables, sizeof(tables));
	out_object_begin(o, "processes_total");
	out_dec(o, "count", "= %" PRIu64 " address spaces", u.count);
	out_printf(o, ": PSS %s, swap %s, page tables %s\n", pss, u.total.swap ? swap : "0", tables);
	out_dec(o, "pss", NULL, u.total.pss);
	out_dec(o, "swap", NULL, u.total.swap);
	out_dec(o, "tables", NULL, u.total.tables);
	out_object_end(o);
	free(u.list);
	return NULL;
}

/* ---- By file ---- */

static struct error *top_files(struct top *t)
{
	static const struct column columns[] = {{"pages", "PAGES", 9, '>', 0}, {"bytes", "SIZE", 9, '>', 1}, {"mapped", "MAPPED", 9, '>', 1}, {"inode", "INODE", 16, '^', 2}, {"path", "FILE", 0, '<', 2}};
	struct out *o = t->s->out;
	struct usage_files u;
	char path[PATH_SIZE + 16];
	struct error *e = usage_files(t->s->kernel, &u);
	struct inode_paths *paths = e ? NULL : inode_paths_open(t->s->kernel);
	if (!e && !paths)
		e = error_new(ERR_NO_MEMORY, "out of memory");
	if (e) {
		free(u.list);
		return e;
	}
	begin_part(t, "FILES in the page cache, shared memory too");
	out_table(o, "files", columns, 5, true);
	for (size_t i = 0; i < u.count && i < t->rows; i++) {
		inode_path(paths, u.list[i].inode, path, sizeof(path));
		out_cell_dec(o, u.list[i].pages);
		size_cell(o, u.list[i].pages << t->shift);
		size_cell(o, u.list[i].mapped << t->shift);
		out_cell_hex(o, u.list[i].inode);
		out_cell_str(o, path);
		out_row_end(o);
	}
	out_table_end(o);
	say_rest(t, u.count);
	out_object_begin(o, "files_total");
	out_dec(o, "count", "= %" PRIu64 " files", u.count);
	out_dec(o, "pages", ", %" PRIu64 " pages", u.pages);
	out_dec(o, "mapped", ", %" PRIu64 " of them mapped\n", u.mapped);
	out_object_end(o);
	inode_paths_close(paths);
	free(u.list);
	return NULL;
}

/* ---- By slab cache ---- */

static struct error *top_caches(struct top *t)
{
	static const struct column columns[] = {{"pages", "PAGES", 9, '>', 0},	 {"bytes", "SIZE", 9, '>', 1},	 {"slabs", "SLABS", 7, '>', 1},	 {"objects", "OBJECTS", 9, '>', 1},
						{"inuse", "IN USE", 9, '>', 1}, {"object_size", "EACH", 6, '>', 1}, {"name", "CACHE", 0, '<', 2}};
	struct out *o = t->s->out;
	struct usage_caches u;
	struct error *e = usage_caches(t->s->kernel, &u);
	if (e) {
		free(u.list);
		return e;
	}
	begin_part(t, "SLAB CACHES");
	out_table(o, "caches", columns, 7, true);
	for (size_t i = 0; i < u.count && i < t->rows; i++) {
		const struct usage_cache *c = &u.list[i];
		out_cell_dec(o, c->pages);
		size_cell(o, c->pages << t->shift);
		out_cell_dec(o, c->slabs);
		out_cell_dec(o, c->objects);
		out_cell_dec(o, c->inuse);
		out_cell_dec(o, c->object_size);
		out_cell_str(o, c->name);
		out_row_end(o);
	}
	out_table_end(o);
	say_rest(t, u.count);
	out_object_begin(o, "caches_total");
	out_dec(o, "count", "= %" PRIu64 " caches", u.count);
	out_dec(o, "slabs", ", %" PRIu64 " slabs", u.slabs);
	out_dec(o, "pages", ", %" PRIu64 " pages\n", u.pages);
	out_object_end(o);
	free(u.list);
	return NULL;
}

/* ---- By caller of vmalloc ---- */

static struct error *top_callers(struct top *t)
{
	static const struct column columns[] = {{"pages", "PAGES", 9, '>', 0}, {"bytes", "SIZE", 9, '>', 1}, {"areas", "AREAS", 7, '>', 1}, {"space", "SPACE", 9, '>', 1}, {"caller", "CALLER", 0, '<', 2}};
	struct out *o = t->s->out;
	struct usage_callers u;
	struct error *e = usage_callers(t->s->kernel, &u);
	if (e) {
		free(u.list);
		return e;
	}
	begin_part(t, "CALLERS OF vmalloc() and its like");
	out_table(o, "callers", columns, 5, true);
	for (size_t i = 0; i < u.count && i < t->rows; i++) {
		const struct usage_caller *c = &u.list[i];
		out_cell_dec(o, c->pages);
		size_cell(o, c->pages << t->shift);
		out_cell_dec(o, c->areas);
		size_cell(o, c->bytes);
		out_cell_str(o, c->name);
		out_row_end(o);
	}
	out_table_end(o);
	say_rest(t, u.count);
	out_object_begin(o, "callers_total");
	out_dec(o, "areas", "= %" PRIu64 " areas", u.areas);
	out_dec(o, "pages", ", %" PRIu64 " pages allocated for them\n", u.pages);
	out_dec(o, "space", NULL, u.bytes);
	out_object_end(o);
	free(u.list);
	return NULL;
}

/* ---- */

/* By the letters of their options, in the order in which they are shown. */
static const struct part {
	char option;
	struct error *(*print)(struct top *t);
} parts[] = {{'t', top_uses}, {'p', top_processes}, {'f', top_files}, {'s', top_caches}, {'v', top_callers}};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* A part that this kernel has not is told of, unless it was asked for alone. */
static struct error *print_parts(struct top *t, const bool *wanted, bool alone)
{
	for (size_t i = 0; i < PARTS; i++) {
		struct error *e = wanted[i] ? parts[i].print(t) : NULL;
		if (e && (alone || (e->code != ERR_UNSUPPORTED && e->code != ERR_NO_MEMBER)))
			return e;
		if (e)
			out_printf(t->s->out, "\n(not shown: %s)\n", e->message);
		error_free(e);
	}
	return NULL;
}

static struct error *run_top_mem(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "tpfsvan:"};
	struct top t = {.s = s, .rows = DEFAULT_ROWS, .shift = s->kernel->arch->page_shift};
	bool wanted[PARTS] = {false}, any = false;
	int c;
	while ((c = next_option(&p))) {
		if (c == 'n') {
			TRY(parse_count(p.argument, &t.rows));
			continue;
		}
		if (c == 'a') {
			t.rows = UINT64_MAX;
			continue;
		}
		bool known = false;
		for (size_t i = 0; i < PARTS; i++) {
			wanted[i] |= parts[i].option == c;
			known |= parts[i].option == c;
		}
		if (!known)
			return option_error(&p);
		any = true;
	}
	if (p.index < argc)
		return usage_error("top-mem", "it takes no argument: %s", argv[p.index]);
	for (size_t i = 0; !any && i < PARTS; i++)
		wanted[i] = true;
	return print_parts(&t, wanted, any);
}

COMMAND(top_mem) = {
	.name = "top-mem",
	.summary = "who has the memory: uses, processes, files, slab caches, callers of vmalloc",
	.synopsis = "[-t] [-p] [-f] [-s] [-v] [-n COUNT | -a]",
	.options = "-t -p -f -s -v -n -a",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Shows where the machine's memory went, the largest first. Each part ends with its total.\n"
		"\n"
		"  -t  by use: every frame that has a struct page, by what it was found to be used for; what is not\n"
		"      classified stands last, so that the lines add up to all memory (audit says how it was found)\n"
		"  -p  by process, sorted by PSS. RSS is all that the process maps; PSS divides each page among those\n"
		"      who map it, so that it can be added up; TABLES is what its page tables take\n"
		"  -f  by file: pages in the page cache, shared memory too, and how much of them is mapped\n"
		"  -s  by slab cache: all slabs that there are, by their struct pages; IN USE counts what CPUs keep free\n"
		"  -v  by the function that called vmalloc(), vmap() or ioremap(): pages allocated, and address space\n"
		"  -n  so many lines a part, by default 10\n"
		"  -a  all lines\n"
		"\n"
		"  Without -t … -v all five parts are shown.\n"
		"\n"
		"EXAMPLES\n"
		"  Everything, five lines a part:\n"
		"    mmscope> top-mem -n 5\n"
		"  Every slab cache:\n"
		"    mmscope> top-mem -s -a\n",
	.run = run_top_mem,
};
