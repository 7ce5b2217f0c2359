/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The guest's half of tests/oracle: runs programs (one act a line, see program.py) on the guest's kernel. Each process of a program is a real one, a
 * descendant of this one, that acts when told to through a pipe. After each act the memory of all of them between WINDOW and its end is
 * described, from /proc and from the frames themselves (/proc/kcore), so that describing changes nothing.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../guest/guest.h"

#define PAGE	      4096ul
#define WINDOW	      0x10000000000ul /* program.py's too */
#define MOST_PAGES    4096
#define MOST_TOUCHED  64
#define PROCESSES     8
#define FILES	      4
#define FILE_PAGES    24
#define MADV_COLD_    20
#define PAGE_PRESENT  (1ull << 63)
#define PAGE_SWAPPED  (1ull << 62)
#define PAGE_FILE     (1ull << 61)
#define PAGE_FRAME    ((1ull << 55) - 1)
#define KPF_THP	      22
#define KPF_ZERO_PAGE 24
#define MOST_IN_ROW   512

/* What process_act() is told, and what it answers; both go through a pipe as they are. */
struct order {
	char name[16];
	uint64_t page, pages, a, b, value;
	int prot, flags, file;
};

struct answer {
	long result; /* an errno as a negative number */
	char faults[MOST_TOUCHED + 1];
	uint64_t values[MOST_TOUCHED];
};

/* All that a process of a program writes to, so that it can be made its own before faults are counted. */
static struct {
	struct order order;
	struct answer answer;
	sigjmp_buf escape;
	struct rusage before, after;
	volatile int signal, traps;
	char scratch[PAGE];
} own __attribute__((aligned(4096)));

/*
 * What a fault goes through, as far as the kernel's compiler left it functions: traced when asked for (guest_trace). __anon_vma_prepare() and __pud_alloc()
 * are what the engine announces by their callers' names.
 */
static const char *const traced[] = {
	"__p4d_alloc", "__pud_alloc", "__pmd_alloc", "__pte_alloc", "__anon_vma_prepare", "get_page_from_freelist", "page_add_new_anon_rmap",
	"lru_cache_add", "do_wp_page", "wp_page_copy", "do_swap_page", "__do_fault", "filemap_fault", "filemap_map_pages", "shmem_fault",
	"allocate_slab", "expand_downwards", "do_huge_pmd_anonymous_page", "do_huge_pmd_wp_page", "huge_pmd_set_accessed", "finish_fault",
	"special_mapping_fault",
};
static int tracing = -1; /* tracing_on; -1: nothing is traced */

static int orders[PROCESSES][2], answers[PROCESSES][2], files[FILES];

/* ---- A process of a program ---- */

static void on_signal(int number)
{
	/* The first trap comes after the jump, the second after the instruction there. */
	if (number == SIGTRAP && own.traps++ == 0)
		return;
	own.signal = number;
	siglongjmp(own.escape, 1);
}

/*
 * One instruction, by single steps: pages begin with a nop (see value_of() in program.py), or with zeros, which add al to what rax points to.
 */
static void fetch(const char *at)
{
	own.traps = 0;
#ifdef __x86_64__
	__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tjmp *%0" : : "r"(at), "a"(own.scratch) : "memory", "cc");
#endif
}

/* One access; '.' without a fault, m or M for a minor or a major one, a digit for more than one, S and B for a signal. */
static char touch(char *at, int access, uint64_t value, uint64_t *seen)
{
	long minor, major;

	own.signal = 0;
	if (tracing >= 0)
		must(write(tracing, "1", 1));
	getrusage(RUSAGE_SELF, &own.before);
	if (!sigsetjmp(own.escape, 0)) {
		if (access == 'w')
			*(volatile uint64_t *)at = value;
		else if (access == 'e')
			fetch(at);
		else
			*seen = *(volatile uint64_t *)at;
	}
	getrusage(RUSAGE_SELF, &own.after);
	if (tracing >= 0)
		must(write(tracing, "0", 1));
	if (own.signal && own.signal != SIGTRAP)
		return own.signal == SIGBUS ? 'B' : 'S';
	minor = own.after.ru_minflt - own.before.ru_minflt;
	major = own.after.ru_majflt - own.before.ru_majflt;
	if (minor + major > 1)
		return minor + major > 9 ? '9' : '0' + (char)(minor + major);
	return major ? 'M' : minor ? 'm' : '.';
}

