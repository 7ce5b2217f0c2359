/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kmem -s, -S, -r, -I: slab caches; their slabs and objects.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/kmem.h"
#include "cmd/kmem_slab.h"
#include "mm/list.h"
#include "mm/slab_list.h"
#include "mm/zone.h"

struct request {
	struct session *s;
	const struct kmem_slab_options *options;
	const char *name; /* the one cache, NULL for all */
	struct slab_refs refs;
	uint64_t found;
	bool open; /* the table of -s has begun */
	struct error *first; /* of a cache that is damaged: the others are shown */
};

/* Is `name` among the comma-separated names? */
static bool is_ignored(const char *names, const char *name)
{
	size_t len = strlen(name);
	for (const char *p = names; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, name, len) && (p[len] == ',' || !p[len]))
			return true;
	}
	return false;
}

static void ignored_row(struct request *r, const struct slab_cache *c)
{
	struct out *o = r->s->out;
	out_cell_hex(o, c->addr);
	out_cell_none(o, "[IGNORED]");
	for (int i = 0; i < 4; i++)
		out_cell_none(o, "");
	out_cell_str(o, c->name);
	out_row_end(o);
}

/* ---- -S: one cache ---- */

struct cache_view {
	struct request *r;
	const struct slab_cache *cache;
	struct slab_held held;
	size_t first, count; /* its slabs among the refs */
	bool *listed;	     /* one a slab: it stood on a list */
	struct object_status *status;
	uint32_t room;
	uint64_t slabs, objects, free, cpu, barn;
	const char *place; /* of the slabs being printed: "cpu", … */
	unsigned number;   /* the CPU or node */
	uint64_t shown;	   /* since the last heading */
	struct error *error;
};

static void keep(struct error **first, struct error *e)
{
	if (!*first)
		*first = e;
	else
		error_free(e);
}

static bool mark_listed(struct cache_view *v, uint64_t page)
{
	const struct slab_ref *refs = v->r->refs.refs + v->first;
	size_t low = 0, high = v->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (refs[middle].page < page)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == v->count || refs[low].page != page || v->listed[low])
		return false;
	v->listed[low] = true;
	return true;
}

static void count_states(struct cache_view *v, const struct slab *slab)
{
	v->slabs++;
	v->objects += slab->objects;
	for (uint32_t i = 0; i < slab->objects; i++) {
		v->free += v->status[i].state == OBJECT_FREE;
		v->cpu += v->status[i].state == OBJECT_CPU_FREE;
		v->barn += v->status[i].state == OBJECT_BARN_FREE;
	}
}

static struct error *print_opened(struct cache_view *v, const struct slab *slab)
{
	struct session *s = v->r->s;
	if (slab->objects > v->room) {
		free(v->status);
		v->room = 0;
		v->status = malloc(slab->objects * sizeof(*v->status));
		if (!v->status)
			return error_new(ERR_NO_MEMORY, "out of memory");
		v->room = slab->objects;
	}
	struct error *e = slab_states(s->kernel, slab, &v->held, v->status);
	count_states(v, slab);
	out_object_begin(s->out, NULL);
	out_str(s->out, "place", NULL, v->place);
	out_dec(s->out, !strncmp(v->place, "cpu", 3) ? "cpu" : "node", NULL, v->number);
	kmem_print_states(s, slab, v->status, 0);
	out_object_end(s->out);
	v->shown++;
	return e;
}

/* A slab on a list: it must be one of this cache, and not have come before. */
static struct error *print_listed(struct cache_view *v, uint64_t page)
{
	struct slab slab;
	bool found;
	TRY(check_interrupt());
	if (!mark_listed(v, page))
		return error_at(ERR_BAD_LIST, page, "list of slabs of %s leads to %" PRIx64 ", which is no slab of it or came before", v->cache->name, page);
	TRY(slab_of_page(v->r->s->kernel, page, &slab, &found));
	return found ? print_opened(v, &slab) : error_at(ERR_BAD_LIST, page, "no slab: %" PRIx64, page);
}

