/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap-out by reclaim on 5.10, and at random on 3.19: pages go to swap, come back with their bytes, and every structure is held against the others as it goes.
 *
 *   test_swapout [SEED [ACTS [SLOTS]]]     one random run
 *
 * Without a seed: the tests, runs that are always the same, and one new one. A failure names its seed.
 */
#include "tests/unit/random.h"
#include "tests/unit/small_machine.h"
#include "tests/unit/sound.h"

#include <sys/random.h>

#include "mm/audit/audit.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/reclaim.h"
#include "mm/pte.h"
#include "mm/state.h"
#include "mm/swap.h"
#include "mm/task.h"
#include "mm/zone.h"

#define A     0x10000000ull
#define PAGES 96

static struct machine m;
static uint64_t task;

static uint64_t start_process(const char *name)
{
	uint64_t t;
	ok(do_fork(m.e, m.e->init_task, 0, 0, &t));
	ok(exec_empty(m.e, t, name));
	return t;
}

/* Pid 1 is taken: no test may end that. */
static void boot_swapping_as(const char *flavour, unsigned slots)
{
	struct machine_options o = {.mem = 128ull << 20};
	ok(machine_boot(flavour, &o, &m.vc, &m.k));
	ok(engine_open(m.k, &m.e));
	ok(nodes_open(m.k));
	if (slots)
		ok(sys_swapon(m.e, slots));
	start_process("init");
}

static void boot_swapping(unsigned slots)
{
	boot_swapping_as("linux-5.10-x86_64", slots);
}

/* ---- Counters ---- */

static int64_t event(const char *name)
{
	int64_t index;
	/* Until 4.7 zones had events of their own for some; OOM_KILL is of 4.13. */
	if (!enumerator_find(m.k, name, &index))
		return 0;
	return vmstat_event(m.k, symbol_addr(m.k, "vm_event_states"), index);
}

/* With what the CPUs have not folded in. */
static int64_t node_state(const char *name)
{
	int64_t index;
	uint64_t pgdat = nodes_get(m.k, 0)->addr, v, diff, sum;
	assert_true(enumerator_find(m.k, name, &index));
	ok(kernel_read_uint(m.k, pgdat + OFFSET(m.k, pglist_data, vm_stat) + 8 * (uint64_t)index, 8, &sum));
	ok(kernel_get(m.k, pgdat, M_pglist_data_per_cpu_nodestats, &v));
	for (unsigned cpu = 0; cpu < m.k->cpus; cpu++) {
		ok(kernel_read_uint(m.k, percpu_ptr(m.k, v, cpu) + OFFSET(m.k, per_cpu_nodestat, vm_node_stat_diff) + (uint64_t)index, 1, &diff));
		sum += (uint64_t)(int8_t)diff;
	}
	return (int64_t)sum;
}

/* The frame that is mapped there, as a whole or in parts: its page. */
static uint64_t huge_page_at(uint64_t of, uint64_t addr)
{
	struct object mm;
	uint64_t frame;
	ok(object_open(m.k, mm_of(&m, of), S_mm_struct, &mm));
	assert_true(leaf_offset(m.e, &mm, addr, &frame) != 0);
	return engine_phys_page(m.e, frame);
}

static uint64_t slots_used(void)
{
	struct swap_area a;
	assert_true(swap_area_get(m.k, 0, &a));
	return a.inuse_pages;
}

static bool is_swapped(uint64_t of, unsigned page)
{
	uint64_t entry = entry_of(&m, of, A + page * PAGE);
	return entry && !(entry & X86_PRESENT);
}

static unsigned swapped(uint64_t of)
{
	unsigned n = 0;
	for (unsigned i = 0; i < PAGES; i++)
		n += is_swapped(of, i);
	return n;
}

/* ---- Acts ---- */

static int setup(void **state)
{
	boot_swapping(4096);
	task = start_process("swapper");
	map(&m, task, A, PAGES, PROT_READ | PROT_WRITE, MAP_FIXED);
	for (unsigned i = 0; i < PAGES; i++)
		poke32(&m, task, A + i * PAGE, 0x1000 + i);
	ok(lru_add_drain(m.e));
	return 0;
}

