/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LRU lists, classic and multi-generational, of nodes and memory cgroups; and the CPUs' batches of pages on their way to them (mm/swap.c,
 * mm/vmscan.c, mm/memcontrol.c).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/audit/parts.h"
#include "mm/list.h"

#define LRU_LISTS    5 /* enum lru_list: inactive and active anonymous, inactive and active file, unevictable */
#define ZONES_MAX    8
#define GENERATIONS  4 /* MAX_NR_GENS */
#define CGROUPS_MAX  1000000

struct lru_walk {
	struct audit *a;
	const char *name; /* of the list */
	uint64_t owner;	  /* lruvec */
	enum audit_line_kind kind;
	int type;   /* 0 anonymous, 1 file, 2 unevictable, -1 any */
	int active; /* -1: either */
	uint64_t pages[ZONES_MAX]; /* base pages, by zone */
	uint64_t all;
};

static bool see_page(void *context, uint64_t node)
{
	struct lru_walk *w = context;
	struct audit *a = w->a;
	struct page p;
	uint64_t pfn, page = node - OFFSET(a->k, page, lru);
	if (!page_to_pfn(a->k, page, &pfn) || !audit_page(a, pfn, &p)) {
		audit_say(a, AUDIT_LRU, w->kind, page, "%s list of lruvec %" PRIx64 ": no struct page: %" PRIx64, w->name, w->owner, page);
		return false;
	}
	struct audit_frame *f = audit_frame(a, pfn);
	const struct zone *z = zone_of_pfn(a->k, pfn);
	uint64_t pages = audit_has_bit(&p, a->bit.head) ? 1ull << page_compound_order(a->k, &p) : 1;
	audit_checked(a, AUDIT_LRU, pages);
	a->about_pfn = pfn;
	if (f->marks & MARK_LRU) {
		audit_say(a, AUDIT_LRU, w->kind, page, "frame %" PRIx64 " is on two LRU lists (one of lruvec %" PRIx64 ")", pfn, w->owner);
		return false;
	}
	f->marks |= MARK_LRU;
	bool file = !audit_has_bit(&p, a->bit.swapbacked), unevictable = audit_has_bit(&p, a->bit.unevictable);
	bool wrong = !audit_has_bit(&p, a->bit.lru) || (w->active >= 0 && audit_has_bit(&p, a->bit.active) != w->active);
	if (w->type >= 0)
		wrong |= w->type == 2 ? !unevictable : unevictable || file != w->type;
	if (wrong)
		audit_say(a, AUDIT_LRU, w->kind, page, "frame %" PRIx64 " is on the %s list of lruvec %" PRIx64 ", with flags %" PRIx64, pfn, w->name, w->owner,
			  p.flags);
	a->about_pfn = UINT64_MAX;
	if (z && z->index < ZONES_MAX)
		w->pages[z->index] += pages;
	w->all += pages;
	return true;
}

/* ---- An lruvec ---- */

static const char *const list_names[LRU_LISTS] = {"inactive anonymous", "active anonymous", "inactive file", "active file", "unevictable"};

struct lruvec_sums {
	uint64_t lists[LRU_LISTS][ZONES_MAX];
};

static struct error *walk_lists(struct audit *a, uint64_t lruvec, enum audit_line_kind kind, struct lruvec_sums *sums)
{
	const struct member *lists = &a->k->members[M_lruvec_lists];
	uint32_t size = SIZE_OF(a->k, list_head);
	for (unsigned i = 0; i < LRU_LISTS && (i + 1) * size <= lists->total; i++) {
		struct lru_walk w = {.a = a, .name = list_names[i], .owner = lruvec, .kind = kind, .type = (int)i / 2, .active = i < 4 ? (int)i & 1 : -1};
		/* Unevictable pages are counted and, since there is a count of mlocks in the links' place, on no list. */
		if (i == 4 && HAS(a->k, folio, mlock_count))
			continue;
		TRY(audit_take(a, AUDIT_LRU, lruvec, list_for_each(a->k, lruvec + lists->offset + (uint64_t)i * size, see_page, &w)));
		memcpy(sums->lists[i], w.pages, sizeof(w.pages));
	}
	return NULL;
}

