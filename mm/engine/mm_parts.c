/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an address space has beside its areas and tables, on kernels that count its pages per CPU (6.2) and number the mms that map large folios (6.15): made and dropped as
 * kernel/fork.c: mm_init() and __mmdrop() do. mm/engine/mm_sched.c has the scheduler's part.
 */
#include <inttypes.h>

#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/percpu_edit.h"
#include "mm/slab.h"

#define MM_ID_MIN    1u
#define VALUE_BITS   63u /* BITS_PER_XA_VALUE */
#define IDA_BITS     1024u

/* ---- Counters of pages: lib/percpu_counter.c ---- */

static uint64_t counter_at(const struct engine *e, const struct object *mm, unsigned i)
{
	const struct member *m = &e->k->members[M_mm_struct_rss_stat];
	return mm->addr + m->offset + (uint64_t)i * m->stride;
}

/* percpu_counter_init_many(): one piece of per-CPU memory for all of them. */
static struct error *init_counters(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	unsigned count = k->members[M_mm_struct_rss_stat].count;
	uint64_t own, counters = symbol_addr(k, "percpu_counters");
	struct object c;
	TRY(alloc_percpu(e, count * 4, 4, &own));
	for (unsigned i = 0; i < count; i++) {
		TRY(object_open_writable(k, counter_at(e, mm, i), S_percpu_counter, &c));
		SET(k, &c, percpu_counter, count, 0);
		SET(k, &c, percpu_counter, counters, own + 4ull * i);
		if (counters && HAS(k, percpu_counter, list))
			TRY(list_add(k, MEMBER_ADDR(k, &c, percpu_counter, list), counters));
	}
	return NULL;
}

static struct error *destroy_counters(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	struct object c;
	uint64_t own = 0;
	for (unsigned i = 0; i < k->members[M_mm_struct_rss_stat].count; i++) {
		TRY(object_open_writable(k, counter_at(e, mm, i), S_percpu_counter, &c));
		own = i ? own : GET(k, &c, percpu_counter, counters);
		if (!own)
			return NULL;
		if (symbol_addr(k, "percpu_counters") && HAS(k, percpu_counter, list))
			TRY(list_del(k, MEMBER_ADDR(k, &c, percpu_counter, list)));
		SET(k, &c, percpu_counter, counters, 0);
	}
	return free_percpu(e, own);
}

/* ---- The number of an mm: an IDA that begins as bits in its root (lib/idr.c) ---- */

struct ida {
	uint64_t head, root; /* where the root pointer is, and what it is */
};

static bool is_value(uint64_t entry)
{
	return entry & 1;
}

/* Numbers up to 1023 are bits of one word or one bitmap; a tree of such is not followed. */
static struct error *open_ida(struct engine *e, struct ida *ida)
{
	uint64_t at = symbol_addr(e->k, "mm_ida");
	if (!at || !HAS(e->k, xarray, head) || !HAS_STRUCT(e->k, ida_bitmap))
		return error_new(ERR_UNSUPPORTED, "how this kernel numbers address spaces (mm_struct.mm_id) is not known");
	ida->head = at + OFFSET(e->k, xarray, head);
	TRY(kernel_read_pointer(e->k, ida->head, &ida->root));
	if (!is_value(ida->root) && ida->root & 3)
		return error_at(ERR_UNSUPPORTED, at, "mm_ida has more than %u numbers: that is not followed", IDA_BITS);
	return NULL;
}

/* More than a word holds: a bitmap. */
static struct error *grow_ida(struct engine *e, struct ida *ida)
{
	uint64_t bitmap;
	struct object o;
	TRY(kmalloc(e, IDA_BITS / 8, GFP24_KERNEL, &bitmap));
	TRY(object_open_bytes_writable(e->k, bitmap, IDA_BITS / 8, &o));
	memset((void *)o.bytes, 0, o.size);
	store_uint((unsigned char *)o.bytes, 8, ida->root >> 1);
	ida->root = bitmap;
	return kernel_write_pointer(e->k, ida->head, bitmap);
}

static struct error *ida_alloc(struct engine *e, uint32_t *id)
{
	struct ida ida;
	TRY(open_ida(e, &ida));
	if (is_value(ida.root) || !ida.root) {
		uint64_t value = ida.root >> 1;
		*id = (uint32_t)__builtin_ctzll(~value & -(1ull << MM_ID_MIN));
		if (*id < VALUE_BITS)
			return kernel_write_pointer(e->k, ida.head, (value | 1ull << *id) << 1 | 1);
		TRY(grow_ida(e, &ida));
	}
	for (unsigned word = 0; word < IDA_BITS / 64; word++) {
		uint64_t v, free;
		TRY(kernel_read_uint(e->k, ida.root + word * 8ull, 8, &v));
		free = word ? ~v : ~v & -(1ull << MM_ID_MIN);
		if (!free)
			continue;
		/* That nothing is free any more is marked at the root. */
		if (word == IDA_BITS / 64 - 1 && !(free & (free - 1)))
			break;
		*id = word * 64 + (uint32_t)__builtin_ctzll(free);
		return kernel_write_uint(e->k, ida.root + word * 8ull, 8, v | (free & -free));
	}
	return error_at(ERR_UNSUPPORTED, ida.head, "mm_ida would get more than %u numbers: that is not followed", IDA_BITS);
}