static int teardown(void **state)
{
	shut_down(&m);
	return 0;
}

static unsigned reclaim(unsigned wanted)
{
	unsigned freed;
	ok(try_to_free_pages(m.e, wanted, &freed));
	return freed;
}

/* Pages that only the swap cache has any more. */
static void reclaim_cached(void)
{
	for (unsigned n = 0; n < 8 && slots_used(); n++)
		reclaim(1000);
}

static void check_contents(uint64_t of)
{
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(peek32(&m, of, A + i * PAGE), 0x1000 + i);
}

static enum fault_result read_page(uint64_t by, unsigned page)
{
	enum fault_result result;
	char why[160];
	ok(touch_user(m.e, by, A + page * PAGE, ACCESS_READ, NULL, &result, why, sizeof(why)));
	return result;
}

/* ---- Out, and in again ---- */

static void test_out_and_in(void **state)
{
	struct swap_entry s;
	uint64_t entry, value, back = 0, bytes;
	unsigned first = PAGES;
	int64_t majors = event("PGMAJFAULT");
	/* Each page was used: kept for a round, and gone in one of the next. */
	for (unsigned n = 0; n < 8 && swapped(task) < PAGES / 2; n++)
		reclaim(1000);
	unsigned out = swapped(task);
	assert_in_range(out, PAGES / 2, PAGES);
	assert_int_equal(slots_used(), out);
	assert_int_equal(event("PSWPOUT"), out);
	assert_int_equal(event("PGSTEAL_ANON"), out);
	assert_int_equal(node_state("NR_VMSCAN_WRITE"), out);
	assert_int_equal(node_state("NR_WRITTEN"), out);
	assert_int_equal(node_state("NR_ANON_MAPPED"), PAGES - out);
	assert_int_equal(node_state("NR_ISOLATED_ANON"), 0);
	check_sound(&m);
	for (unsigned i = 0; i < PAGES && first == PAGES; i++)
		first = is_swapped(task, i) ? i : first;
	/* The slot's bytes are on the disk; the swap cache remembers when the page went. */
	entry = entry_of(&m, task, A + first * PAGE);
	swap_entry_decode(m.k, entry, &s);
	assert_int_equal(s.kind, SWAP_PAGE);
	assert_true(entry & swap_entry_soft_dirty(m.k));
	char page[PAGE];
	ok(swap_read(m.e, s.type, s.offset, page));
	memcpy(&bytes, page, 4);
	assert_int_equal((uint32_t)bytes, 0x1000 + first);
	ok(page_cache_entry(m.e, swap_address_space(m.k, &s), swap_cache_index(m.k, &s), &value));
	assert_int_equal(value & 1, 1);
	/* It comes back soon: of the working set, active. */
	assert_int_equal(read_page(task, first), FAULT_MAJOR);
	assert_int_equal(event("PGMAJFAULT"), majors + 1);
	assert_int_equal(event("PSWPIN"), 1);
	assert_int_equal(node_state("WORKINGSET_REFAULT_ANON"), 1);
	back = page_at(&m, task, A + first * PAGE);
	assert_true(page_is(&m, back, m.e->modern->swapcache));
	assert_true(entry_of(&m, task, A + first * PAGE) & PTE_SOFT_DIRTY);
	assert_false(entry_of(&m, task, A + first * PAGE) & X86_RW);
	/* Written now, it is copied, for the swap cache has it too; what that has goes when it is reclaimed. */
	poke32(&m, task, A + first * PAGE, 0x1000 + first);
	assert_int_not_equal(page_at(&m, task, A + first * PAGE), back);
	assert_int_equal(slots_used(), out);
	check_sound(&m);
	/* A write brings another in: it leaves the swap cache at once, its slot is free, and what the cache remembered is forgotten. */
	while (!is_swapped(task, first))
		first++;
	swap_entry_decode(m.k, entry_of(&m, task, A + first * PAGE), &s);
	poke32(&m, task, A + first * PAGE, 0x1000 + first);
	assert_false(page_is(&m, page_at(&m, task, A + first * PAGE), m.e->modern->swapcache));
	assert_true(entry_of(&m, task, A + first * PAGE) & X86_RW);
	assert_int_equal(slots_used(), out - 1);
	ok(page_cache_entry(m.e, swap_address_space(m.k, &s), swap_cache_index(m.k, &s), &value));
	assert_int_equal(value, 0);
	check_contents(task);
	check_sound(&m);
	/* What the copy left in the swap cache has a slot still, until reclaim comes. */
	ok(do_exit(m.e, task));
	assert_int_equal(slots_used(), 1);
	check_sound(&m);
	reclaim_cached();
	assert_int_equal(slots_used(), 0);
	check_sound(&m);
}

