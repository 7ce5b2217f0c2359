/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fork that runs out of memory, at each of its allocations in turn: it leaves nothing behind (objects of every cache, counts, the bytes of all that parent and child
 * would share), and the books are sound.
 */
#include <errno.h>

#include "mm/audit/audit.h"
#include "mm/slab.h"
#include "mm/slab_list.h"
#include "mm/state.h"
#include "tests/unit/small_machine.h"

#define CACHES 256
#define SHARED 8

struct counts {
	struct kernel *k;
	unsigned caches;
	uint64_t addr[CACHES], allocated[CACHES];
	char name[CACHES][32];
	unsigned char bytes[SHARED][8192];
	size_t len[SHARED];
	uint64_t users, references, areas, total, unclassified, stacks;
};

static struct error *count_cache(void *context, const struct slab_cache *cache)
{
	struct counts *c = context;
	struct slab_cache_totals totals;
	size_t len;
	const char *name = (const char *)object_bytes(c->k, &cache->object, M_kmem_cache_name, &len);
	ok(slab_cache_totals(c->k, cache, &totals));
	assert_true(c->caches < CACHES);
	uint64_t text = 0;
	c->addr[c->caches] = cache->addr;
	c->allocated[c->caches] = totals.allocated;
	if (name && len == c->k->arch->pointer_size)
		text = load_uint((const unsigned char *)name, 8);
	if (text)
		error_drop(kernel_read(c->k, text, c->name[c->caches], 31));
	c->caches++;
	return NULL;
}

static uint64_t pointer(struct machine *m, uint64_t object, enum member_id member)
{
	uint64_t v = 0;
	ok(kernel_get(m->k, object, member, &v));
	return v;
}

/* What a child shares, or counts in. */
static void copy_shared(struct machine *m, uint64_t task, struct counts *c)
{
	struct kernel *k = m->k;
	uint64_t cred = pointer(m, task, M_task_struct_cred);
	const struct {
		uint64_t addr;
		enum struct_id id;
	} shared[SHARED] = {
		{cred, S_cred}, {pointer(m, cred, M_cred_user), S_user_struct}, {pointer(m, task, M_task_struct_files), S_files_struct},
		{pointer(m, task, M_task_struct_fs), S_fs_struct}, {pointer(m, task, M_task_struct_sighand), S_sighand_struct},
		{pointer(m, task, M_task_struct_signal), S_signal_struct}, {pointer(m, task, M_task_struct_nsproxy), S_nsproxy},
		{symbol_addr(k, "init_pid_ns"), S_pid_namespace},
	};
	for (unsigned i = 0; i < SHARED; i++) {
		struct object o;
		if (!shared[i].addr)
			continue;
		ok(object_open(k, shared[i].addr, shared[i].id, &o));
		c->len[i] = o.size < sizeof(c->bytes[i]) ? o.size : sizeof(c->bytes[i]);
		memcpy(c->bytes[i], o.bytes, c->len[i]);
	}
}

static void check_books(struct machine *m, struct counts *c, unsigned n)
{
	static const struct audit_options all = {.limit = 3};
	struct audit_report report;
	mm_state_forget(m->k);
	ok(audit_run(m->k, &all, &report));
	for (unsigned rule = 0; rule < AUDIT_RULE_COUNT; rule++)
		for (size_t i = 0; report.rule[rule].counts[AUDIT_FINDING] && i < report.rule[rule].line_count; i++)
			print_message("%s: %s\n", audit_rule_name(rule), report.rule[rule].lines[i]->text);
	if (audit_findings(&report))
		fail_msg("%" PRIu64 " findings when allocation %u fails", audit_findings(&report), n);
	c->unclassified = report.census[AUDIT_USE_NONE];
	audit_report_free(&report);
}

static void count(struct machine *m, uint64_t task, unsigned n, struct counts *c)
{
	struct kernel *k = m->k;
	uint64_t mm = pointer(m, task, M_task_struct_mm), slots = symbol_addr(k, "cached_stacks"), one;
	*c = (struct counts){.k = k};
	check_books(m, c, n);
	ok(slab_caches_for_each(k, count_cache, c));
	copy_shared(m, task, c);
	c->users = pointer(m, mm, M_mm_struct_mm_users);
	c->references = pointer(m, mm, M_mm_struct_mm_count);
	c->areas = pointer(m, mm, M_mm_struct_map_count);
	c->total = pointer(m, mm, M_mm_struct_total_vm);
	for (unsigned i = 0; slots && i < 2; i++) {
		ok(kernel_read_pointer(k, percpu_addr(k, slots, m->e->cpu) + 8 * i, &one));
		c->stacks += one != 0;
	}
}

