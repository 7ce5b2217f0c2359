/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Per-CPU memory (mm/percpu.c since 5.3): chunks in lists by the size of their largest free part. A chunk is neither made nor filled with pages; chunks with many empty pages wait for
 * the kernel's work to take some, as there.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/percpu_edit.h"
#include "mm/engine/percpu_map.h"

#define PCPU_SLOT_BASE_SHIFT	  5
#define PCPU_SLOT_FAIL_THRESHOLD  3
#define PCPU_EMPTY_POP_PAGES_HIGH 4
#define CHUNKS_MAX		  100000u

struct lists {
	uint64_t first;		  /* of pcpu_chunk_lists */
	uint64_t count, free_slot; /* pcpu_nr_slots, pcpu_free_slot */
	uint64_t unit_size;
	uint64_t reserved, first_chunk;
};

static struct error *open_lists(struct engine *e, struct lists *l)
{
	struct kernel *k = e->k;
	*l = (struct lists){ 0 };
	if (!symbol_addr(k, "pcpu_chunk_lists"))
		return error_new(ERR_UNSUPPORTED, "where this kernel keeps per-CPU memory is not known: no such symbol: pcpu_chunk_lists");
	TRY(kernel_read_symbol(k, "pcpu_chunk_lists", 0, &l->first));
	TRY(kernel_read_symbol(k, "pcpu_nr_slots", 4, &l->count));
	TRY(kernel_read_symbol(k, "pcpu_free_slot", 4, &l->free_slot));
	TRY(kernel_read_symbol(k, "pcpu_unit_size", 4, &l->unit_size));
	TRY(kernel_read_symbol(k, "pcpu_reserved_chunk", 0, &l->reserved));
	TRY(kernel_read_symbol(k, "pcpu_first_chunk", 0, &l->first_chunk));
	if (l->count > 64 || l->free_slot + 2 > l->count)
		return error_new(ERR_BAD_OBJECT, "the lists of per-CPU memory are damaged: %" PRIu64 " of them", l->count);
	return NULL;
}

static uint64_t list_of(const struct engine *e, const struct lists *l, unsigned slot)
{
	return l->first + (uint64_t)slot * SIZE_OF(e->k, list_head);
}

static unsigned size_to_slot(const struct lists *l, uint64_t size)
{
	int slot = size ? 64 - __builtin_clzll(size) - PCPU_SLOT_BASE_SHIFT + 2 : 1;
	return size == l->unit_size ? (unsigned)l->free_slot : slot < 1 ? 1 : (unsigned)slot;
}

/* pcpu_chunk_slot() */
static unsigned slot_of(const struct lists *l, const struct pcpu_map *m)
{
	if ((int32_t)GET(m->e->k, &m->o, pcpu_chunk, free_bytes) < (int32_t)PCPU_MIN_ALLOC_SIZE || !m->md.contig)
		return 0;
	return size_to_slot(l, (uint64_t)m->md.contig * PCPU_MIN_ALLOC_SIZE);
}

static struct error *move(struct pcpu_map *m, const struct lists *l, unsigned slot, bool to_front)
{
	struct kernel *k = m->e->k;
	uint64_t node = MEMBER_ADDR(k, &m->o, pcpu_chunk, list);
	if (m->o.addr == l->reserved)
		return NULL;
	if (slot >= l->count)
		return error_at(ERR_BAD_OBJECT, m->o.addr, "a chunk of per-CPU memory belongs on no list: %" PRIx64, m->o.addr);
	TRY(list_del(k, node));
	return to_front ? list_add(k, node, list_of(m->e, l, slot)) : list_add_tail(k, node, list_of(m->e, l, slot));
}

/* pcpu_chunk_relocate(); before: the list that it was on, -1 for one that it is not to stay on. */
static struct error *relocate(struct pcpu_map *m, const struct lists *l, int before)
{
	int now = (int)slot_of(l, m);
	if (GET(m->e->k, &m->o, pcpu_chunk, isolated) || before == now)
		return NULL;
	return move(m, l, (unsigned)now, before < now);
}

static struct error *count_empty(struct engine *e, int32_t pages)
{
	uint64_t at = symbol_addr(e->k, "pcpu_nr_empty_pop_pages"), n;
	if (!at || !pages)
		return NULL;
	TRY(kernel_read_uint(e->k, at, 4, &n));
	return kernel_write_uint(e->k, at, 4, n + (uint64_t)(int64_t)pages);
}

/* The chunk's records as they have become; pcpu_update_empty_pages(). */
static struct error *close_chunk(struct pcpu_map *m, const struct lists *l, unsigned before)
{
	struct kernel *k = m->e->k;
	ADD(k, &m->o, pcpu_chunk, nr_empty_pop_pages, m->empty);
	if (m->o.addr != l->reserved && !GET(k, &m->o, pcpu_chunk, isolated))
		TRY(count_empty(m->e, m->empty));
	TRY(pcpu_map_close(m));
	return relocate(m, l, (int)before);
}

