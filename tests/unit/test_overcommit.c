/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much memory is promised: in each mode, the most pages that are, worked out by hand from values set here; and that each value flips the decision.
 */
#include "tests/unit/small_machine.h"

#include <errno.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/overcommit.h"
#include "mm/meminfo.h"

#define RAM   100000u /* pages, as the tests have it */
#define SWAP  1000u
#define RATIO 40u

static struct machine m;
static const char *flavour;
static uint64_t cred, total_vm;

static void set(const char *symbol, unsigned size, uint64_t value)
{
	assert_int_not_equal(symbol_addr(m.k, symbol), 0);
	ok(kernel_write_uint(m.k, symbol_addr(m.k, symbol), size, value));
}

static void set_capable(bool on)
{
	uint64_t set = on ? UINT64_MAX : 0;
	ok(kernel_write(m.k, cred + OFFSET(m.k, cred, cap_effective), &set, 8));
}

static int setup(void **state)
{
	struct machine_options o = {.mem = 512ull << 20, .cpus = 2};
	flavour = *state;
	ok(machine_boot(flavour, &o, &m.vc, &m.k));
	ok(engine_open(m.k, &m.e));
	/* The first task asks, as if the kernel's own mm were its. */
	ok(kernel_write_uint(m.k, symbol_addr(m.k, "init_task") + OFFSET(m.k, task_struct, mm), 8, m.e->init_mm));
	ok(engine_set_current(m.e, symbol_addr(m.k, "init_task")));
	cred = READ(&m, symbol_addr(m.k, "init_task"), task_struct, cred);
	set_capable(true);
	set(symbol_addr(m.k, "_totalram_pages") ? "_totalram_pages" : "totalram_pages", 8, RAM);
	set("total_swap_pages", 8, SWAP);
	set("nr_swap_pages", 8, SWAP);
	ok(overcommit_sysctl_write(m.e, SYSCTL_ADMIN_RESERVE, 400));
	ok(overcommit_sysctl_write(m.e, SYSCTL_USER_RESERVE, 200));
	ok(overcommit_sysctl_write(m.e, SYSCTL_OVERCOMMIT_RATIO, RATIO));
	total_vm = 3200;
	ok(kernel_write_uint(m.k, m.e->init_mm + OFFSET(m.k, mm_struct, total_vm), 8, total_vm));
	return 0;
}

static int teardown(void **state)
{
	shut_down(&m);
	return 0;
}

static int64_t committed(void)
{
	int64_t sum;
	assert_true(percpu_counter_sum(m.k, symbol_addr(m.k, "vm_committed_as"), &sum));
	return sum;
}

static bool promised(uint64_t pages)
{
	int64_t before = committed();
	struct error *no = overcommit_promise(m.e, m.e->init_mm, pages);
	if (no && (no->code != ERR_KERNEL || no->addr != ENOMEM))
		fail_msg("%s", no->message);
	/* What is refused is not counted. */
	assert_int_equal(committed() - before, no ? 0 : pages);
	error_free(no);
	return !no;
}

/* So many and no more; the promise is taken back. */
static void most(uint64_t pages)
{
	struct object mm;
	if (promised(pages + 1))
		fail_msg("%s: %" PRIu64 " pages are promised", flavour, pages + 1);
	if (!promised(pages))
		fail_msg("%s: %" PRIu64 " pages are not promised", flavour, pages);
	ok(object_open_writable(m.k, m.e->init_mm, S_mm_struct, &mm));
	ok(vm_unacct_memory(m.e, pages));
}

static void mode(uint64_t n)
{
	ok(overcommit_sysctl_write(m.e, SYSCTL_OVERCOMMIT_MEMORY, n));
}

/* ---- 0: since 5.2 by all there is, before by what could be had ---- */

static uint64_t stat_at(const char *name)
{
	int64_t index;
	assert_true(enumerator_find(m.k, name, &index));
	return symbol_addr(m.k, "vm_stat") + 8 * (uint64_t)index;
}

