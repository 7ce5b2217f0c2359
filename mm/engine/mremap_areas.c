/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas moved, shrunk and grown on kernels with reverse mapping (mm/mremap.c, since 3.8). The pages stay where they are: an entry,
 * or where the kernel can do that a whole table, goes from one place of the page table to another.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/modern.h"
#include "mm/pte.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4 /* since 5.7 */
#endif

#define PAGE_UP(a) (((a) + VMCORE_PAGE_SIZE - 1) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1))

struct remap {
	struct engine *e;
	const struct object *mm;
	uint64_t addr, old_len, new_len, new_addr;
	unsigned flags;
	uint64_t charged; /* pages promised for what it grows by */
	bool locked;	  /* what is new is filled with pages */
};

/* ---- A move of all of an area, or of its end ---- */

static struct error *unmerge_entry(void *context, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	struct fault *f = context;
	struct engine *e = f->e;
	enum fault_result result;
	struct page p;
	uint64_t page;
	if (shift > e->k->arch->page_shift || !(entry & X86_PRESENT) || !pfn_to_page(e->k, (entry & e->k->geometry.frame_mask) >> shift, &page))
		return NULL;
	TRY(page_open(e->k, page, &p));
	if ((GET(e->k, &p.object, page, mapping) & PAGE_MAPPING_FLAGS) != PAGE_MAPPING_FLAGS /* PAGE_MAPPING_KSM */)
		return NULL;
	TRY(handle_mm_fault(e, f->mm, f->vma, addr, true, &result));
	return result == FAULT_OOM ? kernel_error(ENOMEM, "no memory for a page that was merged with others") : NULL;
}

struct error *unmerge_ksm_pages(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end)
{
	struct vma area;
	struct fault f = { .e = e, .mm = mm, .vma = &area };
	if (!(GET(e->k, vma, vm_area_struct, vm_flags) & VM_MERGEABLE) || !GET(e->k, vma, vm_area_struct, anon_vma))
		return NULL;
	TRY(vma_open(e->k, vma->addr, &area));
	return area_entries(e, mm, start, end, unmerge_entry, &f);
}

/* What else there is of an area that moves: a watcher, a driver. */
static struct error *tell_move(struct remap *r, const struct object *vma)
{
	if (GET(r->e->k, vma, vm_area_struct, uffd_ctx))
		return error_at(ERR_UNSUPPORTED, vma->addr, "area %" PRIx64 " is watched by userfaultfd: telling it is not done", vma->addr);
	return vma_call(r->e, vma, M_vm_operations_struct_mremap, "mremap");
}

/* The promise for the moved part goes with it: what is unmapped must not give it back. What stays of the old area (one part, or two) keeps its own. */
static struct error *unmap_moved(struct remap *r, const struct object *vma, uint64_t vm_flags, uint64_t addr, uint64_t len)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	uint64_t start = GET(k, vma, vm_area_struct, vm_start), end = GET(k, vma, vm_area_struct, vm_end), stays = 0;
	bool split = false;
	if (vm_flags & VM_ACCOUNT) {
		SET(k, vma, vm_area_struct, vm_flags, GET(k, vma, vm_area_struct, vm_flags) & ~VM_ACCOUNT);
		stays = end - start - len;
		split = addr > start && addr + len < end;
	}
	struct error *failure = do_munmap(e, r->mm->addr, addr, len);
	if (failure && failure->code == ERR_KERNEL) {
		error_free(failure);
		TRY(vm_unacct_memory(e, stays >> k->arch->page_shift));
		return NULL;
	}
	TRY(failure);
	if (!stays)
		return NULL;
	SET(k, vma, vm_area_struct, vm_flags, GET(k, vma, vm_area_struct, vm_flags) | VM_ACCOUNT);
	if (split) {
		struct object upper;
		uint64_t next;
		TRY(vma_after(e, vma, &next));
		TRY(open_vma(e, next, &upper));
		SET(k, &upper, vm_area_struct, vm_flags, GET(k, &upper, vm_area_struct, vm_flags) | VM_ACCOUNT);
	}
	return NULL;
}

/* MREMAP_DONTUNMAP: the old area stays, without pages and not locked; it is promised memory of its own. */
static struct error *keep_old(struct remap *r, const struct object *vma, uint64_t vm_flags)
{
	struct kernel *k = r->e->k;
	SET(k, vma, vm_area_struct, vm_flags, GET(k, vma, vm_area_struct, vm_flags) & ~(VM_LOCKED | VM_LOCKONFAULT));
	return vm_flags & VM_ACCOUNT ? vm_acct_memory(r->e, (int64_t)(r->new_len >> k->arch->page_shift)) : NULL;
}

