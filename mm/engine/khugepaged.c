/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Address spaces that khugepaged is to look at (mm/khugepaged.c, until 4.7 mm/huge_memory.c): a slot for each in a hash table and a list, MMF_VM_HUGEPAGE, a reference to the mm.
 * khugepaged itself does not run here.
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/page.h"
#include "mm/memmap.h"

/* Bits of mm->flags that have not moved (include/linux/sched.h, sched/coredump.h, mm_types.h). */
#define MMF_VM_HUGEPAGE 17

/*
 * struct mm_slot, whose name in BTF may be that of ksm's: an hlist_node, a list_head, the mm (unchanged since 2.6.38); and khugepaged_scan begins with the list's head and
 * the slot that is being looked at.
 */
#define WORD(n) ((uint64_t)(n) * k->arch->pointer_size)
#define SLOT_NODE WORD(2)
#define SLOT_MM WORD(4)
#define SCAN_SLOT WORD(2)
#define TABLE_BITS 10 /* MM_SLOTS_HASH_BITS */

struct slots {
	uint64_t scan, table, cache; /* 0: not known */
};

/* The table that leads to a slot, of as many as have that name (ksm has one too). */
static struct error *table_of(struct kernel *k, uint64_t slot, uint64_t *table)
{
	struct symbol s;
	uint64_t at = slot, back = 0;
	*table = 0;
	/* pprev of the first in its bucket points into the table. */
	for (unsigned left = 100000; at && left; left--) {
		TRY(kernel_read_pointer(k, at + WORD(1), &back));
		for (unsigned n = 0; n < 8 && symbol_find_nth(k, "mm_slots_hash", n, &s); n++)
			if (back >= s.addr && back < s.addr + WORD(1u << TABLE_BITS)) {
				*table = s.addr;
				return NULL;
			}
		at = back;
	}
	return NULL;
}

static struct error *find_slots(struct engine *e, struct slots *s)
{
	struct kernel *k = e->k;
	struct symbol symbol;
	uint64_t first, phys, page;
	struct page p;
	*s = (struct slots){ .scan = symbol_addr(k, "khugepaged_scan") };
	if (!s->scan)
		return NULL;
	if (symbol_find(k, "mm_slots_hash", &symbol) && !symbol_find_nth(k, "mm_slots_hash", 1, &symbol))
		s->table = symbol_addr(k, "mm_slots_hash");
	if (symbol_find(k, "mm_slot_cache", &symbol) && !symbol_find_nth(k, "mm_slot_cache", 1, &symbol))
		TRY(kernel_read_symbol(k, "mm_slot_cache", 0, &s->cache));
	TRY(kernel_read_pointer(k, s->scan, &first));
	if ((s->table && s->cache) || first == s->scan)
		return NULL;
	TRY(table_of(k, first - SLOT_NODE, &s->table));
	/* The cache that the slots which there are came from. */
	if (kernel_try_vtop(k, first, &phys) && pfn_to_page(k, phys >> k->arch->page_shift, &page) && !error_drop(page_open(k, page, &p)) &&
	    pfn_to_page(k, phys >> k->arch->page_shift, &page))
		TRY(kernel_get(k, page_compound_head(k, &p), M_slab_slab_cache, &s->cache));
	return NULL;
}

/* hash_long() of the mm's address: by one constant until 4.6 (include/linux/hash.h), by another since. */
static uint64_t bucket_of(struct engine *e, uint64_t table, uint64_t mm)
{
	uint64_t factor = e->modern->large == LARGE_WHOLE ? 0x9e37fffffffc0001ull : 0x61c8864680b583ebull;
	return table + (mm * factor >> (64 - TABLE_BITS)) * e->k->arch->pointer_size;
}

static struct error *find_slot(struct engine *e, const struct slots *s, uint64_t mm, uint64_t *slot)
{
	struct kernel *k = e->k;
	uint64_t at, owner;
	TRY(kernel_read_pointer(k, bucket_of(e, s->table, mm), &at));
	for (unsigned left = 100000; at && left; left--) {
		*slot = at;
		TRY(kernel_read_pointer(k, at + SLOT_MM, &owner));
		if (owner == mm)
			return NULL;
		TRY(kernel_read_pointer(k, at, &at));
	}
	*slot = 0;
	return NULL;
}

