/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the scheduler keeps of an address space, and of each task in it: numbers of those that run at once (kernel/sched/core.c: mm_cid, since 6.4), and which cache they share
 * (kernel/sched/fair.c: sched_cache_group, since 7.2).
 */
#include <inttypes.h>

#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/percpu_edit.h"

#define MM_CID_UNSET UINT32_MAX /* until 7.0 */

/* ---- Numbers of tasks that run at once ---- */

/* The bits of them stand behind the mm_struct: the CPUs that it was used on; (since 7.0) those that it may use; the numbers that are had. */
struct tail {
	uint64_t cpus, allowed, cids; /* allowed: 0: none */
	uint32_t mask, cid_mask;      /* bytes */
};

static struct error *open_tail(struct engine *e, const struct object *mm, struct tail *t)
{
	struct kernel *k = e->k;
	uint64_t size, words = ((uint64_t)k->cpus + 63) / 64 * 8, left;
	bool allowed = HAS(k, mm_struct, cid_users);
	*t = (struct tail){ .cpus = mm->addr + SIZE_OF(k, mm_struct) };
	TRY(kernel_get(k, e->mm_cachep, M_kmem_cache_object_size, &size));
	left = size > SIZE_OF(k, mm_struct) ? size - SIZE_OF(k, mm_struct) : 0;
	if (left > 4096 || (allowed && left < words + 16))
		return error_at(ERR_BAD_OBJECT, e->mm_cachep, "an mm_struct of %" PRIu64 " bytes", size);
	t->mask = (uint32_t)(allowed ? (left - words) / 2 : HAS(k, mm_struct, pcpu_cid) ? left / 2 : left);
	t->allowed = allowed ? t->cpus + t->mask : 0;
	t->cids = t->cpus + t->mask * (allowed ? 2u : 1u);
	t->cid_mask = (uint32_t)(left - t->mask * (allowed ? 2u : 1u));
	return NULL;
}

static struct error *set_bytes(struct engine *e, uint64_t at, uint32_t len, const unsigned char *from)
{
	struct object o;
	if (!len)
		return NULL;
	TRY(object_open_bytes_writable(e->k, at, len, &o));
	if (from)
		memcpy((void *)o.bytes, from, len);
	else
		memset((void *)o.bytes, 0, len);
	return NULL;
}

/* mm_init_cid() */
static struct error *init_cid(struct engine *e, const struct object *mm, const struct tail *t)
{
	struct kernel *k = e->k;
	static const enum member_id zero[] = {
		M_mm_struct_cid_mode, M_mm_struct_cid_max, M_mm_struct_cid_users, M_mm_struct_cid_pcpu_thrs, M_mm_struct_cid_deferred, M_mm_struct_cid_user_list,
	};
	uint64_t own;
	struct object task;
	TRY(alloc_percpu(e, SIZE_OF(k, mm_cid), HAS(k, mm_struct, cid_users) ? 64 : 8, &own));
	SET(k, mm, mm_struct, pcpu_cid, own);
	if (!HAS(k, mm_struct, cid_users)) {
		for (unsigned cpu = 0; cpu < k->cpus; cpu++)
			TRY(kernel_write_uint(k, percpu_ptr(k, own, cpu) + OFFSET(k, mm_cid, cid), 4, MM_CID_UNSET));
		return NULL;
	}
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		object_set(k, mm, zero[i], 0);
	TRY(list_init(k, MEMBER_ADDR(k, mm, mm_struct, cid_work)));
	TRY(object_open(k, e->task ? e->task : e->init_task, S_task_struct, &task));
	SET(k, mm, mm_struct, cid_allowed, GET(k, &task, task_struct, nr_cpus_allowed));
	return set_bytes(e, t->allowed, t->mask, task.bytes + OFFSET(k, task_struct, cpus_mask));
}

/* ---- The cache that tasks share ---- */