/* folios[generation][type][zone], and nr_pages[][][] (include/linux/mmzone.h: struct lru_gen_folio). */
static struct error *walk_generations(struct audit *a, uint64_t lruvec, enum audit_line_kind kind)
{
	struct kernel *k = a->k;
	const struct member *lists = &k->members[M_lru_gen_folios], *counts = &k->members[M_lru_gen_nr_pages];
	if (!HAS(k, lruvec, lrugen) || !lists->present || !counts->present)
		return NULL;
	uint64_t gen = lruvec + OFFSET(k, lruvec, lrugen);
	unsigned size = SIZE_OF(k, list_head), count = lists->total / size, zones = count / (GENERATIONS * 2), word = k->arch->pointer_size;
	if (!zones || zones > ZONES_MAX || counts->total != count * word)
		return NULL;
	for (unsigned i = 0; i < count; i++) {
		unsigned type = i / zones % 2, zone = i % zones;
		struct lru_walk w = {.a = a, .name = type ? "file generation" : "anonymous generation", .owner = lruvec, .kind = kind, .type = (int)type,
				     .active = -1};
		uint64_t counted;
		TRY(audit_take(a, AUDIT_LRU, lruvec, list_for_each(k, gen + lists->offset + (uint64_t)i * size, see_page, &w)));
		if (error_drop(kernel_read_uint(k, gen + counts->offset + (uint64_t)i * word, word, &counted)))
			continue;
		if (counted != w.all)
			audit_say(a, AUDIT_LRU, kind, gen, "lruvec %" PRIx64 ", %s %u, zone %u: nr_pages is %" PRId64 ", on the list: %" PRIu64, lruvec, w.name,
				  i / zones / 2, zone, (int64_t)counted, w.all);
	}
	return NULL;
}

/*
 * mem_cgroup_per_node.lru_zone_size[zone][list]: of the classic lists; pages of generations are left out (include/linux/mm_inline.h:
 * update_lru_size(), and __update_lru_size() for those).
 */
static void check_sizes(struct audit *a, uint64_t per_node, uint64_t lruvec, enum audit_line_kind kind, const struct lruvec_sums *sums)
{
	struct kernel *k = a->k;
	const struct member *sizes = &k->members[M_mem_cgroup_per_node_lru_zone_size];
	unsigned word = k->arch->pointer_size, zones = sizes->present ? sizes->total / (LRU_LISTS * word) : 0;
	for (unsigned i = 0; i < zones * LRU_LISTS && i < ZONES_MAX * LRU_LISTS; i++) {
		unsigned z = i / LRU_LISTS, list = i % LRU_LISTS;
		uint64_t counted;
		/* Without a list there is nothing to hold it against here. */
		if ((list == 4 && HAS(k, folio, mlock_count)) || error_drop(kernel_read_uint(k, per_node + sizes->offset + (uint64_t)i * word, word, &counted)))
			continue;
		if (counted != sums->lists[list][z])
			audit_say(a, AUDIT_LRU, kind, per_node, "lruvec %" PRIx64 ", zone %u: lru_zone_size of %s pages is %" PRId64 ", on the list: %" PRIu64,
				  lruvec, z, list_names[list], (int64_t)counted, sums->lists[list][z]);
	}
}

/* per_node 0: a node's own, without counts of its own. */
static struct error *check_lruvec(struct audit *a, uint64_t lruvec, uint64_t per_node, bool busy)
{
	struct lruvec_sums sums = {0};
	enum audit_line_kind kind = busy || audit_locked(a, lruvec, M_lruvec_lru_lock) ? AUDIT_BUSY : AUDIT_FINDING;
	TRY(walk_lists(a, lruvec, kind, &sums));
	TRY(walk_generations(a, lruvec, kind));
	if (per_node)
		check_sizes(a, per_node, lruvec, kind, &sums);
	return NULL;
}