/* What is cached and unchanged needs no second write. */
static void test_clean_again(void **state)
{
	while (!swapped(task))
		reclaim(1000);
	check_contents(task);
	ok(lru_add_drain(m.e));
	for (unsigned n = 0; n < 6 && swapped(task) < PAGES / 2; n++)
		reclaim(1000);
	assert_true(swapped(task) >= PAGES / 2);
	/* Each page was written at most once: pages that had been out, and were only read since, go as they are. */
	assert_true(event("PSWPIN") > 0);
	assert_in_range(event("PSWPOUT"), PAGES / 2, PAGES);
	check_contents(task);
	check_sound(&m);
}

/* As if the last look had been at this page since it was used. */
static void clear_young(unsigned page)
{
	struct object mm;
	uint64_t frame, at;
	ok(object_open_writable(m.k, mm_of(&m, task), S_mm_struct, &mm));
	at = leaf_offset(m.e, &mm, A + page * PAGE, &frame);
	set_pte(m.e, at, get_pte(m.e, at) & ~X86_ACCESSED);
}

/* A page used since the last look stays where its neighbours go. */
static void test_second_chance(void **state)
{
	uint64_t keep = page_at(&m, task, A + 7 * PAGE);
	for (unsigned i = 0; i < PAGES; i++)
		clear_young(i);
	read_page(task, 7);
	reclaim(16);
	assert_true(swapped(task) > 7);
	assert_int_equal(page_at(&m, task, A + 7 * PAGE), keep);
	check_sound(&m);
}

static void test_fork(void **state)
{
	uint64_t child;
	while (!swapped(task))
		reclaim(1000);
	unsigned out = swapped(task), first = 0;
	ok(do_fork(m.e, task, 0, 0, &child));
	assert_int_equal(swapped(child), out);
	while (!is_swapped(task, first))
		first++;
	check_sound(&m);
	/* The child reads it from the disk, the parent finds it cached: one page. */
	assert_int_equal(read_page(child, first), FAULT_MAJOR);
	assert_int_equal(read_page(task, first), FAULT_MINOR);
	assert_int_equal(page_at(&m, task, A + first * PAGE), page_at(&m, child, A + first * PAGE));
	poke32(&m, child, A + first * PAGE, 5);
	assert_int_equal(peek32(&m, task, A + first * PAGE), 0x1000 + first);
	assert_int_equal(peek32(&m, child, A + first * PAGE), 5);
	/* Shared pages go from both. */
	for (unsigned n = 0; n < 3; n++)
		reclaim(1000);
	check_sound(&m);
	check_contents(task);
	ok(do_exit(m.e, task));
	check_sound(&m);
	assert_int_equal(peek32(&m, child, A + first * PAGE), 5);
	ok(do_exit(m.e, child));
	assert_int_equal(slots_used(), 0);
	check_sound(&m);
}

static void test_full(void **state)
{
	uint64_t old;
	teardown(state);
	boot_swapping(17);
	task = start_process("swapper");
	map(&m, task, A, PAGES, PROT_READ | PROT_WRITE, MAP_FIXED);
	for (unsigned i = 0; i < PAGES; i++)
		poke32(&m, task, A + i * PAGE, 0x1000 + i);
	for (unsigned n = 0; n < 4; n++)
		reclaim(1000);
	/* The first slot is the header's. */
	assert_int_equal(swapped(task), 16);
	ok(kernel_read_symbol(m.k, "nr_swap_pages", 8, &old));
	assert_int_equal(old, 0);
	check_sound(&m);
	check_contents(task);
	check_sound(&m);
}

