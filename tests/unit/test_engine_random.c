/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine under random acts, against a shadow of what each process may see; the books are
 * checked as it goes.
 *
 *   test_engine_random [SEED [ACTS [EVERY [MEGABYTES]]]]     one run: ACTS acts, the books checked
 * after every EVERY of them. A seed's last digit says whether the machine is one of the HIGHMEM build
 * (it is for odd ones).
 *
 * Without a seed: some that are always the same, and one new one. A failure names its seed, and the
 * act.
 */
#include "tests/unit/random.h"
#include "tests/unit/small_machine.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define ACTS	   3000
#define EVERY	   25
#define PROCESSES  8
#define FIRST	   0x08000000ull /* the part of the address space that the acts are about */
#define PAGES	   1536
#define HOG	   0x20000000ull
#define STACK_END  0x70000000ull
#define STACK	   64 /* pages that may be touched of it */
#define FILES	   3
#define FILE_PAGES 12
#define WORDS	   3 /* words of a page that are written and compared */

enum kind { NOTHING, PRIVATE, FILE_PRIVATE, FILE_SHARED };

/* What a page of a process should hold. A private page of a file shows the file until it is
 * written. */
struct shadow {
	uint8_t kind, prot, file;
	bool own;
	uint16_t index; /* page of the file */
	uint32_t words[WORDS];
};

struct process {
	uint64_t task;
	struct shadow pages[PAGES + STACK];
	unsigned stack_low; /* pages of the stack that are mapped, from its end down */
	uint64_t brk;
};

static struct run {
	struct machine m;
	uint64_t seed, state, act, acts, every;
	struct process *processes[PROCESSES];
	uint64_t hog; /* a process that only takes up memory */
	unsigned hog_pages;
	uint32_t files[FILES][FILE_PAGES][WORDS];
	uint64_t oom, killed, swapped, least_free; /* how hard it was */
	struct trace trace;
	uint64_t kill[PROCESSES + 1]; /* tasks killed by the act that is under way */
	unsigned kills;
	char what[160];
} r;

static const unsigned word_offsets[WORDS] = {0, 2044, 4092};

#define must(condition, ...)                                                                     \
	do {                                                                                     \
		if (!(condition)) {                                                              \
			print_message("seed %" PRIu64 ", act %" PRIu64 " (%s): ", r.seed, r.act, \
				      r.what);                                                   \
			fail_msg(__VA_ARGS__);                                                   \
		}                                                                                \
	} while (0)

static void done(struct error *e)
{
	must(!e, "%s", e ? e->message : "");
}

static void check_books(void)
{
	done(books_check(r.m.e, NULL));
}

/* ---- Shadow ---- */

static struct shadow *shadow_of(struct process *p, uint64_t addr)
{
	if (addr >= FIRST && addr < FIRST + PAGES * PAGE)
		return &p->pages[(addr - FIRST) / PAGE];
	if (addr >= STACK_END - STACK * PAGE && addr < STACK_END)
		return &p->pages[PAGES + (STACK_END - 1 - addr) / PAGE];
	return NULL;
}

static uint32_t *words_of(struct shadow *s)
{
	return s->kind == FILE_SHARED || (s->kind == FILE_PRIVATE && !s->own)
		       ? r.files[s->file][s->index]
		       : s->words;
}

/* Does an access end well? A stack grows to its address. */
static bool allowed(struct process *p, uint64_t addr, bool write)
{
	struct shadow *s = shadow_of(p, addr);
	if (addr >= STACK_END - STACK * PAGE) {
		unsigned depth = (unsigned)((STACK_END - 1 - addr) / PAGE) + 1;
		for (; p->stack_low < depth; p->stack_low++)
			p->pages[PAGES + p->stack_low] =
				(struct shadow){.kind = PRIVATE, .prot = PROT_READ | PROT_WRITE};
	}
	if (s->kind == NOTHING || !(s->prot & (write ? PROT_WRITE : PROT_READ | PROT_EXEC)))
		return false;
	return s->kind < FILE_PRIVATE || s->index < FILE_PAGES || s->own;
}

static void clear_shadow(struct process *p, uint64_t addr, unsigned pages, struct shadow with)
{
	for (unsigned i = 0; i < pages; i++, addr += PAGE) {
		struct shadow *s = shadow_of(p, addr);
		if (s)
			*s = with;
		with.index++;
	}
}

/* ---- Processes ---- */

static struct process *any_process(void)
{
	struct process *p = NULL;
	while (!p)
		p = r.processes[random_below(&r.state, PROCESSES)];
	return p;
}

