/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes and threads of every state, kind and name, all at rest. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

/* How many were started and how many have come to rest, for all processes to see. */
static struct {
	int expected, ready;
} * count;

void expect(int more)
{
	__atomic_add_fetch(&count->expected, more, __ATOMIC_SEQ_CST);
}

void ready(void)
{
	__atomic_add_fetch(&count->ready, 1, __ATOMIC_SEQ_CST);
}

void rest(void)
{
	ready();
	for (;;)
		pause();
}

static void set_name(const char *name)
{
	prctl(PR_SET_NAME, name);
}

int spawn(const char *name, void (*role)(long), long argument)
{
	int pid;

	expect(1);
	pid = must(fork());
	if (pid)
		return pid;
	set_name(name);
	role(argument);
	rest();
}

/* ---- threads ---- */

static void *thread(void *argument)
{
	long number = (long)argument;
	char name[32];
	volatile char *heap = malloc(300000);

	snprintf(name, sizeof(name), "thread-%ld-of-it", number);
	set_name(name);
	for (int i = 0; i < 300000; i += 4096)
		heap[i] = number;
	if (number == 2)
		setpriority(PRIO_PROCESS, syscall(SYS_gettid), 7);
	rest();
}

static void threads(long number)
{
	for (long i = 0; i < number; i++) {
		pthread_t id;

		expect(1);
		must(-pthread_create(&id, NULL, thread, (void *)i));
	}
}

/* A thread group whose leader is gone: the leader stays as a zombie. */
static void leaderless(long number)
{
	threads(number);
	ready();
	syscall(SYS_exit, 0);
}

/* ---- states ---- */

static void stopped(long unused)
{
	ready();
	raise(SIGSTOP);
	for (;;)
		pause();
}

