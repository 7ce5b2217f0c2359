/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Anonymous huge pages taken apart (mm/huge_memory.c: split_huge_page_to_list()). Until 4.4 all that map it do so by a huge entry, and get tables in the midst of it. Since 4.5
 * every entry is first made one of migration, then one of the page that it is about: what comes of it is the same as if that were done at once, as here. Since 5.19 pages
 * are marked as one process's alone, which would have to be kept over that: not followed.
 */
#include <inttypes.h>

#include "mm/anon_vma.h"
#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/engine/reclaim.h"
#include "mm/engine/swap_edit.h"
#include "mm/engine/zap.h"
#include "mm/pte.h"
#include "mm/zone.h"

struct splitting {
	struct engine *e;
	struct large l;
	uint64_t page, index;
	/* What is done with each area, in turn: entries look at a page that is one yet, or at those that it has become. */
	struct error *(*visit)(struct splitting *s, struct fault *f, uint64_t first, uint64_t count);
	uint64_t mapped; /* huge entries that map it, until 4.4 */
	struct error *error;
};

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

/* ---- The areas that may map it ---- */

static struct error *visit_part(struct splitting *s, const struct vma *area)
{
	struct engine *e = s->e;
	struct vma vma = *area;
	struct object mm;
	uint64_t pgoff = vma_anon_pgoff(e->k, area), last = vma_last_pgoff(e->k, area, pgoff), first = s->index;
	struct fault f = { .e = e, .mm = &mm, .vma = &vma };
	uint64_t end = s->index + s->l.pages - 1;
	if (pgoff > end || last < first)
		return NULL;
	first = first < pgoff ? pgoff : first;
	end = end > last ? last : end;
	TRY(object_open_writable(e->k, vma.mm, S_mm_struct, &mm));
	f.addr = vma.start + ((first - pgoff) << e->k->arch->page_shift);
	return s->visit(s, &f, first - s->index, end - first + 1);
}

static bool visit_area(void *context, const struct anon_vma_chain *avc, const struct vma *vma)
{
	struct splitting *s = context;
	s->error = visit_part(s, vma);
	return !s->error;
}

static struct error *for_each_area(struct splitting *s, uint64_t anon_vma,
				   struct error *(*visit)(struct splitting *s, struct fault *f, uint64_t first, uint64_t count))
{
	struct anon_vma av;
	TRY(anon_vma_open(s->e->k, anon_vma, &av));
	s->visit = visit;
	struct error *failure = anon_vma_for_each(s->e->k, &av, s->index, s->index + s->l.pages - 1, visit_area, s);
	if (!s->error)
		return failure;
	error_drop(failure);
	return s->error;
}

/* ---- The pages ---- */

/* lru_add_page_tail(): beside the head; where that is on no list yet, at the end of its list, and counted. */
static struct error *lru_add_page_tail(struct splitting *s, struct page *tail)
{
	struct engine *e = s->e;
	struct kernel *k = e->k;
	tail->flags |= 1ull << e->bit_lru;
	SET(k, &tail->object, page, flags, tail->flags);
	if (has(&s->l.head, e->bit_lru))
		return list_add_tail(k, tail->object.addr + OFFSET(k, page, lru), s->page + OFFSET(k, page, lru));
	TRY(lru_change_list(e, tail, true));
	uint64_t node = tail->object.addr + OFFSET(k, page, lru), head;
	TRY(kernel_get(k, node, M_list_head_prev, &head));
	TRY(list_del(k, node));
	return list_add_tail(k, node, head);
}

/* One that was a tail gets what the head knows. `references`: so many has it until its mappings' come. */
static struct error *split_tail(struct splitting *s, uint64_t i, int32_t references, uint64_t keep, uint64_t inherited)
{
	struct engine *e = s->e;
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_writable(e, s->page + i * e->page_size, &p));
	p.flags = (p.flags & keep) | (s->l.head.flags & inherited) | (e->modern->large == LARGE_WHOLE ? 1ull << e->bit_dirty : 0);
	SET(k, &p.object, page, compound_head, 0);
	SET(k, &p.object, page, mapping, GET(k, &s->l.head.object, page, mapping));
	SET(k, &p.object, page, index, s->index + i);
	SET(k, &p.object, page, private, 0);
	SET(k, &p.object, page, memcg_data, GET(k, &s->l.head.object, page, memcg_data));
	SET(k, &p.object, page, mem_cgroup, GET(k, &s->l.head.object, page, mem_cgroup));
	SET(k, &p.object, page, refcount, (uint64_t)references);
	return lru_add_page_tail(s, &p);
}

