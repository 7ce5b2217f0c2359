/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the bytes of swapped-out pages stand: on a simulated machine's own disk, or, of a dump, whose disks are not in it, in memory of the overlay's own
 * (vmcore_extend()): the store. A saved dump has that as a range of memory more; a session that opens it finds it there by its first words.
 *
 * A store is a page of head, a table (open addressing: slot of an area, page of the store), and pages, given out one after the other.
 */
#include <inttypes.h>

#include "mm/engine/file_edit.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/swap_edit.h"
#include "mm/swap.h"

#define STORE_MAGIC 0x65726f7470617773ull /* "swapstore", but for one letter */
#define STORE_MOST  (1ull << 18)	  /* pages in one store: 1 GiB */
#define STORES_MOST 4096u		  /* ranges that are looked at */

struct head {
	uint64_t magic, room; /* room: places in the table, a power of two; pages are half as many */
	uint64_t used;	      /* pages */
};

struct place {
	uint64_t key, page; /* key: 0 for none */
};

struct store {
	uint64_t start;
	struct head head;
};

static uint64_t key_of(unsigned type, uint64_t offset)
{
	return ((uint64_t)type + 1) << 56 | (offset & ((1ull << 56) - 1));
}

static bool open_store(struct engine *e, uint64_t start, struct store *s)
{
	s->start = start;
	return !error_drop(vmcore_read(e->k->vmcore, start, &s->head, sizeof(s->head))) && s->head.magic == STORE_MAGIC && s->head.room &&
	       !(s->head.room & (s->head.room - 1)) && s->head.room <= 2 * STORE_MOST && s->head.used <= s->head.room / 2;
}

static uint64_t place_at(const struct store *s, uint64_t i)
{
	return s->start + VMCORE_PAGE_SIZE + i * sizeof(struct place);
}

static uint64_t page_at(const struct store *s, uint64_t page)
{
	return s->start + VMCORE_PAGE_SIZE + s->head.room * sizeof(struct place) + page * VMCORE_PAGE_SIZE;
}

/* The key's place in the table, or the empty one where it would go: its address. */
static struct error *find_place(struct engine *e, const struct store *s, uint64_t key, uint64_t *at, struct place *p)
{
	uint64_t i = key * 0x9e3779b97f4a7c15ull >> 20;
	for (uint64_t n = 0; n < s->head.room; n++, i++) {
		*at = place_at(s, i & (s->head.room - 1));
		TRY(vmcore_read(e->k->vmcore, *at, p, sizeof(*p)));
		if (!p->key || p->key == key)
			return NULL;
	}
	return error_new(ERR_BAD_OBJECT, "the overlay's store of swapped-out pages is damaged");
}

/* In the overlay's own memory, then in what former sessions left in the image. *phys 0: none has it. */
static struct error *find_stored(struct engine *e, unsigned type, uint64_t offset, uint64_t *phys)
{
	struct store s;
	struct place p;
	uint64_t start, end, at;
	*phys = 0;
	if (vmcore_extension(e->k->vmcore, &start, &end) && open_store(e, start, &s)) {
		TRY(find_place(e, &s, key_of(type, offset), &at, &p));
		if (p.key)
			*phys = page_at(&s, p.page);
	}
	for (size_t i = 0; !*phys && i < STORES_MOST && vmcore_range(e->k->vmcore, i, &start, &end); i++) {
		if (!open_store(e, start, &s))
			continue;
		TRY(find_place(e, &s, key_of(type, offset), &at, &p));
		if (p.key && p.page < s.head.used)
			*phys = page_at(&s, p.page);
	}
	return NULL;
}

/* The overlay's own, made when it is needed first; with room for all that swap may hold, or for as much as is reasonable. */
static struct error *own_store(struct engine *e, struct store *s)
{
	uint64_t room = 64, pages = 0, size, at;
	if (vmcore_extension(e->k->vmcore, &at, &size) && open_store(e, at, s))
		return NULL;
	for (unsigned type = 0; type < swap_areas_count(e->k); type++) {
		struct swap_area a;
		if (swap_area_get(e->k, type, &a))
			pages += a.max;
	}
	pages = pages < STORE_MOST ? pages : STORE_MOST;
	while (room < 2 * pages)
		room *= 2;
	size = VMCORE_PAGE_SIZE + room * sizeof(struct place) + room / 2 * VMCORE_PAGE_SIZE;
	TRY(vmcore_extend(e->k->vmcore, &size, &at));
	s->start = at;
	s->head = (struct head){ .magic = STORE_MAGIC, .room = room };
	return vmcore_write(e->k->vmcore, at, &s->head, sizeof(s->head));
}

static struct error *store_write(struct engine *e, unsigned type, uint64_t offset, const void *bytes)
{
	struct vmcore *vc = e->k->vmcore;
	struct store s;
	struct place p;
	uint64_t at;
	TRY(own_store(e, &s));
	TRY(find_place(e, &s, key_of(type, offset), &at, &p));
	if (!p.key) {
		if (s.head.used == s.head.room / 2)
			return error_new(ERR_UNSUPPORTED, "the overlay has no room for more swapped-out pages than %" PRIu64, s.head.used);
		p = (struct place){ key_of(type, offset), s.head.used++ };
		TRY(vmcore_write(vc, at, &p, sizeof(p)));
		TRY(vmcore_write(vc, s.start, &s.head, sizeof(s.head)));
	}
	TRACE(e, "swap_writepage", "the dump's disk is not here: the overlay keeps the bytes, for swapping in again", { "type", type }, { "offset", offset });
	return vmcore_write(vc, page_at(&s, p.page), bytes, VMCORE_PAGE_SIZE);
}

/* ---- A machine's own disk, or the store ---- */

static struct error *swap_phys(struct engine *e, uint64_t offset, uint64_t *phys)
{
	struct object disk;
	TRY(object_open(e->k, symbol_addr(e->k, "sim_disk"), S_sim_disk, &disk));
	if (offset >= GET(e->k, &disk, sim_disk, swap_size) >> e->k->arch->page_shift)
		return error_new(ERR_BAD_OBJECT, "beyond the end of the swap area: page %" PRIu64, offset);
	*phys = GET(e->k, &disk, sim_disk, swap_start) + (offset << e->k->arch->page_shift);
	return NULL;
}

struct error *swap_read(struct engine *e, unsigned type, uint64_t offset, void *buffer)
{
	uint64_t phys;
	TRY(has_disk(e) ? swap_phys(e, offset, &phys) : find_stored(e, type, offset, &phys));
	if (!phys)
		return error_new(ERR_UNSUPPORTED, "the image has no swap of its own: slot %" PRIu64 " cannot be read", offset);
	return vmcore_read(e->k->vmcore, phys, buffer, VMCORE_PAGE_SIZE);
}

struct error *swap_write(struct engine *e, unsigned type, uint64_t offset, const void *buffer)
{
	uint64_t phys;
	if (!has_disk(e))
		return store_write(e, type, offset, buffer);
	TRY(swap_phys(e, offset, &phys));
	return vmcore_write(e->k->vmcore, phys, buffer, VMCORE_PAGE_SIZE);
}

bool swap_has(struct engine *e, unsigned type, uint64_t offset)
{
	uint64_t phys = 0;
	return has_disk(e) || (!error_drop(find_stored(e, type, offset, &phys)) && phys);
}