static void test_guess(void **state)
{
	mode(0);
	if (symbol_addr(m.k, "_totalram_pages")) {
		most(RAM + SWAP);
		set("total_swap_pages", 8, 0);
		most(RAM);
		return;
	}
	ok(kernel_write_uint(m.k, stat_at("NR_FREE_PAGES"), 8, 5000));
	ok(kernel_write_uint(m.k, stat_at("NR_FILE_PAGES"), 8, 300));
	ok(kernel_write_uint(m.k, stat_at("NR_SHMEM"), 8, 100));
	ok(kernel_write_uint(m.k, stat_at("NR_SLAB_RECLAIMABLE"), 8, 50));
	set("totalreserve_pages", 8, 250);
	most(5000 + 300 - 100 + 50 + SWAP - 250 - 1);
	set_capable(false);
	most(5000 + 300 - 100 + 50 + SWAP - 250 - 100 - 1);
	set("totalreserve_pages", 8, 6250);
	assert_false(promised(1));
}

/* ---- 1 ---- */

static void test_always(void **state)
{
	mode(1);
	assert_true(promised(1u << 30));
	mode(0);
	assert_false(promised(1u << 30));
}

/* ---- 2: below ratio of RAM without huge pages, and swap; some kept for root, and for the user to recover ---- */

static void test_never(void **state)
{
	uint64_t limit = RAM * RATIO / 100 + SWAP;
	mode(2);
	/* 1/32 of the process is 100 pages, but 50 are the most that it leaves. */
	most(limit - 50 - 1);
	ok(kernel_write_uint(m.k, m.e->init_mm + OFFSET(m.k, mm_struct, total_vm), 8, 320));
	most(limit - 10 - 1);
	set_capable(false);
	most(limit - 10 - 100 - 1);
	ok(overcommit_sysctl_write(m.e, SYSCTL_ADMIN_RESERVE, 0));
	most(limit - 10 - 1);
	set("total_swap_pages", 8, 0);
	most(limit - SWAP - 10 - 1);
	/* What others were promised counts. */
	assert_true(promised(7000));
	most(limit - SWAP - 10 - 7000 - 1);
	ok(overcommit_sysctl_write(m.e, SYSCTL_OVERCOMMIT_KBYTES, 4 * 20000));
	most(20000 - 10 - 7000 - 1);
	/* Each of the two takes the place of the other. */
	ok(overcommit_sysctl_write(m.e, SYSCTL_OVERCOMMIT_RATIO, 50));
	most(RAM / 2 - 10 - 7000 - 1);
}

static void test_huge_pages(void **state)
{
	uint64_t at = symbol_addr(m.k, "hstates");
	if (!at)
		return; /* built without */
	set("hugetlb_max_hstate", 4, 2);
	ok(kernel_write_uint(m.k, at + OFFSET(m.k, hstate, order), 4, 9));
	ok(kernel_write_uint(m.k, at + OFFSET(m.k, hstate, nr_huge_pages), 8, 10));
	mode(2);
	most((RAM - 10 * 512) * RATIO / 100 + SWAP - 50 - 1);
	ok(kernel_write_uint(m.k, at + OFFSET(m.k, hstate, nr_huge_pages), 8, 0));
	most(RAM * RATIO / 100 + SWAP - 50 - 1);
}

