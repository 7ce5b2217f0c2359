/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of tasks. Three roads lead to a task, and all are walked: the run queues (idle tasks,
 * which stand on no list), the list of thread group leaders with each group's threads, and the pid
 * table of the initial namespace, which finds what a torn list has lost.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/state.h"
#include "mm/task.h"

/* include/linux/threads.h: PID_MAX_LIMIT on 64-bit; no image has more tasks. */
#define TASKS_MAX (4u << 20)
/* include/linux/sched.h */
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000

struct task_table {
	struct task *tasks;
	size_t count, room;
	uint32_t *slots; /* open addressing by address while building: index + 1 */
	size_t slot_count;
	const struct task *last; /* that task_by_addr() found */
	void **copies; /* task_structs that lie over scattered frames */
	size_t copy_count;
	/* permutations of tasks[] */
	uint32_t *by_addr, *by_stack, *by_mm;
	size_t idle_count;
	uint64_t stack_size, init;
	size_t from_pid_table; /* tasks that no list had */
	size_t pid_nodes;      /* of the pid table, seen so far */
	char damage[240];
};

void task_table_free(struct task_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->copy_count; i++)
		free(t->copies[i]);
	free(t->copies);
	free(t->tasks);
	free(t->slots);
	free(t->by_addr);
	free(t->by_stack);
	free(t->by_mm);
	free(t);
}

void tasks_forget(struct kernel *k)
{
	struct mm_state *s = mm_state(k);
	task_table_free(s->tasks);
	s->tasks = NULL;
}

__attribute__((format(printf, 2, 3))) static void damaged(struct task_table *t, const char *format,
							  ...)
{
	va_list ap;
	if (t->damage[0])
		return; /* the first one is the cause */
	va_start(ap, format);
	vsnprintf(t->damage, sizeof(t->damage), format, ap);
	va_end(ap);
}

/* ---- The set of addresses ---- */

static uint32_t *slot_of(const struct task_table *t, uint64_t addr)
{
	size_t mask = t->slot_count - 1, i = (addr >> 6) * 0x9e3779b97f4a7c15ull >> 20 & mask;
	while (t->slots[i] && t->tasks[t->slots[i] - 1].addr != addr)
		i = (i + 1) & mask;
	return &t->slots[i];
}

static bool is_known(const struct task_table *t, uint64_t addr)
{
	return t->slot_count && *slot_of(t, addr);
}

static struct error *no_memory(void)
{
	return error_new(ERR_NO_MEMORY, "out of memory");
}

static struct error *make_room(struct task_table *t)
{
	if (t->count < t->room)
		return NULL;
	if (t->count >= TASKS_MAX)
		return error_new(ERR_BAD_LIST, "more than %u tasks", TASKS_MAX);
	size_t room = t->room ? 2 * t->room : 256;
	struct task *tasks = realloc(t->tasks, room * sizeof(*tasks));
	if (!tasks)
		return no_memory();
	t->tasks = tasks;
	uint32_t *slots = calloc(4 * room, sizeof(*slots));
	if (!slots)
		return no_memory();
	free(t->slots);
	t->slots = slots;
	t->slot_count = 4 * room;
	t->room = room;
	for (size_t i = 0; i < t->count; i++)
		*slot_of(t, tasks[i].addr) = (uint32_t)i + 1;
	return NULL;
}

/* ---- One task ---- */

/* The bytes of a task_struct for as long as the table lives. */
static struct error *open_task(struct kernel *k, struct task_table *t, uint64_t addr,
			       struct object *o)
{
	uint32_t size = SIZE_OF(k, task_struct);
	const void *bytes = kernel_try_map(k, addr, size);
	if (!bytes) {
		void *copy = malloc(size);
		void **copies = realloc(t->copies, (t->copy_count + 1) * sizeof(*copies));
		if (copies)
			t->copies = copies;
		struct error *e = !copy || !copies ? no_memory() : kernel_read(k, addr, copy, size);
		if (e) {
			free(copy);
			return e;
		}
		t->copies[t->copy_count++] = copy;
		bytes = copy;
	}
	*o = (struct object){bytes, addr, size};
	return NULL;
}

