/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A damaged machine: bits and words of its structures are changed at random, then commands read it
 * and act on it. Whatever they say, they come back, and undo gives every byte of the whole machine
 * back. (A crash or a hang is what is looked for, best with SANITIZE=1.)
 *
 *   test_engine_damage [SEED [ROUNDS]]     one run, from the round's own seed
 *
 * Without a seed: some that are always the same, and new ones until the time is up. A failure names
 * its seed and the command.
 */
#include "tests/unit/random.h"
#include "tests/unit/small_machine.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cmd/machine.h"
#include "cmd/session.h"
#include "core/out.h"
#include "mm/state.h"

#define MEGABYTES   16u
#define BYTES	    ((size_t)MEGABYTES << 20)
#define SAME_SEEDS  60
#define SECONDS	    6  /* for all rounds */
#define PATIENCE    20 /* seconds for a command, with the slowest of builds */
#define COMMANDS    12 /* of a round */
#define DAMAGED     6  /* words at most */
#define MAX_TARGETS 8192

static struct run {
	struct session s;
	unsigned char *whole; /* all memory before any damage */
	uint32_t targets[MAX_TARGETS]; /* frames with structures in them */
	unsigned target_count;
	uint64_t seed, state;
	bool attaching;
	uint64_t zones, data, data_end, end; /* addresses: looked up before there is any damage */
	char command[160];
	int console; /* where failures are told: standard output goes nowhere */
} r;

static void tell(const char *what)
{
	char line[300];
	int n = snprintf(line, sizeof(line), "test_engine_damage: seed %llu: %s: %s\n", (unsigned long long)r.seed,
			 r.command, what);
	if (write(r.console, line, (size_t)n) < 0)
		_exit(2);
}

static void on_signal(int signal)
{
	tell(signal == SIGALRM ? "does not come back" : "crashed");
	_exit(1);
}

#define must(condition, what)      \
	do {                       \
		if (!(condition)) { \
			tell(what); \
			_exit(1);   \
		}                  \
	} while (0)

/* ---- Where structures are ---- */

static uint64_t symbol(const char *name)
{
	uint64_t addr = symbol_addr(r.s.kernel, name);
	assert_int_not_equal(addr, 0);
	return addr;
}

static void add_target(uint64_t pfn)
{
	if (r.target_count < MAX_TARGETS)
		r.targets[r.target_count++] = (uint32_t)pfn;
}

/* Every frame that the allocator has handed out, but not users' pages; those of tasks and tables
 * more often. */
static void find_targets(struct engine *e)
{
	for (uint64_t pfn = 0; pfn < e->max_pfn; pfn++) {
		struct page p;
		ok(page_open(e->k, e->mem_map + pfn * e->page_size, &p));
		if (page_refcount(e->k, &p) <= 0 || p.flags >> e->bit_reserved & 1 || p.flags >> e->bit_lru & 1)
			continue;
		for (int i = p.flags >> e->bit_slab & 1 ? 1 : 2; i; i--)
			add_target(pfn);
	}
}

static uint64_t word_in(uint64_t start, uint64_t end)
{
	return (start + (random_next(&r.state) >> 8) % (end - start)) & ~3ull;
}

/* The direct-map address of a word that is worth a change. */
static uint64_t any_word(struct engine *e)
{
	switch (random_below(&r.state, 10)) {
	case 0:
	case 1:
		return word_in(e->mem_map, e->mem_map + e->max_pfn * e->page_size);
	case 2:
		return word_in(r.zones, r.zones + 0x400);
	case 3:
	case 4:
		/* What describes the kernel stands behind its variables; it is read when it attaches. */
		return word_in(r.data, r.attaching ? r.end : r.data_end);
	default: {
		uint64_t frame = e->k->page_offset + ((uint64_t)r.targets[random_below(&r.state, r.target_count)] << 12);
		/* Structures fill the beginnings of frames. */
		return word_in(frame, frame + (random_below(&r.state, 2) ? 4096 : 512));
	}
	}
}

static uint32_t any_value(struct engine *e, uint32_t old)
{
	static const uint32_t odd[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffff000, 0xc0000000, 0xbfffffff, 31, 32, 64, 4096};
	switch (random_below(&r.state, 7)) {
	case 0:
	case 1:
		return old ^ 1u << random_below(&r.state, 32);
	case 2:
		return odd[random_below(&r.state, sizeof(odd) / sizeof(odd[0]))];
	case 3:
		return (uint32_t)any_word(e);
	case 4:
		return old + (random_below(&r.state, 2) ? 4u : -4u) * random_below(&r.state, 64);
	case 5: {
		uint64_t other = 0;
		ok(kernel_read_uint(e->k, any_word(e), 4, &other));
		return (uint32_t)other;
	}
	default:
		return (uint32_t)random_next(&r.state);
	}
}