static struct error *move_vma(struct remap *r, uint64_t vma_addr)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	unsigned shift = k->arch->page_shift;
	struct object vma, moved;
	uint64_t done, limit = map_count_max(e);
	if (GET(k, r->mm, mm_struct, map_count) + 3 >= limit)
		return kernel_error(ENOMEM, "the process has nearly as many areas as it may: %" PRIu64, GET(k, r->mm, mm_struct, map_count));
	TRY(open_vma(e, vma_addr, &vma));
	uint64_t vm_flags = GET(k, &vma, vm_area_struct, vm_flags), addr = r->addr, len = r->old_len;
	TRY(unmerge_ksm_pages(e, r->mm, &vma, addr, addr + len));
	uint64_t pgoff = GET(k, &vma, vm_area_struct, vm_pgoff) + ((addr - GET(k, &vma, vm_area_struct, vm_start)) >> shift);
	TRY(copy_vma(e, r->mm, &vma, r->new_addr, r->new_len, pgoff, &moved));
	TRACE(e, "move_vma", moved.addr == vma.addr ? "the area itself grows to the new place" : "an area at the new place", { "vma", vma.addr },
	      { "new_vma", moved.addr }, { "old_addr", addr }, { "new_addr", r->new_addr });
	struct error *failure = move_page_tables(e, r->mm, addr, r->new_addr, len, &done);
	if (!failure)
		failure = tell_move(r, &moved);
	if (failure && failure->code != ERR_KERNEL)
		return failure;
	if (failure) {
		TRY(move_page_tables(e, r->mm, r->new_addr, addr, done, &done));
		vma = moved;
		addr = r->new_addr;
		len = r->new_len;
	}
	uint64_t hiwater = GET(k, r->mm, mm_struct, hiwater_vm);
	vm_stat_account(e, r->mm, GET(k, &vma, vm_area_struct, vm_flags), GET(k, &vma, vm_area_struct, vm_file), (int64_t)(r->new_len >> shift));
	if (!failure && (r->flags & MREMAP_DONTUNMAP)) {
		TRY(keep_old(r, &vma, vm_flags));
	} else {
		TRY(unmap_moved(r, &vma, vm_flags, addr, len));
		if (vm_flags & VM_LOCKED) {
			ADD(k, r->mm, mm_struct, locked_vm, (int64_t)(r->new_len >> shift));
			r->locked = true;
		}
	}
	SET(k, r->mm, mm_struct, hiwater_vm, hiwater);
	return failure;
}

/* ---- Which area, and may it become so long? ---- */

static struct error *check_dontunmap(struct remap *r, const struct object *vma)
{
	uint64_t flags = GET(r->e->k, vma, vm_area_struct, vm_flags);
	if (!(r->flags & MREMAP_DONTUNMAP) || (!GET(r->e->k, vma, vm_area_struct, vm_ops) && !(flags & VM_SHARED)))
		return NULL;
	/* Any area may since 5.13, which leaves no trace; 5.11 did (page.memcg_data). */
	if (HAS(r->e->k, page, memcg_data) && !(flags & (VM_DONTEXPAND | VM_PFNMAP)))
		return error_at(ERR_UNSUPPORTED, vma->addr, "whether this kernel moves an area of a file and keeps the old one is not known");
	return kernel_error(EINVAL, "the area is not private memory of nothing: vm_flags %" PRIx64, flags);
}

static struct error *vma_to_resize(struct remap *r, struct object *vma)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	unsigned shift = k->arch->page_shift;
	uint64_t addr, more = r->new_len - r->old_len;
	TRY(find_vma(e, r->mm, r->addr, &addr));
	if (addr)
		TRY(open_vma(e, addr, vma));
	if (!addr || GET(k, vma, vm_area_struct, vm_start) > r->addr)
		return kernel_error(EFAULT, "nothing is mapped at %" PRIx64, r->addr);
	uint64_t flags = GET(k, vma, vm_area_struct, vm_flags), inside = r->addr - GET(k, vma, vm_area_struct, vm_start);
	if (!r->old_len && !(flags & (VM_SHARED | VM_MAYSHARE)))
		return kernel_error(EINVAL, "a private area is not mapped twice");
	TRY(check_dontunmap(r, vma));
	if (flags & VM_HUGETLB)
		return kernel_error(EINVAL, "an area of hugetlbfs is not moved");
	if (r->old_len > GET(k, vma, vm_area_struct, vm_end) - r->addr)
		return kernel_error(EFAULT, "the range is longer than the area at %" PRIx64, r->addr);
	if (!more)
		return NULL;
	uint64_t pgoff = GET(k, vma, vm_area_struct, vm_pgoff) + (inside >> shift);
	if (pgoff + (r->new_len >> shift) < pgoff)
		return kernel_error(EINVAL, "ends beyond what a file offset can say");
	if (flags & (VM_DONTEXPAND | VM_PFNMAP))
		return kernel_error(EFAULT, "the area does not grow: vm_flags %" PRIx64, flags);
	TRY(mlock_future_check(e, r->mm, flags, more, EAGAIN));
	if (!may_expand_vm(e, r->mm, flags, more >> shift))
		return kernel_error(ENOMEM, "%" PRIu64 " pages more would pass RLIMIT_AS or RLIMIT_DATA", more >> shift);
	if (!(flags & VM_ACCOUNT))
		return NULL;
	TRY(security_vm_enough_memory_mm(e, r->mm, more >> shift));
	r->charged = more >> shift;
	return NULL;
}

