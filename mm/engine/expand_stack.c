/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stacks grow down (mm/mmap.c: expand_downwards()) on kernels with reverse mapping.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/interval_tree.h"
#include "mm/engine/modern.h"

/* ---- The area below ---- */

struct error *area_below(struct engine *e, const struct object *vma, struct vma *below)
{
	uint64_t prev;
	*below = (struct vma){ 0 };
	TRY(vma_before(e, vma, &prev));
	return prev ? vma_open(e->k, prev, below) : NULL;
}

/* ---- Growing ---- */

static struct error *acct_stack_growth(struct engine *e, const struct object *mm, uint64_t flags, uint64_t size, uint64_t grow)
{
	uint64_t limit = rlimit(e, mm, RESOURCE_STACK);
	if (!may_expand_vm(e, mm, flags, grow))
		return kernel_error(ENOMEM, "%" PRIu64 " pages more would pass RLIMIT_AS", grow);
	/* The page that was left free below a stack did not count, where it was one page. */
	if (!e->areas.stack_guard_gap && size > VMCORE_PAGE_SIZE)
		size -= VMCORE_PAGE_SIZE;
	if (size > limit)
		return kernel_error(ENOMEM, "the stack would pass its limit of %" PRIu64 " bytes", limit);
	TRY(mlock_future_check(e, mm, flags, grow << e->k->arch->page_shift, ENOMEM));
	return security_vm_enough_memory_mm(e, mm, grow);
}

/* vma_sub_pgoff(): of the area, and since 7.3 of its anonymous pages (mm/vma.h). */
static void sub_pgoff(struct kernel *k, const struct object *vma, uint64_t pages)
{
	ADD(k, vma, vm_area_struct, vm_pgoff, -(int64_t)pages);
	if (!HAS(k, vm_area_struct, anon_pgoff))
		return;
	uint64_t own = (GET(k, vma, vm_area_struct, anon_pgoff) | GET(k, vma, vm_area_struct, anon_pgoff_high) << 32) - pages;
	SET(k, vma, vm_area_struct, anon_pgoff, own);
	if (HAS(k, vm_area_struct, anon_pgoff_high))
		SET(k, vma, vm_area_struct, anon_pgoff_high, own >> 32);
}

static struct error *move_start(struct engine *e, const struct object *mm, const struct object *vma, uint64_t addr, uint64_t grow)
{
	struct kernel *k = e->k;
	TRY(anon_vma_interval_tree_pre_update_vma(e, vma));
	SET(k, vma, vm_area_struct, vm_start, addr);
	sub_pgoff(k, vma, grow);
	TRY(anon_vma_interval_tree_post_update_vma(e, vma));
	return areas_in_maple_tree(k) ? vma_store(e, mm, addr, GET(k, vma, vm_area_struct, vm_end), vma->addr) : vma_gap_update(e, vma->addr);
}

struct error *expand_downwards(struct engine *e, const struct object *mm, uint64_t vma_addr, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object vma;
	struct vma prev;
	addr &= ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	TRY(interval_trees_known(k));
	TRY(open_vma(e, vma_addr, &vma));
	TRY(area_below(e, &vma, &prev));
	uint64_t start = GET(k, &vma, vm_area_struct, vm_start), pgoff = GET(k, &vma, vm_area_struct, vm_pgoff), flags = GET(k, &vma, vm_area_struct, vm_flags),
		 size = GET(k, &vma, vm_area_struct, vm_end) - addr, gap = e->areas.stack_guard_gap;
	/* A parameter of the kernel's, which may have been changed since. */
	if (gap)
		TRY(kernel_read_symbol(k, "stack_guard_gap", 0, &gap));
	TRACE(e, "expand_downwards", "the area above grows down, if it may", { "address", addr }, { "vma->vm_start", start }, { "size", size },
	      { "rlimit(RLIMIT_STACK)", rlimit(e, mm, RESOURCE_STACK) }, { "prev->vm_end", prev.end }, { "stack_guard_gap", gap });
	/* As it did before there was a gap to keep (4.12). */
	if (!gap && !e->modern->late_tables)
		TRY(anon_vma_prepare(e, vma_addr));
	if (addr < e->areas.mmap_min_addr)
		return kernel_error(EPERM, "below mmap_min_addr: %" PRIx64, addr);
	if (prev.addr && !(prev.flags & VM_GROWSDOWN) && (prev.flags & VM_ACCESS_FLAGS) && addr - prev.end < gap)
		return kernel_error(ENOMEM, "nearer than the guard gap to the area below: %" PRIx64, prev.addr);
	TRY(anon_vma_prepare(e, vma_addr));
	if (addr >= start)
		return NULL;
	uint64_t grow = (start - addr) >> k->arch->page_shift;
	if (grow > pgoff)
		return kernel_error(ENOMEM, "the area's offset would be less than 0");
	TRY(acct_stack_growth(e, mm, flags, size, grow));
	if (flags & VM_LOCKED)
		ADD(k, mm, mm_struct, locked_vm, grow);
	vm_stat_account(e, mm, flags, GET(k, &vma, vm_area_struct, vm_file), (int64_t)grow);
	TRY(move_start(e, mm, &vma, addr, grow));
	return khugepaged_enter_vma_merge(e, mm, &vma, flags);
}
