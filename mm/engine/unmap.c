/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What reclaim does to a page's mappings, found by reverse mapping (mm/rmap.c): was it used (page_referenced()), and all of them gone (try_to_unmap()).
 */
#include <inttypes.h>

#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/reclaim.h"
#include "mm/engine/swap_edit.h"
#include "mm/engine/zap.h"
#include "mm/pte.h"
#include "mm/rmap.h"
#include "mm/swap.h"

#define VM_SEQ_READ 0x8000ull

static bool is_huge(const struct engine *e, const struct rmap_mapping *m)
{
	return e->k->geometry.level[m->level].shift > e->k->arch->page_shift;
}

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

/* ---- Was it used? ---- */

#define AREAS_SEEN 64

struct reference_walk {
	struct engine *e;
	struct page_references *out;
	int64_t left;	 /* mappings not seen yet */
	uint64_t part;	 /* of a large page */
	uint64_t seen[AREAS_SEEN]; /* areas that have counted already: each counts once, with however many parts of a large page */
	unsigned areas;
	bool ended;
};

static bool counts_first(struct reference_walk *w, uint64_t vma)
{
	for (unsigned i = 0; i < w->areas; i++)
		if (w->seen[i] == vma)
			return false;
	if (w->areas < AREAS_SEEN)
		w->seen[w->areas++] = vma;
	return true;
}

/* page_referenced_one(): the entry's accessed bit goes. */
static bool look_at_entry(void *context, const struct rmap_mapping *m)
{
	struct reference_walk *w = context;
	if (m->vma->flags & VM_LOCKED) {
		w->out->vm_flags |= VM_LOCKED;
		w->ended = true;
		return false;
	}
	/* A huge entry is seen with the first part. */
	if (is_huge(w->e, m) && w->part)
		return true;
	if (m->entry & X86_ACCESSED) {
		set_pte(w->e, m->entry_addr, m->entry & ~X86_ACCESSED);
		if (!(m->vma->flags & VM_SEQ_READ)) {
			w->out->entries += counts_first(w, m->vma->addr);
			w->out->vm_flags |= m->vma->flags;
		}
	}
	TRACE(w->e, "page_referenced_one", m->entry & X86_ACCESSED ? "used since it was looked at last" : "not used", { "address", m->address },
	      { "pte", m->entry }, { "vm_flags", m->vma->flags });
	w->ended = --w->left <= 0;
	return !w->ended;
}

struct error *page_referenced(struct engine *e, const struct page *p, struct page_references *out)
{
	struct rmap_page page;
	struct reference_walk w = { .e = e, .out = out, .left = page_mapcount_word(e->k, p) + 1 };
	uint64_t parts = 1;
	struct large l;
	*out = (struct page_references){ 0 };
	if (has(p, e->modern->head)) {
		TRY(large_open(e, p->object.addr, &l));
		TRY(large_total_mapcount(e, &l, &w.left));
		parts = l.pages;
	}
	for (; w.left > 0 && !w.ended && w.part < parts; w.part++) {
		TRY(rmap_page_open(e->k, p->pfn + w.part, &page));
		TRY(rmap_walk(e->k, &page, look_at_entry, &w));
	}
	return NULL;
}

/* ---- All mappings gone ---- */

struct unmap_walk {
	struct engine *e;
	const struct page *p;
	bool given_up;	/* MADV_FREE */
	bool swaps_out; /* anonymous, in the swap cache */
	bool failed;	/* a mapping stays */
	struct error *error;
};

/* list_add(&mm->mmlist, &init_mm.mmlist): swapoff finds those who have pages in swap. */
static struct error *note_swapper(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t next, list = MEMBER_ADDR(k, mm, mm_struct, mmlist);
	if (!HAS(k, mm_struct, mmlist) || !e->init_mm)
		return NULL;
	TRY(kernel_read_pointer(k, list, &next));
	return next == list ? list_add(k, list, e->init_mm + OFFSET(k, mm_struct, mmlist)) : NULL;
}

