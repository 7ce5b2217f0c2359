/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linux-3.19-x86_64's types: struct page where gcc puts the members of its declaration (include/linux/mm_types.h, CONFIG_HAVE_CMPXCHG_DOUBLE and
 * CONFIG_TRANSPARENT_HUGEPAGE), and struct task_struct's members in the order of theirs (include/linux/sched.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/sim/programs.h"
#include "mm/sim/types.h"

struct list_head {
	struct list_head *next, *prev;
};
struct callback_head {
	struct callback_head *next;
	void (*func)(struct callback_head *);
};
typedef struct {
	int counter;
} atomic_t;

struct page {
	unsigned long flags;
	union {
		void *mapping;
		void *s_mem;
	};
	struct {
		union {
			unsigned long index;
			void *freelist;
			bool pfmemalloc;
		};
		union {
			unsigned long counters;
			struct {
				union {
					atomic_t _mapcount;
					struct {
						unsigned inuse : 16, objects : 15, frozen : 1;
					};
					int units;
				};
				atomic_t _count;
			};
			unsigned int active;
		};
	};
	union {
		struct list_head lru;
		struct {
			struct page *next;
			int pages;
			int pobjects;
		};
		void *slab_page;
		struct callback_head callback_head;
		void *pmd_huge_pte;
	};
	union {
		unsigned long private;
		void *slab_cache;
		struct page *first_page;
	};
} __attribute__((aligned(16)));

static const struct layout *layout(void)
{
	size_t len;
	const char *text = sim_types("linux-3.19-x86_64", &len);
	return types_parse(8, text, len, NULL);
}

static void test_page(void **state)
{
#define AT(member)                                                                     \
	{                                                                              \
		#member, offsetof(struct page, member), sizeof(((struct page *)0)->member) \
	}
	static const struct {
		const char *name;
		size_t offset, size;
	} members[] = {
		AT(flags), AT(mapping), AT(s_mem), AT(index), AT(freelist), AT(pfmemalloc), AT(counters), AT(_mapcount), AT(units), AT(_count), AT(active),
		AT(lru), AT(next), AT(pages), AT(pobjects), AT(slab_page), AT(callback_head), AT(pmd_huge_pte), AT(private), AT(slab_cache), AT(first_page),
	};
#undef AT
	static const struct {
		const char *name;
		unsigned bit, bits;
	} fields[] = { { "inuse", 0, 16 }, { "objects", 16, 15 }, { "frozen", 31, 1 } };
	const struct layout *l = layout();
	struct layout_place p;
	assert_int_equal(layout_size(l, "page"), sizeof(struct page));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		assert_true(layout_path(l, "page", members[i].name, &p));
		if (p.offset != members[i].offset || p.size != members[i].size)
			fail_msg("page.%s: %u bytes at %u", members[i].name, p.size, p.offset);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_true(layout_path(l, "page", fields[i].name, &p));
		assert_int_equal(p.offset * 8 + p.bit, 24 * 8 + fields[i].bit);
		assert_int_equal(p.bits, fields[i].bits);
	}
	/* no memory cgroup's pointer */
	assert_false(layout_path(l, "page", "mem_cgroup", &p));
	types_free(l);
}

static void test_task(void **state)
{
	static const char *const members[] = {
		"state", "stack", "usage", "flags", "ptrace", "wake_entry", "on_cpu", "last_wakee", "wakee_flips", "wakee_flip_decay_ts", "wake_cpu", "on_rq", "prio",
		"static_prio", "normal_prio", "rt_priority", "sched_class", "se", "rt", "dl", "policy", "nr_cpus_allowed", "cpus_allowed", "tasks",
		"pushable_tasks", "pushable_dl_tasks", "mm", "active_mm", "vmacache_seqnum", "vmacache", "rss_stat", "exit_state", "exit_code", "exit_signal",
		"pdeath_signal", "jobctl", "personality", "atomic_flags", "pid", "tgid", "stack_canary", "real_parent", "parent", "children", "sibling",
		"group_leader", "ptraced", "ptrace_entry", "pids", "thread_group", "thread_node", "vfork_done", "set_child_tid", "clear_child_tid", "utime",
		"stime", "utimescaled", "stimescaled", "gtime", "prev_cputime", "nvcsw", "nivcsw", "start_time", "real_start_time", "min_flt", "maj_flt",
		"cputime_expires", "cpu_timers", "real_cred", "cred", "comm", "link_count", "total_link_count", "sysvsem", "sysvshm", "thread", "fs", "files",
		"nsproxy", "signal", "sighand", "blocked", "real_blocked", "saved_sigmask", "pending", "sas_ss_sp", "sas_ss_size", "notifier", "notifier_data",
		"notifier_mask", "task_works", "audit_context", "seccomp", "parent_exec_id", "self_exec_id", "alloc_lock", "pi_lock", "pi_waiters",
		"pi_waiters_leftmost", "pi_blocked_on", "journal_info", "bio_list", "plug", "reclaim_state", "backing_dev_info", "io_context", "ptrace_message",
		"last_siginfo", "ioac", "robust_list", "pi_state_list", "pi_state_cache", "mempolicy", "il_next", "pref_node_fork", "rcu",
		"splice_pipe", "task_frag", "nr_dirtied", "nr_dirtied_pause", "dirty_paused_when", "timer_slack_ns", "default_timer_slack_ns",
	};
	const struct layout *l = layout();
	uint32_t end = 0;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct layout_place p;
		const char *name = members[i];
		if (!layout_path(l, "task_struct", name, &p))
			fail_msg("no task_struct.%s", name);
		if (p.offset < end)
			fail_msg("task_struct.%s is at %u, before the end of the one before it", name, p.offset);
		end = p.offset + p.size;
	}
	assert_true(end <= layout_size(l, "task_struct"));
	types_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_page), cmocka_unit_test(test_task) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