/* Whose memory it was charged to: nobody's any more. */
static struct error *forget_group(const struct pcpu_map *m, int32_t at)
{
	struct kernel *k = m->e->k;
	uint64_t exts = GET(k, &m->o, pcpu_chunk, obj_exts);
	uint32_t stride = HAS_STRUCT(k, pcpuobj_ext) ? SIZE_OF(k, pcpuobj_ext) : k->arch->pointer_size;
	return exts ? kernel_write_pointer(k, exts + (uint64_t)at * stride, 0) : NULL;
}

/* ---- Taking ---- */

static struct error *check_populated(const struct pcpu_map *m, int32_t at, int32_t bits)
{
	struct kernel *k = m->e->k;
	uint64_t map = MEMBER_ADDR(k, &m->o, pcpu_chunk, populated), word;
	for (int32_t page = at / (int32_t)PCPU_BITMAP_BLOCK_BITS; page <= (at + bits - 1) / (int32_t)PCPU_BITMAP_BLOCK_BITS; page++) {
		TRY(kernel_read_uint(k, map + (uint64_t)page / 64 * 8, 8, &word));
		if (!(word >> (page % 64) & 1))
			return error_at(ERR_UNSUPPORTED, m->o.addr, "page %d of the per-CPU memory of chunk %" PRIx64 " would have to be brought in: that is not done", page, m->o.addr);
	}
	return NULL;
}

/* A chunk on one of the lists that has room. *at < 0: it does not. */
static struct error *take_from(struct engine *e, const struct lists *l, uint64_t chunk, unsigned slot, int32_t bits, int32_t align, struct pcpu_map *m, int32_t *at)
{
	TRY(pcpu_map_open(e, chunk, m));
	unsigned before = slot_of(l, m);
	TRY(pcpu_map_take(m, bits, align, at));
	if (*at < 0)
		return slot < PCPU_SLOT_FAIL_THRESHOLD ? move(m, l, 0, true) : NULL;
	TRY(close_chunk(m, l, before));
	/* pcpu_reintegrate_chunk() */
	if (GET(e->k, &m->o, pcpu_chunk, isolated)) {
		SET(e->k, &m->o, pcpu_chunk, isolated, 0);
		TRY(count_empty(e, (int32_t)GET(e->k, &m->o, pcpu_chunk, nr_empty_pop_pages)));
		return relocate(m, l, -1);
	}
	return NULL;
}

static struct error *find_chunk(struct engine *e, const struct lists *l, int32_t bits, int32_t align, struct pcpu_map *m, int32_t *at)
{
	struct kernel *k = e->k;
	unsigned steps = 0;
	*at = -1;
	for (unsigned slot = size_to_slot(l, (uint64_t)bits * PCPU_MIN_ALLOC_SIZE); slot <= l->free_slot; slot++) {
		uint64_t head = list_of(e, l, slot), node, next;
		TRY(kernel_read_pointer(k, head, &node));
		for (; node != head; node = next) {
			TRY(check_interrupt());
			if (++steps > CHUNKS_MAX)
				return error_at(ERR_BAD_LIST, head, "a list of per-CPU memory never ends");
			TRY(kernel_read_pointer(k, node, &next));
			TRY(take_from(e, l, node - OFFSET(k, pcpu_chunk, list), slot, bits, align, m, at));
			if (*at >= 0)
				return NULL;
		}
	}
	return error_new(ERR_UNSUPPORTED, "no chunk of per-CPU memory has %d bytes of room: a new one would be made, which is not done", bits * (int)PCPU_MIN_ALLOC_SIZE);
}

/* What a per-CPU variable's address is in a chunk's first unit. */
static struct error *first_unit(struct engine *e, uint64_t *offset)
{
	uint64_t units, unit;
	TRY(kernel_read_symbol(e->k, "pcpu_unit_offsets", 0, &units));
	TRY(kernel_read_uint(e->k, units + (uint64_t)e->cpu * e->k->arch->pointer_size, e->k->arch->pointer_size, &unit));
	*offset = percpu_ptr(e->k, 0, e->cpu) - unit;
	return NULL;
}

