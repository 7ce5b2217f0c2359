/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks that want to run while the dump is taken, more of them than there are CPUs: of every class, and in groups. They spin only then, so
 * that nothing else is slower for them.
 */
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

/* Not 0: spin. */
static int *spin;

static void futex(int what, int number)
{
	syscall(SYS_futex, spin, what, number, NULL, NULL, 0);
}

static void spin_when_told(void) __attribute__((noreturn));
static void spin_when_told(void)
{
	ready();
	for (;;) {
		futex(FUTEX_WAIT, 0);
		while (__atomic_load_n(spin, __ATOMIC_RELAXED))
			;
	}
}

/* The last CPU is the spinners'; the first is left to what has to go on. */
static void pin(int last)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(last ? sysconf(_SC_NPROCESSORS_ONLN) - 1 : 0, &set);
	must(sched_setaffinity(0, sizeof(set), &set));
}

static void spins_deadline(long number)
{
	set_policy(SCHED_DEADLINE, 0, 1000 + number, 4000, 4000);
	spin_when_told();
}

static void spins_realtime(long priority)
{
	pin(1);
	set_policy(priority % 2 ? SCHED_RR : SCHED_FIFO, priority, 0, 0, 0);
	spin_when_told();
}

static void spins_nice(long nice)
{
	pin(1);
	must(setpriority(PRIO_PROCESS, 0, nice));
	spin_when_told();
}

static void spins_policy(long policy)
{
	pin(1);
	set_policy(policy, 0, 0, 0, 0);
	spin_when_told();
}

/* With CONFIG_SCHED_AUTOGROUP a session is a group. */
static void spins_session(long unused)
{
	must(setsid());
	spins_nice(0);
}

static const char *const groups[] = {"/cgroup/busy", "/cgroup/busy/inner", "/cgroup/busy/inner/inmost"};

static void spins_group(long number)
{
	enter_group(groups[number]);
	spins_nice(number);
}

static void set_up_groups(void)
{
	/* A group of which others are part may have no tasks of its own: the inmost has them, and its neighbour. */
	put("/cgroup/cgroup.subtree_control", "+cpu");
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		char path[80];

		mkdir(groups[i], 0755);
		snprintf(path, sizeof(path), "%s/cgroup.subtree_control", groups[i]);
		if (i + 1 < sizeof(groups) / sizeof(groups[0]))
			put(path, "+cpu");
	}
	mkdir("/cgroup/busy/other", 0755);
}

static void spins_other(long unused)
{
	enter_group("/cgroup/busy/other");
	spins_nice(0);
}

void start_spinners(void)
{
	spin = changing_word(anonymous(4096, MAP_SHARED));
	set_up_groups();
	for (long i = 0; i < 3; i++)
		spawn("spins-deadline", spins_deadline, i);
	for (long priority = 10; priority < 14; priority++)
		spawn("spins-realtime", spins_realtime, priority);
	spawn("spins-realtime", spins_realtime, 10);
	spawn("spins-plain", spins_nice, 0);
	spawn("spins-nice", spins_nice, 15);
	spawn("spins-not-nice", spins_nice, -15);
	spawn("spins-batch", spins_policy, SCHED_BATCH);
	spawn("spins-idle", spins_policy, SCHED_IDLE);
	spawn("spins-session", spins_session, 0);
	spawn("spins-group", spins_group, 2);
	spawn("spins-group", spins_group, 2);
	spawn("spins-other", spins_other, 0);
}

void spinners_go(int go)
{
	cpu_set_t all;

	if (go) {
		/* Before all of them, or the facts could not be told any more. */
		set_policy(SCHED_DEADLINE, 0, 1000, 2000, 4000);
		__atomic_store_n(spin, 1, __ATOMIC_SEQ_CST);
		futex(FUTEX_WAKE, INT_MAX);
		return;
	}
	__atomic_store_n(spin, 0, __ATOMIC_SEQ_CST);
	set_policy(SCHED_OTHER, 0, 0, 0, 0);
	memset(&all, 0xff, sizeof(all));
	must(sched_setaffinity(0, sizeof(all), &all));
	/* Each of them goes to sleep again. */
	nanosleep(&(struct timespec){0, 300000000}, NULL);
}