/* MADV_FREE: not to swap, but away. */
static void test_lazyfree(void **state)
{
	ok(sys_madvise(m.e, mm_of(&m, task), A, 8 * PAGE, MADV_FREE));
	ok(lru_add_drain(m.e));
	poke32(&m, task, A + 3 * PAGE, 0x1003);
	for (unsigned n = 0; n < 4; n++)
		reclaim(1000);
	check_sound(&m);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(peek32(&m, task, A + i * PAGE), i == 3 ? 0x1003 : 0);
	assert_true(event("PGLAZYFREED") > 0);
}

/* Huge pages are split first, unless somebody holds them; their parts go in the same round. */
static void test_huge(void **state)
{
	const uint64_t at = 0x40000000, pages = 1024;
	uint32_t value;
	uint64_t first, second;
	int64_t on_request;
	assert_true(enumerator_find(m.k, "TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG", &on_request));
	ok(kernel_write_uint(m.k, symbol_addr(m.k, "transparent_hugepage_flags"), 8, 1ull << on_request));
	map(&m, task, at, pages, PROT_READ | PROT_WRITE, MAP_FIXED);
	ok(sys_madvise(m.e, mm_of(&m, task), at, pages * PAGE, MADV_HUGEPAGE));
	for (unsigned i = 0; i < pages; i++)
		poke32(&m, task, at + i * PAGE, 0x2000 + i);
	first = huge_page_at(task, at);
	second = huge_page_at(task, at + 512 * PAGE);
	assert_int_equal(node_state("NR_ANON_THPS"), 2);
	get_page(m.e, second);
	ok(lru_add_drain(m.e));
	for (unsigned n = 0; n < 8 && !event("THP_SPLIT_PAGE"); n++)
		reclaim(2000);
	assert_int_equal(event("THP_SPLIT_PAGE"), 1);
	assert_int_equal(event("THP_SWPOUT_FALLBACK"), 1);
	assert_int_equal(node_state("NR_ISOLATED_ANON"), 0);
	assert_int_equal(READ(&m, first, page, refcount), 0);
	assert_true(entry_of(&m, task, at) && !(entry_of(&m, task, at) & X86_PRESENT));
	assert_int_equal(huge_page_at(task, at + 512 * PAGE), second);
	ok(put_page(m.e, second));
	check_sound(&m);
	for (unsigned i = 0; i < pages; i++) {
		ok(access_process_vm(m.e, task, at + i * PAGE, &value, 4, false));
		assert_int_equal(value, 0x2000 + i);
	}
	check_sound(&m);
	/* Partly unmapped, mapped by a child, used by both. */
	uint64_t child;
	ok(do_munmap(m.e, mm_of(&m, task), at + 600 * PAGE, 10 * PAGE));
	ok(do_fork(m.e, task, 0, 0, &child));
	check_sound(&m);
	for (unsigned n = 0; n < 8 && event("THP_SPLIT_PAGE") < 2; n++)
		reclaim(2000);
	assert_int_equal(event("THP_SPLIT_PAGE"), 2);
	check_sound(&m);
	for (unsigned i = 0; i < pages; i++) {
		if (i >= 600 && i < 610)
			continue;
		ok(access_process_vm(m.e, i & 1 ? task : child, at + i * PAGE, &value, 4, false));
		assert_int_equal(value, 0x2000 + i);
	}
	ok(do_exit(m.e, child));
	ok(do_exit(m.e, task));
	check_sound(&m);
}

