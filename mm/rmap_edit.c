/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reverse mapping, acting (mm/rmap.c, mm/interval_tree.c): an area's anon_vma, what a page says of who maps it; whom the page is charged to (mm/memcontrol.c), and
 * the batch through which it comes to the LRU lists (mm/swap.c).
 */
#include <inttypes.h>

#include "mm/anon_vma.h"
#include "mm/list_edit.h"
#include "mm/modern.h"
#include "mm/rbtree_edit.h"
#include "mm/zone.h"

/* ---- The interval tree of an anon_vma ---- */

/* First and last page of the area of an anon_vma_chain, in pages of its object. */
static struct error *avc_range(struct engine *e, uint64_t avc, uint64_t *first, uint64_t *last)
{
	struct vma vma;
	uint64_t addr;
	TRY(kernel_get(e->k, avc, M_anon_vma_chain_vma, &addr));
	TRY(vma_open(e->k, addr, &vma));
	*first = vma_anon_pgoff(e->k, &vma);
	*last = *first + ((vma.end - vma.start) >> e->k->arch->page_shift) - 1;
	return NULL;
}

#define DEEPEST 64

/* What each node knows of the greatest last page below it, made right again. */
static struct error *augment(struct engine *e, uint64_t node, unsigned depth, unsigned *budget, uint64_t *last)
{
	struct kernel *k = e->k;
	struct object o;
	uint64_t first, own, below;
	if (depth > DEEPEST || !*budget)
		return error_at(ERR_BAD_LIST, node, "the tree of an anon_vma is damaged: %" PRIx64, node);
	--*budget;
	uint64_t avc = node - OFFSET(k, anon_vma_chain, rb);
	TRY(object_open_writable(k, avc, S_anon_vma_chain, &o));
	TRY(avc_range(e, avc, &first, &own));
	const enum member_id sides[] = { M_rb_node_rb_left, M_rb_node_rb_right };
	for (int i = 0; i < 2; i++) {
		uint64_t child;
		TRY(kernel_get(k, node, sides[i], &child));
		if (!child)
			continue;
		TRY(augment(e, child, depth + 1, budget, &below));
		own = below > own ? below : own;
	}
	SET(k, &o, anon_vma_chain, rb_subtree_last, own);
	*last = own;
	return NULL;
}

static struct error *interval_insert(struct engine *e, uint64_t anon_vma, uint64_t avc)
{
	struct kernel *k = e->k;
	uint64_t root = anon_vma + OFFSET(k, anon_vma, rb_top), link = root, parent = 0, first, last, start, end, node;
	unsigned budget = 1u << 20;
	bool leftmost = true;
	TRY(avc_range(e, avc, &first, &last));
	for (unsigned depth = 0;; depth++) {
		TRY(kernel_read_pointer(k, link, &node));
		if (!node)
			break;
		if (depth > DEEPEST)
			return error_at(ERR_BAD_LIST, node, "the tree of an anon_vma is damaged: %" PRIx64, node);
		TRY(avc_range(e, node - OFFSET(k, anon_vma_chain, rb), &start, &end));
		parent = node;
		link = node + (first < start ? OFFSET(k, rb_node, rb_left) : OFFSET(k, rb_node, rb_right));
		leftmost &= first < start;
	}
	node = avc + OFFSET(k, anon_vma_chain, rb);
	TRY(rb_insert(k, root, node, parent, link));
	if (leftmost && HAS(k, anon_vma, rb_leftmost))
		TRY(kernel_write_pointer(k, anon_vma + OFFSET(k, anon_vma, rb_leftmost), node));
	TRY(kernel_read_pointer(k, root, &node));
	return augment(e, node, 0, &budget, &last);
}

/* ---- The area's anon_vma ---- */

struct mergeable {
	const struct vma *of;
	struct vma before, after;
};

static bool find_adjacent(void *context, const struct vma *vma)
{
	struct mergeable *m = context;
	if (vma->end == m->of->start)
		m->before = *vma;
	if (vma->start == m->of->end)
		m->after = *vma;
	return vma->start < m->of->end;
}

