/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmcore/intervals.h"

#include <stdbool.h>
#include <stdlib.h>

static int by_start(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->priority > y->priority ? -1 : x->priority < y->priority;
}

static bool is_disjoint(const struct interval *list, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (list[i].start < list[i - 1].end)
			return false;
	return true;
}

/* A heap of indices into the list: the highest priority on top. */
struct heap {
	const struct interval *list;
	size_t *item;
	size_t count;
};

static bool heap_above(const struct heap *h, size_t a, size_t b)
{
	return h->list[h->item[a]].priority > h->list[h->item[b]].priority;
}

static void heap_swap(struct heap *h, size_t a, size_t b)
{
	size_t item = h->item[a];
	h->item[a] = h->item[b];
	h->item[b] = item;
}

static void heap_push(struct heap *h, size_t item)
{
	size_t at = h->count++;
	h->item[at] = item;
	for (; at && heap_above(h, at, (at - 1) / 2); at = (at - 1) / 2)
		heap_swap(h, at, (at - 1) / 2);
}

static void heap_pop(struct heap *h)
{
	size_t at = 0;
	h->item[0] = h->item[--h->count];
	for (;;) {
		size_t best = at, left = 2 * at + 1;
		if (left < h->count && heap_above(h, left, best))
			best = left;
		if (left + 1 < h->count && heap_above(h, left + 1, best))
			best = left + 1;
		if (best == at)
			return;
		heap_swap(h, at, best);
		at = best;
	}
}

/* Sweeps over the sorted list; `out` has room for 2 * count. Returns how many came out. */
static size_t sweep(const struct interval *list, size_t count, struct heap *active,
		    struct interval *out)
{
	size_t next = 0, made = 0;
	uint64_t pos = 0;

	for (;;) {
		while (active->count && list[active->item[0]].end <= pos)
			heap_pop(active);
		if (!active->count) {
			if (next == count)
				return made;
			if (pos < list[next].start)
				pos = list[next].start;
		}
		while (next < count && list[next].start <= pos)
			heap_push(active, next++);
		while (active->count && list[active->item[0]].end <= pos)
			heap_pop(active);
		if (!active->count)
			continue;
		const struct interval *top = &list[active->item[0]];
		uint64_t limit = top->end;
		if (next < count && list[next].start < limit)
			limit = list[next].start;
		if (made && out[made - 1].end == pos && out[made - 1].source == top->source) {
			out[made - 1].end = limit;
		} else {
			out[made] = *top;
			out[made].start = pos;
			out[made++].end = limit;
		}
		pos = limit;
	}
}

struct error *intervals_resolve(struct interval **list, size_t *count)
{
	size_t n = 0;
	bool sorted = true;
	for (size_t i = 0; i < *count; i++) {
		if ((*list)[i].start >= (*list)[i].end)
			continue;
		(*list)[n] = (*list)[i];
		if (n && by_start(&(*list)[n - 1], &(*list)[n]) > 0)
			sorted = false;
		n++;
	}
	*count = n;
	if (!sorted)
		qsort(*list, n, sizeof(**list), by_start);
	if (is_disjoint(*list, n))
		return NULL;

	struct heap active = {*list, calloc(n, sizeof(*active.item)), 0};
	struct interval *out = calloc(n, 2 * sizeof(*out));
	if (!active.item || !out) {
		free(active.item);
		free(out);
		return error_new(ERR_NO_MEMORY, "out of memory");
	}
	*count = sweep(*list, n, &active, out);
	free(active.item);
	free(*list);
	*list = out;
	return NULL;
}
