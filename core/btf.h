/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What core/types*.c share: reading a type's record through libbpf, and the state behind `struct
 * types`.
 *
 * libbpf finds records by id and strings by offset, and little more is asked of it: its searches
 * are linear, and it checks only that the records fill their section. Here every id and string
 * offset of a BTF was checked when it was opened (core/types.c); what can still be wrong in it are
 * cycles, sizes and offsets, which every user bounds.
 */
#ifndef CORE_BTF_H
#define CORE_BTF_H

#include <bpf/btf.h>

#include "core/kernel.h"

/* Deepest chain of typedefs, modifiers, arrays, nested structs that is followed. Real kernels stay
 * below 20. */
#define TYPE_MAX_DEPTH 64
/* No type of a kernel is larger, in bytes; one that says so is damaged and counts as size 0. */
#define TYPE_MAX_SIZE (1ull << 32)

/* Ids of the named types, chained by hash of the name in ascending id order. */
struct name_index {
	struct name_entry {
		uint32_t hash, id, next; /* next: index in entries + 1 */
	} * entries;
	size_t count, room;
	uint32_t *heads;
	uint32_t mask;
};

/* One BTF object: the kernel's own, or a module's split one over it. */
struct btf_unit {
	struct btf *btf;
	struct btf *scratch; /* split over btf: types made here (pointers to it, arrays of it); made
				when first needed */
	uint32_t strings;    /* bytes of its string section */
	char module[64];     /* "" for the kernel's own */
	struct name_index names;
	uint32_t *enums, *variables; /* ids of its enumerations and its variables */
	size_t enum_count, enum_room, variable_count, variable_room;
};

struct enumerator {
	uint32_t hash, next;
	const char *name;
	int64_t value;
	struct type type;
};

struct types {
	struct kernel *k;
	struct btf_unit base;
	struct btf_unit *modules;
	size_t module_count;
	bool modules_loaded;
	struct enumerator *enumerators;
	uint32_t *enumerator_heads;
	uint32_t enumerator_mask, enumerator_count;
	bool enumerators_built;
};

/* The id in the BTF that it belongs to: a module's BTF also answers for all ids of its base. */
static inline struct type type_make(const struct btf *btf, uint32_t id)
{
	const struct btf *base;

	while (btf && (base = btf__base_btf(btf)) && id < btf__type_cnt(base))
		btf = base;
	return (struct type){btf, id};
}

/* Its record, or NULL for void (id 0), for none and for an id out of range. */
static inline const struct btf_type *type_record(struct type t)
{
	return t.btf && t.id ? btf__type_by_id(t.btf, t.id) : NULL;
}

/* BTF_KIND_…; BTF_KIND_UNKN for void. */
static inline unsigned type_kind_of(struct type t)
{
	const struct btf_type *r = type_record(t);

	return r ? btf_kind(r) : BTF_KIND_UNKN;
}

/* A string of the BTF; never NULL. */
static inline const char *type_string(struct type t, uint32_t offset)
{
	const char *s = t.btf ? btf__name_by_offset(t.btf, offset) : NULL;

	return s ? s : "";
}

/* The name of the type itself; "" when it has none. */
static inline const char *type_name(struct type t)
{
	const struct btf_type *r = type_record(t);

	return r ? type_string(t, r->name_off) : "";
}

/* What a pointer, modifier, typedef, function, variable or prototype refers to. */
static inline struct type type_target(struct type t)
{
	const struct btf_type *r = type_record(t);

	return r ? type_make(t.btf, r->type) : t;
}

static inline bool type_kind_is_modifier(unsigned kind)
{
	return kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_RESTRICT ||
	       kind == BTF_KIND_TYPE_TAG;
}

static inline bool type_kind_is_aggregate(unsigned kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

static inline uint32_t name_hash(const char *name, size_t *len)
{
	uint32_t hash = 2166136261u;
	const char *p = name;

	for (; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	if (len)
		*len = p - name;
	return hash ^ hash >> 15;
}

/* core/types.c: opens one BTF; `base` NULL for the kernel's own. */
struct error *btf_unit_open(struct btf_unit *u, const struct btf_unit *base, const void *bytes,
			    size_t len) MUST_CHECK;
void btf_unit_close(struct btf_unit *u);
/* The best type of that name and kind in one unit: a definition before a forward declaration. */
struct type btf_unit_find(const struct btf_unit *u, enum type_kind kind, const char *name);
/* The same in the kernel's own BTF only: never loads modules. */
struct type type_find_base(struct kernel *k, enum type_kind kind, const char *name);

/* core/types_derive.c: a variable's type in one unit. */
bool btf_unit_variable(const struct btf_unit *u, const char *name, struct type *out);

/* core/types_module.c: all modules' BTF, once. */
void types_load_modules(struct types *t);

/* core/types_derive.c: the scratch BTF over the one that `t` is of, or NULL. */
struct btf *types_scratch(struct types *types, struct type t);

#endif
