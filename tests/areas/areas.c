/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * areas DUMP [SEED [STEPS [touch]]]: random acts on the areas of a dump's processes, over the overlay. After each act every structure that the kernel keeps of the areas is held
 * against the others (list, tree, gaps, counters, chains, interval trees, accounts), and against a plain model: one word a page, areas being the runs of equal pages.
 * For kernels that keep areas in a list and a tree, or in a maple tree. With "touch" pages are written
 * too, and then acts of every kind are held against this machine's own kernel (tests/areas/host.c). Prints the seed; ends with 1 at the first difference.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "mm/anon_vma.h"
#include "mm/list.h"
#include "mm/maple.h"
#include "mm/task.h"
#include "tests/areas/areas.h"

#define MOST_CHAINS 4096u

struct kernel *k;
struct engine *e;
uint64_t seed, step;
char act[200];
static uint64_t state, touches;

unsigned pick(unsigned n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)((state >> 33) % n);
}

static uint64_t word(uint64_t addr)
{
	uint64_t v;
	ok(kernel_read_u64(k, addr, &v));
	return v;
}

static uint64_t get(uint64_t object, enum member_id id)
{
	uint64_t v;
	ok(kernel_get(k, object, id, &v));
	return v;
}
#define READ(object, structure, member) get((object), M_##structure##_##member)

/* ---- Trees ---- */

struct tree {
	uint64_t augment, first; /* offset of the kept word from the node; sort key of the node before */
	uint64_t (*own)(uint64_t node);
	uint64_t (*key)(uint64_t node);
	uint64_t nodes[200000];
	unsigned count, blacks;
};
static struct tree t;

static uint64_t look(uint64_t node, uint64_t parent, unsigned blacks, unsigned depth)
{
	uint64_t greatest, below;
	if (!node) {
		if (!t.blacks)
			t.blacks = blacks;
		if (blacks != t.blacks)
			bad("a way of %u black nodes in a tree of %u, under %" PRIx64, blacks, t.blacks, parent);
		return 0;
	}
	uint64_t link = READ(node, rb_node, rb_parent_color);
	if (depth > 128 || t.count >= 200000)
		bad("a tree without an end at %" PRIx64, node);
	if ((link & ~3ull) != parent || (link & 2))
		bad("node %" PRIx64 " says that its parent is %" PRIx64 ", not %" PRIx64, node, (uint64_t)(link & ~3ull), parent);
	if (!(link & 1) && (!parent || !(READ(parent, rb_node, rb_parent_color) & 1)))
		bad("red node %" PRIx64 " under a red one, or at the top", node);
	greatest = t.own(node);
	below = look(READ(node, rb_node, rb_left), node, blacks + (link & 1), depth + 1);
	greatest = below > greatest ? below : greatest;
	if (t.key(node) < t.first)
		bad("node %" PRIx64 " out of order", node);
	t.first = t.key(node);
	t.nodes[t.count++] = node;
	below = look(READ(node, rb_node, rb_right), node, blacks + (link & 1), depth + 1);
	greatest = below > greatest ? below : greatest;
	if (word(node + t.augment) != greatest)
		bad("node %" PRIx64 " keeps %" PRIx64 ", not %" PRIx64, node, word(node + t.augment), greatest);
	return greatest;
}

static void walk_tree(uint64_t top, uint64_t augment, uint64_t (*own)(uint64_t), uint64_t (*key)(uint64_t))
{
	t.augment = augment;
	t.own = own;
	t.key = key;
	t.count = t.blacks = 0;
	t.first = 0;
	look(top, 0, 0, 0);
}

static uint64_t area_of_node(uint64_t node)
{
	return node - OFFSET(k, vm_area_struct, vm_rb);
}

static uint64_t own_gap(uint64_t node)
{
	struct object vma;
	uint64_t end = 0;
	ok(object_open(k, area_of_node(node), S_vm_area_struct, &vma));
	uint64_t start = GET(k, &vma, vm_area_struct, vm_start), prev = GET(k, &vma, vm_area_struct, vm_prev), guard = word(symbol_addr(k, "stack_guard_gap"));
	if (GET(k, &vma, vm_area_struct, vm_flags) & VM_GROWSDOWN)
		start = start > guard ? start - guard : 0;
	if (prev)
		end = READ(prev, vm_area_struct, vm_end);
	return start > end ? start - end : 0;
}

