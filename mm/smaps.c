/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/smaps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"
#include "core/symbols.h"
#include "mm/frames.h"
#include "mm/needs.h"
#include "mm/rmap.h"
#include "mm/shmem.h"
#include "mm/state.h"
#include "mm/swap.h"
#include "mm/task.h"
#include "mm/vma_pages.h"

struct gather {
	struct kernel *k;
	struct frames *frames;
	const struct vma *vma;
	struct smaps *s;
	uint64_t page_bytes;
	uint64_t dirty_bits; /* of an entry */
	bool locked;
	bool anon_by_pointer; /* 2.4: an anonymous page is one without a mapping, or in the swap cache */
	const uint32_t *counts; /* mappings of each frame, where the kernel does not count them */
	uint64_t count_end;
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
	g->counts = s->map_counts->count;
	g->count_end = s->map_counts->end;
	return NULL;
}

/* ---- One page: smaps_account(), smaps_page_accumulate() ---- */

struct page_words {
	uint64_t flags; /* of the head */
	bool anon, ksm;
	int32_t refcount;
};

static inline void accumulate(struct gather *g, const struct page_words *w, uint64_t size, uint64_t pss, bool dirty,
			      bool private)
{
	struct smaps *s = g->s;
	s->pss += pss;
	if (w->anon)
		s->pss_anon += pss;
	else if (w->flags & g->frames->swapbacked)
		s->pss_shmem += pss;
	else
		s->pss_file += pss;
	if (g->locked)
		s->pss_locked += pss;
	if (dirty || w->flags & g->frames->dirty) {
		s->pss_dirty += pss;
		*(private ? &s->private_dirty : &s->shared_dirty) += size;
	} else {
		*(private ? &s->private_clean : &s->shared_clean) += size;
	}
}

/* What depends on the size alone. */
static inline void add_size(struct gather *g, const struct page_words *w, uint64_t size, bool young, bool dirty)
{
	struct smaps *s = g->s;
	const struct frames *f = g->frames;
	if (w->anon) {
		s->anonymous += size;
		if (!(w->flags & f->swapbacked) && !dirty && !(w->flags & f->dirty))
			s->lazyfree += size;
	}
	if (w->ksm)
		s->ksm += size;
	s->resident += size;
	if (young || w->flags & (f->young | f->referenced))
		s->referenced += size;
}

/* A page's share. Of 32 bits: divisions of 64 would be what costs most here. */
static inline uint64_t share(const struct gather *g, int32_t mapcount)
{
	uint32_t pss = (uint32_t)(g->page_bytes << SMAPS_PSS_SHIFT);
	return mapcount >= 2 ? pss / (uint32_t)mapcount : pss;
}

static inline struct page_words words_of(const struct gather *g, uint64_t flags, uint64_t mapping, const unsigned char *head)
{
	struct page_words w = {
		.flags = flags,
		.anon = mapping & PAGE_MAPPING_ANON,
		.ksm = (mapping & PAGE_MAPPING_FLAGS) == PAGE_MAPPING_FLAGS,
		.refcount = frame_count(head, g->frames->refcount_at),
	};
	if (g->anon_by_pointer) {
		w.anon = !mapping || flags & g->frames->swapcache;
		w.ksm = false;
	}
	return w;
}

static inline void add_single(struct gather *g, uint64_t pfn, const unsigned char *page, uint64_t flags, bool young, bool dirty,
		       bool present)
{
	struct page_words w = words_of(g, flags, frame_word(g->frames, page, g->frames->mapping_at), page);
	int32_t mapcount;
	add_size(g, &w, g->page_bytes, young, dirty);
	if (g->counts) {
		mapcount = pfn < g->count_end ? (int32_t)g->counts[pfn] : 0;
	} else if (w.refcount == 1 || !present) {
		/* One reference is that of the one mapping. */
		accumulate(g, &w, g->page_bytes, g->page_bytes << SMAPS_PSS_SHIFT, dirty, true);
		return;
	} else {
		mapcount = frame_count(page, g->frames->mapcount_at) + 1;
	}
	accumulate(g, &w, g->page_bytes, share(g, mapcount), dirty, mapcount < 2);
}

