/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pids of tasks (kernel/pid.c): numbers from a namespace's tree (since 4.15), or from its bitmap and a hash table; what hangs on a struct pid.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/list_edit.h"
#include "mm/engine/pid_edit.h"

#define RESERVED_PIDS 300u /* below these no number is given again */
#define LEVELS_MAX    32u  /* MAX_PID_NS_LEVEL */

/* The kernel's number for it; -1: it has no such one (a thread group's, until 4.19). */
static int pid_type(const struct engine *e, enum pid_kind kind)
{
	static const char *const names[] = { "PIDTYPE_PID", "PIDTYPE_TGID", "PIDTYPE_PGID", "PIDTYPE_SID" };
	static const int plain[] = { 0, -1, 1, 2 };
	int64_t type, first;
	if (enumerator_find(e->k, names[kind], &type) && type >= 0 && type < 8)
		return (int)type;
	return enumerator_find(e->k, names[PID_OF_TASK], &first) ? -1 : plain[kind];
}

/* ---- Numbers ---- */

static struct error *pid_max(struct engine *e, uint64_t *max)
{
	*max = 32768;
	return symbol_addr(e->k, "pid_max") ? kernel_read_symbol(e->k, "pid_max", 4, max) : NULL;
}

/* idr_alloc_cyclic(): the first free one from the cursor on, then from RESERVED_PIDS on. */
static struct error *number_from_tree(struct engine *e, const struct object *ns, uint64_t idr, uint32_t wanted, uint64_t *number)
{
	struct kernel *k = e->k;
	uint64_t max, cursor = GET(k, ns, pid_namespace, idr_next), least = cursor > RESERVED_PIDS ? RESERVED_PIDS : 1;
	TRY(pid_max(e, &max));
	*number = wanted ? wanted : cursor > least ? cursor : least;
	TRY(idr_next_free(e, idr, number));
	if (wanted)
		return *number == wanted && wanted < max ? NULL : kernel_error(wanted < max ? EEXIST : EINVAL, wanted < max ? "pid %u is in use" : "no pid is as large as %u", wanted);
	if (*number >= max) {
		*number = least;
		TRY(idr_next_free(e, idr, number));
		if (*number >= max)
			return kernel_error(EAGAIN, "every pid is in use");
	}
	SET(k, ns, pid_namespace, idr_next, *number + 1);
	return NULL;
}

#define BITS_PER_PAGE (8ull * VMCORE_PAGE_SIZE)

/* The bitmap's page that has the number, made when there is none. */
static struct error *pidmap_page(struct engine *e, const struct object *ns, uint64_t number, uint64_t *map, uint64_t *page)
{
	struct kernel *k = e->k;
	const struct member *maps = &k->members[M_pid_namespace_pidmap];
	*map = ns->addr + maps->offset + number / BITS_PER_PAGE * maps->stride;
	TRY(kernel_get(k, *map, M_pidmap_page, page));
	if (*page)
		return NULL;
	TRY(get_zeroed_page(e, GFP24_KERNEL, page));
	return kernel_write_pointer(k, *map + OFFSET(k, pidmap, page), *page);
}

static struct error *flip_bit(struct engine *e, uint64_t map, uint64_t page, uint64_t number, bool set)
{
	struct kernel *k = e->k;
	uint64_t at = page + number % BITS_PER_PAGE / 8, byte, left;
	TRY(kernel_read_uint(k, at, 1, &byte));
	TRY(kernel_write_uint(k, at, 1, set ? byte | 1u << number % 8 : byte & ~(1u << number % 8)));
	TRY(kernel_get(k, map, M_pidmap_nr_free, &left));
	return kernel_write_uint(k, map + OFFSET(k, pidmap, nr_free), 4, set ? left - 1 : left + 1);
}

