/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The task table in the forms that kernels have had, what is wrong with its lists, states, resident
 * sets, registers.
 */
#include "tests/unit/small_kernel.h"

#include <stdio.h>
#include <unistd.h>

#include "mm/regs.h"
#include "mm/task.h"

#define TASK(i)	  (SMALL_BASE + 0x100000 + 0x400ull * (i))
#define SIGNAL(i) (SMALL_BASE + 0x200000 + 0x100ull * (i))
#define STACK(i)  (SMALL_BASE + 0x300000 + 0x4000ull * (i))
#define PID(i)	  (SMALL_BASE + 0x400000 + 0x100ull * (i))
#define PID_NS	  (SMALL_BASE + 0x500000)
#define MM	  (SMALL_BASE + 0x510000)
#define PERCPU	  0x520000ull
#define XA_NODE	  (SMALL_BASE + 0x530000)

/* Offsets in our task_struct */
enum {
	STATE = 0,
	EXIT_STATE = 8,
	STACK_AT = 16,
	FLAGS = 24,
	CPU = 28,
	TASKS = 32,
	MM_AT = 48,
	ACTIVE_MM = 56,
	PID_AT = 64,
	TGID = 68,
	PARENT = 72,
	LEADER = 80,
	SIGNAL_AT = 88,
	NODE = 96,
	COMM = 112,
	LINKS = 128,
	RSS = 160,
	SIZE = 512
};

enum {
	THREAD_HEAD = 1,
	THREAD_GROUP = 2,
	PID_TABLE = 4,
	OLD_STATE = 8,
	SPLIT_RSS = 16,
	PERCPU_RSS = 32,
	FRED = 64
};

static struct kernel *k;

static void add_symbols(void)
{
	char path[] = "/tmp/test_task.XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	assert_non_null(f);
	fprintf(f, "%lx D init_task\n%lx D init_pid_ns\n", (unsigned long)TASK(0),
		(unsigned long)PID_NS);
	fclose(f);
	assert_success(symbols_open_file(k, path));
	unlink(path);
}

static void add_counters(struct small_types *t)
{
	btf__add_enum(t->btf, NULL, 4);
	btf__add_enum_value(t->btf, "MM_FILEPAGES", 0);
	btf__add_enum_value(t->btf, "MM_ANONPAGES", 1);
	btf__add_enum_value(t->btf, "MM_SWAPENTS", 2);
	btf__add_enum_value(t->btf, "MM_SHMEMPAGES", 3);
}

static void make(unsigned forms)
{
	struct small_types t = small_types_new();
	int list =
		small_struct(&t, "list_head", 16, "next", t.pointer, 0, "prev", t.pointer, 8, NULL);
	int s32 = btf__add_int(t.btf, "int", 4, BTF_INT_SIGNED);
	int s64 = btf__add_int(t.btf, "long", 8, BTF_INT_SIGNED);
	int comm = small_array(&t, t.u8, 16), links = small_array(&t, list, 2);
	int parts =
		small_struct(&t, "task_rss_stat", 16, "count", small_array(&t, s32, 4), 0, NULL);
	int sums = small_struct(&t, "mm_rss_stat", 32, "count", small_array(&t, s64, 4), 0, NULL);
	int counter = small_struct(&t, "percpu_counter", 40, "count", s64, 8, "counters", t.pointer,
				   32, NULL);
	int counters = small_array(&t, counter, 4);
	int slots = small_array(&t, t.pointer, 64), heads = small_array(&t, t.pointer, 4);
	int xa = small_struct(&t, "xarray", 16, "xa_head", t.pointer, 8, NULL);
	int idr = small_struct(&t, "idr", 24, "idr_rt", xa, 0, NULL);

	add_counters(&t);
	small_struct(&t, "task_struct", SIZE, forms & OLD_STATE ? "state" : "__state",
		     forms & OLD_STATE ? s64 : t.u32, STATE, "exit_state", s32, EXIT_STATE, "stack",
		     t.pointer, STACK_AT, "flags", t.u32, FLAGS, "cpu", t.u32, CPU, "tasks", list,
		     TASKS, "mm", t.pointer, MM_AT, "active_mm", t.pointer, ACTIVE_MM, "pid", s32,
		     PID_AT, "tgid", s32, TGID, "real_parent", t.pointer, PARENT, "group_leader",
		     t.pointer, LEADER, "signal", t.pointer, SIGNAL_AT,
		     forms & THREAD_GROUP ? "thread_group" : "thread_node", list, NODE, "comm",
		     comm, COMM, forms & OLD_STATE ? "pids" : "pid_links", links, LINKS,
		     forms & SPLIT_RSS ? "rss_stat" : NULL, parts, RSS, NULL);
	small_struct(&t, "signal_struct", 64, forms & THREAD_HEAD ? "thread_head" : NULL, list, 16,
		     NULL);
	small_struct(&t, "pid", 64, "tasks", heads, 16, NULL);
	if (forms & PID_TABLE) {
		small_struct(&t, "xa_node", 576, "shift", t.u8, 0, "slots", slots, 40, NULL);
		small_struct(&t, "pid_namespace", 64, "idr", idr, 0, NULL);
	}
	if (forms & PERCPU_RSS)
		small_struct(&t, "mm_struct", 512, "rss_stat", counters, 64, NULL);
	else
		small_struct(&t, "mm_struct", 512, "rss_stat", sums, 64, "pgd", t.pointer, 128,
			     NULL);
	small_struct(&t, "pt_regs", 168, "ip", t.u64, 128, "cs", t.u64, 136, "sp", t.u64, 152, "ss",
		     t.u64, 160, NULL);
	if (forms & FRED)
		small_struct(&t, "fred_frame", 184, "info", t.u64, 168, NULL);
	k = small_kernel_new(&t);
	k->cpus = 2;
	k->percpu_offset = calloc(2, sizeof(*k->percpu_offset));
	k->percpu_offset[0] = SMALL_BASE;
	k->percpu_offset[1] = SMALL_BASE + 0x1000;
	add_symbols();
}

