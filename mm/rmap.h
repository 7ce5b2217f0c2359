/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reverse mapping: from a page to the places that map it (mm/rmap.c, include/linux/rmap.h). Three roads lead there: anon_vma for
 * anonymous pages, the stable node for those that KSM merged, i_mmap for pages of files; each gives areas where the page may
 * be mapped, and the page tables say whether it is (page_vma_mapped_walk()). rmap_scan() finds the same the other way about, in all
 * page tables.
 */
#ifndef MM_RMAP_H
#define MM_RMAP_H

#include "mm/frames.h"
#include "mm/vma.h"

enum rmap_kind {
	RMAP_OUTSIDE, /* no page that reverse mapping covers: `outside` says what it is */
	RMAP_ANON,    /* object: anon_vma */
	RMAP_KSM,     /* object: stable node */
	RMAP_FILE,    /* object: address_space */
};

struct rmap_page {
	uint64_t pfn, page; /* frame, struct page */
	struct folio folio; /* the compound page that it is of, or itself */
	enum rmap_kind kind;
	uint64_t object;
	uint64_t index; /* page offset: within the file, or as an anonymous area counts (vm_pgoff) */
	const char *outside; /* of RMAP_OUTSIDE: "the zero page", … */
	bool swapcache;
	bool unmapped; /* its own count says that nobody maps it: then `object` may be an anon_vma that is gone */
};

/* ERR_UNSUPPORTED, with what it is, when this kernel's types lack something for what follows here; every function looks itself. */
struct error *rmap_known(struct kernel *k) MUST_CHECK;
/* What rmap knows of a frame. ERR_NOT_FOUND when it has no struct page; ERR_BAD_OBJECT for one whose words cannot be. */
struct error *rmap_page_open(struct kernel *k, uint64_t pfn, struct rmap_page *out) MUST_CHECK;
/* "anonymous", "KSM", "file", "" */
const char *rmap_kind_name(enum rmap_kind kind);

/* Does this kernel have any of the structures that rmap_walk() goes by? Else rmap_scan() alone finds mappings. */
bool rmap_exists(const struct kernel *k);

struct rmap_mapping {
	const struct vma *vma; /* good until the visitor returns */
	uint64_t address;      /* of the page in its process */
	uint64_t entry, entry_addr; /* the leaf, and where it stands (physical) */
	unsigned level;		    /* of the leaf in geometry.level[]: a huge page maps more than this page */
	enum leaf_kind kind;	    /* LEAF_PAGE, or LEAF_DEVICE_…: mapped as far as rmap counts; LEAF_MIGRATION: not counted */
};

/* Gets each mapping; returns false to end. */
typedef bool rmap_visitor(void *context, const struct rmap_mapping *mapping);

/*
 * The places where the page may be, as rmap_walk() goes: visit() gets the area, the address that the page has there, and the
 * anon_vma_chain that led to it (0: none, a file's area). Errors: ERR_BAD_LIST, ERR_BAD_OBJECT for damaged trees (places given
 * before are good), ERR_UNSUPPORTED where a kernel has other structures, ERR_INTERRUPTED. Nothing for RMAP_OUTSIDE.
 */
typedef bool rmap_place_visitor(void *context, const struct vma *vma, uint64_t address, uint64_t anon_vma_chain);
struct error *rmap_for_each_place(struct kernel *k, const struct rmap_page *page, rmap_place_visitor *visit,
				  void *context) MUST_CHECK;

/*
 * Is the page mapped at `address` of that area? Then *out says how. Entries that only name it (migration, device) count as
 * out->kind says. ERR as mm_pgd(); a page table that is not in the image: ERR_NOT_IN_IMAGE or ERR_EXCLUDED.
 */
struct error *rmap_check_place(struct kernel *k, const struct rmap_page *page, const struct vma *vma, uint64_t address,
			       struct rmap_mapping *out, bool *found) MUST_CHECK;

/* Both: every mapping of the page, each once. Errors as theirs. */
struct error *rmap_walk(struct kernel *k, const struct rmap_page *page, rmap_visitor *visit, void *context) MUST_CHECK;

/*
 * Every entry of any process's page tables that maps a frame in [first, end), or names it: mm by mm, ascending by address. A huge entry comes
 * once for each of its frames in the range. Here LEAF_RAW and LEAF_ZERO come too (rmap covers neither). Damaged areas of one mm do not end the
 * others: the first such error is returned in the end.
 */
typedef bool rmap_scan_visitor(void *context, uint64_t pfn, const struct rmap_mapping *mapping);
struct error *rmap_scan(struct kernel *k, uint64_t first, uint64_t end, rmap_scan_visitor *visit, void *context) MUST_CHECK;

#endif
