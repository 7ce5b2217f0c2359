/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process that gives its memory up after the dump (MADV_PAGEOUT), touches some of it again, and records what the kernel made of each page: pagemap, with the slots of
 * swap, kpageflags, faults; the swap that the machine and its control group have in use. To be held against what mmscope does on the dump (compare_reclaim.py).
 */
#include <inttypes.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define PAGE 4096ul

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

enum { ACT_PAGEOUT, ACT_READ, ACT_WRITE };

/* One act; the host reads these bytes. */
struct reclaim_fact {
	uint64_t address, length;
	uint32_t pid, act;
	int32_t result; /* of madvise() */
	uint32_t minor, major;
	uint32_t word;	     /* a touched page's first */
	uint64_t swap_used;  /* of the machine afterwards, in kB */
	uint64_t group_swap; /* memory.swap.current of its control group afterwards; all ones: not known */
	uint64_t entry[64];  /* pagemap of its pages afterwards */
	uint64_t flags[64];  /* kpageflags of those that are present */
};

#define ROOM 64

static struct shared {
	uint32_t used, done;
	struct reclaim_fact fact[ROOM];
} *shared;

static int go[2], pagemap, page_flags;

static struct {
	uintptr_t address;
	size_t length;
	int act;
} plan[ROOM];
static uint32_t planned;

static void add(int act, const void *address, size_t pages)
{
	if (planned == ROOM)
		return;
	plan[planned].address = (uintptr_t)address;
	plan[planned].length = pages * PAGE;
	plan[planned++].act = act;
}

static char *small_pages(size_t pages, int flags)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (memory == MAP_FAILED)
		give_up("mmap");
	madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
	return memory;
}

/* Each page begins with a word of its own. */
static void fill(char *memory, size_t pages, uint32_t first)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile uint32_t *)(memory + i * PAGE) = first + (uint32_t)i;
}

static uint64_t number_in(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return got > 0 ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* The used part of all areas: /proc/swaps, kB. */
static uint64_t swap_used(void)
{
	char text[4096];
	int fd = open("/proc/swaps", O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, text, sizeof(text) - 1);
	uint64_t sum = 0, used;

	close(fd);
	text[got > 0 ? got : 0] = 0;
	for (char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
		if (sscanf(line + 1, "%*s %*s %*u %" SCNu64, &used) == 1)
			sum += used;
	return sum;
}

static void look(struct reclaim_fact *fact)
{
	for (size_t i = 0; i < fact->length / PAGE && i < 64; i++) {
		pread(pagemap, &fact->entry[i], 8, (off_t)((fact->address / PAGE + i) * 8));
		if (fact->entry[i] >> 63)
			pread(page_flags, &fact->flags[i], 8, (off_t)((fact->entry[i] & ((1ull << 55) - 1)) * 8));
	}
	fact->swap_used = swap_used();
	fact->group_swap = number_in("/cgroup/reclaimed/memory.swap.current");
}

static void act(struct reclaim_fact *fact)
{
	struct rusage before, after;
	volatile uint32_t *word = (volatile uint32_t *)(uintptr_t)fact->address;

	getrusage(RUSAGE_SELF, &before);
	if (fact->act == ACT_PAGEOUT)
		fact->result = madvise((void *)(uintptr_t)fact->address, fact->length, MADV_PAGEOUT);
	else if (fact->act == ACT_READ)
		fact->word = *word;
	else
		fact->word = *word = 0xabcd0000;
	getrusage(RUSAGE_SELF, &after);
	fact->minor = (uint32_t)(after.ru_minflt - before.ru_minflt);
	fact->major = (uint32_t)(after.ru_majflt - before.ru_majflt);
	look(fact);
}

static void sharer(long unused)
{
	rest();
}

static void prepare(void)
{
	struct reclaim_fact warm = {.address = (uintptr_t)&warm & -PAGE, .length = PAGE, .act = ACT_READ};
	char *memory, *both = small_pages(16, MAP_PRIVATE);

	/* The child has nothing but this of it. */
	fill(both, 16, 0x4000);
	spawn("reclaim-sharer", sharer, 0);
	fill(both, 8, 0x5000);
	/* Its own. */
	memory = small_pages(64, MAP_PRIVATE);
	fill(memory, 64, 0x1000);
	add(ACT_PAGEOUT, memory, 8);
	add(ACT_PAGEOUT, memory + 8 * PAGE, 56);
	add(ACT_READ, memory, 1);
	add(ACT_WRITE, memory + PAGE, 1);
	add(ACT_READ, memory + 63 * PAGE, 1);
	add(ACT_WRITE, memory + 63 * PAGE, 1);
	/* Once more, what came back: a slot of its own each time. */
	add(ACT_PAGEOUT, memory, 4);
	add(ACT_READ, memory + PAGE, 1);
	/* May not be written. */
	memory = small_pages(16, MAP_PRIVATE);
	fill(memory, 16, 0x2000);
	must(mprotect(memory, 16 * PAGE, PROT_READ));
	add(ACT_PAGEOUT, memory, 16);
	add(ACT_READ, memory + 3 * PAGE, 1);
	/* The zero page, and nothing at all. */
	memory = small_pages(16, MAP_PRIVATE);
	for (size_t i = 0; i < 8; i++)
		(void)*(volatile char *)(memory + i * PAGE);
	add(ACT_PAGEOUT, memory, 16);
	/* Locked: refused. */
	memory = small_pages(8, MAP_PRIVATE);
	must(mlock(memory, 8 * PAGE));
	fill(memory, 8, 0x3000);
	add(ACT_PAGEOUT, memory, 8);
	/* With the child: the first half is its own by now. */
	add(ACT_PAGEOUT, both, 16);
	add(ACT_READ, both + 9 * PAGE, 1);
	add(ACT_WRITE, both + 2 * PAGE, 1);
	/* Once each way, so that nothing else faults later. */
	for (volatile char *p = (volatile char *)shared; p < (volatile char *)(shared + 1); p += PAGE)
		*p = *p;
	act(&warm);
}

static void reclaimed(long unused)
{
	cpu_set_t one;
	char byte;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	must(sched_setaffinity(0, sizeof(one), &one));
	mkdir("/cgroup/reclaimed", 0755);
	enter_group("/cgroup/reclaimed");
	pagemap = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	page_flags = must(open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
	prepare();
	ready();
	while (read(go[0], &byte, 1) != 1)
		;
	for (uint32_t i = 0; i < planned; i++) {
		struct reclaim_fact *fact = &shared->fact[i];

		fact->address = plan[i].address;
		fact->length = plan[i].length;
		fact->act = (uint32_t)plan[i].act;
		fact->pid = (uint32_t)getpid();
		act(fact);
		shared->used = i + 1;
	}
	__atomic_store_n(&shared->done, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

void start_reclaimed(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		give_up("mmap");
	must(pipe(go));
	spawn("reclaimed", reclaimed, 0);
}

const void *reclaimed_act(size_t *size)
{
	*size = 0;
	must(write(go[1], "a", 1));
	for (int i = 0; i < 3000 && !__atomic_load_n(&shared->done, __ATOMIC_SEQ_CST); i++)
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	if (!shared->done)
		return NULL;
	*size = shared->used * sizeof(shared->fact[0]);
	return shared->fact;
}