static int teardown(void **state)
{
	small_kernel_free(k);
	return 0;
}

/* ---- Tasks by hand ---- */

static void task(unsigned i, unsigned pid, unsigned tgid, unsigned parent, const char *comm)
{
	poke64(k, TASK(i) + STACK_AT, STACK(i));
	poke(k, TASK(i) + PID_AT, pid, 4);
	poke(k, TASK(i) + TGID, tgid, 4);
	poke64(k, TASK(i) + PARENT, TASK(parent));
	poke64(k, TASK(i) + LEADER, TASK(i));
	poke64(k, TASK(i) + SIGNAL_AT, SIGNAL(i));
	assert_success(kernel_write(k, TASK(i) + COMM, comm, strlen(comm) + 1));
}

/* A circle of list_heads. */
static void circle(size_t count, const uint64_t *nodes)
{
	for (size_t i = 0; i < count; i++) {
		poke64(k, nodes[i], nodes[(i + 1) % count]);
		poke64(k, nodes[(i + 1) % count] + 8, nodes[i]);
	}
}

/* init_task, init, two processes, a thread of the second: tasks 0, 1, 2, 3, and 4. */
static void five_tasks(bool thread_heads)
{
	task(0, 0, 0, 0, "swapper");
	task(1, 1, 1, 0, "init");
	task(2, 5, 5, 1, "five");
	task(3, 7, 7, 2, "seven");
	task(4, 8, 7, 2, "thread");
	poke64(k, TASK(4) + LEADER, TASK(3));
	poke64(k, TASK(4) + SIGNAL_AT, SIGNAL(3));
	for (unsigned i = 1; i < 5; i++)
		poke64(k, TASK(i) + MM_AT, MM);
	circle(4, (uint64_t[]){TASK(0) + TASKS, TASK(1) + TASKS, TASK(2) + TASKS, TASK(3) + TASKS});
	for (unsigned i = 0; i < 4; i++) {
		uint64_t head = SIGNAL(i) + 16, own = TASK(i) + NODE, thread = TASK(4) + NODE;
		if (thread_heads)
			circle(i == 3 ? 3 : 2, (uint64_t[]){head, own, thread});
		else
			circle(i == 3 ? 2 : 1, (uint64_t[]){own, thread});
	}
}