static struct error *ida_free(struct engine *e, uint64_t id)
{
	struct ida ida;
	uint64_t v, rest = 0;
	TRY(open_ida(e, &ida));
	if (is_value(ida.root)) {
		v = ida.root >> 1;
		if (id >= VALUE_BITS || !(v >> id & 1))
			return error_at(ERR_BAD_OBJECT, ida.head, "mm_ida does not have the number %" PRIu64, id);
		v &= ~(1ull << id);
		return kernel_write_pointer(e->k, ida.head, v ? v << 1 | 1 : 0);
	}
	if (!ida.root || id >= IDA_BITS)
		return error_at(ERR_BAD_OBJECT, ida.head, "mm_ida does not have the number %" PRIu64, id);
	uint64_t at = ida.root + id / 64 * 8;
	TRY(kernel_read_uint(e->k, at, 8, &v));
	if (!(v >> (id % 64) & 1))
		return error_at(ERR_BAD_OBJECT, ida.head, "mm_ida does not have the number %" PRIu64, id);
	TRY(kernel_write_uint(e->k, at, 8, v & ~(1ull << (id % 64))));
	for (unsigned word = 0; word < IDA_BITS / 64 && !rest; word++)
		TRY(kernel_read_uint(e->k, ida.root + word * 8ull, 8, &rest));
	if (rest)
		return NULL;
	TRY(kernel_write_pointer(e->k, ida.head, 0));
	return kfree(e, ida.root);
}

/* ---- All of it ---- */

static struct error *drop_number(struct engine *e, const struct object *mm)
{
	return HAS(e->k, mm_struct, mm_id) ? ida_free(e, GET(e->k, mm, mm_struct, mm_id)) : NULL;
}

struct error *mm_alloc_parts(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	static const enum member_id zero[] = {
		M_mm_struct_xol_area, M_mm_struct_hugetlb_usage, M_mm_struct_iommu_mm, M_mm_struct_futex_unique_id,
	};
	uint32_t id;
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		object_set(k, mm, zero[i], 0);
	if (HAS(k, mm_struct, futex_phash)) {
		memset((unsigned char *)mm->bytes + OFFSET(k, mm_struct, futex_phash), 0, k->members[M_mm_struct_futex_phash].total);
		if (HAS(k, mm_struct, futex_wait_list) && k->members[M_mm_struct_futex_wait_list].total == SIZE_OF(k, list_head))
			TRY(list_init(k, MEMBER_ADDR(k, mm, mm_struct, futex_wait_list)));
	}
	if (HAS(k, mm_struct, mm_id)) {
		TRY(ida_alloc(e, &id));
		SET(k, mm, mm_struct, mm_id, id);
	}
	struct error *failure = mm_alloc_sched(e, mm);
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, drop_number(e, mm)) : failure;
	if (e->modern->percpu_rss)
		failure = init_counters(e, mm);
	if (!failure || failure->code != ERR_KERNEL)
		return failure;
	return error_worse(error_worse(failure, mm_destroy_sched(e, mm)), drop_number(e, mm));
}

struct error *mm_drop_parts(struct engine *e, const struct object *mm)
{
	TRY(mm_destroy_sched(e, mm));
	TRY(drop_number(e, mm));
	return e->modern->percpu_rss ? destroy_counters(e, mm) : NULL;
}

/* futex_hash_free() */
struct error *mm_drop_futexes(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t hash = GET(k, mm, mm_struct, futex_hash);
	struct slab at;
	bool found;
	if (HAS(k, mm_struct, futex_ref)) {
		TRY(free_percpu(e, GET(k, mm, mm_struct, futex_ref)));
		SET(k, mm, mm_struct, futex_ref, 0);
	}
	if (GET(k, mm, mm_struct, futex_hash_new))
		return error_at(ERR_UNSUPPORTED, mm->addr, "the process's futexes are being moved to another table: that is not followed");
	if (!hash)
		return NULL;
	TRY(slab_at(k, hash, &at, &found));
	if (!found)
		return error_at(ERR_UNSUPPORTED, hash, "the process's table of futexes is no object of a slab: freeing it is not done");
	SET(k, mm, mm_struct, futex_hash, 0);
	return kfree(e, hash);
}