/* anon_vma_compatible(), reusable_anon_vma(): could the two areas be one, but for their protection, and has `near` an anon_vma of its own alone? */
static struct error *reusable(struct engine *e, const struct vma *a, const struct vma *b, const struct vma *near, uint64_t *anon_vma)
{
	struct kernel *k = e->k;
	uint64_t may_differ = VM_READ | VM_WRITE | VM_EXEC | e->modern->vm_softdirty, next, prev;
	uint64_t list = near->addr + OFFSET(k, vm_area_struct, anon_vma_chain);
	*anon_vma = 0;
	if (!near->addr || !near->anon_vma || a->end != b->start || a->file != b->file || ((a->flags ^ b->flags) & ~may_differ) ||
	    b->pgoff != a->pgoff + ((b->start - a->start) >> k->arch->page_shift) ||
	    GET(k, &a->object, vm_area_struct, vm_policy) != GET(k, &b->object, vm_area_struct, vm_policy))
		return NULL;
	TRY(kernel_read_pointer(k, list, &next));
	TRY(kernel_read_pointer(k, list + k->arch->pointer_size, &prev));
	if (next == prev && next != list)
		*anon_vma = near->anon_vma;
	return NULL;
}

static struct error *find_mergeable_anon_vma(struct fault *f, uint64_t *anon_vma)
{
	struct mergeable m = { .of = f->vma };
	TRY(vma_for_each(f->e->k, f->mm->addr, find_adjacent, &m));
	TRY(reusable(f->e, f->vma, &m.after, &m.after, anon_vma));
	if (!*anon_vma)
		TRY(reusable(f->e, &m.before, f->vma, &m.before, anon_vma));
	return NULL;
}

static struct error *anon_vma_alloc(struct engine *e, uint64_t *anon_vma)
{
	struct kernel *k = e->k;
	uint64_t cache;
	struct object o;
	TRY(kernel_read_symbol(k, "anon_vma_cachep", 0, &cache));
	TRY(kmem_cache_alloc_slub(e, cache, anon_vma));
	if (!*anon_vma)
		return NULL;
	TRY(object_open_writable(k, *anon_vma, S_anon_vma, &o));
	SET(k, &o, anon_vma, refcount, 1);
	SET(k, &o, anon_vma, degree, 1);
	SET(k, &o, anon_vma, num_children, 1); /* its own */
	SET(k, &o, anon_vma, num_active_vmas, 0);
	SET(k, &o, anon_vma, root, *anon_vma);
	SET(k, &o, anon_vma, parent, *anon_vma);
	return NULL;
}

static struct error *avc_alloc(struct engine *e, uint64_t *avc)
{
	uint64_t cache;
	struct object o;
	TRY(kernel_read_symbol(e->k, "anon_vma_chain_cachep", 0, &cache));
	TRY(kmem_cache_alloc_slub(e, cache, avc));
	if (!*avc)
		return NULL;
	TRY(object_open_writable(e->k, *avc, S_anon_vma_chain, &o));
	memset((void *)o.bytes, 0, o.size);
	return NULL;
}

struct error *anon_vma_prepare(struct fault *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct object vma, chain, av;
	uint64_t anon_vma, avc;
	if (f->vma->anon_vma)
		return NULL;
	TRY(find_mergeable_anon_vma(f, &anon_vma));
	TRACE(e, "__anon_vma_prepare", anon_vma ? "a neighbour's anon_vma is taken" : "a new anon_vma", { "vma", f->vma->addr }, { "anon_vma", anon_vma });
	TRY(avc_alloc(e, &avc));
	if (avc && !anon_vma)
		TRY(anon_vma_alloc(e, &anon_vma));
	if (!avc || !anon_vma)
		return NULL;
	TRY(object_open_writable(k, f->vma->addr, S_vm_area_struct, &vma));
	SET(k, &vma, vm_area_struct, anon_vma, anon_vma);
	((struct vma *)f->vma)->anon_vma = anon_vma;
	TRY(object_open_writable(k, avc, S_anon_vma_chain, &chain));
	SET(k, &chain, anon_vma_chain, vma, f->vma->addr);
	SET(k, &chain, anon_vma_chain, anon_vma, anon_vma);
	TRY(list_add(k, avc + OFFSET(k, anon_vma_chain, same_vma), f->vma->addr + OFFSET(k, vm_area_struct, anon_vma_chain)));
	TRY(interval_insert(e, anon_vma, avc));
	TRY(object_open_writable(k, anon_vma, S_anon_vma, &av));
	ADD(k, &av, anon_vma, degree, 1);
	ADD(k, &av, anon_vma, num_active_vmas, 1);
	return NULL;
}

