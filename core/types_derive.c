/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Types that expressions need and the image's BTF may lack (a pointer to a struct that no kernel
 * code points to …), kept in a scratch BTF over the image's. And the types of variables and
 * functions.
 */
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "core/btf.h"
#include "core/types_name.h"

#define SCRATCH_MAX_TYPES 100000 /* of one session: a bound, not a need */

static struct btf_unit *unit_of(struct types *types, const struct btf *btf)
{
	if (btf == types->base.btf || btf == types->base.scratch)
		return &types->base;
	for (size_t i = 0; i < types->module_count; i++)
		if (btf == types->modules[i].btf || btf == types->modules[i].scratch)
			return &types->modules[i];
	return NULL;
}

struct btf *types_scratch(struct types *types, struct type t)
{
	struct btf_unit *u = unit_of(types, t.btf);

	if (!u)
		return NULL;
	if (!u->scratch) {
		u->scratch = btf__new_empty_split(u->btf);
		if (libbpf_get_error(u->scratch))
			u->scratch = NULL;
	}
	if (u->scratch && btf__type_cnt(u->scratch) - btf__type_cnt(u->btf) > SCRATCH_MAX_TYPES)
		return NULL;
	return u->scratch;
}

/* A type of that kind and target which was made before; count: of an array's elements. */
static struct type find_made(struct btf *scratch, unsigned kind, uint32_t target, uint32_t count)
{
	for (uint32_t id = btf__type_cnt(btf__base_btf(scratch)); id < btf__type_cnt(scratch);
	     id++) {
		const struct btf_type *r = btf__type_by_id(scratch, id);

		if (btf_kind(r) != kind)
			continue;
		if (kind != BTF_KIND_ARRAY
			    ? r->type == target
			    : btf_array(r)->type == target && btf_array(r)->nelems == count)
			return (struct type){scratch, id};
	}
	return (struct type){0};
}

struct type type_pointer_to(struct kernel *k, struct type t)
{
	struct btf *scratch = k->types ? types_scratch(k->types, t) : NULL;
	struct type made;
	int id;

	if (!scratch)
		return (struct type){0};
	made = find_made(scratch, BTF_KIND_PTR, t.id, 0);
	if (type_valid(made))
		return made;
	id = btf__add_ptr(scratch, t.id);
	return id < 0 ? (struct type){0} : (struct type){scratch, id};
}

struct type type_qualified(struct kernel *k, struct type t, bool constant, bool is_volatile)
{
	struct btf *scratch = k->types ? types_scratch(k->types, t) : NULL;
	struct type made;
	int id;

	if (!constant && !is_volatile)
		return t;
	if (constant && is_volatile)
		t = type_qualified(k, t, false, true);
	if (!scratch || !type_valid(t))
		return (struct type){0};
	made = find_made(scratch, constant ? BTF_KIND_CONST : BTF_KIND_VOLATILE, t.id, 0);
	if (type_valid(made))
		return made;
	id = constant ? btf__add_const(scratch, t.id) : btf__add_volatile(scratch, t.id);
	return id < 0 ? (struct type){0} : (struct type){scratch, id};
}

struct type type_array_of(struct kernel *k, struct type t, uint32_t count)
{
	struct btf *scratch = k->types ? types_scratch(k->types, t) : NULL;
	struct type made;
	int id;

	if (!scratch)
		return (struct type){0};
	made = find_made(scratch, BTF_KIND_ARRAY, t.id, count);
	if (type_valid(made))
		return made;
	id = btf__add_array(scratch, 1, t.id, count); /* id 1: the index type is never looked at */
	return id < 0 ? (struct type){0} : (struct type){scratch, id};
}

/* The spellings of C's integer types: as compilers write them into DWARF, and so BTF, and as people
 * do. */
static const struct integer {
	const char *names[4];
	uint8_t size; /* 0: that of a pointer */
	uint8_t encoding;
} integers[] = {
	{{"char"}, 1, BTF_INT_SIGNED},
	{{"signed char"}, 1, BTF_INT_SIGNED},
	{{"unsigned char"}, 1, 0},
	{{"short int", "short"}, 2, BTF_INT_SIGNED},
	{{"short unsigned int", "unsigned short"}, 2, 0},
	{{"int"}, 4, BTF_INT_SIGNED},
	{{"unsigned int", "unsigned"}, 4, 0},
	{{"long int", "long"}, 0, BTF_INT_SIGNED},
	{{"long unsigned int", "unsigned long"}, 0, 0},
	{{"long long int", "long long"}, 8, BTF_INT_SIGNED},
	{{"long long unsigned int", "unsigned long long"}, 8, 0},
	{{"_Bool", "bool"}, 1, BTF_INT_BOOL},
	{{"__int128"}, 16, BTF_INT_SIGNED},
	{{"__int128 unsigned", "unsigned __int128"}, 16, 0},
};

