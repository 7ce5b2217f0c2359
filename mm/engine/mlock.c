/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas locked in memory (mm/mlock.c of 2.4; make_pages_present(), mm/memory.c). mm/engine/mlock_areas.c has what kernels with reverse mapping do.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/engine.h"
#include "mm/engine/mmap_edit.h"

/* As get_user_pages() does: a page is brought in for writing where the area may be written; what cannot be had ends it without an error. */
struct error *make_pages_present(struct engine *e, uint64_t task, uint64_t addr, uint64_t len)
{
	struct kernel *k = e->k;
	struct object mm, o;
	uint64_t mm_addr, vma, end = addr + len;
	TRY(kernel_get(k, task, M_task_struct_mm, &mm_addr));
	TRY(object_open_writable(k, mm_addr, S_mm_struct, &mm));
	for (; addr < end; addr += VMCORE_PAGE_SIZE) {
		enum fault_result result;
		bool faulted;
		TRY(find_vma(e, &mm, addr, &vma));
		if (!vma)
			return NULL;
		TRY(object_open(k, vma, S_vm_area_struct, &o));
		bool write = GET(k, &o, vm_area_struct, vm_flags) & VM_WRITE;
		TRY(touch_user(e, task, addr, write ? ACCESS_WRITE : ACCESS_READ, &faulted, &result, NULL, 0));
		if (faulted && result != FAULT_MINOR && result != FAULT_MAJOR)
			return NULL;
	}
	return NULL;
}

struct error *lock_new_pages(struct engine *e, const struct object *mm, uint64_t flags, uint64_t addr, uint64_t len)
{
	uint64_t own = 0;
	if (!(flags & VM_LOCKED))
		return NULL;
	ADD(e->k, mm, mm_struct, locked_vm, (int64_t)(len >> e->k->arch->page_shift));
	if (e->task)
		TRY(kernel_get(e->k, e->task, M_task_struct_mm, &own));
	return own == mm->addr ? make_pages_present(e, e->task, addr, len) : NULL;
}

static struct error *mlock_fixup(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end, bool lock)
{
	uint64_t flags = GET(e->k, vma, vm_area_struct, vm_flags), now = lock ? flags | VM_LOCKED : flags & ~VM_LOCKED, len = end - start;
	int64_t pages = (int64_t)(len >> e->k->arch->page_shift);
	if (now == flags)
		return NULL;
	TRY(vma_fixup(e, mm, vma, start, end, now, FIXUP_MLOCK));
	ADD(e->k, mm, mm_struct, locked_vm, lock ? pages : -pages);
	return lock && e->task ? make_pages_present(e, e->task, start, len) : NULL;
}

static struct error *do_mlock(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, bool lock)
{
	struct kernel *k = e->k;
	struct object vma;
	uint64_t at;
	if (lock && !capable(e, mm, CAPABILITY_IPC_LOCK))
		return kernel_error(EPERM, "the process may lock no memory");
	TRY(find_vma(e, mm, start, &at));
	while (start < end) {
		if (at)
			TRY(open_vma(e, at, &vma));
		if (!at || GET(k, &vma, vm_area_struct, vm_start) > start)
			return kernel_error(ENOMEM, "nothing is mapped at %" PRIx64, start);
		uint64_t to = GET(k, &vma, vm_area_struct, vm_end);
		if (to <= start)
			return error_at(ERR_BAD_LIST, at, "areas of mm %" PRIx64 " out of order: %" PRIx64, mm->addr, at);
		at = GET(k, &vma, vm_area_struct, vm_next);
		TRY(mlock_fixup(e, mm, &vma, start, to < end ? to : end, lock));
		start = to;
	}
	return NULL;
}

/* So many pages locked: no more than RLIMIT_MEMLOCK, nor than half of the memory. */
static struct error *check_locked(struct engine *e, uint64_t pages)
{
	uint64_t memory = 0, at = symbol_addr(e->k, "num_physpages");
	if (pages > rlimit_of(e, e->task, RESOURCE_MEMLOCK) >> e->k->arch->page_shift)
		return kernel_error(ENOMEM, "%" PRIu64 " locked pages would be more than RLIMIT_MEMLOCK allows", pages);
	if (at)
		TRY(kernel_read_uint(e->k, at, 4, &memory));
	return at && pages > memory / 2 ? kernel_error(ENOMEM, "%" PRIu64 " locked pages would be more than half of the memory", pages) : NULL;
}

static struct error *lock_range(struct engine *e, uint64_t mm_addr, uint64_t start, uint64_t len, bool lock)
{
	struct object mm;
	uint64_t mask = VMCORE_PAGE_SIZE - 1;
	TRY(open_mm(e, mm_addr, &mm));
	len = (len + (start & mask) + mask) & ~mask;
	start &= ~mask;
	if (lock)
		TRY(check_locked(e, GET(e->k, &mm, mm_struct, locked_vm) + (len >> e->k->arch->page_shift)));
	if (start + len < start || start + len > UINT32_MAX)
		return kernel_error(EINVAL, "ends beyond the last address: %" PRIx64, start);
	return do_mlock(e, &mm, start, start + len, lock);
}

struct error *sys_mlock(struct engine *e, uint64_t mm, uint64_t start, uint64_t len, bool on_fault)
{
	if (!e->classic)
		return sys_mlock_areas(e, mm, start, len, on_fault);
	return on_fault ? kernel_error(ENOSYS, "this kernel locks pages at once only") : lock_range(e, mm, start, len, true);
}

struct error *sys_munlock(struct engine *e, uint64_t mm, uint64_t start, uint64_t len)
{
	return e->classic ? lock_range(e, mm, start, len, false) : sys_munlock_areas(e, mm, start, len);
}

struct error *sys_mlockall(struct engine *e, uint64_t mm_addr, int flags)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	if (!e->classic)
		return sys_mlockall_areas(e, mm_addr, flags);
	TRY(open_mm(e, mm_addr, &mm));
	if (flags & ~(MCL_CURRENT | MCL_FUTURE))
		return kernel_error(EINVAL, "no such flags: %x", (unsigned)flags);
	if (flags)
		TRY(check_locked(e, GET(k, &mm, mm_struct, total_vm)));
	if (!capable(e, &mm, CAPABILITY_IPC_LOCK))
		return kernel_error(EPERM, "the process may lock no memory");
	SET(k, &mm, mm_struct, def_flags, flags & MCL_FUTURE ? VM_LOCKED : 0);
	/* MCL_FUTURE alone unlocks what is there. */
	for (uint64_t at = GET(k, &mm, mm_struct, mmap), left = GET(k, &mm, mm_struct, map_count); at && left; left--) {
		TRY(open_vma(e, at, &vma));
		at = GET(k, &vma, vm_area_struct, vm_next);
		TRY(mlock_fixup(e, &mm, &vma, GET(k, &vma, vm_area_struct, vm_start), GET(k, &vma, vm_area_struct, vm_end), flags & MCL_CURRENT));
	}
	return NULL;
}
