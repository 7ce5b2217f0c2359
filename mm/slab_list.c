/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/slab_list.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/frames.h"
#include "mm/list.h"
#include "mm/memmap.h"
#include "mm/state.h"

/* More objects than one cache's CPUs and barns can hold: a damaged image says so. */
#define HELD_MAX (1u << 22)
/* A free list, and a sheaf, is no longer than a slab or a sheaf can be: 15 or 16 bits count. */
#define LIST_MAX 65535u

/* ---- Caches ---- */

struct cache_walk {
	struct kernel *k;
	slab_cache_visitor *visit;
	void *context;
	uint32_t link; /* the list_head in a kmem_cache */
	struct error *error;
};

static bool visit_cache(void *context, uint64_t node)
{
	struct cache_walk *w = context;
	struct slab_cache cache;
	w->error = slab_cache_open(w->k, node - w->link, &cache);
	if (!w->error)
		w->error = w->visit(w->context, &cache);
	return !w->error;
}

struct error *slab_caches_for_each(struct kernel *k, slab_cache_visitor *visit, void *context)
{
	struct cache_walk w = {k, visit, context, HAS(k, kmem_cache, list) ? OFFSET(k, kmem_cache, list) : OFFSET(k, kmem_cache, next), NULL};
	uint64_t head = symbol_addr(k, "slab_caches"), first = symbol_addr(k, "cache_cache");
	if (!head)
		head = symbol_addr(k, "cache_chain");
	if (!HAS(k, kmem_cache, list) && !HAS(k, kmem_cache, next))
		return error_new(ERR_UNSUPPORTED, "this kernel's slab caches are on no list");
	/* 2.4 has no head: the list goes through all of them, beginning with the cache of caches. */
	if (!head && first) {
		head = first + w.link;
		if (!visit_cache(&w, head))
			return w.error;
	}
	if (!head)
		return error_new(ERR_UNSUPPORTED, "this kernel has neither slab_caches, cache_chain nor cache_cache");
	struct error *e = list_for_each(k, head, visit_cache, &w);
	if (w.error)
		error_free(e);
	return w.error ? w.error : e;
}

/* ---- All slabs ---- */

static int compare_refs(const void *a, const void *b)
{
	const struct slab_ref *x = a, *y = b;
	if (x->cache != y->cache)
		return x->cache < y->cache ? -1 : 1;
	return x->page < y->page ? -1 : x->page > y->page;
}

static struct error *add_ref(struct slab_refs *refs, size_t *room, uint64_t cache, uint64_t page)
{
	if (refs->count == *room) {
		size_t more = *room ? *room * 2 : 4096;
		struct slab_ref *bigger = realloc(refs->refs, more * sizeof(*bigger));
		if (!bigger)
			return error_new(ERR_NO_MEMORY, "out of memory");
		refs->refs = bigger;
		*room = more;
	}
	refs->refs[refs->count++] = (struct slab_ref){cache, page};
	return NULL;
}

/* A quick no for nearly all pages; page_use() says yes. */
static bool may_be_slab(const struct frames *f, const struct page_words *w, const unsigned char *bytes)
{
	if (w->slab_flag >= 0)
		return frame_word(f, bytes, f->flags_at) >> w->slab_flag & 1;
	return ((uint32_t)frame_get(f, bytes, M_page_page_type) & w->slab.mask) == w->slab.value;
}

static struct error *read_run(struct frames *f, struct slab_refs *out, size_t *room, uint64_t pfn, uint64_t end, uint64_t addr)
{
	struct kernel *k = f->k;
	const struct page_words *w = &k->mm->pages->words;

