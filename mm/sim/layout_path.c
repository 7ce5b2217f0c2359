/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking up members by their path in a layout, for the time before a machine can be attached to.
 */
#include <stdlib.h>
#include <string.h>

#include "mm/sim/layout.h"

static bool same(const char *name, const char *text, size_t len)
{
	return !strncmp(name, text, len) && !name[len];
}

static const struct layout_struct *find_struct(const struct layout *l, const char *name, size_t len, bool is_union)
{
	for (const struct layout_struct *s = l->structs; s->name; s++)
		if (s->is_union == is_union && same(s->name, name, len))
			return s;
	return NULL;
}

static const char *find_typedef(const struct layout *l, const char *name, size_t len)
{
	for (const struct layout_typedef *t = l->typedefs; t && t->name; t++)
		if (same(t->name, name, len))
			return t->type;
	return NULL;
}

/* The part of a type before any dimensions, and where these start. */
static size_t element(const char **type, const char **dimensions)
{
	if (!strncmp(*type, "const ", 6))
		*type += 6;
	const char *end = *type + strlen(*type), *bracket = strchr(*type, '[');
	*dimensions = bracket && end[-1] == ']' ? bracket : end;
	size_t len = (size_t)(*dimensions - *type);
	while (len && (*type)[len - 1] == ' ')
		len--;
	return len;
}

/* The struct or union that a type is, through typedefs; NULL when it is something else. */
static const struct layout_struct *struct_of(const struct layout *l, const char *type, size_t len)
{
	for (unsigned depth = 0; type && depth < 8; depth++) {
		if (len > 7 && !memcmp(type, "struct ", 7))
			return type[len - 1] == '*' ? NULL : find_struct(l, type + 7, len - 7, false);
		if (len > 6 && !memcmp(type, "union ", 6))
			return type[len - 1] == '*' ? NULL : find_struct(l, type + 6, len - 6, true);
		type = find_typedef(l, type, len);
		len = type ? strlen(type) : 0;
	}
	return NULL;
}

static uint32_t element_size(const struct layout *l, const char *type, size_t len)
{
	static const struct {
		const char *name;
		unsigned size; /* 0: a long's */
	} bases[] = {
		{ "int", 4 },	{ "unsigned int", 4 }, { "long", 0 },	 { "unsigned long", 0 }, { "char", 1 },	     { "unsigned char", 1 },
		{ "short", 2 }, { "unsigned short", 2 }, { "long long", 8 }, { "unsigned long long", 8 }, { "_Bool", 1 }, { "signed char", 1 },
	};
	const struct layout_struct *s = struct_of(l, type, len);
	if (s)
		return s->size;
	if (memchr(type, '*', len))
		return l->pointer_size;
	if (len > 5 && !memcmp(type, "enum ", 5))
		return 4;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		if (same(bases[i].name, type, len))
			return bases[i].size ? bases[i].size : l->pointer_size;
	const char *target = find_typedef(l, type, len);
	return target ? layout_type_size(l, target) : 0;
}

uint32_t layout_type_size(const struct layout *l, const char *type)
{
	const char *dimensions;
	size_t len = element(&type, &dimensions);
	uint32_t size = element_size(l, type, len);
	for (; *dimensions == '['; dimensions += strcspn(dimensions, "]") + 1)
		size *= (uint32_t)strtoul(dimensions + 1, NULL, 10);
	return size;
}

static const struct layout_member *find_member(const struct layout *l, const struct layout_struct *s, const char *name, size_t len, uint32_t *offset)
{
	for (const struct layout_member *m = s->members; m->name; m++) {
		if (*m->name ? same(m->name, name, len) : false) {
			*offset += m->offset;
			return m;
		}
		const struct layout_struct *inner = *m->name ? NULL : struct_of(l, m->type, strlen(m->type));
		uint32_t at = *offset + m->offset;
		const struct layout_member *found = inner ? find_member(l, inner, name, len, &at) : NULL;
		if (found) {
			*offset = at;
			return found;
		}
	}
	return NULL;
}

/* One dimension taken off the front: its index, applied. */
static const char *take_index(const char *path, const char **dimensions, const struct layout *l, const char *type, size_t len, uint32_t *offset)
{
	char *end;
	uint32_t index = (uint32_t)strtoul(path + 1, &end, 10), size = element_size(l, type, len);
	*dimensions += strcspn(*dimensions, "]") + 1;
	for (const char *d = *dimensions; *d == '['; d += strcspn(d, "]") + 1)
		size *= (uint32_t)strtoul(d + 1, NULL, 10);
	*offset += index * size;
	return end + (*end == ']');
}

bool layout_path(const struct layout *l, const char *structure, const char *path, struct layout_place *out)
{
	const struct layout_struct *s = find_struct(l, structure, strlen(structure), false);
	if (!s)
		s = find_struct(l, structure, strlen(structure), true);
	if (!s)
		s = struct_of(l, structure, strlen(structure));
	*out = (struct layout_place){ 0 };
	while (s) {
		size_t len = strcspn(path, ".[");
		const struct layout_member *m = find_member(l, s, path, len, &out->offset);
		if (!m)
			return false;
		const char *type = m->type, *dimensions;
		size_t type_len = element(&type, &dimensions);
		out->bit = m->bit;
		out->bits = m->bits;
		for (path += len; *path == '[' && *dimensions == '[';)
			path = take_index(path, &dimensions, l, type, type_len, &out->offset);
		out->size = element_size(l, type, type_len);
		for (; *dimensions == '['; dimensions += strcspn(dimensions, "]") + 1)
			out->size *= (uint32_t)strtoul(dimensions + 1, NULL, 10);
		if (!*path)
			return true;
		s = *path == '.' ? struct_of(l, type, type_len) : NULL;
		path++;
	}
	return false;
}
