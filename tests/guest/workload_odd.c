/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory that few programs have: pinned, sealed, guarded, secret, watched by userfaultfd, behind the end of a file, in folios of middle sizes, in a group that has too
 * little of it. And, where the host asks for it (guest_churn=1), processes that change their memory while the dump is taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define PAGE 4096ul
#define MB   (1ul << 20)

/* include/uapi/asm-generic/mman-common.h, unistd.h: younger than some C libraries */
#define ADVICE_COLD	       20
#define ADVICE_PAGEOUT	       21
#define ADVICE_GUARD	       102
#define CALL_IO_URING_SETUP    425
#define CALL_IO_URING_REGISTER 427
#define CALL_MEMFD_SECRET      447
#define CALL_MSEAL	       462

static char *pages(size_t size, int flags)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (memory == MAP_FAILED)
		give_up("mmap of odd memory");
	return memory;
}

static void fill(char *memory, size_t size, size_t step)
{
	for (size_t offset = 0; offset < size; offset += step * PAGE)
		memory[offset] = (char)(1 + offset / PAGE);
}

/* ---- pinned ---- */

static void pins_child(long unused)
{
}

/* By a pipe, and for good by io_uring, which the child's fork then has to copy at once. */
static void pins(long unused)
{
	char *memory = pages(64 * PAGE, MAP_PRIVATE);
	struct io_uring_params parameters = {0};
	struct iovec piece = {memory, 8 * PAGE};
	int pipes[2], ring;

	fill(memory, 64 * PAGE, 1);
	must(pipe(pipes));
	must(vmsplice(pipes[1], &piece, 1, 0));
	ring = syscall(CALL_IO_URING_SETUP, 4, &parameters);
	piece = (struct iovec){memory + 16 * PAGE, 8 * PAGE};
	if (ring >= 0)
		syscall(CALL_IO_URING_REGISTER, ring, IORING_REGISTER_BUFFERS, &piece, 1);
	spawn("pins-child", pins_child, 0);
}

/* ---- watched, guarded, sealed, secret ---- */

static void watch(int fd, char *memory, size_t size, uint64_t mode)
{
	struct uffdio_register area = {{(uintptr_t)memory, size}, mode, 0};

	ioctl(fd, UFFDIO_REGISTER, &area);
}