/* mm_init_sched() */
static struct error *init_cache_group(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t own, at, epoch = 0, now, rqs = symbol_addr(k, "runqueues");
	struct object group;
	TRY(alloc_percpu(e, SIZE_OF(k, sched_cache_time), 8, &own));
	struct error *failure = kmalloc(e, SIZE_OF(k, sched_cache_group), GFP24_KERNEL, &at);
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, free_percpu(e, own)) : failure;
	for (unsigned cpu = 0; cpu < k->cpus && rqs; cpu++) {
		TRY(kernel_get(k, percpu_addr(k, rqs, cpu), M_rq_cpu_epoch, &epoch));
		TRY(kernel_write_uint(k, percpu_ptr(k, own, cpu) + OFFSET(k, sched_cache_time, epoch), k->arch->pointer_size, epoch));
	}
	TRY(object_open_writable(k, at, S_sched_cache_group, &group));
	TRY(kernel_read_uint(k, e->jiffies, k->arch->pointer_size, &now));
	memset((void *)group.bytes, 0, group.size);
	SET(k, &group, sched_cache_group, epoch, epoch);
	SET(k, &group, sched_cache_group, cpu, UINT64_MAX);
	SET(k, &group, sched_cache_group, next_scan, now);
	SET(k, &group, sched_cache_group, refcnt, 1);
	SET(k, &group, sched_cache_group, pcpu_sched, own);
	SET(k, mm, mm_struct, sched_cache_grp, at);
	return NULL;
}

static struct error *put_cache_group(struct engine *e, uint64_t group)
{
	uint64_t left, own;
	if (!group)
		return NULL;
	TRY(add_count(e, group, S_sched_cache_group, M_sched_cache_group_refcnt, -1, &left));
	if (left)
		return NULL;
	TRY(kernel_get(e->k, group, M_sched_cache_group_pcpu_sched, &own));
	TRY(free_percpu(e, own));
	return kfree(e, group);
}

/* ---- An address space made and dropped ---- */

struct error *mm_alloc_sched(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	struct tail tail;
	TRY(open_tail(e, mm, &tail));
	TRY(set_bytes(e, tail.cpus, (uint32_t)(tail.cids - tail.cpus) + tail.cid_mask, NULL));
	if (HAS(k, mm_struct, pcpu_cid))
		TRY(init_cid(e, mm, &tail));
	if (!HAS(k, mm_struct, sched_cache_grp))
		return NULL;
	struct error *failure = init_cache_group(e, mm);
	if (failure && failure->code == ERR_KERNEL && HAS(k, mm_struct, pcpu_cid))
		return error_worse(failure, free_percpu(e, GET(k, mm, mm_struct, pcpu_cid)));
	return failure;
}

struct error *mm_destroy_sched(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	if (HAS(k, mm_struct, sched_cache_grp)) {
		TRY(put_cache_group(e, GET(k, mm, mm_struct, sched_cache_grp)));
		SET(k, mm, mm_struct, sched_cache_grp, 0);
	}
	if (!HAS(k, mm_struct, pcpu_cid))
		return NULL;
	TRY(free_percpu(e, GET(k, mm, mm_struct, pcpu_cid)));
	SET(k, mm, mm_struct, pcpu_cid, 0);
	return NULL;
}

/* ---- A task of it ---- */

static struct error *refuse_cid(const struct object *task, const char *what)
{
	return error_at(ERR_UNSUPPORTED, task->addr, "numbers of tasks that run at once (mm_cid) would go from %s: that is not followed", what);
}

/* __mm_update_max_cids(); an error where tasks' numbers would become the CPUs', or the other way round. */
static struct error *update_max_cids(struct engine *e, const struct object *mm, const struct object *task)
{
	struct kernel *k = e->k;
	uint64_t allowed = GET(k, mm, mm_struct, cid_allowed), users = GET(k, mm, mm_struct, cid_users), best = allowed < users ? allowed : users, most = best + best / 4;
	most = most < k->cpus ? most : k->cpus;
	SET(k, mm, mm_struct, cid_deferred, 0);
	SET(k, mm, mm_struct, cid_max, most);
	if (!GET(k, mm, mm_struct, cid_mode))
		return users > most ? refuse_cid(task, "tasks to CPUs") : NULL;
	return users < GET(k, mm, mm_struct, cid_pcpu_thrs) ? refuse_cid(task, "CPUs to tasks") : NULL;
}

/* The lowest number that nobody has. */
static struct error *get_cid(struct engine *e, const struct object *mm, uint32_t *cid)
{
	struct tail tail;
	TRY(open_tail(e, mm, &tail));
	for (uint32_t word = 0; word < tail.cid_mask / 8; word++) {
		uint64_t v;
		TRY(kernel_read_uint(e->k, tail.cids + word * 8ull, 8, &v));
		if (v == UINT64_MAX)
			continue;
		*cid = word * 64 + (uint32_t)__builtin_ctzll(~v);
		return kernel_write_uint(e->k, tail.cids + word * 8ull, 8, v | 1ull << (*cid % 64));
	}
	return error_at(ERR_BAD_OBJECT, mm->addr, "all numbers of tasks that run at once are had");
}