static struct error *find_room(struct remap *r, const struct object *vma, uint64_t hint, unsigned flags)
{
	struct kernel *k = r->e->k;
	uint64_t pgoff = GET(k, vma, vm_area_struct, vm_pgoff) + ((r->addr - GET(k, vma, vm_area_struct, vm_start)) >> k->arch->page_shift);
	flags |= GET(k, vma, vm_area_struct, vm_flags) & VM_MAYSHARE ? MAP_SHARED : 0;
	return get_unmapped_area(r->e, r->mm, GET(k, vma, vm_area_struct, vm_file), hint, r->new_len, pgoff, flags, &r->new_addr);
}

/* ---- To a given place ---- */

static struct error *mremap_to(struct remap *r)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	uint64_t limit = GET(k, r->mm, mm_struct, task_size);
	struct object vma;
	if (r->new_addr & (VMCORE_PAGE_SIZE - 1))
		return kernel_error(EINVAL, "not at a page's start: %" PRIx64, r->new_addr);
	if (r->new_len > limit || r->new_addr > limit - r->new_len)
		return kernel_error(EINVAL, "ends beyond the user's part: %" PRIx64, r->new_addr);
	if (r->addr + r->old_len > r->new_addr && r->new_addr + r->new_len > r->addr)
		return kernel_error(EINVAL, "the new place overlaps the old one: %" PRIx64, r->new_addr);
	if (GET(k, r->mm, mm_struct, map_count) + 5 >= map_count_max(e))
		return kernel_error(ENOMEM, "the process has nearly as many areas as it may");
	if (r->flags & MREMAP_FIXED)
		TRY(do_munmap(e, r->mm->addr, r->new_addr, r->new_len));
	if (r->old_len >= r->new_len) {
		if (r->old_len > r->new_len)
			TRY(do_munmap(e, r->mm->addr, r->addr + r->new_len, r->old_len - r->new_len));
		r->old_len = r->new_len;
	}
	TRY(vma_to_resize(r, &vma));
	if ((r->flags & MREMAP_DONTUNMAP) && !may_expand_vm(e, r->mm, GET(k, &vma, vm_area_struct, vm_flags), r->old_len >> k->arch->page_shift))
		return kernel_error(ENOMEM, "the process would pass RLIMIT_AS or RLIMIT_DATA");
	TRY(find_room(r, &vma, r->new_addr, r->flags & MREMAP_FIXED ? MAP_FIXED : 0));
	return move_vma(r, vma.addr);
}

/* ---- Longer ---- */

static struct error *vma_expandable(struct remap *r, const struct object *vma, uint64_t more, bool *can)
{
	struct kernel *k = r->e->k;
	uint64_t start = GET(k, vma, vm_area_struct, vm_start), end = GET(k, vma, vm_area_struct, vm_end) + more, next, next_start = UINT64_MAX, at;
	TRY(vma_after(r->e, vma, &next));
	if (next)
		TRY(kernel_get(k, next, M_vm_area_struct_vm_start, &next_start));
	*can = end >= start && next_start >= end && !error_drop(get_unmapped_area(r->e, r->mm, 0, start, end - start, 0, MAP_FIXED, &at));
	TRACE(r->e, "vma_expandable", *can ? "room behind the area: it grows" : "no room behind the area", { "vma", vma->addr }, { "end", end },
	      { "next->vm_start", next_start });
	return NULL;
}

