/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stacks grow down (mm/mmap.c: expand_downwards()) on kernels with reverse mapping. Where areas stand in a list and a tree, the gaps that the tree keeps follow; in a maple
 * tree the border between the hole and the area moves within one node.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/interval_tree.h"
#include "mm/engine/modern.h"
#include "mm/maple.h"

/* ---- The maple tree ---- */

static uint64_t element(struct kernel *k, const struct maple_step *s, enum member_id member, unsigned i)
{
	const struct member *m = &k->members[member];
	return i < m->count ? s->node + m->offset + (uint64_t)i * m->stride : 0;
}

/* mas_leaf_max_gap(): the widest range of the leaf without an entry. */
static struct error *leaf_gap(struct kernel *k, const struct maple_step *leaf, uint64_t *gap)
{
	uint64_t from = leaf->min;
	*gap = 0;
	for (unsigned i = 0; i <= leaf->end; i++) {
		uint64_t to = leaf->max, entry, at = element(k, leaf, M_maple_range_64_pivot, i), slot = element(k, leaf, M_maple_range_64_slot, i);
		if (i < leaf->end && at)
			TRY(kernel_read_pointer(k, at, &to));
		if (!slot)
			return error_at(ERR_BAD_LIST, leaf->node, "maple node has more slots than there are: %016" PRIx64, leaf->node);
		TRY(kernel_read_pointer(k, slot, &entry));
		if (!entry && to >= from && to - from + 1 > *gap)
			*gap = to - from + 1;
		from = to + 1;
	}
	return NULL;
}

/* ma_max_gap(): of several that are alike the last one down. */
static struct error *greatest_gap(struct kernel *k, const struct maple_step *s, uint64_t *gap, unsigned *slot)
{
	*gap = 0;
	*slot = s->end;
	for (unsigned i = s->end + 1; i-- > 0;) {
		uint64_t at = element(k, s, M_maple_arange_64_gap, i), here;
		if (!at)
			return error_at(ERR_BAD_LIST, s->node, "maple node has more slots than there are: %016" PRIx64, s->node);
		TRY(kernel_read_pointer(k, at, &here));
		if (here > *gap) {
			*gap = here;
			*slot = i;
		}
	}
	return NULL;
}

/* mas_parent_gap(): the leaf's gap in its parent, and so up as long as that changes the greatest. */
static struct error *update_gaps(struct kernel *k, const struct maple_step *steps, unsigned count, uint64_t now)
{
	for (unsigned i = count - 1; i-- > 0;) {
		const struct maple_step *s = &steps[i];
		uint64_t at = element(k, s, M_maple_arange_64_gap, s->slot), meta = s->node + OFFSET(k, maple_arange_64, meta_gap), most, old, meta_at;
		unsigned slot = s->slot;
		TRY(kernel_read_uint(k, meta, 1, &most));
		meta_at = element(k, s, M_maple_arange_64_gap, (unsigned)most);
		if (!at || !meta_at)
			return error_at(ERR_BAD_LIST, s->node, "maple node is damaged: %016" PRIx64, s->node);
		TRY(kernel_read_pointer(k, meta_at, &old));
		TRY(kernel_write_pointer(k, at, now));
		if (old == now || (slot != most && old > now))
			return NULL;
		if (slot == most && now < old)
			TRY(greatest_gap(k, s, &now, &slot));
		TRY(kernel_write_uint(k, meta, 1, slot));
	}
	return NULL;
}

/* mas_wr_slot_store(): the entry that begins at `start` takes the end of the empty range below it, from `addr` on. */
static struct error *maple_move_start(struct engine *e, const struct object *mm, uint64_t start, uint64_t addr)
{
	struct kernel *k = e->k;
	struct maple_step steps[MAPLE_MAX_HEIGHT];
	unsigned count;
	uint64_t entry, gap, pivot, slot;
	TRY(members_require(k, "maple trees are not changed", M_maple_range_64_pivot, M_maple_arange_64_gap, M_maple_arange_64_meta_gap, MEMBER_NONE));
	TRY(maple_steps(k, MEMBER_ADDR(k, mm, mm_struct, mm_mt), start - 1, steps, &count));
	const struct maple_step *leaf = &steps[count ? count - 1 : 0];
	if (!count || leaf->last != start - 1 || leaf->first >= addr || leaf->slot >= leaf->end)
		return error_at(ERR_UNSUPPORTED, start, "the maple tree would be built anew at %" PRIx64 ": that is not done yet", start);
	pivot = element(k, leaf, M_maple_range_64_pivot, leaf->slot);
	slot = element(k, leaf, M_maple_range_64_slot, leaf->slot);
	TRY(kernel_read_pointer(k, slot, &entry));
	if (entry || !pivot)
		return error_at(ERR_BAD_LIST, leaf->node, "maple node has an area where the stack would grow: %016" PRIx64, leaf->node);
	TRY(kernel_write_pointer(k, pivot, addr - 1));
	TRACE(e, "mas_wr_slot_store", "the hole below the area ends lower in the tree's node", { "node", leaf->node }, { "offset", leaf->slot },
	      { "pivot", addr - 1 });
	TRY(leaf_gap(k, leaf, &gap));
	return update_gaps(k, steps, count, gap);
}

/* ---- The area below ---- */

struct below {
	uint64_t start;
	struct vma vma; /* addr 0: none */
};

static bool is_below(void *context, const struct vma *vma)
{
	struct below *b = context;
	if (vma->end <= b->start)
		b->vma = *vma;
	return vma->end <= b->start;
}

struct error *area_below(struct engine *e, const struct object *mm, const struct object *vma, struct vma *below)
{
	struct kernel *k = e->k;
	struct below b = { .start = GET(k, vma, vm_area_struct, vm_start) };
	uint64_t prev;
	if (!HAS(k, vm_area_struct, vm_prev)) {
		TRY(vma_for_each(k, mm->addr, is_below, &b));
		*below = b.vma;
		return NULL;
	}
	*below = b.vma;
	prev = GET(k, vma, vm_area_struct, vm_prev);
	return prev ? vma_open(k, prev, below) : NULL;
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

static struct error *move_start(struct engine *e, const struct object *mm, const struct object *vma, uint64_t addr, uint64_t grow)
{
	struct kernel *k = e->k;
	bool maple = HAS(k, mm_struct, mm_mt);
	TRY(anon_vma_interval_tree_pre_update_vma(e, vma));
	if (maple)
		TRY(maple_move_start(e, mm, GET(k, vma, vm_area_struct, vm_start), addr));
	SET(k, vma, vm_area_struct, vm_start, addr);
	ADD(k, vma, vm_area_struct, vm_pgoff, -(int64_t)grow);
	TRY(anon_vma_interval_tree_post_update_vma(e, vma));
	return maple ? NULL : vma_gap_update(e, vma->addr);
}

struct error *expand_downwards(struct engine *e, const struct object *mm, uint64_t vma_addr, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object vma;
	struct vma prev;
	addr &= ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	TRY(interval_trees_known(k));
	TRY(open_vma(e, vma_addr, &vma));
	TRY(area_below(e, mm, &vma, &prev));
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
