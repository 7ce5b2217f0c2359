/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <bpf/btf.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/sim/layout.h"

/* ---- Ids: integers first, then structs, typedefs and enums in the order of their tables, then what is derived from them ---- */

struct base_type {
	const char *name;
	unsigned char size; /* bytes; 0: a long's */
	int encoding;
};

static const struct base_type base_types[] = {
	{ "int", 4, BTF_INT_SIGNED },
	{ "unsigned int", 4, 0 },
	{ "long", 0, BTF_INT_SIGNED },
	{ "unsigned long", 0, 0 },
	{ "char", 1, BTF_INT_SIGNED },
	{ "unsigned char", 1, 0 },
	{ "short", 2, BTF_INT_SIGNED },
	{ "unsigned short", 2, 0 },
	{ "long long", 8, BTF_INT_SIGNED },
	{ "unsigned long long", 8, 0 },
	{ "signed char", 1, BTF_INT_SIGNED },
	{ "_Bool", 1, BTF_INT_BOOL },
};

#define BASE_TYPES ((int)(sizeof(base_types) / sizeof(base_types[0])))

enum derived_kind { POINTER, ARRAY, FORWARD, FORWARD_UNION, FUNCTION, CONST };

#define PARAMS_MAX 14

struct derived {
	enum derived_kind kind;
	int target;	  /* what is pointed to, the element, what the function returns */
	uint32_t count;	  /* elements; parameters */
	const char *name; /* of a FORWARD: "foo" */
	size_t name_len;
	int params[PARAMS_MAX]; /* 0: "..." */
};

struct writer {
	const struct layout *layout;
	struct btf *btf;
	struct derived *derived;
	int derived_count, derived_room;
	int struct_ids, typedef_ids, enum_ids, derived_ids; /* the first of each */
	char wrong[160];				     /* why a type is none */
};

static int count_structs(const struct layout *l)
{
	int n = 0;
	while (l->structs[n].name)
		n++;
	return n;
}

static int count_typedefs(const struct layout *l)
{
	int n = 0;
	while (l->typedefs && l->typedefs[n].name)
		n++;
	return n;
}

static int count_enums(const struct layout *l)
{
	int n = 0;
	while (l->enums && l->enums[n].name)
		n++;
	return n;
}

static int find_struct(const struct layout *l, const char *name, size_t len, bool is_union)
{
	for (int i = 0; l->structs[i].name; i++)
		if (strlen(l->structs[i].name) == len && !memcmp(l->structs[i].name, name, len) && l->structs[i].is_union == is_union)
			return i;
	return -1;
}

/* The id of a type without stars and brackets; 0 is void, -1 none. */
static int named_id(struct writer *w, const char *name, size_t len)
{
	const struct layout *l = w->layout;
	int i;
	if (len == 4 && !memcmp(name, "void", 4))
		return 0;
	for (i = 0; i < BASE_TYPES; i++)
		if (strlen(base_types[i].name) == len && !memcmp(base_types[i].name, name, len))
			return 1 + i;
	if (len > 7 && !memcmp(name, "struct ", 7) && (i = find_struct(l, name + 7, len - 7, false)) >= 0)
		return w->struct_ids + i;
	if (len > 6 && !memcmp(name, "union ", 6) && (i = find_struct(l, name + 6, len - 6, true)) >= 0)
		return w->struct_ids + i;
	for (i = 0; l->enums && l->enums[i].name; i++)
		if (len > 5 && !memcmp(name, "enum ", 5) && strlen(l->enums[i].name) == len - 5 && !memcmp(l->enums[i].name, name + 5, len - 5))
			return w->enum_ids + i;
	for (i = 0; l->typedefs && l->typedefs[i].name; i++)
		if (strlen(l->typedefs[i].name) == len && !memcmp(l->typedefs[i].name, name, len))
			return w->typedef_ids + i;
	return -1;
}

static bool same_derived(const struct derived *a, const struct derived *b)
{
	return a->kind == b->kind && a->target == b->target && a->count == b->count && a->name_len == b->name_len &&
	       !memcmp(a->name ? a->name : "", b->name ? b->name : "", a->name_len) && !memcmp(a->params, b->params, sizeof(a->params));
}

static int derive(struct writer *w, const struct derived *d)
{
	for (int i = 0; i < w->derived_count; i++)
		if (same_derived(&w->derived[i], d))
			return w->derived_ids + i;
	if (w->derived_count == w->derived_room) {
		w->derived_room = w->derived_room ? w->derived_room * 2 : 64;
		struct derived *more = realloc(w->derived, (size_t)w->derived_room * sizeof(*more));
		if (!more)
			abort();
		w->derived = more;
	}
	w->derived[w->derived_count] = *d;
	return w->derived_ids + w->derived_count++;
}

