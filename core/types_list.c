/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's types, one after the other: for completion, lists and searches.
 */
#include "core/btf.h"

const char *type_names_next(struct kernel *k, enum type_kind kind, size_t *cursor)
{
	const struct name_index *names;

	if (!k->types)
		return NULL;
	names = &k->types->base.names;
	while (*cursor < names->count) {
		struct type t = type_make(k->types->base.btf, names->entries[(*cursor)++].id);
		unsigned btf_kind = type_kind_of(t);
		bool wanted = kind == TYPE_ANY;

		wanted |= btf_kind == BTF_KIND_STRUCT &&
			  (kind == TYPE_STRUCT || kind == TYPE_AGGREGATE);
		wanted |= btf_kind == BTF_KIND_UNION &&
			  (kind == TYPE_UNION || kind == TYPE_AGGREGATE);
		wanted |= kind == TYPE_ENUM &&
			  (btf_kind == BTF_KIND_ENUM || btf_kind == BTF_KIND_ENUM64);
		wanted |= kind == TYPE_TYPEDEF && btf_kind == BTF_KIND_TYPEDEF;
		if (wanted)
			return type_name(t);
	}
	return NULL;
}

/* The next one of a BTF; not valid at its end. */
static struct type next_in(const struct btf_unit *u, struct type_cursor *c)
{
	while (!c->enums && c->index < u->names.count) {
		struct type t = type_make(u->btf, u->names.entries[c->index++].id);
		unsigned kind = type_kind_of(t);

		if (type_kind_is_aggregate(kind) || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64 || kind == BTF_KIND_TYPEDEF)
			return t;
	}
	if (!c->enums)
		*c = (struct type_cursor){.unit = c->unit, .enums = true};
	while (c->index < u->enum_count) {
		struct type t = type_make(u->btf, u->enums[c->index++]);

		if (!*type_name(t))
			return t;
	}
	return (struct type){0};
}

struct type types_walk(struct kernel *k, struct type_cursor *cursor, const char **module)
{
	if (!k->types)
		return (struct type){0};
	types_load_modules(k->types);
	while (cursor->unit <= k->types->module_count) {
		const struct btf_unit *u = cursor->unit ? &k->types->modules[cursor->unit - 1] : &k->types->base;
		struct type t = next_in(u, cursor);

		*module = u->module;
		if (type_valid(t))
			return t;
		*cursor = (struct type_cursor){.unit = cursor->unit + 1};
	}
	return (struct type){0};
}
