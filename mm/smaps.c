/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/smaps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"
#include "core/symbols.h"
#include "mm/frames.h"
#include "mm/rmap.h"
#include "mm/shmem.h"
#include "mm/state.h"
#include "mm/swap.h"
#include "mm/task.h"
#include "mm/vma_pages.h"

/* What pages have in common. */
enum {
	KIND_ANON = 1,
	KIND_KSM = 2,
	KIND_SWAPBACKED = 4,
	KIND_DIRTY = 8,
	KIND_REFERENCED = 16,
	KIND_SHARED = 32,
};

/* Pages of one kind that are mapped equally often, as neighbours mostly are: they are added up together. */
struct run {
	unsigned kind;
	int32_t mapcount;
	uint64_t pages;
};

/* What the passes over pages ask of each, at hand: where its words stand, and masks of the bits of page.flags. */
struct page_reader {
	bool wide;	      /* words have 8 bytes, not 4 */
	bool anon_by_pointer; /* 2.4: an anonymous page is one without a mapping, or in the swap cache */
	uint32_t flags_at, mapping_at, refcount_at, mapcount_at, tail_at;
	uint64_t head, tail, dirty, referenced, swapbacked, swapcache; /* tail: in the word at tail_at */
	uint64_t mapping_bits; /* those of page.mapping that matter */
	const uint32_t *counts; /* mappings of each frame, where the kernel does not count them */
	uint64_t count_end;
};

struct gather {
	struct kernel *k;
	struct frames *frames;
	const struct vma *vma;
	struct smaps *s;
	uint64_t page_bytes;
	uint64_t dirty_bits; /* of an entry */
	bool locked;
	struct page_reader reader;
	struct frame_piece near; /* where the last struct page was */
	struct folio folio; /* the compound page seen last */
	bool has_folio;
	struct swap_area area; /* of the swap entry seen last; addr 0: none */
	struct shmem_swapped *shmem; /* what of the file is swapped out and must be looked for in empty entries */
	size_t shmem_at;
	struct error *error;
};

/* ---- Found out once ---- */

struct smaps_facts {
	bool has_keys;	     /* the processor has protection keys, in use */
	bool counts_shmem;   /* swapped shared memory is swap (since 4.5) */
};

void smaps_facts_free(struct smaps_facts *f)
{
	free(f);
}

/* X86_FEATURE_OSPKE: word 16, bit 4 (arch/x86/include/asm/cpufeatures.h) */
static bool has_protection_keys(struct kernel *k)
{
	uint64_t data = symbol_addr(k, "boot_cpu_data"), word;
	return data && HAS(k, cpuinfo_x86, x86_capability) &&
	       k->members[M_cpuinfo_x86_x86_capability].total >= 17 * 4 &&
	       !error_drop(kernel_read_uint(k, data + OFFSET(k, cpuinfo_x86, x86_capability) + 16 * 4, 4, &word)) &&
	       word >> 4 & 1;
}

static const struct smaps_facts *facts(struct kernel *k)
{
	struct mm_state *s = mm_state(k);
	if (!s->smaps) {
		s->smaps = calloc(1, sizeof(*s->smaps));
		if (!s->smaps)
			abort();
		s->smaps->has_keys = has_protection_keys(k);
		s->smaps->counts_shmem = symbol_addr(k, "shmem_swap_usage");
	}
	return s->smaps;
}

/* ---- Mappings counted ---- */

struct map_counts {
	uint64_t end;
	uint32_t *count;
};

void map_counts_free(struct map_counts *c)
{
	if (c)
		free(c->count);
	free(c);
}

static bool count_mapping(void *context, uint64_t pfn, const struct rmap_mapping *mapping)
{
	struct map_counts *c = context;
	if (pfn < c->end && mapping->kind == LEAF_PAGE)
		c->count[pfn]++;
	return true;
}

static struct error *count_mappings(struct gather *g)
{
	struct mm_state *s = mm_state(g->k);
	uint64_t pfn, end, page;
	if (!s->map_counts) {
		struct map_counts *c = calloc(1, sizeof(*c));
		if (!c)
			abort();
		for (size_t i = 0; page_run(g->k, i, &pfn, &end, &page); i++)
			c->end = end;
		c->count = calloc(c->end + 1, sizeof(*c->count));
		struct error *e = c->count ? rmap_scan(g->k, 0, c->end, count_mapping, c)
					   : error_new(ERR_NO_MEMORY, "out of memory");
		if (e) {
			map_counts_free(c);
			return e;
		}
		s->map_counts = c;
	}
	g->reader.counts = s->map_counts->count;
	g->reader.count_end = s->map_counts->end;
	return NULL;
}

