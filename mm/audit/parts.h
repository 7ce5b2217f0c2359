/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the audit (mm/audit*.c): what the rules share.
 *
 * The order of mm/audit.c matters: who takes frames (free lists, page tables, kernel mappings) and who refers to them (entries, page cache,
 * per-CPU batches) go first and write into the frames' array; then each struct page is held against what was found.
 */
#ifndef MM_AUDIT_PARTS_H
#define MM_AUDIT_PARTS_H

#include "mm/audit/audit.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "mm/swap.h"
#include "mm/vma.h"
#include "mm/zone.h"

/* What was found of one frame. */
struct audit_frame {
	uint32_t entries; /* page-table entries of this one page */
	uint32_t holders; /* other references found: to the page, or to its compound page at the head */
	uint8_t use;	  /* enum audit_use */
	uint8_t marks;
	uint16_t batch; /* references from per-CPU batches, among the holders */
};
#define MARK_LRU    1  /* on an LRU list */
#define MARK_CACHED 2  /* found in a mapping's tree */
#define MARK_TABLE  4  /* a user page table was found here */
#define MARK_SHARED 8  /* … and it is one of hugetlb that processes share */
#define MARK_MINE   16 /* mapped by the mm that was asked for */
#define MARK_BUSY   32 /* mapped by an mm whose tables are locked */
#define MARK_SWAP   64 /* found in the swap cache's tree */
#define MARK_TYPED  128

struct audit_run {
	uint64_t pfn, end, page;
	size_t first; /* index of pfn's frame */
};

struct audit_mm {
	uint64_t addr;
	bool busy; /* a lock of its is held */
	bool unseen; /* no task has it (mm/audit/unseen.c): busy, and nothing is said of it */
	struct audit_area {
		uint64_t start, end, flags, addr, anon_vma, file, pgoff, anon_pgoff, mapping;
	} *areas;
	size_t area_count, area_allocated;
	struct error *damage; /* what ended the walk of its areas */
};

/* Flag bits of struct page that rules look at; -1: none. */
struct audit_bits {
	int locked, lru, head, reserved, swapbacked, swapcache, private1, private2, unevictable, active, writeback, mlocked, double_map, compound_lock,
		slab, special, isolated, buddy;
};

struct audit {
	struct kernel *k;
	const struct audit_options *options;
	struct audit_report *report;
	const struct page_words *words;
	struct audit_bits bit;
	uint32_t page_size; /* of struct page */
	bool old_counts;    /* 2.4: no _mapcount; reserved pages are not counted */

	struct audit_run *runs;
	size_t run_count, last_run;
	struct audit_frame *frames;
	size_t frame_count;
	uint32_t *huge; /* entries of a whole huge page, by its frame >> huge_shift */
	size_t huge_count;
	unsigned huge_shift; /* from frames to pages of the last level but one */
	uint64_t zero_pfn, huge_zero_pfn; /* UINT64_MAX: none */

	struct audit_mm *mms;
	size_t mm_count;

	/* mappings (address_space) that pages name: a set, by open addressing */
	struct audit_mapping {
		uint64_t addr;
		uint64_t pages; /* frames that say they are of it */
	} *mappings;
	size_t mapping_count, mapping_slots;

	/* users of swap slots found, by area; SLOT_CACHED: a page of the swap cache */
	struct audit_swap {
		uint32_t *users;
		uint64_t slots;
	} swap[32];
#define SLOT_CACHED 0x80000000u

	/* which areas belong to an anon_vma, and to a mapping; sorted */
	struct audit_links {
		struct audit_link {
			uint64_t tree, area; /* anon_vma or address_space; vm_area_struct */
			const struct audit_mm *mm;
		} *links;
		size_t count, allocated;
	} anon_links, file_links;
	bool has_rmap;
	bool lists_damaged; /* a free list could not be read to its end: what is not on one may be free all the same */

	/* sums of the frames' pass: by zone (zones_get()), by node */
	struct audit_sums *zone_sums;

	/* what a line is about, set by rules before they speak; 0, NULL, UINT64_MAX: nothing of the kind */
	uint64_t about_mm, about_pfn;
	const char *about_zone;
};

