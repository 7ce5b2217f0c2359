/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernels that lack a member: members of core/members.def that an image has are taken away, one at a time, or those together that an option of the
 * kernel's configuration leaves out, and commands read the image and act on it. Each must say the same as before, or that this kernel has no such
 * member. An absent member reads as 0; code that takes this 0 for a fact shows itself by an answer that differs.
 *
 *   test_absent                              options, and some of the members, with some of the commands
 *   test_absent FLAVOUR|DUMP [MEMBER…]       all members, or those whose names begin so ("page.", "zone.vm_stat"), with all commands
 */
#include "tests/unit/random.h"
#include "tests/unit/small_machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/machine.h"
#include "cmd/session.h"
#include "core/out.h"
#include "mm/state.h"
#include "mm/task.h"
#include "mm/vma.h"

#define MEMBERS	 100 /* at random, of a machine: always the same */
#define PATIENCE 60 /* seconds for the commands of a member, with the slowest of builds */
#define COMMANDS 64
#define SOME	 5 /* commands for a member at random */

/* Memory of every kind, a family, swap. */
static const char *const setup[] = {
	"mkfile -z 256k /tmp/data", "mkfile -p pair /bin/pair", "swapon", "spawn -p 700 -e p", "mmap -c 700 -A 10000000000 64k", "touch -c 700 -w 10000000000 32k",
	"touch -c 700 -r 10000008000 8k", "mmap -c 700 -A 10000100000 -f /tmp/data 64k rw", "touch -c 700 -r 10000100000 32k", "touch -c 700 -w 10000100000 8k",
	"mmap -c 700 -A 10000200000 -s -f /tmp/data 64k rw", "touch -c 700 -w 10000200000 16k", "mmap -c 700 -A 10000400000 6M", "touch -c 700 -w 10000400000 4k",
	"touch -c 700 -r 10000600000 4k", "mmap -c 700 -A 10000a10000 -g 16k", "mmap -c 700 -A 10000b00000 -s 64k", "touch -c 700 -w 10000b00000 8k",
	"mlock -c 700 10000000000 8k", "fork -c 700 -p 701", "fork -c 701 -p 702", "touch -c 701 -w 10000000000 8k", "touch -c 702 -w 10000002000 8k",
	"reclaim 16", "trace on", NULL,
};

/* "act;command": both, the second only after the first was done. */
static const char *const of_machine[] = {
	"audit", "rmap -A", "rmap -A --scan", "rmap -v -c 700 10000000000", "rmap -v -c 700 10000100000", "smaps 700", "foreach smaps -r", "oom", "overcommit",
	"hugepages", "policy", "fault -n -c 700 -w 10000000000", "fault -n -c 701 -w 10000000000", "fault -n -c 700 -r 10000102000",
	"fault -n -c 702 -w 10000400000", "fault -n -c 700 -w 10000a0f000", "fault -c 700 -w 10000003000;audit", "fault -c 700 -r 10000009000;audit",
	"fault -c 700 -w 1000000a000;audit", "fault -c 702 -w 10000400000;audit", "fault -c 700 -w 10000600000;audit", "fault -c 700 -w 10000103000;audit",
	"fault -c 700 -w 10000204000;audit", "fault -c 700 -w 10000b04000;audit", "touch -c 700 -w 10000000000 64k;audit", "mmap -c 700 -A 10000800000 2M;audit",
	"munmap -c 700 10000002000 8k;audit", "munmap -c 702 10000400000 3M;audit", "mprotect -c 700 10000001000 8k r;audit",
	"mremap -c 700 -m 10000002000 56k 1M;audit", "madvise -c 700 10000002000 16k dontneed;audit", "madvise -c 700 10000002000 16k free;audit",
	"mlock -c 700 10000100000 16k;audit", "fork -c 700;audit", "exit-task 702;audit", "exit-task 700;audit", "exec -c 701 /bin/pair;audit",
	"spawn -e other;audit", "reclaim 64;audit", "oom -k;audit", NULL,
};

/* Of a process: its pid, the first of its areas, its first and its last that can be written. */
static const char *const of_dump[] = {
	"audit", "rmap -A", "smaps %p", "oom", "overcommit", "hugepages", "policy", "rmap -v -c %p %f", "rmap -v -c %p %w", "fault -n -c %p -r %f",
	"fault -n -c %p -w %w", "fault -c %p -w %l;audit", "mmap -c %p 64k;audit", "munmap -c %p %w 4k;audit", "fork -c %p;audit", "exit-task %p;audit", NULL,
};