/* ---- Pages: smaps_account(), smaps_page_accumulate() ---- */

static void add_bytes(struct gather *g, unsigned kind, uint64_t size, uint64_t pss)
{
	struct smaps *s = g->s;
	bool dirty = kind & KIND_DIRTY, shared = kind & KIND_SHARED;
	s->resident += size;
	s->pss += pss;
	if (kind & KIND_ANON) {
		s->anonymous += size;
		s->pss_anon += pss;
		if (!(kind & (KIND_SWAPBACKED | KIND_DIRTY)))
			s->lazyfree += size;
	} else if (kind & KIND_SWAPBACKED) {
		s->pss_shmem += pss;
	} else {
		s->pss_file += pss;
	}
	if (kind & KIND_KSM)
		s->ksm += size;
	if (kind & KIND_REFERENCED)
		s->referenced += size;
	if (g->locked)
		s->pss_locked += pss;
	if (dirty)
		s->pss_dirty += pss;
	if (shared)
		*(dirty ? &s->shared_dirty : &s->shared_clean) += size;
	else
		*(dirty ? &s->private_dirty : &s->private_clean) += size;
}

static __attribute__((noinline)) void end_run(struct gather *g, struct run run)
{
	uint32_t share = (uint32_t)(g->page_bytes << SMAPS_PSS_SHIFT);
	if (run.mapcount >= 2)
		share /= (uint32_t)run.mapcount;
	add_bytes(g, run.kind, run.pages * g->page_bytes, run.pages * share);
}

static inline void add_to_run(struct gather *g, struct run *run, unsigned kind, int32_t mapcount)
{
	if (kind != run->kind || mapcount != run->mapcount) {
		end_run(g, *run);
		*run = (struct run){kind, mapcount, 0};
	}
	run->pages++;
}

static void make_reader(struct gather *g)
{
	const struct frames *f = g->frames;
	g->reader = (struct page_reader){
		.wide = g->k->wide,
		.anon_by_pointer = !HAS_STRUCT(g->k, anon_vma),
		.flags_at = f->flags_at,
		.mapping_at = f->mapping_at,
		.refcount_at = f->refcount_at,
		.mapcount_at = f->mapcount_at,
		.tail_at = f->tails_by_flag ? f->flags_at : f->compound_head_at,
		.head = f->head,
		.tail = f->tails_by_flag ? f->tail : 1,
		.dirty = f->dirty,
		.referenced = f->young | f->referenced,
		.swapbacked = f->swapbacked,
		.swapcache = f->swapcache,
		.mapping_bits = HAS_STRUCT(g->k, anon_vma) ? PAGE_MAPPING_FLAGS : UINT64_MAX,
	};
}

/* `young`, `dirty`: bits of the entry, or 0. */
static inline unsigned page_kind(const struct page_reader *r, uint64_t flags, uint64_t mapping, uint64_t young, uint64_t dirty)
{
	unsigned kind = (flags & r->swapbacked ? KIND_SWAPBACKED : 0) | (dirty | (flags & r->dirty) ? KIND_DIRTY : 0) |
			(young | (flags & r->referenced) ? KIND_REFERENCED : 0);
	if (__builtin_expect(r->anon_by_pointer, 0))
		return kind | (!mapping || flags & r->swapcache ? KIND_ANON : 0);
	return kind | (mapping & PAGE_MAPPING_ANON ? KIND_ANON : 0) |
	       ((mapping & PAGE_MAPPING_FLAGS) == PAGE_MAPPING_FLAGS ? KIND_KSM : 0);
}

/* What of a page and its entry tells what it is. */
struct page_words {
	uint64_t flags, mapping, tail;
	uint64_t young, dirty; /* bits of the entry, or 0 */
	uint32_t refcount, mapcount;
};

