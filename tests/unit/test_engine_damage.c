/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Damaged images: bits and words of a machine's, or a dump's, structures are changed at random, or one member with aim (directed.h), then commands
 * read them and act on them. Whatever they say, they come back, and undo gives every byte of all memory
 * back. (A crash or a hang is what is looked for, best with SANITIZE=1.)
 *
 *   test_engine_damage [FLAVOUR [SEED [ROUNDS]]]     from the round's own seed
 *   test_engine_damage --dump FILE [SEED [ROUNDS]]   a guest's dump; the file stays as it is
 *
 * Without a seed: some that are always the same, and new ones until the time is up. A failure names
 * its seed and the command.
 */
#include "tests/unit/directed.h"
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
#include "mm/task.h"
#include "mm/vma.h"

#define SECONDS	    6  /* for all rounds of a machine */
#define PATIENCE    20 /* seconds for a command, with the slowest of builds */
#define COMMANDS    12 /* of a round */
#define DAMAGED     6  /* words at most */
#define MEMORY	    (3ull << 29) /* bytes that this process may come to use: with the copies of the sanitizers' builds */
#define MAX_TARGETS 65536
#define MAX_GROUPS  256
#define MAX_PLACES  256

/* What is damaged, and what is then done to it. */
struct subject {
	const char *flavour; /* NULL: a dump */
	unsigned megabytes, same_seeds;
	const char *const *setup; /* commands, some of which not every flavour knows */
	const char *const *pids, *const *places, *const *acts, *const *readers;
};

/* Frames of one kind of structure: those of one slab cache, or page tables, stacks and whatever else. */
struct group {
	uint64_t cache;
	unsigned first, count;
};

static struct run {
	const struct subject *subject;
	const char *dump;
	struct session s;
	unsigned char *whole; /* all memory before any damage; of a machine */
	uint64_t targets[MAX_TARGETS]; /* kernel addresses of frames with structures in them, by group */
	struct group groups[MAX_GROUPS];
	unsigned group_count;
	uint64_t seed, state;
	bool attaching;
	uint64_t zones, zones_size, data, data_end, end, cpus, cpus_end; /* addresses: looked up before there is any damage */
	char numbers[MAX_PLACES][24]; /* pids and places of a dump */
	const char *pids[MAX_PLACES], *places[MAX_PLACES];
	char command[160];
	int console; /* where failures are told: standard output goes nowhere */
} r;

