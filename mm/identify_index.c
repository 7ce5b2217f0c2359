/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/identify_index.h"

#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/state.h"
#include "mm/vmalloc.h"

/* include/linux/vmalloc.h: VM_IOREMAP */
#define VMALLOC_IOREMAP 1ull

struct build {
	struct kernel *k;
	struct identify_index *i;
	bool failed;
};

static bool make_room(void **array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return true;
	size_t more = *room ? 2 * *room : 256;
	void *larger = realloc(*array, more * size);
	if (!larger)
		return false;
	*array = larger;
	*room = more;
	return true;
}

/* ---- vmalloc ---- */

static bool add_area(void *context, const struct vmalloc_area *area)
{
	struct build *b = context;
	struct identify_index *i = b->i;
	uint64_t flags = 0, caller = 0;
	if (!make_room((void **)&i->areas, i->area_count, &i->area_room, sizeof(*i->areas))) {
		b->failed = true;
		return false;
	}
	if (area->vm) {
		error_drop(kernel_get(b->k, area->vm, M_vm_struct_flags, &flags));
		error_drop(kernel_get(b->k, area->vm, M_vm_struct_caller, &caller));
	}
	i->areas[i->area_count++] = (struct identity_area){area->start, area->end, area->vm, caller, flags & VMALLOC_IOREMAP};
	return true;
}

static int compare_areas(const void *x, const void *y)
{
	const struct identity_area *a = x, *b = y;
	return a->start < b->start ? -1 : a->start > b->start;
}

/* ---- Tasks ---- */

static void add_owner(struct build *b, uint64_t addr, const struct task *t, const char *what)
{
	struct identify_index *i = b->i;
	if (!addr)
		return;
	if (!make_room((void **)&i->owners, i->owner_count, &i->owner_room, sizeof(*i->owners))) {
		b->failed = true;
		return;
	}
	i->owners[i->owner_count++] = (struct identity_owner){addr, t, what};
}

static void add_task(struct build *b, const struct task *t)
{
	static const struct {
		enum member_id member;
		const char *what;
	} pointers[] = {
		{M_task_struct_signal, "signal"}, {M_task_struct_sighand, "sighand"}, {M_task_struct_sig, "sig"},
		{M_task_struct_files, "files"},	  {M_task_struct_fs, "fs"},	      {M_task_struct_cred, "cred"},
		{M_task_struct_nsproxy, "nsproxy"},
	};
	add_owner(b, t->addr, t, "task_struct");
	add_owner(b, t->mm, t, "mm");
	for (size_t n = 0; n < sizeof(pointers) / sizeof(pointers[0]); n++)
		if (b->k->members[pointers[n].member].present)
			add_owner(b, object_get(b->k, &t->object, pointers[n].member), t, pointers[n].what);
}

/* By address; of one object the task that stands first in the table, whose leaders come before their threads. */
static int compare_owners(const void *x, const void *y)
{
	const struct identity_owner *a = x, *b = y;
	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return a->task->pid < b->task->pid ? -1 : a->task->pid > b->task->pid;
}

/* ---- Page tables ---- */

static bool add_table(struct build *b, uint64_t pfn, uint64_t mm, uint64_t base, unsigned level)
{
	struct identify_index *i = b->i;
	if (!make_room((void **)&i->tables, i->table_count, &i->table_room, sizeof(*i->tables))) {
		b->failed = true;
		return false;
	}
	i->tables[i->table_count++] = (struct identity_table){pfn, mm, base, level};
	return true;
}