static inline struct page_words read_words(const struct page_reader *r, const unsigned char *page, uint64_t young, uint64_t dirty,
					   bool wide)
{
	const unsigned size = wide ? 8 : 4;
	return (struct page_words){
		.flags = load_uint(page + r->flags_at, size),
		.mapping = load_uint(page + r->mapping_at, size) & r->mapping_bits,
		.tail = load_uint(page + r->tail_at, size) & r->tail,
		.young = young,
		.dirty = dirty,
		.refcount = (uint32_t)load_uint(page + r->refcount_at, 4),
		.mapcount = (uint32_t)load_uint(page + r->mapcount_at, 4),
	};
}

static inline bool same_words(const struct page_words *a, const struct page_words *b)
{
	return !((a->flags ^ b->flags) | (a->mapping ^ b->mapping) | (a->tail ^ b->tail) | (a->young ^ b->young) | (a->dirty ^ b->dirty) |
		 (a->refcount ^ b->refcount) | (a->mapcount ^ b->mapcount));
}

/* A page that is part of no compound page. */
static void single_run(const struct page_reader *r, uint64_t pfn, const struct page_words *w, bool present, struct run *out)
{
	int32_t mapcount = 1;
	if (r->counts)
		mapcount = pfn < r->count_end ? (int32_t)r->counts[pfn] : 0;
	else if (present && w->refcount != 1) /* One reference is that of the one mapping. */
		mapcount = (int32_t)w->mapcount + 1;
	*out = (struct run){page_kind(r, w->flags, w->mapping, w->young, w->dirty) | (mapcount >= 2 ? KIND_SHARED : 0), mapcount, 1};
}

/* The compound page of a frame; NULL when its words cannot be. */
static const struct folio *folio_of(struct gather *g, uint64_t pfn)
{
	if (!g->has_folio || pfn - g->folio.pfn >= 1ull << g->folio.order)
		g->has_folio = folio_open(g->frames, pfn, &g->folio);
	return g->has_folio ? &g->folio : NULL;
}

static void page_missing(struct gather *g, uint64_t pfn)
{
	uint64_t page;
	if (!g->error && pfn_to_page(g->k, pfn, &page))
		g->error = error_at(ERR_NOT_IN_IMAGE, page,
				    "struct page %016" PRIx64 " is not in the image, or damaged: the counts are too low", page);
}

/* So many pages of a compound page from `pfn` on: one mapped by itself, or all of them together. */
static void add_compound(struct gather *g, const struct folio *folio, uint64_t pfn, uint64_t pages, uint64_t young, uint64_t dirty,
			 bool present)
{
	unsigned kind = page_kind(&g->reader, folio->flags, folio->mapping, young, dirty);
	struct run run = {0};
	if (!present || frame_count(folio->head, g->reader.refcount_at) == 1) {
		/* The kernel shifts an unsigned long: of 32 bits, it loses all of a huge page. */
		uint64_t size = pages * g->page_bytes, pss = size << SMAPS_PSS_SHIFT;
		add_bytes(g, kind, size, g->reader.wide ? pss : (uint32_t)pss);
		return;
	}
	if (g->frames->counts_whole) { /* and looked at as a whole, too */
		uint32_t mapcount = folio->entire_mapcount >= 2 ? (uint32_t)folio->entire_mapcount : 1;
		uint64_t size = pages * g->page_bytes;
		add_bytes(g, kind | (mapcount >= 2 ? KIND_SHARED : 0), size, (size << SMAPS_PSS_SHIFT) / mapcount);
		return;
	}
	for (; pages; pages--, pfn++) {
		const unsigned char *page = frame_page(g->frames, pfn);
		if (!page) {
			page_missing(g, pfn);
			break;
		}
		int32_t mapcount = folio_page_mapcount(g->frames, folio, page);
		bool shared = folio->no_page_mapcounts ? folio->maybe_mapped_shared : mapcount >= 2;
		add_to_run(g, &run, kind | (shared ? KIND_SHARED : 0), mapcount);
	}
	end_run(g, run);
}

static void add_page(struct gather *g, uint64_t pfn, uint64_t young, uint64_t dirty, bool present)
{
	const struct page_reader *r = &g->reader;
	const unsigned char *page = frame_page(g->frames, pfn);
	const struct folio *folio;
	struct run run;
	if (!page) {
		page_missing(g, pfn);
		return;
	}
	struct page_words w = read_words(r, page, young, dirty, r->wide);
	if (!(w.flags & r->head) && !w.tail) {
		single_run(r, pfn, &w, present, &run);
		end_run(g, run);
	} else if ((folio = folio_of(g, pfn))) {
		add_compound(g, folio, pfn, 1, young, dirty, present);
	} else {
		page_missing(g, pfn);
	}
}