static uint32_t task_cpu(struct kernel *k, const struct task *task)
{
	uint64_t cpu = 0;
	if (HAS(k, task_struct, cpu))
		return (uint32_t)GET(k, &task->object, task_struct, cpu);
	/* Before THREAD_INFO_IN_TASK (4.9 on x86) thread_info stood at the stack's end. */
	if (HAS(k, thread_info, cpu))
		error_drop(kernel_get(k, task->stack, M_thread_info_cpu, &cpu));
	return (uint32_t)cpu;
}

static void copy_comm(struct kernel *k, struct task *task)
{
	size_t len;
	const unsigned char *comm = object_bytes(k, &task->object, M_task_struct_comm, &len);
	if (!comm)
		return;
	if (len > sizeof(task->comm) - 1)
		len = sizeof(task->comm) - 1;
	memcpy(task->comm, comm, len);
	task->comm[len] = 0;
}

static bool is_pointer(struct kernel *k, uint64_t addr)
{
	return kernel_is_kernel_address(k, addr) && addr % k->arch->pointer_size == 0;
}

/*
 * What holds of every task but hardly of bytes that a stray pointer leads to. One sign that is
 * missing is a damaged task; two, and there was no task.
 */
static bool looks_like_task(struct kernel *k, const struct task *task)
{
	size_t len;
	const unsigned char *comm = object_bytes(k, &task->object, M_task_struct_comm, &len);
	unsigned missing = 0;
	missing += !comm || !memchr(comm, 0, len);
	missing += task->cpu >= k->cpus;
	missing += task->stack && (!is_pointer(k, task->stack) || task->stack % VMCORE_PAGE_SIZE);
	missing += task->mm && !is_pointer(k, task->mm);
	if (!task->is_idle) {
		missing += !task->pid || task->pid >= TASKS_MAX;
		missing += !task->tgid || task->tgid >= TASKS_MAX;
		missing += !is_pointer(k, task->parent);
		missing += HAS(k, task_struct, group_leader) && !is_pointer(k, task->group_leader);
	}
	return missing < 2;
}

/* Adds the task at addr unless it is known. ERR_BAD_OBJECT when no task_struct can stand there. */
static struct error *add_task(struct kernel *k, struct task_table *t, uint64_t addr, bool idle)
{
	if (is_known(t, addr))
		return NULL;
	if (!kernel_is_kernel_address(k, addr) || addr % k->arch->pointer_size)
		return error_at(ERR_BAD_OBJECT, addr, "no task_struct at %" PRIx64, addr);
	struct task task = {.addr = addr, .is_idle = idle};
	const struct object *o = &task.object;
	TRY(open_task(k, t, addr, &task.object));
	task.pid = (uint32_t)GET(k, o, task_struct, pid);
	task.tgid = HAS(k, task_struct, tgid) ? (uint32_t)GET(k, o, task_struct, tgid) : task.pid;
	task.mm = GET(k, o, task_struct, mm);
	task.active_mm = GET(k, o, task_struct, active_mm);
	task.stack = HAS(k, task_struct, stack) ? GET(k, o, task_struct, stack) : addr;
	task.parent = GET(k, o, task_struct, real_parent);
	task.group_leader = GET(k, o, task_struct, group_leader);
	task.is_leader = HAS(k, task_struct, group_leader) ? task.group_leader == addr
							   : task.pid == task.tgid;
	task.cpu = task_cpu(k, &task);
	copy_comm(k, &task);
	uint64_t flags = GET(k, o, task_struct, flags);
	bool ended = GET(k, o, task_struct, exit_state) || flags & PF_EXITING;
	task.is_kernel = idle || flags & PF_KTHREAD || (!task.mm && !ended);
	if (!looks_like_task(k, &task))
		return error_at(ERR_BAD_OBJECT, addr, "no task_struct at %" PRIx64, addr);
	TRY(make_room(t));
	t->tasks[t->count++] = task;
	*slot_of(t, addr) = (uint32_t)t->count;
	return NULL;
}

