/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames that the kernel maps for itself: its page tables, vmalloc space, modules, the page array, kernel stacks. They carry no mark of their
 * own in struct page.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/audit/parts.h"
#include "mm/task.h"
#include "mm/vmalloc.h"

/* include/linux/vmalloc.h: VM_IOREMAP; such areas map what the device has. */
#define VMALLOC_IOREMAP 1ull

struct kernel_area {
	uint64_t start, end, caller;
	enum audit_use use;
	bool owns; /* allocated for the area (VM_ALLOC …), not mapped from elsewhere */
};

struct kernel_walk {
	struct audit *a;
	struct kernel_area *areas;
	size_t count, allocated;
	struct error *error;
};

static bool keep_area(void *context, const struct vmalloc_area *area)
{
	struct kernel_walk *w = context;
	struct kernel *k = w->a->k;
	uint64_t flags = 0, caller = 0;
	w->error = audit_grow((void **)&w->areas, w->count, &w->allocated, sizeof(*w->areas));
	if (w->error)
		return false;
	if (area->vm) {
		error_drop(kernel_get(k, area->vm, M_vm_struct_flags, &flags));
		error_drop(kernel_get(k, area->vm, M_vm_struct_caller, &caller));
	}
	w->areas[w->count++] = (struct kernel_area){area->start, area->end, caller, AUDIT_USE_VMALLOC, !(flags & VMALLOC_IOREMAP)};
	return true;
}

static int compare_areas(const void *x, const void *y)
{
	const struct kernel_area *a = x, *b = y;
	return a->start < b->start ? -1 : a->start > b->start;
}

static struct kernel_area *area_of(const struct kernel_walk *w, uint64_t addr)
{
	for (size_t low = 0, high = w->count; low < high;) {
		size_t middle = (low + high) / 2;
		struct kernel_area *area = &w->areas[middle];
		if (addr >= area->end)
			low = middle + 1;
		else if (addr < area->start)
			high = middle;
		else
			return area;
	}
	return NULL;
}

static bool called_from(struct audit *a, const struct kernel_area *area, const char *function)
{
	struct symbol s;
	uint64_t offset;
	return area->caller && symbol_at(a->k, area->caller, &s, &offset) && !strcmp(s.name, function);
}

/* Areas of stacks are those that tasks' stacks lie in, and others of the same caller (kept for the next task). */
static struct error *name_areas(struct kernel_walk *w)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	size_t count;
	uint64_t stack_size = task_stack_size(k), caller = 0;
	TRY(tasks_count(k, &count));
	for (size_t i = 0; i < count; i++) {
		uint64_t phys, stack = tasks_get(k, i)->stack;
		struct kernel_area *area = stack ? area_of(w, stack) : NULL;
		if (area) {
			area->use = AUDIT_USE_STACK;
			caller = area->caller;
		} else if (stack && kernel_try_vtop(k, stack, &phys)) {
			audit_claim(a, phys_to_pfn(k, phys), stack_size >> k->arch->page_shift, AUDIT_USE_STACK, false);
		}
	}
	for (size_t i = 0; i < w->count; i++) {
		if (caller && w->areas[i].caller == caller)
			w->areas[i].use = AUDIT_USE_STACK;
		else if (called_from(a, &w->areas[i], "pcpu_get_vm_areas") || called_from(a, &w->areas[i], "pcpu_create_chunk"))
			w->areas[i].use = AUDIT_USE_PERCPU;
	}
	return NULL;
}

static void claim_leaf(struct kernel_walk *w, uint64_t addr, uint64_t pfn, uint64_t pages)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	if (addr >= k->modules_start && addr < k->modules_end) {
		audit_claim(a, pfn, pages, AUDIT_USE_MODULE, false);
		return;
	}
	if (addr >= k->vmalloc_start && addr < k->vmalloc_end) {
		const struct kernel_area *area = area_of(w, addr);
		if (area && area->owns)
			audit_claim(a, pfn, pages, area->use, false);
		return;
	}
	if (a->run_count && addr >= a->runs[0].page && addr < a->runs[a->run_count - 1].page +
	    (a->runs[a->run_count - 1].end - a->runs[a->run_count - 1].pfn) * a->page_size && k->vmemmap)
		audit_claim(a, pfn, pages, AUDIT_USE_MEMMAP, false);
}

static struct error *walk_table(struct kernel_walk *w, unsigned level, uint64_t table, uint64_t base, uint64_t start)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	const struct pagetable_geometry *g = &k->geometry;
	const struct pagetable_level *l = &g->level[level];
	struct audit_frame *f = audit_frame(a, phys_to_pfn(k, table));
	bool whole = (uint64_t)g->entry_size << l->bits >= VMCORE_PAGE_SIZE;
	if (f && whole) {
		/* Some tables stand in many places (arch/x86/kernel/espfix_64.c). */
		if (f->marks & MARK_TABLE)
			return NULL;
		f->marks |= MARK_TABLE;
		audit_claim(a, phys_to_pfn(k, table), 1, AUDIT_USE_TABLE, false);
	}
	const unsigned char *entries = vmcore_try_map(k->vmcore, table, (uint64_t)g->entry_size << l->bits);
	if (!entries)
		return NULL;
	TRY(check_interrupt());
	for (uint64_t i = 0; i < 1ull << l->bits; i++) {
		uint64_t entry = load_uint(entries + i * g->entry_size, g->entry_size), addr = base + (i << l->shift);
		if (addr + ((1ull << l->shift) - 1) < start || !(entry & X86_PRESENT))
			continue;
		uint64_t phys = pagetable_entry_phys(g, entry, level);
		if (level + 1 == g->levels || (l->may_be_leaf && entry & X86_PSE))
			claim_leaf(w, addr, phys_to_pfn(k, phys), 1ull << (l->shift - k->arch->page_shift));
		else
			TRY(walk_table(w, level + 1, phys, addr, start));
	}
	return NULL;
}

static struct error *walk_kernel(struct kernel_walk *w)
{
	struct kernel *k = w->a->k;
	const struct pagetable_geometry *g = &k->geometry;
	bool wide = k->arch->pointer_size == 8;
	uint64_t top = wide ? 0 - (1ull << g->virtual_bits) : 0;
	uint64_t start = wide ? 0 - (1ull << (g->virtual_bits - 1)) : k->page_offset;
	/* Bases are computed from the top, so that indexes of the upper half give canonical addresses. */
	return walk_table(w, 0, k->kernel_pgd, top, start);
}

struct error *audit_kernel_space(struct audit *a)
{
	struct kernel_walk w = {.a = a};
	struct error *e = vmalloc_for_each(a->k, keep_area, &w);
	if (!e)
		e = w.error;
	else
		error_free(w.error);
	if (e && e->code != ERR_INTERRUPTED && e->code != ERR_NO_MEMORY) {
		error_free(e); /* fewer frames will be classified */
		e = NULL;
	}
	if (!e) {
		if (w.count)
			qsort(w.areas, w.count, sizeof(*w.areas), compare_areas);
		e = audit_take(a, AUDIT_FRAMES, 0, name_areas(&w));
	}
	if (!e)
		e = walk_kernel(&w);
	free(w.areas);
	return e;
}