/* alloc_pidmap(): the one after last_pid. */
static struct error *number_from_bitmap(struct engine *e, const struct object *ns, uint32_t wanted, uint64_t *number)
{
	struct kernel *k = e->k;
	uint64_t max, last = GET(k, ns, pid_namespace, last_pid), map, page, byte;
	TRY(pid_max(e, &max));
	if (wanted >= max)
		return kernel_error(EINVAL, "no pid is as large as %u", wanted);
	if (max > BITS_PER_PAGE * k->members[M_pid_namespace_pidmap].count)
		return error_at(ERR_BAD_OBJECT, ns->addr, "pid_max is %" PRIu64 ", more than the bitmap holds", max);
	*number = wanted ? wanted : last + 1;
	for (uint64_t tries = 0; tries <= max; tries++, ++*number) {
		if (*number >= max)
			*number = RESERVED_PIDS;
		TRY(pidmap_page(e, ns, *number, &map, &page));
		TRY(kernel_read_uint(k, page + *number % BITS_PER_PAGE / 8, 1, &byte));
		if (byte >> *number % 8 & 1) {
			if (wanted)
				return kernel_error(EEXIST, "pid %u is in use", wanted);
			continue;
		}
		SET(k, ns, pid_namespace, last_pid, *number);
		return flip_bit(e, map, page, *number, true);
	}
	return kernel_error(EAGAIN, "every pid is in use");
}

/* ---- The hash table, until 4.15 ---- */

static struct error *hash_bucket(struct engine *e, uint64_t number, uint64_t ns, uint64_t *bucket)
{
	struct kernel *k = e->k;
	uint64_t table, bits;
	TRY(kernel_read_symbol(k, "pid_hash", 0, &table));
	TRY(kernel_read_symbol(k, "pidhash_shift", 4, &bits));
	if (!bits || bits > 24)
		return error_new(ERR_BAD_OBJECT, "a hash table of pids of 2^%" PRIu64 " buckets", bits);
	/* hash_long(): GOLDEN_RATIO_PRIME_64, until 4.7 */
	*bucket = table + ((number + ns) * 0x9e37fffffffc0001ull >> (64 - bits)) * k->arch->pointer_size;
	return NULL;
}

/* ---- struct pid ---- */

static uint64_t upid_at(const struct engine *e, uint64_t pid, unsigned level)
{
	return pid + OFFSET(e->k, pid, numbers) + (uint64_t)level * SIZE_OF(e->k, upid);
}

/* Enters the number of one level. */
static struct error *enter(struct engine *e, uint64_t pid, unsigned level, uint64_t ns_addr, uint32_t wanted, uint64_t *number)
{
	struct kernel *k = e->k;
	struct object ns;
	uint64_t upid = upid_at(e, pid, level), bucket = 0;
	TRY(object_open_writable(k, ns_addr, S_pid_namespace, &ns));
	bool tree = HAS(k, pid_namespace, idr_head);
	if (tree) {
		uint64_t idr = MEMBER_ADDR(k, &ns, pid_namespace, idr_head);
		TRY(number_from_tree(e, &ns, idr, wanted, number));
		TRY(idr_insert(e, idr, *number, pid));
		ADD(k, &ns, pid_namespace, pid_allocated, 1);
	} else {
		TRY(number_from_bitmap(e, &ns, wanted, number));
		TRY(hash_bucket(e, *number, ns_addr, &bucket));
		TRY(hlist_add(k, upid + OFFSET(k, upid, pid_chain), bucket));
		ADD(k, &ns, pid_namespace, nr_hashed, 1);
	}
	TRY(kernel_write_uint(k, upid + OFFSET(k, upid, nr), 4, *number));
	return kernel_write_pointer(k, upid + OFFSET(k, upid, ns), ns_addr);
}

