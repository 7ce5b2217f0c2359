/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slab caches, acting: SLAB as 2.4 has it (mm/slab.c), without per-CPU arrays. A slab is a run of frames: its slab_s (on the slab for small
 * objects, else in a cache of its own) with an array of kmem_bufctl_t after it, which links the free objects by their numbers, then the objects.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "mm/engine/engine.h"
#include "mm/list.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/slub_edit.h"

/* mm/slab.c, include/linux/slab.h */
#define SLAB_NO_REAP	   0x00001000u
#define SLAB_HWCACHE_ALIGN 0x00002000u
#define SLAB_CACHE_DMA	   0x00004000u
#define CFLGS_OFF_SLAB	   0x010000u
#define CFLGS_OPTIMIZE	   0x020000u
#define BUFCTL_END	   0xffffffffu
#define BUFCTL_SIZE	   4u
#define L1_CACHE_BYTES	   32u
#define MAX_GFP_ORDER	   5u
#define BREAK_GFP_ORDER	   2u
#define BREAK_ORDER_SMALL  1u /* of a machine of at most 32 MB */
#define REAP_SCANLEN	   10u
#define REAP_PERFECT	   10u
#define SLAB_LIMIT	   0xfffffffeu
#define OFF_SLAB_MINIMUM   512u /* PAGE_SIZE >> 3 */

static uint32_t align_up(uint32_t n, uint32_t to)
{
	return (n + to - 1) & ~(to - 1);
}

static uint32_t slab_header_size(const struct engine *e, uint32_t num)
{
	return align_up(SIZE_OF(e->k, slab_s) + num * BUFCTL_SIZE, L1_CACHE_BYTES);
}

/* ---- Making a cache ---- */

struct estimate {
	uint32_t order, num, left_over;
};

/* kmem_cache_estimate(): how many objects fit, and what is left. */
static void estimate(const struct engine *e, uint32_t size, bool off_slab, struct estimate *out)
{
	uint32_t room = (uint32_t)VMCORE_PAGE_SIZE << out->order, n = 0;
	while (n < SLAB_LIMIT && (n + 1) * size + (off_slab ? 0 : slab_header_size(e, n + 1)) <= room)
		n++;
	out->num = n;
	out->left_over = room - n * size - (off_slab ? 0 : slab_header_size(e, n));
}

/* The smallest order that does not waste more than an eighth, but no more than 2 (1 on a small machine) for that alone. */
static void choose_order(const struct engine *e, uint32_t size, bool off_slab, struct estimate *out)
{
	uint64_t frames;
	unsigned most = BREAK_GFP_ORDER;
	if (!error_drop(kernel_read_symbol(e->k, "num_physpages", 4, &frames)) && frames <= (32u << 20) / VMCORE_PAGE_SIZE)
		most = BREAK_ORDER_SMALL;
	for (out->order = 0;; out->order++) {
		estimate(e, size, off_slab, out);
		if (out->order >= MAX_GFP_ORDER)
			return;
		if (!out->num)
			continue;
		if (out->order >= most || out->left_over * 8 <= (uint32_t)VMCORE_PAGE_SIZE << out->order)
			return;
	}
}

static struct error *find_general_cache(struct engine *e, uint32_t size, uint64_t *cache);