/* ---- Entries ---- */

static void add_swap(struct gather *g, uint64_t entry)
{
	struct swap_entry e;
	g->s->swap += g->page_bytes;
	swap_entry_decode(g->k, entry, &e);
	if ((!g->area.addr || g->area.type != e.type) && !swap_area_get(g->k, e.type, &g->area))
		g->area.addr = 0;
	uint64_t count = g->area.addr ? swap_slot_count(g->k, &g->area, e.offset) : 1;
	uint64_t pss = g->page_bytes << SMAPS_PSS_SHIFT;
	g->s->swap_pss += count >= 2 ? pss / count : pss;
}

/* An entry of the last level that is no ordinary page: smaps_pte_entry()'s other branches. */
static void add_odd_entry(struct gather *g, uint64_t entry, unsigned level)
{
	struct leaf_page leaf;
	leaf_page(g->frames, g->vma->flags, entry, level, &leaf);
	switch (leaf.kind) {
	case LEAF_PAGE: /* PROT_NONE */
		add_page(g, leaf.pfn, entry & X86_ACCESSED, entry & g->dirty_bits, true);
		break;
	case LEAF_SWAP:
		add_swap(g, entry);
		break;
	case LEAF_DEVICE_PRIVATE:
		add_page(g, leaf.pfn, false, false, true);
		break;
	case LEAF_MIGRATION:
	case LEAF_DEVICE_EXCLUSIVE:
		add_page(g, leaf.pfn, false, false, false);
		break;
	default:
		break;
	}
}

/* Shared memory that is swapped out stands in the file's tree, not in the page table. */
static void add_shmem_swap(struct gather *g, uint64_t start, uint64_t end, const struct piece *entries)
{
	const unsigned shift = g->k->arch->page_shift;
	struct shmem_swapped *w = g->shmem;
	for (; g->shmem_at < w->count; g->shmem_at++) {
		uint64_t at = g->vma->start + ((w->index[g->shmem_at] - g->vma->pgoff) << shift);
		if (at >= end)
			break;
		if (at >= start && (!entries || !piece_entry(g->k, entries, (at - start) >> shift)))
			g->s->swap += g->page_bytes;
	}
}

/*
 * In portions: first entries are read and their struct pages sent for, then these are looked at, which by then stand in the caches. One by one, each
 * would be waited for.
 */
#define PORTION 32

struct present_entry {
	uint64_t entry;
	const unsigned char *page; /* NULL: not near */
};

/* Up to PORTION present entries of ordinary pages from entry *at on; what others stand between is added. */
static inline unsigned find_present(struct gather *g, const struct piece *p, uint64_t *at, uint64_t count, struct present_entry *found)
{
	const unsigned shift = g->k->arch->page_shift, size = g->k->geometry.entry_size == 8 ? 8 : 4;
	const uint64_t zero = g->frames->zero_pfn, mask = g->k->geometry.frame_mask;
	struct frame_piece near = g->near;
	uint64_t i = *at;
	unsigned n = 0;
	for (; i < count && n < PORTION; i++) {
		uint64_t entry = load_uint(p->entries + i * size, size), pfn = (entry & mask) >> shift;
		if ((entry & (X86_PRESENT | X86_SPECIAL)) == X86_PRESENT && pfn != zero) {
			found[n].entry = entry;
			found[n].page = frame_piece_page(g->frames, pfn, &near);
			__builtin_prefetch(found[n++].page);
		} else if (entry) {
			add_odd_entry(g, entry, p->level);
		}
	}
	g->near = near;
	*at = i;
	return n;
}