/* As MADV_PAGEOUT would: isolated, not young any more, and away at once; one that somebody used meanwhile goes back. */
static void test_reclaim_pages(void **state)
{
	uint64_t page[40], at;
	unsigned freed;
	struct object mm;
	bool isolated;
	ok(object_open(m.k, mm_of(&m, task), S_mm_struct, &mm));
	for (unsigned i = 0; i < 40; i++) {
		page[i] = page_at(&m, task, A + i * PAGE);
		at = pte_offset(m.e, &mm, A + i * PAGE);
		set_pte(m.e, at, get_pte(m.e, at) & ~X86_ACCESSED);
		ok(isolate_lru_page(m.e, page[i], &isolated));
		assert_true(isolated);
	}
	read_page(task, 35);
	ok(reclaim_pages(m.e, page, 40, &freed));
	assert_int_equal(freed, 39);
	assert_int_equal(swapped(task), 39);
	assert_int_equal(page_at(&m, task, A + 35 * PAGE), page[35]);
	check_sound(&m);
	check_contents(task);
	check_sound(&m);
}

/* ---- Short of memory ---- */

/* The largest zone has `usable` frames above its min mark, the others none. */
static void leave_frames(unsigned usable)
{
	const struct zone *z, *largest = zones_get(m.k, 0);
	for (size_t i = 0; (z = zones_get(m.k, i)); i++)
		largest = z->managed_pages > largest->managed_pages ? z : largest;
	for (size_t i = 0; (z = zones_get(m.k, i)); i++) {
		uint64_t free = (uint64_t)zone_vmstat(m.k, z, (size_t)m.e->modern->free_pages.index), min = z == largest ? free - usable : free + 100000;
		for (unsigned mark = 0; mark < 3; mark++)
			ok(kernel_write_uint(m.k, z->addr + OFFSET(m.k, zone, watermark) + 8 * mark, 8, min + mark * usable / 8));
	}
}

static void test_kswapd(void **state)
{
	leave_frames(200);
	map(&m, task, A + PAGES * PAGE, 400, PROT_READ | PROT_WRITE, MAP_FIXED);
	for (unsigned i = 0; i < 400; i++)
		poke32(&m, task, A + (PAGES + i) * PAGE, i);
	assert_true(event("PGSTEAL_KSWAPD") > 0);
	assert_true(event("PAGEOUTRUN") > 0);
	assert_int_equal(event("PGSTEAL_DIRECT"), 0);
	check_sound(&m);
	for (unsigned i = 0; i < 400; i++)
		assert_int_equal(peek32(&m, task, A + (PAGES + i) * PAGE), i);
	check_contents(task);
	check_sound(&m);
}

/* ---- At random ---- */

#define PROCESSES 5
#define SPAN	  300 /* pages of each */
#define USABLE	  500
#define ROOMY	  4000 /* slots */

static struct run {
	uint64_t seed, state, act, acts, made, killed, died;
	struct trace trace;
	struct {
		uint64_t task, made; /* the how-many-eth it is */
		uint32_t value[SPAN]; /* 0: never written */
		bool mapped[SPAN];
	} process[PROCESSES];
} r;

#define must(condition, ...)                                                                \
	do {                                                                                \
		if (!(condition)) {                                                         \
			print_message("seed %" PRIu64 ", act %" PRIu64 ": ", r.seed, r.act); \
			fail_msg(__VA_ARGS__);                                              \
		}                                                                           \
	} while (0)

static void done(struct error *e)
{
	must(!e, "%s", e ? e->message : "");
}

static void new_one(unsigned p)
{
	uint64_t at;
	r.process[p].made = ++r.made;
	done(engine_set_current(m.e, 0));
	done(do_fork(m.e, m.e->init_task, 0, 0, &r.process[p].task));
	done(exec_empty(m.e, r.process[p].task, "random"));
	done(do_mmap_pgoff(m.e, mm_of(&m, r.process[p].task), 0, A, SPAN * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0, &at));
	for (unsigned i = 0; i < SPAN; i++) {
		r.process[p].value[i] = 0;
		r.process[p].mapped[i] = true;
	}
}

static void note_kill(struct trace *t, const char *function, const char *decision, const struct trace_value *values, unsigned count)
{
	if (strcmp(function, "__oom_kill_process") || !count)
		return;
	r.killed++;
	/* At once: another may get its place in memory. */
	for (unsigned p = 0; p < PROCESSES; p++)
		if (r.process[p].task == values[0].value)
			r.process[p].task = 0;
}