static struct error *check(struct engine *e)
{
	TRY(members_require(e->k, "pids of this kernel are not made", M_pid_tasks, M_pid_count, M_pid_level, M_pid_numbers, M_upid_nr, M_upid_ns, M_pid_namespace_pid_cachep,
			    M_pid_namespace_parent, MEMBER_NONE));
	if (!HAS(e->k, pid_namespace, idr_head) && (!HAS(e->k, pid_namespace, pidmap) || !HAS(e->k, upid, pid_chain)))
		return error_new(ERR_UNSUPPORTED, "where this kernel keeps its pids is not known");
	return NULL;
}

/* The number goes of one of its namespaces. *cache: that one's for struct pid. */
static struct error *leave(struct engine *e, uint64_t pid, unsigned i, uint64_t *cache)
{
	struct kernel *k = e->k;
	struct object ns;
	uint64_t nr, space, map, page, upid = upid_at(e, pid, i);
	TRY(kernel_get(k, upid, M_upid_nr, &nr));
	TRY(kernel_get(k, upid, M_upid_ns, &space));
	TRY(object_open_writable(k, space, S_pid_namespace, &ns));
	*cache = GET(k, &ns, pid_namespace, pid_cachep);
	if (HAS(k, pid_namespace, idr_head)) {
		ADD(k, &ns, pid_namespace, pid_allocated, -1);
		return idr_remove(e, MEMBER_ADDR(k, &ns, pid_namespace, idr_head), nr);
	}
	TRY(hlist_del(k, upid + OFFSET(k, upid, pid_chain)));
	ADD(k, &ns, pid_namespace, nr_hashed, -1);
	TRY(pidmap_page(e, &ns, nr, &map, &page));
	return flip_bit(e, map, page, nr, false);
}

/* Nobody has it: the namespaces above `level`, in which it is entered already, let it go, and it is freed. */
static struct error *give_up_pid(struct engine *e, uint64_t pid, unsigned entered, unsigned level, uint64_t cache)
{
	uint64_t unused;
	for (unsigned i = entered; i <= level; i++)
		TRY(leave(e, pid, i, &unused));
	return kmem_cache_free(e, cache, pid);
}

struct error *alloc_pid(struct engine *e, uint64_t like, uint32_t wanted, uint64_t *pid, uint32_t *number)
{
	struct kernel *k = e->k;
	struct object o;
	uint64_t level, ns, cache, nr = 0;
	TRY(check(e));
	TRY(kernel_get(k, like, M_pid_level, &level));
	if (level > LEVELS_MAX)
		return error_at(ERR_BAD_OBJECT, like, "no struct pid: %" PRIx64, like);
	TRY(kernel_read_pointer(k, upid_at(e, like, (unsigned)level) + OFFSET(k, upid, ns), &ns));
	TRY(kernel_get(k, ns, M_pid_namespace_pid_cachep, &cache));
	TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, pid));
	TRY(object_open_bytes_writable(k, *pid, OFFSET(k, pid, numbers) + (level + 1) * SIZE_OF(k, upid), &o));
	memset((void *)o.bytes, 0, o.size);
	SET(k, &o, pid, count, 1);
	SET(k, &o, pid, level, level);
	if (HAS(k, pid, wait_list)) {
		/* init_waitqueue_head(&pid->wait_pidfd) */
		uint64_t head = MEMBER_ADDR(k, &o, pid, wait_list);
		TRY(kernel_write_pointer(k, head, head));
		TRY(kernel_write_pointer(k, head + k->arch->pointer_size, head));
	}
	for (unsigned i = (unsigned)level + 1; i--;) {
		struct error *failure = enter(e, *pid, i, ns, i == level ? wanted : 0, &nr);
		if (failure)
			return failure->code == ERR_KERNEL ? error_worse(failure, give_up_pid(e, *pid, i + 1, (unsigned)level, cache)) : failure;
		TRY(kernel_get(k, ns, M_pid_namespace_parent, &ns));
	}
	/* What the kernel at large calls it. */
	*number = (uint32_t)nr;
	TRACE(e, "alloc_pid", wanted ? "the number that was asked for" : "the next number that is free", { "pid", *pid }, { "nr", nr });
	return NULL;
}

