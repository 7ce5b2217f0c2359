/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory of every kind that a process can have. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define PAGE 4096ul
#define MB   (1ul << 20)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static void *map(size_t size, int protection, int flags, int fd, off_t offset)
{
	void *address = mmap(NULL, size, protection, flags, fd, offset);

	if (address == MAP_FAILED)
		give_up("mmap");
	return address;
}

char *anonymous(size_t size, int flags)
{
	return map(size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
}

void sign(char *memory, size_t size, size_t step)
{
	static uint64_t tag;

	for (size_t offset = 0; offset < size; offset += step * PAGE) {
		uintptr_t page = (uintptr_t)memory + offset;

		*(uint64_t *)(page + signature_offset(page)) =
			(uint64_t)getpid() << 48 | (++tag & 0xffff) << 32 | (uint32_t)(page >> 12);
	}
}

void read_all(const char *memory, size_t size, size_t step)
{
	for (size_t offset = 0; offset < size; offset += step * PAGE)
		(void)*(volatile const char *)(memory + offset);
}

static int new_file(const char *path, size_t size)
{
	int fd = must(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));

	must(ftruncate(fd, size));
	return fd;
}

/* ---- anonymous memory ---- */

/* Small pages, shared by three generations, of which each wrote some after the fork. */
static char *family_memory;
static size_t family_size;

static void family(long generation)
{
	static const char *const names[] = {"family-child", "family-grandch", "family-great"};

	if (generation == 0) {
		family_size = parameter("guest_family_mb", 64) * MB;
		family_memory = anonymous(family_size, MAP_PRIVATE);
		madvise(family_memory, family_size, MADV_NOHUGEPAGE);
		sign(family_memory, family_size, 1);
	} else {
		sign(family_memory, family_size / 4, generation + 1);
	}
	if (generation < 3)
		spawn(names[generation], family, generation + 1);
}

static void siblings(long number)
{
	family_size = 2 * MB;
	family_memory = anonymous(family_size, MAP_PRIVATE);
	sign(family_memory, family_size, 1);
	for (long i = 0; i < number; i++)
		spawn("sibling", family, 3);
}

static void huge_child(long which)
{
	char *memory = family_memory;

	if (which == 0) {
		sign(memory + 2 * MB, PAGE, 1); /* copies, or splits */
		must(munmap(memory + 6 * MB + 8 * PAGE, PAGE));
	} else {
		must(mprotect(memory + 9 * MB, 4 * PAGE, PROT_READ));
		read_all(memory + 8 * MB, 8 * MB, 1);
	}
}

static void huge(long unused)
{
	size_t size = 24 * MB;
	char *memory = anonymous(size, MAP_PRIVATE);

	memory = (char *)(((uintptr_t)memory + 2 * MB - 1) & -(2 * MB));
	size -= 2 * MB;
	madvise(memory, size, MADV_HUGEPAGE);
	sign(memory, size, 1);
	must(mprotect(memory + 4 * MB + 2 * PAGE, PAGE, PROT_NONE));
	must(madvise(memory + 12 * MB + 40 * PAGE, 10 * PAGE, MADV_DONTNEED));
	family_memory = memory;
	spawn("huge-child", huge_child, 0);
	spawn("huge-child-2", huge_child, 1);
	/* The huge zero page. */
	memory = anonymous(8 * MB, MAP_PRIVATE);
	madvise(memory, 8 * MB, MADV_HUGEPAGE);
	read_all(memory, 8 * MB, 1);
}

/* Huge pages of a file that two processes map. */
static void hugetlb_child(long unused)
{
	read_all(family_memory, 4 * MB, 16);
}