/* Since 6.0, and so where areas stand in a maple tree, it may meet the next one, and joins it (ca3d76b0aa80). */
static struct error *extend(struct remap *r, const struct object *vma, uint64_t more)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	uint64_t start = GET(k, vma, vm_area_struct, vm_start), end = GET(k, vma, vm_area_struct, vm_end), pgoff = GET(k, vma, vm_area_struct, vm_pgoff), merged;
	const struct vma_request request = { end,
					     end + more,
					     GET(k, vma, vm_area_struct, vm_flags),
					     GET(k, vma, vm_area_struct, anon_vma),
					     GET(k, vma, vm_area_struct, vm_file),
					     pgoff + ((end - start) >> k->arch->page_shift),
					     GET(k, vma, vm_area_struct, uffd_ctx),
					     vma,
					     false };
	if (!areas_in_maple_tree(k))
		return __vma_adjust(e, r->mm, (struct vma_adjust){ vma->addr, start, end + more, pgoff, 0, 0 });
	TRY(vma_merge(e, r->mm, vma->addr, &request, &merged));
	return merged ? NULL : kernel_error(ENOMEM, "the area does not grow at %" PRIx64, end);
}

static struct error *grow(struct remap *r)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	struct object vma;
	bool can = false;
	uint64_t more = r->new_len - r->old_len;
	TRY(vma_to_resize(r, &vma));
	uint64_t flags = GET(k, &vma, vm_area_struct, vm_flags);
	if (r->old_len == GET(k, &vma, vm_area_struct, vm_end) - r->addr)
		TRY(vma_expandable(r, &vma, more, &can));
	if (can) {
		TRY(extend(r, &vma, more));
		vm_stat_account(e, r->mm, flags, GET(k, &vma, vm_area_struct, vm_file), (int64_t)(more >> k->arch->page_shift));
		r->new_addr = r->addr;
		if (flags & VM_LOCKED) {
			ADD(k, r->mm, mm_struct, locked_vm, (int64_t)(more >> k->arch->page_shift));
			r->locked = true;
		}
		return NULL;
	}
	if (!(r->flags & MREMAP_MAYMOVE))
		return kernel_error(ENOMEM, "no room to grow at %" PRIx64 ", and moving is not allowed", r->addr);
	TRY(find_room(r, &vma, 0, 0));
	return move_vma(r, vma.addr);
}

/* ---- The system call ---- */

static struct error *check_request(const struct remap *r)
{
	/* 5.7; the nearest trace is of 5.8: a lock by another name */
	const struct member *lock = &r->e->k->members[M_mm_struct_mmap_lock];
	bool keeps = lock->present && !strncmp(lock->name, "mmap_lock", 9);
	unsigned known = MREMAP_FIXED | MREMAP_MAYMOVE | (keeps ? MREMAP_DONTUNMAP : 0);
	if (r->flags & ~known)
		return kernel_error(EINVAL, "no such flags: %x", r->flags);
	if ((r->flags & MREMAP_FIXED) && !(r->flags & MREMAP_MAYMOVE))
		return kernel_error(EINVAL, "a place is given, but moving is not allowed");
	if ((r->flags & MREMAP_DONTUNMAP) && (!(r->flags & MREMAP_MAYMOVE) || r->old_len != r->new_len))
		return kernel_error(EINVAL, "what stays mapped is moved, and keeps its length");
	if (r->addr & (VMCORE_PAGE_SIZE - 1))
		return kernel_error(EINVAL, "not at a page's start: %" PRIx64, r->addr);
	return r->new_len ? NULL : kernel_error(EINVAL, "nothing would be left: 0 bytes");
}

struct error *sys_mremap_areas(struct engine *e, uint64_t mm_addr, uint64_t addr, uint64_t old_len, uint64_t new_len, unsigned flags, uint64_t new_addr,
			       uint64_t *result)
{
	struct object mm, vma;
	uint64_t at;
	struct remap r = { .e = e, .mm = &mm, .addr = addr, .old_len = PAGE_UP(old_len), .new_len = PAGE_UP(new_len), .new_addr = new_addr, .flags = flags };
	struct error *failure;
	TRY(open_mm_areas(e, mm_addr, &mm));
	TRY(check_request(&r));
	TRY(find_vma(e, &mm, addr, &at));
	if (at) {
		TRY(open_vma(e, at, &vma));
		if (GET(e->k, &vma, vm_area_struct, vm_start) <= addr)
			TRY(can_modify_vma(e, &vma));
	}
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		failure = mremap_to(&r);
	} else if (r.old_len >= r.new_len) {
		*result = addr;
		return r.old_len > r.new_len ? do_munmap(e, mm_addr, addr + r.new_len, r.old_len - r.new_len) : NULL;
	} else {
		failure = grow(&r);
	}
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, vm_unacct_memory(e, r.charged)) : failure;
	*result = r.new_addr;
	return r.locked && r.new_len > r.old_len ? mm_populate(e, &mm, r.new_addr + r.old_len, r.new_len - r.old_len) : NULL;
}