	for (; pfn < end; pfn++, addr += SIZE_OF(k, page)) {
		const unsigned char *bytes = frame_page(f, pfn);
		struct page p = {.pfn = pfn};
		uint64_t cache;

		if (!(pfn & 4095))
			TRY(check_interrupt());
		if (!bytes || !may_be_slab(f, w, bytes) || !object_try_open(k, addr, S_page, &p.object))
			continue;
		p.flags = GET(k, &p.object, page, flags);
		if (page_use(k, &p) != PAGE_SLAB || error_drop(kernel_get(k, addr, M_slab_slab_cache, &cache)) || !cache)
			continue;
		TRY(add_ref(out, room, cache, addr));
	}
	return NULL;
}

struct error *slab_refs_read(struct kernel *k, struct slab_refs *out)
{
	uint64_t pfn, end, addr;
	struct frames *f;
	size_t room = 0;
	struct error *e = NULL;

	*out = (struct slab_refs){0};
	TRY(frames_open(k, &f));
	for (size_t i = 0; !e && page_run(k, i, &pfn, &end, &addr); i++)
		e = read_run(f, out, &room, pfn, end, addr);
	if (e) {
		slab_refs_free(out);
		return e;
	}
	if (out->count)
		qsort(out->refs, out->count, sizeof(*out->refs), compare_refs);
	return NULL;
}

void slab_refs_free(struct slab_refs *refs)
{
	free(refs->refs);
	*refs = (struct slab_refs){0};
}

size_t slab_refs_of(const struct slab_refs *refs, uint64_t cache, size_t *first)
{
	size_t low = 0, high = refs->count, n = 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (refs->refs[middle].cache < cache)
			low = middle + 1;
		else
			high = middle;
	}
	*first = low;
	while (low + n < refs->count && refs->refs[low + n].cache == cache)
		n++;
	return n;
}

/* ---- What CPUs and barns keep ---- */

