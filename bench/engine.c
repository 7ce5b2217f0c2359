/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine beside the kernel that runs this program: the same acts done to simulated machines and, by mmap() and fork(), to the real one.
 *
 *   engine [--rounds N] [MMSCOPE]
 *
 * Huge pages are off for the real acts, and they go to memory that was touched once before, so that no hypervisor's supply of pages is counted. A round is
 * the acts done by the one, then by the other, in turns of some milliseconds of which the first acts do not count (they bring the caches back): what else
 * the machine does, and how fast it runs just then, falls on both alike. Each round gives a ratio, and the median of the ratios counts. Times are
 * the thread's processor time, less what asking for it takes. MMSCOPE is the program whose way to its prompt is timed, from its start to its end, by the clock; what it waited for
 * a processor that others had is taken off.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mm/engine/engine.h"
#include "mm/engine/fork_edit.h"
#include "mm/sim/machine.h"

#define PAGE	   4096ul
#define PAGES	   64ul   /* so few that they and their copies stay in the processor's cache: the way is measured, not the memory at its end */
#define FORK_PAGES 1024ul /* more than that, as a fork without them is subtracted */
#define REPEATS	   24	  /* a turn's, after one that does not count */
#define FORKS	   3
#define A	   0x10000000ull
#define MAX_ROUNDS 1001
#define BOOTS	   21 /* no more of these than so many */

enum measure { FAULT, COPY, REUSE, FORK, MEASURES };

static const char *const measures[] = { "anonymous write fault", "COW copy after fork", "COW reuse", "fork, per page" };

/* The machines. */
static struct flavour {
	const char *name;
	double target[MEASURES]; /* times as fast as the real kernel; 0: none */
	struct vmcore *vc;
	struct kernel *k;
	struct engine *e;
	double ours[MEASURES][MAX_ROUNDS], ratio[MEASURES][MAX_ROUNDS];
} flavours[] = {
	{ .name = MACHINE_DEFAULT, .target = { 5, 3, 3, 2 } },
	{ .name = "linux-5.10-x86_64", .target = { 5, 3, 0, 1 } },
};
#define FLAVOURS (sizeof(flavours) / sizeof(*flavours))

