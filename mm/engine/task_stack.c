/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernel stacks of tasks (kernel/fork.c: alloc_thread_stack_node(), free_thread_stack()): in vmalloc space where a task knows its area (CONFIG_VMAP_STACK), else a block of the
 * direct map. And as much of vmalloc space as that needs (mm/vmalloc.c).
 */
#include <inttypes.h>

#include "mm/engine/buddy_edit.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/engine/vmalloc_edit.h"
#include "mm/pte.h"
#include "mm/task.h"

#define NR_CACHED_STACKS 2
#define VM_ALLOC	 2u			/* include/linux/vmalloc.h */
#define PAGE_KERNEL_BITS 0x8000000000000163ull /* arch/x86/include/asm/pgtable_types.h: not executable, global, dirty, accessed, writable, present */
#define STACK_PAGES_MAX	 64u

static struct error *account(struct engine *e, uint64_t page, uint64_t bytes, int sign)
{
	/* In KB since 4.9. */
	int64_t kb;
	int n = enumerator_find(e->k, "NR_KERNEL_STACK_KB", &kb) ? (int)(bytes >> 10) : 1;
	mod_page_state(e, page, e->modern->kernel_stack, sign * n);
	return NULL;
}

static struct error *zeroed(struct engine *e, uint32_t size, struct object *o)
{
	uint64_t addr;
	TRY(kmalloc(e, size, GFP24_KERNEL, &addr));
	TRY(object_open_bytes_writable(e->k, addr, size, o));
	memset((void *)o->bytes, 0, size);
	return NULL;
}

/* The kernel's own entry of an address at the lowest level, tables made as they lack; those of the top level there must be. */
static struct error *kernel_entry(struct engine *e, uint64_t addr, uint64_t *at)
{
	struct kernel *k = e->k;
	const struct pagetable_geometry *g = &k->geometry;
	struct object mm;
	uint64_t table = k->kernel_pgd;
	TRY(object_open_writable(k, e->init_mm, S_mm_struct, &mm));
	for (unsigned level = 0; level + 1u < g->levels; level++) {
		uint64_t entry_addr = table_entry(g, table, level, addr);
		if (!level && !(get_pte(e, entry_addr) & X86_PRESENT))
			return error_at(ERR_UNSUPPORTED, addr, "every process would need a new entry for %" PRIx64 " in its top page table: that is not done", addr);
		TRY(table_alloc(e, &mm, &mm, level, entry_addr, addr, &table));
		if (!table)
			return error_new(ERR_UNSUPPORTED, "a page table was only explained");
	}
	*at = table_entry(g, table, g->levels - 1u, addr);
	return NULL;
}

/* The counter is of the machine until 6.19, of the node after. */
static struct error *count_vmalloc_pages(struct engine *e, uint64_t page, int count)
{
	uint64_t counter = symbol_addr(e->k, "nr_vmalloc_pages"), n;
	mod_page_state(e, page, e->modern->vmalloc, count);
	if (!counter)
		return NULL;
	TRY(kernel_read_pointer(e->k, counter, &n));
	return kernel_write_pointer(e->k, counter, n + (uint64_t)(int64_t)count);
}

/* split_page(): a block becomes as many pages, each with its reference. */
static struct error *split_page(struct engine *e, uint64_t page, unsigned order)
{
	struct page p;
	for (unsigned i = 1; i < 1u << order; i++) {
		TRY(page_open_writable(e, page + (uint64_t)i * e->page_size, &p));
		SET(e->k, &p.object, page, refcount, 1);
	}
	return NULL;
}

/* The largest block that `left` pages have room for and that can be had without waiting, where kernels begin with those (those that count the node's NR_VMALLOC do); else a page. */
static struct error *alloc_block(struct engine *e, unsigned left, unsigned *order, uint64_t *page)
{
	bool nowait = e->nowait;
	if (e->modern->vmalloc.group < 0)
		*order = 0;
	for (; *order; --*order) {
		if (1u << *order > left)
			continue;
		e->nowait = true;
		struct error *failure = alloc_pages_pcp(e, PAGES_KERNEL, *order, page);
		e->nowait = nowait;
		if (!failure)
			return *page ? split_page(e, *page, *order) : NULL;
		if (failure->code != ERR_KERNEL)
			return failure;
		error_free(failure);
	}
	return alloc_pages_pcp(e, PAGES_KERNEL, 0, page);
}