static int pointer_to(struct writer *w, int id)
{
	return derive(w, &(struct derived){ .kind = POINTER, .target = id });
}

static int parse_type(struct writer *w, const char *text, const char **end);

/* "(A, B, ...)" behind "R (*)": the id of the function, -1 none. */
static int parse_function(struct writer *w, int returns, const char *text, const char **end)
{
	struct derived d = { .kind = FUNCTION, .target = returns };
	while (*text != ')') {
		if (d.count == PARAMS_MAX)
			return -1;
		if (!strncmp(text, "...", 3)) {
			text += 3;
			d.params[d.count++] = 0;
		} else if ((d.params[d.count++] = parse_type(w, text, &text)) < 0) {
			return -1;
		}
		text += strspn(text, ", ");
		if (!*text)
			return -1;
	}
	*end = text + 1;
	return derive(w, &d);
}

/* The last dimension belongs to the innermost array. */
static int parse_dimensions(struct writer *w, int id, const char *text, const char **end)
{
	char *close;
	long count = strtol(text + 1, &close, 0);
	if (*close != ']' || count < 0)
		return -1;
	*end = close + 1;
	if (**end == '[')
		id = parse_dimensions(w, id, *end, end);
	return id < 0 ? -1 : derive(w, &(struct derived){ .kind = ARRAY, .target = id, .count = (uint32_t)count });
}

/* The type before any stars, brackets and parentheses, "const" or not; -1 when it is none. */
static int parse_named(struct writer *w, const char *text, size_t len, bool pointed)
{
	bool constant = len > 6 && !memcmp(text, "const ", 6);
	if (constant) {
		text += 6;
		len -= 6;
	}
	int id = named_id(w, text, len);
	/* What is only pointed to need not be known. */
	if (id < 0 && pointed && len > 7 && !memcmp(text, "struct ", 7))
		id = derive(w, &(struct derived){ .kind = FORWARD, .name = text + 7, .name_len = len - 7 });
	else if (id < 0 && pointed && len > 6 && !memcmp(text, "union ", 6))
		id = derive(w, &(struct derived){ .kind = FORWARD_UNION, .name = text + 6, .name_len = len - 6 });
	return constant && id >= 0 ? derive(w, &(struct derived){ .kind = CONST, .target = id }) : id;
}

/* The id of the type that the text starts with; -1 when it is none. */
static int parse_type(struct writer *w, const char *text, const char **end)
{
	size_t len = strcspn(text, "*[(,)");
	const char *rest = text + len;
	while (len && text[len - 1] == ' ')
		len--;
	int id = parse_named(w, text, len, *rest == '*');
	for (;;) {
		while (id >= 0 && *rest == '*') {
			id = pointer_to(w, id);
			rest++;
		}
		rest += strspn(rest, " ");
		if (id >= 0 && !strncmp(rest, "()(", 3)) {
			id = parse_function(w, id, rest + 3, &rest);
			continue;
		}
		if (id < 0 || strncmp(rest, "(*)(", 4))
			break;
		id = parse_function(w, id, rest + 4, &rest);
		id = id < 0 ? -1 : pointer_to(w, id);
	}
	if (id >= 0 && *rest == '[')
		id = parse_dimensions(w, id, rest, &rest);
	*end = rest;
	return id;
}

/* The id of a type as written in a layout; -1 and w->wrong when it is none. */
static int type_id(struct writer *w, const char *text)
{
	const char *end;
	int id = parse_type(w, text, &end);
	if (id < 0 || *end) {
		snprintf(w->wrong, sizeof(w->wrong), "layout: no such type: %s", text);
		return -1;
	}
	return id;
}

/* ---- Writing ---- */

static bool add_bases(struct writer *w)
{
	for (int i = 0; i < BASE_TYPES; i++) {
		unsigned size = base_types[i].size ? base_types[i].size : w->layout->pointer_size;
		if (btf__add_int(w->btf, base_types[i].name, size, base_types[i].encoding) < 0)
			return false;
	}
	return true;
}

