/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas locked in memory, on kernels with reverse mapping (mm/mlock.c, since 3.8).
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/modern.h"

#define VM_SPECIAL_BITS (VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP)
#define LOCK_FLAGS (VM_LOCKED | VM_LOCKONFAULT)

static struct error *can_do_mlock(struct engine *e, const struct object *mm)
{
	return rlimit(e, mm, RESOURCE_MEMLOCK) || capable(e, mm, CAPABILITY_IPC_LOCK) ? NULL : kernel_error(EPERM, "the process may lock no memory");
}

/* One area's part of a range. *end: of the area that it is in then. */
static struct error *mlock_fixup(struct engine *e, const struct object *mm, uint64_t vma_addr, uint64_t start, uint64_t stop, uint64_t lock, uint64_t *end)
{
	struct kernel *k = e->k;
	struct object vma;
	TRY(open_vma(e, vma_addr, &vma));
	uint64_t old = GET(k, &vma, vm_area_struct, vm_flags), flags = (old & ~LOCK_FLAGS) | lock, pages = (stop - start) >> k->arch->page_shift;
	*end = GET(k, &vma, vm_area_struct, vm_end);
	if (flags == old || (old & (VM_SPECIAL_BITS | VM_HUGETLB)))
		return NULL;
	TRY(vma_change_flags(e, mm, vma_addr, start, stop, flags, &vma));
	TRACE(e, "mlock_fixup", lock ? "the area is locked" : "the area is not locked any more", { "vma", vma.addr }, { "start", start }, { "end", stop });
	*end = GET(k, &vma, vm_area_struct, vm_end);
	if (!lock)
		ADD(k, mm, mm_struct, locked_vm, -(int64_t)pages);
	else if (!(old & VM_LOCKED))
		ADD(k, mm, mm_struct, locked_vm, pages);
	if (!lock)
		return munlock_vma_pages_range(e, mm, &vma, start, stop);
	if (!(old & VM_LOCKED))
		return mlock_vma_pages_range(e, mm, &vma, start, stop, flags);
	SET(k, &vma, vm_area_struct, vm_flags, flags);
	return NULL;
}

static struct error *apply_vma_lock_flags(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t lock)
{
	while (start < end) {
		struct object vma;
		uint64_t at, to;
		TRY(find_vma(e, mm, start, &at));
		if (at)
			TRY(open_vma(e, at, &vma));
		if (!at || GET(e->k, &vma, vm_area_struct, vm_start) > start)
			return kernel_error(ENOMEM, "nothing is mapped at %" PRIx64, start);
		to = GET(e->k, &vma, vm_area_struct, vm_end);
		TRY(mlock_fixup(e, mm, at, start, to < end ? to : end, lock, &to));
		start = to;
	}
	return NULL;
}

/* count_mm_mlocked_page_nr(): what is locked already does not count twice. */
static struct error *locked_already(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t *pages)
{
	struct object vma;
	uint64_t at;
	*pages = 0;
	TRY(find_vma(e, mm, start, &at));
	for (uint64_t left = GET(e->k, mm, mm_struct, map_count) + 1; at && left; left--) {
		TRY(open_vma(e, at, &vma));
		uint64_t from = GET(e->k, &vma, vm_area_struct, vm_start), to = GET(e->k, &vma, vm_area_struct, vm_end);
		if (from >= end)
			return NULL;
		if (GET(e->k, &vma, vm_area_struct, vm_flags) & VM_LOCKED)
			*pages += ((to < end ? to : end) - (from > start ? from : start)) >> e->k->arch->page_shift;
		TRY(vma_after(e, &vma, &at));
	}
	return NULL;
}

/* __mlock_posix_error_return() */
static struct error *posix_error(struct error *failure)
{
	int number = failure && failure->code == ERR_KERNEL ? (int)failure->addr : 0;
	if (number != EFAULT && number != ENOMEM)
		return failure;
	error_free(failure);
	return number == EFAULT ? kernel_error(ENOMEM, "a page of the range cannot be had") : kernel_error(EAGAIN, "no memory for a page of the range");
}

static void whole_pages(uint64_t *start, uint64_t *end, uint64_t len)
{
	uint64_t mask = VMCORE_PAGE_SIZE - 1;
	len = (len + (*start & mask) + mask) & ~mask;
	*start &= ~mask;
	*end = *start + len;
}

