/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory of the kinds that few processes have: marked, watched, guarded, secret, pinned, behind a file's end, in large pages of every kind, in a group that has too little of
 * it, of many threads. What a kernel does not know is passed over.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest.h"

#define PAGE 4096ul
#define MB   (1ul << 20)
#define HUGE (2 * MB)

/* Newer than the headers that this may be built with. */
#define MADVISE_PAGEOUT	      21
#define MADVISE_GUARD_INSTALL 102
#define MAP_TYPE_DROPPABLE    8
#define SYSCALL_IO_URING_SETUP 425
#define SYSCALL_IO_URING_REGISTER 427
#define SYSCALL_MEMFD_SECRET  447
#define SYSCALL_MSEAL	      462
#define UFFD_WP_HUGETLBFS_SHMEM (1 << 12)
#define UFFD_WP_UNPOPULATED	(1 << 13)

static char *handed_down; /* a parent's memory, which its child finds in the same place */

/* ---- userfaultfd: write protection ---- */

/* Both may fail: an area of this kind cannot be protected there. */
static void write_protect(int fd, char *memory, size_t size, size_t protect_from, size_t protect_size)
{
	struct uffdio_register area = {.range = {(uintptr_t)memory, size}, .mode = UFFDIO_REGISTER_MODE_WP};
	struct uffdio_writeprotect range = {.range = {(uintptr_t)memory + protect_from, protect_size}, .mode = UFFDIO_WRITEPROTECT_MODE_WP};

	if (!ioctl(fd, UFFDIO_REGISTER, &area))
		ioctl(fd, UFFDIO_WRITEPROTECT, &range);
}

static void write_protected(long unused)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_WP_HUGETLBFS_SHMEM | UFFD_WP_UNPOPULATED};
	char *memory;
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	if (ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		fd = must(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
		api = (struct uffdio_api){.api = UFFD_API};
		if (ioctl(fd, UFFDIO_API, &api))
			return;
	}
	/* Anonymous pages: there, swapped out, and never touched. */
	memory = anonymous(64 * PAGE, MAP_PRIVATE);
	madvise(memory, 64 * PAGE, MADV_NOHUGEPAGE);
	sign(memory, 48 * PAGE, 1);
	write_protect(fd, memory, 64 * PAGE, 8 * PAGE, 48 * PAGE);
	madvise(memory + 16 * PAGE, 16 * PAGE, MADVISE_PAGEOUT);
	/* A file's: what is taken out of the page table leaves a marker. */
	memory = anonymous(64 * PAGE, MAP_SHARED);
	sign(memory, 32 * PAGE, 1);
	write_protect(fd, memory, 64 * PAGE, 4 * PAGE, 56 * PAGE);
	madvise(memory + 8 * PAGE, 8 * PAGE, MADVISE_PAGEOUT);
	/* A huge page. */
	memory = anonymous(2 * HUGE, MAP_PRIVATE);
	madvise(memory, 2 * HUGE, MADV_HUGEPAGE);
	sign(memory, 2 * HUGE, 1);
	write_protect(fd, memory, 2 * HUGE, 0, 2 * HUGE);
	/* The descriptor stays open: the marks go with it. */
}

/* ---- userfaultfd: missing pages ---- */

static void watch(int fd, char *memory, size_t size)
{
	struct uffdio_register area = {{(uintptr_t)memory, size}, UFFDIO_REGISTER_MODE_MISSING, 0};

	ioctl(fd, UFFDIO_REGISTER, &area);
}

static void watched(long unused)
{
	char *memory = anonymous(64 * PAGE, MAP_PRIVATE), *shared = anonymous(64 * PAGE, MAP_SHARED);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct uffdio_api api = {.api = UFFD_API, .features = 0};

	madvise(memory, 64 * PAGE, MADV_NOHUGEPAGE);
	sign(memory, 32 * PAGE, 1);
	sign(shared, 32 * PAGE, 2);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		return;
	watch(fd, memory, 64 * PAGE);
	watch(fd, shared, 64 * PAGE);
}

