/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which frames are whose page tables.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/pagetable.h"
#include "mm/changes_parts.h"
#include "mm/task.h"

struct table {
	uint64_t phys, first;
	unsigned shift, who;
};

struct owner {
	uint64_t mm;
	char text[32];
};

struct owners {
	struct kernel *k;
	struct table *tables;
	size_t count, room;
	struct owner *who;
	size_t owner_count;
};

static int by_phys(const void *a, const void *b)
{
	const struct table *x = a, *y = b;
	return x->phys < y->phys ? -1 : x->phys > y->phys;
}

static struct error *add_table(struct owners *o, uint64_t phys, uint64_t first, unsigned shift, unsigned who)
{
	if (o->count == o->room) {
		size_t room = o->room ? 2 * o->room : 64;
		struct table *more = realloc(o->tables, room * sizeof(*more));
		if (!more)
			return error_new(ERR_NO_MEMORY, "out of memory");
		o->tables = more;
		o->room = room;
	}
	o->tables[o->count++] = (struct table){ phys, first, shift, who };
	return NULL;
}

/* A table of level `level`, and those below it, of the user's part. */
static struct error *add_tables(struct owners *o, uint64_t phys, unsigned level, uint64_t first, unsigned who)
{
	struct kernel *k = o->k;
	const struct pagetable_geometry *g = &k->geometry;
	unsigned shift = g->level[level].shift;
	TRY(add_table(o, phys, first, shift, who));
	if (level + 1u >= g->levels || level + 1u >= sizeof(g->level) / sizeof(g->level[0]))
		return NULL;
	for (uint64_t i = 0; i < 1ull << g->level[level].bits; i++) {
		uint64_t at = first + (i << shift);
		if (kernel_is_kernel_address(k, at) || (!level && i >= 1ull << (g->level[level].bits - 1) && k->arch->pointer_size == 8))
			break;
		const void *p = vmcore_try_map(k->vmcore, phys + i * g->entry_size, g->entry_size);
		uint64_t entry = p ? load_uint(p, g->entry_size) : 0;
		if ((entry & X86_PRESENT) && !(g->level[level].may_be_leaf && (entry & X86_PSE)))
			TRY(add_tables(o, entry & g->frame_mask, level + 1, at, who));
	}
	return NULL;
}

static struct error *add_owner(struct owners *o, const struct task *t)
{
	uint64_t pgd;
	for (size_t i = 0; i < o->owner_count; i++)
		if (o->who[i].mm == t->mm)
			return NULL;
	struct owner *w = &o->who[o->owner_count++];
	w->mm = t->mm;
	snprintf(w->text, sizeof(w->text), "pid %u", t->pid);
	TRY(mm_pgd(o->k, t->mm, &pgd));
	return add_tables(o, pgd, 0, 0, (unsigned)o->owner_count - 1);
}

struct error *owners_find(struct kernel *k, struct owners **out)
{
	size_t count;
	struct error *e = NULL;
	*out = NULL;
	TRY(tasks_count(k, &count));
	struct owners *o = calloc(1, sizeof(*o));
	if (o)
		o->who = calloc(count + 1, sizeof(*o->who));
	if (!o || !o->who) {
		free(o);
		return error_new(ERR_NO_MEMORY, "out of memory");
	}
	o->k = k;
	for (size_t i = 0; !e && i < count; i++)
		if (tasks_get(k, i)->mm)
			e = add_owner(o, tasks_get(k, i));
	if (e) {
		owners_free(o);
		return e;
	}
	if (o->count)
		qsort(o->tables, o->count, sizeof(*o->tables), by_phys);
	*out = o;
	return NULL;
}

void owners_free(struct owners *o)
{
	if (!o)
		return;
	free(o->tables);
	free(o->who);
	free(o);
}

bool owners_table(const struct owners *o, uint64_t phys, uint64_t *first, unsigned *shift, const char **who)
{
	struct table key = { .phys = phys };
	const struct table *t = o->count ? bsearch(&key, o->tables, o->count, sizeof(key), by_phys) : NULL;
	if (!t)
		return false;
	*first = t->first;
	*shift = t->shift;
	*who = o->who[t->who].text;
	return true;
}

const char *owners_mm(const struct owners *o, uint64_t mm)
{
	for (size_t i = 0; i < o->owner_count; i++)
		if (o->who[i].mm == mm)
			return o->who[i].text;
	return NULL;
}