/* The compound page of a frame; NULL when its words cannot be. */
static const struct folio *folio_of(struct gather *g, uint64_t pfn)
{
	if (!g->has_folio || pfn - g->folio.pfn >= 1ull << g->folio.order)
		g->has_folio = folio_open(g->frames, pfn, &g->folio);
	return g->has_folio ? &g->folio : NULL;
}

/* `count` pages of a compound page from `pfn` on: one mapped by itself, or all of them together. */
static void add_compound(struct gather *g, const struct folio *folio, uint64_t pfn, uint64_t count, bool young, bool dirty,
			 bool present)
{
	struct page_words w = words_of(g, folio->flags, folio->mapping, folio->head);
	uint64_t size = count * g->page_bytes;
	add_size(g, &w, size, young, dirty);
	if (w.refcount == 1 || !present) {
		/* The kernel shifts an unsigned long: of 32 bits, it loses all of a huge page. */
		uint64_t pss = size << SMAPS_PSS_SHIFT;
		accumulate(g, &w, size, g->k->arch->pointer_size == 8 ? pss : (uint32_t)pss, dirty, true);
		return;
	}
	for (; count; count--, pfn++) {
		const unsigned char *page = frame_page(g->frames, pfn);
		if (!page)
			return;
		int32_t mapcount = folio_page_mapcount(g->frames, folio, page);
		bool private = folio->no_page_mapcounts ? !folio->maybe_mapped_shared : mapcount < 2;
		accumulate(g, &w, g->page_bytes, share(g, mapcount), dirty, private);
	}
}

static void page_missing(struct gather *g, uint64_t pfn)
{
	uint64_t page;
	if (!g->error && pfn_to_page(g->k, pfn, &page))
		g->error = error_at(ERR_NOT_IN_IMAGE, page,
				    "struct page %016" PRIx64 " is not in the image, or damaged: the counts are too low", page);
}

static inline void add_page(struct gather *g, uint64_t pfn, bool young, bool dirty, bool present)
{
	struct frames *f = g->frames;
	const unsigned char *page = frame_page(f, pfn);
	if (!page) {
		page_missing(g, pfn);
		return;
	}
	uint64_t flags = frame_word(f, page, f->flags_at);
	if (!(flags & f->head) && !frame_is_tail(f, page)) {
		add_single(g, pfn, page, flags, young, dirty, present);
		return;
	}
	const struct folio *folio = folio_of(g, pfn);
	if (folio)
		add_compound(g, folio, pfn, 1, young, dirty, present);
	else
		page_missing(g, pfn);
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
	bool young = entry & X86_ACCESSED, dirty = entry & g->dirty_bits;
	switch (leaf.kind) {
	case LEAF_PAGE: /* PROT_NONE */
		add_page(g, leaf.pfn, young, dirty, true);
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

static void add_table(struct gather *g, const struct piece *p)
{
	const struct pagetable_geometry *geometry = &g->k->geometry;
	const unsigned shift = g->k->arch->page_shift;
	const uint64_t zero = g->frames->zero_pfn, mask = geometry->frame_mask;
	uint64_t count = (p->end - p->start) >> shift;
	/* What is fetched ahead stands in the caches when it is its turn. */
	enum { AHEAD = 8 };
	for (uint64_t i = 0; i < count; i++) {
		uint64_t entry = piece_entry(g->k, p, i);
		if (i + AHEAD < count) {
			uint64_t later = piece_entry(g->k, p, i + AHEAD);
			if (later & X86_PRESENT)
				__builtin_prefetch(frame_page(g->frames, (later & mask) >> shift));
		}
		if (!entry)
			continue;
		uint64_t pfn = (entry & mask) >> shift;
		if ((entry & (X86_PRESENT | X86_SPECIAL)) == X86_PRESENT && pfn != zero)
			add_page(g, pfn, entry & X86_ACCESSED, entry & g->dirty_bits, true);
		else
			add_odd_entry(g, entry, p->level);
	}
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
	add_compound(g, folio, folio->pfn, 1ull << folio->order, present && p->entry & X86_ACCESSED,
		     present && p->entry & g->dirty_bits, present);
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
		.anon_by_pointer = !HAS_STRUCT(k, anon_vma),
	};
	TRY(needs_check(k, "smaps", NEEDS_TASKS | NEEDS_AREAS | NEEDS_PAGES));
	TRY(frames_open(k, &g.frames));
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