static struct error *put_cid(struct engine *e, const struct object *mm, uint32_t cid)
{
	struct tail tail;
	uint64_t v;
	TRY(open_tail(e, mm, &tail));
	if (cid / 8 >= tail.cid_mask)
		return error_at(ERR_BAD_OBJECT, mm->addr, "no task can have the number %u among those that run at once", cid);
	TRY(kernel_read_uint(e->k, tail.cids + cid / 64 * 8ull, 8, &v));
	return kernel_write_uint(e->k, tail.cids + cid / 64 * 8ull, 8, v & ~(1ull << (cid % 64)));
}

#define CID_TRANSIT 0x20000000u /* include/linux/rseq_types.h: on its way between task and CPU; numbers of CPUs, and none, have higher bits */
#define CID_UNSET   0x80000000u

static struct error *cid_fork(struct engine *e, const struct object *task, const struct object *mm)
{
	struct kernel *k = e->k;
	uint32_t cid = 0;
	if (!HAS(k, mm_struct, pcpu_cid))
		return NULL;
	SET(k, task, task_struct, cid_active, 1);
	if (!HAS(k, mm_struct, cid_users))
		return NULL;
	bool first = !GET(k, mm, mm_struct, cid_users);
	TRY(hlist_add(k, MEMBER_ADDR(k, task, task_struct, cid_node), MEMBER_ADDR(k, mm, mm_struct, cid_user_list)));
	ADD(k, mm, mm_struct, cid_users, 1);
	TRY(update_max_cids(e, mm, task));
	if (GET(k, mm, mm_struct, cid_mode))
		return NULL;
	TRY(get_cid(e, mm, &cid));
	SET(k, task, task_struct, cid, cid);
	return first ? kernel_write_uint(k, percpu_ptr(k, GET(k, mm, mm_struct, pcpu_cid), e->cpu) + OFFSET(k, mm_cid, cid), 4, cid) : NULL;
}

static struct error *cid_exit(struct engine *e, const struct object *task, const struct object *mm)
{
	struct kernel *k = e->k;
	uint32_t cid = (uint32_t)GET(k, task, task_struct, cid);
	if (!HAS(k, mm_struct, pcpu_cid) || !GET(k, task, task_struct, cid_active))
		return NULL;
	SET(k, task, task_struct, cid_active, 0);
	if (!HAS(k, mm_struct, cid_users)) {
		SET(k, task, task_struct, cid, UINT64_MAX);
		SET(k, task, task_struct, cid_last, UINT64_MAX);
		return NULL;
	}
	cid &= ~CID_TRANSIT;
	if (cid < CID_TRANSIT)
		TRY(put_cid(e, mm, cid));
	SET(k, task, task_struct, cid, CID_UNSET);
	TRY(hlist_del(k, MEMBER_ADDR(k, task, task_struct, cid_node)));
	ADD(k, mm, mm_struct, cid_users, -1);
	/* What the last one leaves nobody looks at. */
	return GET(k, mm, mm_struct, cid_users) ? update_max_cids(e, mm, task) : NULL;
}

struct error *sched_mm_fork(struct engine *e, const struct object *task, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t now;
	if (HAS(k, task_struct, sched_cache_grp)) {
		SET(k, task, task_struct, sched_cache_grp, GET(k, mm, mm_struct, sched_cache_grp));
		TRY(add_count(e, GET(k, mm, mm_struct, sched_cache_grp), S_sched_cache_group, M_sched_cache_group_refcnt, 1, &now));
	}
	return cid_fork(e, task, mm);
}

/* sched_cache_exit_mm(), sched_mm_cid_exit() */
struct error *sched_mm_exit(struct engine *e, const struct object *task, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t group = GET(k, task, task_struct, sched_cache_grp), pages = GET(k, task, task_struct, total_numa_faults);
	struct object o;
	if (HAS(k, task_struct, sched_cache_grp) && group) {
		TRY(object_open_writable(k, group, S_sched_cache_group, &o));
		uint64_t footprint = GET(k, &o, sched_cache_group, footprint);
		SET(k, &o, sched_cache_group, footprint, footprint - (pages < footprint ? pages : footprint));
		SET(k, task, task_struct, sched_cache_grp, 0);
		TRY(put_cache_group(e, group));
	}
	return cid_exit(e, task, mm);
}