static void settled(void)
{
}

/* Until nothing but the program's own acts takes faults in this process. */
static void settle(void)
{
	volatile char stack[8 * PAGE];

	for (int quiet = 0; quiet < 3; quiet++) {
		struct rusage before, after;
		uint64_t seen;

		getrusage(RUSAGE_SELF, &before);
		for (size_t i = 0; i < sizeof(stack); i += PAGE)
			stack[i] = 1;
		for (size_t i = 0; i < sizeof(own); i += PAGE)
			*((volatile char *)&own + i) = *((volatile char *)&own + i);
		touch((char *)8, 'r', 0, &seen); /* the way of the signal */
		touch(own.scratch, 'w', 1, &seen);
		touch((char *)(uintptr_t)settled, 'e', 0, &seen);
		getrusage(RUSAGE_SELF, &after);
		if (after.ru_minflt != before.ru_minflt)
			quiet = -1;
	}
}

static void process_main(int me) __attribute__((noreturn));

static long process_fork(int child)
{
	long pid = syscall(SYS_fork);

	if (pid)
		return pid < 0 ? -errno : pid;
	settle();
	process_main(child);
}

/* Each mapping of a file opens it, as the simulated side's do: areas of different open files are not merged. */
static long map(char *at, const struct order *o)
{
	char path[32];
	int fd = -1, error;
	long result;

	if (o->file >= 0) {
		snprintf(path, sizeof(path), "/ram/file%d", o->file);
		fd = must(open(path, O_RDWR));
	}
	result = (long)mmap(at, o->pages * PAGE, o->prot, o->flags, fd, o->a * PAGE);
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return result;
}

static long system_call(const struct order *o)
{
	char *at = (char *)WINDOW + o->page * PAGE;
	long result;

	if (!strcmp(o->name, "mmap"))
		result = map(at, o);
	else if (!strcmp(o->name, "munmap"))
		result = munmap(at, o->pages * PAGE);
	else if (!strcmp(o->name, "mprotect"))
		result = mprotect(at, o->pages * PAGE, o->prot);
	else if (!strcmp(o->name, "madvise"))
		result = madvise(at, o->pages * PAGE, o->flags);
	else if (!strcmp(o->name, "mremap"))
		result = (long)mremap(at, o->pages * PAGE, o->a * PAGE, o->flags, (char *)WINDOW + o->b * PAGE);
	else if (!strcmp(o->name, "mlock"))
		result = mlock(at, o->pages * PAGE);
	else if (!strcmp(o->name, "munlock"))
		result = munlock(at, o->pages * PAGE);
	else {
		errno = ENOSYS;
		result = -1;
	}
	return result == -1 ? -errno : result;
}

/*
 * Unmapping empties the CPU's batches of pages for the LRU lists. What stands on one has a reference more, so what the kernel decides would
 * depend on what else happened in the guest. The simulated side unmaps the same page.
 */
