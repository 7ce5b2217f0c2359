/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the guest's kernel says of itself, as a tar archive in memory shared with the host. The
 * archive goes to the PCI memory of an ivshmem device: that costs no system call, no page of the
 * guest's and, under emulation, no time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

#define BLOCK 512
#define PAGE  4096ul

static struct {
	char *base;
	size_t size, used;
	int config; /* the device's configuration space */
	size_t header;
} channel;

static char buffer[1 << 20];

static int read_small(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t count;

	if (fd < 0)
		return 0;
	count = read(fd, text, size - 1);
	close(fd);
	text[count > 0 ? count : 0] = 0;
	return count > 0;
}

void open_channel(void)
{
	DIR *devices = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	char path[300], text[32];
	struct stat status;

	while (devices && (entry = readdir(devices))) {
		int fd;

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/device", entry->d_name);
		if (!read_small(path, text, sizeof(text)) || strcmp(text, "0x1110\n") != 0)
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", entry->d_name);
		channel.config = must(open(path, O_RDWR | O_CLOEXEC));
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2", entry->d_name);
		fd = must(open(path, O_RDWR | O_CLOEXEC));
		must(fstat(fd, &status));
		channel.size = status.st_size;
		channel.base = mmap(NULL, channel.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (channel.base == MAP_FAILED)
			give_up("mmap of the channel");
		close(fd);
		closedir(devices);
		hide_channel(0);
		memset(buffer, 0, sizeof(buffer));
		must(mlock(buffer, sizeof(buffer)));
		return;
	}
	give_up("no channel device");
}

char *channel_bytes(size_t *size)
{
	*size = channel.size;
	return channel.base;
}

size_t channel_size(void)
{
	return channel.used;
}

void hide_channel(int hidden)
{
	uint16_t command;

	/* PCI configuration space: the command word, whose bit 1 answers to memory addresses. */
	must(pread(channel.config, &command, 2, 4));
	command = hidden ? command & ~2 : command | 2;
	must(pwrite(channel.config, &command, 2, 4));
}

static void append(const void *data, size_t size)
{
	if (size > channel.size - channel.used) {
		errno = ENOSPC;
		give_up("room for facts");
	}
	memcpy(channel.base + channel.used, data, size);
	channel.used += size;
}

static void begin(const char *name)
{
	char header[BLOCK] = "";

	snprintf(header, 100, "%s", name);
	memcpy(header + 100, "0000644", 7);
	memcpy(header + 108, "0000000", 7);
	memcpy(header + 116, "0000000", 7);
	memcpy(header + 136, "00000000000", 11);
	header[156] = '0';
	memcpy(header + 257, "ustar\00000", 8);
	channel.header = channel.used;
	append(header, BLOCK);
}

static void end(void)
{
	static const char zeros[BLOCK];
	char *header = channel.base + channel.header;
	size_t size = channel.used - channel.header - BLOCK;
	char field[16];
	unsigned sum = 0;

	snprintf(field, sizeof(field), "%011zo", size);
	memcpy(header + 124, field, 11);
	memset(header + 148, ' ', 8);
	for (int i = 0; i < BLOCK; i++)
		sum += (unsigned char)header[i];
	snprintf(field, sizeof(field), "%06o", sum);
	memcpy(header + 148, field, 7);
	append(zeros, -size % BLOCK);
}

/* A whole file, if it can be opened. */
static void file_as(const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t count;

	if (fd < 0)
		return;
	begin(name);
	while ((count = read(fd, buffer, sizeof(buffer))) > 0)
		append(buffer, count);
	end();
	close(fd);
}

/* The name in the archive is its path without the first slash. */
static void file(const char *path)
{
	file_as(path, path + 1);
}

static void link_of(const char *path)
{
	ssize_t count = readlink(path, buffer, sizeof(buffer));

	if (count < 0)
		return;
	begin(path + 1);
	append(buffer, count);
	end();
}

/* ---- the pages of a process ---- */

/* One page: pages of the archive's proc/PID/pages. */
struct page_fact {
	uint64_t address; /* bit 0: the value was read */
	uint64_t pagemap; /* the entry, see the kernel's admin-guide/mm/pagemap.rst */
	uint64_t value;	  /* the word at address + signature_offset(address) */
};

#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define BATCH	512

static struct page_fact facts[BATCH];
static uint64_t entries[BATCH];
static long process_left, total_left;

/*
 * The values of those pages that are present. Through /proc/PID/mem: process_vm_readv pins pages,
 * and pinning one that is shared since a fork makes the kernel give this process a copy of its own.
 */
static void read_values(int memory, int count)
{
	for (int i = 0; i < count; i++)
		if (facts[i].pagemap & PRESENT)
			facts[i].address |=
				pread(memory, &facts[i].value, 8,
				      facts[i].address + signature_offset(facts[i].address)) == 8;
}

static void area_pages(int memory, int pagemap, uint64_t start, uint64_t stop)
{
	long blank = 0;

	while (start < stop && process_left > 0 && total_left > 0) {
		uint64_t room = (stop - start) / PAGE;
		ssize_t count = pread(pagemap, entries, (room < BATCH ? room : BATCH) * 8,
				      start / PAGE * 8);
		int found = 0;

		if (count <= 0)
			return;
		for (int i = 0; i < count / 8; i++)
			if (entries[i] & (PRESENT | SWAPPED))
				facts[found++] =
					(struct page_fact){start + i * PAGE, entries[i], 0};
		read_values(memory, found);
		append(facts, found * sizeof(facts[0]));
		process_left -= found;
		total_left -= found;
		/* An area that was never touched may be terabytes. */
		blank = found ? 0 : blank + count / 8;
		if (blank >= 65536)
			return;
		start += count / 8 * PAGE;
	}
}

static void pages(int pid)
{
	char path[64], line[1200];
	uint64_t start, stop;
	int pagemap, memory;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%d/pages", pid);
	if (pagemap >= 0 && memory >= 0 && maps) {
		process_left = parameter("guest_pages_each", 20000);
		begin(path + 1);
		while (fgets(line, sizeof(line), maps))
			if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &stop) == 2 &&
			    start < 1ull << 63 && !strstr(line, "/resource2"))
				area_pages(memory, pagemap, start, stop);
		end();
	}
	if (maps)
		fclose(maps);
	if (memory >= 0)
		close(memory);
	if (pagemap >= 0)
		close(pagemap);
}