/* The entry names the page's slot from now on. */
static struct error *put_swap_entry(struct unmap_walk *w, const struct rmap_mapping *m, const struct object *mm, uint64_t *entry)
{
	struct engine *e = w->e;
	uint64_t slot = swap_value_entry(e->k, GET(e->k, &w->p->object, page, private));
	TRY(swap_duplicate(e, slot));
	TRY(note_swapper(e, mm));
	TRY(add_mm_counter(e, mm, e->modern->rss_anon, -1, false));
	TRY(add_mm_counter(e, mm, e->modern->rss_swap, 1, false));
	/* page_try_share_anon_rmap(): what the page says goes into the entry. */
	uint64_t flags = GET(e->k, &w->p->object, page, flags), exclusive = e->modern->anon_exclusive >= 0 ? 1ull << e->modern->anon_exclusive : 0;
	SET(e->k, &w->p->object, page, flags, flags & ~exclusive);
	*entry = slot | (flags & exclusive ? SWAP_ENTRY_EXCLUSIVE : 0) | (m->entry & PTE_SOFT_DIRTY ? swap_entry_soft_dirty(e->k) : 0) | ((m->vma->flags & e->modern->vm_uffd_wp) && (m->entry & PTE_UFFD_WP) ? SWAP_ENTRY_UFFD_WP : 0);
	return NULL;
}

static struct error *unmap_entry(struct unmap_walk *w, const struct rmap_mapping *m)
{
	struct engine *e = w->e;
	struct fault f = { .e = e, .vma = m->vma };
	struct object mm;
	uint64_t entry = 0;
	if ((m->vma->flags & VM_LOCKED) || is_huge(e, m) || m->kind != LEAF_PAGE) {
		w->failed = true;
		return NULL;
	}
	if (m->entry & x86_dirty_bits(e->k))
		TRY(set_page_dirty(e, w->p->object.addr));
	/* Written since MADV_FREE: the page is wanted after all. */
	if (w->given_up && (GET(e->k, &w->p->object, page, flags) >> e->bit_dirty & 1)) {
		SET(e->k, &w->p->object, page, flags, GET(e->k, &w->p->object, page, flags) | 1ull << e->modern->swapbacked);
		w->failed = true;
		return NULL;
	}
	TRY(object_open_writable(e->k, m->vma->mm, S_mm_struct, &mm));
	update_hiwater_rss(e, &mm);
	if (w->swaps_out)
		TRY(put_swap_entry(w, m, &mm, &entry));
	else
		TRY(add_mm_counter(e, &mm, page_counter_kind(e, w->p), -1, false));
	set_pte(e, m->entry_addr, entry);
	TRACE(e, "try_to_unmap_one", w->swaps_out ? "the entry becomes a swap entry" : "the entry goes: the page can be read again, or is not wanted",
	      { "address", m->address }, { "mm", mm.addr }, { "pte", m->entry }, { "new pte", entry });
	TRY(page_remove_rmap(&f, w->p->object.addr));
	return put_user_page(e, w->p->object.addr);
}

static bool visit_mapping(void *context, const struct rmap_mapping *m)
{
	struct unmap_walk *w = context;
	w->error = unmap_entry(w, m);
	return !w->error && !w->failed && page_mapcount_word(w->e->k, w->p) >= 0;
}

struct error *try_to_unmap(struct engine *e, const struct page *p, bool *unmapped)
{
	struct rmap_page page;
	struct unmap_walk w = { .e = e, .p = p };
	*unmapped = false;
	bool anon = page_counter_kind(e, p) == e->modern->rss_anon;
	w.given_up = anon && !has(p, e->modern->swapbacked);
	w.swaps_out = anon && !w.given_up;
	if (w.swaps_out && !page_is_swap_cache(e, p))
		return error_at(ERR_BAD_OBJECT, p->object.addr, "page %" PRIx64 " is anonymous and has no swap slot: it cannot be unmapped", p->object.addr);
	TRY(rmap_page_open(e->k, p->pfn, &page));
	struct error *failure = rmap_walk(e->k, &page, visit_mapping, &w);
	if (w.error) {
		error_free(failure);
		return w.error;
	}
	TRY(failure);
	*unmapped = page_mapcount_word(e->k, p) < 0;
	return NULL;
}