static void watched(long unused)
{
	char *memory = pages(64 * PAGE, MAP_PRIVATE), *shared = pages(64 * PAGE, MAP_SHARED);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct uffdio_api api = {.api = UFFD_API, .features = 0};

	madvise(memory, 64 * PAGE, MADV_NOHUGEPAGE);
	fill(memory, 32 * PAGE, 1);
	fill(shared, 32 * PAGE, 2);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		return;
	watch(fd, memory, 64 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
	watch(fd, shared, 64 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
#ifdef UFFDIO_WRITEPROTECT
	memory = pages(64 * PAGE, MAP_PRIVATE);
	madvise(memory, 64 * PAGE, MADV_NOHUGEPAGE);
	fill(memory, 32 * PAGE, 1);
	watch(fd, memory, 64 * PAGE, UFFDIO_REGISTER_MODE_WP);
	ioctl(fd, UFFDIO_WRITEPROTECT, &(struct uffdio_writeprotect){{(uintptr_t)memory, 16 * PAGE}, UFFDIO_WRITEPROTECT_MODE_WP});
	madvise(memory + 8 * PAGE, 16 * PAGE, ADVICE_PAGEOUT);
#endif
}

static void guards(long unused)
{
	char *memory = pages(64 * PAGE, MAP_PRIVATE), *secret;
	int fd;

	fill(memory, 64 * PAGE, 1);
	madvise(memory + 8 * PAGE, 8 * PAGE, ADVICE_GUARD);
	madvise(memory + 32 * PAGE, 8 * PAGE, ADVICE_COLD);
	madvise(memory + 40 * PAGE, 8 * PAGE, MADV_FREE);
	memory[44 * PAGE] = 1; /* not free any more */
	memory = pages(16 * PAGE, MAP_PRIVATE);
	fill(memory, 16 * PAGE, 2);
	syscall(CALL_MSEAL, memory, 8 * PAGE, 0);
	fd = syscall(CALL_MEMFD_SECRET, 0);
	if (fd < 0 || ftruncate(fd, 16 * PAGE))
		return;
	secret = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (secret != MAP_FAILED)
		fill(secret, 8 * PAGE, 1);
}

/* ---- files ---- */

static char *mapped;

static void behind_end_child(long unused)
{
	fill(mapped, 2 * PAGE, 1);
}

/* A file that got shorter under its mappings; holes in shared memory; a file that is mapped in another order. */
static void behind_end(long unused)
{
	int fd = must(syscall(SYS_memfd_create, "shrinks", 0));
	char *shared = pages(64 * PAGE, MAP_SHARED), *remapped;

	must(ftruncate(fd, 64 * PAGE));
	mapped = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (mapped == MAP_FAILED)
		give_up("mmap of a file that shrinks");
	fill(mapped, 32 * PAGE, 2);
	for (int i = 1; i < 16; i += 2)
		(void)*(volatile char *)(mapped + i * PAGE);
	spawn("behind-end-child", behind_end_child, 0);
	must(ftruncate(fd, 4 * PAGE));
	fill(shared, 64 * PAGE, 1);
	madvise(shared + 8 * PAGE, 16 * PAGE, MADV_REMOVE);
	remapped = pages(16 * PAGE, MAP_SHARED);
	fill(remapped, 16 * PAGE, 1);
	syscall(SYS_remap_file_pages, remapped, 4 * PAGE, 0, 8, 0);
	syscall(SYS_remap_file_pages, remapped + 8 * PAGE, 4 * PAGE, 0, 2, 0);
}

/* ---- large pages ---- */

static const char *const sizes[] = {"16kB", "64kB", "256kB"};

static int switch_sizes(const char *file, const char *to)
{
	int done = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char path[96];

		snprintf(path, sizeof(path), "/sys/kernel/mm/transparent_hugepage/hugepages-%s/%s", sizes[i], file);
		done += put(path, to);
	}
	return done;
}

static void middle_sizes_child(long unused)
{
	fill(mapped + 5 * PAGE, 200 * PAGE, 3);
	munmap(mapped + 300 * PAGE, 3 * PAGE);
}

/* Folios between a page and a huge page (6.8): whole, split by a child, partly given up, swapped out; of shared memory (6.11). */
static void middle_sizes(long unused)
{
	int fd;
	char *shared;

	if (!switch_sizes("enabled", "madvise"))
		return;
	mapped = pages(MB + MB / 2, MAP_PRIVATE);
	madvise(mapped, MB + MB / 2, MADV_HUGEPAGE);
	fill(mapped, MB + MB / 2, 1);
	spawn("sizes-child", middle_sizes_child, 0);
	madvise(mapped + 130 * PAGE, 7 * PAGE, MADV_DONTNEED);
	madvise(mapped + 200 * PAGE, 40 * PAGE, ADVICE_PAGEOUT);
	madvise(mapped + 256 * PAGE, 20 * PAGE, MADV_FREE);
	if (switch_sizes("shmem_enabled", "always")) {
		fd = must(syscall(SYS_memfd_create, "sizes", 0));
		must(ftruncate(fd, MB));
		shared = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (shared != MAP_FAILED)
			fill(shared, MB, 1);
		switch_sizes("shmem_enabled", "never");
	}
	switch_sizes("enabled", "never");
}

/* ---- groups and threads ---- */

static void enter(const char *group)
{
	char path[80], text[32];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(text, sizeof(text), "%d", getpid());
	put(path, text);
}

static void narrow(long unused)
{
	size_t size = 4 * MB;
	char *memory;

	enter("/cgroup/narrow");
	memory = pages(size, MAP_PRIVATE);
	madvise(memory, size, MADV_NOHUGEPAGE);
	fill(memory, size, 1);
}

static void *sits(void *stop)
{
	volatile char frame[16 * 1024];

	for (size_t i = 0; i < sizeof(frame); i += PAGE)
		frame[i] = 1;
	for (;;)
		pause();
	return stop;
}

static void crowd(long number)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	for (long i = 0; i < number; i++) {
		pthread_t thread;

		pthread_create(&thread, &attributes, sits, NULL);
	}
}

