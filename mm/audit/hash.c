/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page cache before it had trees (2.4): one hash of all pages by mapping and index, and each mapping's lists of clean, dirty and locked
 * pages (mm/filemap.c). The swap cache is the mapping swapper_space.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/audit/cache.h"
#include "mm/list.h"
#include "mm/pte.h"

#define HASH_BITS_MAX 28

struct hash_walk {
	struct audit *a;
	uint64_t swapper_space, pages;
};

static struct error *see_hashed(struct hash_walk *w, const struct page *p, uint64_t pprev)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	uint64_t mapping = GET(k, &p->object, page, mapping), index = GET(k, &p->object, page, index);
	struct audit_frame *f = audit_frame(a, p->pfn);
	a->about_pfn = p->pfn;
	if (!mapping || GET(k, &p->object, page, pprev_hash) != pprev)
		audit_find(a, AUDIT_PAGE_CACHE, p->object.addr, "frame %" PRIx64 " is in a hash chain with mapping %" PRIx64 ", pprev_hash %" PRIx64, p->pfn,
			   mapping, GET(k, &p->object, page, pprev_hash));
	if (f->marks & MARK_CACHED)
		return error_at(ERR_BAD_LIST, p->object.addr, "frame %" PRIx64 " is in two hash chains, or a chain loops", p->pfn);
	f->marks |= MARK_CACHED;
	f->holders++;
	a->about_pfn = UINT64_MAX;
	audit_checked(a, AUDIT_PAGE_CACHE, 1);
	w->pages++;
	if (mapping == w->swapper_space && !swp_type(index) && swp_offset(index) < a->swap[0].slots)
		a->swap[0].users[swp_offset(index)] |= SLOT_CACHED;
	return mapping ? audit_mapping_add(a, mapping, 1) : NULL;
}

static struct error *walk_hash(struct hash_walk *w)
{
	struct kernel *k = w->a->k;
	uint64_t table, bits;
	TRY(kernel_read_symbol(k, "page_hash_table", 0, &table));
	TRY(kernel_read_symbol(k, "page_hash_bits", 4, &bits));
	if (bits > HASH_BITS_MAX)
		return error_new(ERR_BAD_OBJECT, "page_hash_bits is damaged: %" PRIu64, bits);
	for (uint64_t i = 0; i < 1ull << bits; i++) {
		uint64_t pprev = table + i * k->arch->pointer_size, at;
		if (!(i & 4095))
			TRY(check_interrupt());
		TRY(kernel_read_pointer(k, pprev, &at));
		while (at) {
			struct page p;
			TRY(page_open(k, at, &p));
			TRY(see_hashed(w, &p, pprev));
			pprev = MEMBER_ADDR(k, &p.object, page, next_hash);
			at = GET(k, &p.object, page, next_hash);
		}
	}
	return NULL;
}

struct list_walk {
	struct audit *a;
	uint64_t mapping, pages;
};

static bool see_listed(void *context, uint64_t node)
{
	struct list_walk *w = context;
	uint64_t mapping, page = node - OFFSET(w->a->k, page, buddy_list);
	w->pages++;
	if (!error_drop(kernel_get(w->a->k, page, M_page_mapping, &mapping)) && mapping == w->mapping)
		return true;
	audit_find(w->a, AUDIT_PAGE_CACHE, page, "mapping %" PRIx64 ": its lists have what is no page of it: %" PRIx64, w->mapping, page);
	return false;
}

static struct error *check_lists(struct audit *a, const struct audit_mapping *m)
{
	struct kernel *k = a->k;
	struct list_walk w = {a, m->addr, 0};
	const uint32_t lists[] = {OFFSET(k, address_space, clean_pages), OFFSET(k, address_space, dirty_pages), OFFSET(k, address_space, locked_pages)};
	uint64_t counted;
	for (int i = 0; i < 3; i++)
		TRY(list_for_each(k, m->addr + lists[i], see_listed, &w));
	TRY(kernel_get(k, m->addr, M_address_space_nrpages, &counted));
	if (counted != w.pages || counted != m->pages)
		audit_find(a, AUDIT_PAGE_CACHE, m->addr, "mapping %" PRIx64 ": nrpages is %" PRIu64 ", on its lists: %" PRIu64 ", in the hash: %" PRIu64, m->addr,
			   counted, w.pages, m->pages);
	return NULL;
}

struct error *audit_page_hash(struct audit *a)
{
	struct kernel *k = a->k;
	struct hash_walk w = {.a = a, .swapper_space = symbol_addr(k, "swapper_space")};
	uint64_t counted;
	TRY(audit_take(a, AUDIT_PAGE_CACHE, 0, walk_hash(&w)));
	if (!error_drop(kernel_read_symbol(k, "page_cache_size", 4, &counted)) && counted != w.pages)
		audit_find(a, AUDIT_PAGE_CACHE, 0, "page_cache_size is %" PRIu64 ", pages in the hash: %" PRIu64, counted, w.pages);
	for (size_t i = 0; i < a->mapping_slots; i++)
		if (a->mappings[i].addr)
			TRY(audit_take(a, AUDIT_PAGE_CACHE, a->mappings[i].addr, check_lists(a, &a->mappings[i])));
	return NULL;
}