/* ---- What a page says of who maps it ---- */

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

static uint64_t bit_of(int bit)
{
	return bit >= 0 ? 1ull << bit : 0;
}

struct error *page_add_new_anon_rmap(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags, p.flags | bit_of(e->modern->swapbacked) | bit_of(e->bit_uptodate) | bit_of(e->modern->anon_exclusive));
	SET(k, &p.object, page, mapcount, 0);
	SET(k, &p.object, page, mapping, f->vma->anon_vma ? f->vma->anon_vma | PAGE_MAPPING_ANON : 0);
	/* A stack that would grow begins lower than its area says yet. */
	struct vma area;
	TRY(vma_open(k, f->vma->addr, &area));
	uint64_t first = vma_anon_pgoff(k, &area) - ((area.start - f->vma->start) >> k->arch->page_shift);
	SET(k, &p.object, page, index, ((f->addr - f->vma->start) >> k->arch->page_shift) + first);
	mod_page_state(e, page, e->modern->anon_mapped, 1);
	TRACE(e, "page_add_new_anon_rmap", "the page is this area's alone", { "page", page }, { "anon_vma", f->vma->anon_vma },
	      { "page->index", GET(k, &p.object, page, index) });
	return NULL;
}

static struct error *refuse_large(struct fault *f, const struct page *p, bool *explained)
{
	*explained = false;
	if (!has(p, f->e->modern->head) && !page_is_tail(f->e->k, p))
		return NULL;
	return fault_refuse(f->e, explained, "page %" PRIx64 " is of a large folio: how often it is mapped is not changed yet", p->object.addr);
}

struct error *page_add_file_rmap(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct page p;
	bool explained;
	TRY(page_open_writable(e, page, &p));
	TRY(refuse_large(f, &p, &explained));
	if (explained)
		return NULL;
	int32_t count = page_mapcount_word(e->k, &p);
	SET(e->k, &p.object, page, mapcount, (uint64_t)(count + 1));
	if (count == -1)
		mod_page_state(e, page, e->modern->file_mapped, 1);
	return NULL;
}

struct error *page_remove_rmap(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct page p;
	bool explained;
	TRY(page_open_writable(e, page, &p));
	TRY(refuse_large(f, &p, &explained));
	if (explained)
		return NULL;
	int32_t count = page_mapcount_word(e->k, &p);
	if (count < 0)
		return error_at(ERR_BAD_OBJECT, page, "a mapped page says that nobody maps it: %" PRIx64 ", _mapcount %d", page, count);
	SET(e->k, &p.object, page, mapcount, (uint64_t)(count - 1));
	if (!count)
		mod_page_state(e, page, page_counter_kind(e, &p) == e->modern->rss_anon ? e->modern->anon_mapped : e->modern->file_mapped, -1);
	return NULL;
}

int page_counter_kind(struct engine *e, const struct page *p)
{
	struct page head;
	uint64_t page = page_compound_head(e->k, p);
	if (page != p->object.addr && !error_drop(page_open(e->k, page, &head)))
		p = &head;
	if (GET(e->k, &p->object, page, mapping) & PAGE_MAPPING_ANON)
		return e->modern->rss_anon;
	return has(p, e->modern->swapbacked) ? e->modern->rss_shmem : e->modern->rss_file;
}

/* ---- Whose page it is ---- */

/* get_mem_cgroup_from_mm(): the cgroup of the mm's owner; 0 for none. */
static struct error *memcg_of(struct fault *f, uint64_t *memcg)
{
	struct kernel *k = f->e->k;
	uint64_t owner, set;
	*memcg = 0;
	if (f->e->modern->memory_cgrp < 0 || !HAS(k, mm_struct, owner) || !HAS(k, css_set, subsys))
		return NULL;
	owner = GET(k, f->mm, mm_struct, owner);
	if (!owner)
		return NULL;
	TRY(kernel_get(k, owner, M_task_struct_cgroups, &set));
	return kernel_read_pointer(k, set + OFFSET(k, css_set, subsys) + (uint64_t)f->e->modern->memory_cgrp * k->arch->pointer_size, memcg);
}