/* What an option that is off leaves out; names of members begin so. */
static const struct configuration {
	const char *option, *members[16];
} configurations[] = {
	{"CONFIG_MEMCG", {"mem_cgroup", "page.mem_cgroup", "page.memcg_data", "obj_cgroup", "slabobj_ext", "slab.obj_cgroups", "list_lru.memcg_aware", "list_lru.xa_head",
			  "mm_struct.owner", "lru_gen_memcg"}},
	{"CONFIG_NUMA", {"vm_area_struct.vm_policy", "task_struct.mempolicy", "mempolicy", "memory_block.nid", "vm_area_struct.numab_state"}},
	{"CONFIG_TRANSPARENT_HUGEPAGE", {"pglist_data.deferred_split_queue", "deferred_split", "mm_struct.pmd_huge_pte", "page.pmd_huge_pte"}},
	{"CONFIG_KSM", {"ksm_", "mem_size_stats.ksm"}},
	{"CONFIG_MMU_NOTIFIER", {"mm_struct.notifiers"}},
	{"CONFIG_LRU_GEN", {"lruvec.lrugen", "lruvec.mm_state", "lru_gen", "mm_struct.lru_gen"}},
	{"CONFIG_SLUB_CPU_PARTIAL", {"slub_cpu.partial", "slab.next", "slab.slabs", "slab.pobjects", "kmem_cache.cpu_partial"}},
	{"CONFIG_SLUB_DEBUG", {"kmem_cache_node.nr_slabs", "kmem_cache_node.total_objects", "kmem_cache.red_left_pad"}},
	{"CONFIG_USERFAULTFD", {"vm_area_struct.vm_userfaultfd_ctx", "vm_area_struct.uffd_ctx"}},
	{"CONFIG_AIO", {"mm_struct.ioctx_table"}},
	{"CONFIG_TIME_NS", {"nsproxy.time_ns", "time_namespace"}},
	{"CONFIG_EPOLL", {"file.f_ep_links", "file.f_tfile_llink"}},
	{"CONFIG_SECURITY", {"file.f_security", "inode.i_security", "cred.security", "task_struct.security", "lsm_blob_sizes", "aa_"}},
	{"CONFIG_KEYS", {"cred.session_keyring", "cred.process_keyring", "cred.thread_keyring", "key."}},
	{"CONFIG_CGROUPS", {"task_struct.cgroups", "task_struct.cg_list", "css_set", "cgroup"}},
	{"CONFIG_IO_URING", {"task_struct.io_uring"}},
	{"CONFIG_TASK_DELAY_ACCT", {"task_struct.delays"}},
	{"CONFIG_PERF_EVENTS", {"task_struct.perf_event_list"}},
	{"CONFIG_RT_MUTEXES", {"task_struct.pi_state_list"}},
	{"CONFIG_SCHED_INFO", {"task_struct.last_arrival"}},
	{"CONFIG_ZONE_DEVICE", {"page.pgmap"}},
	{"PREEMPT_RT's semaphores", {"mm_struct.mmap_sem_list", "mm_struct.mmap_sem_count", "vma_lock.wait_list", "signal_struct.cred_guard_list",
				     "signal_struct.exec_update_list", "inode.i_rwsem_waiters", "inode.i_mmap_waiters", "anon_vma.rwsem_wait_list",
				     "mm_struct.context_lock_list"}},
};

/* Answers that may differ, of some command (NULL: of any), and why that is right. */
static const struct exception {
	const char *member, *command, *why;
} exceptions[] = {
	{"mem_size_stats.", NULL, "which lines smaps has"},
	{"mm_struct.data_vm", NULL, "fewer totals are checked"},
	{"mm_struct.exec_vm", NULL, "fewer totals are checked"},
	{"mm_struct.stack_vm", NULL, "fewer totals are checked"},
	{"mm_struct.shared_vm", NULL, "fewer totals are checked"},
	{"CONFIG_ZONE_DEVICE", NULL, "a census without pages of devices"},
	{"page.pgmap", NULL, "a census without pages of devices"},
	{"rq.idle", NULL, "a census without idle tasks' stacks"},
	{"task_struct.cpu", NULL, "a process on the first CPU"},
	{"mm_struct.rss_count", NULL, "a rule that is skipped says so at its end"},
	{"task_struct.rss_stat", NULL, "SPLIT_RSS_COUNTING is off"},
	{"kmem_cache.random", NULL, "free lists are not hardened (CONFIG_SLAB_FREELIST_HARDENED)"},
	{"kmem_cache.ctor", NULL, "objects without a constructor"},
	{"page.compound_order", NULL, "tells which of two places an order has"},
	{"task_struct.stack_vm_area", NULL, "CONFIG_VMAP_STACK is off"},
	{"task_struct.thread_pid", NULL, "a kernel before 4.19"},
	{"vm_fault.prealloc_pte", NULL, "a kernel before 4.10"},
	{"vm_special_mapping.fault", NULL, "a kernel before 4.5"},
	{"vdso_image.", NULL, "which pages the vdso has"},
	{"mm_struct.vdso", NULL, "an architecture without a vdso"},
	{"mm_struct.get_unmapped_area", NULL, "a kernel since 6.10"},
	{"mem_section.pageblock_flags", NULL, "where pageblocks' types are is not known, and said so"},
	{"mem_section_usage.pageblock_flags", NULL, "where pageblocks' types are is not known, and said so"},
	{"lruvec.nonresident_age", NULL, "a kernel before 5.9"},
	{"percpu_counter.", "overcommit", "what is promised is left out"},
	{"swap_info_struct.", NULL, "a rule that is skipped; the swap area cannot be changed"},
	{"dentry.d_child", "exec", "a kernel since 6.8, in whose directories only the simulated machine looks"},
	{"dentry.d_subdirs", "exec", "a kernel since 6.8, in whose directories only the simulated machine looks"},
};