/* ---- tasks ---- */

static void fds(int pid)
{
	char path[400], name[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/fd", pid);
	dir = opendir(name);
	if (!dir)
		return;
	begin(name + 1);
	while ((entry = readdir(dir))) {
		ssize_t count;

		snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
		count = readlink(path, buffer + 16, sizeof(buffer) - 32);
		if (count < 0)
			continue;
		buffer[16 + count] = 0;
		append(path,
		       snprintf(path, sizeof(path), "%s %.300s\n", entry->d_name, buffer + 16));
	}
	end();
	closedir(dir);
}

static void process(int pid, int with_pages, int before)
{
	static const char *const files[] = {"stat",	     "status",	  "cmdline", "environ",
					    "maps",	     "limits",	  "cgroup",  "statm",
					    "oom_score_adj", "mountinfo", "auxv",    "uid_map",
					    "oom_score"};
	static const char *const of_thread[] = {"stat",	 "status",  "comm",
						"stack", "syscall", "wchan"};
	static const char *const links[] = {"exe", "cwd", "root"};
	char path[300];
	struct dirent *entry;
	DIR *tasks;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		file(path);
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, links[i]);
		link_of(path);
	}
	fds(pid);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		for (size_t i = 0; i < sizeof(of_thread) / sizeof(of_thread[0]); i++) {
			snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", pid, entry->d_name,
				 of_thread[i]);
			file(path);
		}
	}
	if (tasks)
		closedir(tasks);
	if (!with_pages)
		return;
	/* Reading a page makes it referenced: what says so is read nearer to the dump. */
	if (before)
		pages(pid);
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	file(path);
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	file(path);
	if (!before)
		pages(pid);
}

static void processes(int before)
{
	long with_pages = parameter("guest_pages", 200000);
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	total_left = with_pages;
	while (proc && (entry = readdir(proc))) {
		int pid = atoi(entry->d_name);

		if (pid > 0)
			process(pid, with_pages > 0, before);
	}
	if (proc)
		closedir(proc);
}

