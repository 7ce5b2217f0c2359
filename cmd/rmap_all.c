/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rmap -A: all mappings of all pages, either way.
 */
#include <inttypes.h>

#include "cmd/rmap.h"
#include "core/interrupt.h"
#include "core/progress.h"

struct all {
	struct session *s;
	struct rmap_page page; /* of the row to come */
	uint64_t mappings, migration, zero, raw, outside; /* entries */
};

static const struct column columns[] = {
	{"physical", "PHYSICAL", 10, '>', 0}, {"kind", "KIND", 9, '<', 2}, {"pid", "PID", 7, '>', 2},
	{"vma", "VMA", 16, '^', 2},	      {"virtual", "VIRTUAL", 16, '>', 2}, {"level", "LEVEL", 5, '<', 2},
	{"state", "STATE", 0, '<', 2}};

static bool print_row(void *context, const struct rmap_mapping *m)
{
	struct all *a = context;
	struct kernel *k = a->s->kernel;
	struct out *o = a->s->out;
	size_t at = 0;
	const struct task *t = rmap_next_process(k, m->vma->mm, &at);
	if (m->kind == LEAF_MIGRATION)
		a->migration++;
	else
		a->mappings++;
	out_cell_hex(o, a->page.pfn << k->arch->page_shift);
	out_cell_str(o, rmap_kind_name(a->page.kind));
	if (t)
		out_cell_dec(o, t->pid);
	else
		out_cell_none(o, "-");
	out_cell_hex_pad(o, m->vma->addr, 2 * k->arch->pointer_size);
	out_cell_hex(o, m->address);
	out_cell_str(o, rmap_level_name(k, m));
	out_cell_str(o, rmap_state_name(m->kind));
	out_row_end(o);
	return true;
}

static bool print_scanned(void *context, uint64_t pfn, const struct rmap_mapping *m)
{
	struct all *a = context;
	if (m->kind == LEAF_ZERO) {
		a->zero++;
	} else if (m->kind == LEAF_RAW) {
		a->raw++;
	} else if (m->kind == LEAF_HWPOISON) {
		a->outside++;
	} else {
		/* The same page as before: neighbours in a huge page are not. */
		if (a->page.pfn != pfn || !a->page.page) {
			if (error_drop(rmap_page_open(a->s->kernel, pfn, &a->page)))
				a->page = (struct rmap_page){.pfn = pfn, .kind = RMAP_OUTSIDE};
		}
		/* Without reverse mapping nothing is outside of it. */
		if (a->page.kind != RMAP_OUTSIDE || (a->page.page && !rmap_exists(a->s->kernel)))
			return print_row(a, m);
		a->outside++;
	}
	return true;
}

/* Errors of single pages do not end the others: the first is kept. */
static struct error *walk_all(struct all *a)
{
	struct kernel *k = a->s->kernel;
	struct error *first = NULL;
	uint64_t pfn, end, page;
	progress_start(vmcore_max_phys(k->vmcore) >> k->arch->page_shift);
	for (size_t i = 0; page_run(k, i, &pfn, &end, &page); i++) {
		for (; pfn < end; pfn++) {
			struct error *e = NULL;
			progress_at(pfn);
			if (!(pfn & 1023) && (e = check_interrupt())) {
				error_free(first);
				return e;
			}
			/* Parts of the array of struct pages that are not there are no pages. */
			if (error_drop(rmap_page_open(k, pfn, &a->page)) || a->page.kind == RMAP_OUTSIDE)
				continue;
			e = rmap_walk(k, &a->page, print_row, a);
			if (e && !first && e->code != ERR_INTERRUPTED)
				first = error_prefix(e, "page %016" PRIx64, a->page.page);
			else
				error_free(e);
		}
	}
	return first;
}

struct error *rmap_all_print(struct session *s, bool scan)
{
	struct all a = {.s = s};
	struct out *o = s->out;
	struct error *e;
	TRY(rmap_known(s->kernel));
	out_table(o, "mappings", columns, sizeof(columns) / sizeof(columns[0]), true);
	if (scan)
		e = rmap_scan(s->kernel, 0, UINT64_MAX, print_scanned, &a);
	else
		e = walk_all(&a);
	out_table_end(o);
	out_text(o, "\n");
	out_dec(o, "mapped", "mappings: %" PRIu64, a.mappings);
	out_dec(o, "migration", "  migration entries: %" PRIu64, a.migration);
	if (scan) {
		out_dec(o, "zero_pages", "  outside: zero page: %" PRIu64, a.zero);
		out_dec(o, "raw_frames", "  raw frames: %" PRIu64, a.raw);
		out_dec(o, "outside", "  others: %" PRIu64, a.outside);
	}
	out_text(o, "\n");
	return e;
}