static void damage(void)
{
	struct engine *e;
	ok(engine_open(r.s.kernel, &e));
	for (unsigned n = 1 + random_below(&r.state, DAMAGED); n; n--) {
		uint64_t at = any_word(e), old;
		ok(kernel_read_uint(e->k, at, 4, &old));
		uint32_t value = any_value(e, (uint32_t)old);
		ok(vmcore_write(r.s.vmcore, at - e->k->page_offset, &value, 4));
	}
}

/* ---- Commands ---- */

static const char *const pids[] = {"1", "273", "300", "301"};
static const char *const places[] = {"8048000", "804a000", "8050000", "bffff000", "bfff0000", "40000000", "40071000", "50000000", "804f000"};
static const char *const lengths[] = {"4k", "8k", "64k", "1M"};

static const char *one_of(const char *const *from, size_t count)
{
	return from[random_below(&r.state, (unsigned)count)];
}
#define ONE_OF(array) one_of(array, sizeof(array) / sizeof((array)[0]))

/* %p a pid, %a an address, %l a length. */
static const char *const acts[] = {
	"touch -c %p -w %a %l", "touch -c %p -r %a %l", "poke -c %p %a 12345678", "peek -c %p %a 4", "fork -c %p", "clone -c %p",
	"clone -t -c %p", "exit-task %p", "exec -c %p /bin/pair", "exec -c %p /sbin/init", "spawn /bin/pair one two",
	"mmap -c %p %l", "mmap -c %p -A %a %l rx", "mmap -c %p -f /lib/libc-2.3.6.so 64k r", "mmap -c %p -s -f /sbin/init -A %a 8k rw",
	"munmap -c %p %a %l", "mprotect -c %p %a %l r", "mprotect -c %p %a %l rw", "mremap -c %p -m %a %l 1M", "mremap -c %p -A 60000000 %a %l",
	"madvise -c %p %a %l dontneed", "madvise -c %p %a %l random", "madvise -c %p %a %l willneed", "mlock -c %p %a %l", "munlock -c %p %a %l", "mlockall -c %p",
	"brk -c %p 8090000", "brk -c %p 8060000", "reclaim 64",
	"reclaim 500", "swapon", "mkfile -t hello /tmp/x", "mkfile -z 64k /tmp/y/z", "pin", "pin frame 800000", "undo", "diff", "diff -v",
	"trace on", "touch -c %p -w 20000000", "exit-task %p",
};

static const char *const readers[] = {
	"ps", "ps -a", "ps -t", "ps -c", "ps -p %p", "vm %p", "vm -p %p", "vtop -c %p %a", "kmem -i", "kmem -s", "kmem -S", "kmem -f",
	"kmem -F", "kmem -z", "kmem -n", "kmem -c", "kmem -C", "kmem -v", "kmem -p c0800000", "kmem %a", "foreach vm", "task %p", "sys",
	"mach", "log", "kmem -V", "struct task_struct c1000000", "vm -m %p", "swap", "kmem -w", "set %p", "vm -R init",
};

static void fill_in(const char *template)
{
	size_t n = 0;
	for (const char *t = template; *t && n + 20 < sizeof(r.command); t++) {
		const char *word = NULL;
		if (*t == '%') {
			t++;
			word = *t == 'p' ? ONE_OF(pids) : *t == 'a' ? ONE_OF(places) : ONE_OF(lengths);
			n += (size_t)sprintf(r.command + n, "%s", word);
		} else {
			r.command[n++] = *t;
		}
	}
	r.command[n] = '\0';
}

static void run_command(const char *template)
{
	fill_in(template);
	alarm(PATIENCE);
	session_run_line(&r.s, r.command);
	alarm(0);
}

static void plainly(const char *command)
{
	int before = r.s.failures;
	run_command(command);
	must(r.s.failures == before, "should work");
}

/* ---- Rounds ---- */

static void check_whole(void)
{
	const void *now;
	snprintf(r.command, sizeof(r.command), "undo");
	ok(vmcore_map(r.s.vmcore, 0, BYTES, &now));
	must(!memcmp(now, r.whole, BYTES), "does not give all bytes back");
}