/* ---- The run queues: idle tasks and who runs ---- */

static struct error *add_idle_tasks(struct kernel *k, struct task_table *t)
{
	struct symbol rqs;
	bool have_rqs = symbol_find(k, "runqueues", &rqs) && HAS(k, rq, idle);
	/* CPU 0's is init_task, and needs no run queue to be found. */
	TRY(error_prefix(add_task(k, t, t->init, true), "init_task"));
	uint64_t old = have_rqs ? 0 : symbol_addr(k, "init_tasks"); /* 2.4: one pointer a CPU */
	for (unsigned cpu = 0; cpu < k->cpus && !interrupted(); cpu++) {
		uint64_t idle = 0;
		struct error *e = NULL;
		if (have_rqs)
			e = kernel_get(k, percpu_addr(k, rqs.addr, cpu), M_rq_idle, &idle);
		else if (old)
			e = kernel_read_pointer(k, old + (uint64_t)cpu * k->arch->pointer_size,
						&idle);
		if (!e && idle)
			e = add_task(k, t, idle, true);
		if (e) {
			damaged(t, "idle task of CPU %u: %s", cpu, e->message);
			error_free(e);
		}
	}
	return NULL;
}

static struct task *find_task(struct task_table *t, uint64_t addr)
{
	uint32_t *slot = t->slot_count ? slot_of(t, addr) : NULL;
	return slot && *slot ? &t->tasks[*slot - 1] : NULL;
}

static void mark_active(struct kernel *k, struct task_table *t)
{
	struct symbol rqs;
	if (symbol_find(k, "runqueues", &rqs) && HAS(k, rq, curr)) {
		for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
			uint64_t curr;
			if (error_drop(
				    kernel_get(k, percpu_addr(k, rqs.addr, cpu), M_rq_curr, &curr)))
				continue;
			struct task *task = find_task(t, curr);
			if (task) {
				task->is_active = true;
				task->cpu = cpu;
			} else if (curr) {
				damaged(t, "CPU %u's current task %" PRIx64 " is on no list", cpu,
					curr);
			}
		}
		return;
	}
	if (!HAS(k, task_struct, has_cpu))
		return;
	for (size_t i = 0; i < t->count; i++)
		t->tasks[i].is_active = GET(k, &t->tasks[i].object, task_struct, has_cpu) &&
					!GET(k, &t->tasks[i].object, task_struct, state);
}

/* ---- The lists ---- */

/*
 * Walks a circular list of task_structs from `head` (the address of a list_head) whose nodes stand
 * at `offset` in task_struct. Steps by `next`, an offset in the node; the way back, by `prev`, must
 * agree. Ends at the head, when it goes in circles, or at what cannot be read.
 */
static struct error *walk_list(struct kernel *k, struct task_table *t, uint64_t head,
			       uint64_t offset, uint32_t next, uint32_t prev, const char *what,
			       bool *whole)
{
	uint64_t node, before = head, back;
	size_t steps = 0;
	bool agrees = true;
	struct error *e = kernel_read_pointer(k, head + next, &node);
	*whole = false;
	while (!e) {
		if (prev != next && !error_drop(kernel_read_pointer(k, node + prev, &back)) &&
		    back != before) {
			damaged(t, "%s is torn: %" PRIx64 " does not lead back to %" PRIx64, what,
				node, before);
			agrees = false;
		}
		if (node == head)
			break;
		before = node;
		TRY(check_interrupt());
		/* A list with as many steps as there can be tasks goes round without its head. */
		if (!node || ++steps > TASKS_MAX || (steps > 2 * t->count + 16)) {
			damaged(t, "%s %s", what, node ? "loops" : "ends in NULL");
			return NULL;
		}
		e = add_task(k, t, node - offset, false);
		if (!e)
			e = kernel_read_pointer(k, node + next, &node);
	}
	if (e) {
		if (e->code == ERR_NO_MEMORY)
			return e;
		damaged(t, "%s is torn: %s", what, e->message);
		error_free(e);
		return NULL;
	}
	*whole = agrees;
	return NULL;
}

