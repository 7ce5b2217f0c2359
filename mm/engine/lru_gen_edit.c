/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages on and off the lists of the multi-generational LRU (include/linux/mm_inline.h: lru_gen_add_folio(), lru_gen_del_folio()).
 */
#include <inttypes.h>

#include "mm/engine/list_edit.h"
#include "mm/engine/lru_gen_edit.h"
#include "mm/list.h"
#include "mm/memmap.h"

#define MAX_NR_GENS 4u /* include/linux/mmzone.h */
#define MIN_NR_GENS 2u
#define GEN_BITS    3u /* LRU_GEN_WIDTH: a generation less one, 0 for none */
#define LISTS       2u /* anonymous, file */
#define UNLISTED_MAX 65536u /* frames looked at for pages that are on no list */

/* One lruvec's generations. */
struct generations {
	struct kernel *k;
	struct object o;
	unsigned zones;
	uint64_t max_seq, min_seq[LISTS];
};

static struct error *open_generations(struct engine *e, uint64_t lruvec, struct generations *g)
{
	struct kernel *k = g->k = e->k;
	TRY(members_require(k, "generations of pages", M_lruvec_lrugen, M_lru_gen_folios, M_lru_gen_nr_pages, M_lru_gen_max_seq, M_lru_gen_min_seq, M_lru_gen_enabled, MEMBER_NONE));
	TRY(object_open_writable(k, lruvec + OFFSET(k, lruvec, lrugen), S_lru_gen, &g->o));
	g->zones = k->members[M_lru_gen_folios].total / SIZE_OF(k, list_head) / (MAX_NR_GENS * LISTS);
	g->max_seq = GET(k, &g->o, lru_gen, max_seq);
	for (unsigned type = 0; type < LISTS; type++)
		g->min_seq[type] = object_get_element(k, &g->o, M_lru_gen_min_seq, type);
	return g->zones ? NULL : error_at(ERR_UNSUPPORTED, lruvec, "how this kernel lists generations of pages is not known");
}

static uint64_t list_of(const struct generations *g, unsigned gen, unsigned type, unsigned zone)
{
	return MEMBER_ADDR(g->k, &g->o, lru_gen, folios) + (uint64_t)((gen * LISTS + type) * g->zones + zone) * SIZE_OF(g->k, list_head);
}

/* ---- Where in page.flags the generation stands: LRU_GEN_PGOFF, which depends on how the kernel is built. Pages on the lists show it. ---- */

struct learning {
	struct kernel *k;
	unsigned gen, seen;
	uint64_t possible; /* shifts, as bits */
};

static bool learn(void *context, uint64_t node)
{
	struct learning *w = context;
	struct page p;
	if (error_drop(page_open(w->k, node - OFFSET(w->k, page, lru), &p)))
		return false;
	for (unsigned shift = 0; shift < 64; shift++)
		if ((p.flags >> shift & ((1u << GEN_BITS) - 1)) != w->gen + 1)
			w->possible &= ~(1ull << shift);
	return ++w->seen % 64;
}

/* Where a page that is on no list has anything, the generation does not stand. */
static void exclude(struct engine *e, struct learning *w)
{
	for (uint64_t pfn = 0, page; pfn < UNLISTED_MAX && w->possible & (w->possible - 1); pfn++) {
		struct page p;
		if (!pfn_to_page(e->k, pfn, &page) || error_drop(page_open(e->k, page, &p)) || p.flags >> e->bit_lru & 1)
			continue;
		for (unsigned shift = 0; shift < 64; shift++)
			if (p.flags >> shift & ((1u << GEN_BITS) - 1))
				w->possible &= ~(1ull << shift);
	}
}

static struct error *find_shift(struct engine *e, const struct generations *g, unsigned *shift)
{
	int64_t flags;
	struct learning w = { .k = e->k };
	if (e->modern->lru_gen_shift) {
		*shift = e->modern->lru_gen_shift;
		return NULL;
	}
	if (!enumerator_find(e->k, "__NR_PAGEFLAGS", &flags) || flags < 8 || flags > 40)
		return error_new(ERR_UNSUPPORTED, "which bits of a page are flags is not known");
	w.possible = ~((1ull << flags) - 1) & ((1ull << (64 - GEN_BITS)) - 1);
	for (unsigned i = 0; i < MAX_NR_GENS * LISTS * g->zones; i++) {
		w.gen = i / (LISTS * g->zones);
		TRY(list_for_each(e->k, list_of(g, w.gen, i / g->zones % LISTS, i % g->zones), learn, &w));
	}
	exclude(e, &w);
	if (!w.seen || !w.possible || (w.possible & (w.possible - 1)))
		return error_at(ERR_UNSUPPORTED, g->o.addr, "where pages keep their generation is not shown by the %u looked at", w.seen);
	*shift = e->modern->lru_gen_shift = (unsigned)__builtin_ctzll(w.possible);
	return NULL;
}

/* ---- Which generation ---- */

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

