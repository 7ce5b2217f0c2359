/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Struct pages by frame number, for passes over millions of them: what finding one costs is shared by its neighbours.
 * Beside it, what a page's words mean in this kernel, looked up once.
 */
#ifndef MM_FRAMES_H
#define MM_FRAMES_H

#include "mm/page.h"

#define FRAMES_WINDOWS 4096

struct frames {
	struct kernel *k;
	uint32_t page_size;		       /* bytes of a struct page */
	uint64_t run_pfn, run_count, run_page; /* the run of frames asked for last */
	/* Pages of the array of struct pages that were found, by the low bits of their number. */
	struct {
		uint64_t number; /* virtual address >> 12 */
		const unsigned char *bytes;
	} window[FRAMES_WINDOWS];
	struct object copied; /* of a struct page over two pages */

	/* Where the words that every page is asked for stand in it, in bytes. */
	uint32_t flags_at, mapping_at, refcount_at, mapcount_at, compound_head_at;
	/* Bits of page.flags, as masks; 0 where this kernel has no such flag. */
	uint64_t head, dirty, referenced, young, swapbacked, swapcache, reserved, double_map;
	bool counts_whole;    /* until 4.4: the first page of several counts mappings of all, the others' count is another (PG_compound_lock) */
	bool tails_by_flag;   /* 2.6: tail pages are told by PG_tail, not by the low bit of compound_head */
	uint64_t tail;
	uint64_t zero_pfn, huge_zero_pfn; /* of the zero pages; UINT64_MAX: there is none */
};

/* What this image has, made when first asked for. Errors as pages_open(). */
struct error *frames_open(struct kernel *k, struct frames **out) MUST_CHECK;

const unsigned char *frame_page_far(struct frames *f, uint64_t pfn);

/*
 * The bytes of a frame's struct page, NULL when it has none or the image lacks it. They stay good, but for a struct page over two
 * pages (its size is no power of two): that one until the next call.
 */
static inline const unsigned char *frame_page(struct frames *f, uint64_t pfn)
{
	uint64_t index = pfn - f->run_pfn;
	if (__builtin_expect(index >= f->run_count, 0))
		return frame_page_far(f, pfn);
	uint64_t addr = f->run_page + index * f->page_size, offset = addr & 4095;
	if (__builtin_expect(f->window[(addr >> 12) % FRAMES_WINDOWS].number != addr >> 12 || offset > 4096 - f->page_size, 0))
		return frame_page_far(f, pfn);
	return f->window[(addr >> 12) % FRAMES_WINDOWS].bytes + offset;
}

/*
 * Frames whose struct pages stand in one piece of memory, which stays good: in one page of the array, but for those that reach over its ends. A pass
 * that meets neighbours asks for a piece instead of each.
 */
struct frame_piece {
	uint64_t pfn, count; /* frames; 0: none */
	const unsigned char *bytes;
	uint32_t page_size;
};

/* The piece that has the frame; false, and an empty piece, where frame_page() must be asked. */
bool frame_piece_find(struct frames *f, uint64_t pfn, struct frame_piece *out);

/* Its struct page; NULL when it is in none. */
static inline const unsigned char *frame_piece_page(struct frames *f, uint64_t pfn, struct frame_piece *piece)
{
	uint64_t index = pfn - piece->pfn;
	if (__builtin_expect(index >= piece->count, 0)) {
		if (!frame_piece_find(f, pfn, piece))
			return NULL;
		index = pfn - piece->pfn;
	}
	return piece->bytes + index * piece->page_size;
}

/* A member of a struct page at `bytes`, as GET() has it. */
static inline uint64_t frame_get(const struct frames *f, const unsigned char *bytes, enum member_id id)
{
	const struct object page = {bytes, 0, f->page_size};
	return object_get(f->k, &page, id);
}