static double clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Of this thread, the kernel's work for it included: other processes do not count. */
static double now(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* What now() itself adds to what is measured between two of them: found anew in each round, since the machine's speed changes. */
static double clock_cost;

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

static void find_clock_cost(void)
{
	double empty[101];
	for (int i = 0; i < 101; i++) {
		double start = now();
		empty[i] = now() - start;
	}
	clock_cost = median(empty, 101);
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void ok(struct error *e)
{
	if (!e)
		return;
	fprintf(stderr, "engine: %s\n", e->message);
	exit(2);
}

/* ---- The real kernel ---- */

static unsigned char *real_map(unsigned long pages)
{
	unsigned char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

/* Nanoseconds per page of writing each once. */
static double real_write(unsigned char *p, unsigned long pages)
{
	double start = now();
	for (unsigned long i = 0; i < pages; i++)
		((volatile unsigned char *)p)[i * PAGE] = 1;
	return (now() - start - clock_cost) / (double)pages;
}

/* A child that waits until the pipe is closed, then ends. */
static pid_t real_child(int pipe_ends[2], double *spent)
{
	if (pipe(pipe_ends))
		die("pipe");
	double start = now();
	pid_t child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		char c;
		close(pipe_ends[1]);
		_exit(read(pipe_ends[0], &c, 1) < 0);
	}
	*spent = now() - start;
	close(pipe_ends[0]);
	return child;
}

static void end_child(pid_t child, const int pipe_ends[2])
{
	close(pipe_ends[1]);
	waitpid(child, NULL, 0);
}

static void real_faults(struct engine *unused, double out[MEASURES])
{
	int ends[2];
	double spent;
	(void)unused;
	unsigned char *p = real_map(PAGES);
	out[FAULT] = real_write(p, PAGES);
	pid_t child = real_child(ends, &spent);
	out[COPY] = real_write(p, PAGES);
	end_child(child, ends);
	child = real_child(ends, &spent);
	end_child(child, ends);
	out[REUSE] = real_write(p, PAGES);
	munmap(p, PAGES * PAGE);
}

static void real_fork(struct engine *unused, double out[MEASURES])
{
	int ends[2];
	double with, without;
	(void)unused;
	end_child(real_child(ends, &without), ends);
	unsigned char *p = real_map(FORK_PAGES);
	real_write(p, FORK_PAGES);
	end_child(real_child(ends, &with), ends);
	munmap(p, FORK_PAGES * PAGE);
	out[FORK] = (with - without) / FORK_PAGES;
}

/* ---- The engine ---- */

/*
 * The real kernel's fork() would write-protect the machine's memory, and the engine pay for that; and it would pay for each frame that it comes to use for the
 * first time. That memory is touched before, too.
 */
static void prepare_memory(struct vmcore *vc)
{
	const void *ram;
	ok(vmcore_map(vc, 0, vmcore_max_phys(vc), &ram));
	if (madvise((void *)ram, vmcore_max_phys(vc), MADV_DONTFORK))
		die("madvise");
	for (uint64_t i = 0; i < vmcore_max_phys(vc); i += PAGE) {
		volatile unsigned char *byte = (volatile unsigned char *)ram + i;
		*byte = *byte;
	}
}

static double engine_write(struct engine *e, uint64_t task, unsigned long pages)
{
	double start = now();
	for (unsigned long i = 0; i < pages; i++) {
		enum fault_result result;
		bool faulted;
		ok(touch_user(e, task, A + i * PAGE, ACCESS_WRITE, &faulted, &result, NULL, 0));
		if (!faulted || result != FAULT_MINOR) {
			fprintf(stderr, "engine: no minor fault at page %lu\n", i);
			exit(2);
		}
	}
	return (now() - start - clock_cost) / (double)pages;
}

/* What the real process wrote, which is not the engine's work: the frames are in use, and come back so. */
static void engine_fill(struct engine *e, uint64_t task, unsigned long pages)
{
	unsigned char byte = 1;
	for (unsigned long i = 0; i < pages; i++)
		ok(access_process_vm(e, task, A + i * PAGE, &byte, 1, true));
}

static uint64_t engine_child(struct engine *e, uint64_t task, double *spent)
{
	uint64_t child;
	double start = now();
	ok(do_fork(e, task, 0, 0, &child));
	*spent = now() - start;
	return child;
}

/* A process with memory of its own, and nothing in it. */
static uint64_t engine_task(struct engine *e)
{
	uint64_t task;
	ok(do_fork(e, e->init_task, 0, 0, &task));
	ok(e->classic ? exec_mmap(e, task) : exec_empty(e, task, "bench"));
	return task;
}

static void engine_map(struct engine *e, uint64_t task, unsigned long pages)
{
	uint64_t mm, at;
	ok(kernel_get(e->k, task, M_task_struct_mm, &mm));
	ok(do_mmap_pgoff(e, mm, 0, A, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, 0, &at));
}

static void engine_faults(struct engine *e, double out[MEASURES])
{
	double spent;
	uint64_t task = engine_task(e);
	engine_map(e, task, PAGES);
	out[FAULT] = engine_write(e, task, PAGES);
	engine_fill(e, task, PAGES);
	uint64_t child = engine_child(e, task, &spent);
	out[COPY] = engine_write(e, task, PAGES);
	engine_fill(e, task, PAGES);
	ok(do_exit(e, child));
	child = engine_child(e, task, &spent);
	ok(do_exit(e, child));
	out[REUSE] = engine_write(e, task, PAGES);
	ok(do_exit(e, task));
}

static void engine_fork(struct engine *e, double out[MEASURES])
{
	double with, without;
	uint64_t task = engine_task(e);
	ok(do_exit(e, engine_child(e, task, &without)));
	engine_map(e, task, FORK_PAGES);
	engine_write(e, task, FORK_PAGES);
	ok(do_exit(e, engine_child(e, task, &with)));
	ok(do_exit(e, task));
	out[FORK] = (with - without) / FORK_PAGES;
}

/* ---- The way to the prompt ---- */

/* How long the process, which may have ended, was ready to run while others did: the second number of schedstat; 0 where the kernel does not keep it. */
static double waited_ns(pid_t process)
{
	char path[64];
	unsigned long long ran, waited;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", process);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	bool both = fscanf(f, "%llu %llu", &ran, &waited) == 2;
	fclose(f);
	return both ? (double)waited : 0;
}

static double start_to_end(const char *program)
{
	siginfo_t ended;
	int status, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0)
		die("/dev/null");
	double start = clock_ns(CLOCK_MONOTONIC);
	/* This process has the machine's memory: not to be copied for a child that starts a program. */
	pid_t child = vfork();
	if (child < 0)
		die("vfork");
	if (!child) {
		dup2(null, 1);
		execl(program, program, "-s", "-c", "set radix", (char *)NULL);
		_exit(127);
	}
	if (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT))
		die("waitid");
	double spent = clock_ns(CLOCK_MONOTONIC) - start - waited_ns(child);
	waitpid(child, &status, 0);
	close(null);
	if (status) {
		fprintf(stderr, "engine: %s ended with %d\n", program, status);
		exit(2);
	}
	return spent;
}