/* The list of all thread groups, forward, and where it is torn, backward for the rest. */
static struct error *walk_leaders(struct kernel *k, struct task_table *t)
{
	uint64_t offset = 0, head = t->init;
	/* 2.4: pointers from task_struct to task_struct, threads included */
	uint32_t next = OFFSET(k, task_struct, next_task);
	uint32_t prev = HAS(k, task_struct, prev_task) ? OFFSET(k, task_struct, prev_task) : next;
	bool whole;
	if (HAS(k, task_struct, tasks)) {
		offset = OFFSET(k, task_struct, tasks);
		head += offset;
		next = OFFSET(k, list_head, next);
		prev = OFFSET(k, list_head, prev);
	}
	TRY(walk_list(k, t, head, offset, next, prev, "the task list", &whole));
	if (!whole && prev != next)
		TRY(walk_list(k, t, head, offset, prev, next, "the task list", &whole));
	return NULL;
}

/* The threads of each leader found so far (threads are found behind them, and have no list of their
 * own to walk). */
static struct error *walk_threads(struct kernel *k, struct task_table *t)
{
	size_t leaders = t->count;
	uint32_t next = OFFSET(k, list_head, next), prev = OFFSET(k, list_head, prev);
	bool whole;
	char what[64];
	for (size_t i = 0; i < leaders; i++) {
		struct task leader = t->tasks[i];
		if (leader.is_idle && leader.addr != t->init)
			continue;
		snprintf(what, sizeof(what), "the thread list of pid %u", leader.pid);
		uint64_t signal = GET(k, &leader.object, task_struct, signal);
		if (HAS(k, signal_struct, thread_head) && HAS(k, task_struct, thread_node)) {
			/* NULL once the leader is being released (__exit_signal) */
			if (signal)
				TRY(walk_list(k, t, signal + OFFSET(k, signal_struct, thread_head),
					      OFFSET(k, task_struct, thread_node), next, prev, what,
					      &whole));
		} else if (HAS(k, task_struct, thread_group)) {
			uint64_t offset = OFFSET(k, task_struct, thread_group);
			TRY(walk_list(k, t, leader.addr + offset, offset, next, prev, what,
				      &whole));
		}
	}
	return NULL;
}

/* ---- The pid table ---- */

/* The tasks of one struct pid: tasks[PIDTYPE_PID] heads a list of at most one task, by its first
 * pid_link's node. */
static struct error *add_by_pid(struct kernel *k, struct task_table *t, uint64_t pid)
{
	uint64_t link;
	if (error_drop(kernel_read_pointer(k, pid + OFFSET(k, pid, tasks), &link)) || !link)
		return NULL; /* no task: a pid that lives on as a session or group, or a pidfd's */
	uint64_t task = link - OFFSET(k, task_struct, pid_links);
	if (is_known(t, task))
		return NULL;
	struct error *e = add_task(k, t, task, false);
	if (!e)
		t->from_pid_table++;
	else if (e->code == ERR_NO_MEMORY)
		return e;
	error_free(e);
	return NULL;
}

/* lib/radix-tree.c, lib/xarray.c: an entry whose low two bits are 01 (radix tree) or 10 (XArray)
 * and that is large is a node. */
