/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the audit: slabs, as the pass over all pages finds them.
 */
#ifndef MM_AUDIT_SLAB_H
#define MM_AUDIT_SLAB_H

#include "mm/audit/parts.h"

struct slab_books {
	struct slab_cache_books {
		uint64_t addr, slabs, objects;
	} *caches; /* a set, by open addressing */
	size_t count, slots;
};

/* The slab that begins at the page. */
struct error *audit_slab_page(struct audit *a, struct slab_books *b, const struct page *p) MUST_CHECK;
/* After all pages: the caches' own counts and lists. */
struct error *audit_slab_caches(struct audit *a, struct slab_books *b) MUST_CHECK;

/* mm/audit_slab_list.c: SLAB of 2.4. */
struct error *audit_slab_lists(struct audit *a) MUST_CHECK;

#endif