static void expect_pids(size_t count, const unsigned *pids)
{
	size_t n;
	assert_success(tasks_count(k, &n));
	assert_int_equal(n, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(tasks_get(k, i)->pid, pids[i]);
	assert_null(tasks_get(k, count));
}

static void expect_five(void)
{
	expect_pids(5, (unsigned[]){0, 1, 5, 7, 8});
}

/* ---- Tests ---- */

static void found_by_thread_heads(void **state)
{
	make(THREAD_HEAD);
	five_tasks(true);
	expect_five();
	assert_null(tasks_damage(k));
	const struct task *t = task_by_pid(k, 8);
	assert_ptr_equal(t, task_by_addr(k, TASK(4)));
	assert_int_equal(t->tgid, 7);
	assert_int_equal(t->ppid, 5);
	assert_false(t->is_leader);
	assert_false(t->is_kernel);
	assert_string_equal(t->comm, "thread");
	assert_true(task_by_pid(k, 7)->is_leader);
	assert_true(task_by_pid(k, 0)->is_idle);
	assert_true(task_by_pid(k, 0)->is_kernel);
	assert_null(task_by_pid(k, 6));
	assert_null(task_by_addr(k, TASK(4) + 8));
	assert_ptr_equal(task_holding(k, TASK(4) + 8), t);
	assert_ptr_equal(task_holding(k, STACK(4)), t);
	assert_ptr_equal(task_holding(k, STACK(4) + 0x3fff), t);
	assert_null(task_holding(k, STACK(4) + 0x4000));
	/* threads of one mm, in order */
	assert_int_equal(task_of_mm(k, MM, 0)->pid, 1);
	assert_int_equal(task_of_mm(k, MM, 3)->pid, 8);
	assert_null(task_of_mm(k, MM, 4));
	assert_null(task_of_mm(k, MM + 8, 0));
	/* nobody is known to run: pid 1 it is */
	assert_int_equal(task_default(k)->pid, 1);
}

static void found_by_thread_groups(void **state)
{
	make(THREAD_GROUP);
	five_tasks(false);
	expect_five();
	assert_null(tasks_damage(k));
}

static void list_goes_round_without_its_head(void **state)
{
	make(THREAD_HEAD);
	five_tasks(true);
	poke64(k, TASK(3) + TASKS, TASK(1) + TASKS);
	expect_five();
	assert_non_null(tasks_damage(k));
}

static void torn_list_is_walked_from_both_ends(void **state)
{
	make(THREAD_HEAD);
	five_tasks(true);
	poke64(k, TASK(1) + TASKS, 0);
	expect_five();
	assert_non_null(strstr(tasks_damage(k), "the task list"));
	/* a node that leads out of memory: the same */
	poke64(k, TASK(1) + TASKS, SMALL_BASE + SMALL_RAM);
	tasks_forget(k);
	expect_five();
	assert_non_null(tasks_damage(k));
}

static void skipped_tasks_are_noticed(void **state)
{
	make(THREAD_HEAD);
	five_tasks(true);
	poke64(k, TASK(0) + TASKS,
	       TASK(3) + TASKS); /* goes on and ends well, but the ways back disagree */
	expect_five();
	assert_non_null(tasks_damage(k));
}

static void stray_pointer_is_no_task(void **state)
{
	make(THREAD_HEAD);
	five_tasks(true);
	poke64(k, TASK(2) + TASKS, SMALL_BASE + 0x600000); /* zeroes */
	expect_five();
	assert_non_null(tasks_damage(k));
}

static void hidden_task_is_in_the_pid_table(void **state)
{
	make(THREAD_HEAD | PID_TABLE);
	five_tasks(true);
	for (unsigned i = 1; i < 5; i++)
		poke64(k, PID(i) + 16, TASK(i) + LINKS);
	poke(k, XA_NODE, 0, 1);
	poke64(k, PID_NS + 8, XA_NODE | 2);
	const unsigned pids[] = {0, 1, 5, 7, 8};
	for (unsigned i = 1; i < 5; i++)
		poke64(k, XA_NODE + 40 + 8 * pids[i], PID(i));
	expect_five();
	assert_null(tasks_damage(k));
	circle(3, (uint64_t[]){TASK(0) + TASKS, TASK(1) + TASKS, TASK(3) + TASKS});
	tasks_forget(k);
	expect_five();
	assert_non_null(strstr(tasks_damage(k), "1 task found in the pid table only"));
	/* a node that is its own child comes to an end */
	poke64(k, XA_NODE + 40, XA_NODE | 2);
	tasks_forget(k);
	expect_five();
}

static void no_tasks_at_all(void **state)
{
	size_t n;
	make(THREAD_HEAD);
	poke64(k, TASK(0) + STACK_AT, 3);
	poke64(k, TASK(0) + MM_AT, 3);
	assert_error(tasks_count(k, &n), ERR_BAD_OBJECT);
	assert_int_equal(n, 0);
	assert_null(tasks_get(k, 0));
	assert_null(task_by_pid(k, 0));
	assert_null(task_default(k));
}

static void expect_state(uint32_t bits, uint32_t exit, const char *brief, const char *full)
{
	char text[160];
	poke(k, TASK(1) + STATE, bits, 4);
	poke(k, TASK(1) + EXIT_STATE, exit, 4);
	const struct task *t = task_by_pid(k, 1);
	assert_string_equal(task_state_short(k, t), brief);
	task_state_long(k, t, text, sizeof(text));
	assert_string_equal(text, full);
}

static void states(void **state)
{
	make(THREAD_HEAD);
	five_tasks(true);
	expect_state(0, 0, "RU", "TASK_RUNNING");
	expect_state(1, 0, "IN", "TASK_INTERRUPTIBLE");
	expect_state(0x2001, 0, "IN", "TASK_INTERRUPTIBLE|TASK_FREEZABLE");
	expect_state(2, 0, "UN", "TASK_UNINTERRUPTIBLE");
	expect_state(0x402, 0, "ID", "TASK_UNINTERRUPTIBLE|TASK_NOLOAD");
	expect_state(0x102, 0, "UN", "TASK_UNINTERRUPTIBLE|TASK_WAKEKILL");
	expect_state(0x104, 0, "ST", "TASK_STOPPED|TASK_WAKEKILL");
	expect_state(8, 0, "TR", "TASK_TRACED");
	expect_state(0x40, 0, "PA", "TASK_PARKED");
	expect_state(0x80, 0x20, "ZO", "TASK_DEAD|EXIT_ZOMBIE");
	expect_state(0x80, 0x10, "DE", "TASK_DEAD|EXIT_DEAD");
	expect_state(0x200, 0, "WA", "TASK_WAKING");
	expect_state(0x800, 0, "NE", "TASK_NEW");
	expect_state(0x40000000, 0, "??", "0x40000000");
}

static void states_before_4_14(void **state)
{
	make(THREAD_GROUP | OLD_STATE);
	five_tasks(false);
	expect_state(0x200, 0, "PA", "TASK_PARKED");
	expect_state(0x40, 0x20, "ZO", "TASK_DEAD|EXIT_ZOMBIE");
	expect_state(0x100, 0, "WA", "TASK_WAKING");
}

static void expect_rss(int64_t file, int64_t anon, int64_t swap, int64_t shmem)
{
	struct mm_rss rss;
	assert_success(mm_rss(k, MM, &rss));
	assert_int_equal(rss.file, file);
	assert_int_equal(rss.anon, anon);
	assert_int_equal(rss.swap, swap);
	assert_int_equal(rss.shmem, shmem);
}

static void resident_with_each_tasks_part(void **state)
{
	make(THREAD_HEAD | SPLIT_RSS);
	five_tasks(true);
	for (unsigned i = 0; i < 4; i++)
		poke64(k, MM + 64 + 8 * i, 10 * (i + 1));
	poke(k, TASK(3) + RSS, 5, 4);
	poke(k, TASK(4) + RSS, 7, 4);
	poke(k, TASK(4) + RSS + 4, (uint32_t)-3, 4);
	poke(k, TASK(1) + RSS + 12, (uint32_t)-50, 4);
	expect_rss(22, 17, 30, 0); /* 40 - 50: shown as 0, as the kernel does */
}

static void resident_with_each_cpus_part(void **state)
{
	make(THREAD_HEAD | PERCPU_RSS);
	five_tasks(true);
	for (unsigned i = 0; i < 4; i++) {
		poke64(k, MM + 64 + 40 * i + 8, 100 * (i + 1));
		poke64(k, MM + 64 + 40 * i + 32, PERCPU + 4 * i);
		poke(k, SMALL_BASE + PERCPU + 4 * i, i, 4);
		poke(k, SMALL_BASE + 0x1000 + PERCPU + 4 * i, (uint32_t)-20, 4);
	}
	expect_rss(80, 181, 282, 383);
	poke64(k, MM + 64 + 32, 1ull << 50);
	struct mm_rss rss;
	assert_error(mm_rss(k, MM, &rss), ERR_NOT_MAPPED);
}

static void frame(uint64_t at, uint64_t ip)
{
	poke64(k, at + 128, ip);
	poke64(k, at + 136, 0x33);
	poke64(k, at + 160, 0x2b);
}

static void registers(void **state)
{
	struct object regs;
	make(THREAD_HEAD);
	five_tasks(true);
	frame(STACK(1) + 0x4000 - 168, 0x1234);
	assert_success(task_user_regs(k, task_by_pid(k, 1), &regs));
	assert_int_equal(GET(k, &regs, pt_regs, ip), 0x1234);
	/* no frame of user mode */
	assert_error(task_user_regs(k, task_by_pid(k, 5), &regs), ERR_BAD_OBJECT);
	/* a kernel thread has none to show, nor has a task without a stack */
	assert_error(task_user_regs(k, task_by_pid(k, 0), &regs), ERR_NOT_FOUND);
	poke64(k, TASK(1) + STACK_AT, 0);
	tasks_forget(k);
	assert_error(task_user_regs(k, task_by_pid(k, 1), &regs), ERR_NOT_FOUND);
}

static void registers_below_padding(void **state)
{
	struct object regs;
	make(THREAD_HEAD | FRED);
	five_tasks(true);
	frame(STACK(1) + 0x4000 - 16 - 168, 0x5678);
	assert_success(task_user_regs(k, task_by_pid(k, 1), &regs));
	assert_int_equal(GET(k, &regs, pt_regs, ip), 0x5678);
}

/* Three pages of user memory at 0x400000: there, swapped out, never touched. */
static void user_memory(void **state)
{
	enum { PGD = 0x600000, PUD = 0x601000, PMD = 0x602000, PTE = 0x603000, PAGE = 0x604000 };
	char bytes[64];
	const char *why;
	size_t got;

	make(THREAD_HEAD);
	five_tasks(true);
	poke64(k, MM + 128, SMALL_BASE + PGD);
	poke64(k, SMALL_BASE + PGD, PUD | 0x67);
	poke64(k, SMALL_BASE + PUD, PMD | 0x67);
	poke64(k, SMALL_BASE + PMD + 8 * 2, PTE | 0x67);
	poke64(k, SMALL_BASE + PTE, PAGE | 0x67);
	poke64(k, SMALL_BASE + PTE + 8, 0x1234500000000000);
	assert_success(kernel_write(k, SMALL_BASE + PAGE + 0xff0, "0123456789abcdef", 16));
	assert_success(mm_read_user(k, MM, 0x400ff0, bytes, 16, &got, &why));
	assert_int_equal(got, 16);
	assert_null(why);
	assert_memory_equal(bytes, "0123456789abcdef", 16);
	assert_success(mm_read_user(k, MM, 0x400ff8, bytes, 16, &got, &why));
	assert_int_equal(got, 8);
	assert_memory_equal(bytes, "89abcdef", 8);
	assert_string_equal(why, "swapped out");
	assert_success(mm_read_user(k, MM, 0x402000, bytes, 16, &got, &why));
	assert_int_equal(got, 0);
	assert_string_equal(why, "not mapped");
	poke64(k, SMALL_BASE + PTE, SMALL_RAM | 0x67); /* beyond the end of RAM */
	assert_error(mm_read_user(k, MM, 0x400000, bytes, 16, &got, &why), ERR_NOT_IN_IMAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(found_by_thread_heads, teardown),
		cmocka_unit_test_teardown(found_by_thread_groups, teardown),
		cmocka_unit_test_teardown(list_goes_round_without_its_head, teardown),
		cmocka_unit_test_teardown(torn_list_is_walked_from_both_ends, teardown),
		cmocka_unit_test_teardown(skipped_tasks_are_noticed, teardown),
		cmocka_unit_test_teardown(stray_pointer_is_no_task, teardown),
		cmocka_unit_test_teardown(hidden_task_is_in_the_pid_table, teardown),
		cmocka_unit_test_teardown(no_tasks_at_all, teardown),
		cmocka_unit_test_teardown(states, teardown),
		cmocka_unit_test_teardown(states_before_4_14, teardown),
		cmocka_unit_test_teardown(resident_with_each_tasks_part, teardown),
		cmocka_unit_test_teardown(resident_with_each_cpus_part, teardown),
		cmocka_unit_test_teardown(user_memory, teardown),
		cmocka_unit_test_teardown(registers, teardown),
		cmocka_unit_test_teardown(registers_below_padding, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