static bool add_struct(struct writer *w, const struct layout_struct *s)
{
	const char *name = s->name[0] == '$' ? NULL : s->name;
	int id = s->is_union ? btf__add_union(w->btf, name, s->size) : btf__add_struct(w->btf, name, s->size);
	uint32_t last = 0;
	for (const struct layout_member *m = s->members; id >= 0 && m->name; m++) {
		int type = type_id(w, m->type);
		if (type < 0)
			return false;
		/* A flexible array starts at the end, padding that is nothing may lie there too. */
		if (m->offset > s->size || (!s->is_union && m->offset < last)) {
			snprintf(w->wrong, sizeof(w->wrong), "layout: %s.%s is out of place", s->name, m->name);
			return false;
		}
		last = m->offset;
		if (btf__add_field(w->btf, m->name, type, m->offset * 8 + m->bit, m->bits))
			return false;
	}
	return id >= 0;
}

static int add_derived(struct writer *w, const struct derived *d)
{
	char name[64];
	switch (d->kind) {
	case POINTER:
		return btf__add_ptr(w->btf, d->target);
	case ARRAY: /* indexed by an int, id 1 */
		return btf__add_array(w->btf, 1, d->target, d->count);
	case CONST:
		return btf__add_const(w->btf, d->target);
	case FORWARD:
	case FORWARD_UNION:
		snprintf(name, sizeof(name), "%.*s", (int)d->name_len, d->name);
		return btf__add_fwd(w->btf, name, d->kind == FORWARD ? BTF_FWD_STRUCT : BTF_FWD_UNION);
	case FUNCTION:
		break;
	}
	int id = btf__add_func_proto(w->btf, d->target);
	for (uint32_t i = 0; i < d->count; i++)
		if (btf__add_func_param(w->btf, NULL, d->params[i]))
			return -1;
	return id;
}

static bool add_all(struct writer *w)
{
	const struct layout *l = w->layout;
	for (int i = 0; l->structs[i].name; i++)
		if (!add_struct(w, &l->structs[i]))
			return false;
	for (int i = 0; l->typedefs && l->typedefs[i].name; i++) {
		int type = type_id(w, l->typedefs[i].type);
		if (type < 0 || btf__add_typedef(w->btf, l->typedefs[i].name, type) < 0)
			return false;
	}
	for (int i = 0; l->enums && l->enums[i].name; i++) {
		if (btf__add_enum(w->btf, l->enums[i].name[0] == '$' ? NULL : l->enums[i].name, 4) < 0)
			return false;
		for (const struct layout_enumerator *v = l->enums[i].values; v->name; v++)
			if (btf__add_enum_value(w->btf, v->name, v->value))
				return false;
	}
	for (int i = 0; i < w->derived_count; i++)
		if (add_derived(w, &w->derived[i]) != w->derived_ids + i)
			return false;
	return true;
}

struct error *layout_to_btf(const struct layout *layout, void **bytes, size_t *len)
{
	struct writer w = { .layout = layout };
	struct error *e = NULL;
	*bytes = NULL;
	*len = 0;
	w.struct_ids = 1 + BASE_TYPES;
	w.typedef_ids = w.struct_ids + count_structs(layout);
	w.enum_ids = w.typedef_ids + count_typedefs(layout);
	w.derived_ids = w.enum_ids + count_enums(layout);
	w.btf = btf__new_empty();
	if (!w.btf)
		return error_new(ERR_NO_MEMORY, "out of memory");
	btf__set_pointer_size(w.btf, layout->pointer_size);
	if (!add_bases(&w) || !add_all(&w)) {
		e = error_new(ERR_OTHER, "%s", w.wrong[0] ? w.wrong : "layout: libbpf cannot write it");
	} else {
		__u32 size;
		const void *raw = btf__raw_data(w.btf, &size);
		*bytes = raw ? malloc(size) : NULL;
		if (*bytes) {
			memcpy(*bytes, raw, size);
			*len = size;
		} else {
			e = error_new(ERR_NO_MEMORY, "out of memory");
		}
	}
	btf__free(w.btf);
	free(w.derived);
	return e;
}

/* ---- Look-up ---- */

static const struct layout_struct *the_struct(const struct layout *layout, const char *structure)
{
	const struct layout_struct *s = layout->structs;
	while (s->name && strcmp(s->name, structure))
		s++;
	assert(s->name);
	return s;
}

uint32_t layout_size(const struct layout *layout, const char *structure)
{
	return the_struct(layout, structure)->size;
}

uint32_t layout_offset(const struct layout *layout, const char *structure, const char *member)
{
	const struct layout_member *m = the_struct(layout, structure)->members;
	while (m->name && strcmp(m->name, member))
		m++;
	assert(m->name);
	return m->offset;
}
