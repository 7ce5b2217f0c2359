/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "core/symbols.h"
#include "mm/anon_vma.h"
#include "mm/i_mmap.h"
#include "mm/ksm.h"
#include "mm/needs.h"
#include "mm/rmap.h"
#include "mm/task.h"
#include "mm/vma_pages.h"

const char *rmap_kind_name(enum rmap_kind kind)
{
	static const char *const names[] = {
		[RMAP_OUTSIDE] = "", [RMAP_ANON] = "anonymous", [RMAP_KSM] = "KSM", [RMAP_FILE] = "file"};
	return names[kind];
}

bool rmap_exists(const struct kernel *k)
{
	return HAS(k, anon_vma_chain, rb) || (HAS(k, address_space, i_mmap_top) && HAS(k, vm_area_struct, shared_node));
}

/* ---- The page ---- */

static const char *why_outside(enum page_use use)
{
	switch (use) {
	case PAGE_RESERVED:
		return "a reserved frame, of the kernel's image (vdso and vvar among it) or the firmware's";
	case PAGE_FREE:
	case PAGE_UNUSED:
		return "a free frame";
	case PAGE_SLAB:
		return "a page of a slab";
	case PAGE_TABLE:
		return "a page table";
	case PAGE_OFFLINE:
		return "a frame that is offline";
	case PAGE_GUARD:
		return "a guard page";
	case PAGE_HUGETLB:
		return "a huge page that nobody has";
	default:
		return "a page of the kernel's own, of no file and not anonymous";
	}
}

/*
 * Until 6.7 a hugetlb page's index counted huge pages; what turned it into a page offset went in that release: hugetlb_basepage_index()
 * (mm/hugetlb.c; __basepage_index() until 5.13).
 */
static bool hugetlb_index_is_huge(struct kernel *k)
{
	return symbol_addr(k, "hugetlb_basepage_index") || symbol_addr(k, "__basepage_index");
}

struct error *rmap_known(struct kernel *k)
{
	return needs_check(k, "who maps pages", NEEDS_TASKS | NEEDS_AREAS | NEEDS_PAGES | (rmap_exists(k) ? NEEDS_RMAP : 0));
}

struct error *rmap_page_open(struct kernel *k, uint64_t pfn, struct rmap_page *out)
{
	struct frames *f;
	TRY(rmap_known(k));
	TRY(frames_open(k, &f));
	*out = (struct rmap_page){.pfn = pfn};
	if (!pfn_to_page(k, pfn, &out->page))
		return error_at(ERR_NOT_FOUND, pfn, "no struct page for frame %" PRIx64, pfn);
	if (pfn == f->zero_pfn) {
		out->outside = "the zero page";
		return NULL;
	}
	struct folio *folio = &out->folio;
	if (!folio_open(f, pfn, folio))
		return error_at(ERR_BAD_OBJECT, out->page, "no struct page that can be: %016" PRIx64, out->page);
	if (folio->pfn == f->huge_zero_pfn) {
		out->outside = "of the huge zero page";
		return NULL;
	}
	struct page head = {.object = {folio->head, folio->page, f->page_size}, .pfn = folio->pfn, .flags = folio->flags};
	enum page_use use = page_use(k, &head);
	uint64_t flags = folio->mapping & PAGE_MAPPING_FLAGS, object = folio->mapping & ~PAGE_MAPPING_FLAGS;
	out->swapcache = folio->flags & f->swapcache && folio->flags & f->swapbacked;
	if (use != PAGE_ANON && use != PAGE_KSM && use != PAGE_FILE && use != PAGE_HUGETLB) {
		out->outside = why_outside(use);
	} else if (!kernel_is_kernel_address(k, object) || flags == PAGE_MAPPING_MOVABLE) {
		out->outside = out->swapcache ? "a page of the swap cache that nobody has mapped" : why_outside(use);
	} else {
		out->kind = flags == PAGE_MAPPING_FLAGS ? RMAP_KSM : flags ? RMAP_ANON : RMAP_FILE;
		out->object = object;
	}
	const unsigned char *own = frame_page(f, pfn);
	out->unmapped = own && HAS(k, page, mapcount) && !folio_page_mapcount(f, folio, own);
	out->index = frame_get(f, folio->head, M_page_index);
	if (folio->hugetlb && hugetlb_index_is_huge(k))
		out->index <<= folio->order;
	out->index += pfn - folio->pfn;
	return NULL;
}

