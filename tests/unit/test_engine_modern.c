/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random acts on the machines for x86_64, against a shadow of what each process may see; the image
 * is audited as it goes, and when all processes have ended, all that they had is back.
 *
 *   test_engine_modern [FLAVOUR[+huge] SEED [ACTS [EVERY]]]     one run: ACTS acts, an audit after
 * every EVERY of them; with huge pages
 *
 * Without arguments: seeds that are always the same, and a new one, for each flavour, without huge
 * pages and with them. A failure names its seed, and the act. What the engine does in fewer steps
 * where no mark keeps what it writes (mm/engine/near.h) leaves the same bytes: the new seed's run is
 * done again under a mark, and the two images are compared.
 */
#include "tests/unit/random.h"
#include "tests/unit/small_machine.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "mm/audit/audit.h"
#include "mm/engine/areas_edit.h"
#include "mm/slab.h"
#include "mm/slab_list.h"
#include "mm/state.h"
#include "mm/task.h"

#define ACTS	  1200
#define EVERY	  60
#define PROCESSES 10
#define FIRST	  0x10000000ull /* the part of the address space that the acts are about */
#define PAGES	  2200		/* more than four huge pages; without those, half of it: more than a page table maps */
#define WORDS	  2

struct shadow {
	bool mapped, locked;
	uint8_t prot;
	uint64_t words[WORDS];
};

/* What the threads of a process, or two processes, have in common. */
struct memory {
	unsigned users;
	struct shadow pages[PAGES];
};

struct process {
	uint64_t task, leader; /* leader: the group's; its own task when it leads */
	struct memory *memory;
	bool zombie; /* a leader whose threads have not all ended */
};

static struct run {
	struct machine m;
	const char *flavour;
	bool huge;
	unsigned pages;
	uint64_t seed, state, act;
	struct process processes[PROCESSES];
	unsigned count;
	char what[160];
} r;

static const unsigned word_offsets[WORDS] = {0, 4088};

#define must(condition, ...)                                                                   \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			print_message("%s%s, seed %" PRIu64 ", act %" PRIu64 " (%s): ",        \
				      r.flavour, r.huge ? "+huge" : "", r.seed, r.act,         \
				      r.what);                                                 \
			fail_msg(__VA_ARGS__);                                                 \
		}                                                                              \
	} while (0)

static void done(struct error *e)
{
	must(!e, "%s", e ? e->message : "");
}

/* ---- The books ---- */

/* How many frames are page tables. */
static uint64_t check_books(void)
{
	static const struct audit_options all = {.limit = 3};
	struct audit_report report;
	mm_state_forget(r.m.k);
	done(audit_run(r.m.k, &all, &report));
	for (unsigned rule = 0; rule < AUDIT_RULE_COUNT; rule++) {
		const struct audit_result *of = &report.rule[rule];
		for (size_t i = 0; of->counts[AUDIT_FINDING] && i < of->line_count; i++)
			print_message("%s: %s\n", audit_rule_name(rule), of->lines[i]->text);
	}
	must(!audit_findings(&report), "%" PRIu64 " findings", audit_findings(&report));
	uint64_t tables = report.census[AUDIT_USE_TABLE];
	audit_report_free(&report);
	return tables;
}

/* Objects in use, by cache. */
#define CACHES 128
struct held {
	char names[CACHES][64];
	uint64_t allocated[CACHES];
	unsigned count;
};

static struct error *note_cache(void *context, const struct slab_cache *cache)
{
	struct held *h = context;
	struct slab_cache_totals totals;
	TRY(slab_cache_totals(r.m.k, cache, &totals));
	assert_true(h->count < CACHES);
	snprintf(h->names[h->count], sizeof(h->names[0]), "%s", cache->name);
	h->allocated[h->count++] = totals.allocated;
	return NULL;
}

static void note_held(struct held *h)
{
	h->count = 0;
	mm_state_forget(r.m.k);
	done(slab_caches_for_each(r.m.k, note_cache, h));
	must(h->count > 20, "no caches");
}

/* What a CPU keeps of a stack that it may use again is no leak, nor that khugepaged knows init. */
static bool may_be_left(const char *name)
{
	return !strncmp(name, "kmalloc", 7) || !strcmp(name, "vmap_area") ||
	       (r.huge && !strcmp(name, "khugepaged_mm_slot"));
}

