/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Address spaces: their areas, and what mm_struct counts of them (mm/mmap.c, mm/vma.c).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/anon_vma.h"
#include "mm/audit/mm.h"
#include "mm/rbtree.h"
#include "mm/task.h"

/* ---- All mms ---- */

static int compare_addresses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Of tasks; each once. */
static struct error *find_mms(struct audit *a)
{
	size_t count, found = 0;
	TRY(tasks_count(a->k, &count));
	uint64_t *addrs = calloc(count + 1, sizeof(*addrs));
	a->mms = calloc(count + 1, sizeof(*a->mms));
	if (!addrs || !a->mms) {
		free(addrs);
		return error_new(ERR_NO_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < count; i++)
		if (tasks_get(a->k, i)->mm)
			addrs[found++] = tasks_get(a->k, i)->mm;
	qsort(addrs, found, sizeof(*addrs), compare_addresses);
	for (size_t i = 0; i < found; i++)
		if (!i || addrs[i] != addrs[i - 1])
			a->mms[a->mm_count++].addr = addrs[i];
	free(addrs);
	return NULL;
}

/* Somebody changes it just now: holds its semaphore, or the lock of its tables. */
static bool is_busy(struct audit *a, uint64_t mm)
{
	uint64_t readers;
	if (audit_locked(a, mm, M_mm_struct_ptl) || audit_locked(a, mm, M_mm_struct_mmap_lock))
		return true;
	/* READER_BIAS alone: nobody (include/linux/rwbase_rt.h). */
	return HAS(a->k, mm_struct, mmap_lock_readers) && !error_drop(kernel_get(a->k, mm, M_mm_struct_mmap_lock_readers, &readers)) &&
	       (uint32_t)readers != 0x80000000u;
}

void audit_say_mm(struct audit *a, const struct audit_mm *mm, enum audit_rule rule, uint64_t addr, const char *format, ...)
{
	char text[400];
	va_list arguments;
	if (mm->unseen)
		return;
	const struct task *t = task_of_mm(a->k, mm->addr, 0);
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	a->about_mm = mm->addr;
	audit_say(a, rule, mm->busy ? AUDIT_BUSY : AUDIT_FINDING, addr ? addr : mm->addr, "mm %" PRIx64 " (pid %u, %s): %s", mm->addr,
		  t ? t->pid : 0, t ? t->comm : "?", text);
	a->about_mm = 0;
}

/* ---- Areas ---- */

struct area_walk {
	struct audit *a;
	struct audit_mm *mm;
	struct error *error;
};

static bool keep_area(void *context, const struct vma *vma)
{
	struct area_walk *w = context;
	struct audit_mm *mm = w->mm;
	w->error = audit_grow((void **)&mm->areas, mm->area_count, &mm->area_allocated, sizeof(*mm->areas));
	if (w->error)
		return false;
	mm->areas[mm->area_count++] = (struct audit_area){
		.start = vma->start,
		.end = vma->end,
		.flags = vma->flags,
		.addr = vma->addr,
		.anon_vma = vma->anon_vma,
		.file = vma->file,
		.pgoff = vma->pgoff,
		.anon_pgoff = vma_anon_pgoff(w->a->k, vma),
	};
	return true;
}

/* The tree of a kernel that has a list too: the same areas in the same order. */
struct tree_walk {
	struct audit *a;
	const struct audit_mm *mm;
	size_t at;
	bool differs;
};

static bool compare_node(void *context, uint64_t node)
{
	struct tree_walk *w = context;
	uint64_t addr = node - OFFSET(w->a->k, vm_area_struct, vm_rb);
	if (w->at < w->mm->area_count && w->mm->areas[w->at].addr == addr) {
		w->at++;
		return true;
	}
	w->differs = true;
	audit_say_mm(w->a, w->mm, AUDIT_AREAS, addr, "the tree has area %" PRIx64 " where the list has %" PRIx64, addr,
		     w->at < w->mm->area_count ? w->mm->areas[w->at].addr : 0);
	return false;
}

static struct error *check_tree(struct audit *a, const struct audit_mm *mm)
{
	struct tree_walk w = {.a = a, .mm = mm};
	uint64_t root;
	if (!HAS(a->k, mm_struct, mm_rb) || !HAS(a->k, mm_struct, mmap))
		return NULL;
	TRY(kernel_get(a->k, mm->addr, M_mm_struct_mm_rb, &root));
	TRY(rbtree_for_each(a->k, root, compare_node, &w));
	if (!w.differs && w.at != mm->area_count)
		audit_say_mm(a, mm, AUDIT_AREAS, 0, "the tree has %zu areas, the list %zu", w.at, mm->area_count);
	return NULL;
}

static void check_links(struct audit *a, const struct audit_mm *mm)
{
	struct kernel *k = a->k;
	for (size_t i = 0; HAS(k, vm_area_struct, vm_prev) && i < mm->area_count; i++) {
		uint64_t prev, expected = i ? mm->areas[i - 1].addr : 0;
		if (!error_drop(kernel_get(k, mm->areas[i].addr, M_vm_area_struct_vm_prev, &prev)) && prev != expected)
			audit_say_mm(a, mm, AUDIT_AREAS, mm->areas[i].addr, "area %" PRIx64 ": vm_prev is %" PRIx64 ", the area before it %" PRIx64,
				     mm->areas[i].addr, prev, expected);
	}
}

static void check_count(struct audit *a, const struct audit_mm *mm)
{
	uint64_t count;
	if (!HAS(a->k, mm_struct, map_count) || error_drop(kernel_get(a->k, mm->addr, M_mm_struct_map_count, &count)))
		return;
	if (count != mm->area_count)
		audit_say_mm(a, mm, AUDIT_AREAS, 0, "map_count is %" PRIu64 ", areas: %zu", count, mm->area_count);
}

/* ---- Totals ---- */

enum total { TOTAL, DATA, EXEC, STACK, LOCKED, SHARED, TOTALS };

/*
 * vm_stat_account(): by flags since 4.5 (include/linux/mm.h, is_exec_mapping() and its like); before, what maps a file was shared_vm,
 * and exec_vm a part of that.
 */
static void add_area(struct audit *a, const struct audit_area *v, uint64_t pages[TOTALS])
{
	uint64_t n = (v->end - v->start) >> a->k->arch->page_shift;
	pages[TOTAL] += n;
	if (v->flags & VM_LOCKED)
		pages[LOCKED] += n;
	if (HAS(a->k, mm_struct, data_vm)) {
		if ((v->flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC)
			pages[EXEC] += n;
		else if (v->flags & VM_GROWSDOWN)
			pages[STACK] += n;
		else if ((v->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
			pages[DATA] += n;
	} else if (v->file) {
		pages[SHARED] += n;
		if ((v->flags & (VM_EXEC | VM_WRITE)) == VM_EXEC)
			pages[EXEC] += n;
	} else if (v->flags & VM_GROWSDOWN) {
		pages[STACK] += n;
	}
}

static void check_totals(struct audit *a, const struct audit_mm *mm)
{
	static const enum member_id members[TOTALS] = {M_mm_struct_total_vm, M_mm_struct_data_vm,  M_mm_struct_exec_vm,
						       M_mm_struct_stack_vm, M_mm_struct_locked_vm, M_mm_struct_shared_vm};
	uint64_t pages[TOTALS] = {0};
	for (size_t i = 0; i < mm->area_count; i++)
		add_area(a, &mm->areas[i], pages);
	for (int i = 0; i < TOTALS; i++) {
		uint64_t counted;
		if (!a->k->members[members[i]].present || error_drop(kernel_get(a->k, mm->addr, members[i], &counted)))
			continue;
		audit_checked(a, AUDIT_AREA_TOTALS, 1);
		if (counted == pages[i])
			continue;
		/* Memory pinned for devices and rings counts as locked without an area to tell (mm/util.c: account_locked_vm()). */
		if (i == LOCKED && counted > pages[i]) {
			a->about_mm = mm->addr;
			audit_say(a, AUDIT_AREA_TOTALS, AUDIT_NOTE, mm->addr, "mm %" PRIx64 ": %" PRIu64 " pages in locked_vm that no area locks", mm->addr,
				  counted - pages[i]);
			a->about_mm = 0;
			continue;
		}
		audit_say_mm(a, mm, AUDIT_AREA_TOTALS, 0, "%s is %" PRIu64 ", the areas have %" PRIu64, a->k->members[members[i]].name, counted,
			     pages[i]);
	}
}

/* ---- One ---- */

static struct error *read_mm(struct audit *a, struct audit_mm *mm)
{
	struct area_walk w = {a, mm, NULL};
	mm->busy |= is_busy(a, mm->addr);
	struct error *e = vma_for_each(a->k, mm->addr, keep_area, &w);
	if (w.error) {
		error_free(e);
		return w.error;
	}
	if (e && (e->code == ERR_INTERRUPTED || e->code == ERR_NO_MEMORY))
		return e;
	mm->damage = e;
	return NULL;
}

static struct error *check_mm(struct audit *a, struct audit_mm *mm)
{
	audit_checked(a, AUDIT_AREAS, mm->area_count);
	if (mm->damage) {
		if (mm->damage->code == ERR_UNSUPPORTED)
			audit_skip(a, AUDIT_AREAS, "%s", mm->damage->message);
		else
			audit_say_mm(a, mm, AUDIT_AREAS, mm->damage->addr, "%s", mm->damage->message);
		return NULL;
	}
	check_count(a, mm);
	check_links(a, mm);
	a->about_mm = mm->addr;
	struct error *e = check_tree(a, mm);
	if (!e)
		e = audit_gaps(a, mm);
	TRY(audit_take(a, AUDIT_AREAS, mm->addr, e));
	a->about_mm = 0;
	check_totals(a, mm);
	return NULL;
}

struct error *audit_areas(struct audit *a)
{
	TRY(audit_take(a, AUDIT_AREAS, 0, find_mms(a)));
	TRY(audit_unseen_mms(a));
	for (size_t i = 0; i < a->mm_count; i++) {
		TRY(check_interrupt());
		TRY(read_mm(a, &a->mms[i]));
		if (!a->mms[i].unseen && (!a->options->mm || a->options->mm == a->mms[i].addr))
			TRY(check_mm(a, &a->mms[i]));
	}
	return NULL;
}