static unsigned process_count(void)
{
	unsigned n = 0;
	for (unsigned i = 0; i < PROCESSES; i++)
		n += r.processes[i] != NULL;
	return n;
}

static struct process **free_place(void)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		if (!r.processes[i])
			return &r.processes[i];
	return NULL;
}

static void set_member(uint64_t object, enum member_id id, uint64_t value)
{
	done(kernel_write_uint(r.m.k, object + r.m.k->members[id].offset, r.m.k->members[id].size,
			       value));
}

static void first_process(void)
{
	struct process *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	*free_place() = p;
	p->task = new_process(&r.m);
	uint64_t mm = mm_of(&r.m, p->task);
	map(&r.m, p->task, STACK_END - PAGE, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_GROWSDOWN);
	p->stack_low = 1;
	p->pages[PAGES] = (struct shadow){.kind = PRIVATE, .prot = PROT_READ | PROT_WRITE};
	/* The heap starts in the middle. */
	p->brk = FIRST + PAGES / 2 * PAGE;
	set_member(mm, M_mm_struct_brk, p->brk);
	set_member(mm, M_mm_struct_start_brk, p->brk);
}

static void end_process(struct process *p)
{
	done(do_exit(r.m.e, p->task));
	for (unsigned i = 0; i < PROCESSES; i++)
		if (r.processes[i] == p)
			r.processes[i] = NULL;
	free(p);
	if (!process_count())
		first_process();
}

static void check_shortage(void)
{
	uint64_t swap = 0, free = nr_free_pages(r.m.e);
	if (counter(&r.m, "nr_swapfiles"))
		swap = counter(&r.m, "nr_swap_pages");
	must(free < 300 || swap < 64, "out of memory with %" PRIu64 " frames free and %" PRIu64 " of swap", free, swap);
}

/* What ran out of memory is killed, where the kernel did not kill another for it. */
static void out_of_memory(struct process *p)
{
	check_shortage();
	r.oom++;
	end_process(p);
}

/* The kernel kills whom it chooses; gone for good when the act is not undone. */
static void note_kill(struct trace *t, const char *function, const char *decision, const struct trace_value *values, unsigned count)
{
	if (strcmp(function, "__oom_kill_process") || !count)
		return;
	check_shortage();
	must(r.kills < PROCESSES + 1, "more are killed than there are");
	r.kill[r.kills++] = values[0].value;
}

static void apply_kills(void)
{
	for (unsigned n = 0; n < r.kills; n++) {
		r.killed++;
		if (r.kill[n] == r.hog)
			r.hog = 0;
		for (unsigned i = 0; i < PROCESSES; i++) {
			if (!r.processes[i] || r.processes[i]->task != r.kill[n])
				continue;
			free(r.processes[i]);
			r.processes[i] = NULL;
		}
	}
	r.kills = 0;
}

/* One that acts now. */
static struct process *acting_process(void)
{
	struct process *p;
	if (!process_count())
		first_process();
	p = any_process();
	done(engine_set_current(r.m.e, p->task));
	return p;
}

/* ---- Acts ---- */

static uint64_t any_address(unsigned stack_percent)
{
	if (random_below(&r.state, 100) < stack_percent)
		return STACK_END - 1 - random_below(&r.state, STACK) * PAGE - (PAGE - 1);
	return FIRST + (uint64_t)random_below(&r.state, PAGES) * PAGE;
}

/* Reads or writes the words of one page. False when the process was killed. */
static bool access_page(struct process *p, uint64_t page, bool write)
{
	struct engine *e = r.m.e;
	unsigned word = random_below(&r.state, WORDS);
	uint32_t value = (uint32_t)random_next(&r.state), expected = 0;
	bool good = allowed(p, page, write);
	struct shadow *s = shadow_of(p, page);
	if (good && !write)
		expected = words_of(s)[word];
	struct error *error =
		access_process_vm(e, p->task, page + word_offsets[word], &value, 4, write);
	apply_kills();
	if (error && error->code == ERR_KERNEL && strstr(error->message, "out of memory")) {
		error_free(error);
		out_of_memory(p);
		return false;
	}
	if (!good) {
		must(error && error->code == ERR_KERNEL,
		     "%s at %" PRIx64 " ends well, and should not: %s", write ? "write" : "read",
		     page, error ? error->message : "no error");
		error_free(error);
		return true;
	}
	done(error);
	if (!write) {
		must(value == expected, "at %" PRIx64 " of pid %" PRIu64 ": %08x, should be %08x",
		     page + word_offsets[word], READ(&r.m, p->task, task_struct, pid), value,
		     expected);
		return true;
	}
	if (s->kind == FILE_PRIVATE && !s->own) {
		memcpy(s->words, r.files[s->file][s->index], sizeof(s->words));
		s->own = true;
	}
	words_of(s)[word] = value;
	return true;
}