static void forget_acts(void)
{
	while (r.s.acts.snapshots || r.s.acts.last_act)
		plainly("undo");
	r.s.acts.trace = false;
}

/* Damage to a kernel that is open. */
static void act_round(void)
{
	/* A snapshot would do, were it not that an undo among the commands can use it up. */
	ok(vmcore_mark(r.s.vmcore, NULL));
	plainly("snapshot");
	damage();
	for (int i = 0; i < COMMANDS; i++)
		run_command(random_below(&r.state, 3) ? ONE_OF(acts) : ONE_OF(readers));
	forget_acts();
	ok(vmcore_undo(r.s.vmcore));
	mm_state_forget(r.s.kernel);
	r.s.task = 0;
	check_whole();
}

/* Damage that attaching meets already. */
static void attach_round(void)
{
	ok(vmcore_mark(r.s.vmcore, NULL));
	r.attaching = true;
	damage();
	r.attaching = false;
	kernel_close(r.s.kernel);
	r.s.kernel = NULL;
	r.s.task = 0;
	snprintf(r.command, sizeof(r.command), "(attaching)");
	alarm(PATIENCE);
	struct error *e = kernel_open(r.s.vmcore, NULL, &r.s.kernel);
	alarm(0);
	if (e)
		r.s.kernel = NULL;
	error_free(e);
	if (r.s.kernel) {
		for (int i = 0; i < COMMANDS; i++)
			run_command(random_below(&r.state, 2) ? ONE_OF(acts) : ONE_OF(readers));
		forget_acts();
		kernel_close(r.s.kernel);
	}
	ok(vmcore_undo(r.s.vmcore));
	r.s.kernel = NULL;
	r.s.task = 0;
	check_whole();
	ok(kernel_open(r.s.vmcore, NULL, &r.s.kernel));
}

static void round_of(uint64_t seed)
{
	r.seed = seed;
	r.state = seed * 0x9e3779b97f4a7c15ull + 1;
	for (int i = 0; i < 4; i++)
		random_next(&r.state);
	if (random_below(&r.state, 4))
		act_round();
	else
		attach_round();
}

static void start(void)
{
	struct machine_options options = {.mem = BYTES};
	struct engine *e;
	const void *now;
	char seed_of_machine[] = MACHINE_DEFAULT;
	r.console = dup(STDERR_FILENO);
	int nowhere = open("/dev/null", O_WRONLY);
	r.s = (struct session){.settings = {.radix = 10, .print_max = 256}};
	ok(machine_boot(MACHINE_DEFAULT, &options, &r.s.vmcore, &r.s.kernel));
	ok(machine_scenario(&r.s, seed_of_machine, &options));
	r.s.out = out_new(nowhere, OUT_TEXT);
	fflush(stderr);
	if (!getenv("SHOW"))
		dup2(nowhere, STDERR_FILENO);
	signal(SIGALRM, on_signal);
	/* cmocka's own handlers do not know the seed. */
	signal(SIGSEGV, on_signal);
	signal(SIGBUS, on_signal);
	signal(SIGFPE, on_signal);
	signal(SIGABRT, on_signal);
	ok(engine_open(r.s.kernel, &e));
	find_targets(e);
	r.zones = symbol("contig_page_data");
	r.data = symbol("jiffies");
	r.data_end = symbol("__start_BTF");
	r.end = symbol("_end");
	r.whole = malloc(BYTES);
	assert_non_null(r.whole);
	ok(vmcore_map(r.s.vmcore, 0, BYTES, &now));
	memcpy(r.whole, now, BYTES);
}

static void end(void)
{
	close(r.s.out->fd);
	out_free(r.s.out);
	kernel_close(r.s.kernel);
	vmcore_close(r.s.vmcore);
	free(r.whole);
	dup2(r.console, STDERR_FILENO);
}

static uint64_t first_seed, rounds = SAME_SEEDS;
static bool one_run;

static void test_damage(void **state)
{
	time_t began = time(NULL);
	uint64_t fresh = 0, n = 0;
	start();
	for (; n < rounds; n++)
		round_of(first_seed + n);
	assert_int_equal(getrandom(&fresh, 4, 0), 4);
	while (!one_run && time(NULL) < began + SECONDS) {
		round_of(fresh++);
		n++;
	}
	end();
	print_message("%" PRIu64 " rounds\n", n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_damage)};
	one_run = argc > 1;
	if (argc > 1)
		first_seed = strtoull(argv[1], NULL, 10);
	if (argc > 1)
		rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