static inline __attribute__((always_inline)) void add_entries(struct gather *g, const struct piece *p, bool wide)
{
	const struct page_reader r = g->reader;
	const unsigned shift = g->k->arch->page_shift;
	const uint64_t dirty_bits = g->dirty_bits, mask = g->k->geometry.frame_mask, count = (p->end - p->start) >> shift;
	struct present_entry found[2][PORTION];
	struct page_words last = {0};
	struct run run = {0};
	uint64_t at = 0;
	unsigned n = find_present(g, p, &at, count, found[0]), next;
	for (unsigned turn = 0; n; n = next, turn ^= 1) {
		next = find_present(g, p, &at, count, found[turn ^ 1]);
		for (const struct present_entry *f = found[turn]; f < found[turn] + n; f++) {
			uint64_t young = f->entry & X86_ACCESSED, dirty = f->entry & dirty_bits, pfn = (f->entry & mask) >> shift;
			if (!f->page) {
				add_page(g, pfn, young, dirty, true);
				continue;
			}
			struct page_words w = read_words(&r, f->page, young, dirty, wide);
			/* Where mappings were counted for each frame, no page is like another. */
			if (run.pages && !r.counts && same_words(&w, &last)) {
				run.pages++;
			} else if (w.flags & r.head || w.tail) {
				add_page(g, pfn, young, dirty, true);
			} else {
				end_run(g, run);
				single_run(&r, pfn, &w, true, &run);
				last = w;
			}
		}
	}
	end_run(g, run);
}

static void add_table(struct gather *g, const struct piece *p)
{
	if (g->reader.wide)
		add_entries(g, p, true);
	else
		add_entries(g, p, false);
}

/* smaps_pmd_entry() */
static void add_huge(struct gather *g, const struct piece *p)
{
	const struct pagetable_geometry *geometry = &g->k->geometry;
	struct leaf_page leaf;
	uint64_t size = 1ull << geometry->level[p->level].shift;
	leaf_page(g->frames, g->vma->flags, p->entry, p->level, &leaf);
	if (leaf.kind != LEAF_PAGE && leaf.kind != LEAF_MIGRATION)
		return;
	const struct folio *folio = folio_of(g, leaf.pfn);
	if (!folio) {
		page_missing(g, leaf.pfn);
		return;
	}
	if (folio->mapping & PAGE_MAPPING_ANON)
		g->s->anonymous_thp += size;
	else if (folio->flags & g->frames->swapbacked)
		g->s->shmem_thp += size;
	else
		g->s->file_thp += size;
	bool present = leaf.kind == LEAF_PAGE;
	uint64_t bits = present ? p->entry : 0;
	add_compound(g, folio, folio->pfn, 1ull << folio->order, bits & X86_ACCESSED, bits & g->dirty_bits, present);
}

/* hugetlb_pmd_shared(): is the table of entries shared with other processes? */
static bool table_is_shared(struct gather *g, const struct piece *p)
{
	struct kernel *k = g->k;
	const unsigned char *table = frame_page(g->frames, phys_to_pfn(k, p->entry_addr));
	if (!table)
		return false;
	if (HAS(k, page, pt_share_count))
		return frame_get(g->frames, table, M_page_pt_share_count) != 0;
	return (int32_t)frame_get(g->frames, table, M_page_refcount) > 1;
}

/* smaps_hugetlb_range() */
static void add_hugetlb(struct gather *g, const struct piece *p)
{
	struct leaf_page leaf;
	uint64_t size = 1ull << g->k->geometry.level[p->level].shift;
	leaf_page(g->frames, g->vma->flags, p->entry, p->level, &leaf);
	if (leaf.kind != LEAF_PAGE && leaf.kind != LEAF_MIGRATION)
		return;
	const struct folio *folio = folio_of(g, leaf.pfn);
	if (!folio) {
		page_missing(g, leaf.pfn);
		return;
	}
	/* A page that moves may be shared, says a kernel since 6.9. */
	bool shared = folio->entire_mapcount >= 2 || table_is_shared(g, p) ||
		      (leaf.kind == LEAF_MIGRATION && HAS(g->k, folio, large_mapcount));
	*(shared ? &g->s->shared_hugetlb : &g->s->private_hugetlb) += size;
}