struct type type_integer(struct kernel *k, const char *name)
{
	const struct integer *found = NULL;
	struct type t = {0};
	struct btf *scratch;
	int id;

	for (size_t i = 0; i < sizeof(integers) / sizeof(*integers) && !found; i++)
		for (unsigned j = 0; j < 4 && integers[i].names[j]; j++)
			if (!strcmp(integers[i].names[j], name))
				found = &integers[i];
	if (!found || !k->types)
		return t;
	for (unsigned j = 0; j < 4 && found->names[j]; j++) {
		t = type_find_base(k, TYPE_ANY, found->names[j]);
		if (type_kind_of(t) == BTF_KIND_INT)
			return t;
	}
	scratch = types_scratch(k->types, (struct type){k->types->base.btf, 0});
	if (!scratch)
		return (struct type){0};
	for (uint32_t made = btf__type_cnt(k->types->base.btf); made < btf__type_cnt(scratch);
	     made++) {
		t = (struct type){scratch, made};
		if (type_kind_of(t) == BTF_KIND_INT && !strcmp(type_name(t), found->names[0]))
			return t;
	}
	id = btf__add_int(scratch, found->names[0],
			  found->size ? found->size : k->arch->pointer_size, found->encoding);
	return id < 0 ? (struct type){0} : (struct type){scratch, id};
}

const char *type_integer_spelling(const char *name)
{
	for (size_t i = 0; i < sizeof(integers) / sizeof(*integers); i++)
		if (!strcmp(integers[i].names[0], name) && strcmp(name, "unsigned int") &&
		    strcmp(name, "_Bool"))
			return integers[i].names[1] ? integers[i].names[1] : name;
	return name;
}

/* ---- Variables and functions ---- */

bool btf_unit_variable(const struct btf_unit *u, const char *name, struct type *out)
{
	for (size_t i = 0; i < u->variable_count; i++) {
		struct type t = {u->btf, u->variables[i]};

		if (!strcmp(type_name(t), name)) {
			*out = type_target(t);
			return true;
		}
	}
	return false;
}

bool type_of_variable(struct kernel *k, const char *name, struct type *out)
{
	if (!k->types)
		return false;
	if (btf_unit_variable(&k->types->base, name, out))
		return true;
	types_load_modules(k->types);
	for (size_t i = 0; i < k->types->module_count; i++)
		if (btf_unit_variable(&k->types->modules[i], name, out))
			return true;
	return false;
}

static bool function_in(const struct btf_unit *u, uint32_t first, const char *name,
			struct type *out)
{
	uint32_t end = btf__type_cnt(u->btf);

	for (uint32_t id = first; id < end; id++) {
		const struct btf_type *r = btf__type_by_id(u->btf, id);
		const char *candidate;

		if (!r || btf_kind(r) != BTF_KIND_FUNC)
			continue;
		candidate = btf__name_by_offset(u->btf, r->name_off);
		if (candidate && !strcmp(candidate, name)) {
			*out = type_target((struct type){u->btf, id});
			return type_kind_of(*out) == BTF_KIND_FUNC_PROTO;
		}
	}
	return false;
}

bool type_of_function(struct kernel *k, const char *name, struct type *out)
{
	if (!k->types)
		return false;
	if (function_in(&k->types->base, 1, name, out))
		return true;
	types_load_modules(k->types);
	for (size_t i = 0; i < k->types->module_count; i++)
		if (function_in(&k->types->modules[i], btf__type_cnt(k->types->base.btf), name,
				out))
			return true;
	return false;
}

size_t type_parameters(struct type t)
{
	const struct btf_type *b = type_valid(t) ? btf__type_by_id(t.btf, t.id) : NULL;
	return b && btf_is_func_proto(b) ? btf_vlen(b) : 0;
}