/* The counters of the cgroup and of those above it (mm/page_counter.c). The CPU's stock of pages charged in advance is left alone. */
static struct error *charge(struct engine *e, uint64_t memcg)
{
	struct kernel *k = e->k;
	uint64_t counter = memcg + OFFSET(k, mem_cgroup, memory), usage;
	if (!HAS(k, mem_cgroup, memory) || !HAS(k, page_counter, usage) || !HAS(k, page_counter, parent))
		return NULL;
	for (unsigned depth = 0; counter && depth < 64; depth++) {
		TRY(kernel_get(k, counter, M_page_counter_usage, &usage));
		TRY(kernel_write_pointer(k, counter + OFFSET(k, page_counter, usage), usage + 1));
		TRY(kernel_get(k, counter, M_page_counter_parent, &counter));
	}
	return NULL;
}

struct error *charge_page(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct page p;
	uint64_t memcg, root = 0;
	TRY(memcg_of(f, &memcg));
	if (!memcg)
		return NULL;
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, memcg_data, memcg);
	SET(k, &p.object, page, mem_cgroup, memcg);
	if (symbol_addr(k, "root_mem_cgroup"))
		TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &root));
	return memcg == root ? NULL : charge(e, memcg);
}

/* ---- The LRU batch ---- */

/* lru_gen_enabled(): the static key of LRU_GEN_CORE. Then a page that a fault brings is marked active. */
static bool lru_gen_enabled(struct engine *e)
{
	uint64_t key = symbol_addr(e->k, "lru_gen_caps"), v;
	return key && !error_drop(kernel_read_uint(e->k, key, 4, &v)) && v;
}

static struct error *open_batch(struct engine *e, struct object *o)
{
	return object_open_writable(e->k, percpu_addr(e->k, e->modern->lru_add, e->cpu), S_folio_batch, o);
}

bool lru_batch_holds(struct engine *e, uint64_t page)
{
	struct object o;
	if (!e->modern->lru_add || error_drop(open_batch(e, &o)))
		return false;
	uint64_t count = GET(e->k, &o, folio_batch, nr);
	for (uint64_t i = 0; i < count && i < 64; i++)
		if (object_get_element(e->k, &o, M_folio_batch_folios, i) == page)
			return true;
	return false;
}

/* The lists that the page belongs on: its cgroup's on its node, or the node's own without memory cgroups. */
static struct error *lruvec_of(struct engine *e, const struct page *p, uint64_t pgdat, uint64_t *lruvec, uint64_t *info)
{
	struct kernel *k = e->k;
	uint64_t memcg = HAS(k, page, memcg_data) ? GET(k, &p->object, page, memcg_data) & ~7ull : GET(k, &p->object, page, mem_cgroup), node;
	*info = 0;
	*lruvec = pgdat + OFFSET(k, pglist_data, lruvec);
	if (!HAS(k, mem_cgroup, nodeinfo) || !HAS(k, mem_cgroup_per_node, lruvec))
		return NULL;
	if (!memcg)
		TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &memcg));
	if (!memcg)
		return NULL;
	TRY(kernel_get(k, pgdat, M_pglist_data_node_id, &node));
	TRY(kernel_read_pointer(k, memcg + OFFSET(k, mem_cgroup, nodeinfo) + (node & 1023) * k->arch->pointer_size, info));
	*lruvec = *info + OFFSET(k, mem_cgroup_per_node, lruvec);
	return NULL;
}

/* update_lru_size(): in the node, the zone, and the cgroup's own table by zone. */
static struct error *count_lru(struct engine *e, uint64_t zone, uint64_t pgdat, uint64_t info, unsigned lru)
{
	struct kernel *k = e->k;
	struct stat_item of_node = e->modern->lru_base, of_zone = e->modern->zone_lru_base;
	const struct member *m = &k->members[M_mem_cgroup_per_node_lru_zone_size];
	of_node.index += (int)lru;
	of_zone.index += (int)lru;
	mod_node_state(e, pgdat, of_node, 1);
	mod_zone_state(e, zone, of_zone, 1);
	if (!info || !m->present)
		return NULL;
	const struct zone *z = zones_get(k, 0);
	for (size_t i = 0; (z = zones_get(k, i)) && z->addr != zone; i++)
		;
	uint64_t lists = k->members[M_lruvec_lists].total / SIZE_OF(k, list_head);
	uint64_t at = info + m->offset + ((z ? z->index : 0) * lists + lru) * k->arch->pointer_size, v;
	TRY(kernel_read_pointer(k, at, &v));
	return kernel_write_pointer(k, at, v + 1);
}