static struct error *walk_pages(struct gather *g)
{
	struct piece_walk w;
	struct piece p;
	uint64_t pgd;
	bool hugetlb = g->vma->flags & VM_HUGETLB;
	TRY(mm_pgd(g->k, g->vma->mm, &pgd));
	piece_walk_begin(&w, g->k, pgd, g->vma->start, g->vma->end);
	while (piece_walk_next(&w, &p)) {
		TRY(check_interrupt());
		if (g->shmem && p.kind != PIECE_HUGE)
			add_shmem_swap(g, p.start, p.end, p.kind == PIECE_ENTRIES ? &p : NULL);
		if (p.kind == PIECE_ENTRIES)
			add_table(g, &p);
		else if (p.kind == PIECE_HUGE || p.kind == PIECE_ABSENT)
			hugetlb ? add_hugetlb(g, &p) : add_huge(g, &p);
		else if (p.kind == PIECE_UNREADABLE && !g->error)
			g->error = error_at(ERR_NOT_IN_IMAGE, p.phys,
					    "page table at %" PRIx64 " is not in the image: the counts are too low", p.phys);
	}
	return NULL;
}

/* ---- An area ---- */

uint64_t vma_inode(struct kernel *k, const struct vma *vma)
{
	uint64_t inode = 0, dentry;
	if (!vma->file)
		return 0;
	if (HAS(k, file, f_inode))
		error_drop(kernel_get(k, vma->file, M_file_f_inode, &inode));
	else if (!error_drop(kernel_get(k, vma->file, M_file_dentry, &dentry)))
		error_drop(kernel_get(k, dentry, M_dentry_d_inode, &inode));
	return inode;
}

/* vma_kernel_pagesize(): the size of its hstate's pages (include/linux/hugetlb.h). */
static uint64_t page_size_of(struct kernel *k, const struct vma *vma)
{
	uint64_t inode, sb, info, hstate, order, small = 1ull << k->arch->page_shift;
	if (!(vma->flags & VM_HUGETLB) || !(inode = vma_inode(k, vma)) ||
	    error_drop(kernel_get(k, inode, M_inode_i_sb, &sb)) ||
	    error_drop(kernel_get(k, sb, M_super_block_s_fs_info, &info)) ||
	    error_drop(kernel_get(k, info, M_hugetlbfs_sb_info_hstate, &hstate)) ||
	    error_drop(kernel_get(k, hstate, M_hstate_order, &order)) || order > 30)
		return small;
	return small << order;
}

/*
 * Shared memory: swapped pages of the whole mapping are added at once, where the area cannot have copies of its own; else they
 * count where the area has an empty entry (since 4.5).
 */
static struct error *begin_shmem(struct gather *g, struct shmem_swapped *swapped)
{
	const struct vma *vma = g->vma;
	const unsigned shift = g->k->arch->page_shift;
	uint64_t inode = vma_inode(g->k, vma), pages;
	if (!inode || !facts(g->k)->counts_shmem || !inode_is_shmem(g->k, inode))
		return NULL;
	TRY(shmem_swap_usage(g->k, inode, vma->pgoff, (vma->end - vma->start) >> shift, &pages));
	if (!pages)
		return NULL;
	if (vma->flags & VM_SHARED || !(vma->flags & VM_WRITE)) {
		g->s->swap += pages << shift;
		return NULL;
	}
	g->shmem = swapped;
	return shmem_swapped_find(g->k, inode, vma->pgoff, (vma->end - vma->start) >> shift, swapped);
}

struct error *smaps_add(struct kernel *k, const struct vma *vma, struct smaps *out)
{
	struct shmem_swapped swapped = {0};
	struct gather g = {
		.k = k,
		.vma = vma,
		.s = out,
		.page_bytes = 1ull << k->arch->page_shift,
		.dirty_bits = x86_dirty_bits(k),
		.locked = vma->flags & VM_LOCKED,
	};
	TRY(frames_open(k, &g.frames));
	make_reader(&g);
	if (!HAS(k, page, mapcount))
		TRY(count_mappings(&g));
	out->size = vma->end - vma->start;
	out->page_size = page_size_of(k, vma);
	struct error *e = begin_shmem(&g, &swapped);
	if (!e)
		e = walk_pages(&g);
	free(swapped.index);
	if (!e)
		return g.error;
	error_drop(g.error);
	return e;
}

bool smaps_protection_key(struct kernel *k, const struct vma *vma, unsigned *key)
{
	/* VM_PKEY_SHIFT is VM_HIGH_ARCH_BIT_0 (include/linux/mm.h). */
	*key = vma->flags >> 32 & 15;
	return facts(k)->has_keys;
}