static void drain(void)
{
	char *page = mmap((char *)WINDOW + (MOST_PAGES + 16) * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (page == MAP_FAILED || munmap(page, PAGE))
		give_up("a page to drain by");
}

static void process_act(int me)
{
	struct order *o = &own.order;
	struct answer *a = &own.answer;

	memset(a, 0, sizeof(*a));
	drain();
	if (!strcmp(o->name, "fork")) {
		a->result = process_fork((int)o->a);
		settle(); /* what this process writes to is shared with the child now */
	} else if (!strcmp(o->name, "exit")) {
		_exit(0);
	} else if (!strcmp(o->name, "read") || !strcmp(o->name, "write") || !strcmp(o->name, "exec")) {
		for (uint64_t i = 0; i < o->pages && i < MOST_TOUCHED; i++)
			a->faults[i] = touch((char *)WINDOW + (o->page + i) * PAGE, o->name[0], o->value + (i << 8),
					     &a->values[i]);
	} else {
		a->result = system_call(o);
	}
	must(write(answers[me][1], a, sizeof(*a)));
}

static void process_main(int me)
{
	for (;;) {
		if (read(orders[me][0], &own.order, sizeof(own.order)) != sizeof(own.order))
			_exit(1);
		process_act(me);
	}
}

/* ---- The one that tells them ---- */

static struct world {
	pid_t pid; /* 0: there is none */
	int pidfd, pagemap;
	char *last; /* its last description */
	size_t last_size;
} world[PROCESSES];

static int kcore, kpageflags, trace;
static long swap_pages;
static uint64_t direct_map;	/* where /proc/kcore has frame 0 */
static uint64_t direct_frames;
static char smaps[1 << 18]; /* also what is traced */
static char *out;
static size_t out_used, out_size;

static void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void print(const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(out + out_used, out_size - out_used, format, list);
	va_end(list);
	if (n < 0 || (size_t)n >= out_size - out_used) {
		errno = ENOSPC;
		give_up("room for answers");
	}
	out_used += n;
}

/* /proc/kcore is an ELF file: one of its segments is the direct map, the one whose physical address is 0. */
static void open_kcore(void)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	kcore = must(open("/proc/kcore", O_RDONLY | O_CLOEXEC));
	must(pread(kcore, &header, sizeof(header), 0));
	for (unsigned i = 0; i < header.e_phnum; i++) {
		must(pread(kcore, &segment, sizeof(segment), header.e_phoff + i * sizeof(segment)));
		/* The direct map's segments begin at page_offset + physical; several, one a range of memory. */
		if (segment.p_type != PT_LOAD || segment.p_paddr == (Elf64_Addr)-1 || segment.p_paddr > 1ull << 40)
			continue;
		if (segment.p_vaddr - segment.p_paddr < 0xffff800000000000ul || segment.p_vaddr >= 0xffffc80000000000ul)
			continue;
		direct_map = segment.p_offset - segment.p_paddr;
		if (direct_frames < (segment.p_paddr + segment.p_memsz) / PAGE)
			direct_frames = (segment.p_paddr + segment.p_memsz) / PAGE;
	}
	if (!direct_frames) {
		errno = ENOENT;
		give_up("the direct map in /proc/kcore");
	}
}

static uint64_t first_word(uint64_t frame)
{
	uint64_t word;

	if (pread(kcore, &word, sizeof(word), direct_map + frame * PAGE) != sizeof(word))
		give_up("a frame in /proc/kcore");
	return word;
}

static uint64_t pagemap[MOST_PAGES];
static size_t described; /* pages of the window that programs reach */

/* The areas of the window: the line of maps, what is not 0, and the flags. */
static void describe_areas(const struct world *w)
{
	char path[64], *line, *next;
	ssize_t used = 0, n;
	int fd, inside = 0;

	snprintf(path, sizeof(path), "/proc/%d/smaps", w->pid);
	fd = must(open(path, O_RDONLY | O_CLOEXEC));
	while ((n = read(fd, smaps + used, sizeof(smaps) - 1 - used)) > 0)
		used += n;
	close(fd);
	smaps[used] = '\0';
	for (line = smaps; (next = strchr(line, '\n')); line = next + 1) {
		uint64_t start, end, value;
		char name[32], more;

		*next = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2) {
			inside = start >= WINDOW && start < WINDOW + MOST_PAGES * PAGE;
			if (inside)
				print("A %s\n", line);
		} else if (inside && sscanf(line, "%31[^:]: %" SCNu64 " k%c", name, &value, &more) == 3) {
			if (value)
				print("S %s %" PRIu64 "\n", name, value);
		} else if (inside && !strncmp(line, "VmFlags:", 8)) {
			print("F%s\n", line + 8);
		}
	}
}