/* The same of a word (flags, mapping), and of a count of 32 bits. */
static inline uint64_t frame_word(const struct frames *f, const unsigned char *bytes, uint32_t at)
{
	return load_word(f->k, bytes + at);
}

static inline int32_t frame_count(const unsigned char *bytes, uint32_t at)
{
	return (int32_t)load_uint(bytes + at, 4);
}

/* Is it a page of a compound page, and not its first? */
static inline bool frame_is_tail(const struct frames *f, const unsigned char *bytes)
{
	if (__builtin_expect(f->tails_by_flag, 0))
		return frame_word(f, bytes, f->flags_at) & f->tail;
	return frame_word(f, bytes, f->compound_head_at) & 1;
}

/* A compound page, or a single one: order 0. */
struct folio {
	uint64_t pfn;		  /* of its head */
	uint64_t page;		  /* the head's struct page */
	const unsigned char *head; /* its bytes */
	uint64_t flags;
	uint64_t mapping; /* the word as it stands */
	unsigned order;
	bool hugetlb;
	/* Of a compound page: */
	int32_t entire_mapcount;  /* how often it is mapped as a whole */
	bool no_page_mapcounts;	  /* CONFIG_NO_PAGE_MAPCOUNT: its pages' own counts are not kept */
	int32_t large_mapcount;	  /* all mappings of it and of its parts, where no_page_mapcounts */
	bool maybe_mapped_shared; /* likewise: by more than one process, perhaps */
};

/* The compound page that a frame belongs to; false when its words cannot be had, or cannot be so. */
bool folio_open(struct frames *f, uint64_t pfn, struct folio *out);

/*
 * How often one page is mapped, whole-folio mappings included: page_mapcount() of include/linux/mm.h, folio_precise_page_mapcount()
 * since 6.10 (fs/proc/internal.h). Where single pages are not counted (no_page_mapcounts) the average, as
 * folio_average_page_mapcount(). `page`: of a frame of that folio.
 */
int32_t folio_page_mapcount(const struct frames *f, const struct folio *folio, const unsigned char *page);

/* ---- What a leaf of a page table maps ---- */

enum leaf_kind {
	LEAF_NONE,
	LEAF_PAGE,	       /* an ordinary page, which rmap and counts know: vm_normal_page() (mm/memory.c) */
	LEAF_ZERO,	       /* the zero page, small or huge */
	LEAF_RAW,	       /* a frame as such: VM_PFNMAP, or a special entry */
	LEAF_SWAP,	       /* a swap slot */
	LEAF_MIGRATION,	       /* waits for a page that moves; pfn is where it is now */
	LEAF_DEVICE_PRIVATE,   /* the page lies in a device's memory: pfn */
	LEAF_DEVICE_EXCLUSIVE, /* lent to a device: pfn */
	LEAF_HWPOISON,	       /* a page with a memory error: pfn */
	LEAF_OTHER,	       /* markers, errors: no page */
};

struct leaf_page {
	enum leaf_kind kind;
	uint64_t pfn; /* of the kinds that name a frame: the first one of a huge entry */
};

/* Bits of an entry that software uses: _PAGE_BIT_SPECIAL is _PAGE_BIT_SOFTW1 (arch/x86/include/asm/pgtable_types.h). */
#define X86_SPECIAL (1ull << 9)
/* _PAGE_BIT_SAVED_DIRTY, since 6.6, on x86_64: dirty, where the processor's own bit would make it a shadow stack. Unused before. */
#define X86_SAVED_DIRTY (1ull << 58)

/* pte_dirty(): the bits of an entry that say so. */
static inline uint64_t x86_dirty_bits(const struct kernel *k)
{
	return k->arch->pointer_size == 8 ? X86_DIRTY | X86_SAVED_DIRTY : X86_DIRTY;
}

/* Decodes the entry of `level` in an area with those vm_flags. */
void leaf_page(struct frames *f, uint64_t vm_flags, uint64_t entry, unsigned level, struct leaf_page *out);

#endif
