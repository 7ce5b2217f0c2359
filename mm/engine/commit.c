/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a process may map: limits and rights (mm/mmap.c: may_expand_vm(), vm_stat_account()) of kernels with reverse mapping.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/modern.h"
#include "mm/task.h"

/* ---- Whose limits ---- */

/* The acting task when the mm is its own, else the mm's owner; 0: nobody is known. */
static uint64_t whose(struct engine *e, const struct object *mm)
{
	uint64_t of = 0;
	if (e->task && !error_drop(kernel_get(e->k, e->task, M_task_struct_mm, &of)) && of == mm->addr)
		return e->task;
	return GET(e->k, mm, mm_struct, owner);
}

uint64_t rlimit_of(struct engine *e, uint64_t task, enum rlimit_resource resource)
{
	struct kernel *k = e->k;
	uint64_t limits = task + OFFSET(k, task_struct, rlim), value;
	/* In the task itself until 2.6.9. */
	if (task && !HAS(k, task_struct, rlim)) {
		if (!HAS(k, signal_struct, rlim) || error_drop(kernel_get(k, task, M_task_struct_signal, &limits)))
			task = 0;
		limits += OFFSET(k, signal_struct, rlim);
	}
	if (!task || error_drop(kernel_read_pointer(k, limits + resource * 2 * k->arch->pointer_size, &value)))
		return resource == RESOURCE_STACK ? 8u << 20 : UINT64_MAX;
	return k->arch->pointer_size == 4 && value == UINT32_MAX ? UINT64_MAX : value;
}

uint64_t rlimit(struct engine *e, const struct object *mm, enum rlimit_resource resource)
{
	return rlimit_of(e, whose(e, mm), resource);
}

bool capable(struct engine *e, const struct object *mm, enum capability capability)
{
	uint64_t task = whose(e, mm);
	return !task || task_capable(e->k, task, capability);
}

/* ---- Counters of an mm ---- */

/* VM_STACK is VM_GROWSDOWN on x86. */
static bool is_data_mapping(uint64_t flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;
}

void vm_stat_account(struct engine *e, const struct object *mm, uint64_t flags, uint64_t file, int64_t pages)
{
	struct kernel *k = e->k;
	ADD(k, mm, mm_struct, total_vm, pages);
	if (!HAS(k, mm_struct, data_vm)) {
		/* until 4.5: areas of files, of which code is counted once more; stacks */
		if (file) {
			ADD(k, mm, mm_struct, shared_vm, pages);
			if ((flags & (VM_EXEC | VM_WRITE)) == VM_EXEC)
				ADD(k, mm, mm_struct, exec_vm, pages);
		} else if (flags & VM_GROWSDOWN) {
			ADD(k, mm, mm_struct, stack_vm, pages);
		}
		return;
	}
	if ((flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC)
		ADD(k, mm, mm_struct, exec_vm, pages);
	else if (flags & VM_GROWSDOWN)
		ADD(k, mm, mm_struct, stack_vm, pages);
	else if (is_data_mapping(flags))
		ADD(k, mm, mm_struct, data_vm, pages);
}

bool may_expand_vm(struct engine *e, const struct object *mm, uint64_t flags, uint64_t pages)
{
	struct kernel *k = e->k;
	unsigned shift = k->arch->page_shift;
	if (GET(k, mm, mm_struct, total_vm) + pages > rlimit(e, mm, RESOURCE_AS) >> shift)
		return false;
	return !HAS(k, mm_struct, data_vm) || !is_data_mapping(flags) ||
	       GET(k, mm, mm_struct, data_vm) + pages <= rlimit(e, mm, RESOURCE_DATA) >> shift;
}

struct error *mlock_future_check(struct engine *e, const struct object *mm, uint64_t flags, uint64_t len, int number)
{
	unsigned shift = e->k->arch->page_shift;
	if (!(flags & VM_LOCKED) || capable(e, mm, CAPABILITY_IPC_LOCK))
		return NULL;
	uint64_t pages = GET(e->k, mm, mm_struct, locked_vm) + (len >> shift), limit = rlimit(e, mm, RESOURCE_MEMLOCK) >> shift;
	return pages > limit ? kernel_error(number, "%" PRIu64 " locked pages would be more than RLIMIT_MEMLOCK's %" PRIu64, pages, limit) : NULL;
}

uint64_t map_count_max(struct engine *e)
{
	uint64_t limit;
	return e->areas.max_map_count && !error_drop(kernel_read_uint(e->k, e->areas.max_map_count, 4, &limit)) ? limit : 65530;
}

struct error *map_count_limit(struct engine *e, const struct object *mm, bool one_more)
{
	uint64_t limit = map_count_max(e), count = GET(e->k, mm, mm_struct, map_count);
	if (one_more ? count >= limit : count > limit)
		return kernel_error(ENOMEM, "the process has as many areas as it may: %" PRIu64, count);
	return NULL;
}

struct error *can_modify_vma(struct engine *e, const struct object *vma)
{
	return GET(e->k, vma, vm_area_struct, vm_flags) & e->modern->vm_sealed ? kernel_error(EPERM, "the area is sealed (mseal): %" PRIx64, vma->addr) : NULL;
}

struct error *can_modify_mm(struct engine *e, uint64_t first, uint64_t end)
{
	struct object vma;
	while (first && e->modern->vm_sealed) {
		TRY(open_vma(e, first, &vma));
		if (GET(e->k, &vma, vm_area_struct, vm_start) >= end)
			return NULL;
		TRY(can_modify_vma(e, &vma));
		TRY(vma_after(e, &vma, &first));
	}
	return NULL;
}
