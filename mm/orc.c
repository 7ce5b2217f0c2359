/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/orc.h"

#include <stdlib.h>

#include "mm/state.h"

/*
 * Two numberings of the registers, neither of which leaves a trace in types: since 4.14 with the stack pointer as 5, and a later one (seen in 7.2) with
 * it as 3, the previous one as 8. Most entries count from the stack pointer, so they tell.
 */
static const uint8_t numbered_5[ORC_REGISTERS] = {
	[1] = ORC_REG_PREV_SP, [2] = ORC_REG_DX,  [3] = ORC_REG_DI,	     [4] = ORC_REG_BP,		[5] = ORC_REG_SP,
	[6] = ORC_REG_R10,     [7] = ORC_REG_R13, [8] = ORC_REG_BP_INDIRECT, [9] = ORC_REG_SP_INDIRECT,
};
static const uint8_t numbered_3[ORC_REGISTERS] = {
	[1] = ORC_REG_DX,  [2] = ORC_REG_DI,	  [3] = ORC_REG_SP,	     [4] = ORC_REG_BP,		 [6] = ORC_REG_R10,
	[7] = ORC_REG_R13, [8] = ORC_REG_PREV_SP, [9] = ORC_REG_SP_INDIRECT, [10] = ORC_REG_BP_INDIRECT,
};
#define SAMPLES 64

/* Two arrays, by one index: where the stretch begins (32 bits, relative to where this number stands), and the entry. */
static uint64_t read_ip(struct kernel *k, const struct orc_tables *t, uint64_t i)
{
	uint64_t at = t->ips + 4 * i, value = 0;

	/* What cannot be read sorts first, so that a search ends. */
	if (error_drop(kernel_read_uint(k, at, 4, &value)))
		return 0;
	return at + (uint64_t)(int64_t)(int32_t)value;
}

static const uint8_t *numbering(struct kernel *k, const struct orc_tables *t)
{
	unsigned three = 0, five = 0;

	for (uint64_t i = 0; i < SAMPLES; i++) {
		struct object o;

		if (!object_try_open(k, t->entries + i * t->count / SAMPLES * SIZE_OF(k, orc_entry), S_orc_entry, &o))
			continue;
		three += GET(k, &o, orc_entry, sp_reg) == 3;
		five += GET(k, &o, orc_entry, sp_reg) == 5;
	}
	return three > five ? numbered_3 : numbered_5;
}

static struct error *find_tables(struct kernel *k, struct orc_tables *out)
{
	uint64_t end = symbol_addr(k, "__stop_orc_unwind_ip");

	out->ips = symbol_addr(k, "__start_orc_unwind_ip");
	out->entries = symbol_addr(k, "__start_orc_unwind");
	out->count = end > out->ips ? (end - out->ips) / 4 : 0;
	if (!HAS(k, orc_entry, sp_reg) || !HAS(k, orc_entry, type) || !out->ips || !out->entries || !out->count || out->count > UINT32_MAX)
		return error_new(ERR_UNSUPPORTED, "this kernel has no ORC tables to unwind its stacks by");
	out->registers = numbering(k, out);
	return NULL;
}

struct error *orc_open(struct kernel *k, struct orc_tables *out)
{
	struct mm_state *s = mm_state(k);

	/* Each stack of each task asks. */
	if (!s->orc) {
		struct orc_tables found;

		TRY(find_tables(k, &found));
		s->orc = malloc(sizeof(*s->orc));
		if (!s->orc)
			return error_new(ERR_NO_MEMORY, "out of memory");
		*s->orc = found;
	}
	*out = *s->orc;
	return NULL;
}

/* A module's tables; false when it has none. */
static bool module_table(struct kernel *k, const struct module *m, struct orc_tables *t)
{
	struct object o;

	if (!HAS(k, module, num_orcs) || !object_try_open(k, m->addr, S_module, &o))
		return false;
	t->count = GET(k, &o, module, num_orcs);
	t->ips = GET(k, &o, module, orc_unwind_ip);
	t->entries = GET(k, &o, module, orc_unwind);
	return t->count && t->ips && t->entries;
}

static void decode(struct kernel *k, const uint8_t *registers, const struct object *o, struct orc *out)
{
	/* Until 6.3 the end was a bit of its own, and types began with calls. */
	const bool has_end = HAS(k, orc_entry, end);
	const unsigned type = (unsigned)GET(k, o, orc_entry, type);

	out->sp_offset = (int16_t)GET(k, o, orc_entry, sp_offset);
	out->bp_offset = (int16_t)GET(k, o, orc_entry, bp_offset);
	out->sp_reg = (enum orc_reg)registers[GET(k, o, orc_entry, sp_reg) % ORC_REGISTERS];
	out->bp_reg = (enum orc_reg)registers[GET(k, o, orc_entry, bp_reg) % ORC_REGISTERS];
	if (has_end && GET(k, o, orc_entry, end))
		out->type = ORC_TYPE_END_OF_STACK;
	else if (has_end)
		out->type = out->sp_reg == ORC_REG_UNDEFINED ? ORC_TYPE_UNDEFINED : (enum orc_type)(type + ORC_TYPE_CALL);
	else
		out->type = (enum orc_type)type;
}

struct error *orc_find(struct kernel *k, const struct orc_tables *tables, uint64_t ip, struct orc *out, bool *found)
{
	const struct module *m = module_at(k, ip);
	struct orc_tables t = *tables;
	struct object entry;
	uint64_t low = 0, high;

	*found = false;
	if (m && !module_table(k, m, &t))
		return NULL;
	if (!m && (ip < k->text_start || ip - k->text_start > UINT32_MAX))
		return NULL;
	/* The last stretch that begins at or before ip. */
	for (high = t.count; high - low > 1;) {
		uint64_t middle = low + (high - low) / 2;

		if (read_ip(k, &t, middle) <= ip)
			low = middle;
		else
			high = middle;
	}
	if (read_ip(k, &t, low) > ip)
		return NULL;
	TRY(object_open(k, t.entries + low * SIZE_OF(k, orc_entry), S_orc_entry, &entry));
	decode(k, t.registers, &entry, out);
	*found = true;
	return NULL;
}
