/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pins: struct sim_pins holds `count` of them, the oldest first.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/engine.h"
#include "mm/zone.h"

struct pin {
	uint64_t kind, what, where;
};

static struct pin read_pin(const struct kernel *k, const unsigned char *at)
{
	unsigned word = k->arch->pointer_size;
	return (struct pin){
		load_uint(at + OFFSET(k, sim_pin, kind), 4),
		load_uint(at + OFFSET(k, sim_pin, what), word),
		load_uint(at + OFFSET(k, sim_pin, where), word),
	};
}

struct error *pin_add(struct engine *e, enum pin_kind kind, uint64_t what, uint64_t where)
{
	struct kernel *k = e->k;
	unsigned word = k->arch->pointer_size;
	struct object pins;
	if (!e->pin_bytes)
		return error_new(ERR_UNSUPPORTED, "the image has no pins (sim_pins)");
	TRY(object_open_writable(k, e->pins, S_sim_pins, &pins));
	const struct member *m = &k->members[M_sim_pins_pin];
	uint64_t count = GET(k, &pins, sim_pins, count);
	if (count >= m->count)
		return kernel_error(ENOSPC, "no more than %u pins wait", m->count);
	if (word < 8 && (what | where) >> (8 * word))
		return kernel_error(EINVAL, "beyond the machine's addresses: %" PRIx64, what);
	TRY(nodes_open(k));
	if (kind == PIN_FRAME && where >= free_area_orders(k))
		return kernel_error(EINVAL, "no block has order %" PRIu64, where);
	unsigned char *at = (unsigned char *)pins.bytes + m->offset + count * m->stride;
	store_uint(at + OFFSET(k, sim_pin, kind), 4, kind);
	store_uint(at + OFFSET(k, sim_pin, what), word, what);
	store_uint(at + OFFSET(k, sim_pin, where), word, where);
	SET(k, &pins, sim_pins, count, count + 1);
	return NULL;
}

bool pin_take(struct engine *e, enum pin_kind kind, uint64_t where, uint64_t *what)
{
	struct kernel *k = e->k;
	const struct member *m = &k->members[M_sim_pins_pin];
	struct object pins;
	if (!e->pin_bytes)
		return false;
	uint64_t count = load_uint(e->pin_bytes + OFFSET(k, sim_pins, count), 4);
	if (__builtin_expect(!count, 1) || count > m->count)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		struct pin pin = read_pin(k, e->pin_bytes + m->offset + i * m->stride);
		if (pin.kind != kind || pin.where != where)
			continue;
		if (error_drop(object_open_writable(k, e->pins, S_sim_pins, &pins)))
			return false;
		unsigned char *at = (unsigned char *)pins.bytes + m->offset + i * m->stride;
		memmove(at, at + m->stride, (count - 1 - i) * m->stride);
		memset(at + (count - 1 - i) * m->stride, 0, m->stride);
		SET(k, &pins, sim_pins, count, count - 1);
		*what = pin.what;
		return true;
	}
	return false;
}
