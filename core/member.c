/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Resolves the table core/members.def against an image's types.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/btf.h"

#define NAMES 8 /* most names that a struct or member has had, less the NULL after them */

static const struct {
	const char *names[NAMES + 1];
} struct_table[STRUCT_COUNT] = {
#define STRUCT(structure, ...) [S_##structure] = {{__VA_ARGS__}},
#define MEMBER(structure, member, ...)
#include "core/members.def"
#undef STRUCT
#undef MEMBER
};

static const struct {
	enum struct_id of;
	const char *label;
	const char *names[NAMES + 1];
} member_table[MEMBER_COUNT] = {
#define STRUCT(structure, ...)
#define MEMBER(structure, member, ...) \
	[M_##structure##_##member] = {S_##structure, #structure "." #member, {__VA_ARGS__}},
#include "core/members.def"
#undef STRUCT
#undef MEMBER
};

/* A struct or union, be it only reachable by a typedef (atomic_t). */
static struct type find_aggregate(struct kernel *k, const char *name)
{
	struct type t = type_find_base(k, TYPE_AGGREGATE, name);

	if (!type_valid(t) || type_kind_of(t) == BTF_KIND_FWD) {
		t = type_strip(type_find_base(k, TYPE_TYPEDEF, name));
		if (!type_kind_is_aggregate(type_kind_of(t)))
			return (struct type){0};
	}
	return t;
}

/* Is it a number or pointer of 1, 2, 4 or 8 bytes? Then its size, and whether it is signed. */
static uint32_t scalar_size(struct kernel *k, struct type t, bool *is_signed)
{
	const struct btf_type *r;
	uint64_t size = type_size(k, t);

	t = type_strip(t);
	r = type_record(t);
	*is_signed = false;
	if (!r || (size != 1 && size != 2 && size != 4 && size != 8))
		return 0;
	switch (btf_kind(r)) {
	case BTF_KIND_INT:
		*is_signed = btf_int_encoding(r) & BTF_INT_SIGNED;
		return size;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: {
		const char *name;
		int64_t value;

		*is_signed = btf_kflag(r);
		/* Without the flag a negative enumerator tells (pahole before 1.24). */
		for (size_t i = 0; !*is_signed && enumerator_at(t, i, &name, &value); i++)
			*is_signed = value < 0;
		return size;
	}
	case BTF_KIND_PTR:
		return size;
	}
	return 0;
}

/* The smallest naturally aligned word that holds the whole bitfield: such a word never reaches past
 * an aligned struct. */
static void place_bitfield(struct member *m, const struct type_member *tm)
{
	uint64_t first = tm->offset * 8 + tm->bit_offset, last = first + tm->bit_size - 1;

	for (unsigned size = 1; size <= 8; size *= 2) {
		uint64_t start = tm->offset / size * size;

		if (last < (start + size) * 8) {
			m->offset = start;
			m->size = size;
			m->bit_offset = first - start * 8;
			m->bit_size = tm->bit_size;
			m->total = m->stride = size;
			return;
		}
	}
	m->present = false; /* it straddles two words: none of ours does */
}

static void set_ends(struct member *m)
{
	m->end4 = m->size == 4 ? m->offset + m->size : 0;
	m->end8 = m->size == 8 ? m->offset + m->size : 0;
}

static bool resolve(struct kernel *k, struct type of, const char *path, struct member *m)
{
	struct type_member tm;
	struct type array;
	const struct btf_type *r;
	uint64_t size;

	if (!type_valid(of) || error_drop(type_member_find(k, of, path, &tm)))
		return false;
	/* Damaged types: what does not lie within its struct is no member of it. */
	size = type_size(k, of);
	/* The declared type of a bitfield may reach past the end of a packed struct; its bits do not. */
	uint64_t own = tm.bit_size ? (tm.bit_offset + tm.bit_size + 7) / 8 : tm.size;
	if (size > UINT32_MAX / 2 || tm.offset > size || own > size - tm.offset)
		return false;
	*m = (struct member){
		.name = path, .offset = tm.offset, .total = tm.size, .count = 1, .present = true};
	array = type_strip(tm.type);
	r = type_record(array);
	if (r && btf_is_array(r)) {
		struct type element = type_make(array.btf, btf_array(r)->type);

		m->count = btf_array(r)->nelems;
		m->stride = type_size(k, element);
		if (m->count && (!m->stride || m->count > m->total / m->stride))
			return false;
		m->size = scalar_size(k, element, &m->is_signed);
		set_ends(m);
		return true;
	}
	m->stride = m->total;
	m->size = scalar_size(k, tm.type, &m->is_signed);
	if (tm.bit_size)
		place_bitfield(m, &tm);
	else
		set_ends(m);
	return m->present;
}

void members_resolve(struct kernel *k)
{
	struct type types[STRUCT_COUNT];

	for (unsigned i = 0; i < STRUCT_COUNT; i++) {
		types[i] = (struct type){0};
		k->structs[i] = (struct struct_info){.name = struct_table[i].names[0]};
		for (const char *const *name = struct_table[i].names;
		     *name && !type_valid(types[i]); name++) {
			types[i] = find_aggregate(k, *name);
			if (type_valid(types[i])) {
				uint64_t size = type_size(k, types[i]);

				k->structs[i].name = *name;
				k->structs[i].size = size > UINT32_MAX / 2 ? 0 : size;
			}
		}
	}
	for (unsigned i = 0; i < MEMBER_COUNT; i++) {
		struct member *m = &k->members[i];

		*m = (struct member){.name = member_table[i].names[0]};
		for (const char *const *name = member_table[i].names; *name && !m->present;
		     name++) {
			const char *colon = strchr(*name, ':');
			struct member found = {0};
			struct type of = types[member_table[i].of];
			const char *path = *name;
			char other[64];

			if (colon) {
				snprintf(other, sizeof(other), "%.*s", (int)(colon - *name), *name);
				of = find_aggregate(k, other);
				path = colon + 1;
			}
			if (resolve(k, of, path, &found))
				*m = found;
		}
		m->whole8 = m->end8 <= k->structs[member_table[i].of].size ? m->end8 : 0;
	}
}

const char *member_describe(enum member_id id)
{
	return id < MEMBER_COUNT ? member_table[id].label : "?";
}

struct error *members_require(const struct kernel *k, const char *what, ...)
{
	struct error *e = NULL;
	enum member_id id;
	va_list ap;

	va_start(ap, what);
	while (!e && (id = va_arg(ap, int)) < MEMBER_COUNT)
		if (!k->members[id].present && k->typeless)
			e = error_new(ERR_UNSUPPORTED, "%s", k->typeless->message);
		else if (!k->members[id].present)
			e = error_new(ERR_UNSUPPORTED, "%s: this kernel has no %s", what,
				      member_describe(id));
	va_end(ap);
	return e;
}