/* `kernel_half`: the entries from there on are the kernel's own, walked once for it alone. */
static bool walk_tables(struct build *b, uint64_t mm, unsigned level, uint64_t table, uint64_t base, bool kernel_half)
{
	struct kernel *k = b->k;
	const struct pagetable_geometry *g = &k->geometry;
	const struct pagetable_level *l = &g->level[level];
	uint64_t count = 1ull << l->bits, first = 0, end = count;
	/* Tables that processes share (hugetlb's) are found with each; damaged ones that lead back to themselves must end. */
	if (b->i->table_count > 2 * phys_to_pfn(k, vmcore_max_phys(k->vmcore)) || interrupted() || !add_table(b, phys_to_pfn(k, table), mm, base, level))
		return false;
	if (level + 1u == g->levels)
		return true;
	const unsigned char *entries = vmcore_try_map(k->vmcore, table, g->entry_size * count);
	if (!entries)
		return true;
	if (level == 0 && k->wide) {
		first = kernel_half ? count / 2 : 0;
		end = kernel_half ? count : count / 2;
	} else if (level == 0) {
		uint64_t split = k->page_offset >> l->shift;
		first = kernel_half ? split : 0;
		end = kernel_half ? count : split;
	}
	for (uint64_t n = first; n < end; n++) {
		uint64_t entry = load_uint(entries + n * g->entry_size, g->entry_size), addr = base + (n << l->shift);
		if (!(entry & X86_PRESENT) || (l->may_be_leaf && entry & X86_PSE))
			continue;
		/* The upper half's addresses are sign-extended. */
		if (level == 0 && kernel_half && k->wide)
			addr |= ~((1ull << g->virtual_bits) - 1);
		if (!walk_tables(b, mm, level + 1, pagetable_entry_phys(g, entry, level), addr, kernel_half))
			return false;
	}
	return true;
}

static int compare_tables(const void *x, const void *y)
{
	const struct identity_table *a = x, *b = y;
	if (a->pfn != b->pfn)
		return a->pfn < b->pfn ? -1 : 1;
	/* Of a table in several places, the lowest. */
	return a->base < b->base ? -1 : a->base > b->base;
}

/* ---- */

static void sort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	if (count)
		qsort(array, count, size, compare);
}

static bool build(struct build *b)
{
	struct kernel *k = b->k;
	size_t count;
	uint64_t pgd;
	/* What cannot be read is missing from the answers, no more. */
	error_drop(vmalloc_for_each(k, add_area, b));
	sort(b->i->areas, b->i->area_count, sizeof(*b->i->areas), compare_areas);
	if (!walk_tables(b, 0, 0, k->kernel_pgd, 0, true) && (b->failed || interrupted()))
		return false;
	if (error_drop(tasks_count(k, &count)))
		count = 0;
	for (size_t n = 0; n < count && !b->failed; n++) {
		const struct task *t = tasks_get(k, n);
		add_task(b, t);
		if (t->mm && task_of_mm(k, t->mm, 0) == t && !error_drop(mm_pgd(k, t->mm, &pgd)))
			walk_tables(b, t->mm, 0, pgd, 0, false);
	}
	sort(b->i->owners, b->i->owner_count, sizeof(*b->i->owners), compare_owners);
	sort(b->i->tables, b->i->table_count, sizeof(*b->i->tables), compare_tables);
	return !b->failed && !interrupted();
}

const struct identify_index *identify_index(struct kernel *k)
{
	struct mm_state *s = mm_state(k);
	struct build b = {.k = k};
	if (s->identify)
		return s->identify;
	b.i = calloc(1, sizeof(*b.i));
	if (!b.i || !build(&b)) {
		identify_index_free(b.i);
		return NULL;
	}
	s->identify = b.i;
	return b.i;
}

void identify_index_free(struct identify_index *i)
{
	if (!i)
		return;
	free(i->areas);
	free(i->owners);
	free(i->tables);
	free(i);
}

const struct identity_area *identify_area(const struct identify_index *i, uint64_t addr)
{
	for (size_t low = 0, high = i->area_count; low < high;) {
		size_t middle = low + (high - low) / 2;
		const struct identity_area *a = &i->areas[middle];
		if (addr < a->start)
			high = middle;
		else if (addr >= a->end)
			low = middle + 1;
		else
			return a;
	}
	return NULL;
}

const struct identity_owner *identify_owner(const struct identify_index *i, uint64_t addr)
{
	size_t low = 0, high = i->owner_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (i->owners[middle].addr < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < i->owner_count && i->owners[low].addr == addr ? &i->owners[low] : NULL;
}

const struct identity_table *identify_table(const struct identify_index *i, uint64_t pfn)
{
	size_t low = 0, high = i->table_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (i->tables[middle].pfn < pfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low < i->table_count && i->tables[low].pfn == pfn ? &i->tables[low] : NULL;
}