static struct error *enter(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	struct slots s;
	struct object o;
	uint64_t slot, flags = GET(k, mm, mm_struct, flags);
	TRY(find_slots(e, &s));
	/* Where its structures are not known they are left alone, and the process is not one that they know of. */
	if (!s.scan || !s.table || !s.cache)
		return NULL;
	TRY(kmem_cache_alloc(e, s.cache, GFP24_KERNEL, &slot));
	TRY(object_open_bytes_writable(k, slot, (uint32_t)WORD(5), &o));
	memset((void *)o.bytes, 0, WORD(5));
	SET(k, mm, mm_struct, flags, flags | 1ull << MMF_VM_HUGEPAGE);
	TRY(kernel_write_pointer(k, slot + SLOT_MM, mm->addr));
	TRY(hlist_add(k, slot, bucket_of(e, s.table, mm->addr)));
	TRY(list_add_tail(k, slot + SLOT_NODE, s.scan));
	ADD(k, mm, mm_struct, mm_count, 1);
	TRACE(e, "__khugepaged_enter", "khugepaged will look at the process", { "mm", mm->addr }, { "mm_slot", slot });
	return NULL;
}

static bool is_known(const struct engine *e, const struct object *mm)
{
	return GET(e->k, mm, mm_struct, flags) >> MMF_VM_HUGEPAGE & 1;
}

struct error *khugepaged_enter(struct engine *e, const struct object *mm, uint64_t vm_flags)
{
	if (is_known(e, mm) || (vm_flags & VM_NOHUGEPAGE) || mm_forbids_huge(e, mm))
		return NULL;
	return huge_switched_on(e, vm_flags) ? enter(e, mm) : NULL;
}

struct error *khugepaged_enter_vma_merge(struct engine *e, const struct object *mm, const struct object *vma, uint64_t vm_flags)
{
	struct kernel *k = e->k;
	uint64_t size = 1ull << k->geometry.level[e->modern->pmd_level].shift, start = GET(k, vma, vm_area_struct, vm_start);
	if (!GET(k, vma, vm_area_struct, anon_vma) || GET(k, vma, vm_area_struct, vm_ops) || (vm_flags & (VM_HUGETLB | VM_PFNMAP | VM_MIXEDMAP | VM_IO | VM_DONTEXPAND)))
		return NULL;
	start = (start + size - 1) & ~(size - 1);
	return start < (GET(k, vma, vm_area_struct, vm_end) & ~(size - 1)) ? khugepaged_enter(e, mm, vm_flags) : NULL;
}

struct error *khugepaged_fork(struct engine *e, const struct object *mm, const struct object *old)
{
	return is_known(e, old) ? enter(e, mm) : NULL;
}

struct error *khugepaged_exit(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	struct slots s;
	uint64_t slot, busy;
	if (!is_known(e, mm))
		return NULL;
	TRY(find_slots(e, &s));
	if (!s.scan || !s.table || !s.cache)
		return NULL;
	TRY(find_slot(e, &s, mm->addr, &slot));
	TRY(kernel_read_pointer(k, s.scan + SCAN_SLOT, &busy));
	/* That one khugepaged itself frees, when it has done with it. */
	if (!slot || slot == busy)
		return NULL;
	TRY(hlist_del(k, slot));
	TRY(list_del(k, slot + SLOT_NODE));
	SET(k, mm, mm_struct, flags, GET(k, mm, mm_struct, flags) & ~(1ull << MMF_VM_HUGEPAGE));
	TRACE(e, "__khugepaged_exit", "khugepaged forgets the process", { "mm", mm->addr }, { "mm_slot", slot });
	TRY(kmem_cache_free(e, s.cache, slot));
	return mmdrop_areas(e, mm->addr);
}