static void print_cpu_slabs(struct cache_view *v, unsigned cpu, const struct slab_cpu *here)
{
	struct session *s = v->r->s;
	out_printf(s->out, "CPU %u KMEM_CACHE_CPU:\n  %" PRIx64 "\nCPU %u SLAB:\n", cpu, here->addr, cpu);
	v->place = "cpu";
	if (here->slab)
		keep(&v->error, print_listed(v, here->slab));
	else
		out_text(s->out, "  (empty)\n");
	if (!HAS(s->kernel, slub_cpu, partial))
		return;
	out_printf(s->out, "CPU %u PARTIAL:\n", cpu);
	v->place = "cpu partial";
	if (!here->partial)
		out_text(s->out, "  (empty)\n");
	/* Each is marked as it is shown, so that a loop ends. */
	for (uint64_t page = here->partial; page; page = slab_cpu_partial_next(s->kernel, page)) {
		struct error *e = print_listed(v, page);
		bool astray = e && e->code != ERR_BAD_OBJECT;
		keep(&v->error, e);
		if (astray)
			break;
	}
}

static void print_sheaf(struct session *s, const char *key, const char *title, uint64_t sheaf)
{
	out_hex(s->out, key, NULL, sheaf);
	if (sheaf)
		out_printf(s->out, "  %-9s%" PRIx64 "  %" PRIu64 " objects\n", title, sheaf, slab_sheaf_size(s->kernel, sheaf));
}

static void print_cpu(struct cache_view *v, unsigned cpu)
{
	struct session *s = v->r->s;
	struct slab_cpu here;
	slab_cpu_read(s->kernel, v->cache, cpu, &here);
	v->number = cpu;
	if (here.addr)
		print_cpu_slabs(v, cpu, &here);
	if (!here.sheaves)
		return;
	out_printf(s->out, "CPU %u SHEAVES:\n", cpu);
	out_object_begin(s->out, NULL);
	out_str(s->out, "place", NULL, "sheaves");
	out_dec(s->out, "cpu", NULL, cpu);
	print_sheaf(s, "main", "main", here.main);
	print_sheaf(s, "spare", "spare", here.spare);
	print_sheaf(s, "rcu_free", "rcu_free", here.rcu_free);
	out_object_end(s->out);
}

static bool print_partial(void *context, uint64_t node)
{
	struct cache_view *v = context;
	struct error *e = print_listed(v, node - OFFSET(v->r->s->kernel, slab, slab_list));
	bool astray = e && e->code != ERR_BAD_OBJECT;
	keep(&v->error, e);
	return !astray;
}

static unsigned node_of_page(struct kernel *k, uint64_t page)
{
	uint64_t pfn;
	const struct zone *z = page_to_pfn(k, page, &pfn) ? zone_of_pfn(k, pfn) : NULL;
	return z ? z->node : 0;
}

/* How many slabs of this node the CPUs allocate from. */
static unsigned cpu_slabs(struct cache_view *v, unsigned node)
{
	unsigned n = 0;
	for (unsigned cpu = 0; cpu < v->r->s->kernel->cpus; cpu++) {
		struct slab_cpu here;
		slab_cpu_read(v->r->s->kernel, v->cache, cpu, &here);
		n += here.slab && node_of_page(v->r->s->kernel, here.slab) == node;
	}
	return n;
}

/* What no list has: full slabs, and what is on its way from one place to another. */
static void print_unlisted(struct cache_view *v, unsigned node, bool full)
{
	struct session *s = v->r->s;
	const struct slab_ref *refs = v->r->refs.refs + v->first;
	v->place = full ? "full" : "unlisted";
	v->shown = 0;
	if (full)
		out_printf(s->out, "NODE %u FULL:\n", node);
	for (size_t i = 0; i < v->count && !(v->error && v->error->code == ERR_INTERRUPTED); i++) {
		struct slab slab;
		bool found;
		if (v->listed[i] || node_of_page(s->kernel, refs[i].page) != node)
			continue;
		keep(&v->error, check_interrupt());
		struct error *e = slab_of_page(s->kernel, refs[i].page, &slab, &found);
		keep(&v->error, e);
		if (e || !found || (slab.inuse == slab.objects) != full)
			continue;
		if (!full && !v->shown)
			out_printf(s->out, "NODE %u UNLISTED:\n", node);
		v->listed[i] = true;
		keep(&v->error, print_opened(v, &slab));
	}
	if (full && !v->shown)
		out_text(s->out, "  (empty)\n");
}