static void tell(const char *what)
{
	char line[500];
	int n = snprintf(line, sizeof(line), "test_engine_damage: %s, seed %llu: %s: %s%s%s\n", r.dump ? "dump" : r.subject->flavour,
			 (unsigned long long)r.seed, r.command, what, aim.what[0] ? "; damaged: " : "", aim.what);
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

/* What the frame belongs to: a slab cache, 1 for another use of the kernel's, 0 for a user's page or none. */
static uint64_t owner_of(struct kernel *k, const struct engine *e, const struct page *p)
{
	uint64_t mapping = GET(k, &p->object, page, mapping);
	if (page_refcount(k, p) <= 0 || p->flags >> e->bit_reserved & 1 || p->flags >> e->bit_lru & 1)
		return 0;
	if (!(p->flags >> e->bit_slab & 1))
		return !e->classic && (mapping & 1) ? 0 : 1;
	return HAS(k, slab, slab_cache) ? GET(k, &p->object, slab, slab_cache) : 2;
}

struct target {
	uint64_t cache, addr;
};

static int by_cache(const void *a, const void *b)
{
	const struct target *x = a, *y = b;
	return x->cache < y->cache ? -1 : x->cache > y->cache ? 1 : x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Every frame that the allocator has handed out, but not users' pages. */
static void find_targets(struct engine *e)
{
	struct target *all = malloc(MAX_TARGETS * sizeof(*all));
	unsigned count = 0;
	assert_non_null(all);
	for (uint64_t pfn = 0; pfn < e->max_pfn && count < MAX_TARGETS; pfn++) {
		struct page p;
		if (error_drop(page_open(e->k, e->mem_map + pfn * e->page_size, &p)))
			continue;
		uint64_t cache = owner_of(e->k, e, &p), frames = cache > 1 && !e->classic ? 1ull << page_compound_order(e->k, &p) : 1;
		for (uint64_t i = 0; cache && i < frames && count < MAX_TARGETS; i++)
			all[count++] = (struct target){cache, kernel_ptov(e->k, (pfn + i) << 12)};
	}
	qsort(all, count, sizeof(*all), by_cache);
	r.group_count = 0;
	for (unsigned i = 0; i < count; i++) {
		r.targets[i] = all[i].addr;
		if (r.group_count && r.groups[r.group_count - 1].cache == all[i].cache)
			r.groups[r.group_count - 1].count++;
		else if (r.group_count < MAX_GROUPS)
			r.groups[r.group_count++] = (struct group){all[i].cache, i, 1};
	}
	free(all);
}

static void find_ranges(struct engine *e)
{
	struct kernel *k = e->k;
	r.cpus = r.cpus_end = 0;
	r.end = symbol("_end");
	if (e->classic) {
		r.zones = symbol("contig_page_data");
		r.zones_size = 0x400;
		r.data = symbol("jiffies");
		r.data_end = symbol("__start_BTF");
		return;
	}
	r.zones = symbol_addr(k, "contig_page_data");
	if (!r.zones)
		ok(kernel_read_pointer(k, symbol("node_data"), &r.zones));
	r.zones_size = SIZE_OF(k, pglist_data);
	r.data = symbol_addr(k, "_sdata") ? symbol_addr(k, "_sdata") : symbol("init_task");
	r.data_end = symbol_addr(k, "_edata") > r.data ? symbol_addr(k, "_edata") : r.data + (1u << 20);
	ok(kernel_read_pointer(k, symbol("__per_cpu_offset"), &r.cpus));
	r.cpus += symbol_addr(k, "__per_cpu_start");
	r.cpus_end = r.cpus + symbol("__per_cpu_end") - symbol_addr(k, "__per_cpu_start");
}

static uint64_t word_in(uint64_t start, uint64_t end)
{
	uint64_t mask = r.s.kernel->arch->pointer_size - 1u;
	return (start + (random_next(&r.state) >> 8) % (end - start)) & ~mask;
}

/* The address of a word that is worth a change. */
static uint64_t any_word(struct engine *e)
{
	switch (random_below(&r.state, 10)) {
	case 0:
	case 1:
		return word_in(e->mem_map, e->mem_map + e->max_pfn * e->page_size);
	case 2:
		return word_in(r.zones, r.zones + r.zones_size);
	case 3:
		if (r.cpus)
			return word_in(r.cpus, r.cpus_end);
		/* fallthrough */
	case 4:
		/* What describes the kernel stands behind its variables; it is read when it attaches. */
		return word_in(r.data, r.attaching ? r.end : r.data_end);
	default: {
		const struct group *g = &r.groups[random_below(&r.state, r.group_count)];
		uint64_t frame = r.targets[g->first + random_below(&r.state, g->count)];
		/* Structures fill the beginnings of frames. */
		return word_in(frame, frame + (random_below(&r.state, 2) ? 4096 : 512));
	}
	}
}

static uint64_t any_value(struct engine *e, uint64_t old)
{
	static const int64_t odd[] = {0, 1, 2, 0x7fffffff, INT32_MIN, -1, -4096, -0x40000000, 0xbfffffff, 31, 32, 64, 4096, INT64_MAX, INT64_MIN};
	switch (random_below(&r.state, 7)) {
	case 0:
	case 1:
		return old ^ 1ull << random_below(&r.state, 8u * e->k->arch->pointer_size);
	case 2:
		return (uint64_t)odd[random_below(&r.state, sizeof(odd) / sizeof(odd[0]))];
	case 3:
		return any_word(e);
	case 4:
		return old + (random_below(&r.state, 2) ? 4u : -4u) * random_below(&r.state, 64);
	case 5: {
		uint64_t other = 0;
		error_drop(kernel_read_pointer(e->k, any_word(e), &other));
		return other;
	}
	default:
		return random_next(&r.state);
	}
}

static void damage(void)
{
	struct engine *e;
	ok(engine_open(r.s.kernel, &e));
	for (unsigned n = 1 + random_below(&r.state, DAMAGED); n; n--) {
		/* What is damaged already may be the way to the next word. */
		uint64_t at = any_word(e), old;
		if (!error_drop(kernel_read_pointer(e->k, at, &old)))
			error_drop(kernel_write_pointer(e->k, at, any_value(e, old)));
	}
}

static void aimed(void)
{
	struct engine *e;
	ok(engine_open(r.s.kernel, &e));
	aim.k = r.s.kernel;
	for (unsigned n = 1 + random_below(&r.state, 2); n; n--)
		damage_directed(e->mem_map, e->max_pfn, e->page_size);
}

/* ---- Commands ---- */

static const char *one_of(const char *const *from)
{
	unsigned count = 0;
	while (from[count])
		count++;
	return from[random_below(&r.state, count)];
}

static const char *const lengths[] = {"4k", "8k", "64k", "1M", NULL};

static const char *const pids24[] = {"1", "273", "300", "301", NULL};
static const char *const places24[] = {"8048000", "804a000", "8050000", "bffff000", "bfff0000", "40000000", "40071000", "50000000", "804f000", NULL};

/* %p a pid, %a an address, %l a length. */
static const char *const acts24[] = {
	"touch -c %p -w %a %l", "touch -c %p -r %a %l", "poke -c %p %a 12345678", "peek -c %p %a 4", "fork -c %p", "clone -c %p",
	"clone -t -c %p", "exit-task %p", "exec -c %p /bin/pair", "exec -c %p /sbin/init", "spawn /bin/pair one two",
	"mmap -c %p %l", "mmap -c %p -A %a %l rx", "mmap -c %p -f /lib/libc-2.3.6.so 64k r", "mmap -c %p -s -f /sbin/init -A %a 8k rw",
	"munmap -c %p %a %l", "mprotect -c %p %a %l r", "mprotect -c %p %a %l rw", "mremap -c %p -m %a %l 1M", "mremap -c %p -A 60000000 %a %l",
	"madvise -c %p %a %l dontneed", "madvise -c %p %a %l random", "madvise -c %p %a %l willneed", "mlock -c %p %a %l", "munlock -c %p %a %l", "mlockall -c %p",
	"brk -c %p 8090000", "brk -c %p 8060000", "reclaim 64",
	"reclaim 500", "swapon", "mkfile -t hello /tmp/x", "mkfile -z 64k /tmp/y/z", "pin", "pin frame 800000", "undo", "diff", "diff -v",
	"trace on", "touch -c %p -w 20000000", "exit-task %p", NULL,
};

static const char *const readers24[] = {
	"ps", "ps -a", "ps -t", "ps -c", "ps -p %p", "vm %p", "vm -p %p", "vtop -c %p %a", "kmem -i", "kmem -s", "kmem -S", "kmem -f",
	"kmem -F", "kmem -z", "kmem -n", "kmem -c", "kmem -C", "kmem -v", "kmem -p c0800000", "kmem %a", "foreach vm", "task %p", "sys",
	"mach", "log", "kmem -V", "struct task_struct c1000000", "vm -m %p", "swap", "kmem -w", "set %p", "vm -R init", NULL,
};

/* Memory of every kind, a family, a huge page, swap. */
static const char *const setup64[] = {
	"mkfile -z 256k /tmp/data", "mkfile -p pair /bin/pair", "swapon", "spawn -p 700 -e p", "mmap -c 700 -A 10000000000 64k", "touch -c 700 -w 10000000000 32k",
	"touch -c 700 -r 10000008000 8k", "mmap -c 700 -A 10000100000 -f /tmp/data 64k rw", "touch -c 700 -r 10000100000 32k", "touch -c 700 -w 10000100000 8k",
	"mmap -c 700 -A 10000200000 -s -f /tmp/data 64k rw", "touch -c 700 -w 10000200000 16k", "mmap -c 700 -A 10000400000 6M", "touch -c 700 -w 10000400000 4k",
	"touch -c 700 -r 10000600000 4k", "mmap -c 700 -A 10000a10000 -g 16k", "mmap -c 700 -A 10000b00000 -s 64k", "touch -c 700 -w 10000b00000 8k",
	"mlock -c 700 10000000000 8k", "fork -c 700 -p 701", "fork -c 701 -p 702", "touch -c 701 -w 10000000000 8k", "touch -c 702 -w 10000002000 8k",
	"reclaim 16", NULL,
};
static const char *const pids64[] = {"1", "700", "701", "702", NULL};
static const char *const places64[] = {"10000000000", "10000003000", "10000008000", "10000100000", "10000102000", "10000200000", "10000400000",
				       "10000523000", "10000600000", "10000a0f000", "10000a10000", "10000b00000", "10000c00000", "7ffffffde000",
				       "7fffffffe000", "400000", NULL};

static const char *const acts64[] = {
	"fault -c %p -r %a", "fault -c %p -w %a", "fault -c %p -x %a", "fault -c %p -n -w %a", "fault -c %p -w %a", "touch -c %p -w %a %l", "touch -c %p -r %a %l",
	"poke -c %p %a 12345678", "peek -c %p %a 4", "fork -c %p", "fork -c %p", "clone -c %p", "clone -t -c %p", "exit-task %p", "exit-task %p",
	"exec -c %p -e new", "exec -c %p /bin/pair", "spawn -e other", "mmap -c %p %l", "mmap -c %p -A %a %l rx", "mmap -c %p -f /tmp/data 64k r",
	"mmap -c %p -s -f /tmp/data -A %a 8k rw", "mmap -c %p -s %l", "mmap -c %p -l %l", "mmap -c %p -p %l", "mmap -c %p -A 10000800000 4M", "munmap -c %p %a %l",
	"munmap -c %p %a 1M", "mprotect -c %p %a %l r", "mprotect -c %p %a %l rw", "mremap -c %p -m %a %l 1M", "mremap -c %p -A 60000000000 %a %l",
	"mremap -c %p %a 1M 4k", "madvise -c %p %a %l dontneed", "madvise -c %p %a %l free", "madvise -c %p %a %l random", "madvise -c %p %a %l willneed",
	"madvise -c %p %a %l hugepage", "madvise -c %p %a %l dontfork", "madvise -c %p %a %l cold", "madvise -c %p %a %l pageout", "mlock -c %p %a %l",
	"munlock -c %p %a %l", "mlockall -c %p", "munlockall -c %p", "brk -c %p 8090000", "reclaim 64", "reclaim 500", "swapon", "mkfile -t hello /tmp/x",
	"mkfile -z 64k /tmp/y/z", "oom", "oom -k", "overcommit", "pin", "pin frame 800000", "undo", "diff", "diff -v", "trace on", "snapshot", NULL,
};

static const char *const readers64[] = {
	"ps", "ps -a", "ps -t", "ps -c", "ps -p %p", "vm %p", "vm -p %p", "vtop -c %p %a", "kmem -i", "kmem -s", "kmem -S", "kmem -f",
	"kmem -F", "kmem -z", "kmem -n", "kmem -V", "kmem %a", "foreach vm", "task %p", "sys", "mach", "log", "vm -m %p", "swap", "set %p", "audit", "audit %p",
	"rmap -c %p %a", "rmap -v -c %p %a", "rmap --scan -c %p %a", "rmap -A", "smaps %p", "foreach smaps -r", "files %p", "tree -t maple init_task", "frag", "top-mem", NULL,
};

static const struct subject subjects[] = {
	{MACHINE_DEFAULT, 16, 60, NULL, pids24, places24, acts24, readers24},
	{"linux-3.19-x86_64", 128, 40, setup64, pids64, places64, acts64, readers64},
	{"linux-5.10-x86_64", 128, 40, setup64, pids64, places64, acts64, readers64},
};
static const struct subject dumped = {NULL, 0, 20, NULL, r.pids, r.places, acts64, readers64};

static void fill_in(const char *template)
{
	size_t n = 0;
	for (const char *t = template; *t && n + 20 < sizeof(r.command); t++) {
		const char *word = NULL;
		if (*t == '%') {
			t++;
			word = one_of(*t == 'p' ? r.subject->pids : *t == 'a' ? r.subject->places : lengths);
			n += (size_t)sprintf(r.command + n, "%s", word);
		} else {
			r.command[n++] = *t;
		}
	}
	r.command[n] = '\0';
}

/* Bytes of this process that are no file's; 0 where that is not told. */
static uint64_t own_memory(void)
{
	char text[4096];
	FILE *f = fopen("/proc/self/status", "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = '\0';
	const char *at = strstr(text, "RssAnon:");
	return at ? strtoull(at + 8, NULL, 10) << 10 : 0;
}

static void run_command(const char *template)
{
	fill_in(template);
	alarm(PATIENCE);
	session_run_line(&r.s, r.command);
	alarm(0);
	/* A dump's pages become the process's own as they are written, and a mark keeps what they were. */
	must(own_memory() < MEMORY + (r.dump ? 2 * vmcore_max_phys(r.s.vmcore) : 0), "takes too much memory");
}

static void plainly(const char *command)
{
	int before = r.s.failures;
	run_command(command);
	must(r.s.failures == before, "should work");
}

/* ---- Rounds ---- */

/* A dump's memory against the file, opened anew. */
static void check_dump(void)
{
	struct vmcore *again;
	uint64_t start, end;
	const void *now, *then;
	ok(vmcore_open(r.dump, NULL, &again));
	for (size_t i = 0; vmcore_range(r.s.vmcore, i, &start, &end); i++) {
		for (; start < end; start += VMCORE_PAGE_SIZE) {
			now = vmcore_try_map(r.s.vmcore, start, VMCORE_PAGE_SIZE);
			then = vmcore_try_map(again, start, VMCORE_PAGE_SIZE);
			must(!now == !then && (!now || !memcmp(now, then, VMCORE_PAGE_SIZE)), "does not give all bytes back");
		}
	}
	vmcore_close(again);
}

static void check_whole(void)
{
	const void *now;
	size_t bytes = (size_t)r.subject->megabytes << 20;
	snprintf(r.command, sizeof(r.command), "undo");
	if (r.dump) {
		check_dump();
		return;
	}
	ok(vmcore_map(r.s.vmcore, 0, bytes, &now));
	must(!memcmp(now, r.whole, bytes), "does not give all bytes back");
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
	aim.what[0] = '\0';
	if (random_below(&r.state, 5) < 2)
		damage();
	else
		aimed();
	for (int i = 0; i < COMMANDS; i++)
		run_command(one_of(random_below(&r.state, 3) ? r.subject->acts : r.subject->readers));
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
	aim.what[0] = '\0';
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
			run_command(one_of(random_below(&r.state, 2) ? r.subject->acts : r.subject->readers));
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

/* The first tasks of a dump that have memory, and where their areas begin. */
static bool add_place(void *context, const struct vma *vma)
{
	unsigned *count = context;
	if (*count + 1 >= MAX_PLACES || random_below(&r.state, 3))
		return *count + 1 < MAX_PLACES;
	snprintf(r.numbers[*count], sizeof(r.numbers[0]), "%" PRIx64, vma->start);
	r.places[*count] = r.numbers[*count];
	++*count;
	return true;
}

static void find_places(void)
{
	static char pids[8][16];
	unsigned places = 0, found = 0;
	size_t count;
	ok(tasks_count(r.s.kernel, &count));
	for (size_t i = 0; i < count && found < 8; i++) {
		const struct task *t = tasks_get(r.s.kernel, i);
		if (!t->mm)
			continue;
		snprintf(pids[found], sizeof(pids[0]), "%u", t->pid);
		r.pids[found] = pids[found];
		found++;
		ok(vma_for_each(r.s.kernel, t->mm, add_place, &places));
	}
	assert_true(found && places);
}

static void boot_subject(void)
{
	struct machine_options options = {.mem = (uint64_t)r.subject->megabytes << 20};
	ok(machine_boot(r.subject->flavour, &options, &r.s.vmcore, &r.s.kernel));
	ok(machine_scenario(&r.s, r.subject->flavour, &options));
}

static void start(void)
{
	struct engine *e;
	const void *now;
	r.console = dup(STDERR_FILENO);
	int nowhere = open("/dev/null", O_WRONLY);
	r.s = (struct session){.settings = {.radix = 10, .print_max = 256}};
	r.state = 1;
	if (r.dump) {
		ok(vmcore_open(r.dump, NULL, &r.s.vmcore));
		ok(kernel_open(r.s.vmcore, NULL, &r.s.kernel));
		find_places();
	} else {
		boot_subject();
	}
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
	for (const char *const *line = r.subject->setup; line && *line; line++)
		run_command(*line);
	while (r.s.acts.last_act) {
		ok(vmcore_forget(r.s.vmcore));
		r.s.acts.last_act = false;
	}
	ok(engine_open(r.s.kernel, &e));
	find_targets(e);
	find_ranges(e);
	aim_at(r.s.kernel, &r.state);
	if (r.dump)
		return;
	r.whole = malloc((size_t)r.subject->megabytes << 20);
	assert_non_null(r.whole);
	ok(vmcore_map(r.s.vmcore, 0, (size_t)r.subject->megabytes << 20, &now));
	memcpy(r.whole, now, (size_t)r.subject->megabytes << 20);
}

static void end(void)
{
	close(r.s.out->fd);
	out_free(r.s.out);
	kernel_close(r.s.kernel);
	vmcore_close(r.s.vmcore);
	free(r.whole);
	r.whole = NULL;
	dup2(r.console, STDERR_FILENO);
	close(r.console);
}

static uint64_t first_seed, rounds;
static bool one_run;

static void test_damage(void **state)
{
	time_t began = time(NULL);
	uint64_t fresh = 0, n = 0;
	r.subject = *state;
	start();
	for (; n < (rounds ? rounds : r.subject->same_seeds); n++)
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
	struct CMUnitTest tests[sizeof(subjects) / sizeof(subjects[0])];
	size_t count = 0;
	bool dump = argc > 2 && !strcmp(argv[1], "--dump");
	int rest = dump ? 3 : 2;
	r.dump = dump ? argv[2] : NULL;
	if (dump)
		tests[count++] = (struct CMUnitTest){"test_damage of a dump", test_damage, NULL, NULL, (void *)&dumped};
	for (size_t i = 0; !dump && i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (argc < 2 || !strcmp(argv[1], subjects[i].flavour))
			tests[count++] = (struct CMUnitTest){subjects[i].flavour, test_damage, NULL, NULL, (void *)&subjects[i]};
	one_run = dump || argc > rest;
	first_seed = argc > rest ? strtoull(argv[rest], NULL, 10) : 0;
	rounds = argc > rest + 1 ? strtoull(argv[rest + 1], NULL, 10) : argc > rest;
	return _cmocka_run_group_tests("damage", tests, count, NULL, NULL);
}