/* ---- All of them ---- */

struct cgroup_walk {
	struct audit *a;
	uint64_t *memcgs;
	size_t count, allocated;
	struct error *error;
};

static bool see_child(void *context, uint64_t node)
{
	struct cgroup_walk *w = context;
	struct kernel *k = w->a->k;
	w->error = audit_grow((void **)&w->memcgs, w->count, &w->allocated, sizeof(*w->memcgs));
	if (w->error || w->count > CGROUPS_MAX)
		return false;
	w->memcgs[w->count++] = node - OFFSET(k, cgroup_subsys_state, sibling) - OFFSET(k, mem_cgroup, css);
	return true;
}

/* Breadth first from the root: the list grows as it is walked. Those of removed groups stay among the children while pages refer to them. */
static struct error *find_cgroups(struct cgroup_walk *w)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	uint64_t root;
	if (!HAS(k, mem_cgroup, nodeinfo) || error_drop(kernel_read_symbol(k, "root_mem_cgroup", 0, &root)) || !root)
		return NULL;
	TRY(audit_grow((void **)&w->memcgs, 0, &w->allocated, sizeof(*w->memcgs)));
	w->memcgs[w->count++] = root;
	for (size_t i = 0; i < w->count; i++) {
		TRY(check_interrupt());
		uint64_t children = w->memcgs[i] + OFFSET(k, mem_cgroup, css) + OFFSET(k, cgroup_subsys_state, children);
		TRY(audit_take(a, AUDIT_LRU, w->memcgs[i], list_for_each(k, children, see_child, w)));
		TRY(w->error);
		if (w->count > CGROUPS_MAX) {
			audit_find(a, AUDIT_LRU, root, "the tree of memory cgroups never ends");
			w->count = i + 1;
		}
	}
	return NULL;
}

static struct error *check_cgroup(struct audit *a, uint64_t memcg)
{
	struct kernel *k = a->k;
	for (size_t i = 0; i < nodes_count(k); i++) {
		const struct node *n = nodes_get(k, i);
		uint64_t per_node;
		TRY(kernel_read_pointer(k, memcg + OFFSET(k, mem_cgroup, nodeinfo) + (uint64_t)n->id * k->arch->pointer_size, &per_node));
		if (per_node)
			TRY(check_lruvec(a, per_node + OFFSET(k, mem_cgroup_per_node, lruvec), per_node, audit_locked(a, n->addr, M_pglist_data_lru_lock)));
	}
	return NULL;
}

static struct error *walk_lruvecs(struct audit *a)
{
	struct kernel *k = a->k;
	struct cgroup_walk w = {.a = a};
	for (size_t i = 0; HAS(k, pglist_data, lruvec) && i < nodes_count(k); i++) {
		uint64_t node = nodes_get(k, i)->addr;
		TRY(check_lruvec(a, node + OFFSET(k, pglist_data, lruvec), 0, audit_locked(a, node, M_pglist_data_lru_lock)));
	}
	/* Zones had them until 4.8. */
	for (size_t i = 0; HAS(k, zone, lruvec) && i < zones_count(k); i++)
		if (zones_get(k, i)->spanned_pages)
			TRY(check_lruvec(a, zones_get(k, i)->addr + OFFSET(k, zone, lruvec), 0, false));
	struct error *e = HAS(k, mem_cgroup_per_node, lruvec) ? find_cgroups(&w) : NULL;
	for (size_t i = 0; !e && i < w.count; i++)
		e = audit_take(a, AUDIT_LRU, w.memcgs[i], check_cgroup(a, w.memcgs[i]));
	free(w.memcgs);
	return e;
}