static void print_node(struct cache_view *v, unsigned node)
{
	struct session *s = v->r->s;
	struct kernel *k = s->kernel;
	struct object o;
	uint64_t addr = slab_cache_node(k, v->cache, node), barn = slab_cache_barn(k, v->cache, node);
	v->number = node;
	if (addr && object_try_open(k, addr, S_kmem_cache_node, &o)) {
		out_printf(s->out, "KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU\n%-16" PRIx64 "  %4u  %5" PRIu64 "  %7" PRIu64 "  %7u\n", addr, node,
			   GET(k, &o, kmem_cache_node, nr_slabs), GET(k, &o, kmem_cache_node, nr_partial), cpu_slabs(v, node));
		out_printf(s->out, "NODE %u PARTIAL:\n", node);
		v->place = "partial";
		v->shown = 0;
		keep(&v->error, list_for_each(k, MEMBER_ADDR(k, &o, kmem_cache_node, partial), print_partial, v));
		if (!v->shown)
			out_text(s->out, "  (empty)\n");
	}
	if (barn)
		out_printf(s->out, "NODE %u BARN:\n  %" PRIx64 "\n", node, barn);
	print_unlisted(v, node, true);
	print_unlisted(v, node, false);
}

/* What was found, beside what the nodes count. */
static void print_sum(struct cache_view *v)
{
	struct out *o = v->r->s->out;
	struct slab_cache_totals totals;
	struct error *e = slab_cache_totals(v->r->s->kernel, v->cache, &totals);
	bool known = !e && totals.known;
	keep(&v->error, e);
	out_dec(o, "slabs_found", "FOUND: %" PRIu64 " slabs, ", v->slabs);
	out_dec(o, "objects", "%" PRIu64 " objects: ", v->objects);
	out_dec(o, "objects_allocated", "%" PRIu64 " allocated, ", v->objects - v->free - v->cpu - v->barn);
	out_dec(o, "objects_free", "%" PRIu64 " free in slabs, ", v->free);
	out_dec(o, "objects_cpu_free", "%" PRIu64 " free on CPUs", v->cpu);
	out_dec(o, "objects_barn_free", v->barn ? ", %" PRIu64 " in barns" : NULL, v->barn);
	bool verified = known && v->slabs == totals.slabs && v->objects == totals.objects;
	if (known)
		out_bool(o, "verified", NULL, verified);
	out_text(o, verified ? "  (verified)\n" : known ? "  (not what the nodes count)\n" : "\n");
}

/* -S=CPUS: what the others hold is neither shown nor taken for unlisted. */
static void skip_cpu(struct cache_view *v, unsigned cpu)
{
	struct slab_cpu here;
	slab_cpu_read(v->r->s->kernel, v->cache, cpu, &here);
	mark_listed(v, here.slab);
	for (uint64_t page = here.partial; page && mark_listed(v, page);)
		page = slab_cpu_partial_next(v->r->s->kernel, page);
}

static void print_cache_parts(struct cache_view *v)
{
	struct session *s = v->r->s;
	out_array_begin(s->out, "slabs");
	for (unsigned cpu = 0; cpu < s->kernel->cpus; cpu++)
		if (!v->r->options->cpus || v->r->options->cpus[cpu])
			print_cpu(v, cpu);
		else
			skip_cpu(v, cpu);
	for (unsigned node = 0; node < slab_nodes(s->kernel); node++)
		print_node(v, node);
	out_array_end(s->out);
	if (!v->r->options->cpus)
		print_sum(v);
}

static struct error *print_cache_slabs(struct request *r, const struct slab_cache *cache)
{
	struct cache_view v = {.r = r, .cache = cache};
	if (HAS(r->s->kernel, kmem_cache, num))
		return error_new(ERR_UNSUPPORTED, "which objects are free is not known: this kernel has SLAB, not SLUB");
	v.count = slab_refs_of(&r->refs, cache->addr, &v.first);
	v.listed = calloc(v.count + 1, sizeof(*v.listed));
	if (!v.listed)
		return error_new(ERR_NO_MEMORY, "out of memory");
	v.error = slab_held_read(r->s->kernel, cache, &v.held);
	print_cache_parts(&v);
	slab_held_free(&v.held);
	free(v.listed);
	free(v.status);
	return v.error;
}

/* ---- All caches ---- */