/* __pagevec_lru_add_fn(), lru_add_fn(): onto the list of its kind; the batch's reference goes. */
static struct error *lru_add(struct engine *e, uint64_t page)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t zone = zone_of_page(e, page), pgdat, lruvec, info;
	TRY(page_open_writable(e, page, &p));
	if (!zone || has(&p, e->bit_lru) || has(&p, e->modern->mlocked) || page_refcount(k, &p) < 2)
		return error_at(ERR_BAD_OBJECT, page, "a page on a CPU's LRU batch cannot go to the lists: %" PRIx64, page);
	TRY(kernel_get(k, zone, M_zone_zone_pgdat, &pgdat));
	TRY(lruvec_of(e, &p, pgdat, &lruvec, &info));
	/* enum lru_list: anonymous before file, inactive before active. */
	unsigned lru = (has(&p, e->modern->swapbacked) ? 0 : 2) + has(&p, e->bit_active);
	SET(k, &p.object, page, flags, p.flags | bit_of(e->bit_lru));
	SET(k, &p.object, page, refcount, (uint64_t)(page_refcount(k, &p) - 1));
	TRY(list_add(k, page + OFFSET(k, page, lru), lruvec + OFFSET(k, lruvec, lists) + (uint64_t)lru * SIZE_OF(k, list_head)));
	return count_lru(e, zone, pgdat, info, lru);
}

/* The batch is full: its pages go to the lists. Where those are generations (lru_gen_enabled()) that is not followed. */
static struct error *drain_batch(struct engine *e, const struct object *batch, bool *explained)
{
	struct kernel *k = e->k;
	uint64_t count = GET(k, batch, folio_batch, nr);
	*explained = false;
	if (lru_gen_enabled(e) || e->modern->lru_base.group < 0 || e->modern->zone_lru_base.group < 0 || !HAS(k, lruvec, lists))
		return fault_refuse(e, explained, "CPU %u's batch of pages for the LRU lists is full: emptying it is not followed", e->cpu);
	for (uint64_t i = 0; i < count; i++)
		TRY(lru_add(e, object_get_element(k, batch, M_folio_batch_folios, i)));
	SET(k, batch, folio_batch, nr, 0);
	TRACE(e, "lru_add_drain", "the CPU's batch was full: its pages go to the LRU lists", { "cpu", e->cpu }, { "pages", count });
	return NULL;
}

struct error *lru_batch_add(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct object o;
	struct page p;
	bool explained;
	if (f->vma->flags & VM_LOCKED)
		return fault_refuse(e, &explained, "the area is locked: the page would go to the batch of locked pages, which is not followed");
	if (!e->modern->lru_add)
		return fault_refuse(e, &explained, "this kernel's batches of pages for the LRU lists are not known");
	TRY(open_batch(e, &o));
	uint64_t count = GET(k, &o, folio_batch, nr), room = k->members[M_folio_batch_folios].count;
	if (count >= room)
		return error_at(ERR_BAD_OBJECT, o.addr, "CPU %u's LRU batch is damaged: it has %" PRIu64 " pages", e->cpu, count);
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, refcount, (uint64_t)(page_refcount(k, &p) + 1));
	if (lru_gen_enabled(e))
		SET(k, &p.object, page, flags, p.flags | bit_of(e->bit_active));
	object_set_element(k, &o, M_folio_batch_folios, count, page);
	SET(k, &o, folio_batch, nr, count + 1);
	TRACE(e, "lru_cache_add", "onto the CPU's batch", { "page", page }, { "cpu", e->cpu }, { "nr", count + 1 });
	return count + 1 < room ? NULL : drain_batch(e, &o, &explained);
}
