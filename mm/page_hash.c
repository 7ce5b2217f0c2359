/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/page_hash.h"

#include <inttypes.h>

#include "core/interrupt.h"

#define BITS_MOST 28

struct error *page_hash_size(struct kernel *k, uint64_t *pages)
{
	return kernel_read_symbol(k, "page_cache_size", 4, pages);
}

static struct error *walk_chain(struct kernel *k, uint64_t at, uint64_t bucket, uint64_t *left, page_hash_visitor *visit, void *context, bool *go_on)
{
	while (at) {
		struct page p;
		uint64_t pfn;
		if (!(*left)--)
			return error_at(ERR_BAD_LIST, bucket, "the hash of the page cache has more pages than there are: bucket %" PRIx64, bucket);
		if (!page_to_pfn(k, at, &pfn))
			return error_at(ERR_BAD_LIST, at, "no struct page on the chain of bucket %" PRIx64 ": %" PRIx64, bucket, at);
		TRY(page_open(k, at, &p));
		*go_on = visit(context, &p);
		if (!*go_on)
			return NULL;
		at = GET(k, &p.object, page, next_hash);
	}
	return NULL;
}

struct error *page_hash_for_each(struct kernel *k, page_hash_visitor *visit, void *context)
{
	uint64_t table, bits, first, pfn, end, page, left = 0;
	bool go_on = true;
	if (!symbol_addr(k, "page_hash_table") || !HAS(k, page, next_hash))
		return error_new(ERR_UNSUPPORTED, "this kernel has no hash of the page cache: each file has a tree of its own");
	TRY(kernel_read_symbol(k, "page_hash_table", 0, &table));
	TRY(kernel_read_symbol(k, "page_hash_bits", 4, &bits));
	if (bits > BITS_MOST)
		return error_new(ERR_BAD_OBJECT, "page_hash_bits cannot be: %" PRIu64, bits);
	for (size_t i = 0; page_run(k, i, &pfn, &end, &page); i++)
		left += end - pfn;
	for (uint64_t i = 0; i < 1ull << bits && go_on; i++) {
		if (!(i % 1024))
			TRY(check_interrupt());
		uint64_t bucket = table + i * k->arch->pointer_size;
		TRY(kernel_read_pointer(k, bucket, &first));
		TRY(walk_chain(k, first, bucket, &left, visit, context, &go_on));
	}
	return NULL;
}
