/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The names of the kernel's types, one after the other: for completion and for lists.
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