static void act_access(void)
{
	struct process *p = acting_process();
	uint64_t addr = any_address(10);
	bool write = random_below(&r.state, 5) < 3;
	unsigned pages = random_below(&r.state, 4) ? 1 + random_below(&r.state, 4) : 1 + random_below(&r.state, random_below(&r.state, 3) ? 200 : PAGES);
	snprintf(r.what, sizeof(r.what), "%s %" PRIx64 ", %u pages", write ? "write" : "read", addr,
		 pages);
	for (unsigned i = 0; i < pages && shadow_of(p, addr); i++, addr += PAGE)
		if (!access_page(p, addr, write))
			return;
}

/* A failed act changes nothing: what it did is undone, as a command does. */
static bool undone(struct error *error)
{
	if (!error) {
		done(vmcore_forget(r.m.vc));
		apply_kills();
		return false;
	}
	r.kills = 0;
	must(error->code == ERR_KERNEL && error->addr == ENOMEM, "%s", error->message);
	error_free(error);
	done(vmcore_undo(r.m.vc));
	return true;
}

static const unsigned protections[] = {PROT_NONE,
				       PROT_READ,
				       PROT_READ | PROT_WRITE,
				       PROT_READ | PROT_WRITE,
				       PROT_READ | PROT_EXEC,
				       PROT_READ | PROT_WRITE | PROT_EXEC};

static uint64_t any_range(unsigned *pages)
{
	uint64_t page = random_below(&r.state, PAGES);
	*pages = 1 + random_below(&r.state, random_below(&r.state, 3) ? 16 : 400);
	if (*pages > PAGES - page)
		*pages = (unsigned)(PAGES - page);
	return FIRST + page * PAGE;
}

static void act_mmap(void)
{
	struct process *p = acting_process();
	struct shadow s = {.kind = PRIVATE, .prot = (uint8_t)protections[random_below(&r.state, 6)]};
	unsigned pages, flags = MAP_FIXED | MAP_PRIVATE;
	uint64_t addr = any_range(&pages), at = 0, file = 0;
	char path[16];
	if (random_below(&r.state, 3) == 0) {
		s.kind = random_below(&r.state, 2) ? FILE_PRIVATE : FILE_SHARED;
		s.file = (uint8_t)random_below(&r.state, FILES);
		s.index = (uint16_t)random_below(&r.state, FILE_PAGES);
		flags = MAP_FIXED | (s.kind == FILE_SHARED ? MAP_SHARED : MAP_PRIVATE);
		pages = pages > FILE_PAGES + 2u - s.index ? FILE_PAGES + 2u - s.index : pages;
		snprintf(path, sizeof(path), "/file%u", s.file);
	}
	flags |= random_below(&r.state, 2) ? MAP_NORESERVE : 0;
	snprintf(r.what, sizeof(r.what),
		 "mmap %" PRIx64 ", %u pages, prot %x, kind %u, file page %u", addr, pages, s.prot,
		 s.kind, s.index);
	done(vmcore_mark(r.m.vc, NULL));
	struct error *error = s.kind == PRIVATE ? NULL : filp_open(r.m.e, path, s.kind != PRIVATE, &file);
	if (!error)
		error = do_mmap_pgoff(r.m.e, mm_of(&r.m, p->task), file, addr, pages * PAGE, s.prot,
				      flags, s.index, &at);
	if (!error && file)
		error = fput(r.m.e, file);
	if (undone(error))
		return;
	must(at == addr, "mapped at %" PRIx64, at);
	clear_shadow(p, addr, pages, s);
}

static void act_munmap(void)
{
	struct process *p = acting_process();
	unsigned pages;
	uint64_t addr = any_range(&pages);
	snprintf(r.what, sizeof(r.what), "munmap %" PRIx64 ", %u pages", addr, pages);
	done(vmcore_mark(r.m.vc, NULL));
	if (!undone(do_munmap(r.m.e, mm_of(&r.m, p->task), addr, pages * PAGE)))
		clear_shadow(p, addr, pages, (struct shadow){0});
}