static void log_text(const char *name)
{
	int size = klogctl(10, NULL, 0); /* SYSLOG_ACTION_SIZE_BUFFER */
	char *text = size > 0 ? malloc(size) : NULL;

	if (!text)
		return;
	begin(name);
	append(text, klogctl(3, text, size)); /* SYSLOG_ACTION_READ_ALL */
	end();
	free(text);
}

static void kernel_log(void)
{
	char line[8192];
	ssize_t count;
	int fd;

	log_text("dmesg");
	fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	begin("dev/kmsg");
	while ((count = read(fd, line, sizeof(line))) > 0 || (count < 0 && errno == EPIPE))
		if (count > 0)
			append(line, count);
	end();
	close(fd);
}

/* What never changes. */
static void constants(void)
{
	static const char *const files[] = {"/proc/kallsyms",
					    "/proc/cpuinfo",
					    "/proc/iomem",
					    "/proc/version",
					    "/proc/cmdline",
					    "/proc/devices",
					    "/proc/filesystems",
					    "/sys/kernel/vmcoreinfo",
					    "/sys/kernel/notes",
					    "/proc/sys/kernel/random/boot_id",
					    "/sys/kernel/mm/transparent_hugepage/enabled",
					    "/sys/kernel/mm/lru_gen/enabled"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		file(files[i]);
}

/*
 * Reading /proc takes pages and gives them back. What is most easily disturbed by that is read
 * nearest to the dump: last before it, first after it.
 */
static const char *const counters[] = {
	"/proc/timer_list",
	"/proc/modules",      "/proc/mounts",	   "/proc/swaps",	"/proc/kpagecount",
	"/proc/kpageflags",   "/proc/kpagecgroup", "/proc/stat",	"/proc/loadavg",
	"/proc/interrupts",   "/proc/uptime",	   "/proc/vmallocinfo", "/proc/slabinfo",
	"/proc/pagetypeinfo", "/proc/vmstat",	   "/proc/meminfo",	"/proc/zoneinfo",
	"/sys/kernel/debug/extfrag/extfrag_index", "/sys/kernel/debug/extfrag/unusable_index",
	"/proc/buddyinfo"};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

/* Of the collector's namespace, and of another one as proc/PID/sysvipc. */
static void ipc(void)
{
	static const char *const kinds[] = {"sem", "msg", "shm"};
	char path[64], name[64];
	int own, other;

	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", ipc_namespace_pid);
	own = open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC);
	other = open(path, O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/sysvipc/%s", kinds[i]);
		file(path);
		if (setns(other, CLONE_NEWIPC))
			continue;
		snprintf(name, sizeof(name), "proc/%d/sysvipc/%s", ipc_namespace_pid, kinds[i]);
		file_as(path, name);
		must(setns(own, CLONE_NEWIPC));
	}
	close(own);
	close(other);
}

/* What waits to run, while there is more than the CPUs can take: nearest of all to the dump. */
static void run_queues(void)
{
	file("/proc/sched_debug"); /* until 5.12 */
	file("/sys/kernel/debug/sched/debug");
}

/* Last of all: whom the OOM killer chooses, called by its key; the log says. */
static void out_of_memory(void)
{
	if (!put("/proc/sysrq-trigger", "f"))
		return;
	sleep(1);
	log_text("dmesg-oom");
}

/* What the kernel does when memory is touched. */
static void faults(void)
{
	size_t size;
	const void *facts = faulters_act(&size);

	if (!facts)
		return;
	begin("faults");
	append(facts, size);
	end();
}

/* What it does when memory is given up; before others touch theirs. */
static void reclaim(void)
{
	size_t size;
	const void *facts = reclaimed_act(&size);

	if (!facts)
		return;
	begin("reclaim");
	append(facts, size);
	end();
}

void collect(int before)
{
	static const char zeros[2 * BLOCK];

	channel.used = 0;
	if (before) {
		constants();
		processes(before);
		ipc();
		kernel_log();
		for (size_t i = 0; i < COUNTERS; i++)
			file(counters[i]);
		churn(1);
		spinners_go(1);
		run_queues();
	} else {
		run_queues();
		spinners_go(0);
		churn(0);
		for (size_t i = COUNTERS; i-- > 0;)
			file(counters[i]);
		processes(before);
		ipc();
		kernel_log();
		reclaim();
		faults();
		out_of_memory();
	}
	append(zeros, sizeof(zeros));
}