/* ---- Result ---- */

/* One's turn: the means of what counts. */
static void turn(void acts(struct engine *e, double out[MEASURES]), struct engine *e, int repeats, double out[MEASURES])
{
	double once[MEASURES] = {0};
	acts(e, once);
	for (int i = 0; i < repeats; i++) {
		acts(e, once);
		for (int j = 0; j < MEASURES; j++)
			out[j] += once[j] / repeats;
	}
}

/* The real kernel's turn stands between any two of the engine's. */
static void round_of(double real[MEASURES], double ours[FLAVOURS][MEASURES])
{
	find_clock_cost();
	memset(real, 0, MEASURES * sizeof(*real));
	memset(ours, 0, FLAVOURS * sizeof(*ours));
	for (unsigned i = 0; i < FLAVOURS; i++) {
		turn(real_faults, NULL, REPEATS, real);
		turn(engine_faults, flavours[i].e, REPEATS, ours[i]);
		turn(real_fork, NULL, FORKS, real);
		turn(engine_fork, flavours[i].e, FORKS, ours[i]);
	}
	for (int j = 0; j < MEASURES; j++)
		real[j] /= FLAVOURS;
}

static struct {
	double real[MEASURES][MAX_ROUNDS], boot[BOOTS];
} rounds_made;

static void measure(const char *program, unsigned rounds)
{
	double real[MEASURES], ours[FLAVOURS][MEASURES];
	/* Everything once before it counts. */
	round_of(real, ours);
	start_to_end(program);
	for (unsigned i = 0; i < rounds; i++) {
		round_of(real, ours);
		for (int j = 0; j < MEASURES; j++) {
			rounds_made.real[j][i] = real[j];
			for (unsigned n = 0; n < FLAVOURS; n++) {
				flavours[n].ours[j][i] = ours[n][j];
				flavours[n].ratio[j][i] = real[j] / ours[n][j];
			}
		}
		if (i < BOOTS)
			rounds_made.boot[i] = start_to_end(program);
	}
}

/* How many targets were missed. */
static unsigned report(unsigned rounds)
{
	unsigned missed = 0, boots = rounds < BOOTS ? rounds : BOOTS;
	for (int j = 0; j < MEASURES; j++)
		median(rounds_made.real[j], rounds);
	for (struct flavour *f = flavours; f < flavours + FLAVOURS; f++) {
		printf("%-24s %14s %14s %8s %13s %8s   (%lu pages, median of %u rounds)\n", f->name, "this kernel", "engine", "ratio", "half of them", "target",
		       PAGES, rounds);
		for (int j = 0; j < MEASURES; j++) {
			double *all = f->ratio[j], ratio = median(all, rounds);
			bool met = ratio >= f->target[j];
			missed += !met;
			printf("  %-22s %11.0f ns %11.0f ns %7.1fx %5.1f … %4.1f", measures[j], rounds_made.real[j][rounds / 2], median(f->ours[j], rounds),
			       ratio, all[rounds / 4], all[rounds - 1 - rounds / 4]);
			if (f->target[j])
				printf(" %7.0fx   %s", f->target[j], met ? "met" : "MISSED");
			printf("\n");
		}
	}
	double milliseconds = median(rounds_made.boot, boots) / 1e6;
	missed += milliseconds > 100;
	printf("%-24s %14s %11.1f ms %8s %13s %5.0f ms   %s\n", "boot to prompt", "", milliseconds, "", "", 100.0, milliseconds <= 100 ? "met" : "MISSED");
	return missed;
}

int main(int argc, char **argv)
{
	const char *program = "./mmscope";
	unsigned rounds = 101;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
			rounds = (unsigned)atoi(argv[++i]);
		else
			program = argv[i];
	}
	if (!rounds || rounds > MAX_ROUNDS) {
		fprintf(stderr, "engine: from 1 to %d rounds\n", MAX_ROUNDS);
		return 2;
	}
	struct machine_options options = { .mem = 512ull << 20 };
	for (struct flavour *f = flavours; f < flavours + FLAVOURS; f++) {
		ok(machine_boot(f->name, &options, &f->vc, &f->k));
		ok(engine_open(f->k, &f->e));
		prepare_memory(f->vc);
		if (!f->e->classic)
			engine_task(f->e);	/* init: the first process may not end */
	}
	measure(program, rounds);
	unsigned missed = report(rounds);
	for (struct flavour *f = flavours; f < flavours + FLAVOURS; f++) {
		kernel_close(f->k);
		vmcore_close(f->vc);
	}
	return missed ? 1 : 0;
}