/* What a CPU keeps of the count to itself is not seen by the decision, until mode 2 is set (5.9), which makes that less too. */
static void test_batch(void **state)
{
	bool follows = symbol_addr(m.k, "overcommit_policy_handler");
	uint64_t counter = symbol_addr(m.k, "vm_committed_as"), batch, least;
	mode(1);
	ok(kernel_read_symbol(m.k, "vm_committed_as_batch", 4, &batch));
	if (follows)
		assert_int_equal(batch, RAM / 2 / 4);
	assert_true(promised(batch - 1));
	assert_int_equal(READ(&m, counter, percpu_counter, count), 0);
	assert_true(promised(1));
	assert_int_equal(READ(&m, counter, percpu_counter, count), batch);
	assert_true(promised(10));
	assert_int_equal(READ(&m, counter, percpu_counter, count), batch);
	mode(2);
	ok(kernel_read_symbol(m.k, "vm_committed_as_batch", 4, &least));
	assert_int_equal(READ(&m, counter, percpu_counter, count), follows ? batch + 10 : batch);
	assert_int_equal(least, follows ? RAM / 2 / 256 : batch);
	assert_int_equal(committed(), batch + 10);
	refused(overcommit_sysctl_write(m.e, SYSCTL_OVERCOMMIT_MEMORY, 3), EINVAL);
}

/* ---- The trace ---- */

struct listener {
	struct trace trace;
	unsigned steps;
	uint64_t mode, pages, allowed;
};

static void listen(struct trace *t, const char *function, const char *decision, const struct trace_value *values, unsigned count)
{
	struct listener *l = (struct listener *)t;
	assert_string_equal(function, "__vm_enough_memory");
	l->steps++;
	for (unsigned i = 0; i < count; i++) {
		if (!strcmp(values[i].name, "pages"))
			l->pages = values[i].value;
		if (!strcmp(values[i].name, "sysctl_overcommit_memory"))
			l->mode = values[i].value;
		if (!strcmp(values[i].name, "allowed"))
			l->allowed = values[i].value;
	}
}

static void test_trace(void **state)
{
	struct listener l = {.trace = {listen}};
	mode(2);
	m.e->trace = &l.trace;
	assert_true(promised(17));
	m.e->trace = NULL;
	assert_int_equal(l.steps, 1);
	assert_int_equal(l.mode, 2);
	assert_int_equal(l.pages, 17);
	assert_int_equal(l.allowed, RAM * RATIO / 100 + SWAP - 50);
}

/* ---- 2.4: free memory, caches and swap against these pages alone ---- */

static void test_classic(void **state)
{
	struct error *no;
	uint64_t task, mm;
	boot(&m, 32);
	task = new_process(&m);
	mm = mm_of(&m, task);
	uint64_t room = nr_free_pages(m.e) + counter(&m, "page_cache_size");
	ok(overcommit_promise(m.e, mm, room - 1));
	ok(overcommit_promise(m.e, mm, room - 1)); /* forgotten at once */
	refused(overcommit_promise(m.e, mm, room), ENOMEM);
	set("nr_swap_pages", 4, 50);
	ok(overcommit_promise(m.e, mm, room + 49));
	refused(overcommit_promise(m.e, mm, room + 50), ENOMEM);
	/* Unused inodes count by their size: 100 of them. */
	ok(kernel_write_uint(m.k, symbol_addr(m.k, "inodes_stat") + 4, 4, 100));
	uint64_t inodes = 100 * SIZE_OF(m.k, inode) / PAGE;
	ok(overcommit_promise(m.e, mm, room + inodes + 49));
	refused(overcommit_promise(m.e, mm, room + inodes + 50), ENOMEM);
	ok(overcommit_sysctl_write(m.e, SYSCTL_OVERCOMMIT_MEMORY, 1));
	ok(overcommit_promise(m.e, mm, 1u << 30));
	no = overcommit_sysctl_write(m.e, SYSCTL_OVERCOMMIT_RATIO, 1);
	assert_non_null(no);
	assert_int_equal(no->code, ERR_UNSUPPORTED);
	error_free(no);
	shut_down(&m);
}

#define ON(test, name) {#test " " name, test, setup, teardown, name}
#define BOTH(test)     ON(test, "linux-5.10-x86_64"), ON(test, "linux-3.19-x86_64")

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_guess), BOTH(test_always), BOTH(test_never), BOTH(test_huge_pages), BOTH(test_batch), BOTH(test_trace),
		cmocka_unit_test(test_classic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
