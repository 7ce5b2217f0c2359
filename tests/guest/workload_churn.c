/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes that change their memory, end and begin while the dump is taken, where the host asks for it (guest_churn=1): not at rest, a kernel must be readable too. */
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define PAGE 4096ul
#define MB   (1ul << 20)

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
			char *memory = anonymous(2 * MB, MAP_PRIVATE);

			sign(memory, 2 * MB, 3);
			mprotect(memory + MB, 64 * PAGE, PROT_READ);
			munmap(memory + 16 * PAGE, MB);
			madvise(memory + MB + MB / 2, 64 * PAGE, MADV_DONTNEED);
			munmap(memory, 2 * MB);
		}
	}
}

/* Children that write and end; or that become a program and end: then, with more of these than there are CPUs, some address space is always being made or taken down. */
static void churns_children(long program)
{
	char *memory = anonymous(MB, MAP_PRIVATE);

	sign(memory, MB, 1);
	ready();
	for (;;) {
		wait_for_start();
		while (goes_on()) {
			int pid = fork();

			if (!pid && program)
				execve("/init", (char *[]){"ends", "--end", NULL}, (char *[]){NULL});
			if (!pid) {
				sign(memory, MB, 2);
				_exit(0);
			}
			waitpid(pid, NULL, 0);
		}
	}
}

/* More than its group may have: reclaimed, swapped out and read back all the time. */
static void churns_narrow(long unused)
{
	size_t size = 6 * MB;
	char *memory;

	enter_group("/cgroup/narrower");
	memory = anonymous(size, MAP_PRIVATE);
	madvise(memory, size, MADV_NOHUGEPAGE);
	ready();
	for (;;) {
		wait_for_start();
		while (goes_on())
			sign(memory, size, 1);
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
				sign(memory, MB, 2);
			must(ftruncate(fd, 16 * PAGE));
			unlink("/tmp/churned");
			munmap(memory, MB);
			close(fd);
		}
	}
}

void start_churn(void)
{
	if (!parameter("guest_churn", 0))
		return;
	going = changing_word(anonymous(PAGE, MAP_SHARED));
	mkdir("/cgroup/narrower", 0755);
	put("/cgroup/narrower/memory.max", "3145728");
	spawn("churns-maps", churns_maps, 0);
	spawn("churns-maps-2", churns_maps, 1);
	spawn("churns-children", churns_children, 0);
	for (int i = 0; i < 4; i++)
		spawn("churns-programs", churns_children, 1);
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