static void hugetlb(long unused)
{
	char *memory = mmap(NULL, 4 * MB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	int fd;

	if (memory != MAP_FAILED)
		sign(memory, 2 * MB, 1);
	mkdir("/hugetlbfs", 0755);
	if (mount("hugetlbfs", "/hugetlbfs", "hugetlbfs", 0, ""))
		return;
	fd = must(open("/hugetlbfs/file", O_RDWR | O_CREAT, 0600));
	memory = mmap(NULL, 4 * MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return;
	sign(memory, 4 * MB, 3);
	family_memory = memory;
	spawn("hugetlb-child", hugetlb_child, 0);
}

/* Huge pages of tmpfs: mapped whole, in part, and copied in part. */
static void huge_file_child(long unused)
{
	char *memory = family_memory;

	read_all(memory, 4 * MB, 1);
	must(mprotect(memory + MB, 4 * PAGE, PROT_READ));
}

static void huge_file(long unused)
{
	uintptr_t address;
	char *memory;
	int fd;

	mkdir("/hugetmpfs", 0755);
	if (mount("hugetmpfs", "/hugetmpfs", "tmpfs", 0, "huge=always"))
		return;
	fd = must(open("/hugetmpfs/file", O_RDWR | O_CREAT, 0600));
	must(ftruncate(fd, 4 * MB));
	memory = map(6 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	address = ((uintptr_t)memory + 2 * MB - 1) & -(2 * MB);
	memory = mmap((void *)address, 4 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	if (memory == MAP_FAILED)
		give_up("mmap of a huge file");
	sign(memory, 4 * MB, 1);
	family_memory = memory;
	spawn("huge-file-child", huge_file_child, 0);
	memory = map(2 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 64 * PAGE);
	read_all(memory, 2 * MB, 3);
	sign(memory, MB, 5);
}

static void gigantic(long unused)
{
	char *memory = mmap(NULL, 1024 * MB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 30 << 26, -1, 0);

	if (memory != MAP_FAILED)
		sign(memory, 64 * MB, 1);
}

static void untouched(long unused)
{
	size_t size = (sizeof(size_t) > 4 ? 8192ull : 1024) * MB;
	char *memory = anonymous(size, MAP_PRIVATE | MAP_NORESERVE);

	sign(memory + size / 2, 16 * PAGE, 5);
	anonymous(64 * MB, MAP_PRIVATE);
	anonymous(64 * MB, MAP_SHARED | MAP_NORESERVE);
	map(128 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void protections(long unused)
{
	static const int all[] = {PROT_NONE,
				  PROT_READ,
				  PROT_READ | PROT_WRITE,
				  PROT_READ | PROT_EXEC,
				  PROT_READ | PROT_WRITE | PROT_EXEC,
				  PROT_WRITE,
				  PROT_EXEC};
	char *memory = anonymous(64 * PAGE, MAP_PRIVATE);

	sign(memory, 64 * PAGE, 1);
	for (int i = 0; i < 7; i++)
		must(mprotect(memory + i * 5 * PAGE, 3 * PAGE, all[i]));
	must(munmap(memory + 60 * PAGE, PAGE));
}

/* A tree of areas several levels deep. */
static void many_areas(long number)
{
	char *memory = anonymous(number * 2 * PAGE, MAP_PRIVATE);

	for (long i = 0; i < number; i++) {
		must(mprotect(memory + i * 2 * PAGE, PAGE, PROT_READ));
		if (i % 16 == 0)
			sign(memory + (i * 2 + 1) * PAGE, PAGE, 1);
	}
}

static __attribute__((noinline)) long recurse(long depth)
{
	volatile char frame[2048];

	frame[0] = frame[2047] = depth;
	if (depth == 0) {
		ready();
		while (pause())
			;
	}
	return depth ? recurse(depth - 1) + frame[0] : 0;
}

static void deep_stack(long unused)
{
	recurse(700);
}

static void locked_child(long unused)
{
	sign(family_memory, 8 * PAGE, 2);
}

static void locked(long unused)
{
	char *memory = anonymous(64 * PAGE, MAP_SHARED), *zero;

	sign(memory, 32 * PAGE, 1);
	must(mlock(memory, 64 * PAGE));
	family_memory = anonymous(64 * PAGE, MAP_PRIVATE);
	sign(family_memory, 64 * PAGE, 1);
	must(mlock(family_memory + 8 * PAGE, 16 * PAGE));
	zero = anonymous(64 * PAGE, MAP_PRIVATE);
	madvise(zero, 64 * PAGE, MADV_NOHUGEPAGE);
	read_all(zero, 64 * PAGE, 1);
	sign(zero, 64 * PAGE, 7);
	map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	syscall(SYS_mlock2, anonymous(16 * PAGE, MAP_PRIVATE), 16 * PAGE, 1 /* MLOCK_ONFAULT */);
	spawn("locked-child", locked_child, 0);
}

static void advised(long unused)
{
	static const int advice[] = {MADV_DONTFORK,   MADV_DONTDUMP, 18 /* WIPEONFORK */,
				     MADV_SEQUENTIAL, MADV_RANDOM,   MADV_FREE, 20 /* COLD */};
	char *memory;

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		memory = anonymous(16 * PAGE, MAP_PRIVATE);
		sign(memory, 16 * PAGE, 1);
		madvise(memory, 8 * PAGE, advice[i]);
		/* One that is wanted again. */
		sign(memory + 4 * PAGE, PAGE, 1);
	}
	memory = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN,
		     -1, 0);
	sign(memory, PAGE, 1);
	/* PR_SET_VMA, PR_SET_VMA_ANON_NAME: only some kernels are built with it. */
	prctl(0x53564d41, 0, memory, 8 * PAGE, "a name");
	/* Moved, with its offset and its anon_vma kept. */
	memory = anonymous(32 * PAGE, MAP_PRIVATE);
	sign(memory, 32 * PAGE, 1);
	mremap(memory + 8 * PAGE, 8 * PAGE, 24 * PAGE, MREMAP_MAYMOVE);
}

/* Above the 47-bit line: given only where the page tables have five levels. */
static void high_address(long unused)
{
	char *memory = mmap((void *)(uintptr_t)(1ull << 52), 16 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		sign(memory, 16 * PAGE, 1);
}

static void protection_key(long unused)
{
	char *memory = anonymous(16 * PAGE, MAP_PRIVATE);
	int key = syscall(SYS_pkey_alloc, 0, 0);

	sign(memory, 16 * PAGE, 1);
	if (key > 0)
		syscall(SYS_pkey_mprotect, memory + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
			key);
}

static void policies(long unused)
{
	char *memory = anonymous(64 * PAGE, MAP_PRIVATE);
	unsigned long nodes = 1;

	syscall(SYS_mbind, memory, 16 * PAGE, MPOL_BIND, &nodes, 64, 0);
	syscall(SYS_mbind, memory + 32 * PAGE, 16 * PAGE, MPOL_INTERLEAVE, &nodes, 64, 0);
	sign(memory, 64 * PAGE, 1);
}

/* Equal pages that the kernel merges: in a process, in one forked before that, and one forked since. */
static void merged_child(long which)
{
	if (which == 0)
		memset(family_memory, 0x55, 64 * PAGE);
	else
		sign(family_memory, 32 * PAGE, 2);
}

static void merged(long unused)
{
	char *memory = anonymous(256 * PAGE, MAP_PRIVATE);

	madvise(memory, 256 * PAGE, MADV_NOHUGEPAGE);
	memset(memory, 0x55, 256 * PAGE);
	madvise(memory, 256 * PAGE, MADV_MERGEABLE);
	family_memory = memory;
	spawn("merged-child", merged_child, 0);
	nanosleep(&(struct timespec){3, 0}, NULL);
	spawn("merged-child-2", merged_child, 1);
}

/* ---- files ---- */

static void files(long unused)
{
	char *shared, *private;
	int fd;

	fd = new_file("/tmp/a file", MB);
	shared = map(MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sign(shared, MB, 1);
	private = map(MB / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 8 * PAGE);
	read_all(private, MB / 2, 1);
	sign(private, MB / 2, 3);
	map(16 * PAGE, PROT_READ, MAP_SHARED, fd, 64 * PAGE);

	fd = new_file("/ram/in ramfs", 64 * PAGE);
	sign(map(64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), 64 * PAGE, 2);

	fd = new_file("/tmp/deleted", 64 * PAGE);
	sign(map(64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 16 * PAGE), 48 * PAGE, 2);
	must(unlink("/tmp/deleted"));

	fd = must(syscall(SYS_memfd_create, "a memfd", 0));
	must(ftruncate(fd, 64 * PAGE));
	sign(map(64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), 64 * PAGE, 2);

	fd = must(open("/init", O_RDONLY | O_CLOEXEC));
	read_all(map(64 * PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE), 64 * PAGE, 1);
	read_all(map(16 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0), 16 * PAGE, 1);
}

static void file_sharer(long unused)
{
	int fd = must(open("/tmp/shared-by-two", O_RDWR));
	char *memory = map(64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	read_all(memory, 64 * PAGE, 1);
	sign(map(32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 32 * PAGE), 32 * PAGE, 4);
}

static void odd_paths(long unused)
{
	char path[700] = "/tmp";
	int fd;

	for (int i = 0; i < 3; i++) {
		size_t length = strlen(path);

		path[length] = '/';
		memset(path + length + 1, 'a' + i, 150);
		path[length + 151] = 0;
		mkdir(path, 0755);
	}
	strcat(path, "/file");
	map(4 * PAGE, PROT_READ, MAP_SHARED, new_file(path, 4 * PAGE), 0);
	map(4 * PAGE, PROT_READ, MAP_SHARED, new_file("/tmp/new\nline", 4 * PAGE), 0);
	map(4 * PAGE, PROT_READ, MAP_SHARED, new_file("/tmp/back\\slash \t\"x\"", 4 * PAGE), 0);
	map(4 * PAGE, PROT_READ, MAP_SHARED, new_file("/tmp/\xc3\xa9\xff", 4 * PAGE), 0);

	/* A mount inside a mount, a mount over a directory in use, and one directory in two places.
	 */
	mkdir("/tmp/mnt", 0755);
	must(mount("inner", "/tmp/mnt", "tmpfs", 0, ""));
	mkdir("/tmp/mnt/deeper", 0755);
	must(mount("innermost", "/tmp/mnt/deeper", "tmpfs", 0, ""));
	map(4 * PAGE, PROT_READ, MAP_SHARED, new_file("/tmp/mnt/deeper/file", 4 * PAGE), 0);
	mkdir("/tmp/bound", 0755);
	mkdir("/tmp/source", 0755);
	fd = new_file("/tmp/source/file", 4 * PAGE);
	map(4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	must(mount("/tmp/source", "/tmp/bound", NULL, MS_BIND, NULL));
	map(4 * PAGE, PROT_READ, MAP_SHARED, must(open("/tmp/bound/file", O_RDWR)), 0);
	mkdir("/tmp/covered", 0755);
	map(4 * PAGE, PROT_READ, MAP_SHARED, new_file("/tmp/covered/file", 4 * PAGE), 0);
	must(mount("over", "/tmp/covered", "tmpfs", 0, ""));
	map(4 * PAGE, PROT_READ, MAP_SHARED, new_file("/tmp/covered/file", 4 * PAGE), 0);
	/* Still mapped, no longer mounted. */
	mkdir("/tmp/detached", 0755);
	must(mount("gone", "/tmp/detached", "tmpfs", 0, ""));
	map(4 * PAGE, PROT_READ, MAP_SHARED, new_file("/tmp/detached/file", 4 * PAGE), 0);
	must(umount2("/tmp/detached", MNT_DETACH));

	map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, must(open("/dev/zero", O_RDWR)), 0);
	map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, must(open("/dev/zero", O_RDWR)), 0);
	fd = open("/dev/mem", O_RDONLY);
	if (fd >= 0)
		mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, fd,
		     0xf0000); /* the BIOS: no struct page of use */
}

static void system_v(long unused)
{
	int id = must(shmget(IPC_PRIVATE, 64 * PAGE, IPC_CREAT | 0600));
	char *memory = shmat(id, NULL, 0);
	unsigned long context = 0;

	sign(memory, 64 * PAGE, 2);
	family_memory = memory;
	family_size = 64 * PAGE;
	shmctl(id, IPC_RMID, NULL);
	shmat(must(shmget(0x1234, 16 * PAGE, IPC_CREAT | 0600)), NULL, SHM_RDONLY);
	syscall(SYS_io_setup, 64, &context);
	spawn("shm-child", family, 3);
}

/* ---- swap ---- */

void turn_swap_on(size_t bytes)
{
	static union {
		struct {
			char boot[1024];
			uint32_t version, last_page, bad_pages;
		};
		char page[PAGE];
	} header;
	int fd = open("/dev/ram0", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	/* The header that mkswap writes: include/linux/swap.h, union swap_header. */
	header.version = 1;
	header.last_page = bytes / PAGE - 1;
	memcpy(header.page + PAGE - 10, "SWAPSPACE2", 10);
	must(write(fd, &header, sizeof(header)));
	must(fsync(fd));
	close(fd);
	if (swapon("/dev/ram0", 0))
		printf("guest: no swap: %s\n", strerror(errno));
}

static void swapped_child(long unused)
{
	/* Some come back: copied from the swap cache or read again. */
	sign(family_memory, MB, 5);
	read_all(family_memory + 2 * MB, MB, 3);
}

static void swapped(long unused)
{
	size_t size = 8 * MB;
	char *memory = anonymous(size, MAP_PRIVATE), *shared = anonymous(2 * MB, MAP_SHARED);
	int fd;

	madvise(memory, size, MADV_NOHUGEPAGE);
	sign(memory, size, 1);
	sign(shared, 2 * MB, 1);
	madvise(memory, 6 * MB, MADV_PAGEOUT);
	madvise(shared, MB, MADV_PAGEOUT);
	family_memory = memory;
	spawn("swapped-child", swapped_child, 0);
	/* A file in shared memory, swapped out, of which a process has copies. */
	fd = must(syscall(SYS_memfd_create, "swapped", 0));
	must(ftruncate(fd, MB));
	shared = map(MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sign(shared, MB, 1);
	madvise(shared, MB, MADV_PAGEOUT);
	memory = map(MB / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 16 * PAGE);
	sign(memory, MB / 4, 7);
	map(MB / 2, PROT_READ, MAP_PRIVATE, fd, 0);
}

/* Gigabytes, for measurements. */
static void big(long megabytes)
{
	char *memory = anonymous(megabytes * MB, MAP_PRIVATE);

	madvise(memory, megabytes * MB,
		parameter("guest_big_huge", 0) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	sign(memory, megabytes * MB, 1);
}

void start_memory_roles(void)
{
	long big_processes = parameter("guest_big", 0);

	turn_swap_on(64 * MB);
	put("/proc/sys/vm/nr_hugepages", "16");
	put("/sys/kernel/mm/ksm/pages_to_scan", "2000");
	put("/sys/kernel/mm/ksm/run", "1");
	spawn("merged", merged, 0);
	spawn("family", family, 0);
	spawn("siblings", siblings, 4);
	spawn("huge", huge, 0);
	spawn("hugetlb", hugetlb, 0);
	start_rare_memory();
	spawn("huge-file", huge_file, 0);
	spawn("gigantic", gigantic, 0);
	spawn("untouched", untouched, 0);
	spawn("protections", protections, 0);
	spawn("many-areas", many_areas, 1000);
	spawn("deep-stack", deep_stack, 0);
	spawn("locked", locked, 0);
	spawn("advised", advised, 0);
	spawn("high-address", high_address, 0);
	spawn("protection-key", protection_key, 0);
	spawn("policies", policies, 0);
	spawn("files", files, 0);
	close(new_file("/tmp/shared-by-two", 64 * PAGE));
	spawn("file-sharer", file_sharer, 0);
	spawn("file-sharer-2", file_sharer, 0);
	spawn("odd-paths", odd_paths, 0);
	spawn("system-v", system_v, 0);
	spawn("swapped", swapped, 0);
	start_churn();
	start_faulters();
	start_reclaimed();
	for (long i = 0; i < big_processes; i++)
		spawn("big", big, parameter("guest_big_mb", 8));
	/* Merge what has been seen twice, then leave it as it is. */
	nanosleep(&(struct timespec){1, 0}, NULL);
	put("/sys/kernel/mm/ksm/run", "0");
}
