/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "core/interrupt.h"
#include "core/pagetable.h"

static uint64_t load_entry(const struct pagetable_geometry *g, const void *p)
{
	if (g->entry_size == 4) {
		uint32_t v;
		memcpy(&v, p, 4);
		return v;
	}
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static bool is_leaf(const struct pagetable_level *l, uint64_t entry)
{
	return l->shift == 12 || (l->may_be_leaf && (entry & X86_PSE));
}

uint64_t pagetable_entry_phys(const struct pagetable_geometry *g, uint64_t entry, unsigned level)
{
	uint64_t mask = g->frame_mask;
	const struct pagetable_level *l = &g->level[level];
	if (!(entry & X86_PRESENT) && g->inverts_absent && entry)
		entry = ~entry;
	else if (!is_leaf(l, entry))
		return entry & mask;
	uint64_t phys = entry & mask & ~((1ull << l->shift) - 1);
	/* A 4 MiB page of a 2-level table may lie above 4 GiB: bits 20:13 are its address bits
	 * 39:32 (PSE-36, SDM 3A 4.3). */
	if (g->entry_size == 4 && l->shift == 22)
		phys |= (entry & 0x001fe000ull) << 19;
	return phys;
}

void pagetable_walk(struct vmcore *vc, const struct pagetable_geometry *g, uint64_t pgd,
		    uint64_t addr, struct walk *walk, struct error **error)
{
	uint64_t table = pgd;
	memset(walk, 0, sizeof(*walk));
	if (error)
		*error = NULL;
	for (unsigned level = 0; level < g->levels; level++) {
		const struct pagetable_level *l = &g->level[level];
		uint64_t index = addr >> l->shift & ((1ull << l->bits) - 1);
		struct walk_step *step = &walk->step[level];
		step->entry_addr = table + index * g->entry_size;
		const void *p = vmcore_try_map(vc, step->entry_addr, g->entry_size);
		if (!p) {
			walk->result = WALK_UNREADABLE;
			if (error) {
				struct error *e =
					vmcore_map(vc, step->entry_addr, g->entry_size, &p);
				*error = error_prefix(e, "page table of %016" PRIx64, addr);
			}
			return;
		}
		uint64_t entry = step->entry = load_entry(g, p);
		walk->steps = level + 1;
		if (!entry) {
			walk->result = WALK_EMPTY;
			return;
		}
		if (is_leaf(l, entry) && (l->shift == 12 ? pagetable_entry_present(g, entry) : pagetable_huge_present(g, entry))) {
			walk->page_size = 1ull << l->shift;
			walk->phys = pagetable_entry_phys(g, entry, level) |
				     (addr & (walk->page_size - 1));
			walk->result = WALK_MAPPED;
			return;
		}
		if (!(entry & X86_PRESENT)) {
			walk->result = WALK_NOT_PRESENT;
			return;
		}
		table = pagetable_entry_phys(g, entry, level);
	}
}

struct leaf_walk {
	struct vmcore *vc;
	const struct pagetable_geometry *g;
	leaf_visitor *visit;
	void *context;
};

static bool visit_table(struct leaf_walk *w, unsigned level, uint64_t table, uint64_t start,
			uint64_t last, uint64_t parent_entry_addr, uint64_t parent_entry)
{
	const struct pagetable_geometry *g = w->g;
	const struct pagetable_level *l = &g->level[level];
	uint64_t size = 1ull << l->shift, mask = (1ull << l->bits) - 1;
	uint64_t first_index = start >> l->shift & mask, last_index = last >> l->shift & mask;
	const char *entries = vmcore_try_map(w->vc, table + first_index * g->entry_size,
					     (last_index - first_index + 1) * g->entry_size);
	struct leaf leaf = {.level = level};
	if (!entries) {
		leaf.addr = start;
		leaf.size = last - start + 1;
		leaf.entry_addr = parent_entry_addr;
		leaf.entry = parent_entry;
		leaf.unreadable = true;
		return w->visit(w->context, &leaf);
	}
	if (interrupted())
		return false;
	uint64_t at = start;
	for (uint64_t i = first_index; i <= last_index; i++) {
		uint64_t entry = load_entry(g, entries + (i - first_index) * g->entry_size);
		uint64_t entry_last = at | (size - 1);
		if (entry_last > last)
			entry_last = last;
		if (entry) {
			uint64_t entry_addr = table + i * g->entry_size;
			if (is_leaf(l, entry) || !(entry & X86_PRESENT)) {
				leaf.addr = at & ~(size - 1);
				leaf.size = size;
				leaf.entry_addr = entry_addr;
				leaf.entry = entry;
				if (!w->visit(w->context, &leaf))
					return false;
			} else if (!visit_table(w, level + 1, pagetable_entry_phys(g, entry, level),
						at, entry_last, entry_addr, entry)) {
				return false;
			}
		}
		at = entry_last + 1;
	}
	return true;
}

void pagetable_for_each(struct vmcore *vc, const struct pagetable_geometry *g, uint64_t pgd,
			uint64_t start, uint64_t end, leaf_visitor *visit, void *context)
{
	struct leaf_walk w = {vc, g, visit, context};
	/* Both ends must be under one top-level table; a 32-bit space ends at 4 GiB. */
	uint64_t space = 1ull << (g->level[0].shift + g->level[0].bits);
	if (end - 1 < start || end - start > space)
		return;
	if ((start & (space - 1)) > ((end - 1) & (space - 1)))
		return;
	visit_table(&w, 0, pgd, start, end - 1, 0, pgd);
}
