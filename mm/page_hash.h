/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page cache of kernels before 2.6: one hash over (mapping, index) for all files (include/linux/pagemap.h of 2.4).
 */
#ifndef MM_PAGE_HASH_H
#define MM_PAGE_HASH_H

#include "mm/page.h"

/* Returns false to end. */
typedef bool page_hash_visitor(void *context, const struct page *p);

/*
 * Every page of every chain, bucket by bucket. ERR_UNSUPPORTED when this kernel has no such hash; ERR_BAD_LIST when a chain leads astray or never ends: the
 * pages before were visited. ERR_INTERRUPTED. Call pages_open() first.
 */
struct error *page_hash_for_each(struct kernel *k, page_hash_visitor *visit, void *context) MUST_CHECK;
/* How many pages the kernel says there are (page_cache_size). */
struct error *page_hash_size(struct kernel *k, uint64_t *pages) MUST_CHECK;

#endif