/* The zero page, or the huge one, which is told by a second flag. */
static char kind_of_zero(uint64_t flags)
{
	if (!(flags >> KPF_ZERO_PAGE & 1))
		return '-';
	return flags >> KPF_THP & 1 ? 'Z' : 'z';
}

/* From the page numbered i on: how many are mapped to frames that follow each other, at most MOST_IN_ROW. */
static size_t frames_in_row(size_t i, size_t count)
{
	size_t n = 1;

	while (i + n < count && n < MOST_IN_ROW && pagemap[i + n] == pagemap[i] + n)
		n++;
	return n;
}

/*
 * Its pages: where, how many with frames in a row, the first frame, what the frames are; their first words at the end of a program alone, where they are compared: that
 * takes long.
 */
static void describe_pages(const struct world *w, int with_words)
{
	ssize_t size = must(pread(w->pagemap, pagemap, described * sizeof(*pagemap), WINDOW / PAGE * 8));
	size_t count = (size_t)size / 8, n;

	for (size_t i = 0; i < count; i += n) {
		uint64_t flags[MOST_IN_ROW], frame = pagemap[i] & PAGE_FRAME;
		size_t same = 1;

		n = 1;
		if (pagemap[i] & PAGE_SWAPPED)
			print("W %zu %" PRIx64 "\n", i, frame);
		if (!(pagemap[i] & PAGE_PRESENT))
			continue;
		n = frames_in_row(i, count);
		must(pread(kpageflags, flags, 8 * n, frame * 8));
		while (same < n && kind_of_zero(flags[same]) == kind_of_zero(flags[0]))
			same++;
		n = same;
		print("G %zu %zu %" PRIx64 " %c", i, n, frame, kind_of_zero(flags[0]));
		for (size_t word = 0; with_words && word < n; word++)
			print(" %" PRIx64, first_word(frame + word));
		print("\n");
	}
}

/* A process whose description is that of the step before is only named. */
static void describe(int with_words)
{
	for (int i = 0; i < PROCESSES; i++) {
		struct world *w = &world[i];
		size_t start;

		if (!w->pid)
			continue;
		print("P %d\n", i);
		start = out_used;
		describe_areas(w);
		describe_pages(w, with_words);
		if (w->last && w->last_size == out_used - start && !memcmp(w->last, out + start, w->last_size)) {
			out_used = start;
			print("=\n");
			continue;
		}
		w->last_size = out_used - start;
		w->last = realloc(w->last, w->last_size + 1);
		if (!w->last)
			give_up("memory");
		memcpy(w->last, out + start, w->last_size);
	}
}

static void born(int i, pid_t pid)
{
	char path[64];

	world[i].pid = pid;
	world[i].pidfd = must(syscall(SYS_pidfd_open, pid, 0));
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	world[i].pagemap = must(open(path, O_RDONLY | O_CLOEXEC));
}

/* Waits until its memory is gone. */
static void gone(int i)
{
	struct pollfd end = {.fd = world[i].pidfd, .events = POLLIN};

	must(poll(&end, 1, -1));
	close(world[i].pidfd);
	close(world[i].pagemap);
	free(world[i].last);
	world[i] = (struct world){0};
}

static void fill_files(void);

static void begin_world(void)
{
	pid_t pid;

	fill_files();
	pid = must(fork());

	if (!pid) {
		signal(SIGCHLD, SIG_IGN); /* nobody waits for those that end */
		settle();
		process_main(0);
	}
	born(0, pid);
	/* An area above the window, so that what is there else does not matter; it also tells that the process has settled. */
	must(write(orders[0][1], &(struct order){.name = "mmap", .page = MOST_PAGES + 64, .pages = 1, .file = -1,
						 .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}, sizeof(struct order)));
	must(read(answers[0][0], &own.answer, sizeof(own.answer)));
}