/* ---- Places ---- */

struct place_walk {
	struct kernel *k;
	const struct rmap_page *page;
	rmap_place_visitor *visit;
	void *context;
	uint64_t address; /* of an rmap_item */
	bool ended;
	struct error *error;
	/* Places that several rmap_items lead to come once: area and address, by open addressing. */
	struct place {
		uint64_t vma, address;
	} *seen;
	size_t count, room;
};

/* vma_address(), of an area whose first page offset is `pgoff`: false when the page's lies outside. */
static bool address_in(const struct place_walk *w, const struct vma *vma, uint64_t pgoff, uint64_t *address)
{
	if (w->page->index < pgoff || w->page->index > vma_last_pgoff(w->k, vma, pgoff))
		return false;
	*address = vma->start + ((w->page->index - pgoff) << w->k->arch->page_shift);
	return true;
}

static bool visit_anon(void *context, const struct anon_vma_chain *avc, const struct vma *vma)
{
	struct place_walk *w = context;
	uint64_t address;
	if (address_in(w, vma, vma_anon_pgoff(w->k, vma), &address))
		w->ended = !w->visit(w->context, vma, address, avc->addr);
	return !w->ended;
}

static bool visit_file(void *context, const struct vma *vma)
{
	struct place_walk *w = context;
	uint64_t address;
	if (address_in(w, vma, vma->pgoff, &address))
		w->ended = !w->visit(w->context, vma, address, 0);
	return !w->ended;
}

static struct place *slot_of(struct place *seen, size_t room, const struct place *p)
{
	size_t i = ((p->vma >> 4) ^ (p->address >> 12)) * 0x9e3779b97f4a7c15ull >> 20;
	for (;; i++) {
		struct place *slot = &seen[i & (room - 1)];
		if (!slot->vma || (slot->vma == p->vma && slot->address == p->address))
			return slot;
	}
}

/* True the first time. */
static bool first_time(struct place_walk *w, uint64_t vma, uint64_t address)
{
	struct place place = {vma, address};
	if (w->count * 2 >= w->room) {
		size_t room = w->room ? w->room * 2 : 256;
		struct place *seen = calloc(room, sizeof(*seen));
		if (!seen)
			abort();
		for (size_t i = 0; i < w->room; i++) {
			if (w->seen[i].vma)
				*slot_of(seen, room, &w->seen[i]) = w->seen[i];
		}
		free(w->seen);
		w->seen = seen;
		w->room = room;
	}
	struct place *slot = slot_of(w->seen, w->room, &place);
	if (slot->vma)
		return false;
	*slot = place;
	w->count++;
	return true;
}

static bool visit_merged(void *context, const struct anon_vma_chain *avc, const struct vma *vma)
{
	struct place_walk *w = context;
	if (w->address >= vma->start && w->address < vma->end && first_time(w, vma->addr, w->address))
		w->ended = !w->visit(w->context, vma, w->address, avc->addr);
	return !w->ended;
}

static bool visit_rmap_item(void *context, const struct ksm_rmap_item *item)
{
	struct place_walk *w = context;
	struct anon_vma anon_vma;
	w->address = item->address;
	w->error = error_prefix(anon_vma_open(w->k, item->anon_vma, &anon_vma), "rmap_item %016" PRIx64, item->addr);
	if (!w->error)
		w->error = anon_vma_for_each(w->k, &anon_vma, 0, UINT64_MAX, visit_merged, w);
	return !w->error && !w->ended;
}

