/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory of the kinds that few processes have. What a kernel does not know is passed over. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

#define PAGE 4096ul
#define MB   (1ul << 20)
#define HUGE (2 * MB)

/* Newer than the headers that this may be built with. */
#define MADVISE_PAGEOUT	      21
#define MADVISE_GUARD_INSTALL 102
#define MAP_TYPE_DROPPABLE    8
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

/* ---- huge pages ---- */

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

void start_rare_memory(void)
{
	spawn("write-protected", write_protected, 0);
	spawn("soft-dirty", soft_dirty, 0);
	spawn("guarded", guarded, 0);
	spawn("secret", secret, 0);
	spawn("hugetlb-tables", hugetlb_tables, 0);
	spawn("hugetlb-copies", hugetlb_copies, 0);
	spawn("locked-huge", locked_huge, 0);
	spawn("swapped-huge", swapped_huge, 0);
}