/* Bits that a page has for its place, and that a tail gets of its head. */
static struct error *flags_of_parts(struct splitting *s, uint64_t *keep, uint64_t *inherited)
{
	struct engine *e = s->e;
	const struct engine_modern *m = e->modern;
	const int of_head[] = { e->bit_referenced, m->swapbacked, m->mlocked, e->bit_uptodate, e->bit_active, m->unevictable, m->workingset,
				m->large == LARGE_WHOLE ? -1 : e->bit_dirty };
	int64_t flags;
	if (!enumerator_find(e->k, "__NR_PAGEFLAGS", &flags) || flags < 8 || flags > 40)
		return error_new(ERR_UNSUPPORTED, "which bits of a page are flags is not known");
	*keep = ~((1ull << flags) - 1) | (m->hwpoison >= 0 ? 1ull << m->hwpoison : 0);
	*inherited = 0;
	for (size_t i = 0; i < sizeof(of_head) / sizeof(of_head[0]); i++)
		*inherited |= of_head[i] >= 0 ? 1ull << of_head[i] : 0;
	return NULL;
}

static struct error *no_compound_any_more(struct splitting *s)
{
	struct engine *e = s->e;
	TRY(page_open_writable(e, s->page, &s->l.head));
	SET(e->k, &s->l.head.object, page, flags, s->l.head.flags & ~(1ull << e->modern->head));
	return NULL;
}

/* ---- Until 4.4 ---- */

static bool maps_whole(struct splitting *s, struct fault *f, uint64_t first, uint64_t count, uint64_t *at, uint64_t *entry)
{
	struct engine *e = s->e;
	unsigned level = e->modern->pmd_level;
	if (first || count != s->l.pages)
		return false;
	*at = table_descend(e, f->mm, f->addr, &level);
	*entry = *at ? get_pte(e, *at) : 0;
	return level == e->modern->pmd_level && (*entry & X86_PSE) && pagetable_entry_present(&e->k->geometry, *entry) &&
	       pagetable_entry_phys(&e->k->geometry, *entry, level) >> e->k->arch->page_shift == s->l.head.pfn;
}

static struct error *count_whole(struct splitting *s, struct fault *f, uint64_t first, uint64_t count)
{
	uint64_t at, entry;
	s->mapped += maps_whole(s, f, first, count, &at, &entry);
	return NULL;
}

/* __split_huge_page_map() */
static struct error *map_parts(struct splitting *s, struct fault *f, uint64_t first, uint64_t count)
{
	uint64_t at, entry;
	return maps_whole(s, f, first, count, &at, &entry) ? map_parts_of_huge(f, at, s->page, entry) : NULL;
}

/* __split_huge_page_refcount(): each has the references of the head's mappings; who has a tail pinned counts in its _mapcount, and at the head. */
static struct error *split_refcounts(struct splitting *s)
{
	struct engine *e = s->e;
	struct kernel *k = e->k;
	uint64_t keep, inherited;
	int32_t mapcount = page_mapcount_word(k, &s->l.head), pins = 0;
	TRY(flags_of_parts(s, &keep, &inherited));
	for (uint64_t i = s->l.pages - 1; i; i--) {
		struct page p;
		TRY(page_open_writable(e, s->page + i * e->page_size, &p));
		int32_t own = page_mapcount_word(k, &p) + 1;
		if (own < 0 || page_refcount(k, &p))
			return error_at(ERR_BAD_OBJECT, p.object.addr, "page %" PRIx64 " is a tail, and has %d references", p.object.addr, page_refcount(k, &p));
		pins += own;
		SET(k, &p.object, page, mapcount, (uint64_t)mapcount);
		TRY(split_tail(s, i, mapcount + 1 + own + 1, keep, inherited));
	}
	SET(k, &s->l.head.object, page, refcount, (uint64_t)(page_refcount(k, &s->l.head) - pins));
	mod_page_state(e, s->page, e->modern->anon_thps, -1);
	return no_compound_any_more(s);
}