static struct error *for_each_merged(struct place_walk *w)
{
	struct ksm_stable_node node;
	TRY(ksm_stable_node_open(w->k, w->page->object, &node));
	if (node.pfn != w->page->pfn)
		return error_at(ERR_BAD_OBJECT, node.addr,
				"stable node %016" PRIx64 " of frame %" PRIx64 " is of frame %" PRIx64, node.addr,
				w->page->pfn, node.pfn);
	struct error *e = ksm_for_each(w->k, &node, visit_rmap_item, w);
	free(w->seen);
	if (!w->error)
		return e;
	error_drop(e);
	return w->error;
}

struct error *rmap_for_each_place(struct kernel *k, const struct rmap_page *page, rmap_place_visitor *visit, void *context)
{
	struct place_walk w = {.k = k, .page = page, .visit = visit, .context = context};
	struct anon_vma anon_vma;
	switch (page->kind) {
	case RMAP_ANON:
		/* The kernel would not follow the pointer either (folio_get_anon_vma() in mm/rmap.c): its slot may be free, or another's. */
		w.error = anon_vma_open(k, page->object, &anon_vma);
		if (w.error && w.error->code == ERR_BAD_OBJECT && page->unmapped)
			return error_free(w.error), NULL;
		TRY(w.error);
		return anon_vma_for_each(k, &anon_vma, page->index, page->index, visit_anon, &w);
	case RMAP_KSM:
		return for_each_merged(&w);
	case RMAP_FILE:
		return i_mmap_for_each(k, page->object, page->index, page->index, visit_file, &w);
	default:
		return NULL;
	}
}

/* ---- What the page tables say of a place ---- */

static enum leaf_kind counted(enum leaf_kind kind)
{
	switch (kind) {
	case LEAF_PAGE:
	case LEAF_MIGRATION:
	case LEAF_DEVICE_PRIVATE:
	case LEAF_DEVICE_EXCLUSIVE:
		return kind;
	default:
		return LEAF_NONE;
	}
}

struct error *rmap_check_place(struct kernel *k, const struct rmap_page *page, const struct vma *vma, uint64_t address,
			       struct rmap_mapping *out, bool *found)
{
	const struct pagetable_geometry *g = &k->geometry;
	struct error *unreadable = NULL;
	struct frames *f;
	struct leaf_page leaf;
	struct walk walk;
	uint64_t pgd;
	*found = false;
	TRY(frames_open(k, &f));
	TRY(mm_pgd(k, vma->mm, &pgd));
	pagetable_walk(k->vmcore, g, pgd, address, &walk, &unreadable);
	if (walk.result == WALK_UNREADABLE)
		return unreadable;
	error_free(unreadable);
	if (walk.result == WALK_EMPTY || !walk.steps)
		return NULL;
	const struct walk_step *step = &walk.step[walk.steps - 1];
	unsigned level = walk.steps - 1, shift = g->level[level].shift;
	leaf_page(f, vma->flags, step->entry, level, &leaf);
	/* A huge entry maps, or names, the first of its frames. */
	uint64_t into = (address & ((1ull << shift) - 1)) >> k->arch->page_shift;
	if (counted(leaf.kind) == LEAF_NONE || leaf.pfn + into != page->pfn)
		return NULL;
	*out = (struct rmap_mapping){vma, address, step->entry, step->entry_addr, level, leaf.kind};
	*found = true;
	return NULL;
}

struct mapping_walk {
	struct kernel *k;
	const struct rmap_page *page;
	rmap_visitor *visit;
	void *context;
	struct error *error;
};

static bool check_place(void *context, const struct vma *vma, uint64_t address, uint64_t anon_vma_chain)
{
	struct mapping_walk *w = context;
	struct rmap_mapping mapping;
	bool found;
	w->error = rmap_check_place(w->k, w->page, vma, address, &mapping, &found);
	return !w->error && (!found || w->visit(w->context, &mapping));
}