static int compare_held(const void *a, const void *b)
{
	const struct slab_held_object *x = a, *y = b;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static struct error *hold(struct slab_held *h, uint64_t addr, enum object_state state, unsigned cpu)
{
	if (h->count == HELD_MAX)
		return error_new(ERR_BAD_LIST, "more free objects than CPUs can keep");
	if (h->count == h->room) {
		size_t more = h->room ? h->room * 2 : 256;
		struct slab_held_object *bigger = realloc(h->objects, more * sizeof(*bigger));
		if (!bigger)
			return error_new(ERR_NO_MEMORY, "out of memory");
		h->objects = bigger;
		h->room = more;
	}
	h->objects[h->count++] = (struct slab_held_object){addr, {(uint8_t)state, (uint16_t)cpu}};
	return NULL;
}

static struct error *hold_list(struct kernel *k, const struct slab_cache *c, struct slab_held *h, uint64_t at, unsigned cpu)
{
	uint64_t n = 0;
	for (; at; n++) {
		if (n == LIST_MAX)
			return error_at(ERR_BAD_LIST, at, "free list of CPU %u in %s never ends", cpu, c->name);
		TRY(hold(h, at, OBJECT_CPU_FREE, cpu));
		if (!slab_next_free(k, c, at, &at))
			return error_at(ERR_BAD_LIST, c->addr, "free list of CPU %u in %s leads out of memory", cpu, c->name);
	}
	return NULL;
}

static struct error *hold_sheaf(struct kernel *k, struct slab_held *h, uint64_t sheaf, enum object_state state, unsigned cpu)
{
	uint64_t size = slab_sheaf_size(k, sheaf), at;
	for (uint64_t n = 0; n < size; n++) {
		TRY(kernel_read_pointer(k, sheaf + OFFSET(k, slab_sheaf, objects) + n * k->arch->pointer_size, &at));
		TRY(hold(h, at, state, cpu));
	}
	return NULL;
}

void slab_cpu_read(struct kernel *k, const struct slab_cache *c, unsigned cpu, struct slab_cpu *out)
{
	uint64_t percpu = GET(k, &c->object, kmem_cache, cpu_slab), sheaves = GET(k, &c->object, kmem_cache, cpu_sheaves);
	struct object o;
	*out = (struct slab_cpu){0};
	if (percpu && object_try_open(k, percpu_ptr(k, percpu, cpu), S_slub_cpu, &o)) {
		out->addr = o.addr;
		out->slab = GET(k, &o, slub_cpu, slab);
		out->partial = GET(k, &o, slub_cpu, partial);
	}
	if (sheaves && object_try_open(k, percpu_ptr(k, sheaves, cpu), S_slub_percpu_sheaves, &o)) {
		out->sheaves = o.addr;
		out->main = GET(k, &o, slub_percpu_sheaves, main);
		out->spare = GET(k, &o, slub_percpu_sheaves, spare);
		out->rcu_free = GET(k, &o, slub_percpu_sheaves, rcu_free);
	}
}

uint64_t slab_cpu_partial_next(struct kernel *k, uint64_t page)
{
	struct object o;
	return object_try_open(k, page, S_slab, &o) ? GET(k, &o, slab, next) : 0;
}

static struct error *hold_cpu(struct kernel *k, const struct slab_cache *c, struct slab_held *h, unsigned cpu)
{
	struct slab_cpu here;
	struct object o;
	slab_cpu_read(k, c, cpu, &here);
	if (here.addr && object_try_open(k, here.addr, S_slub_cpu, &o))
		TRY(hold_list(k, c, h, GET(k, &o, slub_cpu, freelist), cpu));
	TRY(hold_sheaf(k, h, here.main, OBJECT_CPU_FREE, cpu));
	TRY(hold_sheaf(k, h, here.spare, OBJECT_CPU_FREE, cpu));
	return hold_sheaf(k, h, here.rcu_free, OBJECT_CPU_FREE, cpu);
}

struct barn_walk {
	struct kernel *k;
	struct slab_held *held;
	struct error *error;
};

static bool hold_barn_sheaf(void *context, uint64_t node)
{
	struct barn_walk *w = context;
	w->error = hold_sheaf(w->k, w->held, node - OFFSET(w->k, slab_sheaf, barn_list), OBJECT_BARN_FREE, 0);
	return !w->error;
}

static struct error *hold_barn(struct kernel *k, struct slab_held *h, uint64_t barn)
{
	struct barn_walk w = {k, h, NULL};
	struct error *e = list_for_each(k, barn + OFFSET(k, node_barn, sheaves_full), hold_barn_sheaf, &w);
	if (w.error)
		error_free(e);
	return w.error ? w.error : e;
}

static struct error *keep_first(struct error *first, struct error *e)
{
	if (!first)
		return e;
	error_free(e);
	return first;
}

struct error *slab_held_read(struct kernel *k, const struct slab_cache *c, struct slab_held *out)
{
	struct error *first = NULL;
	*out = (struct slab_held){0};
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		first = keep_first(first, hold_cpu(k, c, out, cpu));
	for (unsigned node = 0; node < slab_nodes(k); node++) {
		uint64_t barn = slab_cache_barn(k, c, node);
		if (barn)
			first = keep_first(first, hold_barn(k, out, barn));
	}
	if (out->count)
		qsort(out->objects, out->count, sizeof(*out->objects), compare_held);
	return first;
}

void slab_held_free(struct slab_held *held)
{
	free(held->objects);
	*held = (struct slab_held){0};
}

struct error *slab_states(struct kernel *k, const struct slab *s, const struct slab_held *held, struct object_status *status)
{
	size_t low = 0, high = held->count;
	memset(status, 0, s->objects * sizeof(*status));
	struct error *e = slab_mark_list(k, s, s->freelist, status, OBJECT_FREE, 0);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (held->objects[middle].addr < s->start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < held->count && held->objects[low].addr - s->start < s->bytes; low++) {
		uint32_t i;
		if (slab_object_index(s, held->objects[low].addr, &i) && slab_object(s, i) == held->objects[low].addr)
			status[i] = held->objects[low].status;
	}
	return e;
}
