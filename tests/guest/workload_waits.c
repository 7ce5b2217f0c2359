/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tasks wait for, and what waits for them: System V IPC, signals, timers, wait queues. */
#include <errno.h>
#include <pthread.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

/* What a role's children work on. */
static int shared_id;

static void thread(void *(*run)(void *), long argument)
{
	pthread_t id;

	expect(1);
	must(-pthread_create(&id, NULL, run, (void *)argument));
}

/* ---- System V IPC ---- */

static void operate(int semaphore, int by, int flags)
{
	struct sembuf operation = {semaphore, by, flags};

	semop(shared_id, &operation, 1);
}

static void undoes(long number)
{
	operate(0, number, SEM_UNDO);
	operate(1, 2 * number, SEM_UNDO);
}

static void waits_semaphore(long number)
{
	ready();
	for (;;)
		operate(2, -number, SEM_UNDO);
}

static void waits_semaphore_a_while(long number)
{
	struct sembuf operation = {2, -100, 0};

	ready();
	for (;;)
		semtimedop(shared_id, &operation, 1, &(struct timespec){1000000 + number, 0});
}

static void semaphores(long unused)
{
	int removed = must(semget(IPC_PRIVATE, 1, 0600));

	must(semget(0x5e5e0002, 250, IPC_CREAT | 0640));
	shared_id = must(semget(0x5e5e0001, 3, IPC_CREAT | 0666));
	must(semctl(removed, 0, IPC_RMID)); /* a hole in the ids */
	spawn("undoes", undoes, 3);
	spawn("undoes", undoes, 4);
	spawn("waits-semaphore", waits_semaphore, 5);
	spawn("waits-semaphore", waits_semaphore, 6);
	spawn("waits-semaphore", waits_semaphore_a_while, 7);
}

static struct {
	long type;
	char text[8000];
} message = {.text = "a message"};

static void sends(int queue, long type, size_t size)
{
	message.type = type;
	must(msgsnd(queue, &message, size, IPC_NOWAIT));
}

static void waits_to_send(long size)
{
	ready();
	message.type = 1;
	for (;;)
		msgsnd(shared_id, &message, size, 0);
}

static void waits_to_receive(long type)
{
	ready();
	for (;;)
		msgrcv(shared_id, &message, sizeof(message.text), type, 0);
}

static void messages(long unused)
{
	int queue = must(msgget(0x3e550001, IPC_CREAT | 0600));

	for (long type = 1; type <= 5; type++)
		sends(queue, type, type * type * 100); /* one of them in more than a page */
	sends(queue, 1, 0);
	sends(queue, 9, 7000);
	shared_id = must(msgget(IPC_PRIVATE, 0622));
	sends(shared_id, 1, 8000);
	sends(shared_id, 1, 8000);
	spawn("waits-to-send", waits_to_send, 8000);
	spawn("waits-receive", waits_to_receive, 77);
	must(msgget(0x3e550003, IPC_CREAT | 0400)); /* empty */
}

static void attaches(long times)
{
	while (times--)
		shmat(shared_id, NULL, 0);
}

static void shared_memory(long unused)
{
	int locked = must(shmget(0x50a70001, 5 * 4096, IPC_CREAT | 0644)), removed = must(shmget(IPC_PRIVATE, 123, 0600));
	char *place;

	memset(shmat(locked, NULL, 0), 1, 2 * 4096);
	must(shmctl(locked, SHM_LOCK, NULL));
	must(shmget(0x50a70002, 1, IPC_CREAT | 0)); /* attached nowhere */
	shared_id = must(shmget(0x50a70003, 300000, IPC_CREAT | 0606));
	place = shmat(shared_id, NULL, 0);
	for (int i = 0; i < 300000; i += 3 * 4096)
		place[i] = 1;
	spawn("attaches", attaches, 1);
	spawn("attaches", attaches, 3);
	shmat(removed, NULL, 0);
	must(shmctl(removed, IPC_RMID, NULL)); /* there until the last one detaches it */
}

static void all_ipc(long number)
{
	spawn("semaphores", semaphores, 0);
	spawn("messages", messages, 0);
	spawn("shared-memory", shared_memory, 0);
	must(semget(0x777, 7 + number, IPC_CREAT | 0600));
}

/* The same in a namespace of its own: keys are the same, ids and objects are not. */
static void ipc_namespace(long unused)
{
	if (unshare(CLONE_NEWIPC))
		return;
	for (long i = 0; i < 70; i++) /* more than one node of the tree of ids holds */
		must(semget(IPC_PRIVATE, 1 + i, 0600));
	all_ipc(1);
}

/* ---- Signals ---- */

static void queue_signal(int tid, int number, int value)
{
	siginfo_t info = {.si_code = SI_QUEUE};

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	must(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, number, &info));
}