static struct error *fill_cache(struct engine *e, const struct object *c, const char *name, uint32_t size, uint32_t offset,
				uint32_t flags)
{
	struct kernel *k = e->k;
	struct estimate fit;
	uint32_t align = flags & SLAB_HWCACHE_ALIGN ? L1_CACHE_BYTES : k->arch->pointer_size;
	size_t room;
	uint64_t slabp_cache = 0;
	memset((void *)c->bytes, 0, c->size);
	size = align_up(size, k->arch->pointer_size);
	bool off_slab = size >= OFF_SLAB_MINIMUM;
	if (flags & SLAB_HWCACHE_ALIGN) {
		while (size < align / 2)
			align /= 2;
		size = align_up(size, align);
	}
	choose_order(e, size, off_slab, &fit);
	if (!fit.num)
		return kernel_error(EINVAL, "objects of %u bytes fit no slab", size);
	uint32_t header = slab_header_size(e, fit.num);
	if (off_slab && fit.left_over >= header) {
		off_slab = false;
		fit.left_over -= header;
	}
	offset = align_up(offset, align);
	if (!offset)
		offset = L1_CACHE_BYTES;
	if (off_slab)
		TRY(find_general_cache(e, header, &slabp_cache));
	flags |= off_slab ? CFLGS_OFF_SLAB : !fit.order ? CFLGS_OPTIMIZE : 0;
	SET(k, c, kmem_cache, size, size);
	SET(k, c, kmem_cache, flags, flags);
	SET(k, c, kmem_cache, num, fit.num);
	SET(k, c, kmem_cache, gfporder, fit.order);
	SET(k, c, kmem_cache, gfpflags, flags & SLAB_CACHE_DMA ? GFP24_DMA : 0);
	SET(k, c, kmem_cache, colour, fit.left_over / offset);
	SET(k, c, kmem_cache, colour_off, offset);
	SET(k, c, kmem_cache, slabp_cache, slabp_cache);
	char *text = (char *)object_bytes(k, c, M_kmem_cache_name, &room);
	if (text && room)
		snprintf(text, room, "%s", name);
	TRY(list_init(k, MEMBER_ADDR(k, c, kmem_cache, slabs_full)));
	TRY(list_init(k, MEMBER_ADDR(k, c, kmem_cache, slabs_partial)));
	return list_init(k, MEMBER_ADDR(k, c, kmem_cache, slabs_free));
}

struct error *kmem_cache_create(struct engine *e, const char *name, uint32_t size, uint32_t offset, uint32_t flags,
				uint64_t *cache)
{
	struct object c;
	/* The first of all, cache_cache, is no object of a slab: the caller gives its address. */
	if (!*cache)
		TRY(kmem_cache_alloc(e, e->cache_cache, GFP24_KERNEL, cache));
	TRY(object_open_writable(e->k, *cache, S_kmem_cache, &c));
	TRY(fill_cache(e, &c, name, size, offset, flags));
	return list_add(e->k, MEMBER_ADDR(e->k, &c, kmem_cache, next), e->cache_chain);
}

struct name_search {
	struct kernel *k;
	const char *name;
	uint64_t found;
};

static bool match_cache(void *context, uint64_t node)
{
	struct name_search *s = context;
	struct object c;
	size_t room;
	if (!object_try_open(s->k, node - OFFSET(s->k, kmem_cache, next), S_kmem_cache, &c))
		return false;
	const char *text = (const char *)object_bytes(s->k, &c, M_kmem_cache_name, &room);
	size_t len = text ? strnlen(text, room) : 0;
	if (!len || len != strlen(s->name) || memcmp(text, s->name, len))
		return true;
	s->found = c.addr;
	return false;
}

struct error *kmem_cache_find(struct engine *e, const char *name, uint64_t *cache)
{
	struct name_search s = { e->k, name, 0 };
	TRY(list_for_each(e->k, e->cache_chain, match_cache, &s));
	*cache = s.found;
	return s.found ? NULL : error_new(ERR_NOT_FOUND, "no such slab cache: %s", name);
}

/* ---- Slabs ---- */

/* What page->list holds for a slab's frame: SET_PAGE_CACHE, SET_PAGE_SLAB. */
static struct error *mark_frames(struct engine *e, uint64_t page, unsigned order, uint64_t cache, uint64_t slab)
{
	struct kernel *k = e->k;
	unsigned word = k->arch->pointer_size;
	for (uint64_t i = 0; i < 1ull << order; i++) {
		struct page p;
		TRY(page_open_writable(e, page + i * e->page_size, &p));
		unsigned char *list = (unsigned char *)p.object.bytes + OFFSET(k, page, buddy_list);
		store_uint(list, word, cache);
		store_uint(list + word, word, slab);
		SET(k, &p.object, page, flags, slab ? p.flags | 1ull << e->bit_slab : p.flags & ~(1ull << e->bit_slab));
	}
	return NULL;
}

