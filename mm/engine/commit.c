/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a process may map: limits, rights, promises of memory (mm/util.c: __vm_enough_memory(); mm/mmap.c: may_expand_vm(), vm_stat_account()) of kernels with
 * reverse mapping.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/zone.h"

/* include/uapi/linux/capability.h, include/uapi/asm-generic/mman.h (sysctl vm.overcommit_memory) */
enum { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

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
	struct kernel *k = e->k;
	uint64_t task = whose(e, mm), cred, set, ns;
	/* In the task itself until 2.6.28. */
	if (task && HAS(k, task_struct, cap_effective))
		return !error_drop(kernel_get(k, task, M_task_struct_cap_effective, &set)) && set >> capability & 1;
	if (!task || !HAS(k, cred, cap_effective))
		return true;
	if (error_drop(kernel_get(k, task, M_task_struct_cred, &cred)) ||
	    error_drop(kernel_read_u64(k, cred + OFFSET(k, cred, cap_effective), &set)))
		return false;
	/* Rights in a user namespace of one's own are none here. */
	if (HAS(k, cred, user_ns) && !error_drop(kernel_get(k, cred, M_cred_user_ns, &ns)) && ns != symbol_addr(k, "init_user_ns"))
		return false;
	return set >> capability & 1;
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

/* ---- vm_committed_as: what all processes were promised; a percpu_counter ---- */

struct error *vm_acct_memory(struct engine *e, int64_t pages)
{
	struct kernel *k = e->k;
	uint64_t total = e->areas.vm_committed_as, batch = 32, counters, mine;
	struct object o;
	if (!total || !HAS(k, percpu_counter, counters))
		return NULL;
	if (e->areas.vm_committed_as_batch)
		TRY(kernel_read_uint(k, e->areas.vm_committed_as_batch, 4, &batch));
	TRY(object_open_writable(k, total, S_percpu_counter, &o));
	counters = percpu_ptr(k, GET(k, &o, percpu_counter, counters), e->cpu);
	TRY(kernel_read_uint(k, counters, 4, &mine));
	int64_t sum = (int32_t)mine + pages;
	/* What one CPU keeps to itself stays below the batch (lib/percpu_counter.c). */
	if (sum >= (int64_t)batch || sum <= -(int64_t)batch) {
		ADD(k, &o, percpu_counter, count, sum);
		sum = 0;
	}
	return kernel_write_uint(k, counters, 4, (uint32_t)sum);
}

struct error *vm_unacct_memory(struct engine *e, uint64_t pages)
{
	return pages ? vm_acct_memory(e, -(int64_t)pages) : NULL;
}

static uint64_t variable(struct engine *e, uint64_t at, unsigned size)
{
	uint64_t value;
	return at && !error_drop(kernel_read_uint(e->k, at, size, &value)) ? value : 0;
}

/* totalreserve_pages and the rest, until 5.2: what is free or could be made free soon. */
static bool guess_by_free(struct engine *e, const struct object *mm, uint64_t pages)
{
	struct kernel *k = e->k;
	unsigned word = k->arch->pointer_size;
	int64_t free = 0, v;
	const struct {
		const char *name;
		int sign;
	} items[] = { { "NR_FREE_PAGES", 1 }, { "NR_FILE_PAGES", 1 }, { "NR_SHMEM", -1 }, { "NR_SLAB_RECLAIMABLE", 1 } };
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		if (vmstat_global(k, items[i].name, &v))
			free += items[i].sign * v;
	free += (int64_t)variable(e, e->nr_swap_pages, word);
	int64_t reserve = (int64_t)variable(e, symbol_addr(k, "totalreserve_pages"), word);
	if (free <= reserve)
		return false;
	free -= reserve;
	if (!capable(e, mm, CAPABILITY_SYS_ADMIN))
		free -= (int64_t)(variable(e, e->areas.admin_reserve, word) >> (k->arch->page_shift - 10));
	return free > (int64_t)pages;
}

static int64_t commit_limit(struct engine *e)
{
	struct kernel *k = e->k;
	struct engine_areas *a = &e->areas;
	unsigned word = k->arch->pointer_size;
	uint64_t kbytes = variable(e, a->overcommit_kbytes, word), allowed = kbytes >> (k->arch->page_shift - 10);
	if (!kbytes) {
		uint64_t huge = 0, hstates = symbol_addr(k, "hstates"), count = variable(e, symbol_addr(k, "hugetlb_max_hstate"), 4);
		for (uint64_t i = 0; hstates && i < count && i < 8; i++) {
			struct object h;
			if (object_try_open(k, hstates + i * SIZE_OF(k, hstate), S_hstate, &h) && GET(k, &h, hstate, order) < 32)
				huge += GET(k, &h, hstate, nr_huge_pages) << GET(k, &h, hstate, order);
		}
		allowed = (variable(e, a->totalram_pages, word) - huge) * variable(e, a->overcommit_ratio, 4) / 100;
	}
	return (int64_t)(allowed + variable(e, a->total_swap_pages, word));
}

/* Of mode 2: what has been promised, these pages with it, against the limit. */
static bool within_limit(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	unsigned word = k->arch->pointer_size, shift = k->arch->page_shift - 10;
	int64_t allowed = commit_limit(e), reserve = (int64_t)(variable(e, e->areas.user_reserve, word) >> shift);
	int64_t own = (int64_t)GET(k, mm, mm_struct, total_vm) / 32;
	uint64_t promised;
	if (!capable(e, mm, CAPABILITY_SYS_ADMIN))
		allowed -= (int64_t)(variable(e, e->areas.admin_reserve, word) >> shift);
	allowed -= own < reserve ? own : reserve;
	return !error_drop(kernel_get(k, e->areas.vm_committed_as, M_percpu_counter_count, &promised)) &&
	       ((int64_t)promised < 0 ? 0 : (int64_t)promised) < allowed;
}

struct error *security_vm_enough_memory_mm(struct engine *e, const struct object *mm, uint64_t pages)
{
	struct engine_areas *a = &e->areas;
	uint64_t mode = variable(e, a->overcommit_memory, 4);
	unsigned word = e->k->arch->pointer_size;
	bool enough = true;
	TRY(vm_acct_memory(e, (int64_t)pages));
	if (mode == OVERCOMMIT_GUESS && a->guess_by_total)
		enough = pages <= variable(e, a->totalram_pages, word) + variable(e, a->total_swap_pages, word);
	else if (mode == OVERCOMMIT_GUESS)
		enough = guess_by_free(e, mm, pages);
	else if (mode != OVERCOMMIT_ALWAYS)
		enough = within_limit(e, mm);
	TRACE(e, "__vm_enough_memory", enough ? "there is room" : "more than may be promised", { "pages", pages },
	      { "sysctl_overcommit_memory", mode });
	if (enough)
		return NULL;
	TRY(vm_unacct_memory(e, pages));
	return kernel_error(ENOMEM, "%" PRIu64 " pages are more than may be promised (overcommit_memory %" PRIu64 ")", pages, mode);
}

bool overcommit_never(struct engine *e)
{
	return variable(e, e->areas.overcommit_memory, 4) == OVERCOMMIT_NEVER;
}