static struct run {
	struct session s;
	int errors; /* what the commands say on standard error, in memory */
	int console;
	uint64_t state;
	char commands[COMMANDS][100];
	char *expected[COMMANDS];
	bool worked[COMMANDS];
	unsigned count;
	uint64_t pid, first, writable, last; /* of a dump's process */
	const char *missing, *doing;
} r;

static void tell(const char *format, ...)
{
	char line[2000];
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (write(r.console, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1) < 0)
		_exit(2);
}

static void on_signal(int signal)
{
	tell("test_absent: without %s: %s: %s\n", r.missing, r.doing, signal == SIGALRM ? "does not come back" : "crashed");
	_exit(2);
}

/* What both commands printed, errors behind it. */
static char *run(const char *words, bool *worked)
{
	char line[120];
	size_t len;
	static char said[65536];
	unsigned marks = r.s.acts.snapshots;
	snprintf(line, sizeof(line), "%s", words);
	r.doing = words;
	*worked = true;
	if (r.s.kernel->mm)
		r.s.kernel->mm_free(r.s.kernel);
	if (ftruncate(r.errors, 0) || lseek(r.errors, 0, SEEK_SET))
		_exit(2);
	session_run_line(&r.s, "snapshot");
	free(out_take(r.s.out, &len));
	for (char *save, *part = strtok_r(line, ";", &save); part && *worked; part = strtok_r(NULL, ";", &save))
		*worked = session_run_line(&r.s, part);
	char *text = out_take(r.s.out, &len);
	ssize_t n = pread(r.errors, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	char *whole = malloc(len + strlen(said) + 1);
	assert_non_null(whole);
	sprintf(whole, "%s%s", text, said);
	free(text);
	while ((r.s.acts.last_act || r.s.acts.snapshots > marks) && session_run_line(&r.s, "undo"))
		;
	free(out_take(r.s.out, &len));
	return whole;
}

static bool is_excepted(const char *command)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
		if (!strncmp(r.missing, exceptions[i].member, strlen(exceptions[i].member)) &&
		    (!exceptions[i].command || !strncmp(command, exceptions[i].command, strlen(exceptions[i].command))))
			return true;
	return false;
}