static struct error *slab_of(struct engine *e, uint64_t object, uint64_t *cache, uint64_t *slab)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t page = engine_phys_page(e, object - k->page_offset);
	if (object < k->page_offset || object >= k->direct_end)
		return error_at(ERR_BAD_OBJECT, object, "no slab object: %" PRIx64, object);
	TRY(page_open_known(e, page, &p));
	if (!(p.flags >> e->bit_slab & 1))
		return error_at(ERR_BAD_OBJECT, object, "no slab object: %" PRIx64, object);
	const unsigned char *list = p.object.bytes + OFFSET(k, page, buddy_list);
	*cache = load_uint(list, k->arch->pointer_size);
	*slab = load_uint(list + k->arch->pointer_size, k->arch->pointer_size);
	return NULL;
}

static uint64_t bufctl_addr(const struct engine *e, uint64_t slab, uint64_t i)
{
	return slab + SIZE_OF(e->k, slab_s) + i * BUFCTL_SIZE;
}

/* Fills a new slab at `start`: header, free list, marks on its frames. */
static struct error *set_up_slab(struct engine *e, const struct object *c, uint64_t start, uint32_t colour, unsigned gfp)
{
	struct kernel *k = e->k;
	struct object s, ctl;
	uint32_t num = (uint32_t)GET(k, c, kmem_cache, num);
	uint64_t slab = start + colour, page = engine_phys_page(e, start - k->page_offset);
	if (GET(k, c, kmem_cache, flags) & CFLGS_OFF_SLAB)
		TRY(kmem_cache_alloc(e, GET(k, c, kmem_cache, slabp_cache), gfp, &slab));
	else
		colour += slab_header_size(e, num);
	TRY(object_open_writable(k, slab, S_slab_s, &s));
	SET(k, &s, slab_s, colouroff, colour);
	SET(k, &s, slab_s, s_mem, start + colour);
	SET(k, &s, slab_s, inuse, 0);
	SET(k, &s, slab_s, free, 0);
	TRY(object_open_bytes_writable(k, bufctl_addr(e, slab, 0), (size_t)num * BUFCTL_SIZE, &ctl));
	for (uint32_t i = 0; i < num; i++)
		store_uint((unsigned char *)ctl.bytes + i * BUFCTL_SIZE, BUFCTL_SIZE, i + 1 < num ? i + 1 : BUFCTL_END);
	TRY(mark_frames(e, page, (unsigned)GET(k, c, kmem_cache, gfporder), c->addr, slab));
	TRACE(e, "kmem_cache_grow", "a new slab", { "cachep", c->addr }, { "slabp", slab }, { "objects", num });
	return list_add_tail(k, MEMBER_ADDR(k, &s, slab_s, list), MEMBER_ADDR(k, c, kmem_cache, slabs_free));
}

static struct error *kmem_cache_grow(struct engine *e, const struct object *c, unsigned gfp)
{
	struct kernel *k = e->k;
	uint64_t start, next = GET(k, c, kmem_cache, colour_next);
	uint32_t colour = (uint32_t)(next * GET(k, c, kmem_cache, colour_off));
	struct error *failure;
	TRY(get_free_pages(e, (gfp & ~(GFP24_DMA | GFP24_HIGHMEM)) | GFP24_UNPINNED | (unsigned)GET(k, c, kmem_cache, gfpflags),
			   (unsigned)GET(k, c, kmem_cache, gfporder), &start));
	next++;
	SET(k, c, kmem_cache, colour_next, next >= GET(k, c, kmem_cache, colour) ? 0 : next);
	failure = set_up_slab(e, c, start, colour, gfp);
	/* There was no room for a slab_s of its own. */
	if (failure && failure->code == ERR_KERNEL)
		failure = error_worse(failure, free_pages_addr(e, start, (unsigned)GET(k, c, kmem_cache, gfporder)));
	return failure;
}

/* Moves the slab to the list that its new number of used objects asks for. */
static struct error *move_slab(struct engine *e, const struct object *s, uint64_t list)
{
	TRY(list_del(e->k, MEMBER_ADDR(e->k, s, slab_s, list)));
	return list_add(e->k, MEMBER_ADDR(e->k, s, slab_s, list), list);
}

static struct error *list_of_use(struct engine *e, const struct object *c, const struct object *s, uint32_t before, uint32_t now)
{
	struct kernel *k = e->k;
	uint32_t num = (uint32_t)GET(k, c, kmem_cache, num);
	if (now == num)
		return move_slab(e, s, MEMBER_ADDR(k, c, kmem_cache, slabs_full));
	if (!now)
		return move_slab(e, s, MEMBER_ADDR(k, c, kmem_cache, slabs_free));
	if (!before || before == num)
		return move_slab(e, s, MEMBER_ADDR(k, c, kmem_cache, slabs_partial));
	return NULL;
}