/* A stack that the CPU keeps for the next task has objects of these. */
static bool of_stacks(const char *name)
{
	return !strncmp(name, "kmalloc-", 8) || !strcmp(name, "vmap_area");
}

static void same(const struct counts *before, const struct counts *after, unsigned n)
{
	bool kept = after->stacks != before->stacks;
	assert_int_equal(before->caches, after->caches);
	for (unsigned i = 0; i < before->caches; i++)
		if (before->allocated[i] != after->allocated[i] && !(kept && of_stacks(before->name[i])))
			fail_msg("allocation %u fails: %s has %" PRIu64 " objects, had %" PRIu64, n, before->name[i], after->allocated[i], before->allocated[i]);
	for (unsigned i = 0; i < SHARED; i++)
		if (before->len[i] != after->len[i] || memcmp(before->bytes[i], after->bytes[i], before->len[i]))
			fail_msg("allocation %u fails: shared object %u is not as it was", n, i);
	assert_int_equal(before->users, after->users);
	assert_int_equal(before->references, after->references);
	assert_int_equal(before->areas, after->areas);
	assert_int_equal(before->total, after->total);
	assert_int_equal(before->unclassified, after->unclassified);
}

static void start(struct machine *m, const char *flavour, uint64_t *task)
{
	struct machine_options o = {.mem = 128ull << 20};
	uint64_t addr;
	*m = (struct machine){0};
	ok(machine_boot(flavour, &o, &m->vc, &m->k));
	ok(engine_open(m->k, &m->e));
	ok(do_fork(m->e, m->e->init_task, 0, 1, task));
	ok(exec_empty(m->e, *task, "init"));
	ok(do_mmap_pgoff(m->e, pointer(m, *task, M_task_struct_mm), 0, 0x10000000, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0, &addr));
	for (unsigned i = 0; i < 16; i += 2) {
		enum fault_result result;
		ok(touch_user(m->e, *task, 0x10000000 + i * PAGE, ACCESS_WRITE, NULL, &result, NULL, 0));
	}
}

/* Does the call fail at the nth allocation, with nothing left behind? False: it has had fewer. */
static bool fails_at(struct machine *m, uint64_t task, unsigned n, struct error *(*call)(struct machine *m, uint64_t task), const struct counts *before)
{
	static struct counts after;
	unsigned depth;
	ok(vmcore_mark(m->vc, &depth));
	m->e->fail_in = n;
	struct error *failure = call(m, task);
	bool failed = !m->e->fail_in;
	m->e->fail_in = 0;
	if (failed && failure && failure->code == ERR_KERNEL && failure->addr == ENOMEM) {
		count(m, task, n, &after);
		same(before, &after, n);
	} else if (failed) {
		fail_msg("allocation %u fails: %s", n, failure ? failure->message : "it went on all the same");
	}
	error_free(failure);
	ok(vmcore_undo(m->vc));
	mm_state_forget(m->k);
	return failed;
}

static struct error *fork_one(struct machine *m, uint64_t task)
{
	uint64_t child;
	return do_fork(m->e, task, 0, 0, &child);
}

static struct error *clone_one(struct machine *m, uint64_t task)
{
	uint64_t child;
	return do_fork(m->e, task, CLONE_VM_FLAG | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0, &child);
}

static void each(const char *flavour, struct error *(*call)(struct machine *m, uint64_t task), unsigned least)
{
	static struct counts before;
	struct machine m;
	uint64_t task;
	unsigned n = 1;
	start(&m, flavour, &task);
	count(&m, task, 0, &before);
	while (fails_at(&m, task, n, call, &before))
		n++;
	print_message("%s: %u allocations, each failed in turn\n", flavour, n - 1);
	assert_true(n > least);
	shut_down(&m);
}

static void fork_510(void **state)
{
	each("linux-5.10-x86_64", fork_one, 15);
}

static void fork_319(void **state)
{
	each("linux-3.19-x86_64", fork_one, 12);
}

static void thread_510(void **state)
{
	each("linux-5.10-x86_64", clone_one, 2);
}

static void thread_319(void **state)
{
	each("linux-3.19-x86_64", clone_one, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fork_510),
		cmocka_unit_test(fork_319),
		cmocka_unit_test(thread_510),
		cmocka_unit_test(thread_319),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