static void end_world(void)
{
	for (int i = 0; i < PROCESSES; i++) {
		if (!world[i].pid)
			continue;
		kill(world[i].pid, SIGKILL);
		gone(i);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void open_trace(void)
{
	must(mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, ""));
	for (size_t i = 0; i < sizeof(traced) / sizeof(*traced); i++) {
		int fd = must(open("/sys/kernel/tracing/set_ftrace_filter", O_WRONLY | O_APPEND));

		if (write(fd, traced[i], strlen(traced[i])) < 0)
			printf("oracle: %s cannot be traced\n", traced[i]);
		close(fd);
	}
	tracing = must(open("/sys/kernel/tracing/tracing_on", O_WRONLY));
	must(write(tracing, "0", 1));
	must(put("/sys/kernel/tracing/current_tracer", "function") - 1);
	trace = must(open("/sys/kernel/tracing/trace", O_RDWR));
}

/* From now on only what that process does is traced; what was is forgotten. */
static void trace_process(pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	must(put("/sys/kernel/tracing/set_ftrace_pid", text) - 1);
	close(must(open("/sys/kernel/tracing/trace", O_WRONLY | O_TRUNC)));
}

/* The functions in the order in which they were called: "  init-85  [000] ....  12.345678: do_wp_page <-handle_mm_fault". */
static void print_trace(void)
{
	ssize_t used = 0, n;
	char *line, *next, *name;

	must(lseek(trace, 0, SEEK_SET));
	while ((n = read(trace, smaps + used, sizeof(smaps) - 1 - used)) > 0)
		used += n;
	smaps[used] = '\0';
	print("T");
	for (line = smaps; (next = strchr(line, '\n')); line = next + 1) {
		*next = '\0';
		name = strstr(line, ": ");
		if (line[0] == '#' || !name || !strstr(name, " <-"))
			continue;
		name += 2;
		print(" %.*s", (int)strcspn(name, " "), name);
	}
	print("\n");
}

static void print_answer(const struct order *o, const struct answer *a)
{
	uint64_t at = (uint64_t)a->result;

	if (a->result < 0)
		print("R %s\n", strerrorname_np((int)-a->result));
	else if (a->faults[0]) {
		print("R %s", a->faults);
		for (uint64_t i = 0; o->name[0] == 'r' && i < o->pages && i < MOST_TOUCHED; i++)
			print(" %" PRIx64, a->values[i]);
		print("\n");
	} else if (at >= WINDOW && at < WINDOW + MOST_PAGES * PAGE)
		print("R at %" PRIu64 "\n", (at - WINDOW) / PAGE);
	else if (at > PAGE && strcmp(o->name, "fork"))
		print("R elsewhere\n");
	else
		print("R ok\n");
}

/* Slots of swap in use. */
static void print_swap(void)
{
	struct sysinfo info;

	must(sysinfo(&info));
	print("U %lu\n", (info.totalswap - info.freeswap) * info.mem_unit / PAGE);
}

/* "0 mmap PAGE PAGES A B VALUE PROT FLAGS FILE": all numbers, as program.py writes them. */
static void step(const char *line, int last)
{
	struct order o = {0};
	struct answer a = {0};
	int i;

	if (sscanf(line, "%d %15s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %d %d %d", &i, o.name, &o.page, &o.pages,
		   &o.a, &o.b, &o.value, &o.prot, &o.flags, &o.file) != 10 || i < 0 || i >= PROCESSES || !world[i].pid) {
		errno = EINVAL;
		give_up(line);
	}
	if (tracing >= 0)
		trace_process(world[i].pid);
	must(write(orders[i][1], &o, sizeof(o)));
	if (!strcmp(o.name, "exit")) {
		gone(i);
	} else {
		must(read(answers[i][0], &a, sizeof(a)));
		if (!strcmp(o.name, "fork") && a.result > 0) {
			born((int)o.a, (pid_t)a.result);
			/* The child answers when it has settled. */
			must(write(orders[o.a][1], &(struct order){.name = "munmap", .page = MOST_PAGES, .pages = 1}, sizeof(o)));
			must(read(answers[o.a][0], &own.answer, sizeof(own.answer)));
		}
	}
	print_answer(&o, &a);
	if (swap_pages)
		print_swap();
	if (tracing >= 0 && a.faults[0])
		print_trace();
	describe(last);
}

/* Files whose pages are in the page cache, clean and read once: those of a file without blocks are filled when a fault wants them. */
static void make_files(void)
{
	char path[32];

	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "/ram/file%d", i);
		files[i] = must(open(path, O_RDWR | O_CREAT, 0666));
	}
}