/* vm_area_alloc_pages(): how many there are says vm_struct.nr_pages, whatever comes. */
static struct error *alloc_area_pages(struct engine *e, const struct object *vm, unsigned count)
{
	struct kernel *k = e->k;
	uint64_t page, pages = GET(k, vm, vm_struct, pages);
	unsigned order = 0;
	while (2u << order <= count)
		order++;
	for (unsigned n = 0; n < count;) {
		TRY(alloc_block(e, count - n, &order, &page));
		if (!page)
			return error_new(ERR_UNSUPPORTED, "a page was only explained");
		TRY(count_vmalloc_pages(e, page, 1 << order));
		for (unsigned end = n + (1u << order); n < end; n++, page += e->page_size)
			TRY(kernel_write_pointer(k, pages + (uint64_t)n * k->arch->pointer_size, page));
		SET(k, vm, vm_struct, nr_pages, n);
	}
	return NULL;
}

/* vmap_pages_range() */
static struct error *map_pages(struct engine *e, const struct object *vm)
{
	struct kernel *k = e->k;
	uint64_t page, at, addr = GET(k, vm, vm_struct, addr), pages = GET(k, vm, vm_struct, pages), count = GET(k, vm, vm_struct, nr_pages);
	for (unsigned n = 0; n < count; n++, addr += VMCORE_PAGE_SIZE) {
		TRY(kernel_entry(e, addr, &at));
		TRY(kernel_read_pointer(k, pages + (uint64_t)n * k->arch->pointer_size, &page));
		set_pte(e, at, engine_page_phys(e, page) | (PAGE_KERNEL_BITS & e->areas.supported_pte_mask));
	}
	return NULL;
}

/* vfree(): entries, pages, then what described them. */
static struct error *vfree_stack(struct engine *e, const struct object *vm)
{
	struct kernel *k = e->k;
	uint64_t addr = GET(k, vm, vm_struct, addr), pages = GET(k, vm, vm_struct, pages), count = GET(k, vm, vm_struct, nr_pages), at, page;
	struct page p;
	if (count > STACK_PAGES_MAX)
		return error_at(ERR_BAD_OBJECT, vm->addr, "no stack has as many pages as vm_struct %" PRIx64, vm->addr);
	TRY(free_vmap_area(e, vm->addr));
	for (unsigned n = 0; n < count; n++) {
		/* What failed on its way is not mapped yet. */
		if (!error_drop(kernel_vtop(k, addr + (uint64_t)n * VMCORE_PAGE_SIZE, &at))) {
			TRY(kernel_entry(e, addr + (uint64_t)n * VMCORE_PAGE_SIZE, &at));
			set_pte(e, at, 0);
		}
		TRY(kernel_read_pointer(k, pages + (uint64_t)n * k->arch->pointer_size, &page));
		TRY(page_open_writable(e, page, &p));
		SET(k, &p.object, page, refcount, 0);
		TRY(count_vmalloc_pages(e, page, -1));
		TRY(free_pages_modern(e, page, 0));
	}
	/* flush_tlb_kernel_range(): another stack may come to stand at the same addresses. */
	kernel_flush_translations(k);
	TRACE(e, "vfree", "the area goes", { "vm_struct", vm->addr }, { "addr", addr });
	if (pages)
		TRY(kfree(e, pages));
	return kfree(e, vm->addr);
}

/* __get_vm_area_node(): room in the space, and what describes it; nothing of it is left where one part cannot be had. */
static struct error *get_vm_area(struct engine *e, uint64_t size, struct object *vm)
{
	struct kernel *k = e->k;
	uint64_t start, whole = size + VMCORE_PAGE_SIZE; /* the page behind it is never mapped */
	TRY(zeroed(e, SIZE_OF(k, vm_struct), vm));
	struct error *failure = alloc_vmap_area(e, vm->addr, whole, size, &start);
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, kfree(e, vm->addr)) : failure;
	SET(k, vm, vm_struct, addr, start);
	SET(k, vm, vm_struct, size, whole);
	SET(k, vm, vm_struct, requested_size, size);
	SET(k, vm, vm_struct, flags, VM_ALLOC);
	SET(k, vm, vm_struct, caller, symbol_addr(k, "copy_process"));
	return NULL;
}

/* __vmalloc_node_range() */
static struct error *vmalloc_stack(struct engine *e, uint64_t size, uint64_t *vm_addr)
{
	struct kernel *k = e->k;
	struct object vm, pages;
	unsigned count = (unsigned)(size >> k->arch->page_shift);
	TRY(members_require(k, "vmalloc space of this kernel is not changed", M_vmap_area_rb_node, M_vmap_area_list, M_vm_struct_pages, MEMBER_NONE));
	TRY(get_vm_area(e, size, &vm));
	struct error *failure = zeroed(e, count * k->arch->pointer_size, &pages);
	if (!failure)
		SET(k, &vm, vm_struct, pages, pages.addr);
	if (!failure)
		failure = alloc_area_pages(e, &vm, count);
	if (!failure)
		failure = map_pages(e, &vm);
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, vfree_stack(e, &vm)) : failure;
	*vm_addr = vm.addr;
	TRACE(e, "__vmalloc_node_range", "a new area", { "vm_struct", vm.addr }, { "addr", GET(k, &vm, vm_struct, addr) }, { "nr_pages", count });
	return NULL;
}