struct error *rmap_walk(struct kernel *k, const struct rmap_page *page, rmap_visitor *visit, void *context)
{
	struct mapping_walk w = {k, page, visit, context, NULL};
	struct error *e = rmap_for_each_place(k, page, check_place, &w);
	if (!w.error)
		return e;
	error_drop(e);
	return w.error;
}

/* ---- The other way about ---- */

struct scan {
	struct kernel *k;
	struct frames *frames;
	uint64_t first, end, pgd;
	rmap_scan_visitor *visit;
	void *context;
	bool ended;
	struct error *error;
};

/* One entry: `at` maps the frame that its leaf begins with, or one further in. False to end. */
static bool scan_entry(struct scan *s, const struct vma *vma, const struct piece *piece, uint64_t at, uint64_t end,
		       uint64_t entry, uint64_t entry_addr)
{
	const unsigned page_shift = s->k->arch->page_shift;
	const unsigned shift = s->k->geometry.level[piece->level].shift;
	struct leaf_page leaf;
	leaf_page(s->frames, vma->flags, entry, piece->level, &leaf);
	if (leaf.kind == LEAF_NONE || leaf.kind == LEAF_SWAP || leaf.kind == LEAF_OTHER)
		return true;
	uint64_t pfn = leaf.pfn + ((at & ((1ull << shift) - 1)) >> page_shift);
	for (; at < end; at += 1ull << page_shift, pfn++) {
		struct rmap_mapping mapping = {vma, at, entry, entry_addr, piece->level, leaf.kind};
		if (pfn >= s->first && pfn < s->end && !s->visit(s->context, pfn, &mapping))
			return false;
	}
	return true;
}

static bool scan_area(void *context, const struct vma *vma)
{
	struct scan *s = context;
	struct kernel *k = s->k;
	const unsigned page_shift = k->arch->page_shift, size = k->geometry.entry_size;
	struct piece_walk w;
	struct piece p;
	piece_walk_begin(&w, k, s->pgd, vma->start, vma->end);
	while (!s->ended && piece_walk_next(&w, &p)) {
		if (interrupted()) {
			s->error = check_interrupt();
			return false;
		}
		if (p.kind == PIECE_HUGE || p.kind == PIECE_ABSENT) {
			s->ended = !scan_entry(s, vma, &p, p.start, p.end, p.entry, p.entry_addr);
		} else if (p.kind == PIECE_ENTRIES) {
			uint64_t at = p.start;
			for (uint64_t i = 0; at < p.end && !s->ended; i++, at += 1ull << page_shift) {
				uint64_t entry = piece_entry(k, &p, i);
				if (entry)
					s->ended = !scan_entry(s, vma, &p, at, at + (1ull << page_shift), entry,
							       p.entry_addr + i * size);
			}
		} else if (p.kind == PIECE_UNREADABLE && !s->error) {
			s->error = error_at(ERR_NOT_IN_IMAGE, p.phys, "page table at %" PRIx64 " of mm %016" PRIx64
					    " is not in the image", p.phys, vma->mm);
		}
	}
	return !s->ended;
}

struct error *rmap_scan(struct kernel *k, uint64_t first, uint64_t end, rmap_scan_visitor *visit, void *context)
{
	struct scan s = {.k = k, .first = first, .end = end, .visit = visit, .context = context};
	const struct task *t;
	size_t count;
	TRY(rmap_known(k));
	TRY(frames_open(k, &s.frames));
	TRY(tasks_count(k, &count));
	for (size_t i = 0; (t = tasks_get(k, i)) && !s.ended; i++) {
		/* Once for all tasks that share it. */
		if (!t->mm || task_of_mm(k, t->mm, 0) != t)
			continue;
		struct error *e = mm_pgd(k, t->mm, &s.pgd);
		if (!e)
			e = vma_for_each(k, t->mm, scan_area, &s);
		if (e && !s.error)
			s.error = error_prefix(e, "pid %u", t->pid);
		else
			error_free(e);
		if (s.error && s.error->code == ERR_INTERRUPTED)
			break;
	}
	return s.error;
}