static bool being_written(struct engine *e, const struct page *p)
{
	return page_flag(e->k, p->flags, "reclaim") && (has(p, e->bit_dirty) || page_flag(e->k, p->flags, "writeback"));
}

/*
 * lru_gen_folio_seq() for a page that is not being reclaimed. Since 6.14 (told by the tiers that `protected` has) accesses by page tables alone do not make it of the
 * youngest generation; before 6.3 (told by the structure's name) files had a rule of their own.
 */
static struct error *seq_of(struct engine *e, const struct generations *g, const struct page *p, unsigned type, uint64_t *seq)
{
	const struct member *protected = &e->k->members[M_lru_gen_protected];
	bool tiers = protected->present && protected->total / protected->stride == 8, young = !type && !(has(p, e->modern->swapcache));
	uint64_t least = g->min_seq[type];
	if (tiers) {
		bool used = has(p, e->modern->workingset);
		unsigned back = has(p, e->bit_active) ? MIN_NR_GENS - used : young || being_written(e, p) ? MIN_NR_GENS : MAX_NR_GENS - used;
		*seq = g->max_seq + 1 - back;
		*seq = *seq > least && *seq <= g->max_seq ? *seq : least;
		return NULL;
	}
	if (has(p, e->bit_active))
		*seq = g->max_seq;
	else if (!strcmp(e->k->structs[S_lru_gen].name, "lru_gen_struct"))
		return error_at(ERR_UNSUPPORTED, p->object.addr, "which generation page %" PRIx64 " goes to is not followed on this kernel", p->object.addr);
	else if (young || being_written(e, p))
		*seq = g->max_seq - 1;
	else
		*seq = least + (least + MIN_NR_GENS < g->max_seq);
	return NULL;
}

/* lru_gen_update_size(): of the generation, and of the list that stands for it in vmstat. */
static void count(struct engine *e, const struct generations *g, const struct page *p, unsigned gen, unsigned type, const struct zone *z, int sign)
{
	struct stat_item node = e->modern->lru_base, zone = e->modern->zone_lru_base;
	int pages = sign * (1 << page_compound_order(e->k, p));
	bool active = gen == g->max_seq % MAX_NR_GENS || gen == (g->max_seq - 1) % MAX_NR_GENS;
	uint64_t slot = (uint64_t)(gen * LISTS + type) * g->zones + z->index;
	unsigned char *at = (unsigned char *)g->o.bytes + OFFSET(e->k, lru_gen, nr_pages) + slot * e->k->arch->pointer_size;
	store_uint(at, e->k->arch->pointer_size, load_uint(at, e->k->arch->pointer_size) + (uint64_t)(int64_t)pages);
	node.index += (int)(2 * type + active);
	zone.index += (int)(2 * type + active);
	mod_page_state(e, p->object.addr, node, pages);
	mod_page_state(e, p->object.addr, zone, pages);
}

static struct error *zone_for(struct engine *e, const struct page *p, const struct generations *g, const struct zone **z)
{
	*z = zone_of_pfn(e->k, p->pfn);
	return *z && (*z)->index < g->zones ? NULL : error_at(ERR_BAD_OBJECT, p->object.addr, "page %" PRIx64 " is in no zone that has generations", p->object.addr);
}

struct error *lru_gen_add_folio(struct engine *e, uint64_t lruvec, struct page *p)
{
	struct generations g;
	const struct zone *z;
	unsigned type = !has(p, e->modern->swapbacked), shift;
	uint64_t seq = 0;
	TRY(open_generations(e, lruvec, &g));
	TRY(find_shift(e, &g, &shift));
	TRY(zone_for(e, p, &g, &z));
	TRY(seq_of(e, &g, p, type, &seq));
	unsigned gen = seq % MAX_NR_GENS;
	p->flags &= ~(((1ull << GEN_BITS) - 1) << shift | 1ull << e->bit_active);
	p->flags |= (uint64_t)(gen + 1) << shift;
	SET(e->k, &p->object, page, flags, p->flags);
	count(e, &g, p, gen, type, z, 1);
	return list_add(e->k, p->object.addr + OFFSET(e->k, page, lru), list_of(&g, gen, type, z->index));
}

struct error *lru_gen_del_folio(struct engine *e, uint64_t lruvec, struct page *p, bool *listed)
{
	struct generations g;
	const struct zone *z;
	unsigned shift;
	TRY(open_generations(e, lruvec, &g));
	TRY(find_shift(e, &g, &shift));
	TRY(zone_for(e, p, &g, &z));
	unsigned gen = p->flags >> shift & ((1u << GEN_BITS) - 1);
	*listed = gen && gen <= MAX_NR_GENS;
	if (!*listed)
		return NULL;
	p->flags &= ~(((1ull << GEN_BITS) - 1) << shift);
	SET(e->k, &p->object, page, flags, p->flags);
	count(e, &g, p, gen - 1, !has(p, e->modern->swapbacked), z, -1);
	return list_del(e->k, p->object.addr + OFFSET(e->k, page, lru));
}