static uint64_t start_of(uint64_t node)
{
	return READ(area_of_node(node), vm_area_struct, vm_start);
}

static uint64_t pages_of(uint64_t vma)
{
	return (READ(vma, vm_area_struct, vm_end) - READ(vma, vm_area_struct, vm_start)) / PAGE;
}

static uint64_t chain_of(uint64_t node)
{
	return node - OFFSET(k, anon_vma_chain, rb);
}

static uint64_t chain_first(uint64_t node)
{
	struct vma vma;
	ok(vma_open(k, READ(chain_of(node), anon_vma_chain, vma), &vma));
	return vma_anon_pgoff(k, &vma);
}

static uint64_t chain_last(uint64_t node)
{
	return chain_first(node) + pages_of(READ(chain_of(node), anon_vma_chain, vma)) - 1;
}

static uint64_t file_area(uint64_t node)
{
	return node - OFFSET(k, vm_area_struct, shared_node);
}

static uint64_t file_first(uint64_t node)
{
	return READ(file_area(node), vm_area_struct, vm_pgoff);
}

static uint64_t file_last(uint64_t node)
{
	return file_first(node) + pages_of(file_area(node)) - 1;
}

static bool tree_has(uint64_t node)
{
	for (unsigned i = 0; i < t.count; i++)
		if (t.nodes[i] == node)
			return true;
	return false;
}

static void check_leftmost(uint64_t at)
{
	if (word(at) != (t.count ? t.nodes[0] : 0))
		bad("the leftmost node at %" PRIx64 " is %" PRIx64, at, word(at));
}

/* ---- What must hold of an area's reverse mapping ---- */

static void check_anon_vma(uint64_t vma, uint64_t avc)
{
	uint64_t anon_vma = READ(avc, anon_vma_chain, anon_vma), active = 0;
	if (READ(avc, anon_vma_chain, vma) != vma)
		bad("chain %" PRIx64 " of area %" PRIx64 " is another area's", avc, vma);
	walk_tree(READ(anon_vma, anon_vma, rb_top), OFFSET(k, anon_vma_chain, rb_subtree_last) - OFFSET(k, anon_vma_chain, rb), chain_last, chain_first);
	if (!tree_has(avc + OFFSET(k, anon_vma_chain, rb)))
		bad("chain %" PRIx64 " is not in the tree of anon_vma %" PRIx64, avc, anon_vma);
	if (HAS(k, anon_vma, rb_leftmost))
		check_leftmost(anon_vma + OFFSET(k, anon_vma, rb_leftmost));
	for (unsigned i = 0; i < t.count; i++) {
		uint64_t other = chain_of(t.nodes[i]);
		if (READ(other, anon_vma_chain, anon_vma) != anon_vma)
			bad("chain %" PRIx64 " in the tree of anon_vma %" PRIx64 " is another's", other, anon_vma);
		active += READ(READ(other, anon_vma_chain, vma), vm_area_struct, anon_vma) == anon_vma;
	}
	if (HAS(k, anon_vma, num_active_vmas) && READ(anon_vma, anon_vma, num_active_vmas) != active)
		bad("anon_vma %" PRIx64 " counts %" PRIu64 " active areas, its tree has %" PRIu64, anon_vma, READ(anon_vma, anon_vma, num_active_vmas), active);
	if ((int32_t)READ(anon_vma, anon_vma, refcount) < 1)
		bad("anon_vma %" PRIx64 " in use has no reference", anon_vma);
}