static struct error *free_pid(struct engine *e, uint64_t pid)
{
	struct kernel *k = e->k;
	struct object o;
	uint64_t cache = 0;
	TRY(object_open_writable(k, pid, S_pid, &o));
	for (uint64_t i = 0; i <= GET(k, &o, pid, level) && i <= LEVELS_MAX; i++)
		TRY(leave(e, pid, (unsigned)i, &cache));
	ADD(k, &o, pid, count, -1);
	/* A pidfd, or a lock's owner, may hold it longer. */
	return GET(k, &o, pid, count) ? NULL : kmem_cache_free(e, cache, pid);
}

/* ---- What hangs on it ---- */

static uint64_t link_of(const struct engine *e, const struct object *task, int type)
{
	return task->addr + OFFSET(e->k, task_struct, pid_links) + (uint64_t)type * e->k->members[M_task_struct_pid_links].stride;
}

/* Where the task says which struct pid it has: of its own; else in its signal_struct (since 4.19), or beside the link. */
static struct error *pid_pointer(struct engine *e, const struct object *task, enum pid_kind kind, uint64_t *at)
{
	struct kernel *k = e->k;
	int type = pid_type(e, kind);
	*at = 0;
	if (type < 0)
		return NULL;
	if (!HAS(k, task_struct, thread_pid))
		*at = link_of(e, task, type) + 2 * k->arch->pointer_size;
	else if (kind == PID_OF_TASK)
		*at = MEMBER_ADDR(k, task, task_struct, thread_pid);
	else if (HAS(k, signal_struct, pids) && GET(k, task, task_struct, signal))
		*at = GET(k, task, task_struct, signal) + OFFSET(k, signal_struct, pids) + (uint64_t)type * k->arch->pointer_size;
	return NULL;
}

struct error *task_pid(struct engine *e, const struct object *task, enum pid_kind kind, uint64_t *pid)
{
	uint64_t at, leader;
	struct object o = *task;
	*pid = 0;
	/* Until 4.19 the leader's is that of all its threads. */
	if (kind != PID_OF_TASK && !HAS(e->k, task_struct, thread_pid)) {
		leader = GET(e->k, task, task_struct, group_leader);
		TRY(object_open(e->k, leader, S_task_struct, &o));
	}
	TRY(pid_pointer(e, &o, kind, &at));
	return at ? kernel_read_pointer(e->k, at, pid) : NULL;
}

struct error *attach_pid(struct engine *e, const struct object *task, enum pid_kind kind, uint64_t pid)
{
	struct kernel *k = e->k;
	int type = pid_type(e, kind);
	uint64_t at;
	if (type < 0)
		return NULL;
	TRY(pid_pointer(e, task, kind, &at));
	if (at)
		TRY(kernel_write_pointer(k, at, pid));
	return hlist_add(k, link_of(e, task, type), pid + OFFSET(k, pid, tasks) + (uint64_t)type * k->arch->pointer_size);
}

struct error *detach_pid(struct engine *e, const struct object *task, enum pid_kind kind)
{
	struct kernel *k = e->k;
	int type = pid_type(e, kind);
	uint64_t at, pid, first;
	if (type < 0)
		return NULL;
	TRY(pid_pointer(e, task, kind, &at));
	TRY(at ? kernel_read_pointer(k, at, &pid) : NULL);
	TRY(hlist_del(k, link_of(e, task, type)));
	if (!at)
		return NULL;
	TRY(kernel_write_pointer(k, at, 0));
	for (unsigned i = 0; i < k->members[M_pid_tasks].count; i++) {
		TRY(kernel_read_pointer(k, pid + OFFSET(k, pid, tasks) + (uint64_t)i * k->arch->pointer_size, &first));
		if (first)
			return NULL;
	}
	return free_pid(e, pid);
}