static void act_mprotect(void)
{
	struct process *p = acting_process();
	unsigned pages, prot = protections[random_below(&r.state, 6)];
	uint64_t addr = any_range(&pages);
	bool mapped = true;
	snprintf(r.what, sizeof(r.what), "mprotect %" PRIx64 ", %u pages, prot %x", addr, pages,
		 prot);
	for (unsigned i = 0; i < pages; i++)
		mapped &= shadow_of(p, addr + (uint64_t)i * PAGE)->kind != NOTHING;
	done(vmcore_mark(r.m.vc, NULL));
	struct error *error = sys_mprotect(r.m.e, mm_of(&r.m, p->task), addr, pages * PAGE, prot);
	must(mapped || error, "a hole was protected");
	if (undone(error))
		return;
	for (unsigned i = 0; i < pages; i++)
		shadow_of(p, addr + (uint64_t)i * PAGE)->prot = (uint8_t)prot;
}

static void act_brk(void)
{
	struct process *p = acting_process();
	uint64_t start = FIRST + PAGES / 2 * PAGE,
		 now = start + (uint64_t)random_below(&r.state, 64) * PAGE + random_below(&r.state, PAGE), result;
	uint64_t from = (p->brk + PAGE - 1) & ~(PAGE - 1ull),
		 to = (now + PAGE - 1) & ~(PAGE - 1ull);
	snprintf(r.what, sizeof(r.what), "brk %" PRIx64 " to %" PRIx64, p->brk, now);
	done(vmcore_mark(r.m.vc, NULL));
	if (undone(sys_brk(r.m.e, mm_of(&r.m, p->task), now, &result)))
		return;
	must(result == now, "brk is %" PRIx64, result);
	p->brk = now;
	for (; from < to; from += PAGE) {
		must(shadow_of(p, from)->kind == NOTHING, "the heap grew over an area");
		*shadow_of(p, from) = (struct shadow){.kind = PRIVATE,
						      .prot = PROT_READ | PROT_WRITE | PROT_EXEC};
	}
	for (; to < from; to += PAGE)
		*shadow_of(p, to) = (struct shadow){0};
}

static void act_fork(void)
{
	struct process *parent = acting_process(), **place = free_place(), *child;
	uint64_t task;
	if (!place)
		return;
	snprintf(r.what, sizeof(r.what), "fork of pid %" PRIu64,
		 READ(&r.m, parent->task, task_struct, pid));
	struct error *error = do_fork(r.m.e, parent->task, 0, 0, &task);
	apply_kills();
	if (error && error->code == ERR_KERNEL && error->addr == ENOMEM) {
		error_free(error);
		check_books();
		return;
	}
	done(error);
	child = malloc(sizeof(*child));
	assert_non_null(child);
	*child = *parent;
	child->task = task;
	*place = child;
}

static void act_exit(void)
{
	struct process *p = acting_process();
	snprintf(r.what, sizeof(r.what), "exit of pid %" PRIu64,
		 READ(&r.m, p->task, task_struct, pid));
	end_process(p);
}

static void act_reclaim(void)
{
	unsigned wanted = 1 + random_below(&r.state, 64), freed;
	snprintf(r.what, sizeof(r.what), "reclaim %u", wanted);
	done(try_to_free_pages(r.m.e, wanted, &freed));
}

#define MOST_HOG_PAGES 20000

/* Between half and nine tenths of memory, when that is small. */
static void make_hog(void)
{
	done(engine_set_current(r.m.e, 0));
	r.hog = new_process(&r.m);
	r.hog_pages = (unsigned)nr_free_pages(r.m.e) / 10 * (5 + random_below(&r.state, 5));
	if (r.hog_pages > MOST_HOG_PAGES)
		r.hog_pages = MOST_HOG_PAGES;
	map(&r.m, r.hog, HOG, r.hog_pages, PROT_READ | PROT_WRITE, MAP_FIXED);
	for (unsigned i = 0; i < r.hog_pages; i++)
		poke32(&r.m, r.hog, HOG + (uint64_t)i * PAGE + 8, i);
	apply_kills();
}

/* Some other process reads and writes its memory. */
static void act_hog(void)
{
	unsigned first = random_below(&r.state, r.hog_pages), n = 1 + random_below(&r.state, 200);
	if (!r.hog)
		make_hog();
	snprintf(r.what, sizeof(r.what), "the hog, %u pages from %u", n, first);
	for (unsigned i = first; i < first + n && i < r.hog_pages && r.hog; i++) {
		uint32_t value = ~0u;
		uint64_t addr = HOG + (uint64_t)i * PAGE + 8;
		struct error *error = access_process_vm(r.m.e, r.hog, addr, &value, 4, false);
		if (!error) {
			must(value == i, "the hog's page %u has %u", i, value);
			error = access_process_vm(r.m.e, r.hog, addr, &i, 4, true);
		}
		must(!error || strstr(error->message, "out of memory"), "%s", error->message);
		error_free(error);
		apply_kills();
	}
}