static void check_rmap(uint64_t vma)
{
	uint64_t head = vma + OFFSET(k, vm_area_struct, anon_vma_chain), own = READ(vma, vm_area_struct, anon_vma), file = READ(vma, vm_area_struct, vm_file);
	unsigned n = 0;
	bool has_own = false;
	for (uint64_t at = READ(head, list_head, next), prev = head; at != head; prev = at, at = READ(at, list_head, next)) {
		uint64_t avc = at - OFFSET(k, anon_vma_chain, same_vma);
		if (READ(at, list_head, prev) != prev || n++ > MOST_CHAINS)
			bad("the chains of area %" PRIx64 " are badly linked", vma);
		has_own |= READ(avc, anon_vma_chain, anon_vma) == own;
		check_anon_vma(vma, avc);
	}
	if (own && !has_own)
		bad("area %" PRIx64 " has no chain to its own anon_vma", vma);
	if (!own && n)
		bad("area %" PRIx64 " has chains but no anon_vma", vma);
	if (file) {
		uint64_t mapping = READ(file, file, f_mapping);
		walk_tree(READ(mapping, address_space, i_mmap_top), OFFSET(k, vm_area_struct, shared_subtree_last) - OFFSET(k, vm_area_struct, shared_node), file_last,
			  file_first);
		if (!tree_has(vma + OFFSET(k, vm_area_struct, shared_node)))
			bad("area %" PRIx64 " is not in its file's tree", vma);
		if (HAS(k, address_space, i_mmap_leftmost))
			check_leftmost(mapping + OFFSET(k, address_space, i_mmap_leftmost));
	}
}

/* ---- Of an mm ---- */

struct sums {
	int64_t total, data, exec, stack, locked, account;
};

/* ---- The areas of an mm in their order ---- */

static bool maple; /* they stand in a maple tree */
static uint64_t areas[200000];
static unsigned area_count;

static bool see_area(void *context, uint64_t first, uint64_t last, uint64_t entry)
{
	if (READ(entry, vm_area_struct, vm_start) != first || READ(entry, vm_area_struct, vm_end) != last + 1)
		bad("area %" PRIx64 " stands in the tree from %" PRIx64 " to %" PRIx64, entry, first, last);
	if (area_count < sizeof(areas) / sizeof(*areas))
		areas[area_count++] = entry;
	return true;
}

static void see_finding(void *context, uint64_t node, const char *what)
{
	bad("maple node %" PRIx64 " %s", node, what);
}

static void see_gap(void *context, uint64_t node, unsigned slot, uint64_t kept, uint64_t found)
{
	if (kept != found)
		bad("maple node %" PRIx64 " keeps a gap of %" PRIx64 " for slot %u, where it is %" PRIx64, node, kept, slot, found);
}

/* All of them, by the structure that this kernel keeps; that itself is checked. */
static void list_areas(uint64_t mm)
{
	uint64_t tree = mm + OFFSET(k, mm_struct, mm_mt), prev = 0;
	area_count = 0;
	if (maple) {
		ok(maple_check(k, tree, see_finding, NULL));
		ok(maple_gaps(k, tree, see_gap, NULL));
		ok(maple_for_each(k, tree, 0, UINT64_MAX, see_area, NULL));
		return;
	}
	walk_tree(READ(mm, mm_struct, mm_rb), OFFSET(k, vm_area_struct, rb_subtree_gap) - OFFSET(k, vm_area_struct, vm_rb), own_gap, start_of);
	for (uint64_t at = READ(mm, mm_struct, mmap); at; prev = at, at = READ(at, vm_area_struct, vm_next)) {
		if (area_count >= t.count || t.nodes[area_count] != at + OFFSET(k, vm_area_struct, vm_rb))
			bad("area %" PRIx64 ", number %u of the list, is not that of the tree", at, area_count);
		if (READ(at, vm_area_struct, vm_prev) != prev)
			bad("area %" PRIx64 " is badly linked", at);
		areas[area_count++] = at;
	}
	if (area_count != t.count)
		bad("%u areas in the list, %u in the tree", area_count, t.count);
}