static struct error *split_under_all(struct splitting *s, uint64_t anon_vma)
{
	TRY(for_each_area(s, anon_vma, count_whole));
	if ((int64_t)s->mapped != page_mapcount_word(s->e->k, &s->l.head) + 1)
		return error_at(ERR_BAD_OBJECT, s->page, "huge page %" PRIx64 " counts %d mappings, and has %" PRIu64, s->page, page_mapcount_word(s->e->k, &s->l.head) + 1,
				s->mapped);
	TRY(split_refcounts(s));
	return for_each_area(s, anon_vma, map_parts);
}

/* ---- Since 4.5 ---- */

/* The entry of part i, if it maps that. */
static uint64_t entry_of_part(struct splitting *s, struct fault *f, uint64_t i, uint64_t addr, uint64_t *entry)
{
	const struct pagetable_geometry *g = &s->e->k->geometry;
	uint64_t at = pte_offset(s->e, f->mm, addr);
	*entry = at ? get_pte(s->e, at) : 0;
	return *entry && pagetable_entry_present(g, *entry) && pagetable_entry_phys(g, *entry, g->levels - 1u) >> s->e->k->arch->page_shift == s->l.head.pfn + i ? at : 0;
}

/* remove_migration_pte(): not accessed, not dirty, writable if it was so. */
static uint64_t entry_after(struct splitting *s, struct fault *f, uint64_t i, uint64_t entry)
{
	uint64_t now = mk_pte(s->e, s->page + i * s->e->page_size, f->vma->page_prot) & ~(X86_RW | X86_ACCESSED | X86_DIRTY);
	if (!(now & X86_PRESENT) && s->e->k->geometry.inverts_absent)
		now ^= s->e->k->geometry.frame_mask;
	return now | (entry & (PTE_SOFT_DIRTY | PTE_UFFD_WP)) | (f->vma->flags & VM_WRITE ? entry & X86_RW : 0);
}

/* try_to_unmap() with TTU_SPLIT_HUGE_PMD: no part is mapped afterwards, as far as it counts. */
static struct error *unmap_parts(struct splitting *s, struct fault *f, uint64_t first, uint64_t count)
{
	struct engine *e = s->e;
	unsigned level = e->modern->pmd_level;
	uint64_t at = table_descend(e, f->mm, f->addr, &level), entry = at ? get_pte(e, at) : 0;
	bool huge = at && level == e->modern->pmd_level && (entry & X86_PSE) && pagetable_entry_present(&e->k->geometry, entry);
	if (huge && pagetable_entry_phys(&e->k->geometry, entry, level) >> e->k->arch->page_shift == s->l.head.pfn)
		TRY(split_huge_pmd(f, at, f->addr));
	for (uint64_t i = first; i < first + count; i++, f->addr += VMCORE_PAGE_SIZE) {
		at = entry_of_part(s, f, i, f->addr, &entry);
		if (!at)
			continue;
		TRY(large_open(e, s->page, &s->l));
		if (entry & X86_DIRTY) {
			s->l.head.flags |= 1ull << e->bit_dirty;
			SET(e->k, &s->l.head.object, page, flags, s->l.head.flags);
		}
		set_pte(e, at, entry_after(s, f, i, entry));
		TRY(large_remove_parts(f, &s->l, i, 1));
		SET(e->k, &s->l.head.object, page, refcount, (uint64_t)(page_refcount(e->k, &s->l.head) - 1));
	}
	return NULL;
}