static void fill_files(void)
{
	for (int i = 0; i < FILES; i++) {
		volatile char *pages;

		must(ftruncate(files[i], 0));
		must(ftruncate(files[i], FILE_PAGES * PAGE));
		pages = (volatile char *)must((long)mmap(NULL, FILE_PAGES * PAGE, PROT_READ, MAP_PRIVATE, files[i], 0));
		for (int n = 0; n < FILE_PAGES; n++)
			(void)pages[n * PAGE];
		must(munmap((void *)pages, FILE_PAGES * PAGE));
	}
}

/* The huge zero page is made for the first who reads, and stays for as long as this process is there. */
static void warm_up(void)
{
	char *area = (char *)WINDOW;

	area = (char *)must((long)mmap(area, MOST_PAGES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	(void)*(volatile char *)area;
	must(munmap(area, MOST_PAGES * PAGE));
}

void oracle_serve(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
	size_t size;
	char *channel, *line, *next;

	open_channel();
	channel = channel_bytes(&size);
	must(madvise(channel, size, MADV_DONTFORK));
	put("/sys/kernel/mm/transparent_hugepage/enabled", parameter("guest_huge", 0) ? "always" : "never");
	/* Whatever the kernel made of the memory's size: the huge zero page for reads, and no compaction. */
	put("/sys/kernel/mm/transparent_hugepage/use_zero_page", "1");
	put("/sys/kernel/mm/transparent_hugepage/defrag", "never");
	described = parameter("guest_huge", 0) ? MOST_PAGES : 256;
	/* Nothing happens but by the programs. */
	put("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "4000000000");
	put("/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs", "4000000000");
	put("/sys/kernel/mm/ksm/run", "0");
	if (parameter("guest_huge", 0))
		warm_up();
	swap_pages = parameter("guest_swap", 0);
	if (swap_pages) {
		/* A disk that rotates has no clusters of slots; each slot is read by itself. */
		put("/sys/block/ram0/queue/rotational", "1");
		put("/proc/sys/vm/page-cluster", "0");
		turn_swap_on(swap_pages * PAGE);
	}
	kpageflags = must(open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
	open_kcore();
	if (parameter("guest_trace", 0))
		open_trace();
	for (int i = 0; i < PROCESSES; i++) {
		must(pipe2(orders[i], 0));
		must(pipe2(answers[i], 0));
	}
	make_files();
	must(sigaction(SIGSEGV, &action, NULL));
	must(sigaction(SIGBUS, &action, NULL));
	must(sigaction(SIGTRAP, &action, NULL));
	tell("ready", 0);
	/* The host's programs stand in the channel's second half, our answers in its first. */
	for (;;) {
		hear();
		out = channel;
		out_size = size / 2;
		out_used = 0;
		for (line = channel + size / 2; (next = strchr(line, '\n')); line = next + 1) {
			char copy[160];

			snprintf(copy, sizeof(copy), "%.*s", (int)(next - line), line);
			if (!strcmp(copy, "begin"))
				begin_world();
			else if (!strcmp(copy, "end"))
				end_world();
			else
				step(copy, !strncmp(next + 1, "end", 3));
		}
		tell("done", out_used);
	}
}