static struct error *walk_pid_tree(struct kernel *k, struct task_table *t, uint64_t entry,
				   unsigned above)
{
	struct object node;
	TRY(check_interrupt());
	if (entry <=
	    4096) /* nothing, or an entry of the tree's own (XA_ZERO_ENTRY, XA_RETRY_ENTRY) */
		return NULL;
	if (!(entry & 3) && kernel_is_kernel_address(k, entry))
		return add_by_pid(k, t, entry);
	if (!kernel_is_kernel_address(k, entry) ||
	    !object_try_open(k, entry & ~3ull, S_xa_node, &node)) {
		damaged(t, "the pid table has an entry that leads nowhere: %" PRIx64, entry);
		return NULL;
	}
	unsigned shift = (unsigned)GET(k, &node, xa_node, shift);
	/* Shifts fall with every level, so a tree that loops comes to an end; one whose branches
	 * grow together again would come to it late. */
	if (shift >= above || ++t->pid_nodes > TASKS_MAX) {
		damaged(t, "the pid table's node %" PRIx64 " is damaged", node.addr);
		return NULL;
	}
	uint32_t slots = k->members[M_xa_node_slots].count;
	for (uint32_t i = 0; i < slots; i++) {
		uint64_t slot = object_get_element(k, &node, M_xa_node_slots, i);
		if (slot)
			TRY(walk_pid_tree(k, t, slot, shift));
	}
	return NULL;
}

static struct error *walk_pid_table(struct kernel *k, struct task_table *t)
{
	uint64_t ns = symbol_addr(k, "init_pid_ns"), head;
	if (!ns || !HAS(k, pid_namespace, idr_head) || !HAS(k, pid, tasks) ||
	    !HAS(k, task_struct, pid_links) || !HAS(k, xa_node, shift) || !HAS(k, xa_node, slots))
		return NULL;
	struct error *e = kernel_get(k, ns, M_pid_namespace_idr_head, &head);
	if (e) {
		damaged(t, "the pid table: %s", e->message);
		error_free(e);
		return NULL;
	}
	return walk_pid_tree(k, t, head, 64);
}

/* ---- Order and look-up ---- */

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_tasks(const void *va, const void *vb)
{
	const struct task *a = va, *b = vb;
	if (a->is_idle != b->is_idle)
		return a->is_idle ? -1 : 1;
	if (a->is_idle && a->cpu != b->cpu)
		return compare_u64(a->cpu, b->cpu);
	if (a->pid != b->pid)
		return compare_u64(a->pid, b->pid);
	return compare_u64(a->addr, b->addr);
}

static int compare_by(const void *va, const void *vb, void *context)
{
	const uint32_t *a = va, *b = vb;
	const struct task_table *t = ((void **)context)[0];
	size_t offset = *(size_t *)((void **)context)[1];
	uint64_t x, y;
	memcpy(&x, (const char *)&t->tasks[*a] + offset, sizeof(x));
	memcpy(&y, (const char *)&t->tasks[*b] + offset, sizeof(y));
	return x != y ? compare_u64(x, y) : compare_u64(*a, *b);
}

static uint32_t *index_by(const struct task_table *t, size_t offset)
{
	uint32_t *index = malloc((t->count + 1) * sizeof(*index));
	void *context[2] = {(void *)t, &offset};
	if (!index)
		abort();
	for (size_t i = 0; i < t->count; i++)
		index[i] = (uint32_t)i;
	qsort_r(index, t->count, sizeof(*index), compare_by, context);
	return index;
}

static uint64_t key_at(const struct task_table *t, const uint32_t *index, size_t i, size_t offset)
{
	uint64_t key;
	memcpy(&key, (const char *)&t->tasks[index[i]] + offset, sizeof(key));
	return key;
}