static void compare_held(const struct held *before, const struct held *after)
{
	assert_int_equal(before->count, after->count);
	for (unsigned i = 0; i < before->count; i++)
		must(before->allocated[i] == after->allocated[i] ||
			     (may_be_left(before->names[i]) &&
			      after->allocated[i] <= before->allocated[i] + 3),
		     "%s: %" PRIu64 " objects in use, %" PRIu64 " after all processes have ended",
		     before->names[i], before->allocated[i], after->allocated[i]);
}

/* ---- Processes ---- */

static struct process *any_process(void)
{
	for (;;) {
		struct process *p = &r.processes[random_below(&r.state, r.count)];
		if (!p->zombie)
			return p;
	}
}

static uint64_t init_task(void)
{
	return symbol_addr(r.m.k, "init_task");
}

static struct process *add_process(uint64_t task, uint64_t leader, struct memory *memory)
{
	struct process *p = &r.processes[r.count++];
	assert_true(r.count <= PROCESSES);
	*p = (struct process){.task = task, .leader = leader ? leader : task, .memory = memory};
	memory->users++;
	return p;
}

static void put_memory(struct memory *m)
{
	if (!--m->users)
		free(m);
}

static void first_process(void)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	uint64_t task;
	assert_non_null(memory);
	done(do_fork(r.m.e, init_task(), 0, 0, &task));
	done(exec_empty(r.m.e, task, "first"));
	add_process(task, 0, memory);
}

static void forget_process(unsigned i)
{
	put_memory(r.processes[i].memory);
	r.processes[i] = r.processes[--r.count];
}

/* Other tasks of the group that have not ended. */
static unsigned others_alive(const struct process *p)
{
	unsigned n = 0;
	for (unsigned i = 0; i < r.count; i++)
		n += &r.processes[i] != p && r.processes[i].leader == p->leader &&
		     !r.processes[i].zombie;
	return n;
}

static void end_process(struct process *p)
{
	bool leads = p->leader == p->task;
	unsigned others = others_alive(p);
	uint64_t leader = p->leader;
	snprintf(r.what, sizeof(r.what), "exit of task %" PRIx64, p->task);
	done(do_exit(r.m.e, p->task));
	if (leads && others) {
		p->zombie = true;
		return;
	}
	forget_process((unsigned)(p - r.processes));
	if (leads || others)
		return;
	for (unsigned i = 0; i < r.count; i++)
		if (r.processes[i].task == leader) {
			must(r.processes[i].zombie, "the last thread has taken its leader along");
			forget_process(i);
			return;
		}
}

/* ---- Acts ---- */

static void access_page(struct process *p, unsigned page, bool write)
{
	struct shadow *s = &p->memory->pages[page];
	unsigned word = random_below(&r.state, WORDS);
	uint64_t value = random_next(&r.state), addr = FIRST + (uint64_t)page * PAGE + word_offsets[word];
	bool good = s->mapped && (s->prot & (write ? PROT_WRITE : PROT_READ));
	snprintf(r.what, sizeof(r.what), "%s %" PRIx64, write ? "write" : "read", addr);
	done(engine_set_current(r.m.e, p->task));
	struct error *error = access_process_vm(r.m.e, p->task, addr, &value, 8, write);
	if (!good) {
		must(error && error->code == ERR_KERNEL, "ends well, and should not: %s",
		     error ? error->message : "no error");
		error_free(error);
		return;
	}
	done(error);
	if (write)
		s->words[word] = value;
	else
		must(value == s->words[word], "%016" PRIx64 ", should be %016" PRIx64, value,
		     s->words[word]);
}

static void act_access(void)
{
	struct process *p = any_process();
	unsigned page = random_below(&r.state, r.pages), pages = 1 + random_below(&r.state, random_below(&r.state, 4) ? 6 : 150);
	bool write = random_below(&r.state, 5) < 3, mixed = !random_below(&r.state, 4);
	for (unsigned i = 0; i < pages && page + i < r.pages; i++)
		access_page(p, page + i, mixed ? random_below(&r.state, 2) : write);
}

/* A byte of each page in turn is touched, as programs do: nothing else of what they hold changes. */
static void act_touch(void)
{
	struct process *p = any_process();
	unsigned first = random_below(&r.state, r.pages), pages = 1 + random_below(&r.state, 200);
	for (unsigned page = first; page < first + pages && page < r.pages; page++) {
		const struct shadow *s = &p->memory->pages[page];
		enum fault_result result;
		uint64_t addr = FIRST + (uint64_t)page * PAGE;
		snprintf(r.what, sizeof(r.what), "touch %" PRIx64, addr);
		done(touch_user(r.m.e, p->task, addr, ACCESS_WRITE, NULL, &result, NULL, 0));
		must((result < FAULT_SIGSEGV) == (s->mapped && (s->prot & PROT_WRITE)), "ends with %d", (int)result);
	}
}

