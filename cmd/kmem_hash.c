/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kmem -c, -C: the hash of the page cache.
 */
#include <inttypes.h>

#include "cmd/kmem.h"
#include "cmd/page_row.h"
#include "mm/page_hash.h"

struct hash_walk {
	struct session *s;
	bool pages;
	uint64_t count;
};

static bool count_page(void *context, const struct page *p)
{
	struct hash_walk *w = context;

	w->count++;
	if (w->pages)
		page_row(w->s->out, w->s->kernel, p);
	return true;
}

struct error *kmem_page_hash(struct session *s, bool pages)
{
	struct hash_walk walk = {s, pages, 0};
	uint64_t size;

	TRY(pages_open(s->kernel));
	if (pages)
		page_rows_begin(s->out, true);
	struct error *e = page_hash_for_each(s->kernel, count_page, &walk);
	if (pages)
		page_rows_end(s->out);
	if (e)
		return e;
	TRY(page_hash_size(s->kernel, &size));
	out_dec(s->out, "page_cache_size", "page_cache_size: %" PRIu64, size);
	out_dec(s->out, "found", NULL, walk.count);
	if (walk.count == size)
		out_text(s->out, "  (verified)\n");
	else
		out_printf(s->out, "  (found %" PRIu64 ")\n", walk.count);
	return NULL;
}