/* Frames of a zone, as vmstat counts them. */
enum audit_sum {
	SUM_LRU, /* five: inactive and active anonymous, inactive and active file, unevictable */
	SUM_ANON_MAPPED = SUM_LRU + 5,
	SUM_FILE_MAPPED,
	SUM_FILE_PAGES,
	SUM_SHMEM,
	SUM_SLAB,
	SUM_TABLES,
	SUM_SWAPCACHE,
	SUM_ANON_THPS,	     /* huge pages that huge entries map, anonymous ones */
	SUM_SHMEM_PMDMAPPED, /* … of shared memory */
	SUM_FILE_PMDMAPPED,  /* … of files */
	SUM_SHMEM_THPS,	     /* huge pages in the page cache, of shared memory */
	SUM_FILE_THPS,	     /* … of files */
	SUM_COUNT
};
struct audit_sums {
	int64_t sum[SUM_COUNT];
};

/* ---- mm/audit.c ---- */

/* A line; findings under a held lock become AUDIT_BUSY. Dropped when it is not about what was asked for. */
void audit_say(struct audit *a, enum audit_rule rule, enum audit_line_kind kind, uint64_t addr, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
#define audit_find(a, rule, addr, ...) audit_say(a, rule, AUDIT_FINDING, addr, __VA_ARGS__)
/* Consumes the error of a walk: what is damaged or missing becomes a finding, what this kernel lacks the reason to skip the rule; interrupts and
 * want of memory are handed on. */
struct error *audit_take(struct audit *a, enum audit_rule rule, uint64_t addr, struct error *e) MUST_CHECK;
void audit_skip(struct audit *a, enum audit_rule rule, const char *format, ...) __attribute__((format(printf, 3, 4)));
static inline void audit_checked(struct audit *a, enum audit_rule rule, uint64_t n)
{
	a->report->rule[rule].checked += n;
}

struct audit_frame *audit_frame_far(struct audit *a, uint64_t pfn);
/* What is kept of a frame; NULL when it has no struct page. */
static inline struct audit_frame *audit_frame(struct audit *a, uint64_t pfn)
{
	const struct audit_run *r = &a->runs[a->last_run];
	return __builtin_expect(pfn - r->pfn < r->end - r->pfn, 1) ? &a->frames[r->first + (pfn - r->pfn)] : audit_frame_far(a, pfn);
}
uint32_t *audit_huge(struct audit *a, uint64_t pfn);
/* Gives a frame its use. A frame that has another is a finding of FRAMES when `firm` (else it keeps what it has). */
void audit_claim(struct audit *a, uint64_t pfn, uint64_t count, enum audit_use use, bool firm);
/* Is the lock word at the member of this object taken? False where this kernel has no such word. */
bool audit_locked(struct audit *a, uint64_t object, enum member_id word);
/* The struct page of a frame, opened; false when it cannot be had. */
bool audit_page(struct audit *a, uint64_t pfn, struct page *p);
static inline bool audit_has_bit(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}
static inline bool audit_in_swap_cache(const struct audit *a, const struct page *p)
{
	return audit_has_bit(p, a->bit.swapcache) && (!a->words->swapcache_is_shared || audit_has_bit(p, a->bit.swapbacked));
}
/* Makes room for element `count`, of `size` bytes each. */
struct error *audit_grow(void **array, size_t count, size_t *allocated, size_t size) MUST_CHECK;
/* A mapping that a page names. */
struct error *audit_mapping_add(struct audit *a, uint64_t mapping, uint64_t pages) MUST_CHECK;

/* ---- The parts, in order ---- */

struct error *audit_free_lists(struct audit *a) MUST_CHECK;   /* mm/audit/free.c */
struct error *audit_kernel_space(struct audit *a) MUST_CHECK; /* mm/audit/kernel.c */
struct error *audit_areas(struct audit *a) MUST_CHECK;	      /* mm/audit/mm.c */
struct error *audit_tables(struct audit *a) MUST_CHECK;	      /* mm/audit/tables.c */
struct error *audit_waiting_tables(struct audit *a) MUST_CHECK; /* mm/audit/waiting.c; before the frames */
struct error *audit_slabs(struct audit *a) MUST_CHECK;	      /* mm/audit/slab.c */
struct error *audit_cache(struct audit *a) MUST_CHECK;	      /* mm/audit/cache.c */
struct error *audit_swap(struct audit *a) MUST_CHECK;	      /* mm/audit/swap.c */
struct error *audit_lru(struct audit *a) MUST_CHECK;	      /* mm/audit/lru.c */
struct error *audit_links(struct audit *a) MUST_CHECK;	      /* mm/audit/rmap.c: areas and their trees, before entries */
struct error *audit_rmap(struct audit *a) MUST_CHECK;	      /* … and the trees themselves */
struct error *audit_frames(struct audit *a) MUST_CHECK;	      /* mm/audit/frames.c */
struct error *audit_counters(struct audit *a) MUST_CHECK;     /* mm/audit/counters.c */

#endif