static uint64_t any_range(unsigned *first, unsigned *pages)
{
	*first = random_below(&r.state, r.pages);
	*pages = 1 + random_below(&r.state, random_below(&r.state, 3) ? 12 : 600);
	/* Whole huge pages. */
	if (r.huge && random_below(&r.state, 2)) {
		*first &= ~511u;
		*pages = (*pages + 511) & ~511u;
	}
	if (*pages > r.pages - *first)
		*pages = r.pages - *first;
	return FIRST + (uint64_t)*first * PAGE;
}

static const unsigned protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				       PROT_READ | PROT_WRITE};

static void act_mmap(void)
{
	struct process *p = any_process();
	unsigned first, pages, prot = protections[random_below(&r.state, 4)];
	uint64_t addr = any_range(&first, &pages), at;
	snprintf(r.what, sizeof(r.what), "mmap %" PRIx64 ", %u pages, prot %x", addr, pages, prot);
	done(engine_set_current(r.m.e, p->task));
	done(do_mmap_pgoff(r.m.e, mm_of(&r.m, p->task), 0, addr, (uint64_t)pages * PAGE, prot,
			   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, 0, &at));
	must(at == addr, "mapped at %" PRIx64, at);
	for (unsigned i = 0; i < pages; i++)
		p->memory->pages[first + i] =
			(struct shadow){.mapped = true, .prot = (uint8_t)prot};
}

static void act_munmap(void)
{
	struct process *p = any_process();
	unsigned first, pages;
	uint64_t addr = any_range(&first, &pages);
	snprintf(r.what, sizeof(r.what), "munmap %" PRIx64 ", %u pages", addr, pages);
	done(engine_set_current(r.m.e, p->task));
	done(do_munmap(r.m.e, mm_of(&r.m, p->task), addr, (uint64_t)pages * PAGE));
	memset(&p->memory->pages[first], 0, pages * sizeof(struct shadow));
}

static void act_mprotect(void)
{
	struct process *p = any_process();
	unsigned first, pages, prot = protections[random_below(&r.state, 4)];
	uint64_t addr = any_range(&first, &pages);
	for (unsigned i = 0; i < pages; i++)
		if (!p->memory->pages[first + i].mapped)
			pages = i;
	if (!pages)
		return;
	snprintf(r.what, sizeof(r.what), "mprotect %" PRIx64 ", %u pages, prot %x", addr, pages,
		 prot);
	done(engine_set_current(r.m.e, p->task));
	done(sys_mprotect(r.m.e, mm_of(&r.m, p->task), addr, (uint64_t)pages * PAGE, prot));
	for (unsigned i = 0; i < pages; i++)
		p->memory->pages[first + i].prot = (uint8_t)prot;
}

/* A part of the range that is mapped from its start on. */
static struct process *any_mapped(unsigned *first, unsigned *pages, uint64_t *addr)
{
	struct process *p = any_process();
	*addr = any_range(first, pages);
	for (unsigned i = 0; i < *pages; i++)
		if (!p->memory->pages[*first + i].mapped)
			*pages = i;
	done(engine_set_current(r.m.e, p->task));
	return p;
}

static void act_mremap(void)
{
	unsigned first, pages, to;
	uint64_t addr, at;
	struct process *p = any_mapped(&first, &pages, &addr);
	static struct shadow moved[PAGES];
	if (!pages)
		return;
	to = random_below(&r.state, r.pages);
	if (r.huge && random_below(&r.state, 2))
		to = (to & ~511u) + (first & 511);
	if (to + pages > r.pages || (to < first + pages && first < to + pages))
		return;
	snprintf(r.what, sizeof(r.what), "mremap %" PRIx64 ", %u pages, to %" PRIx64, addr, pages,
		 (uint64_t)(FIRST + (uint64_t)to * PAGE));
	struct error *error = sys_mremap(r.m.e, mm_of(&r.m, p->task), addr, (uint64_t)pages * PAGE,
					 (uint64_t)pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
					 FIRST + (uint64_t)to * PAGE, &at);
	memcpy(moved, &p->memory->pages[first], pages * sizeof(moved[0]));
	memset(&p->memory->pages[to], 0, pages * sizeof(moved[0]));
	/* More areas than one: what was where they were to go has gone. */
	if (error && error->code == ERR_KERNEL && error->addr == EFAULT) {
		error_free(error);
		return;
	}
	done(error);
	memset(&p->memory->pages[first], 0, pages * sizeof(moved[0]));
	memcpy(&p->memory->pages[to], moved, pages * sizeof(moved[0]));
}