static void *holds_signals(void *argument)
{
	long number = (long)argument;

	for (long i = 0; i <= number; i++)
		queue_signal(syscall(SYS_gettid), SIGRTMIN + 4 + i, 1000 * (SIGRTMIN + 4 + i) + i);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
	rest();
}

/* Signals that nobody takes, of the process and of its threads; by a user of its own, so that SigQ counts no others. */
static void queued_signals(long user)
{
	sigset_t all;

	must(setresuid(user, user, user));
	sigfillset(&all);
	must(sigprocmask(SIG_BLOCK, &all, NULL));
	for (int i = 0; i < 4; i++)
		must(sigqueue(getpid(), SIGRTMIN + i % 2, (union sigval){.sival_int = 1000 * (SIGRTMIN + i % 2) + i}));
	must(kill(getpid(), SIGUSR1));
	must(kill(getpid(), SIGUSR1)); /* one is enough */
	must(kill(getpid(), SIGINT));
	for (long i = 0; i < 3; i++)
		thread(holds_signals, i);
	queue_signal(getpid(), SIGRTMIN + 9, 1000 * (SIGRTMIN + 9));
}

static void handler(int number)
{
}

static void handled_signals(long unused)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK | SA_NODEFER};

	sigaddset(&action.sa_mask, SIGRTMIN + 3);
	sigaddset(&action.sa_mask, SIGPIPE);
	must(sigaction(SIGRTMAX, &action, NULL));
	must(sigaction(SIGHUP, &action, NULL));
	action.sa_handler = SIG_IGN;
	must(sigaction(SIGWINCH, &action, NULL));
}

/* ---- Timers ---- */

static void *naps(void *argument)
{
	struct timespec time = {200000 + (long)argument, 0};

	ready();
	for (;;)
		nanosleep(&time, NULL);
	return NULL;
}

static void timers(long unused)
{
	static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI};
	struct itimerval interval = {.it_value = {300000, 0}, .it_interval = {5, 0}};

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct itimerspec time = {.it_value = {100000 + 1000 * i, 123}, .it_interval = {7, 0}};
		struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + (int)i};
		timer_t timer;

		must(timer_create(clocks[i], &event, &timer));
		must(timer_settime(timer, 0, &time, NULL));
		if (clocks[i] == CLOCK_TAI)
			continue;
		must(timerfd_settime(must(timerfd_create(clocks[i], 0)), 0, &time, NULL));
	}
	must(setitimer(ITIMER_REAL, &interval, NULL));
	for (long i = 0; i < 3; i++)
		thread(naps, i);
}

/* A socket's timeout is a timer of the wheel: process_timeout, on the stack of the task that waits. Its name tells the seconds. */
static void socket_timeout(long seconds)
{
	struct timeval time = {.tv_sec = seconds};
	int pair[2];
	char byte;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	must(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
	ready();
	for (;;)
		recv(pair[0], &byte, 1, 0);
}

/* ---- Wait queues ---- */

static int pipe_ends[2];

static void waits_read(long unused)
{
	char byte;

	ready();
	for (;;)
		read(pipe_ends[0], &byte, 1);
}

static void waits_poll(long unused)
{
	struct pollfd wanted[2] = {{.fd = 1, .events = POLLERR}, {.fd = pipe_ends[0], .events = POLLIN}};

	ready();
	for (;;)
		poll(wanted, 2, -1);
}

static void waits_epoll(long unused)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = must(epoll_create1(0));

	must(epoll_ctl(fd, EPOLL_CTL_ADD, pipe_ends[0], &event));
	ready();
	for (;;)
		epoll_wait(fd, &event, 1, -1);
}

/* Several who wait on one pipe, in three ways. */
static void pipe_waiters(long number)
{
	must(pipe(pipe_ends));
	for (long i = 0; i < number; i++)
		spawn("waits-read", waits_read, i);
	for (long i = 0; i < number; i++)
		spawn("waits-poll", waits_poll, i);
	spawn("waits-epoll", waits_epoll, 0);
}

static void nothing(long unused)
{
}

static void *waits_child(void *unused)
{
	ready();
	for (;;)
		waitpid(-1, NULL, 0);
	return NULL;
}

static void child_waiters(long number)
{
	spawn("waited-for", nothing, 0);
	for (long i = 0; i < number; i++)
		thread(waits_child, i);
}

int ipc_namespace_pid;

void start_waiters(void)
{
	static const long timeouts[] = {2000, 30000, 400000};
	char name[32];

	all_ipc(0);
	ipc_namespace_pid = spawn("ipc-namespace", ipc_namespace, 0);
	spawn("queued-signals", queued_signals, 4000);
	spawn("handled-signals", handled_signals, 0);
	spawn("timers", timers, 0);
	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		snprintf(name, sizeof(name), "timeout-%ld", timeouts[i]);
		spawn(name, socket_timeout, timeouts[i]);
	}
	spawn("pipe-waiters", pipe_waiters, 4);
	spawn("child-waiters", child_waiters, 3);
}
