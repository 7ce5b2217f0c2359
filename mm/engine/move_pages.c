/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Entries of a page table moved to another place of it (mm/mremap.c: move_page_tables(), since 5.0 whole tables, since 5.11 whole tables of tables).
 */
#include <errno.h>
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/near.h"
#include "mm/pte.h"
#include "mm/swap.h"


struct move {
	struct engine *e;
	const struct object *mm;
	uint64_t from, end, to;
	bool soft_dirty; /* moved pages count as written */
};

/* Up to the end of what one entry of that size maps, at either place. */
static uint64_t get_extent(const struct move *m, unsigned shift)
{
	uint64_t size = 1ull << shift, extent = size - (m->from & (size - 1)), there = size - (m->to & (size - 1)), left = m->end - m->from;
	extent = extent < there ? extent : there;
	return extent < left ? extent : left;
}

/* The entry of the old address at that level, 0 when nothing is there. */
static uint64_t old_entry(const struct move *m, unsigned wanted)
{
	unsigned level = wanted;
	uint64_t at = table_descend(m->e, m->mm, m->from, &level);
	return at && level == wanted && get_pte(m->e, at) ? at : 0;
}

static bool is_table(const struct move *m, unsigned level, uint64_t entry)
{
	return (entry & X86_PRESENT) && !(m->e->k->geometry.level[level].may_be_leaf && (entry & X86_PSE));
}

/* move_normal_pmd(), move_normal_pud(): *moved when the extent is all of the table, and the new place has none. */
static struct error *move_table(struct move *m, struct fault *f, unsigned level, uint64_t at, bool *moved)
{
	uint64_t entry = get_pte(m->e, at), to;
	bool explained;
	*moved = false;
	if (!is_table(m, level, entry) || get_extent(m, m->e->k->geometry.level[level].shift) != 1ull << m->e->k->geometry.level[level].shift)
		return NULL;
	TRY(fault_tables(f, level, &to, &explained));
	if (get_pte(m->e, to))
		return NULL;
	near_forget_leaf(m->e);
	set_pte(m->e, at, 0);
	set_pte(m->e, to, entry);
	TRACE(m->e, level == m->e->modern->pmd_level ? "move_normal_pmd" : "move_normal_pud", "a whole table moves", { "old_addr", m->from },
	      { "new_addr", m->to }, { "entry", entry });
	*moved = true;
	return NULL;
}

static struct error *move_ptes(struct move *m, struct fault *f, uint64_t extent)
{
	struct engine *e = m->e;
	unsigned size = e->k->geometry.entry_size, moved = 0;
	uint64_t from = pte_offset(e, m->mm, m->from);
	bool explained;
	f->entry_addr = 0;
	TRY(fault_pte(f, &explained));
	for (uint64_t done = 0, to = f->entry_addr; from && done < extent; done += VMCORE_PAGE_SIZE, from += size, to += size) {
		uint64_t entry = get_pte(e, from);
		if (!entry)
			continue;
		set_pte(e, from, 0);
		if (m->soft_dirty)
			entry |= entry & (X86_PRESENT | X86_GLOBAL) ? PTE_SOFT_DIRTY : swap_entry_soft_dirty(e->k);
		set_pte(e, to, entry);
		moved++;
	}
	TRACE(e, "move_ptes", "entries move one by one", { "old_addr", m->from }, { "new_addr", m->to }, { "pages", extent >> e->k->arch->page_shift },
	      { "moved", moved });
	return NULL;
}

/* A huge entry moves as it is where all of it does, and is split elsewhere. */
static struct error *move_huge(struct move *m, struct fault *f, uint64_t extent, uint64_t at, bool *moved)
{
	struct engine *e = m->e;
	unsigned pmd = e->modern->pmd_level;
	struct vma vma;
	uint64_t vma_addr, to;
	bool explained;
	*moved = extent == 1ull << e->k->geometry.level[pmd].shift;
	TRY(fault_tables(f, pmd, &to, &explained));
	if (*moved && get_pte(e, to))
		return error_at(ERR_BAD_OBJECT, m->to, "something is mapped at %" PRIx64 ", where a huge page is to go", m->to);
	if (!*moved)
		return split_huge_pmd_address(e, m->mm, m->from, at);
	TRY(find_vma(e, m->mm, m->from, &vma_addr));
	if (!vma_addr)
		return error_at(ERR_BAD_OBJECT, m->from, "a huge page is mapped at %" PRIx64 ", where no area is", m->from);
	TRY(vma_open(e->k, vma_addr, &vma));
	struct fault old = { .e = e, .mm = m->mm, .vma = &vma, .addr = m->from };
	return move_huge_pmd(&old, at, to, m->soft_dirty);
}

/* *extent: how far it came. */
static struct error *move_some(struct move *m, uint64_t *extent)
{
	struct engine *e = m->e;
	unsigned pmd = e->modern->pmd_level;
	struct fault f = { .e = e, .mm = m->mm, .addr = m->to };
	uint64_t at;
	bool moved;
	/* A table of tables; but not where that is the top. */
	if (pmd >= 2 && e->areas.moves_tables > 1) {
		*extent = get_extent(m, e->k->geometry.level[pmd - 1].shift);
		at = old_entry(m, pmd - 1);
		if (*extent == 1ull << e->k->geometry.level[pmd - 1].shift) {
			if (!at)
				return NULL;
			TRY(move_table(m, &f, pmd - 1, at, &moved));
			if (moved)
				return NULL;
		}
	}
	*extent = get_extent(m, e->k->geometry.level[pmd].shift);
	at = old_entry(m, pmd);
	if (!at)
		return NULL;
	if (!is_table(m, pmd, get_pte(e, at))) {
		TRY(move_huge(m, &f, *extent, at, &moved));
		if (moved || !get_pte(e, at))
			return NULL;
	} else if (e->areas.moves_tables) {
		TRY(move_table(m, &f, pmd, at, &moved));
		if (moved)
			return NULL;
	}
	return move_ptes(m, &f, *extent);
}

struct error *move_page_tables(struct engine *e, const struct object *mm, uint64_t from, uint64_t to, uint64_t len, uint64_t *done)
{
	struct move m = { e, mm, from, from + len, to, soft_dirty_flag(e, mm) != 0 };
	uint64_t extent;
	for (*done = 0; m.from < m.end; m.from += extent, m.to += extent) {
		TRY(check_interrupt());
		TRY(move_some(&m, &extent));
		*done += extent;
	}
	return NULL;
}