/* The number of tasks whose key is less than `key` (or not greater, with `past`). */
static size_t lower_bound(const struct task_table *t, const uint32_t *index, size_t offset,
			  uint64_t key, bool past)
{
	size_t low = 0, high = t->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t at = key_at(t, index, middle, offset);
		if (at < key || (past && at == key))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t stack_size_of(struct kernel *k)
{
	/* INIT_TASK_DATA in include/asm-generic/vmlinux.lds.h: the first stack, between two symbols
	 * that were renamed in 6.10 */
	static const char *const bounds[][2] = {{"__start_init_stack", "__end_init_stack"},
						{"__start_init_task", "__end_init_task"}};
	for (size_t i = 0; i < 2; i++) {
		uint64_t start = symbol_addr(k, bounds[i][0]), end = symbol_addr(k, bounds[i][1]);
		uint64_t size = end - start;
		if (start && end > start && size <= 1u << 20 && !(size & (size - 1)) &&
		    size >= VMCORE_PAGE_SIZE)
			return size;
	}
	/* THREAD_SIZE of x86 otherwise: 16 KiB since 3.15 on x86_64, 8 KiB on i386 */
	return k->arch->pointer_size == 8 ? 16384 : 8192;
}

static void set_parents(struct kernel *k, struct task_table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		/* Who happened to bring a CPU up is no parent of its idle task (fork_idle() leaves
		 * real_parent as it is). */
		if (t->tasks[i].is_idle) {
			t->tasks[i].parent = t->init;
			continue;
		}
		const struct task *parent = find_task(t, t->tasks[i].parent);
		uint64_t tgid = 0;
		if (parent)
			tgid = parent->tgid;
		else if (HAS(k, task_struct, tgid))
			error_drop(kernel_get(k, t->tasks[i].parent, M_task_struct_tgid, &tgid));
		t->tasks[i].ppid = (uint32_t)tgid;
	}
}

static struct error *build(struct kernel *k, struct task_table *t)
{
	TRY(members_require(k, "tasks", M_task_struct_pid, M_task_struct_comm, M_task_struct_mm,
			    M_task_struct_state, MEMBER_NONE));
	if (!HAS(k, task_struct, tasks) && !HAS(k, task_struct, next_task))
		return error_new(ERR_UNSUPPORTED, "tasks: this kernel has no task_struct.tasks");
	t->init = symbol_addr(k, "init_task");
	if (!t->init)
		t->init = symbol_addr(k, "init_task_union"); /* i386 before 2.6 */
	if (!t->init)
		return error_new(ERR_NO_SYMBOL, "no such symbol: init_task");
	t->stack_size = stack_size_of(k);
	TRY(add_idle_tasks(k, t));
	TRY(walk_leaders(k, t));
	TRY(walk_threads(k, t));
	TRY(walk_pid_table(k, t));
	mark_active(k, t);
	set_parents(k, t);
	qsort(t->tasks, t->count, sizeof(*t->tasks), compare_tasks);
	free(t->slots);
	t->slots = NULL;
	t->slot_count = 0;
	while (t->idle_count < t->count && t->tasks[t->idle_count].is_idle)
		t->idle_count++;
	t->by_addr = index_by(t, offsetof(struct task, addr));
	if (t->from_pid_table && !t->damage[0])
		damaged(t, "%zu task%s found in the pid table only, not on the task list",
			t->from_pid_table, t->from_pid_table == 1 ? "" : "s");
	return NULL;
}

static struct error *table(struct kernel *k, struct task_table **out)
{
	struct mm_state *s = mm_state(k);
	if (!s->tasks) {
		struct task_table *t = calloc(1, sizeof(*t));
		if (!t)
			return no_memory();
		struct error *e = build(k, t);
		if (e) {
			task_table_free(t);
			return e;
		}
		s->tasks = t;
	}
	*out = s->tasks;
	return NULL;
}

/* The same, for questions whose answer is "none" where there are no tasks. */
static struct task_table *try_table(struct kernel *k)
{
	struct task_table *t = NULL;
	return error_drop(table(k, &t)) ? NULL : t;
}

struct error *tasks_count(struct kernel *k, size_t *count)
{
	struct task_table *t = NULL;
	*count = 0;
	TRY(table(k, &t));
	*count = t->count;
	return NULL;
}

const struct task *tasks_get(struct kernel *k, size_t index)
{
	const struct task_table *t = try_table(k);
	return t && index < t->count ? &t->tasks[index] : NULL;
}

const char *tasks_damage(struct kernel *k)
{
	const struct task_table *t = try_table(k);
	return t && t->damage[0] ? t->damage : NULL;
}

