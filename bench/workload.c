/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The init of the guest whose dump the benchmarks read: many processes at rest, with much memory.
 *
 * From the kernel's command line: families and members (each family is a process and its forked children, which share
 * its memory copy on write), private_pages (touched by each process for itself), family_pages, file_pages (of one file
 * that all map), holes (areas never touched) and threads (one more thread in the first processes). Every fourth process
 * keeps transparent huge pages, as Debian has them. When all rest, "READY" is written to the console.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul

static long families, members, private_pages, family_pages, file_pages, holes, threads;
static int *resting, file;

static void give_up(const char *what)
{
	printf("FAILED %s: %s\n", what, strerror(errno));
	reboot(RB_POWER_OFF);
	_exit(1);
}

static long parameter(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 0) : otherwise;
}

static char *map(size_t pages, int prot, int flags, int fd)
{
	char *area = mmap(NULL, pages * PAGE, prot, flags, fd, 0);

	if (area == MAP_FAILED)
		give_up("mmap");
	return area;
}

static char *touched(long pages, unsigned long seed)
{
	char *area = map(pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	for (long i = 0; i < pages; i++)
		*(unsigned long *)(area + i * PAGE) = seed + i;
	return area;
}

static void *rest(void *unused)
{
	__atomic_add_fetch(resting, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return unused;
}

/* The memory of one process, then its rest. */
static void process(long family, long member)
{
	long number = family * members + member;
	char name[48];
	volatile char *shared;
	pthread_t thread;

	snprintf(name, sizeof(name), "work-%ld-%ld", family, member);
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_THP_DISABLE, number % 4 != 0, 0, 0, 0);
	touched(private_pages, number << 32);
	shared = map(file_pages, PROT_READ, MAP_SHARED, file);
	for (long i = 0; i < file_pages; i++)
		(void)shared[i * PAGE];
	for (long i = 0; i < holes; i++)
		map(1 + i % 16, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (number < threads && pthread_create(&thread, NULL, rest, NULL))
		give_up("pthread_create");
	rest(NULL);
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		give_up("fork");
	return pid;
}

static void family(long number)
{
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	touched(family_pages, ~number << 32);
	for (long member = 1; member < members; member++)
		if (!child())
			process(number, member);
	process(number, 0);
}

static void mount_at(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL))
		give_up(where);
}

int main(void)
{
	int module = open("/qemu_fw_cfg.ko", O_RDONLY);

	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("tmpfs", "/tmp");
	if (module >= 0 && syscall(SYS_finit_module, module, "", 0))
		give_up("qemu_fw_cfg");
	families = parameter("families", 4);
	members = parameter("members", 5);
	private_pages = parameter("private_pages", 500);
	family_pages = parameter("family_pages", 1000);
	file_pages = parameter("file_pages", 250);
	holes = parameter("holes", 20);
	threads = parameter("threads", 4);
	resting = (int *)map(1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	file = open("/tmp/a shared file", O_RDWR | O_CREAT, 0644);
	if (file < 0 || ftruncate(file, file_pages * PAGE))
		give_up("file");
	for (long i = 0; i < families; i++)
		if (!child())
			family(i);
	while (__atomic_load_n(resting, __ATOMIC_SEQ_CST) < families * members + threads)
		usleep(100000);
	sleep(1);
	puts("READY");
	fflush(stdout);
	for (;;)
		pause();
}
