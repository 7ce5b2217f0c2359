/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/vma_pages.h"

void piece_walk_begin(struct piece_walk *w, struct kernel *k, uint64_t pgd, uint64_t start,
		      uint64_t end)
{
	*w = (struct piece_walk){k, pgd, start, end};
}

bool piece_walk_next(struct piece_walk *w, struct piece *out)
{
	struct kernel *k = w->k;
	const struct pagetable_geometry *g = &k->geometry;
	uint64_t table = w->pgd;
	if (w->at >= w->end)
		return false;
	*out = (struct piece){.start = w->at, .end = w->end, .kind = PIECE_UNREADABLE};
	for (unsigned level = 0; level < g->levels; level++) {
		const struct pagetable_level *l = &g->level[level];
		bool last = level + 1 == g->levels;
		uint64_t mask = (1ull << l->bits) - 1, index = w->at >> l->shift & mask;
		/* What the entry covers; of the last level, what the table does. */
		unsigned shift = last ? l->shift + l->bits : l->shift;
		uint64_t end = ((w->at >> shift) + 1) << shift;
		out->level = level;
		if (end > w->at && end < w->end)
			out->end = end;
		out->phys = out->entry_addr = table + index * g->entry_size;
		uint64_t count = last ? (out->end - out->start) >> l->shift : 1;
		const unsigned char *p =
			vmcore_try_map(k->vmcore, out->phys, count * g->entry_size);
		if (!p)
			break;
		if (last) {
			out->kind = PIECE_ENTRIES;
			out->entries = p;
			break;
		}
		uint64_t entry = out->entry = load_uint(p, g->entry_size);
		if (!entry) {
			out->kind = PIECE_EMPTY;
			break;
		}
		if (l->may_be_leaf && (entry & X86_PSE) && pagetable_huge_present(g, entry)) {
			uint64_t size = 1ull << l->shift;
			out->kind = PIECE_HUGE;
			out->phys = pagetable_entry_phys(g, entry, level) | (w->at & (size - 1));
			break;
		}
		if (!(entry & X86_PRESENT)) {
			out->kind = PIECE_ABSENT;
			break;
		}
		table = pagetable_entry_phys(g, entry, level);
	}
	w->at = out->end;
	return true;
}