/* ---- marks of other kinds ---- */

/* What was written since clear_refs. */
static void soft_dirty(long unused)
{
	char *memory = anonymous(64 * PAGE, MAP_PRIVATE), *shared = anonymous(32 * PAGE, MAP_SHARED);

	madvise(memory, 64 * PAGE, MADV_NOHUGEPAGE);
	sign(memory, 64 * PAGE, 1);
	sign(shared, 32 * PAGE, 1);
	put("/proc/self/clear_refs", "4");
	sign(memory + 8 * PAGE, 16 * PAGE, 2);
	madvise(memory + 16 * PAGE, 32 * PAGE, MADVISE_PAGEOUT);
	/* This one has its mark from the start. */
	sign(anonymous(8 * PAGE, MAP_PRIVATE), 8 * PAGE, 1);
}

/* Pages that must not be touched, though the area allows it. */
static void guarded(long unused)
{
	char *memory = anonymous(64 * PAGE, MAP_PRIVATE);
	int fd = must(syscall(SYS_memfd_create, "guarded", 0));

	madvise(memory, 64 * PAGE, MADV_NOHUGEPAGE);
	sign(memory, 64 * PAGE, 1);
	madvise(memory + 8 * PAGE, 16 * PAGE, MADVISE_GUARD_INSTALL);
	must(ftruncate(fd, 32 * PAGE));
	memory = mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory != MAP_FAILED) {
		sign(memory, 32 * PAGE, 1);
		madvise(memory + 4 * PAGE, 8 * PAGE, MADVISE_GUARD_INSTALL);
	}
	/* Areas with flags of their own. */
	memory = anonymous(16 * PAGE, MAP_PRIVATE);
	sign(memory, 16 * PAGE, 1);
	syscall(SYSCALL_MSEAL, memory, 16 * PAGE, 0);
	memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_TYPE_DROPPABLE, -1, 0);
	if (memory != MAP_FAILED)
		sign(memory, 16 * PAGE, 2);
}

/* Pages that the kernel itself has no mapping of. */
static void secret_child(long unused)
{
	sign(handed_down, 8 * PAGE, 2);
}

static void secret(long unused)
{
	int fd = syscall(SYSCALL_MEMFD_SECRET, O_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 32 * PAGE))
		return;
	handed_down = mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (handed_down == MAP_FAILED)
		return;
	sign(handed_down, 16 * PAGE, 1);
	spawn("secret-child", secret_child, 0);
}

/* ---- pinned ---- */

static void pins_child(long unused)
{
}

/* By a pipe, and for good by io_uring, which the child's fork then has to copy at once. */
static void pins(long unused)
{
	char *memory = anonymous(64 * PAGE, MAP_PRIVATE);
	struct io_uring_params parameters = {0};
	struct iovec piece = {memory, 8 * PAGE};
	int pipes[2], ring;

	sign(memory, 64 * PAGE, 1);
	must(pipe(pipes));
	must(vmsplice(pipes[1], &piece, 1, 0));
	ring = syscall(SYSCALL_IO_URING_SETUP, 4, &parameters);
	piece = (struct iovec){memory + 16 * PAGE, 8 * PAGE};
	if (ring >= 0)
		syscall(SYSCALL_IO_URING_REGISTER, ring, IORING_REGISTER_BUFFERS, &piece, 1);
	spawn("pins-child", pins_child, 0);
}

/* ---- files ---- */

static void behind_end_child(long unused)
{
	sign(handed_down, 2 * PAGE, 1);
}

