/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes. They go into the image's own memory: the file's private mapping, or an arena. Marks keep
 * pages as they were before their first write.
 */
#include "vmcore/image.h"
#include "vmcore/save_parts.h"

#include <stdlib.h>
#include <string.h>

/* Between the machine's memory and the overlay's own: whole sections of a memory map, so that nobody takes it for the machine's. */
#define EXTENSION_GAP (1ul << 30)

#define likely(x) __builtin_expect(!!(x), 1)

struct kept {
	uint64_t page;
	uint8_t *bytes; /* NULL: an empty place in the table */
};

/* The pages that one mark keeps: a hash table of open addressing, room a power of two. */
struct mark {
	struct mark *below;
	struct kept *table;
	size_t room, count;
};

static size_t hash(uint64_t page)
{
	return (page >> VMCORE_PAGE_SHIFT) * 0x9e3779b97f4a7c15ul >> 20;
}

/* The page's place in the table, or the empty place where it would go. The table is never full. */
static struct kept *mark_place(const struct mark *m, uint64_t page)
{
	size_t at = hash(page) & (m->room - 1);
	while (m->table[at].bytes && m->table[at].page != page)
		at = (at + 1) & (m->room - 1);
	return &m->table[at];
}

static const uint8_t *mark_find(const struct mark *m, uint64_t page)
{
	return m->room ? mark_place(m, page)->bytes : NULL;
}

/* Room for so many pages more. */
static struct error *mark_make_room(struct mark *m, size_t more)
{
	struct mark bigger = {.room = m->room ? m->room : 64};

	while (m->count + more > bigger.room / 2)
		bigger.room *= 2;
	if (bigger.room == m->room)
		return NULL;
	bigger.table = calloc(bigger.room, sizeof(*bigger.table));
	if (!bigger.table)
		return out_of_memory();
	for (size_t i = 0; i < m->room; i++)
		if (m->table[i].bytes)
			*mark_place(&bigger, m->table[i].page) = m->table[i];
	free(m->table);
	m->table = bigger.table;
	m->room = bigger.room;
	return NULL;
}

static void mark_free(struct mark *m)
{
	for (size_t i = 0; i < m->room; i++)
		free(m->table[i].bytes);
	free(m->table);
	free(m);
}

void overlay_free(struct vmcore *vc)
{
	while (vc->marks) {
		struct mark *m = vc->marks;
		vc->marks = m->below;
		mark_free(m);
	}
}

/* Copies between a page and a buffer of its size, as far as the page is there (a segment may end
 * within it). */
static void copy_page(struct vmcore *vc, uint64_t page, uint8_t *buffer, bool to_image)
{
	uint64_t last =
		page + (VMCORE_PAGE_SIZE - 1); /* inclusive: the page may be the very last */

	for (uint64_t at = page;;) {
		const struct segment *s = image_find(vc, at);
		uint64_t n = 1;
		if (s) {
			n = (s->end - 1 < last ? s->end - 1 : last) - at + 1;
			void *bytes = (void *)vmcore_try_map(vc, at, n);
			if (bytes && to_image)
				memcpy(bytes, buffer + (at - page), n);
			else if (bytes)
				memcpy(buffer + (at - page), bytes, n);
		}
		if (last - at < n)
			return;
		at += n;
	}
}

static struct error *keep_page(struct vmcore *vc, uint64_t page)
{
	struct mark *m = vc->marks;

	if (mark_find(m, page)) {
		vc->flat.kept_page = page;
		return NULL;
	}
	TRY(mark_make_room(m, 1));
	uint8_t *bytes = malloc(VMCORE_PAGE_SIZE);
	if (!bytes)
		return out_of_memory();
	const void *whole = vmcore_try_map(vc, page, VMCORE_PAGE_SIZE);
	if (likely(whole != NULL)) {
		memcpy(bytes, whole, VMCORE_PAGE_SIZE);
	} else {
		memset(bytes, 0, VMCORE_PAGE_SIZE);
		copy_page(vc, page, bytes, false);
	}
	*mark_place(m, page) = (struct kept){page, bytes};
	m->count++;
	vc->flat.kept_page = page;
	return NULL;
}

struct error *vmcore_map_writable(struct vmcore *vc, uint64_t phys, size_t len, void **out)
{
	uint64_t page = phys & ~(VMCORE_PAGE_SIZE - 1);

	const void *bytes = vmcore_try_map(vc, phys, len);

	if (!bytes)
		TRY(vmcore_map(vc, phys, len, &bytes));
	*out = (void *)bytes;
	if (!vc->flat.marks || likely(vc->flat.kept_page == page))
		return NULL;
	if (len > VMCORE_PAGE_SIZE - (phys - page))
		return error_at(ERR_OTHER, phys, "writable mapping across pages: %lx", phys);
	return keep_page(vc, page);
}

struct error *vmcore_write(struct vmcore *vc, uint64_t phys, const void *buffer, size_t len)
{
	const uint8_t *from = buffer;
	uint64_t bad;
	enum presence p = image_look(vc, phys, len, &bad);

	/* All or nothing, as far as can be told without decompressing. */
	if (p != PRESENT)
		return image_missing(vc, bad, p);
	while (len) {
		size_t n = VMCORE_PAGE_SIZE - phys % VMCORE_PAGE_SIZE;
		void *to;
		n = n < len ? n : len;
		TRY(vmcore_map_writable(vc, phys, n, &to));
		memcpy(to, from, n);
		from += n;
		phys += n;
		len -= n;
	}
	return NULL;
}

