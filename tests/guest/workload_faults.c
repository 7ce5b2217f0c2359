/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two processes, parent and child, with memory of every kind, that rest while the dump is taken and touch it afterwards, page by page. Of each access the kernel's own
 * record before and after is kept (pagemap, kpageflags, kpagecount, the fault counters, a signal): what it did, to be held against what mmscope says of the dump that
 * it would do.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define PAGE 4096ul
#define MB   (1ul << 20)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

/* One access; the host reads these bytes (compare_faults.py). */
struct fault_fact {
	uint64_t address;
	uint32_t pid;
	uint8_t access; /* r, w, x */
	uint8_t signal; /* 0: none */
	uint8_t kind;	/* of the area: its letter */
	uint8_t unused;
	uint32_t minor, major; /* faults that it took */
	uint64_t entry[2];     /* /proc/PID/pagemap, before and after */
	uint64_t flags[2];     /* /proc/kpageflags of the frame; 0 when there is none */
	uint64_t count[2];     /* /proc/kpagecount */
	/* Where huge pages are: the same of the next page of the same 2 MiB, and of the area AnonHugePages and Rss in kB (/proc/PID/smaps). */
	uint64_t next_entry[2], next_flags[2], next_count[2];
	uint32_t anon_huge[2], rss[2];
};

#define ROOM 4096

static struct shared {
	uint32_t used, done;
	struct fault_fact fact[ROOM];
} *shared;

static int go[2];
static uint64_t random_state = 12345;

