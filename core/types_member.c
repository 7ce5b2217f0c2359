/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members of structs and unions, and enumerators.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/btf.h"

/* Members looked at in one search, anonymous ones' included: no kernel has a hundredth of it, a
 * damaged BTF may have no end. */
#define SEARCH_BUDGET 200000

/* Fills *out from record `m` of the aggregate `t`, whose own start is `base` bits into the
 * outermost one. */
static void member_fill(struct kernel *k, struct type t, const struct btf_type *r,
			const struct btf_member *m, uint64_t base, struct type_member *out)
{
	bool kflag = btf_kflag(r);
	uint64_t bits = base + (kflag ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset);
	struct type bare;
	const struct btf_type *bare_record;

	out->type = type_make(t.btf, m->type);
	out->name = type_string(t, m->name_off);
	out->offset = bits / 8;
	out->bit_offset = bits % 8;
	out->bit_size = kflag ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0;
	out->size = type_size(k, out->type);
	/* Before kind_flag (Linux 4.20) a bitfield's width and its start stood in an integer type
	 * of its own. */
	bare = type_strip(out->type);
	bare_record = type_record(bare);
	if (!kflag && bare_record && btf_is_int(bare_record)) {
		uint32_t width = btf_int_bits(bare_record), start = btf_int_offset(bare_record);

		if (start || width < bare_record->size * 8u || bits % 8) {
			bits += start;
			out->offset = bits / 8;
			out->bit_offset = bits % 8;
			out->bit_size = width;
		}
	}
	if (out->bit_size > 64)
		out->bit_size = 64;
	if (!out->bit_size)
		out->bit_offset = 0;
}

bool type_member_at(struct kernel *k, struct type t, size_t index, struct type_member *out)
{
	const struct btf_type *r;

	t = type_strip(t);
	r = type_record(t);
	if (!r || !btf_is_composite(r) || index >= btf_vlen(r))
		return false;
	member_fill(k, t, r, btf_members(r) + index, 0, out);
	return true;
}

/* A member by its name, of `len` bytes, in t or in its anonymous members; the first in declaration
 * order. */
static bool search(struct kernel *k, struct type t, const char *name, size_t len, uint64_t base,
		   unsigned depth, unsigned *budget, struct type_member *out)
{
	const struct btf_type *r = type_record(t);
	const struct btf_member *m;
	unsigned count;

	if (!r || !btf_is_composite(r) || depth > TYPE_MAX_DEPTH)
		return false;
	m = btf_members(r);
	count = btf_vlen(r);
	for (unsigned i = 0; i < count; i++, m++) {
		const char *candidate;

		if (!(*budget)--) {
			*budget = 0;
			return false;
		}
		if (!m->name_off) {
			uint64_t at = base +
				      (btf_kflag(r) ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset);

			if (search(k, type_strip(type_make(t.btf, m->type)), name, len, at,
				   depth + 1, budget, out))
				return true;
			continue;
		}
		candidate = btf__name_by_offset(t.btf, m->name_off);
		if (candidate && candidate[0] == name[0] && !strncmp(candidate, name, len) &&
		    !candidate[len]) {
			member_fill(k, t, r, m, base, out);
			return true;
		}
	}
	return false;
}

static struct error *no_member(struct type t, const char *path)
{
	const char *name = type_name(t);

	return error_new(ERR_NO_MEMBER, "no member %s in %s", path, *name ? name : "this type");
}

/* "[i]" of the member found so far; *at moves past it. */
static struct error *subscript(struct kernel *k, const char *path, const char **at,
			       struct type_member *out)
{
	struct type array = type_strip(out->type);
	const struct btf_type *r = type_record(array);
	const struct btf_array *a;
	unsigned long long index;
	char *end;

	if (!r || !btf_is_array(r))
		return error_new(ERR_NO_MEMBER, "%s is no array", path);
	index = isdigit((unsigned char)(*at)[1]) ? strtoull(*at + 1, &end, 0) : (end = NULL, 0);
	if (!end || *end != ']')
		return error_new(ERR_USAGE, "bad array index: %s", path);
	a = btf_array(r);
	if (a->nelems ? index >= a->nelems : index > UINT32_MAX)
		return error_new(ERR_NO_MEMBER, "index beyond the %u elements of the array: %s",
				 a->nelems, path);
	out->type = type_make(array.btf, a->type);
	out->size = type_size(k, out->type);
	out->offset += index * out->size;
	*at = end + 1;
	return NULL;
}

struct error *type_member_find(struct kernel *k, struct type t, const char *path,
			       struct type_member *out)
{
	struct type outer = type_strip(t);
	const char *at = path;
	uint64_t offset = 0;

	if (!*path)
		return error_new(ERR_USAGE, "no member named");
	memset(out, 0, sizeof(*out));
	out->type = t;
	for (;;) {
		unsigned budget = SEARCH_BUDGET;
		size_t len = strcspn(at, ".[");

		offset = out->offset;
		if (!len || !search(k, type_strip(out->type), at, len, offset * 8, 0, &budget, out))
			return no_member(outer, path);
		at += len;
		while (*at == '[') {
			if (out->bit_size)
				return error_new(ERR_NO_MEMBER, "%s is no array", path);
			TRY(subscript(k, path, &at, out));
		}
		if (!*at)
			return NULL;
		if (*at != '.' || out->bit_size)
			return no_member(outer, path);
		at++;
	}
}

