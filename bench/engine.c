/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine beside the kernel that runs this program: the same acts done to a simulated machine and, by mmap() and fork(), to the real one.
 *
 *   engine [--rounds N] [MMSCOPE]
 *
 * Huge pages are off. What is measured of the real kernel lies in memory that was touched once before, so that no hypervisor's supply of pages is
 * counted. Both take turns, and the median of the rounds counts, in processor time. MMSCOPE is the program whose way to its prompt is timed.
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

#include "mm/engine.h"
#include "mm/fork_edit.h"
#include "mm/sim/machine.h"

#define PAGE	   4096ul
#define PAGES	   256ul /* as many as the processor's cache has room for: the way is measured, not the memory at its end */
#define REPEATS	   40	 /* a round is the mean of so many */
#define A	   0x10000000ull
#define MAX_ROUNDS 101

enum measure { FAULT, COPY, REUSE, FORK, MEASURES };

static const struct {
	const char *name;
	double target; /* times as fast as the real kernel */
} measures[] = {
	{ "anonymous write fault", 5 },
	{ "COW copy after fork", 3 },
	{ "COW reuse", 3 },
	{ "fork, per page", 2 },
};

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

static unsigned char *real_map(void)
{
	unsigned char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	return p;
}

/* Nanoseconds per page of writing each once. */
static double real_write(unsigned char *p)
{
	double start = now();
	for (unsigned long i = 0; i < PAGES; i++)
		((volatile unsigned char *)p)[i * PAGE] = 1;
	return (now() - start) / PAGES;
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

static void real_acts(double out[MEASURES])
{
	int ends[2];
	double with, without;
	pid_t child = real_child(ends, &without);
	end_child(child, ends);
	unsigned char *p = real_map();
	out[FAULT] = real_write(p);
	child = real_child(ends, &with);
	out[FORK] = (with - without) / PAGES;
	out[COPY] = real_write(p);
	end_child(child, ends);
	child = real_child(ends, &with);
	end_child(child, ends);
	out[REUSE] = real_write(p);
	munmap(p, PAGES * PAGE);
}

/* ---- The engine ---- */

/* The real kernel's fork() would write-protect the machine's memory, and the engine pay for that. */
static void keep_from_children(struct vmcore *vc)
{
	const void *ram;
	ok(vmcore_map(vc, 0, vmcore_max_phys(vc), &ram));
	if (madvise((void *)ram, vmcore_max_phys(vc), MADV_DONTFORK))
		die("madvise");
}

static double engine_write(struct engine *e, uint64_t task)
{
	double start = now();
	for (unsigned long i = 0; i < PAGES; i++) {
		enum fault_result result;
		bool faulted;
		ok(touch_user(e, task, A + i * PAGE, ACCESS_WRITE, &faulted, &result, NULL, 0));
		if (!faulted || result != FAULT_MINOR) {
			fprintf(stderr, "engine: no minor fault at page %lu\n", i);
			exit(2);
		}
	}
	return (now() - start) / PAGES;
}

static void engine_acts(struct engine *e, double out[MEASURES])
{
	uint64_t task, child, mm, at;
	ok(do_fork(e, e->init_task, 0, 0, &task));
	ok(exec_mmap(e, task));
	ok(kernel_get(e->k, task, M_task_struct_mm, &mm));
	double start = now();
	ok(do_fork(e, task, 0, 0, &child));
	double without = now() - start;
	ok(do_exit(e, child));
	ok(do_mmap_pgoff(e, mm, 0, A, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, 0, &at));
	out[FAULT] = engine_write(e, task);
	start = now();
	ok(do_fork(e, task, 0, 0, &child));
	out[FORK] = (now() - start - without) / PAGES;
	out[COPY] = engine_write(e, task);
	ok(do_exit(e, child));
	ok(do_fork(e, task, 0, 0, &child));
	ok(do_exit(e, child));
	out[REUSE] = engine_write(e, task);
	ok(do_exit(e, task));
}

/* ---- The way to the prompt ---- */

static double start_to_end(const char *program)
{
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
	waitpid(child, &status, 0);
	double spent = clock_ns(CLOCK_MONOTONIC) - start;
	close(null);
	if (status) {
		fprintf(stderr, "engine: %s ended with %d\n", program, status);
		exit(2);
	}
	return spent;
}

/* ---- Result ---- */

/* Means of REPEATS times the acts; on the engine, or with NULL on the real kernel. */
static void round_of(struct engine *e, double out[MEASURES])
{
	memset(out, 0, MEASURES * sizeof(*out));
	for (int i = 0; i < REPEATS; i++) {
		double once[MEASURES];
		if (e)
			engine_acts(e, once);
		else
			real_acts(once);
		for (int j = 0; j < MEASURES; j++)
			out[j] += once[j] / REPEATS;
	}
}

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

int main(int argc, char **argv)
{
	static double real[MEASURES][MAX_ROUNDS], ours[MEASURES][MAX_ROUNDS], boot[MAX_ROUNDS];
	const char *program = "./mmscope";
	unsigned rounds = 11, missed = 0;
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
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	struct machine_options options = { .mem = 512ull << 20 };
	struct vmcore *vc;
	struct kernel *k;
	struct engine *e;
	double unused[MEASURES];
	ok(machine_boot(MACHINE_DEFAULT, &options, &vc, &k));
	ok(engine_open(k, &e));
	keep_from_children(vc);
	/* Everything once before it counts. */
	round_of(NULL, unused);
	round_of(e, unused);
	for (unsigned i = 0; i < rounds; i++) {
		double r[MEASURES], o[MEASURES];
		round_of(NULL, r);
		round_of(e, o);
		for (int j = 0; j < MEASURES; j++) {
			real[j][i] = r[j];
			ours[j][i] = o[j];
		}
		boot[i] = start_to_end(program);
	}
	printf("%-24s %14s %14s %8s %8s   (%lu pages, median of %u rounds)\n", "", "this kernel", "engine", "ratio", "target", PAGES, rounds);
	for (int j = 0; j < MEASURES; j++) {
		double kernel = median(real[j], rounds), engine = median(ours[j], rounds);
		bool met = kernel / engine >= measures[j].target;
		missed += !met;
		printf("%-24s %11.0f ns %11.0f ns %7.1fx %7.0fx   %s\n", measures[j].name, kernel, engine, kernel / engine, measures[j].target,
		       met ? "met" : "MISSED");
	}
	double milliseconds = median(boot, rounds) / 1e6;
	missed += milliseconds > 100;
	printf("%-24s %14s %11.1f ms %8s %5.0f ms   %s\n", "boot to prompt", "", milliseconds, "", 100.0, milliseconds <= 100 ? "met" : "MISSED");
	kernel_close(k);
	vmcore_close(vc);
	return missed ? 1 : 0;
}