/* ---- while the dump is taken ---- */

static int *going;

static void wait_for_start(void)
{
	syscall(SYS_futex, going, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static int goes_on(void)
{
	return __atomic_load_n(going, __ATOMIC_RELAXED);
}

static void churns_maps(long unused)
{
	ready();
	for (;;) {
		wait_for_start();
		while (goes_on()) {
			char *memory = pages(2 * MB, MAP_PRIVATE);

			fill(memory, 2 * MB, 3);
			mprotect(memory + MB, 64 * PAGE, PROT_READ);
			munmap(memory + 16 * PAGE, MB);
			madvise(memory + MB + MB / 2, 64 * PAGE, MADV_DONTNEED);
			munmap(memory, 2 * MB);
		}
	}
}

static void churns_children(long unused)
{
	char *memory = pages(MB, MAP_PRIVATE);

	fill(memory, MB, 1);
	ready();
	for (;;) {
		wait_for_start();
		while (goes_on()) {
			int pid = fork();

			if (!pid) {
				fill(memory, MB, 2);
				_exit(0);
			}
			waitpid(pid, NULL, 0);
		}
	}
}

/* More than its group may have: reclaimed, swapped out and read back all the time. */
/* Programs that begin and end, more than there are CPUs: some address space is always being made or taken down. */
static void churns_programs(long unused)
{
	char *memory = pages(2 * MB, MAP_PRIVATE);

	fill(memory, 2 * MB, 1);
	ready();
	for (;;) {
		wait_for_start();
		while (goes_on()) {
			int pid = fork();

			if (!pid) {
				execve("/init", (char *[]){"ends", "--end", NULL}, (char *[]){NULL});
				_exit(1);
			}
			waitpid(pid, NULL, 0);
		}
	}
}

static void churns_narrow(long unused)
{
	size_t size = 6 * MB;
	char *memory;

	enter("/cgroup/narrower");
	memory = pages(size, MAP_PRIVATE);
	madvise(memory, size, MADV_NOHUGEPAGE);
	ready();
	for (;;) {
		wait_for_start();
		while (goes_on())
			fill(memory, size, 1);
	}
}

static void churns_blocks(long unused)
{
	ready();
	for (;;) {
		wait_for_start();
		while (goes_on())
			put("/proc/sys/vm/compact_memory", "1");
	}
}

static void churns_files(long unused)
{
	ready();
	for (;;) {
		wait_for_start();
		while (goes_on()) {
			int fd = must(open("/tmp/churned", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
			char *memory;

			must(ftruncate(fd, MB));
			memory = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			if (memory != MAP_FAILED)
				fill(memory, MB, 2);
			must(ftruncate(fd, 16 * PAGE));
			unlink("/tmp/churned");
			munmap(memory, MB);
			close(fd);
		}
	}
}

static void start_churn(void)
{
	going = (int *)pages(PAGE, MAP_SHARED);
	mkdir("/cgroup/narrower", 0755);
	put("/cgroup/narrower/memory.max", "3145728");
	spawn("churns-maps", churns_maps, 0);
	spawn("churns-maps-2", churns_maps, 1);
	spawn("churns-children", churns_children, 0);
	for (int i = 0; i < 4; i++)
		spawn("churns-programs", churns_programs, i);
	spawn("churns-narrow", churns_narrow, 0);
	spawn("churns-blocks", churns_blocks, 0);
	spawn("churns-files", churns_files, 0);
}

void churn(int go)
{
	if (!going)
		return;
	__atomic_store_n(going, go, __ATOMIC_SEQ_CST);
	if (go)
		syscall(SYS_futex, going, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	nanosleep(&(struct timespec){0, 300000000}, NULL);
}

void start_odd_roles(void)
{
	mkdir("/cgroup/narrow", 0755);
	put("/cgroup/narrow/memory.max", "2097152");
	spawn("pins", pins, 0);
	spawn("watched", watched, 0);
	spawn("guards", guards, 0);
	spawn("behind-end", behind_end, 0);
	spawn("sizes", middle_sizes, 0);
	spawn("narrow", narrow, 0);
	spawn("crowd", crowd, 40);
	if (parameter("guest_churn", 0))
		start_churn();
}
