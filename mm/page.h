/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mem_map: page frame numbers and their struct page, whatever memory model the kernel has (FLATMEM,
 * SPARSEMEM, SPARSEMEM_VMEMMAP), and what the words of a struct page say.
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

/* pfn of a physical address and back, in the architecture's page size. */
static inline uint64_t phys_to_pfn(const struct kernel *k, uint64_t phys)
{
	return phys >> k->arch->page_shift;
}

/* Finds the memory model; idempotent. ERR_UNSUPPORTED. Call before anything below. */
struct error *pages_open(struct kernel *k) MUST_CHECK;

/* Address of the struct page of a frame; false when the frame has none. */
bool pfn_to_page(struct kernel *k, uint64_t pfn, uint64_t *page);
/* The frame of a struct page; false when the address is none (not in mem_map, not at the start of
 * one). */
bool page_to_pfn(struct kernel *k, uint64_t page, uint64_t *pfn);
/* Is addr within mem_map at all? Then *page is the struct page that holds it. */
bool page_holding(struct kernel *k, uint64_t addr, uint64_t *page);

/*
 * Runs of frames that have struct pages, ascending. `*pfn` … `*end` exclusive, and where its first
 * struct page stands; the run's array is contiguous in virtual addresses. False past the last.
 */
bool page_run(struct kernel *k, size_t index, uint64_t *pfn, uint64_t *end, uint64_t *page);

/* SPARSEMEM's sections that are marked present, ascending; false past the last, and always without SPARSEMEM. */
struct page_section {
	uint64_t number, addr; /* struct mem_section */
	uint64_t pfn;	       /* its first frame */
	uint64_t coded;	       /* section_mem_map: the page array less pfn struct pages, and the flags */
};
bool page_section(struct kernel *k, size_t index, struct page_section *out);
/* Flags in section_mem_map: include/linux/mmzone.h, SECTION_…; the array itself is page-aligned. */
#define SECTION_MARKED_PRESENT	   (1ull << 0)
#define SECTION_HAS_MEM_MAP	   (1ull << 1)
#define SECTION_IS_ONLINE	   (1ull << 2)
#define SECTION_IS_EARLY	   (1ull << 3)
#define SECTION_TAINT_ZONE_DEVICE  (1ull << 4)
#define SECTION_FLAGS		   0xfffull

/* A page, opened: raw words by their one name each. */
struct page {
	struct object object;
	uint64_t pfn;
	uint64_t flags;
};
struct error *page_open(struct kernel *k, uint64_t page, struct page *out) MUST_CHECK;

/* The bit number of PG_name (enum pageflags), or -1 when this kernel has no such flag. */
int page_flag_bit(struct kernel *k, const char *name);
/* Tests a flag by name; slow path: hot loops keep the bit. */
bool page_flag(struct kernel *k, uint64_t flags, const char *name);

/* The names of the set flags, "referenced,uptodate,lru", "" for none: for each bit the first name
 * that enum pageflags gives it. */
void page_flags_format(struct kernel *k, uint64_t flags, char *buf, size_t size);
/* The enumerators of enum pageflags in their order, aliases too ("PG_locked", bit); false past the
 * last. */
bool page_flags_enumerator(struct kernel *k, size_t index, const char **name, int *bit);

/* The head of the compound page that `page` belongs to (itself when it is no tail): compound_head's
 * low bit (include/linux/page-flags.h). */
uint64_t page_compound_head(struct kernel *k, const struct page *p);
/* Order of a compound head; 0 for no compound page. */
unsigned page_compound_order(struct kernel *k, const struct page *head);

/* How often a compound page of more than two frames is pinned, where it has a count of that: of the folio, or in its first tail page, the second one until 5.15; else 0. */
int32_t page_pincount(struct kernel *k, const struct page *head);

/* _refcount; the number of mappings less one (_mapcount as stored). */
static inline int32_t page_refcount(const struct kernel *k, const struct page *p)
{
	return (int32_t)GET(k, &p->object, page, refcount);
}

static inline int32_t page_mapcount_word(const struct kernel *k, const struct page *p)
{
	return (int32_t)GET(k, &p->object, page, mapcount);
}

/* What a frame is used for, by the page's own words. */
enum page_use {
	PAGE_RESERVED,
	PAGE_FREE,   /* the first frame of a free block of the buddy allocator */
	PAGE_UNUSED, /* no reference and no type: inside a free block, on a CPU's list, or never
			given out */
	PAGE_SLAB,
	PAGE_TABLE,
	PAGE_ANON,
	PAGE_KSM,
	PAGE_FILE, /* page cache, shared memory included */
	PAGE_HUGETLB,
	PAGE_GUARD,
	PAGE_OFFLINE,
	PAGE_TAIL,   /* of a compound page: its head says the rest */
	PAGE_KERNEL, /* in use by the kernel, no more is known of it */
	PAGE_POOL,   /* of a page_pool: a network device receives into it */
	PAGE_DEVICE, /* a device's memory: ZONE_DEVICE */
	PAGE_USE_COUNT
};
enum page_use page_use(struct kernel *k, const struct page *p);
const char *page_use_name(enum page_use use);
/* The members of struct page (its unions', too) that count for a page of this use, by what this kernel has, each with its value; how many. Those of
 * a compound page's tails stand in the tail pages. */
struct page_member {
	const char *name; /* its path */
	uint64_t page, value; /* in which struct page */
};
#define PAGE_MEMBERS_MAX 16
size_t page_members(struct kernel *k, const struct page *p, enum page_use use, struct page_member out[PAGE_MEMBERS_MAX]);
/* The function that will free the page once RCU lets it: the page's words hold the callback. 0: it does not wait. */
uint64_t page_rcu_function(struct kernel *k, const struct page *p);
bool page_is_buddy(struct kernel *k, const struct page *p);
/* Does a free block's first page say so? Until 2.6.16 only the free lists and the buddy bitmaps knew. After pages_open(). */
bool page_marks_free(struct kernel *k);
bool page_is_tail(struct kernel *k, const struct page *p);

/* PAGE_MAPPING_ANON, PAGE_MAPPING_MOVABLE: include/linux/page-flags.h. */
#define PAGE_MAPPING_ANON    1ull
#define PAGE_MAPPING_MOVABLE 2ull
#define PAGE_MAPPING_FLAGS   3ull

#endif
