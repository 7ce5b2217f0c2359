/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The OOM killer's points on 2.4, worked out by hand. (Kernels with oom_score_adj are held against /proc/PID/oom_score, and against whom they
 * kill, by the guest tests.)
 */
#include "tests/unit/small_machine.h"

#include "mm/oom.h"
#include "mm/state.h"

static struct machine m;
static uint64_t one, two;

#define WRITE(object, structure, member, value) \
	ok(kernel_write_uint(m.k, (object) + OFFSET(m.k, structure, member), m.k->members[M_##structure##_##member].size, (value)))

static int setup(void **state)
{
	boot(&m, 32);
	one = new_process(&m);
	two = new_process(&m);
	for (int i = 0; i < 2; i++) {
		uint64_t task = i ? two : one;
		WRITE(task, task_struct, uid, 1000);
		WRITE(task, task_struct, euid, 1000);
		WRITE(task, task_struct, cap_effective, 0);
		WRITE(mm_of(&m, task), mm_struct, total_vm, 4096);
		WRITE(task, task_struct, start_time, 0);
	}
	ok(kernel_write_uint(m.k, m.e->jiffies, 4, 0));
	return 0;
}

static int teardown(void **state)
{
	shut_down(&m);
	return 0;
}

static int64_t points(uint64_t task)
{
	struct oom_points p;
	size_t count;
	mm_state_forget(m.k);
	ok(tasks_count(m.k, &count));
	ok(oom_badness(m.k, task_by_addr(m.k, task), &p));
	return p.points;
}

static void victim_is(uint64_t task)
{
	const struct task *victim;
	const char *why;
	mm_state_forget(m.k);
	ok(oom_select(m.k, &victim, &why));
	assert_null(why);
	assert_int_equal(victim->addr, task);
}

static void test_badness(void **state)
{
	assert_int_equal(points(one), 4096);
	/* 64 units of 10.24 s on the processor: by its root, which this kernel takes for 6. */
	WRITE(one, task_struct, utime, 64u << 10);
	assert_int_equal(points(one), 4096 / 6);
	WRITE(one, task_struct, utime, 4u << 10);
	assert_int_equal(points(one), 4096 / 2);
	WRITE(one, task_struct, utime, 0);
	/* 256 units of about 22 minutes since it began: by the root of the root: 12, and 3. */
	ok(kernel_write_uint(m.k, m.e->jiffies, 4, 256u << 17));
	assert_int_equal(points(one), 4096 / 3);
	WRITE(one, task_struct, nice, 5);
	assert_int_equal(points(one), 4096 / 3 * 2);
	WRITE(one, task_struct, euid, 0);
	assert_int_equal(points(one), 4096 / 3 * 2 / 4);
	WRITE(one, task_struct, cap_effective, 1u << 17);
	assert_int_equal(points(one), 4096 / 3 * 2 / 4 / 4);
}

static void test_choice(void **state)
{
	/* As many points: the first that the kernel comes to. */
	victim_is(one);
	WRITE(mm_of(&m, two), mm_struct, total_vm, 4097);
	victim_is(two);
	WRITE(two, task_struct, uid, 0);
	victim_is(one);
	/* Without a superuser's part, nothing. */
	WRITE(mm_of(&m, one), mm_struct, total_vm, 0);
	victim_is(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_badness, setup, teardown),
		cmocka_unit_test_setup_teardown(test_choice, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