struct error *vmcore_mark(struct vmcore *vc, unsigned *depth)
{
	struct mark *m = calloc(1, sizeof(*m));
	if (!m)
		return out_of_memory();
	m->below = vc->marks;
	vc->marks = m;
	vc->flat.marks++;
	vc->flat.kept_page = VMCORE_NO_PAGE;
	if (depth)
		*depth = vc->flat.marks;
	return NULL;
}

/* Takes the newest mark off the stack. */
static struct mark *mark_pop(struct vmcore *vc)
{
	struct mark *m = vc->marks;
	vc->marks = m->below;
	vc->flat.marks--;
	vc->flat.kept_page = VMCORE_NO_PAGE;
	return m;
}

struct error *vmcore_undo(struct vmcore *vc)
{
	if (!vc->marks)
		return error_new(ERR_OTHER, "nothing to undo: no mark is set");
	struct mark *m = mark_pop(vc);
	for (size_t i = 0; i < m->room; i++)
		if (m->table[i].bytes)
			copy_page(vc, m->table[i].page, m->table[i].bytes, true);
	mark_free(m);
	return NULL;
}

struct error *vmcore_forget(struct vmcore *vc)
{
	if (!vc->marks)
		return error_new(ERR_OTHER, "nothing to forget: no mark is set");
	struct mark *m = vc->marks, *below = m->below;
	if (below)
		TRY(mark_make_room(below, m->count));
	for (size_t i = 0; below && i < m->room; i++) {
		struct kept *k = &m->table[i];
		if (!k->bytes || mark_find(below, k->page))
			continue;
		*mark_place(below, k->page) = *k;
		below->count++;
		k->bytes = NULL; /* handed over; nothing looks into this table any more */
	}
	mark_free(mark_pop(vc));
	return NULL;
}

unsigned vmcore_mark_depth(const struct vmcore *vc)
{
	return vc->flat.marks;
}

static int by_page(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;
	return x->page < y->page ? -1 : x->page > y->page;
}

/* The pages that marks `depth` and above keep, each as the lowest of them has it, into a fresh
 * array. */
static struct error *diff_collect(struct vmcore *vc, unsigned depth, struct kept **out,
				  size_t *count)
{
	/* The union as a mark of its own; going down the stack, the lowest wins. */
	struct mark all = {0};
	struct error *e = NULL;
	unsigned level = vc->flat.marks;

	for (struct mark *m = vc->marks; !e && m && level >= depth; m = m->below, level--) {
		for (size_t i = 0; !e && i < m->room; i++) {
			if (!m->table[i].bytes || (e = mark_make_room(&all, 1)))
				continue;
			struct kept *k = mark_place(&all, m->table[i].page);
			all.count += !k->bytes;
			*k = m->table[i];
		}
	}
	*count = 0;
	for (size_t i = 0; i < all.room; i++)
		if (all.table[i].bytes)
			all.table[(*count)++] = all.table[i];
	if (*count)
		qsort(all.table, *count, sizeof(*all.table), by_page);
	*out = all.table;
	if (e)
		free(all.table);
	return e;
}

struct error *vmcore_diff(struct vmcore *vc, unsigned depth, vmcore_diff_visitor *visit,
			  void *context)
{
	struct kept *pages;
	size_t count;

	if (!depth || depth > vc->flat.marks)
		return error_new(ERR_OTHER, "no such mark: %u", depth);
	TRY(diff_collect(vc, depth, &pages, &count));
	for (size_t i = 0; i < count; i++) {
		uint8_t partial[VMCORE_PAGE_SIZE];
		const void *now = vmcore_try_map(vc, pages[i].page, VMCORE_PAGE_SIZE);
		if (!now) {
			memset(partial, 0, sizeof(partial));
			copy_page(vc, pages[i].page, partial, false);
			now = partial;
		}
		if (!visit(context, pages[i].page, pages[i].bytes, now))
			break;
	}
	free(pages);
	return NULL;
}

/* ---- The overlay's own memory ---- */

bool vmcore_extension(const struct vmcore *vc, uint64_t *start, uint64_t *size)
{
	if (!vc->extended)
		return false;
	const struct segment *s = &vc->segments[vc->nr_segments - 1];
	*start = s->start;
	*size = s->end - s->start;
	return true;
}

struct error *vmcore_extend(struct vmcore *vc, uint64_t *size, uint64_t *start)
{
	uint64_t top = vmcore_max_phys(vc);
	struct segment *segments;
	void *bytes;

	if (vmcore_extension(vc, start, size))
		return NULL;
	if (top > (1ull << 62) || *size > (1ull << 60))
		return error_new(ERR_UNSUPPORTED, "no room above the image's memory");
	*start = (top | (EXTENSION_GAP - 1)) + 1 + EXTENSION_GAP;
	*size = (*size + VMCORE_PAGE_SIZE - 1) & -VMCORE_PAGE_SIZE;
	TRY(image_reserve(vc, *size, &bytes));
	segments = calloc(vc->nr_segments + 1, sizeof(*segments));
	if (!segments)
		return out_of_memory();
	memcpy(segments, vc->segments, vc->nr_segments * sizeof(*segments));
	segments[vc->nr_segments] = (struct segment){.start = *start, .end = *start + *size, .bytes = bytes};
	image_replace_segments(vc, segments, vc->nr_segments + 1);
	vc->extended = true;
	return NULL;
}

uint64_t image_extension_end(struct vmcore *vc)
{
	const struct segment *s = &vc->segments[vc->nr_segments - 1];
	uint64_t end = s->end;

	while (end > s->start && all_zero(s->bytes + (end - VMCORE_PAGE_SIZE - s->start), VMCORE_PAGE_SIZE))
		end -= VMCORE_PAGE_SIZE;
	return end;
}