struct error *sys_mlock_areas(struct engine *e, uint64_t mm_addr, uint64_t start, uint64_t len, bool on_fault)
{
	struct object mm;
	uint64_t end, pages, already;
	TRY(open_mm_areas(e, mm_addr, &mm));
	TRY(can_do_mlock(e, &mm));
	whole_pages(&start, &end, len);
	pages = (end - start) >> e->k->arch->page_shift;
	uint64_t limit = rlimit(e, &mm, RESOURCE_MEMLOCK) >> e->k->arch->page_shift, locked = pages + GET(e->k, &mm, mm_struct, locked_vm);
	if (locked > limit && !capable(e, &mm, CAPABILITY_IPC_LOCK)) {
		TRY(locked_already(e, &mm, start, end, &already));
		if (locked - already > limit)
			return kernel_error(ENOMEM, "%" PRIu64 " locked pages would be more than RLIMIT_MEMLOCK's %" PRIu64, locked - already, limit);
	}
	if (end < start)
		return kernel_error(EINVAL, "ends beyond the last address: %" PRIx64, start);
	TRY(apply_vma_lock_flags(e, &mm, start, end, VM_LOCKED | (on_fault ? VM_LOCKONFAULT : 0)));
	return posix_error(__mm_populate(e, &mm, start, end - start, false));
}

struct error *sys_munlock_areas(struct engine *e, uint64_t mm_addr, uint64_t start, uint64_t len)
{
	struct object mm;
	uint64_t end;
	TRY(open_mm_areas(e, mm_addr, &mm));
	whole_pages(&start, &end, len);
	if (end < start)
		return kernel_error(EINVAL, "ends beyond the last address: %" PRIx64, start);
	return apply_vma_lock_flags(e, &mm, start, end, 0);
}

/* All areas; what one of them answers does not matter. */
static struct error *lock_all(struct engine *e, const struct object *mm, uint64_t lock)
{
	struct object vma;
	uint64_t start = 0, limit = GET(e->k, mm, mm_struct, task_size), at;
	while (start < limit) {
		TRY(find_vma(e, mm, start, &at));
		if (!at)
			return NULL;
		TRY(open_vma(e, at, &vma));
		uint64_t from = GET(e->k, &vma, vm_area_struct, vm_start), to = GET(e->k, &vma, vm_area_struct, vm_end);
		struct error *failure = mlock_fixup(e, mm, at, from, to, lock, &to);
		if (failure && failure->code != ERR_KERNEL)
			return failure;
		error_free(failure);
		start = to;
	}
	return NULL;
}

struct error *sys_mlockall_areas(struct engine *e, uint64_t mm_addr, int flags)
{
	struct kernel *k = e->k;
	struct object mm;
	uint64_t lock = VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0), limit;
	int known = MCL_CURRENT | MCL_FUTURE | (vma_flag(k, "LOCKONFAULT") ? MCL_ONFAULT : 0);
	TRY(open_mm_areas(e, mm_addr, &mm));
	/* munlockall() is this without a flag. */
	if (flags) {
		if ((flags & ~known) || flags == MCL_ONFAULT)
			return kernel_error(EINVAL, "no such flags: %x", (unsigned)flags);
		TRY(can_do_mlock(e, &mm));
		limit = rlimit(e, &mm, RESOURCE_MEMLOCK) >> k->arch->page_shift;
		if ((flags & MCL_CURRENT) && GET(k, &mm, mm_struct, total_vm) > limit && !capable(e, &mm, CAPABILITY_IPC_LOCK))
			return kernel_error(ENOMEM, "the process has more pages than RLIMIT_MEMLOCK's %" PRIu64, limit);
	}
	SET(k, &mm, mm_struct, def_flags, (GET(k, &mm, mm_struct, def_flags) & ~LOCK_FLAGS) | (flags & MCL_FUTURE ? lock : 0));
	if (flags && !(flags & MCL_CURRENT))
		return NULL;
	TRY(lock_all(e, &mm, flags ? lock : 0));
	return flags ? mm_populate(e, &mm, 0, GET(k, &mm, mm_struct, task_size)) : NULL;
}