/* ---- 2.4: one list of each kind for all memory ---- */

static struct error *walk_two_lists(struct audit *a)
{
	static const struct {
		const char *list, *counter, *name;
	} lists[] = {{"inactive_list", "nr_inactive_pages", "inactive"}, {"active_list", "nr_active_pages", "active"}};
	for (int i = 0; i < 2; i++) {
		uint64_t counted, head = symbol_addr(a->k, lists[i].list);
		struct lru_walk w = {.a = a, .name = lists[i].name, .owner = head, .kind = AUDIT_FINDING, .type = -1, .active = i};
		TRY(audit_take(a, AUDIT_LRU, head, list_for_each(a->k, head, see_page, &w)));
		if (!error_drop(kernel_read_symbol(a->k, lists[i].counter, 4, &counted)) && counted != w.all)
			audit_find(a, AUDIT_LRU, head, "%s is %" PRIu64 ", on the list: %" PRIu64, lists[i].counter, counted, w.all);
	}
	return NULL;
}

/* ---- Batches: they hold a reference each ---- */

static void check_batch(struct audit *a, uint64_t addr, const char *name, unsigned cpu)
{
	struct kernel *k = a->k;
	struct object o;
	if (!object_try_open(k, addr, S_pagevec, &o))
		return;
	uint64_t count = GET(k, &o, pagevec, nr), pfn;
	if (count > k->members[M_pagevec_pages].count) {
		audit_find(a, AUDIT_LRU, addr, "the batch %s of CPU %u claims %" PRIu64 " pages, and has room for %u", name, cpu, count,
			   k->members[M_pagevec_pages].count);
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		/* mlock's batches keep two flags in the low bits. */
		uint64_t page = object_get_element(k, &o, M_pagevec_pages, i) & ~3ull;
		struct audit_frame *f = page_to_pfn(k, page, &pfn) ? audit_frame(a, pfn) : NULL;
		if (!f) {
			audit_find(a, AUDIT_LRU, addr, "the batch %s of CPU %u has what is no struct page: %" PRIx64, name, cpu, page);
			continue;
		}
		f->holders++;
		f->batch++;
	}
}

static bool is_batch(struct type t)
{
	const char *name = type_own_name(type_strip(t));
	return !strcmp(name, "folio_batch") || !strcmp(name, "pagevec");
}

static void check_batches(struct audit *a, const char *variable)
{
	struct kernel *k = a->k;
	struct type_member m;
	struct type t;
	uint64_t symbol = symbol_addr(k, variable);
	if (!symbol || !type_of_variable(k, variable, &t))
		return;
	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		uint64_t addr = percpu_addr(k, symbol, cpu);
		if (is_batch(t))
			check_batch(a, addr, variable, cpu);
		for (size_t i = 0; !is_batch(t) && type_member_at(k, type_strip(t), i, &m); i++)
			if (is_batch(m.type))
				check_batch(a, addr + m.offset, m.name, cpu);
	}
}

struct error *audit_lru(struct audit *a)
{
	/* By kernel, oldest first: one variable for each batch until 5.8, then structs of them (mm/swap.c, mm/mlock.c). */
	static const char *const batches[] = {"lru_add_pvec", "lru_rotate_pvecs", "lru_deactivate_file_pvecs", "lru_deactivate_pvecs",
					      "lru_lazyfree_pvecs", "activate_page_pvecs", "lru_pvecs", "cpu_fbatches", "lru_rotate",
					      "mlock_pvec", "mlock_fbatch"};
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
		check_batches(a, batches[i]);
	if (HAS_STRUCT(a->k, lruvec))
		return walk_lruvecs(a);
	if (symbol_addr(a->k, "active_list") && symbol_addr(a->k, "inactive_list"))
		return walk_two_lists(a);
	audit_skip(a, AUDIT_LRU, "this kernel has no lruvec");
	return NULL;
}