/* Whom the kernel killed is replaced; making a new one may have killed another. */
static void settle(void)
{
	for (bool missing = true; missing;) {
		missing = false;
		for (unsigned p = 0; p < PROCESSES && !missing; p++) {
			missing = !r.process[p].task;
			if (missing)
				new_one(p);
		}
	}
}

/* False: the kernel chose who acted; that one is gone, too. */
static bool ended_well(struct error *error, unsigned acting)
{
	bool well = !error;
	must(well || (error->code == ERR_KERNEL && strstr(error->message, "out of memory")), "%s", error ? error->message : "");
	error_free(error);
	if (!well) {
		r.died++;
		done(do_exit(m.e, r.process[acting].task));
		r.process[acting].task = 0;
	}
	settle();
	return well;
}

/* False, too, when another was killed, and in its place a new one made, for which the process itself was killed then. */
static bool access_word(unsigned p, uint64_t addr, uint32_t *word, bool write)
{
	uint64_t task = r.process[p].task, made = r.process[p].made;
	return ended_well(access_process_vm(m.e, task, addr, word, 4, write), p) && r.process[p].made == made;
}

static bool use(unsigned p, unsigned page, bool write)
{
	uint32_t value = (uint32_t)random_next(&r.state) | 1, both[2] = {value, ~value}, expected = r.process[p].value[page];
	uint64_t addr = A + page * PAGE;
	if (!r.process[p].mapped[page])
		return true;
	if (!access_word(p, addr, &both[0], write) || !access_word(p, addr + PAGE - 4, &both[1], write))
		return false;
	if (write) {
		r.process[p].value[page] = value;
		return true;
	}
	must(both[0] == expected, "process %u, page %u: %x, not %x", p, page, both[0], expected);
	must(both[1] == (expected ? ~expected : 0), "process %u, page %u: its end is %x", p, page, both[1]);
	return true;
}

static void use_range(unsigned p)
{
	unsigned first = random_below(&r.state, SPAN), count = 1 + random_below(&r.state, 60);
	bool write = random_below(&r.state, 2);
	for (unsigned i = first; i < first + count && i < SPAN; i++)
		if (!use(p, i, write))
			return;
}

static void drop_range(unsigned p)
{
	unsigned first = random_below(&r.state, SPAN), count = 1 + random_below(&r.state, 20), way = random_below(&r.state, 3);
	uint64_t at, mm = mm_of(&m, r.process[p].task);
	if (first + count > SPAN)
		count = SPAN - first;
	for (unsigned i = first; i < first + count; i++)
		if (!r.process[p].mapped[i] && way == 2)
			return;
	if (way == 0)
		done(do_munmap(m.e, mm, A + first * PAGE, count * PAGE));
	else if (way == 1)
		done(do_mmap_pgoff(m.e, mm, 0, A + first * PAGE, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0, &at));
	else
		done(sys_madvise(m.e, mm, A + first * PAGE, count * PAGE, MADV_DONTNEED));
	for (unsigned i = first; i < first + count; i++) {
		r.process[p].value[i] = 0;
		r.process[p].mapped[i] = way != 0;
	}
}

static void replace(unsigned p)
{
	unsigned other = random_below(&r.state, PROCESSES);
	uint64_t child;
	done(do_exit(m.e, r.process[p].task));
	if (other == p) {
		new_one(p);
		return;
	}
	r.process[p] = r.process[other];
	r.process[p].task = 0;
	struct error *error = do_fork(m.e, r.process[other].task, 0, 0, &child);
	if (!error)
		r.process[p].task = child;
	ended_well(error, other);
}

static void act(void)
{
	unsigned p = random_below(&r.state, PROCESSES), what = random_below(&r.state, 100), freed;
	done(engine_set_current(m.e, r.process[p].task));
	if (what < 80)
		use_range(p);
	else if (what < 90)
		drop_range(p);
	else if (what < 95)
		replace(p);
	else
		done(try_to_free_pages(m.e, 1 + random_below(&r.state, 100), &freed));
}