struct error *alloc_percpu(struct engine *e, uint32_t size, uint32_t align, uint64_t *ptr)
{
	struct kernel *k = e->k;
	struct lists l;
	struct pcpu_map m;
	uint64_t offset;
	int32_t at, bits = (int32_t)((size + PCPU_MIN_ALLOC_SIZE - 1) / PCPU_MIN_ALLOC_SIZE);
	*ptr = 0;
	TRY(should_fail(e));
	TRY(open_lists(e, &l));
	TRY(first_unit(e, &offset));
	align = align < PCPU_MIN_ALLOC_SIZE ? PCPU_MIN_ALLOC_SIZE : align;
	TRY(find_chunk(e, &l, bits, (int32_t)(align / PCPU_MIN_ALLOC_SIZE), &m, &at));
	TRY(check_populated(&m, at, bits));
	*ptr = GET(k, &m.o, pcpu_chunk, base_addr) + (uint64_t)at * PCPU_MIN_ALLOC_SIZE - offset;
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		for (int32_t i = 0; i < bits; i++)
			TRY(kernel_write_uint(k, percpu_ptr(k, *ptr, cpu) + (uint64_t)i * PCPU_MIN_ALLOC_SIZE, PCPU_MIN_ALLOC_SIZE, 0));
	TRACE(e, "pcpu_alloc", "from a chunk that has room", { "chunk", m.o.addr }, { "offset", (uint64_t)at * PCPU_MIN_ALLOC_SIZE }, { "size", (uint64_t)bits * PCPU_MIN_ALLOC_SIZE });
	return NULL;
}

/* ---- Giving back ---- */

/* pcpu_chunk_addr_search() */
static struct error *chunk_of(struct engine *e, const struct lists *l, uint64_t addr, struct pcpu_map *m)
{
	struct kernel *k = e->k;
	unsigned steps = 0;
	for (unsigned slot = 0; slot < l->count; slot++) {
		uint64_t head = list_of(e, l, slot), node;
		TRY(kernel_read_pointer(k, head, &node));
		for (; node != head;) {
			TRY(check_interrupt());
			if (++steps > CHUNKS_MAX)
				return error_at(ERR_BAD_LIST, head, "a list of per-CPU memory never ends");
			TRY(pcpu_map_open(e, node - OFFSET(k, pcpu_chunk, list), m));
			uint64_t start = GET(k, &m->o, pcpu_chunk, base_addr), end = start + (uint64_t)m->blocks * VMCORE_PAGE_SIZE;
			if (addr >= start + GET(k, &m->o, pcpu_chunk, start_offset) && addr < end - GET(k, &m->o, pcpu_chunk, end_offset))
				return NULL;
			TRY(kernel_read_pointer(k, node, &node));
		}
	}
	return error_at(ERR_BAD_OBJECT, addr, "no chunk of per-CPU memory has the address %" PRIx64, addr);
}

/* pcpu_should_reclaim_chunk(), pcpu_isolate_chunk(): what has many empty pages is no more taken from, if it can be helped. */
static struct error *isolate_if_empty(struct pcpu_map *m, const struct lists *l)
{
	struct kernel *k = m->e->k;
	int32_t empty = (int32_t)GET(k, &m->o, pcpu_chunk, nr_empty_pop_pages);
	bool isolated = GET(k, &m->o, pcpu_chunk, isolated);
	uint64_t all;
	if (m->o.addr == l->reserved || m->o.addr == l->first_chunk || !HAS(k, pcpu_chunk, isolated))
		return NULL;
	if ((!isolated && GET(k, &m->o, pcpu_chunk, free_bytes) == l->unit_size) || !symbol_addr(k, "pcpu_nr_empty_pop_pages"))
		return NULL;
	TRY(kernel_read_symbol(k, "pcpu_nr_empty_pop_pages", 4, &all));
	if (!(isolated && empty) && !((int32_t)all > PCPU_EMPTY_POP_PAGES_HIGH + empty && empty >= m->blocks / 4))
		return NULL;
	SET(k, &m->o, pcpu_chunk, isolated, 1);
	if (!isolated)
		TRY(count_empty(m->e, -empty));
	TRACE(m->e, "pcpu_isolate_chunk", "a quarter of its pages is empty", { "chunk", m->o.addr }, { "nr_empty_pop_pages", (uint64_t)empty });
	/* Behind the free slot: those at the side, then those to give their pages back. */
	return move(m, l, (unsigned)l->count - 1, true);
}

struct error *free_percpu(struct engine *e, uint64_t ptr)
{
	struct lists l;
	struct pcpu_map m;
	uint64_t offset;
	int32_t bits;
	if (!ptr)
		return NULL;
	TRY(open_lists(e, &l));
	TRY(first_unit(e, &offset));
	TRY(chunk_of(e, &l, ptr + offset, &m));
	int32_t at = (int32_t)((ptr + offset - GET(e->k, &m.o, pcpu_chunk, base_addr)) / PCPU_MIN_ALLOC_SIZE);
	unsigned before = slot_of(&l, &m);
	TRY(pcpu_map_release(&m, at, &bits));
	TRY(close_chunk(&m, &l, before));
	TRY(forget_group(&m, at));
	TRACE(e, "free_percpu", "back to its chunk", { "chunk", m.o.addr }, { "offset", (uint64_t)at * PCPU_MIN_ALLOC_SIZE }, { "size", (uint64_t)bits * PCPU_MIN_ALLOC_SIZE });
	return isolate_if_empty(&m, &l);
}