const struct task *task_by_addr(struct kernel *k, uint64_t addr)
{
	struct task_table *t = try_table(k);
	size_t offset = offsetof(struct task, addr);
	if (!t)
		return NULL;
	if (t->last && t->last->addr == addr)
		return t->last;
	size_t i = lower_bound(t, t->by_addr, offset, addr, false);
	if (i == t->count || key_at(t, t->by_addr, i, offset) != addr)
		return NULL;
	t->last = &t->tasks[t->by_addr[i]];
	return t->last;
}

const struct task *task_by_pid(struct kernel *k, uint64_t pid)
{
	const struct task_table *t = try_table(k);
	if (!t || !t->count)
		return NULL;
	if (!pid)
		return t->tasks[0].is_idle ? &t->tasks[0] : NULL;
	size_t low = t->idle_count, high = t->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (t->tasks[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < t->count && t->tasks[low].pid == pid ? &t->tasks[low] : NULL;
}

const struct task *task_holding(struct kernel *k, uint64_t addr)
{
	struct task_table *t = try_table(k);
	if (!t || !t->count)
		return NULL;
	size_t i = lower_bound(t, t->by_addr, offsetof(struct task, addr), addr, true);
	if (i && addr - t->tasks[t->by_addr[i - 1]].addr < SIZE_OF(k, task_struct))
		return &t->tasks[t->by_addr[i - 1]];
	if (!t->by_stack)
		t->by_stack = index_by(t, offsetof(struct task, stack));
	i = lower_bound(t, t->by_stack, offsetof(struct task, stack), addr, true);
	if (!i)
		return NULL;
	const struct task *task = &t->tasks[t->by_stack[i - 1]];
	return task->stack && addr - task->stack < t->stack_size ? task : NULL;
}

const struct task *task_of_mm(struct kernel *k, uint64_t mm, size_t index)
{
	struct task_table *t = try_table(k);
	if (!t || !mm)
		return NULL;
	if (!t->by_mm)
		t->by_mm = index_by(t, offsetof(struct task, mm));
	size_t i = lower_bound(t, t->by_mm, offsetof(struct task, mm), mm, false);
	if (index >= t->count - i || t->tasks[t->by_mm[i + index]].mm != mm)
		return NULL;
	return &t->tasks[t->by_mm[i + index]];
}

uint64_t task_stack_size(struct kernel *k)
{
	const struct task_table *t = try_table(k);
	return t ? t->stack_size : stack_size_of(k);
}

/* ---- Who ran ---- */

const struct task *task_active(struct kernel *k, unsigned cpu)
{
	const struct task_table *t = try_table(k);
	for (size_t i = 0; t && i < t->count; i++) {
		if (t->tasks[i].is_active && t->tasks[i].cpu == cpu)
			return &t->tasks[i];
	}
	return NULL;
}

void task_mark_active(struct kernel *k, const struct task *task)
{
	struct task_table *t = try_table(k);
	for (size_t i = 0; t && i < t->count; i++) {
		if (t->tasks[i].cpu == task->cpu)
			t->tasks[i].is_active = &t->tasks[i] == task;
	}
}

const struct task *task_panic(struct kernel *k)
{
	/* kernel/panic.c: panic_cpu is -1 until somebody panics; arch/x86/kernel/reboot.c:
	 * crashing_cpu the same */
	static const char *const cpus[] = {"panic_cpu", "crashing_cpu"};
	for (size_t i = 0; i < 2; i++) {
		uint64_t cpu;
		if (!error_drop(kernel_read_symbol(k, cpus[i], 4, &cpu)) && cpu < k->cpus &&
		    task_active(k, (unsigned)cpu))
			return task_active(k, (unsigned)cpu);
	}
	return NULL;
}

const struct task *task_default(struct kernel *k)
{
	const struct task *task = task_panic(k);
	if (!task)
		task = task_active(k, 0);
	if (!task)
		task = task_by_pid(k, 1);
	return task ? task : tasks_get(k, 0);
}