static struct error *show_cache(void *context, const struct slab_cache *c)
{
	struct request *r = context;
	struct session *s = r->s;
	bool ignored = is_ignored(r->options->ignore, c->name);
	struct error *e;
	TRY(check_interrupt());
	if (r->name && strcmp(r->name, c->name))
		return NULL;
	r->found++;
	if (!r->options->objects) {
		if (!r->open)
			kmem_caches_begin(s, true);
		r->open = true;
		if (ignored)
			ignored_row(r, c);
		e = ignored ? NULL : kmem_cache_row(s, c);
	} else {
		out_object_begin(s->out, NULL);
		kmem_caches_begin(s, true);
		if (ignored)
			ignored_row(r, c);
		e = ignored ? NULL : kmem_cache_row(s, c);
		out_table_end(s->out);
		if (!ignored)
			keep(&e, print_cache_slabs(r, c));
		out_object_end(s->out);
		out_text(s->out, "\n");
	}
	if (e && (e->code == ERR_INTERRUPTED || e->code == ERR_UNSUPPORTED))
		return e;
	keep(&r->first, e);
	return NULL;
}

static struct error *show_caches(struct request *r)
{
	struct session *s = r->s;
	TRY(nodes_open(s->kernel));
	if (r->options->objects) {
		TRY(slab_refs_read(s->kernel, &r->refs));
		out_array_begin(s->out, "caches");
	}
	struct error *e = slab_caches_for_each(s->kernel, show_cache, r);
	if (r->open)
		out_table_end(s->out);
	if (r->options->objects && !e)
		out_array_end(s->out);
	slab_refs_free(&r->refs);
	if (e)
		error_free(r->first);
	else
		e = r->first;
	if (!e && r->name && !r->found)
		e = error_new(ERR_NOT_FOUND, "no such slab cache: %s", r->name);
	return e;
}

/* ---- Words ---- */

static struct error *list_cache(void *context, const struct slab_cache *c)
{
	struct out *o = context;
	out_cell_hex(o, c->addr);
	out_cell_str(o, c->name);
	out_row_end(o);
	return NULL;
}

static struct error *list_caches(struct session *s)
{
	static const struct column columns[] = {{"cache", NULL, 0, '<', 0}, {"name", NULL, 0, '<', 1}};
	out_table(s->out, "caches", columns, 2, false);
	struct error *e = slab_caches_for_each(s->kernel, list_cache, s->out);
	out_table_end(s->out);
	return e;
}

static struct error *name_matches(void *context, const struct slab_cache *c)
{
	struct request *r = context;
	r->found += !strcmp(r->name, c->name);
	return NULL;
}

/* The slab that an address lies in: -s shows the object, -S all of its objects. */
static struct error *show_address(struct session *s, const struct kmem_slab_options *options, const char *word, bool physical)
{
	struct kmem_place place;
	struct slab slab;
	bool found = false;
	TRY(nodes_open(s->kernel));
	TRY(kmem_place(s, word, physical, &place));
	if (place.page)
		TRY(slab_of_page(s->kernel, place.page, &slab, &found));
	if (!found)
		return error_at(ERR_NOT_FOUND, place.addr, "address is not allocated in slab subsystem: %" PRIx64, place.addr);
	TRY(kmem_print_cache(s, &slab.cache));
	return kmem_print_slab(s, &slab, options->objects || place.is_page ? 0 : kernel_ptov(s->kernel, place.phys));
}

struct error *kmem_slabs(struct session *s, const struct kmem_slab_options *options, int argc, char **argv, bool physical)
{
	struct request r = {.s = s, .options = options};
	if (argc > 1)
		return usage_error("kmem", "-%c takes one cache or address", options->objects ? 'S' : 's');
	if (!argc)
		return show_caches(&r);
	if (!strcmp(argv[0], "list"))
		return list_caches(s);
	r.name = argv[0];
	if (!physical)
		TRY(slab_caches_for_each(s->kernel, name_matches, &r));
	if (r.found) {
		r.found = 0;
		return show_caches(&r);
	}
	uint64_t addr;
	if (!physical && error_drop(parse_address(s, argv[0], &addr)))
		return error_new(ERR_NOT_FOUND, "no such slab cache, and no address: %s", argv[0]);
	return show_address(s, options, argv[0], physical);
}

/*
 * slab_root_caches linked the caches that are no memory cgroup's (kmem_cache.memcg_params.__root_caches_node, 4.11 to 5.8); no kernel since has
 * children to add up.
 */
struct error *kmem_root_caches(struct session *s, const struct kmem_slab_options *options)
{
	struct request r = {.s = s, .options = options};
	if (!symbol_addr(s->kernel, "slab_root_caches"))
		return error_new(ERR_UNSUPPORTED, "this kernel has no slab_root_caches: -s shows all there is");
	return error_new(ERR_UNSUPPORTED, "children of root caches are not summed up: %s shows each", r.options->objects ? "-S" : "-s");
}