/* ---- Giving slabs back ---- */

/* kmem_slab_destroy(): of a slab that is on no list any more. */
static struct error *destroy_slab(struct engine *e, const struct object *c, uint64_t slab)
{
	struct kernel *k = e->k;
	struct object s;
	unsigned order = (unsigned)GET(k, c, kmem_cache, gfporder);
	TRY(object_open(k, slab, S_slab_s, &s));
	uint64_t start = GET(k, &s, slab_s, s_mem) - GET(k, &s, slab_s, colouroff);
	TRY(mark_frames(e, engine_phys_page(e, start - k->page_offset), order, 0, 0));
	TRY(free_pages_addr(e, start, order));
	TRACE(e, "kmem_slab_destroy", "a free slab is given back", { "cachep", c->addr }, { "slabp", slab });
	return GET(k, c, kmem_cache, flags) & CFLGS_OFF_SLAB ? kmem_cache_free(e, GET(k, c, kmem_cache, slabp_cache), slab) : NULL;
}

static bool count_node(void *context, uint64_t node)
{
	(void)node;
	return ++*(unsigned *)context < 1u << 20;
}

/* How much there is to gain; slabs of several frames count a fifth less, as they are harder to get again. */
static struct error *free_slabs(struct engine *e, const struct object *c, unsigned *slabs, unsigned *pages)
{
	struct kernel *k = e->k;
	unsigned order = (unsigned)GET(k, c, kmem_cache, gfporder);
	*slabs = *pages = 0;
	if (GET(k, c, kmem_cache, flags) & SLAB_NO_REAP)
		return NULL;
	if (order >= e->orders)
		return error_at(ERR_BAD_OBJECT, c->addr, "cache %" PRIx64 " has slabs of order %u, which no block has", c->addr, order);
	TRY(list_for_each(k, MEMBER_ADDR(k, c, kmem_cache, slabs_free), count_node, slabs));
	*pages = order ? ((*slabs << order) * 4 + 1) / 5 : *slabs;
	return NULL;
}

struct error *kmem_cache_reap(struct engine *e, unsigned *frames)
{
	struct kernel *k = e->k;
	struct object c, best = { NULL, 0, 0 };
	unsigned best_slabs = 0, best_pages = 0;
	uint64_t clock = symbol_addr(k, "clock_searchp"), at = e->cache_cache, first, last;
	*frames = 0;
	if (clock)
		TRY(kernel_read_pointer(k, clock, &at));
	first = at;
	for (unsigned scan = REAP_SCANLEN; scan && best_pages < REAP_PERFECT; scan--) {
		unsigned slabs, pages;
		TRY(object_open_writable(k, at, S_kmem_cache, &c));
		TRY(free_slabs(e, &c, &slabs, &pages));
		if (pages > best_pages) {
			best = c;
			best_slabs = slabs;
			best_pages = pages;
		}
		TRY(kernel_read_pointer(k, MEMBER_ADDR(k, &c, kmem_cache, next), &at));
		at -= OFFSET(k, kmem_cache, next);
		if (at == first)
			break;
	}
	if (clock)
		TRY(kernel_write_pointer(k, clock, at));
	for (unsigned n = (best_slabs + 1) / 2; n; n--) {
		TRY(kernel_read_pointer(k, MEMBER_ADDR(k, &best, kmem_cache, slabs_free) + k->arch->pointer_size, &last));
		TRY(list_del(k, last));
		TRY(destroy_slab(e, &best, last - OFFSET(k, slab_s, list)));
		*frames += 1u << GET(k, &best, kmem_cache, gfporder);
	}
	return NULL;
}

/* ---- A pinned slot ---- */