static void tell_difference(const char *command, const char *a, const char *b)
{
	while (*a && *b && strcspn(a, "\n") == strcspn(b, "\n") && !memcmp(a, b, strcspn(a, "\n"))) {
		size_t n = strcspn(a, "\n");
		a += n + (a[n] == '\n');
		b += n + (b[n] == '\n');
	}
	tell("test_absent: without %s: %s:\n\twas: %.*s\n\tis:  %.*s\n", r.missing, command, (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

/* In a process of its own: the members are gone. How many commands (of `some`; 0: all) gave an answer that is neither the same nor says why not. */
static unsigned differences(unsigned some)
{
	unsigned count = 0;
	signal(SIGALRM, on_signal);
	signal(SIGSEGV, on_signal);
	signal(SIGBUS, on_signal);
	signal(SIGFPE, on_signal);
	signal(SIGABRT, on_signal);
	alarm(PATIENCE);
	for (unsigned n = 0; n < (some ? some : r.count); n++) {
		unsigned i = some ? random_below(&r.state, r.count) : n;
		bool worked;
		char *text = run(r.commands[i], &worked);
		if ((worked != r.worked[i] || strcmp(text, r.expected[i])) && !strstr(text, "has no ") && !strstr(text, " not known") && !is_excepted(r.commands[i])) {
			tell_difference(r.commands[i], r.expected[i], text);
			count++;
		}
		free(text);
	}
	return count;
}

static bool begins(const char *name, const char *const *beginnings, size_t count)
{
	for (size_t i = 0; i < count && beginnings[i]; i++)
		if (!strncmp(name, beginnings[i], strlen(beginnings[i])))
			return true;
	return false;
}

/* True when every answer was right. */
static bool without(const char *missing, const char *const *members, size_t count, unsigned some)
{
	struct kernel *k = r.s.kernel;
	int status;
	r.missing = missing;
	random_next(&r.state);
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		for (unsigned id = 0; id < MEMBER_COUNT; id++)
			if (begins(member_describe((enum member_id)id), members, count))
				k->members[id] = (struct member){.name = k->members[id].name};
		_exit(differences(some) ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status && (!WIFEXITED(status) || WEXITSTATUS(status) > 2))
		tell("test_absent: without %s: ended with %x\n", missing, (unsigned)status);
	return !status;
}

static bool look_at(void *context, const struct vma *vma)
{
	if (!r.first)
		r.first = vma->start;
	if (vma->flags & 2) {
		r.writable = r.writable ? r.writable : vma->start;
		r.last = vma->end - 0x1000;
	}
	return true;
}

/* The last of those that have the most areas: children come after their parents. */
static void find_process(void)
{
	size_t count;
	uint64_t best = 0, maps;
	ok(tasks_count(r.s.kernel, &count));
	for (size_t i = 0; i < count; i++) {
		const struct task *t = tasks_get(r.s.kernel, i);
		if (!t->mm || error_drop(kernel_get(r.s.kernel, t->mm, M_mm_struct_map_count, &maps)) || maps < best)
			continue;
		best = maps;
		r.pid = t->pid;
		r.first = r.writable = 0;
		ok(vma_for_each(r.s.kernel, t->mm, look_at, NULL));
	}
}

static void fill_in(char *to, const char *from)
{
	for (; *from; from++) {
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		from++;
		to += *from == 'p' ? sprintf(to, "%" PRIu64, r.pid)
				   : sprintf(to, "%" PRIx64, *from == 'f' ? r.first : *from == 'w' ? r.writable : r.last);
	}
	*to = '\0';
}

static void start(const char *what)
{
	const char *const *commands = of_machine;
	r = (struct run){.console = dup(STDERR_FILENO), .errors = memfd_create("errors", 0), .state = 1};
	r.s = (struct session){.settings = {.radix = 10, .print_max = 256}};
	if (strncmp(what, "linux-", 6)) {
		commands = of_dump;
		ok(vmcore_open(what, NULL, &r.s.vmcore));
		ok(kernel_open(r.s.vmcore, NULL, &r.s.kernel));
		find_process();
	} else {
		struct machine_options options = {.mem = 128u << 20};
		ok(machine_boot(what, &options, &r.s.vmcore, &r.s.kernel));
	}
	r.s.out = out_memory(OUT_TEXT);
	fflush(stderr);
	dup2(r.errors, STDERR_FILENO);
	for (const char *const *line = setup; commands == of_machine && *line; line++)
		session_run_line(&r.s, *line);
	while (r.s.acts.last_act) {
		ok(vmcore_forget(r.s.vmcore));
		r.s.acts.last_act = false;
	}
	for (; commands[r.count]; r.count++) {
		fill_in(r.commands[r.count], commands[r.count]);
		r.expected[r.count] = run(r.commands[r.count], &r.worked[r.count]);
	}
}

static void end(void)
{
	for (unsigned i = 0; i < r.count; i++)
		free(r.expected[i]);
	out_free(r.s.out);
	kernel_close(r.s.kernel);
	vmcore_close(r.s.vmcore);
	dup2(r.console, STDERR_FILENO);
	close(r.console);
	close(r.errors);
}

static const char *const *asked;
static size_t asked_count;

static void test_absent(void **state)
{
	unsigned wrong = 0, members = 0;
	start(*state);
	for (size_t i = 0; !asked && i < sizeof(configurations) / sizeof(configurations[0]); i++)
		wrong += !without(configurations[i].option, configurations[i].members, 16, SOME * 2);
	for (unsigned id = 0; asked && id < MEMBER_COUNT; id++) {
		const char *name = member_describe((enum member_id)id);
		if (r.s.kernel->members[id].present && (!asked_count || begins(name, asked, asked_count)))
			members++, wrong += !without(name, &name, 1, 0);
	}
	while (!asked && members < MEMBERS) {
		unsigned id = random_below(&r.state, MEMBER_COUNT);
		const char *name = member_describe((enum member_id)id);
		if (r.s.kernel->members[id].present)
			members++, wrong += !without(name, &name, 1, SOME);
	}
	end();
	print_message("%u members\n", members);
	assert_int_equal(wrong, 0);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[] = {
		{"without members: 5.10", test_absent, NULL, NULL, "linux-5.10-x86_64"},
		{"without members: 3.19", test_absent, NULL, NULL, "linux-3.19-x86_64"},
	};
	if (argc > 1) {
		tests[0].initial_state = argv[1];
		asked = (const char *const *)argv + 2;
		asked_count = (size_t)(argc - 2);
	}
	return _cmocka_run_group_tests("absent", tests, argc > 1 ? 1 : 2, NULL, NULL);
}