/* page_add_anon_rmap(), of pages that are of one frame now; those of locked areas are locked again. */
static struct error *remap_parts(struct splitting *s, struct fault *f, uint64_t first, uint64_t count)
{
	struct engine *e = s->e;
	struct kernel *k = e->k;
	for (uint64_t i = first; i < first + count; i++, f->addr += VMCORE_PAGE_SIZE) {
		uint64_t entry;
		struct page p;
		if (!entry_of_part(s, f, i, f->addr, &entry))
			continue;
		TRY(page_open_writable(e, s->page + i * e->page_size, &p));
		int32_t mapcount = page_mapcount_word(k, &p) + 1;
		SET(k, &p.object, page, refcount, (uint64_t)(page_refcount(k, &p) + 1));
		SET(k, &p.object, page, mapcount, (uint64_t)mapcount);
		if (!mapcount)
			mod_page_state(e, p.object.addr, e->modern->anon_mapped, 1);
		if (f->vma->flags & VM_LOCKED)
			TRY(mlock_vma_page(e, p.object.addr));
	}
	return NULL;
}

static struct error *split_parts(struct splitting *s, uint64_t anon_vma)
{
	struct engine *e = s->e;
	uint64_t keep, inherited;
	TRY(for_each_area(s, anon_vma, unmap_parts));
	TRY(large_open(e, s->page, &s->l));
	if (page_refcount(e->k, &s->l.head) != 1)
		return error_at(ERR_BAD_OBJECT, s->page, "huge page %" PRIx64 " counts more mappings than reverse mapping finds", s->page);
	TRY(unqueue_deferred_split(e, &s->l));
	TRY(flags_of_parts(s, &keep, &inherited));
	for (uint64_t i = s->l.pages - 1; i; i--)
		TRY(split_tail(s, i, 1, keep, inherited));
	TRY(no_compound_any_more(s));
	return for_each_area(s, anon_vma, remap_parts);
}

/* ---- Both ---- */

/* can_split_huge_page(): all references but the caller's are of mappings. Until 4.4 it always can be. */
static struct error *can_split(struct splitting *s, bool *can)
{
	struct engine *e = s->e;
	int64_t mapcount;
	TRY(large_total_mapcount(e, &s->l, &mapcount));
	int32_t count = page_refcount(e->k, &s->l.head);
	*can = e->modern->large == LARGE_WHOLE || (mapcount == count - 1 && !has(&s->l.head, e->modern->writeback));
	TRACE(e, "split_huge_page_to_list", *can ? "a huge page becomes as many small ones" : "somebody else has a reference: it stays a huge page", { "page", s->page },
	      { "page->_refcount", (uint64_t)(int64_t)count }, { "total_mapcount()", (uint64_t)mapcount });
	return NULL;
}

struct error *split_huge_page(struct engine *e, uint64_t page, bool *split)
{
	struct splitting s = { .e = e };
	TRY(nodes_open(e->k));
	TRY(large_open(e, page, &s.l));
	s.page = s.l.head.object.addr;
	s.index = GET(e->k, &s.l.head.object, page, index);
	uint64_t anon_vma = GET(e->k, &s.l.head.object, page, mapping) & ~PAGE_MAPPING_FLAGS;
	if (!s.l.anon)
		return error_at(ERR_UNSUPPORTED, s.page, "huge page %" PRIx64 " of a file would be split: that is not followed", s.page);
	if (e->modern->anon_exclusive >= 0 || (e->modern->large != LARGE_DOUBLE_MAP && e->modern->large != LARGE_WHOLE))
		return error_at(ERR_UNSUPPORTED, s.page, "large page %" PRIx64 " would be split, which is not followed on a kernel like this one", s.page);
	if (page_is_swap_cache(e, &s.l.head))
		return error_at(ERR_UNSUPPORTED, s.page, "huge page %" PRIx64 " is in the swap cache: splitting it is not followed", s.page);
	TRY(can_split(&s, split));
	count_vm_event(e, *split ? e->modern->event_split_page : e->modern->event_split_failed);
	if (!*split)
		return NULL;
	TRY(e->modern->large == LARGE_WHOLE ? split_under_all(&s, anon_vma) : split_parts(&s, anon_vma));
	/* The references that held the parts together; what nobody maps any more goes. */
	for (uint64_t i = 1; i < s.l.pages; i++)
		TRY(put_user_page(e, s.page + i * e->page_size));
	return NULL;
}