/* A file that got shorter under its mappings; holes in shared memory; a file that is handed_down in another order. */
static void behind_end(long unused)
{
	int fd = must(syscall(SYS_memfd_create, "shrinks", 0));
	char *shared = anonymous(64 * PAGE, MAP_SHARED), *remapped;

	must(ftruncate(fd, 64 * PAGE));
	handed_down = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (handed_down == MAP_FAILED)
		give_up("mmap of a file that shrinks");
	sign(handed_down, 32 * PAGE, 2);
	for (int i = 1; i < 16; i += 2)
		(void)*(volatile char *)(handed_down + i * PAGE);
	spawn("behind-end-child", behind_end_child, 0);
	must(ftruncate(fd, 4 * PAGE));
	sign(shared, 64 * PAGE, 1);
	madvise(shared + 8 * PAGE, 16 * PAGE, MADV_REMOVE);
	remapped = anonymous(16 * PAGE, MAP_SHARED);
	sign(remapped, 16 * PAGE, 1);
	syscall(SYS_remap_file_pages, remapped, 4 * PAGE, 0, 8, 0);
	syscall(SYS_remap_file_pages, remapped + 8 * PAGE, 4 * PAGE, 0, 2, 0);
}

/* ---- large pages ---- */

/* Room for so many, aligned; it is not to be unmapped. */
static char *huge_room(size_t size, size_t alignment)
{
	uintptr_t address = (uintptr_t)mmap(NULL, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return (char *)((address + alignment - 1) & -alignment);
}

/* A gigabyte of a file of huge pages: the processes that map it share the page table. */
static void hugetlb_tables_child(long unused)
{
	read_all(handed_down, 2 * HUGE, 512);
}

static void hugetlb_tables(long unused)
{
	const size_t size = 1024 * MB;
	char *memory;
	int fd;

	mkdir("/hugetlbfs2", 0755);
	if (sizeof(size_t) < 8 || mount("hugetlbfs", "/hugetlbfs2", "hugetlbfs", 0, ""))
		return;
	fd = must(open("/hugetlbfs2/file", O_RDWR | O_CREAT, 0600));
	memory = mmap(huge_room(size, size), size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0);
	if (memory == MAP_FAILED)
		return;
	sign(memory, HUGE, 64);
	sign(memory + HUGE, HUGE, 64);
	handed_down = memory;
	spawn("hugetlb-table-1", hugetlb_tables_child, 0);
	spawn("hugetlb-table-2", hugetlb_tables_child, 0);
	/* The file's page, and a copy. */
	memory = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (memory == MAP_FAILED)
		return;
	read_all(memory, HUGE, 512);
	sign(memory + HUGE, HUGE, 64);
}

/* Copied after a fork. */
static void hugetlb_copies_child(long unused)
{
	sign(handed_down, PAGE, 1);
}

static void hugetlb_copies(long unused)
{
	handed_down = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (handed_down == MAP_FAILED)
		return;
	sign(handed_down, 2 * HUGE, 64);
	spawn("hugetlb-copy", hugetlb_copies_child, 0);
}

static void locked_huge_child(long unused)
{
	read_all(handed_down, HUGE, 16);
}

/* Locked in memory; and of a smaller size, where there are such. */
static void locked_huge(long unused)
{
	static const char sizes[] = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled";
	char *memory;

	handed_down = huge_room(2 * HUGE, HUGE);
	if (mmap(handed_down, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != handed_down)
		return;
	madvise(handed_down, 2 * HUGE, MADV_HUGEPAGE);
	sign(handed_down, 2 * HUGE, 8);
	must(mlock(handed_down, HUGE));
	must(mlock(handed_down + HUGE, 64 * PAGE));
	if (put(sizes, "madvise")) {
		memory = huge_room(64 * PAGE, 16 * PAGE);
		if (mmap(memory, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory) {
			madvise(memory, 64 * PAGE, MADV_HUGEPAGE);
			sign(memory, 64 * PAGE, 1);
			must(munmap(memory + 20 * PAGE, PAGE));
			must(mlock(memory + 32 * PAGE, 16 * PAGE));
		}
		put(sizes, "never");
	}
	spawn("locked-huge-2", locked_huge_child, 0);
}

/* Huge pages of shared memory that went to swap, whole or in parts. */
static void swapped_huge_child(long unused)
{
	read_all(handed_down, HUGE / 4, 3);
}

static void swapped_huge(long unused)
{
	char *memory;
	int fd;

	mkdir("/hugetmpfs2", 0755);
	if (mount("hugetmpfs2", "/hugetmpfs2", "tmpfs", 0, "huge=always"))
		return;
	fd = must(open("/hugetmpfs2/file", O_RDWR | O_CREAT, 0600));
	must(ftruncate(fd, 2 * HUGE));
	memory = mmap(huge_room(2 * HUGE, HUGE), 2 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	if (memory == MAP_FAILED)
		return;
	sign(memory, 2 * HUGE, 1);
	madvise(memory, HUGE, MADVISE_PAGEOUT);
	handed_down = memory;
	spawn("swapped-huge-2", swapped_huge_child, 0);
	/* Of each page, the file's or a copy. */
	memory = mmap(huge_room(2 * HUGE, HUGE), 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0);
	if (memory == MAP_FAILED)
		return;
	read_all(memory + HUGE / 2, HUGE / 4, 5);
	sign(memory + HUGE / 2, HUGE, 7);
	/* And of a process's own. */
	memory = huge_room(HUGE, HUGE);
	if (mmap(memory, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != memory)
		return;
	madvise(memory, HUGE, MADV_HUGEPAGE);
	sign(memory, HUGE, 1);
	madvise(memory, HUGE, MADVISE_PAGEOUT);
}

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
	sign(handed_down + 5 * PAGE, 200 * PAGE, 3);
	munmap(handed_down + 300 * PAGE, 3 * PAGE);
}

/* Folios between a page and a huge page (6.8): whole, split by a child, partly given up, swapped out; of shared memory (6.11). */
static void middle_sizes(long unused)
{
	int fd;
	char *shared;

	if (!switch_sizes("enabled", "madvise"))
		return;
	handed_down = anonymous(MB + MB / 2, MAP_PRIVATE);
	madvise(handed_down, MB + MB / 2, MADV_HUGEPAGE);
	sign(handed_down, MB + MB / 2, 1);
	spawn("sizes-child", middle_sizes_child, 0);
	madvise(handed_down + 130 * PAGE, 7 * PAGE, MADV_DONTNEED);
	madvise(handed_down + 200 * PAGE, 40 * PAGE, MADVISE_PAGEOUT);
	madvise(handed_down + 256 * PAGE, 20 * PAGE, MADV_FREE);
	if (switch_sizes("shmem_enabled", "always")) {
		fd = must(syscall(SYS_memfd_create, "sizes", 0));
		must(ftruncate(fd, MB));
		shared = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (shared != MAP_FAILED)
			sign(shared, MB, 1);
		switch_sizes("shmem_enabled", "never");
	}
	switch_sizes("enabled", "never");
}

/* ---- groups and threads ---- */

static void narrow(long unused)
{
	size_t size = 4 * MB;
	char *memory;

	enter_group("/cgroup/narrow");
	memory = anonymous(size, MAP_PRIVATE);
	madvise(memory, size, MADV_NOHUGEPAGE);
	sign(memory, size, 1);
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

void start_rare_memory(void)
{
	mkdir("/cgroup/narrow", 0755);
	put("/cgroup/narrow/memory.max", "2097152");
	spawn("write-protected", write_protected, 0);
	spawn("watched", watched, 0);
	spawn("soft-dirty", soft_dirty, 0);
	spawn("guarded", guarded, 0);
	spawn("secret", secret, 0);
	spawn("pins", pins, 0);
	spawn("behind-end", behind_end, 0);
	spawn("hugetlb-tables", hugetlb_tables, 0);
	spawn("hugetlb-copies", hugetlb_copies, 0);
	spawn("locked-huge", locked_huge, 0);
	spawn("swapped-huge", swapped_huge, 0);
	spawn("sizes", middle_sizes, 0);
	spawn("narrow", narrow, 0);
	spawn("crowd", crowd, 40);
}