static void act_madvise(void)
{
	static const int all[] = {MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE};
	unsigned first, pages;
	uint64_t addr;
	struct process *p = any_mapped(&first, &pages, &addr);
	int advice = all[random_below(&r.state, 4)];
	for (unsigned i = 0; advice != MADV_HUGEPAGE && i < pages; i++)
		if (p->memory->pages[first + i].locked)
			pages = i;
	if (!pages)
		return;
	snprintf(r.what, sizeof(r.what), "madvise %" PRIx64 ", %u pages, %d", addr, pages, advice);
	struct error *error = sys_madvise(r.m.e, mm_of(&r.m, p->task), addr,
					  (uint64_t)pages * PAGE, advice);
	/* Advice that a kernel has not, or will not hear twice. */
	if (error && error->code == ERR_KERNEL && error->addr == EINVAL && advice != MADV_DONTNEED) {
		error_free(error);
		return;
	}
	done(error);
	for (unsigned i = 0; advice == MADV_DONTNEED && i < pages; i++)
		memset(p->memory->pages[first + i].words, 0, sizeof(p->memory->pages[0].words));
}

static void act_lock(void)
{
	unsigned first, pages;
	uint64_t addr, len;
	struct process *p = any_mapped(&first, &pages, &addr);
	bool lock = random_below(&r.state, 2);
	if (!pages)
		return;
	len = (uint64_t)pages * PAGE;
	snprintf(r.what, sizeof(r.what), "%s %" PRIx64 ", %u pages", lock ? "mlock" : "munlock",
		 addr, pages);
	struct error *error = lock ? sys_mlock(r.m.e, mm_of(&r.m, p->task), addr, len, false)
				   : sys_munlock(r.m.e, mm_of(&r.m, p->task), addr, len);
	/* A page that may not be touched is locked when it may be. */
	if (error && error->code == ERR_KERNEL && error->addr == ENOMEM && lock) {
		error_free(error);
		error = NULL;
	}
	done(error);
	for (unsigned i = 0; i < pages; i++)
		p->memory->pages[first + i].locked = lock;
}

static void act_fork(void)
{
	struct process *parent = any_process();
	struct memory *copy;
	uint64_t task;
	if (r.count == PROCESSES)
		return;
	snprintf(r.what, sizeof(r.what), "fork of task %" PRIx64, parent->task);
	done(do_fork(r.m.e, parent->task, 0, 0, &task));
	copy = malloc(sizeof(*copy));
	assert_non_null(copy);
	*copy = *parent->memory;
	copy->users = 0;
	for (unsigned i = 0; i < PAGES; i++)
		copy->pages[i].locked = false;
	add_process(task, 0, copy);
}

static void act_clone(void)
{
	struct process *parent = any_process();
	unsigned flags = CLONE_VM_FLAG | CLONE_FS | CLONE_FILES | CLONE_SIGHAND;
	bool thread = random_below(&r.state, 2);
	uint64_t task;
	if (r.count == PROCESSES)
		return;
	snprintf(r.what, sizeof(r.what), "clone of task %" PRIx64 "%s", parent->task,
		 thread ? ", a thread" : "");
	done(do_fork(r.m.e, parent->task, flags | (thread ? CLONE_THREAD : 0), 0, &task));
	add_process(task, thread ? parent->leader : 0, parent->memory);
}

static void act_exit(void)
{
	struct process *p = any_process();
	/* init stays. */
	if (p == &r.processes[0] || READ(&r.m, p->task, task_struct, pid) == 1)
		return;
	end_process(p);
}

static void act(void)
{
	static void (*const acts[])(void) = {act_access,   act_access, act_access, act_access,
					     act_access,   act_mmap,   act_mmap,   act_munmap,
					     act_mprotect, act_fork,   act_clone,  act_exit,
					     act_mremap,   act_madvise, act_lock,  act_touch,  act_touch};
	acts[random_below(&r.state, sizeof(acts) / sizeof(acts[0]))]();
	mm_state_forget(r.m.k);
}

/* ---- Runs ---- */

/* init last: it may not end, but its areas may. */
static void end_all(void)
{
	while (r.count > 1) {
		unsigned i = r.count - 1;
		while (r.processes[i].zombie || READ(&r.m, r.processes[i].task, task_struct, pid) == 1)
			must(i--, "zombies alone are left");
		end_process(&r.processes[i]);
		mm_state_forget(r.m.k);
	}
	snprintf(r.what, sizeof(r.what), "the end");
	done(engine_set_current(r.m.e, r.processes[0].task));
	done(do_munmap(r.m.e, mm_of(&r.m, r.processes[0].task), FIRST, (uint64_t)r.pages * PAGE));
	mm_state_forget(r.m.k);
}

