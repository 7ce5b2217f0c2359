/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much memory may be promised (__vm_enough_memory(): mm/util.c, until 4.5 mm/mmap.c; 2.4: vm_enough_memory()), and the sysctls that
 * govern it (vm.overcommit_memory and its neighbours: Documentation/mm/overcommit-accounting.rst).
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/overcommit.h"
#include "mm/meminfo.h"
#include "mm/system.h"
#include "mm/zone.h"

/* include/uapi/linux/mman.h */
enum { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

static uint64_t variable(struct engine *e, uint64_t at, unsigned size)
{
	uint64_t value;
	return at && !error_drop(kernel_read_uint(e->k, at, size, &value)) ? value : 0;
}

/* ---- 2.4 (mm/mmap.c) ---- */

/* Of dentry_stat and inodes_stat, the second int: nr_unused (include/linux/dcache.h, fs.h); each object in pages. */
static uint64_t unused_objects(struct engine *e, const char *stat, uint32_t size)
{
	uint64_t at = symbol_addr(e->k, stat);
	return variable(e, at ? at + 4 : 0, 4) * size >> e->k->arch->page_shift;
}

/* Memory, swap and what caches could give back, against what is promised here; forgets what was promised before, as 2.4 does. */
struct error *vm_enough_memory(struct engine *e, uint64_t pages)
{
	struct kernel *k = e->k;
	uint64_t cached, in_swap_cache = 0, mode = variable(e, symbol_addr(k, "sysctl_overcommit_memory"), 4);
	if (mode) {
		TRACE(e, "vm_enough_memory", "any amount is promised", { "pages", pages }, { "sysctl_overcommit_memory", mode });
		return NULL;
	}
	TRY(kernel_read_uint(k, e->page_cache_size, 4, &cached));
	if (e->swapper_space)
		TRY(kernel_get(k, e->swapper_space, M_address_space_nrpages, &in_swap_cache));
	uint64_t free = nr_free_pages(e), slots = variable(e, e->nr_swap_pages, 4);
	uint64_t unused = unused_objects(e, "dentry_stat", SIZE_OF(k, dentry)) + unused_objects(e, "inodes_stat", SIZE_OF(k, inode));
	uint64_t room = free + cached + slots + in_swap_cache + unused;
	TRACE(e, "vm_enough_memory", room > pages ? "there is room" : "not enough memory and swap", { "pages", pages },
	      { "sysctl_overcommit_memory", mode }, { "page_cache_size", cached }, { "nr_free_pages", free }, { "nr_swap_pages", slots },
	      { "swapper_space.nrpages", in_swap_cache }, { "unused dentries and inodes", unused }, { "free", room });
	return room > pages ? NULL : kernel_error(ENOMEM, "%" PRIu64 " pages are more than memory and swap have room for", pages);
}

/* ---- vm_committed_as: what all processes were promised; a percpu_counter ---- */

struct error *vm_acct_memory(struct engine *e, int64_t pages)
{
	uint64_t batch = 32;
	if (!e->areas.vm_committed_as || !HAS(e->k, percpu_counter, counters))
		return engine_not_classic(e, "counting what processes are promised");
	if (e->areas.vm_committed_as_batch)
		TRY(kernel_read_uint(e->k, e->areas.vm_committed_as_batch, 4, &batch));
	return percpu_counter_add_batch(e, e->areas.vm_committed_as, pages, (int64_t)batch);
}

struct error *vm_unacct_memory(struct engine *e, uint64_t pages)
{
	return pages ? vm_acct_memory(e, -(int64_t)pages) : NULL;
}

/* What only those with CAP_SYS_ADMIN may use of `of` pages: a sysctl since 3.10, before a thirty-second part. */
static int64_t admin_reserve(struct engine *e, const struct object *mm, int64_t of)
{
	const struct engine_areas *a = &e->areas;
	if (capable(e, mm, CAPABILITY_SYS_ADMIN))
		return 0;
	return a->admin_reserve ? (int64_t)(variable(e, a->admin_reserve, e->k->arch->pointer_size) >> (e->k->arch->page_shift - 10)) : of / 32;
}

/* Until 5.2: what is free, or could be made free soon. */
static bool guess_by_free(struct engine *e, const struct object *mm, uint64_t pages)
{
	struct kernel *k = e->k;
	int64_t count[5] = { 0 };
	/* What drivers and others would give back was counted in bytes in 4.17 to 4.19. */
	static const char *const names[] = { "NR_FREE_PAGES", "NR_FILE_PAGES", "NR_SHMEM", "NR_SLAB_RECLAIMABLE", "NR_KERNEL_MISC_RECLAIMABLE" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!vmstat_global(k, names[i], &count[i]))
			count[i] = 0;
	if (vmstat_global(k, "NR_INDIRECTLY_RECLAIMABLE_BYTES", &count[4]))
		count[4] >>= k->arch->page_shift;
	int64_t swap = (int64_t)variable(e, e->nr_swap_pages, k->arch->pointer_size);
	int64_t reserve = (int64_t)variable(e, symbol_addr(k, "totalreserve_pages"), k->arch->pointer_size);
	int64_t free = count[0] + count[1] - count[2] + count[3] + count[4] + swap - reserve, admin = free > 0 ? admin_reserve(e, mm, free) : 0;
	bool enough = free > 0 && free - admin > (int64_t)pages;
	TRACE(e, "__vm_enough_memory", enough ? "memory that could be had is more" : "more than memory that could be had", { "pages", pages },
	      { "sysctl_overcommit_memory", OVERCOMMIT_GUESS }, { "NR_FREE_PAGES", (uint64_t)count[0] }, { "NR_FILE_PAGES", (uint64_t)count[1] },
	      { "NR_SHMEM", (uint64_t)count[2] }, { "NR_SLAB_RECLAIMABLE", (uint64_t)count[3] }, { "other reclaimable", (uint64_t)count[4] },
	      { "nr_swap_pages", (uint64_t)swap }, { "totalreserve_pages", (uint64_t)reserve }, { "admin reserve", (uint64_t)admin },
	      { "free", (uint64_t)(free - admin) });
	return enough;
}

static bool guess_by_total(struct engine *e, uint64_t pages)
{
	unsigned word = e->k->arch->pointer_size;
	uint64_t ram = variable(e, e->areas.totalram_pages, word), swap = variable(e, e->areas.total_swap_pages, word);
	bool enough = pages <= ram + swap;
	TRACE(e, "__vm_enough_memory", enough ? "no more than all memory and swap" : "more than all memory and swap", { "pages", pages },
	      { "sysctl_overcommit_memory", OVERCOMMIT_GUESS }, { "totalram_pages", ram }, { "total_swap_pages", swap });
	return enough;
}

/* What has been promised, these pages with it, against the limit; the CPUs' own parts of the count are not looked at. */
static bool within_limit(struct engine *e, const struct object *mm, uint64_t pages, uint64_t mode)
{
	struct kernel *k = e->k;
	uint64_t limit = 0, promised;
	if (!vm_commit_limit(k, &limit) || error_drop(kernel_get(k, e->areas.vm_committed_as, M_percpu_counter_count, &promised)))
		return false;
	if ((int64_t)promised < 0)
		promised = 0;
	int64_t admin = admin_reserve(e, mm, (int64_t)limit), own = (int64_t)GET(k, mm, mm_struct, total_vm) / 32;
	if (e->areas.user_reserve) {
		int64_t most = (int64_t)(variable(e, e->areas.user_reserve, k->arch->pointer_size) >> (k->arch->page_shift - 10));
		own = own < most ? own : most;
	}
	int64_t allowed = (int64_t)limit - admin - own;
	bool enough = (int64_t)promised < allowed;
	TRACE(e, "__vm_enough_memory", enough ? "promises stay below the limit" : "promises would reach the limit", { "pages", pages },
	      { "sysctl_overcommit_memory", mode }, { "vm_committed_as", promised }, { "vm_commit_limit", limit }, { "admin reserve", (uint64_t)admin },
	      { "user reserve", (uint64_t)own }, { "allowed", (uint64_t)allowed });
	return enough;
}

struct error *security_vm_enough_memory_mm(struct engine *e, const struct object *mm, uint64_t pages)
{
	uint64_t mode = variable(e, e->areas.overcommit_memory, 4);
	bool enough = true;
	TRY(vm_acct_memory(e, (int64_t)pages));
	if (mode == OVERCOMMIT_ALWAYS)
		TRACE(e, "__vm_enough_memory", "any amount is promised", { "pages", pages }, { "sysctl_overcommit_memory", mode });
	else if (mode == OVERCOMMIT_GUESS)
		enough = e->areas.guess_by_total ? guess_by_total(e, pages) : guess_by_free(e, mm, pages);
	else
		enough = within_limit(e, mm, pages, mode);
	if (enough)
		return NULL;
	TRY(vm_unacct_memory(e, pages));
	return kernel_error(ENOMEM, "%" PRIu64 " pages are more than may be promised (overcommit_memory %" PRIu64 ")", pages, mode);
}

struct error *overcommit_promise(struct engine *e, uint64_t mm, uint64_t pages)
{
	struct object o;
	TRY(open_mm(e, mm, &o));
	return e->classic ? vm_enough_memory(e, pages) : security_vm_enough_memory_mm(e, &o, pages);
}

bool overcommit_never(struct engine *e)
{
	return variable(e, e->areas.overcommit_memory, 4) == OVERCOMMIT_NEVER;
}

/* ---- The sysctls ---- */

static const struct {
	const char *symbol;
	bool is_word; /* of an unsigned long; else an int */
} sysctls[OVERCOMMIT_SYSCTLS] = {
	[SYSCTL_OVERCOMMIT_MEMORY] = { "sysctl_overcommit_memory", false },
	[SYSCTL_OVERCOMMIT_RATIO] = { "sysctl_overcommit_ratio", false },
	[SYSCTL_OVERCOMMIT_KBYTES] = { "sysctl_overcommit_kbytes", true },
	[SYSCTL_ADMIN_RESERVE] = { "sysctl_admin_reserve_kbytes", true },
	[SYSCTL_USER_RESERVE] = { "sysctl_user_reserve_kbytes", true },
};

const char *overcommit_sysctl_name(enum overcommit_sysctl which)
{
	return sysctls[which].symbol + sizeof("sysctl_") - 1;
}

bool overcommit_sysctl_read(struct kernel *k, enum overcommit_sysctl which, uint64_t *value)
{
	return symbol_addr(k, sysctls[which].symbol) && !error_drop(kernel_read_symbol(k, sysctls[which].symbol, sysctls[which].is_word ? 0 : 4, value));
}

/* Without complaint where this kernel has no such variable. */
static struct error *store(struct engine *e, enum overcommit_sysctl which, uint64_t value)
{
	uint64_t at = symbol_addr(e->k, sysctls[which].symbol);
	return at ? kernel_write_uint(e->k, at, sysctls[which].is_word ? e->k->arch->pointer_size : 4, value) : NULL;
}

/* mm_compute_batch() (mm/mm_init.c): 0.4 % of a CPU's share of memory where promises are limited, else a quarter of it. */
static struct error *mm_compute_batch(struct engine *e, uint64_t mode)
{
	uint64_t cpus = system_cpus(e->k, "present"), ram = variable(e, e->areas.totalram_pages, e->k->arch->pointer_size);
	uint64_t batch = ram / cpus / (mode == OVERCOMMIT_NEVER ? 256 : 4), least = cpus * 2 > 32 ? cpus * 2 : 32;
	batch = batch > INT32_MAX ? INT32_MAX : batch < least ? least : batch;
	return kernel_write_uint(e->k, e->areas.vm_committed_as_batch, 4, batch);
}

/* sync_overcommit_as() on each CPU: what they kept of the count to themselves. */
static struct error *sync_overcommit_as(struct engine *e)
{
	struct kernel *k = e->k;
	struct object o;
	int64_t sum;
	TRY(object_open_writable(k, e->areas.vm_committed_as, S_percpu_counter, &o));
	if (!percpu_counter_sum(k, o.addr, &sum))
		return error_at(ERR_BAD_OBJECT, o.addr, "vm_committed_as cannot be read: %" PRIx64, o.addr);
	uint64_t counters = GET(k, &o, percpu_counter, counters);
	SET(k, &o, percpu_counter, count, (uint64_t)sum);
	for (unsigned cpu = 0; counters && cpu < k->cpus; cpu++)
		TRY(kernel_write_uint(k, percpu_ptr(k, counters, cpu), 4, 0));
	return NULL;
}

/* overcommit_policy_handler(), overcommit_ratio_handler() … (mm/util.c) */
struct error *overcommit_sysctl_write(struct engine *e, enum overcommit_sysctl which, uint64_t value)
{
	if (!symbol_addr(e->k, sysctls[which].symbol))
		return error_new(ERR_UNSUPPORTED, "this kernel has no %s", sysctls[which].symbol);
	if (value > (sysctls[which].is_word && e->k->arch->pointer_size == 8 ? INT64_MAX : INT32_MAX) ||
	    (which == SYSCTL_OVERCOMMIT_MEMORY && !e->classic && value > OVERCOMMIT_NEVER))
		return kernel_error(EINVAL, "%s cannot be %" PRIu64, overcommit_sysctl_name(which), value);
	/* The batch and the CPUs' parts follow the mode since 5.9. */
	if (which == SYSCTL_OVERCOMMIT_MEMORY && symbol_addr(e->k, "overcommit_policy_handler") && e->areas.vm_committed_as_batch) {
		TRY(mm_compute_batch(e, value));
		if (value == OVERCOMMIT_NEVER)
			TRY(sync_overcommit_as(e));
	}
	/* Ratio and kbytes: what was set last counts. */
	if (which == SYSCTL_OVERCOMMIT_RATIO)
		TRY(store(e, SYSCTL_OVERCOMMIT_KBYTES, 0));
	if (which == SYSCTL_OVERCOMMIT_KBYTES)
		TRY(store(e, SYSCTL_OVERCOMMIT_RATIO, 0));
	return store(e, which, value);
}