static struct sums check_mm(uint64_t mm, bool deep)
{
	struct sums s = { 0 };
	uint64_t last_end = 0;
	list_areas(mm);
	for (unsigned i = 0; i < area_count; i++) {
		uint64_t at = areas[i], start = READ(at, vm_area_struct, vm_start), end = READ(at, vm_area_struct, vm_end), flags = READ(at, vm_area_struct, vm_flags);
		int64_t pages = (int64_t)((end - start) / PAGE);
		if (READ(at, vm_area_struct, vm_mm) != mm)
			bad("area %" PRIx64 " is another mm's", at);
		if (start < last_end || end <= start || (start | end) % PAGE)
			bad("area %" PRIx64 " overlaps or is none: %" PRIx64 "-%" PRIx64, at, start, end);
		last_end = end;
		s.total += pages;
		if ((flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC)
			s.exec += pages;
		else if (flags & VM_GROWSDOWN)
			s.stack += pages;
		else if ((flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
			s.data += pages;
		s.locked += flags & VM_LOCKED ? pages : 0;
		s.account += flags & VM_ACCOUNT ? pages : 0;
	}
	if (area_count != READ(mm, mm_struct, map_count))
		bad("%u areas, map_count %" PRIu64, area_count, READ(mm, mm_struct, map_count));
	if (!maple && READ(mm, mm_struct, highest_vm_end) != last_end)
		bad("highest_vm_end is %" PRIx64 ", not %" PRIx64, READ(mm, mm_struct, highest_vm_end), last_end);
	for (unsigned i = 0; deep && i < area_count; i++)
		check_rmap(areas[i]);
	return s;
}

static int64_t promised(void)
{
	uint64_t at = symbol_addr(k, "vm_committed_as"), own;
	int64_t sum = (int64_t)READ(at, percpu_counter, count);
	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		ok(kernel_read_uint(k, percpu_ptr(k, READ(at, percpu_counter, counters), cpu), 4, &own));
		sum += (int32_t)own;
	}
	return sum;
}

/* ---- The model: what each page of the window should be; 0: nothing is mapped ---- */

#define MAPPED	  0x100u
#define ACCOUNTED 0x200u

struct process {
	uint64_t task, mm;
	unsigned page[PAGES];
	bool touched; /* pages have been faulted in: anon_vmas may keep areas apart */
	struct sums offset; /* by how much the mm's own counters differed when we came */
};
static struct process processes[MOST_TASKS];
static unsigned count;

static void compare(struct process *p)
{
	unsigned i = 0;
	list_areas(p->mm);
	for (unsigned n = 0; n < area_count; n++) {
		uint64_t at = areas[n], start = READ(at, vm_area_struct, vm_start), end = READ(at, vm_area_struct, vm_end), flags = READ(at, vm_area_struct, vm_flags);
		if (end <= WINDOW || start >= WINDOW + PAGES * PAGE)
			continue;
		for (; i < (start - WINDOW) / PAGE; i++)
			if (p->page[i])
				bad("page %u should be mapped", i);
		unsigned want = MAPPED | (flags & VM_ACCOUNT ? ACCOUNTED : 0) | (unsigned)(flags & VM_ACCESS_FLAGS);
		if (i && p->page[i - 1] == want && p->page[i] == want && !p->touched)
			bad("two areas, where one is enough, meet at page %u", i);
		for (; i < (end - WINDOW) / PAGE; i++)
			if (p->page[i] != want)
				bad("page %u is %x, should be %x", i, want, p->page[i]);
		if (!p->touched && READ(at, vm_area_struct, vm_pgoff) != start / PAGE)
			bad("area %" PRIx64 " has offset %" PRIx64, at, READ(at, vm_area_struct, vm_pgoff));
	}
	for (; i < PAGES; i++)
		if (p->page[i])
			bad("page %u should be mapped", i);
}

static void check(struct process *p, bool deep)
{
	struct sums s = check_mm(p->mm, deep);
	if ((int64_t)READ(p->mm, mm_struct, total_vm) - s.total != p->offset.total || (int64_t)READ(p->mm, mm_struct, data_vm) - s.data != p->offset.data ||
	    (int64_t)READ(p->mm, mm_struct, exec_vm) - s.exec != p->offset.exec || (int64_t)READ(p->mm, mm_struct, stack_vm) - s.stack != p->offset.stack ||
	    (int64_t)READ(p->mm, mm_struct, locked_vm) - s.locked != p->offset.locked)
		bad("the mm's counters are not what its areas are: total_vm %" PRIu64 ", %" PRId64 " pages in areas", READ(p->mm, mm_struct, total_vm), s.total);
	compare(p);
}

/* ---- Acts ---- */

static uint64_t addr_of(unsigned page)
{
	return WINDOW + page * PAGE;
}

/* The kernel's no is fine where the model has one too; what is not done must be said as that. */
static bool refused(struct error *error, enum error_code code)
{
	if (!error)
		return false;
	if (error->code != code)
		bad("%s", error->message);
	error_free(error);
	return true;
}

/* An act after a mark: what is said not to be done yet (page tables that go, under page-table isolation) leaves nothing. */
static bool done(struct error *error)
{
	if (!error || error->code != ERR_UNSUPPORTED) {
		ok(error);
		ok(vmcore_forget(k->vmcore));
		return true;
	}
	error_free(error);
	ok(vmcore_undo(k->vmcore));
	return false;
}

static void do_map(struct process *p, unsigned from, unsigned pages, unsigned prot)
{
	uint64_t at;
	snprintf(act, sizeof(act), "mmap page %u, %u pages, prot %u", from, pages, prot);
	ok(vmcore_mark(k->vmcore, NULL));
	if (!done(do_mmap_pgoff(e, p->mm, 0, addr_of(from), pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0, &at)))
		return;
	for (unsigned i = from; i < from + pages; i++)
		p->page[i] = MAPPED | prot | (prot & PROT_WRITE ? ACCOUNTED : 0);
}

static void do_unmap(struct process *p, unsigned from, unsigned pages)
{
	snprintf(act, sizeof(act), "munmap page %u, %u pages", from, pages);
	ok(vmcore_mark(k->vmcore, NULL));
	if (!done(do_munmap(e, p->mm, addr_of(from), pages * PAGE)))
		return;
	memset(p->page + from, 0, pages * sizeof(*p->page));
}

static void do_protect(struct process *p, unsigned from, unsigned pages, unsigned prot)
{
	bool whole = true;
	snprintf(act, sizeof(act), "mprotect page %u, %u pages, prot %u", from, pages, prot);
	ok(vmcore_mark(k->vmcore, NULL));
	struct error *error = sys_mprotect(e, p->mm, addr_of(from), pages * PAGE, prot);
	if (error && error->code == ERR_UNSUPPORTED) {
		done(error);
		return;
	}
	ok(vmcore_forget(k->vmcore));
	for (unsigned i = from; i < from + pages && whole; i++) {
		whole = p->page[i];
		if (whole)
			p->page[i] = MAPPED | prot | (prot & PROT_WRITE ? ACCOUNTED : p->page[i] & ACCOUNTED);
	}
	if (refused(error, ERR_KERNEL) == whole)
		bad("a hole in the range, and no ENOMEM; or the other way round");
}

/* No address given: below all the rest, which the window is not part of; then gone again. */
static void do_anywhere(struct process *p)
{
	uint64_t at, size = (1 + pick(40)) * PAGE;
	snprintf(act, sizeof(act), "mmap anywhere, %" PRIu64 " bytes", size);
	ok(vmcore_mark(k->vmcore, NULL));
	if (!done(do_mmap_pgoff(e, p->mm, 0, 0, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 0, &at)))
		return;
	check_mm(p->mm, false);
	ok(vmcore_mark(k->vmcore, NULL));
	done(do_munmap(e, p->mm, at, size));
}

static void do_touch(struct process *p, unsigned from)
{
	bool faulted;
	enum fault_result result;
	char why[200];
	snprintf(act, sizeof(act), "write to page %u", from);
	/* A CPU's batches fill up: what is refused leaves nothing. */
	ok(vmcore_mark(k->vmcore, NULL));
	if (refused(touch_user(e, p->task, addr_of(from), ACCESS_WRITE, &faulted, &result, why, sizeof(why)), ERR_UNSUPPORTED)) {
		ok(vmcore_undo(k->vmcore));
		return;
	}
	ok(vmcore_forget(k->vmcore));
	touches++;
	p->touched = true;
	if ((result == FAULT_SIGSEGV) == !!(p->page[from] & PROT_WRITE))
		bad("%s", why);
}

static void random_act(struct process *p, bool touching)
{
	unsigned from = pick(PAGES), pages = 1 + pick(pick(4) ? 8 : PAGES), prot = pick(3) ? pick(2) ? 3 : 1 : pick(8);
	if (from + pages > PAGES)
		pages = PAGES - from;
	switch (pick(touching ? 12 : 9)) {
	case 0 ... 2:
		do_map(p, from, pages, prot);
		break;
	case 3 ... 4:
		do_unmap(p, from, pages);
		break;
	case 5 ... 7:
		do_protect(p, from, pages, prot);
		break;
	case 8:
		do_anywhere(p);
		break;
	default:
		do_touch(p, from);
	}
}

/* ---- */

static void take_tasks(void)
{
	size_t tasks;
	ok(tasks_count(k, &tasks));
	for (size_t i = 0; i < tasks && count < MOST_TASKS; i++) {
		const struct task *task = tasks_get(k, i);
		uint64_t mm;
		ok(kernel_get(k, task->addr, M_task_struct_mm, &mm));
		bool known = !mm || READ(mm, mm_struct, task_size) < WINDOW + PAGES * PAGE;
		for (unsigned j = 0; j < count; j++)
			known |= processes[j].mm == mm;
		if (known || pick(3))
			continue;
		struct process *p = &processes[count++];
		*p = (struct process){ .task = task->addr, .mm = mm };
		struct sums s = check_mm(mm, true);
		p->offset = (struct sums){ (int64_t)READ(mm, mm_struct, total_vm) - s.total, (int64_t)READ(mm, mm_struct, data_vm) - s.data,
					   (int64_t)READ(mm, mm_struct, exec_vm) - s.exec, (int64_t)READ(mm, mm_struct, stack_vm) - s.stack,
					   (int64_t)READ(mm, mm_struct, locked_vm) - s.locked, s.account };
	}
}

static void run(uint64_t steps, bool touching)
{
	int64_t before = promised(), accounted = 0, now = 0;
	for (unsigned i = 0; i < count; i++)
		accounted += check_mm(processes[i].mm, false).account;
	for (uint64_t n = 0; n < steps; n++, step++) {
		struct process *p = &processes[pick(count)];
		ok(engine_set_current(e, p->task));
		random_act(p, touching);
		check(p, n % 16 == 0);
	}
	for (unsigned i = 0; i < count; i++)
		now += check_mm(processes[i].mm, true).account;
	if (promised() - before != now - accounted)
		bad("%" PRId64 " pages more are promised, areas account for %" PRId64, promised() - before, now - accounted);
}

static void check_one(uint64_t mm, bool deep)
{
	check_mm(mm, deep);
}

/* By the tasks that may lock memory, as this process may, or the limit is not reached. */
static void run_on_both(uint64_t steps)
{
	struct host_process both[MOST_TASKS];
	unsigned n = 0;
	int64_t before = promised(), accounted = 0, now = 0;
	for (unsigned i = 0; i < count; i++) {
		struct object mm;
		accounted += check_mm(processes[i].mm, false).account;
		ok(object_open(k, processes[i].mm, S_mm_struct, &mm));
		ok(engine_set_current(e, processes[i].task));
		if (capable(e, &mm, CAPABILITY_IPC_LOCK))
			both[n++] = (struct host_process){ processes[i].task, processes[i].mm };
	}
	if (n)
		run_against_host(both, n, steps, check_one);
	for (unsigned i = 0; i < count; i++)
		now += check_mm(processes[i].mm, true).account;
	if (promised() - before != now - accounted)
		bad("%" PRId64 " pages more are promised, areas account for %" PRId64, promised() - before, now - accounted);
}

int main(int argc, char **argv)
{
	struct vmcore *vc;
	struct vmcore_options options = { 0 };
	uint64_t steps = argc > 3 ? strtoull(argv[3], NULL, 0) : 3000;
	if (argc < 2)
		return fprintf(stderr, "usage: areas DUMP [SEED [STEPS]]\n"), 2;
	seed = state = argc > 2 && *argv[2] ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	snprintf(act, sizeof(act), "opening");
	ok(vmcore_open(argv[1], &options, &vc));
	ok(kernel_open(vc, NULL, &k));
	maple = HAS(k, mm_struct, mm_mt);
	if (!maple && !HAS(k, vm_area_struct, rb_subtree_gap))
		return printf("areas: this kernel keeps them in no tree with gaps: nothing to do\n"), 0;
	ok(engine_open(k, &e));
	take_tasks();
	run(steps, false);
	if (argc > 4)
		run(steps, true);
	if (argc > 4)
		run_on_both(steps);
	printf("areas: seed %" PRIu64 ": %" PRIu64 " acts on %u processes, %" PRIu64 " pages written, no difference\n", seed, step, count, touches);
	kernel_close(k);
	vmcore_close(vc);
	return 0;
}