/* ---- Enumerators ---- */

/* The value of enumerator i of record r. */
static int64_t enumerator_value(const struct btf_type *r, unsigned i)
{
	if (btf_kind(r) == BTF_KIND_ENUM64) {
		struct btf_enum64 v;

		memcpy(&v, (const struct btf_enum64 *)(r + 1) + i, sizeof(v));
		return (int64_t)((uint64_t)v.val_hi32 << 32 | v.val_lo32);
	}
	/* Before 6.0 no flag said whether the values are signed; pahole kept their 32 bits. */
	return btf_enum(r)[i].val;
}

static uint32_t enumerator_name_offset(const struct btf_type *r, unsigned i)
{
	return btf_kind(r) == BTF_KIND_ENUM64 ? ((const struct btf_enum64 *)(r + 1))[i].name_off
					      : btf_enum(r)[i].name_off;
}

bool enumerator_at(struct type t, size_t index, const char **name, int64_t *value)
{
	const struct btf_type *r;

	t = type_strip(t);
	r = type_record(t);
	if (!r || (btf_kind(r) != BTF_KIND_ENUM && btf_kind(r) != BTF_KIND_ENUM64) ||
	    index >= btf_vlen(r))
		return false;
	*name = type_string(t, enumerator_name_offset(r, index));
	*value = enumerator_value(r, index);
	return true;
}

const char *enumerator_name(struct kernel *k, struct type enumeration, int64_t value)
{
	struct type t = type_strip(enumeration);
	const struct btf_type *r = type_record(t);
	bool wide;

	if (!r || (btf_kind(r) != BTF_KIND_ENUM && btf_kind(r) != BTF_KIND_ENUM64))
		return NULL;
	wide = btf_kind(r) == BTF_KIND_ENUM64;
	for (unsigned i = 0; i < btf_vlen(r); i++) {
		int64_t v = enumerator_value(r, i);

		/* A 32-bit value may come zero- or sign-extended. */
		if (v == value ||
		    (!wide && (uint32_t)v == (uint32_t)value && (uint64_t)value >> 32 == 0))
			return type_string(t, enumerator_name_offset(r, i));
	}
	return NULL;
}

/* All enumerators of the kernel's own BTF, hashed. Out of memory leaves the table empty: nothing is
 * found. */
static void enumerators_build(struct types *t)
{
	const struct btf_unit *u = &t->base;
	const char *strings = btf__str_by_offset(u->btf, 0);
	size_t count = 0, n = 0;
	uint32_t size = 64;

	t->enumerators_built = true;
	for (size_t i = 0; i < u->enum_count; i++)
		count += btf_vlen(type_record((struct type){u->btf, u->enums[i]}));
	while (size < count)
		size *= 2;
	t->enumerators = calloc(count ? count : 1, sizeof(*t->enumerators));
	t->enumerator_heads = calloc(size, sizeof(*t->enumerator_heads));
	if (!t->enumerators || !t->enumerator_heads)
		return;
	t->enumerator_mask = size - 1;
	/* From last to first, so that the chains give the first declaration first. */
	for (size_t i = u->enum_count; i-- > 0;) {
		struct type enumeration = {u->btf, u->enums[i]};
		const struct btf_type *r = type_record(enumeration);

		for (unsigned j = btf_vlen(r); j-- > 0;) {
			struct enumerator *e = &t->enumerators[n];

			/* 25,000 names: their offsets were checked, one by one through libbpf is slow */
			e->name = strings + enumerator_name_offset(r, j);
			e->value = enumerator_value(r, j);
			e->type = enumeration;
			e->hash = name_hash(e->name, NULL);
			e->next = t->enumerator_heads[e->hash & t->enumerator_mask];
			t->enumerator_heads[e->hash & t->enumerator_mask] = ++n;
		}
	}
	t->enumerator_count = n;
}

bool enumerator_find_typed(struct kernel *k, const char *name, int64_t *value, struct type *type)
{
	struct types *t = k->types;
	uint32_t hash;

	if (!t)
		return false;
	if (!t->enumerators_built)
		enumerators_build(t);
	if (!t->enumerator_count)
		return false;
	hash = name_hash(name, NULL);
	for (uint32_t i = t->enumerator_heads[hash & t->enumerator_mask]; i;
	     i = t->enumerators[i - 1].next) {
		const struct enumerator *e = &t->enumerators[i - 1];

		if (e->hash == hash && !strcmp(e->name, name)) {
			*value = e->value;
			if (type)
				*type = e->type;
			return true;
		}
	}
	return false;
}

bool enumerator_find(struct kernel *k, const char *name, int64_t *value)
{
	return enumerator_find_typed(k, name, value, NULL);
}