/* Makes the slab that has the object, with the colour that puts an object there. */
static struct error *grow_for(struct engine *e, const struct object *c, uint64_t object)
{
	struct kernel *k = e->k;
	uint64_t page;
	uint32_t size = (uint32_t)GET(k, c, kmem_cache, size), num = (uint32_t)GET(k, c, kmem_cache, num);
	uint32_t step = (uint32_t)GET(k, c, kmem_cache, colour_off), header = slab_header_size(e, num);
	unsigned order = (unsigned)GET(k, c, kmem_cache, gfporder);
	uint64_t start = object & ~(((uint64_t)VMCORE_PAGE_SIZE << order) - 1);
	if (GET(k, c, kmem_cache, flags) & CFLGS_OFF_SLAB)
		header = 0;
	for (uint64_t i = 0; i <= GET(k, c, kmem_cache, colour); i++) {
		uint32_t colour = (uint32_t)i * step;
		uint64_t first = start + colour + header;
		if (object < first || (object - first) % size || (object - first) / size >= num)
			continue;
		TRY(alloc_pages_at(e, start - k->page_offset, order, &page));
		return set_up_slab(e, c, start, colour, GFP24_KERNEL);
	}
	return kernel_error(EINVAL, "no colour of the cache has an object at the pinned slot: %" PRIx64, object);
}

/* Takes object number `wanted` out of the middle of a slab's free list. */
static struct error *unlink_object(struct engine *e, const struct object *s, uint64_t slab, uint32_t wanted, uint32_t num)
{
	struct kernel *k = e->k;
	uint64_t at = GET(k, s, slab_s, free), next, previous = BUFCTL_END;
	for (uint32_t n = 0; at != wanted; n++) {
		if (at >= num || n >= num)
			return kernel_error(EBUSY, "the pinned slot is not free: object %u of slab %" PRIx64, wanted, slab);
		previous = at;
		TRY(kernel_read_uint(k, bufctl_addr(e, slab, at), BUFCTL_SIZE, &at));
	}
	TRY(kernel_read_uint(k, bufctl_addr(e, slab, wanted), BUFCTL_SIZE, &next));
	if (previous == BUFCTL_END)
		SET(k, s, slab_s, free, next);
	else
		TRY(kernel_write_uint(k, bufctl_addr(e, slab, previous), BUFCTL_SIZE, next));
	return NULL;
}

static struct error *alloc_pinned(struct engine *e, const struct object *c, uint64_t object)
{
	struct kernel *k = e->k;
	struct object s;
	uint64_t cache, slab;
	if (error_drop(slab_of(e, object, &cache, &slab)))
		TRY(grow_for(e, c, object));
	TRY(slab_of(e, object, &cache, &slab));
	if (cache != c->addr)
		return kernel_error(EBUSY, "the pinned slot is another cache's: %" PRIx64, object);
	TRY(object_open_writable(k, slab, S_slab_s, &s));
	uint64_t offset = object - GET(k, &s, slab_s, s_mem), size = GET(k, c, kmem_cache, size);
	uint32_t num = (uint32_t)GET(k, c, kmem_cache, num), before = (uint32_t)GET(k, &s, slab_s, inuse);
	if (offset % size || offset / size >= num)
		return kernel_error(EINVAL, "no object begins at the pinned slot: %" PRIx64, object);
	TRY(unlink_object(e, &s, slab, (uint32_t)(offset / size), num));
	SET(k, &s, slab_s, inuse, before + 1);
	TRACE(e, "kmem_cache_alloc", "pinned by the scenario", { "cachep", c->addr }, { "objp", object });
	return list_of_use(e, c, &s, before, before + 1);
}

/* ---- Objects ---- */