static void traced(long unused)
{
	int pid = must(fork());

	if (!pid) {
		set_name("tracee");
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	must(waitpid(pid, NULL, 0));
}

static void zombie_parent(long unused)
{
	int pid = must(fork());
	siginfo_t info;

	if (!pid) {
		set_name("a-zombie");
		_exit(3);
	}
	must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
}

static int vfork_child(void *unused)
{
	set_name("vfork-child");
	rest();
}

/* Its parent waits for it uninterruptibly, as after vfork, and shares its memory. */
static void vfork_parent(long unused)
{
	static char stack[65536] __attribute__((aligned(16)));

	expect(1);
	ready();
	must(clone(vfork_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
	for (;;)
		pause();
}

/* Another process with the same memory, which is not a thread. */
static void shares_memory(long unused)
{
	static char stack[65536] __attribute__((aligned(16)));

	expect(1);
	must(clone(vfork_child, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, NULL));
}

/* ---- ways to sleep ---- */

static void sleeps(long how)
{
	struct pollfd nothing = {.fd = -1};
	struct timespec long_time = {1000000, 0};
	int pair[2], word = 0;
	sigset_t none;
	char byte;

	ready();
	switch (how) {
	case 0:
		poll(&nothing, 1, -1);
		break;
	case 1:
		nanosleep(&long_time, NULL);
		break;
	case 2:
		must(pipe(pair));
		read(pair[0], &byte, 1);
		break;
	case 3:
		syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 0, NULL);
		break;
	case 4:
		sigemptyset(&none);
		sigsuspend(&none);
		break;
	case 5:
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		recv(pair[0], &byte, 1, 0);
		break;
	case 6:
		epoll_wait(must(epoll_create1(0)), &(struct epoll_event){}, 1, -1);
		break;
	default:
		break;
	}
	for (;;)
		pause();
}

/* ---- scheduling, identity, namespaces ---- */

static void nice_value(long value)
{
	must(setpriority(PRIO_PROCESS, 0, value));
}

void set_policy(int policy, int priority, long runtime_ms, long deadline_ms, long period_ms)
{
	/* struct sched_attr, as include/uapi/linux/sched/types.h has it */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attributes = {.size = 48,
			.policy = policy,
			.priority = priority,
			.runtime = runtime_ms * 1000000ull,
			.deadline = deadline_ms * 1000000ull,
			.period = period_ms * 1000000ull};

	/* Deadlines of more time than there is (of one CPU) are refused. */
	if (syscall(SYS_sched_setattr, 0, &attributes, 0) && errno != EBUSY)
		give_up("sched_setattr");
}

static void policy(long number)
{
	set_policy(number, number == SCHED_FIFO || number == SCHED_RR ? 20 + number : 0, 0, 0, 0);
}

static void deadline(long unused)
{
	set_policy(SCHED_DEADLINE, 0, 10, 50, 100);
}

static void pinned(long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void user(long id)
{
	gid_t groups[] = {5, 17, 100000};

	must(setgroups(3, groups));
	must(setresgid(id + 1, id + 2, id + 3));
	must(setresuid(id, id + 10, id + 20));
}

static void session(long unused)
{
	must(setsid());
}

static void jailed(long unused)
{
	char path[64];
	int fd;

	mkdir("/tmp/jail", 0755);
	must(chroot("/tmp/jail"));
	must(chdir("/"));
	snprintf(path, sizeof(path), "/inside");
	fd = must(open(path, O_RDWR | O_CREAT, 0600));
	must(ftruncate(fd, 16384));
	strcpy(mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), "in the jail");
}

static void namespace_init(long unused)
{
	int fd;

	set_name("ns-init");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	mkdir("/tmp/private", 0755);
	must(mount("tmpfs", "/tmp/private", "tmpfs", 0, ""));
	fd = must(open("/tmp/private/file", O_RDWR | O_CREAT, 0600));
	must(ftruncate(fd, 16384));
	strcpy(mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), "in a namespace");
	spawn("ns-child", session, 0);
}

static void namespaces(long flags)
{
	int pid;

	expect(1);
	pid = must(syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
	if (pid)
		return;
	namespace_init(0);
	rest();
}

static void user_namespace(long unused)
{
	if (!unshare(CLONE_NEWUSER)) {
		put("/proc/self/uid_map", "0 0 1000\n");
		put("/proc/self/gid_map", "0 0 1000\n");
	}
}

/* ---- descriptors, arguments ---- */

static void descriptors(long unused)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/socket"};
	int pair[2], fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
	sigset_t set;

	must(bind(fd, (void *)&name, sizeof(name)));
	must(listen(fd, 5));
	must(pipe(pair));
	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	socket(AF_INET, SOCK_STREAM, 0);
	must(open("/dev/null", O_RDWR));
	must(open("/tmp", O_RDONLY | O_DIRECTORY));
	must(eventfd(3, 0));
	must(inotify_init());
	must(timerfd_create(CLOCK_MONOTONIC, 0));
	must(epoll_create1(0));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(signalfd(-1, &set, 0));
	dup2(fd, 200);
	chdir("/tmp");
}

/* Another program (this one again) with arguments and an environment. */
static void executes(long number)
{
	char *arguments[] = {"a program", "--rest", "two  words", "", "last", NULL};
	char *environment[] = {"NAME=a value", "EMPTY=", "HOME=/", NULL};

	if (number == 1) {
		/* Run a program that has been deleted since. */
		must(link("/init", "/deleted-program"));
		ready();
		int fd = must(open("/deleted-program", O_PATH));

		must(unlink("/deleted-program"));
		syscall(SYS_execveat, fd, "", arguments, environment, 0x1000 /* AT_EMPTY_PATH */);
	}
	ready();
	execve("/init", arguments, environment);
	_exit(1);
}

static void limited(long unused)
{
	struct rlimit limit = {1 << 30, 1ul << 31};

	must(setrlimit(RLIMIT_AS, &limit));
	limit = (struct rlimit){64, 128};
	must(setrlimit(RLIMIT_NOFILE, &limit));
	put("/proc/self/oom_score_adj", "500");
}

void enter_group(const char *group)
{
	char path[80], text[32];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(text, sizeof(text), "%d", getpid());
	put(path, text);
}

static void in_cgroup(long number)
{
	char group[64];
	volatile char *memory = malloc(1 << 20);

	snprintf(group, sizeof(group), "/cgroup/group%ld", number);
	enter_group(group);
	for (int i = 0; i < 1 << 20; i += 4096)
		memory[i] = i;
}

static void set_up_cgroups(void)
{
	mkdir("/cgroup", 0755);
	if (mount("cgroup2", "/cgroup", "cgroup2", 0, ""))
		return;
	put("/cgroup/cgroup.subtree_control", "+memory +pids");
	mkdir("/cgroup/group0", 0755);
	mkdir("/cgroup/group1", 0755);
}

/* ---- names ---- */

static void plain(long unused)
{
}

static void start_names(void)
{
	static const char *const names[] = {
		"fifteen-chars-x", "a) S 1 (b", "tab\there",	    "new\nline", "back\\slash",
		"per%cent %s",	   "",		"\xc3\xa9\xc3\xbc", "\xff\x01",	 "[kthread]",
		"\"quote\"",	   " leading",	"two  blanks"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		spawn(names[i], plain, 0);
}

/* A tree of orphans and deep generations. */
static void generations(long depth)
{
	char name[32];

	snprintf(name, sizeof(name), "generation-%ld", depth);
	if (depth > 1)
		spawn(name, generations, depth - 1);
}

static void orphan_maker(long unused)
{
	int pid = must(fork());

	if (!pid) {
		spawn("orphan", plain, 0);
		_exit(0);
	}
	must(waitpid(pid, NULL, 0));
}

static void fillers(int number)
{
	char name[32];

	for (int i = 0; i < number; i++) {
		snprintf(name, sizeof(name), "sleeper-%d", i);
		spawn(name, sleeps, i % 8);
	}
}

static void start_processes(void)
{
	spawn("threads", threads, 5);
	spawn("leaderless", leaderless, 2);
	spawn("stopped", stopped, 0);
	spawn("tracer", traced, 0);
	spawn("zombie-parent", zombie_parent, 0);
	spawn("vfork-parent", vfork_parent, 0);
	spawn("shares-memory", shares_memory, 0);
	spawn("nice", nice_value, 10);
	spawn("not-nice", nice_value, -20);
	spawn("fifo", policy, SCHED_FIFO);
	spawn("round-robin", policy, SCHED_RR);
	spawn("batch", policy, SCHED_BATCH);
	spawn("idle-policy", policy, SCHED_IDLE);
	spawn("deadline", deadline, 0);
	spawn("pinned", pinned, 1);
	spawn("user", user, 1000);
	spawn("session", session, 0);
	spawn("jailed", jailed, 0);
	spawn("namespaces", namespaces, CLONE_NEWPID | CLONE_NEWNS);
	spawn("user-namespace", user_namespace, 0);
	spawn("descriptors", descriptors, 0);
	spawn("executes", executes, 0);
	spawn("executes-deleted", executes, 1);
	spawn("limited", limited, 0);
	spawn("cgroup-0", in_cgroup, 0);
	spawn("cgroup-1", in_cgroup, 1);
	spawn("generation-4", generations, 4);
	spawn("orphan-maker", orphan_maker, 0);
	start_names();
}

void start_workload(void)
{
	struct timespec tick = {0, 20000000};
	int waited;

	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (count == MAP_FAILED)
		give_up("mmap of the counter");
	set_up_cgroups();
	start_processes();
	start_memory_roles();
	start_waiters();
	start_spinners();
	fillers(parameter("guest_sleepers", 12));
	for (waited = 0;
	     waited < 9000 && __atomic_load_n(&count->ready, __ATOMIC_SEQ_CST) <
				      __atomic_load_n(&count->expected, __ATOMIC_SEQ_CST);
	     waited++)
		nanosleep(&tick, NULL);
	printf("guest: %d of %d at rest\n", count->ready, count->expected);
	if (count->ready < count->expected)
		give_up("waiting for the workload");
	/* The last one still has to go from saying so to sleeping, and the kernel's own work to
	 * calm down. */
	nanosleep(&(struct timespec){0, 500000000}, NULL);
}