static void random_run_as(const char *flavour, uint64_t seed, uint64_t acts, unsigned slots)
{
	r = (struct run){.seed = seed, .state = seed * 2 + 1, .acts = acts, .trace = {note_kill}};
	boot_swapping_as(flavour, slots);
	m.e->trace = &r.trace;
	for (unsigned p = 0; p < PROCESSES; p++)
		new_one(p);
	leave_frames(USABLE);
	for (r.act = 0; r.act < acts; r.act++) {
		act();
		settle();
		if (r.act % 100 == 99)
			check_sound(&m);
	}
	for (unsigned p = 0; p < PROCESSES; p++)
		for (unsigned i = 0; i < SPAN; i++)
			if (!use(p, i, false))
				break;
	must(!slots || (event("PSWPOUT") > 0 && event("PSWPIN") > 0), "nothing was swapped");
	must(!strstr(flavour, "5.10") || event("OOM_KILL") == (int64_t)r.killed, "OOM_KILL counts %" PRIi64, event("OOM_KILL"));
	for (unsigned p = 0; p < PROCESSES; p++)
		done(do_exit(m.e, r.process[p].task));
	if (slots)
		reclaim_cached();
	check_sound(&m);
	must(!slots || slots_used() == 0, "slots are left behind: %" PRIu64, slots ? slots_used() : 0);
	print_message("seed %" PRIu64 ": %" PRIu64 " acts, %" PRIi64 " pages out (%" PRIi64 " by kswapd, %" PRIi64 " directly), %" PRIi64 " in, %" PRIi64 " back soon; %" PRIu64 " killed, %" PRIu64 " of their own\n", seed, acts,
		      event("PSWPOUT"), event("PGSTEAL_KSWAPD"), event("PGSTEAL_DIRECT"), event("PSWPIN"), strstr(flavour, "5.10") ? node_state("WORKINGSET_ACTIVATE_ANON") : 0, r.killed, r.died);
	shut_down(&m);
}

static void random_run(uint64_t seed, uint64_t acts, unsigned slots)
{
	random_run_as("linux-5.10-x86_64", seed, acts, slots);
}

/* Zones with lists of their own, and nobody but who needs memory to reclaim it. */
static void test_random_zones(void **state)
{
	uint64_t seed = 0;
	random_run_as("linux-3.19-x86_64", 5, 400, ROOMY);
	assert_int_equal(r.killed + r.died, 0);
	random_run_as("linux-3.19-x86_64", 6, 400, 300);
	assert_true(r.killed + r.died > 0);
	assert_int_equal(getrandom(&seed, 4, 0), 4);
	random_run_as("linux-3.19-x86_64", seed, 400, 300);
}

static void test_random(void **state)
{
	uint64_t seed = 0;
	random_run(1, 600, ROOMY);
	random_run(2, 600, ROOMY);
	assert_int_equal(r.killed + r.died, 0);
	assert_int_equal(getrandom(&seed, 4, 0), 4);
	random_run(seed, 600, ROOMY);
}

/* Memory and swap together are too small, or there is no swap. */
static void test_random_oom(void **state)
{
	uint64_t seed = 0;
	random_run(33, 600, 300);
	assert_true(r.killed > 0);
	random_run(4, 600, 0);
	assert_int_equal(getrandom(&seed, 4, 0), 4);
	random_run(seed, 600, 300);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_out_and_in), TEST(test_clean_again), TEST(test_second_chance), TEST(test_fork), TEST(test_full), TEST(test_lazyfree), TEST(test_huge), TEST(test_reclaim_pages), TEST(test_kswapd),
		cmocka_unit_test(test_random), cmocka_unit_test(test_random_oom), cmocka_unit_test(test_random_zones),
	};
	if (argc > 1) {
		random_run(strtoull(argv[1], NULL, 0), argc > 2 ? strtoull(argv[2], NULL, 0) : 600, argc > 3 ? (unsigned)strtoull(argv[3], NULL, 0) : ROOMY);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