static void switch_huge_pages_on(void)
{
	int64_t always, zero;
	assert_true(enumerator_find(r.m.k, "TRANSPARENT_HUGEPAGE_FLAG", &always));
	assert_true(enumerator_find(r.m.k, "TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG", &zero));
	done(kernel_write_uint(r.m.k, symbol_addr(r.m.k, "transparent_hugepage_flags"), 8,
			       1ull << always | 1ull << zero));
}

/* A number for each frame's content. */
#define MEMORY (256ull << 20)
typedef uint64_t frames[MEMORY / PAGE];

static void sum_frames(frames sums)
{
	const void *ram;
	done(vmcore_map(r.m.vc, 0, vmcore_max_phys(r.m.vc), &ram));
	assert_true(vmcore_max_phys(r.m.vc) <= MEMORY);
	for (uint64_t i = 0; i < vmcore_max_phys(r.m.vc) / PAGE; i++) {
		const uint64_t *words = (const uint64_t *)ram + i * (PAGE / 8);
		sums[i] = 0;
		for (unsigned n = 0; n < PAGE / 8; n++)
			sums[i] = (sums[i] ^ words[n]) * 0x100000001b3ull;
	}
}

static void run(const char *flavour, bool huge, uint64_t seed, uint64_t acts, uint64_t every, bool marked, frames sums)
{
	struct machine_options o = {.mem = MEMORY, .cpus = 1 + seed % 2};
	static struct held before, after;
	r = (struct run){.flavour = flavour,
			 .huge = huge,
			 .pages = huge ? PAGES : PAGES / 2,
			 .seed = seed,
			 .state = seed * 0x9e3779b97f4a7c15ull + 1};
	snprintf(r.what, sizeof(r.what), "booting");
	done(machine_boot(flavour, &o, &r.m.vc, &r.m.k));
	done(engine_open(r.m.k, &r.m.e));
	if (huge)
		switch_huge_pages_on();
	if (marked)
		done(vmcore_mark(r.m.vc, NULL));
	first_process();
	note_held(&before);
	uint64_t tables = check_books(), left;
	for (r.act = 1; r.act <= acts; r.act++) {
		act();
		if (r.act % every == 0)
			check_books();
	}
	end_all();
	left = check_books();
	/* One of vmalloc space may have come with the stacks. */
	must(left <= tables + 1, "%" PRIu64 " page tables, %" PRIu64 " before", left, tables);
	note_held(&after);
	compare_held(&before, &after);
	if (sums)
		sum_frames(sums);
	put_memory(r.processes[0].memory);
	kernel_close(r.m.k);
	vmcore_close(r.m.vc);
}

static void run_both_ways(const char *flavour, bool huge, uint64_t seed, uint64_t acts, uint64_t every)
{
	static frames unmarked, marked;
	run(flavour, huge, seed, acts, every, false, unmarked);
	run(flavour, huge, seed, acts, every, true, marked);
	for (uint64_t i = 0; i < MEMORY / PAGE; i++)
		must(unmarked[i] == marked[i], "frame %" PRIx64 " has another content under a mark", i);
}

static const char *const flavours[] = {"linux-5.10-x86_64", "linux-3.19-x86_64"};
static const char *one_flavour;
static bool argument_huge;
static uint64_t argument_seed, argument_acts = ACTS, argument_every = EVERY;

static void test_random(void **state)
{
	uint64_t fresh = 0;
	if (one_flavour) {
		run_both_ways(one_flavour, argument_huge, argument_seed, argument_acts, argument_every);
		return;
	}
	assert_int_equal(getrandom(&fresh, 4, 0), 4);
	for (unsigned f = 0; f < 4; f++) {
		for (uint64_t seed = 0; seed < 3; seed++)
			run(flavours[f / 2], f & 1, seed, ACTS, EVERY, false, NULL);
		run_both_ways(flavours[f / 2], f & 1, fresh, ACTS, EVERY);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
	if (argc > 2) {
		char *plus = strstr(argv[1], "+huge");
		one_flavour = argv[1];
		argument_huge = plus != NULL;
		if (plus)
			*plus = 0;
		argument_seed = strtoull(argv[2], NULL, 10);
	}
	if (argc > 3)
		argument_acts = strtoull(argv[3], NULL, 10);
	if (argc > 4)
		argument_every = strtoull(argv[4], NULL, 10);
	if (!argument_every)
		argument_every = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