static void act_trim(void)
{
	snprintf(r.what, sizeof(r.what), "check_pgt_cache");
	done(check_pgt_cache(r.m.e, 0, random_below(&r.state, 4)));
}

static void act(void)
{
	static const struct {
		unsigned weight;
		void (*act)(void);
	} acts[] = {
		{60, act_access}, {14, act_mmap}, {8, act_munmap},  {8, act_mprotect}, {5, act_brk},
		{5, act_fork},	  {3, act_exit},  {4, act_reclaim}, {1, act_trim},
		{3, act_hog},
	};
	unsigned total = 0, n;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		total += acts[i].weight;
	n = random_below(&r.state, total);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (n < acts[i].weight) {
			acts[i].act();
			return;
		}
		n -= acts[i].weight;
	}
}

/* ---- A run ---- */

static void make_files(void)
{
	static unsigned char bytes[FILE_PAGES * PAGE];
	for (unsigned file = 0; file < FILES; file++) {
		char path[16];
		for (unsigned page = 0; page < FILE_PAGES; page++) {
			for (unsigned w = 0; w < WORDS; w++) {
				r.files[file][page][w] = (uint32_t)random_next(&r.state);
				memcpy(bytes + page * PAGE + word_offsets[w],
				       &r.files[file][page][w], 4);
			}
		}
		snprintf(path, sizeof(path), "/file%u", file);
		done(make_file(r.m.e, path, bytes, sizeof(bytes)));
	}
}

static void end_all(void)
{
	snprintf(r.what, sizeof(r.what), "the end");
	if (r.hog)
		done(do_exit(r.m.e, r.hog));
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (!r.processes[i])
			continue;
		done(do_exit(r.m.e, r.processes[i]->task));
		free(r.processes[i]);
		r.processes[i] = NULL;
	}
	all_given_back(&r.m);
}

static void note_pressure(void)
{
	uint64_t free = nr_free_pages(r.m.e), used = 0;
	if (counter(&r.m, "nr_swapfiles"))
		used = counter(&r.m, "total_swap_pages") - counter(&r.m, "nr_swap_pages");
	if (free < r.least_free)
		r.least_free = free;
	if (used > r.swapped)
		r.swapped = used;
}

static void run(uint64_t seed, uint64_t acts, uint64_t every, unsigned megabytes)
{
	r = (struct run){.seed = seed,
			 .state = seed * 0x9e3779b97f4a7c15ull + 1,
			 .acts = acts,
			 .every = every,
			 .least_free = UINT64_MAX};
	snprintf(r.what, sizeof(r.what), "booting");
	boot_as(&r.m, megabytes, seed % 2);
	make_files();
	if (seed % 4)
		done(sys_swapon(r.m.e, seed % 4 == 1 ? 200 : 0));
	first_process();
	r.trace.step = note_kill;
	r.m.e->trace = &r.trace;
	make_hog();
	for (r.act = 1; r.act <= acts; r.act++) {
		act();
		note_pressure();
		if (r.act % every == 0)
			check_books();
	}
	end_all();
	shut_down(&r.m);
}

static uint64_t argument_seed, argument_acts = ACTS, argument_every = EVERY, argument_mem = 16;
static bool one_run;

static void test_random(void **state)
{
	uint64_t fresh = 0;
	if (one_run) {
		run(argument_seed, argument_acts, argument_every, (unsigned)argument_mem);
		print_message("seed %" PRIu64 ": out of memory %" PRIu64 " times, and %" PRIu64 " killed, at most %" PRIu64
			      " swap slots used, at least %" PRIu64 " frames free\n",
			      argument_seed, r.oom, r.killed, r.swapped, r.least_free);
		return;
	}
	for (uint64_t seed = 0; seed < 6; seed++)
		run(seed, ACTS, EVERY, 16);
	/* With pages above what the kernel maps. */
	run(7, ACTS / 4, ACTS / 8, 900);
	assert_int_equal(getrandom(&fresh, 4, 0), 4);
	run(fresh, ACTS, EVERY, 16);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
	one_run = argc > 1;
	if (argc > 1)
		argument_seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		argument_acts = strtoull(argv[2], NULL, 10);
	if (argc > 3)
		argument_every = strtoull(argv[3], NULL, 10);
	if (argc > 4)
		argument_mem = strtoull(argv[4], NULL, 10);
	if (!argument_every)
		argument_every = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