struct error *kmem_cache_alloc(struct engine *e, uint64_t cache, unsigned gfp, uint64_t *object)
{
	struct kernel *k = e->k;
	struct object c, s;
	uint64_t head, entry, next;
	TRY(should_fail(e));
	if (!e->classic)
		return slub_alloc(e, cache, object);
	TRY(object_open_writable(k, cache, S_kmem_cache, &c));
	if (pin_take(e, PIN_SLOT, cache, object))
		return alloc_pinned(e, &c, *object);
	head = MEMBER_ADDR(k, &c, kmem_cache, slabs_partial);
	TRY(kernel_read_pointer(k, head, &entry));
	if (entry == head) {
		head = MEMBER_ADDR(k, &c, kmem_cache, slabs_free);
		TRY(kernel_read_pointer(k, head, &entry));
		if (entry == head) {
			TRY(kmem_cache_grow(e, &c, gfp));
			TRY(kernel_read_pointer(k, head, &entry));
		}
	}
	TRY(object_open_writable(k, entry - OFFSET(k, slab_s, list), S_slab_s, &s));
	uint64_t free = GET(k, &s, slab_s, free);
	uint32_t num = (uint32_t)GET(k, &c, kmem_cache, num), before = (uint32_t)GET(k, &s, slab_s, inuse);
	if (free >= num || before >= num)
		return error_at(ERR_BAD_LIST, s.addr, "slab %" PRIx64 " is damaged: free object %" PRIu64 " of %u", s.addr, free, num);
	TRY(kernel_read_uint(k, bufctl_addr(e, s.addr, free), BUFCTL_SIZE, &next));
	SET(k, &s, slab_s, free, next);
	SET(k, &s, slab_s, inuse, before + 1);
	*object = GET(k, &s, slab_s, s_mem) + free * GET(k, &c, kmem_cache, size);
	return list_of_use(e, &c, &s, before, before + 1);
}

struct error *kmem_cache_free(struct engine *e, uint64_t cache, uint64_t object)
{
	struct kernel *k = e->k;
	struct object c, s;
	uint64_t owner, slab;
	if (!e->classic)
		return slub_free(e, cache, object);
	TRY(slab_of(e, object, &owner, &slab));
	if (owner != cache)
		return error_at(ERR_BAD_OBJECT, object, "an object of another cache is freed: %" PRIx64, object);
	TRY(object_open_writable(k, cache, S_kmem_cache, &c));
	TRY(object_open_writable(k, slab, S_slab_s, &s));
	uint64_t offset = object - GET(k, &s, slab_s, s_mem), size = GET(k, &c, kmem_cache, size);
	uint32_t before = (uint32_t)GET(k, &s, slab_s, inuse);
	if (!size || offset % size || offset / size >= GET(k, &c, kmem_cache, num) || !before)
		return error_at(ERR_BAD_OBJECT, object, "no object begins at %" PRIx64, object);
	TRY(kernel_write_uint(k, bufctl_addr(e, slab, offset / size), BUFCTL_SIZE, GET(k, &s, slab_s, free)));
	SET(k, &s, slab_s, free, offset / size);
	SET(k, &s, slab_s, inuse, before - 1);
	return list_of_use(e, &c, &s, before, before - 1);
}

/* ---- kmalloc ---- */

/* The general caches stand in the chain by their names: size-32, size-64, … size-131072. */
struct general_search {
	struct engine *e;
	uint32_t size, best_size;
	uint64_t best;
};

static bool match_general(void *context, uint64_t node)
{
	struct general_search *s = context;
	struct kernel *k = s->e->k;
	struct object c;
	size_t len;
	if (!object_try_open(k, node - OFFSET(k, kmem_cache, next), S_kmem_cache, &c))
		return false;
	const char *name = (const char *)object_bytes(k, &c, M_kmem_cache_name, &len);
	uint32_t size = (uint32_t)GET(k, &c, kmem_cache, size);
	if (!name || len < 6 || memcmp(name, "size-", 5) || memmem(name, len, "DMA", 3))
		return true;
	if (size >= s->size && (!s->best || size < s->best_size)) {
		s->best = c.addr;
		s->best_size = size;
	}
	return true;
}

static struct error *find_general_cache(struct engine *e, uint32_t size, uint64_t *cache)
{
	struct general_search s = { e, size, 0, 0 };
	TRY(list_for_each(e->k, e->cache_chain, match_general, &s));
	*cache = s.best;
	return s.best ? NULL : kernel_error(ENOMEM, "no general cache has objects of %u bytes", size);
}

struct error *kmalloc(struct engine *e, uint32_t size, unsigned gfp, uint64_t *object)
{
	uint64_t cache;
	TRY(e->classic ? find_general_cache(e, size, &cache) : slub_general_cache(e, size, &cache));
	return kmem_cache_alloc(e, cache, gfp, object);
}

struct error *kfree(struct engine *e, uint64_t object)
{
	uint64_t cache, slab;
	if (!object)
		return NULL;
	if (!e->classic)
		return slub_kfree(e, object);
	TRY(slab_of(e, object, &cache, &slab));
	return kmem_cache_free(e, cache, object);
}