/* ---- Stacks ---- */

static uint64_t cache_slot(struct engine *e, unsigned i)
{
	uint64_t slots = symbol_addr(e->k, "cached_stacks");
	return slots ? percpu_addr(e->k, slots, e->cpu) + (uint64_t)i * e->k->arch->pointer_size : 0;
}

static struct error *clear_stack(struct engine *e, uint64_t addr, uint64_t size)
{
	struct object o;
	for (uint64_t at = addr; at < addr + size; at += VMCORE_PAGE_SIZE) {
		TRY(object_open_bytes_writable(e->k, at, VMCORE_PAGE_SIZE, &o));
		memset((void *)o.bytes, 0, VMCORE_PAGE_SIZE);
	}
	return NULL;
}

static struct error *first_page(struct engine *e, uint64_t vm, uint64_t *page)
{
	uint64_t pages;
	TRY(kernel_get(e->k, vm, M_vm_struct_pages, &pages));
	return kernel_read_pointer(e->k, pages, page);
}

/* One of those that the CPU keeps of tasks that have ended, else a new one. */
static struct error *alloc_mapped_stack(struct engine *e, uint64_t size, uint64_t *vm)
{
	*vm = 0;
	for (unsigned i = 0; i < NR_CACHED_STACKS && cache_slot(e, i); i++) {
		TRY(kernel_read_pointer(e->k, cache_slot(e, i), vm));
		if (!*vm)
			continue;
		TRACE(e, "alloc_thread_stack_node", "one that the CPU has kept", { "vm_struct", *vm }, { "cpu", e->cpu });
		return kernel_write_pointer(e->k, cache_slot(e, i), 0);
	}
	return vmalloc_stack(e, size, vm);
}

struct error *alloc_thread_stack(struct engine *e, uint64_t *stack, uint64_t *vm)
{
	struct kernel *k = e->k;
	uint64_t size = task_stack_size(k), page;
	unsigned order = 0;
	*vm = 0;
	if (!size || size > (uint64_t)STACK_PAGES_MAX << k->arch->page_shift)
		return error_new(ERR_UNSUPPORTED, "how large this kernel's stacks are is not known");
	if (HAS(k, task_struct, stack_vm_area)) {
		TRY(alloc_mapped_stack(e, size, vm));
		TRY(kernel_get(k, *vm, M_vm_struct_addr, stack));
		TRY(first_page(e, *vm, &page));
		TRY(clear_stack(e, *stack, size));
	} else {
		while ((uint64_t)VMCORE_PAGE_SIZE << order < size)
			order++;
		TRY(alloc_pages_pcp(e, PAGES_KERNEL, order, &page));
		if (!page)
			return error_new(ERR_UNSUPPORTED, "a stack was only explained");
		*stack = kernel_ptov(k, engine_page_phys(e, page));
	}
	return account(e, page, size, 1);
}

struct error *free_thread_stack(struct engine *e, uint64_t stack, uint64_t vm_addr)
{
	struct kernel *k = e->k;
	uint64_t size = task_stack_size(k), page, kept;
	struct object vm;
	struct page p;
	unsigned order = 0;
	if (!vm_addr) {
		while ((uint64_t)VMCORE_PAGE_SIZE << order < size)
			order++;
		if (!pfn_to_page(k, (stack - k->page_offset) >> k->arch->page_shift, &page))
			return error_at(ERR_BAD_OBJECT, stack, "no kernel stack: %" PRIx64, stack);
		TRY(account(e, page, size, -1));
		TRY(page_open_writable(e, page, &p));
		SET(k, &p.object, page, refcount, 0);
		return free_pages_modern(e, page, order);
	}
	TRY(first_page(e, vm_addr, &page));
	TRY(account(e, page, size, -1));
	for (unsigned i = 0; i < NR_CACHED_STACKS && cache_slot(e, i); i++) {
		TRY(kernel_read_pointer(k, cache_slot(e, i), &kept));
		if (kept)
			continue;
		TRACE(e, "free_thread_stack", "kept by the CPU", { "vm_struct", vm_addr }, { "cpu", e->cpu });
		return kernel_write_pointer(k, cache_slot(e, i), vm_addr);
	}
	TRY(object_open_writable(k, vm_addr, S_vm_struct, &vm));
	return vfree_stack(e, &vm);
}