static uint32_t any(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

/* ---- what will be touched ---- */

struct plan {
	uintptr_t address;
	char access, kind;
};

static struct plan plan[2][ROOM / 2];
static uint32_t planned[2];

static void add(int who, char kind, uintptr_t address, char access)
{
	if (planned[who] < ROOM / 2)
		plan[who][planned[who]++] = (struct plan){address + any(PAGE / 8) * 8, access, kind};
}

/* Pages of an area in steps, by chance read or written; parent and child take turns when both have it. */
static void add_area(int who, char kind, const void *memory, size_t size, size_t step, const char *accesses)
{
	uint32_t n = strlen(accesses);

	for (size_t offset = 0; offset < size; offset += step * PAGE)
		add(who == 2 ? (int)(offset / PAGE / step & 1) : who, kind, (uintptr_t)memory + offset, accesses[any(n)]);
}

/* ---- touching ---- */

static sigjmp_buf back;
static int pagemap, page_flags, page_counts;

static void caught(int number)
{
	siglongjmp(back, number);
}

static uint64_t word_of(int fd, uint64_t index)
{
	uint64_t word = 0;

	if (pread(fd, &word, 8, (off_t)(index * 8)) != 8)
		return 0;
	return word;
}

static void look_at(uint64_t address, uint64_t *entry, uint64_t *flags, uint64_t *count)
{
	uint64_t frame;

	*entry = word_of(pagemap, address / PAGE);
	frame = *entry & ((1ull << 55) - 1);
	if (*entry >> 63) {
		*flags = word_of(page_flags, frame);
		*count = word_of(page_counts, frame);
	}
}

static uint32_t field(const char *from, const char *name)
{
	const char *at = strstr(from, name);

	return at ? (uint32_t)strtoul(at + strlen(name), NULL, 10) : 0;
}

/* /proc/self/smaps of the area that has the address. */
static void look_at_area(struct fault_fact *fact, int when)
{
	static char text[256 * 1024];
	size_t length = 0;
	ssize_t got;
	int fd = must(open("/proc/self/smaps", O_RDONLY | O_CLOEXEC));

	while (length + 1 < sizeof(text) && (got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	text[length] = 0;
	close(fd);
	for (char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		char *next;
		uint64_t start = strtoul(line, &next, 16), end;

		if (*next != '-')
			continue;
		end = strtoul(next + 1, &next, 16);
		if (*next != ' ' || fact->address < start || fact->address >= end)
			continue;
		fact->anon_huge[when] = field(line, "AnonHugePages:");
		fact->rss[when] = field(line, "\nRss:");
		return;
	}
}

/* Kinds of areas with huge pages. */
static int is_huge(const struct fault_fact *fact)
{
	return strchr("HIJQRTUVWXY", fact->kind) != NULL;
}

static void look(struct fault_fact *fact, int when)
{
	look_at(fact->address, &fact->entry[when], &fact->flags[when], &fact->count[when]);
	if (!is_huge(fact))
		return;
	look_at(fact->address ^ PAGE, &fact->next_entry[when], &fact->next_flags[when], &fact->next_count[when]);
	look_at_area(fact, when);
}

static void touch(struct fault_fact *fact)
{
	struct rusage before, after;
	volatile char *byte = (volatile char *)(uintptr_t)fact->address;
	int number;

	look(fact, 0);
	getrusage(RUSAGE_SELF, &before);
	number = sigsetjmp(back, 1);
	if (!number) {
		if (fact->access == 'w')
			*byte = 0x5a;
		else if (fact->access == 'r')
			(void)*byte;
		else
			((void (*)(void))(uintptr_t)byte)();
	}
	getrusage(RUSAGE_SELF, &after);
	fact->signal = number;
	fact->minor = after.ru_minflt - before.ru_minflt;
	fact->major = after.ru_majflt - before.ru_majflt;
	look(fact, 1);
}

static void prepare(void)
{
	static char stack[65536] __attribute__((aligned(4096)));
	struct sigaction action = {.sa_handler = caught, .sa_flags = SA_ONSTACK | SA_NODEFER};
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct fault_fact warm = {.access = 'w', .address = 8};
	static char page[2 * PAGE];

	pagemap = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	page_flags = must(open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
	page_counts = must(open("/proc/kpagecount", O_RDONLY | O_CLOEXEC));
	memset(stack, 1, sizeof(stack));
	must(sigaltstack(&alternate, NULL));
	must(sigaction(SIGSEGV, &action, NULL));
	must(sigaction(SIGBUS, &action, NULL));
	/* Once each way, so that nothing but the page in question faults later. */
	touch(&warm);
	warm = (struct fault_fact){.access = 'r', .address = 8};
	touch(&warm);
	warm = (struct fault_fact){.access = 'w', .address = (uintptr_t)page + PAGE};
	touch(&warm);
	for (volatile char *p = (volatile char *)shared; p < (volatile char *)(shared + 1); p += PAGE)
		*p = *p;
	for (int who = 0; who < 2; who++)
		for (volatile char *p = (volatile char *)plan[who]; p < (volatile char *)(plan[who] + ROOM / 2); p += PAGE)
			*p = *p;
}

static void act(int who)
{
	char byte;

	ready();
	while (read(go[0], &byte, 1) != 1)
		;
	for (uint32_t i = 0; i < planned[who]; i++) {
		uint32_t at = __atomic_fetch_add(&shared->used, 1, __ATOMIC_SEQ_CST);
		struct fault_fact *fact = &shared->fact[at];

		if (at >= ROOM)
			break;
		fact->address = plan[who][i].address;
		fact->access = plan[who][i].access;
		fact->kind = plan[who][i].kind;
		fact->pid = getpid();
		touch(fact);
	}
	__atomic_fetch_add(&shared->done, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

/* ---- memory ---- */

static char *map(size_t size, int protection, int flags, int fd)
{
	char *memory = mmap(NULL, size, protection, flags, fd, 0);

	if (memory == MAP_FAILED)
		give_up("mmap");
	return memory;
}

static char *small_pages(size_t size, int flags)
{
	char *memory = map(size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1);

	madvise(memory, size, MADV_NOHUGEPAGE);
	return memory;
}

static void fill(char *memory, size_t size, size_t step, int value)
{
	for (size_t offset = 0; offset < size; offset += step * PAGE)
		memset(memory + offset, value + (int)(offset / PAGE), PAGE);
}

/* A file of so many pages with bytes in the first half, a hole in the second. */
static int half_file(const char *path, size_t pages)
{
	static char page[PAGE];
	int fd = must(open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));

	memset(page, 0xc3, PAGE); /* ret: it can be executed */
	for (size_t i = 0; i < pages / 2; i++)
		must(pwrite(fd, page, PAGE, i * PAGE));
	must(ftruncate(fd, pages * PAGE));
	return fd;
}

/* `count` huge pages' room at an address for one, an area of its own; it is there to stay. */
static char *huge_room(int count)
{
	char *memory = map((size_t)(count + 2) * 2 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memory = (char *)(((uintptr_t)memory + 2 * MB) & -(2 * MB));
	must(mprotect(memory, (size_t)count * 2 * MB, PROT_READ | PROT_WRITE));
	madvise(memory, (size_t)count * 2 * MB, MADV_HUGEPAGE);
	return memory;
}

static char *left;

static void fill_huge(char *memory, int count)
{
	for (int i = 0; i < count; i++)
		memory[i * 2 * MB + 5] = (char)(i + 1);
}

/* Huge pages that parent and child share from the fork on. */
static void shared_huge(void)
{
	char *memory = huge_room(4), *zeroes;

	/* Split by the first write; then page by page. */
	fill_huge(memory, 4);
	for (int i = 0; i < 4; i++) {
		add(i & 1, 'Q', (uintptr_t)memory + i * 2 * MB + 3 * PAGE, 'w');
		add(i & 1, 'Q', (uintptr_t)memory + i * 2 * MB + 7 * PAGE, "rw"[i >> 1]);
		add(i & 1, 'Q', (uintptr_t)memory + i * 2 * MB + 7 * PAGE, 'w');
		add(i & 1, 'Q', (uintptr_t)memory + i * 2 * MB + 3 * PAGE, 'r');
	}
	/* What the child gives up before the dump is the parent's alone. */
	left = huge_room(4);
	fill_huge(left, 4);
	for (int i = 0; i < 4; i++) {
		if (i & 1)
			add(0, 'R', (uintptr_t)left + i * 2 * MB + 11 * PAGE, 'r');
		add(0, 'R', (uintptr_t)left + i * 2 * MB + 12 * PAGE, 'w');
		add(0, 'R', (uintptr_t)left + i * 2 * MB + 300 * PAGE, 'w');
	}
	/* In pieces already. */
	memory = huge_room(4);
	fill_huge(memory, 4);
	for (int i = 0; i < 4; i++) {
		must(madvise(memory + i * 2 * MB + (400 + i) * PAGE, (1 + i) * PAGE, MADV_DONTNEED));
		add(i & 1, 'T', (uintptr_t)memory + i * 2 * MB, 'w');
		add(i & 1, 'T', (uintptr_t)memory + i * 2 * MB + 40 * PAGE, "rw"[i >> 1]);
		add(i & 1, 'T', (uintptr_t)memory + i * 2 * MB + (400 + i) * PAGE, "rw"[i & 1]);
	}
	zeroes = huge_room(4);
	for (int i = 0; i < 4; i++)
		(void)*(volatile char *)(zeroes + i * 2 * MB);
	for (int i = 0; i < 4; i++) {
		add(i & 1, 'X', (uintptr_t)zeroes + i * 2 * MB + 9 * PAGE, "rwww"[i]);
		add(i & 1, 'X', (uintptr_t)zeroes + i * 2 * MB + 10 * PAGE, "wrww"[i]);
		add(i & 1, 'X', (uintptr_t)zeroes + i * 2 * MB + 9 * PAGE, 'w');
	}
}

/* A process's own. */
static void own_huge(int who)
{
	char *memory = huge_room(2);

	/* Not writable for a while, as a whole; then in part. */
	fill_huge(memory, 2);
	must(mprotect(memory, 4 * MB, PROT_READ));
	must(mprotect(memory, 4 * MB, PROT_READ | PROT_WRITE));
	add(who, 'U', (uintptr_t)memory + 17 * PAGE, 'w');
	add(who, 'U', (uintptr_t)memory + 18 * PAGE, 'w');
	add(who, 'U', (uintptr_t)memory + 2 * MB + 19 * PAGE, 'r');
	memory = huge_room(2);
	fill_huge(memory, 2);
	must(mprotect(memory + MB, 2 * MB, PROT_READ));
	must(mprotect(memory + MB, 2 * MB, PROT_READ | PROT_WRITE));
	add(who, 'V', (uintptr_t)memory + 20 * PAGE, 'w');
	add(who, 'V', (uintptr_t)memory + MB + 20 * PAGE, 'w');
	add(who, 'V', (uintptr_t)memory + 2 * MB + 20 * PAGE, 'w');
	add(who, 'V', (uintptr_t)memory + 3 * MB + 20 * PAGE, 'w');
	/* With holes. */
	memory = huge_room(2);
	fill_huge(memory, 2);
	must(madvise(memory + 64 * PAGE, 2 * PAGE, MADV_DONTNEED));
	must(munmap(memory + 2 * MB + 64 * PAGE, 2 * PAGE));
	add(who, 'W', (uintptr_t)memory + 64 * PAGE, 'r');
	add(who, 'W', (uintptr_t)memory + 65 * PAGE, 'w');
	add(who, 'W', (uintptr_t)memory + 64 * PAGE, 'w');
	add(who, 'W', (uintptr_t)memory + 2 * MB + 70 * PAGE, 'w');
	/* New ones, two accesses each. */
	memory = huge_room(3);
	for (int i = 0; i < 3; i++) {
		add(who, 'Y', (uintptr_t)memory + i * 2 * MB + 30 * PAGE, "rwr"[i]);
		add(who, 'Y', (uintptr_t)memory + i * 2 * MB + 31 * PAGE, "wwr"[i]);
	}
}

static void huge_areas(void)
{
	size_t size = 40 * MB;
	char *memory = map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memory = (char *)(((uintptr_t)memory + 2 * MB - 1) & -(2 * MB));
	size = 36 * MB;
	madvise(memory, size, MADV_HUGEPAGE);
	/* Nothing there: one access to each. */
	for (int i = 0; i < 6; i++)
		add(any(2), 'H', (uintptr_t)memory + i * 2 * MB + any(512) * PAGE, "rw"[i & 1]);
	/* A huge page each, which parent and child share from the fork on. */
	for (int i = 6; i < 12; i++) {
		memory[i * 2 * MB] = 1;
		add(i & 1, 'I', (uintptr_t)memory + i * 2 * MB + any(512) * PAGE, "rww"[i % 3]);
	}
	/* The huge zero page. */
	for (int i = 12; i < 16; i++) {
		(void)*(volatile char *)(memory + i * 2 * MB);
		add(i & 1, 'J', (uintptr_t)memory + i * 2 * MB + any(512) * PAGE, "rw"[i >> 1 & 1]);
	}
}

/* A file to each area: what is done to one must not bring the pages of another. */
static int nth_file(const char *path, char kind)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%c", path, kind);
	return half_file(name, 1024);
}

static void file_areas(const char *path, char kind)
{
	size_t size = 1024 * PAGE;
	int fd = nth_file(path, kind);
	char *memory = map(size + 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);

	/* Read faults bring the cached pages around: one access to each 64 KiB. */
	add_area(2, kind, memory, size, 16, "rrw");
	add_area(2, kind, memory + size, 16 * PAGE, 4, "rw");
	fd = nth_file(path, kind + 1);
	memory = map(size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	add_area(2, kind + 1, memory, size, 16, "rrw");
	fd = nth_file(path, kind + 2);
	memory = map(size / 2, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd);
	add_area(2, kind + 2, memory, size / 2, 16, "rxxw");
	/* Mapped already. */
	fd = nth_file(path, kind + 3);
	memory = map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	read_all(memory, size / 4, 1);
	fill(memory + size / 4, size / 8, 1, 3);
	add_area(2, kind + 3, memory, size * 3 / 8, 3, "rww");
}

/* Before the fork. */
static void both(void)
{
	size_t size = 128 * PAGE;
	char *memory = small_pages(size, MAP_PRIVATE);

	add_area(2, 'A', memory, size, 1, "rww"); /* untouched */
	memory = small_pages(size, MAP_PRIVATE);
	read_all(memory, size, 1);
	add_area(2, 'B', memory, size, 1, "rww"); /* the zero page */
	memory = small_pages(size, MAP_PRIVATE);
	fill(memory, size, 1, 1);
	add_area(2, 'C', memory, size, 1, "rww"); /* shared by the fork */
	memory = small_pages(size, MAP_PRIVATE);
	fill(memory, size, 1, 1);
	must(mprotect(memory, size, PROT_READ));
	add_area(2, 'D', memory, size, 2, "rw"); /* may not be written */
	memory = map(size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	add_area(2, 'E', memory, size, 8, "rw");
	memory = map(size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(memory, size, MADV_NOHUGEPAGE);
	add_area(2, 'F', memory, size, 4, "rw");
	memory = small_pages(size, MAP_SHARED);
	fill(memory, size / 2, 1, 1);
	add_area(2, 'G', memory, size, 16, "rw");
	memory = small_pages(size, MAP_PRIVATE);
	fill(memory, size, 1, 1);
	must(munmap(memory + 16 * PAGE, 32 * PAGE));
	add_area(2, 'K', memory + 16 * PAGE, 32 * PAGE, 4, "rw"); /* a hole */
	file_areas("/tmp/faults", 'a');
	file_areas("/ram/faults", 'e');
	huge_areas();
	shared_huge();
	add(0, 'Z', 0, 'r');
	add(0, 'Z', (uintptr_t)0x7fffffff0000ull, 'w');
}

/* Each for itself, after the fork. */
static void own(int who)
{
	size_t size = 64 * PAGE;
	char *memory = small_pages(size, MAP_PRIVATE), *swapped;

	fill(memory, size, 1, 1);
	add_area(who, 'L', memory, size, 2, "rw"); /* its own */
	memory = small_pages(size, MAP_PRIVATE);
	fill(memory, size, 1, 1);
	must(mprotect(memory, size, PROT_READ));
	must(mprotect(memory, size, PROT_READ | PROT_WRITE));
	add_area(who, 'M', memory, size, 2, "rw"); /* its own, write-protected for a while */
	memory = small_pages(size, MAP_PRIVATE);
	fill(memory, size, 1, 1);
	must(madvise(memory, size, MADV_DONTNEED));
	add_area(who, 'N', memory, size, 2, "rw");
	swapped = small_pages(size, MAP_PRIVATE);
	fill(swapped, size, 1, 1);
	madvise(swapped, size, MADV_PAGEOUT);
	add_area(who, 'O', swapped, size, 4, "rw");
	own_huge(who);
	/* A stack of its own, with room to grow and an area far enough below. */
	memory = mmap(NULL, 4 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED && !munmap(memory, 4 * MB)) {
		memory = mmap(memory + 4 * MB - 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
		if (memory != MAP_FAILED) {
			madvise(memory, 4 * PAGE, MADV_NOHUGEPAGE);
			memory[0] = 1;
			add(who, 'S', (uintptr_t)memory - 3 * PAGE, 'w');
		}
	}
}

static char *copied;

static void child(long unused)
{
	/* What it writes before the dump is its own, and the other is the parent's alone. */
	fill(copied, 64 * PAGE, 2, 7);
	must(munmap(left, 8 * MB));
	own(1);
	prepare();
	act(1);
}

static void faulter(long unused)
{
	copied = small_pages(64 * PAGE, MAP_PRIVATE);
	fill(copied, 64 * PAGE, 1, 5);
	add_area(2, 'P', copied, 64 * PAGE, 1, "rww");
	both();
	spawn("faulter-child", child, 0);
	own(0);
	prepare();
	act(0);
}

void start_faulters(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		give_up("mmap");
	must(pipe(go));
	spawn("faulter", faulter, 0);
}

const void *faulters_act(size_t *size)
{
	*size = 0;
	must(write(go[1], "ab", 2));
	for (int i = 0; i < 3000 && __atomic_load_n(&shared->done, __ATOMIC_SEQ_CST) < 2; i++)
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	if (shared->done < 2)
		return NULL;
	*size = (shared->used < ROOM ? shared->used : ROOM) * sizeof(shared->fact[0]);
	return shared->fact;
}
