/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/typed_object.h"

#define MAX_OBJECT (64u << 20) /* bytes */

/* The pieces stay in t->name. */
static struct error *split_members(struct typed_object *t)
{
	char *dot = strchr(t->name, '.'), *path;
	size_t most = 1;

	if (!dot)
		return NULL;
	*dot++ = '\0';
	for (path = dot; *path; path++)
		most += *path == ',';
	t->members = calloc(most, sizeof(*t->members));
	if (!t->members)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (path = strtok_r(dot, ",", &dot); path; path = strtok_r(NULL, ",", &dot))
		t->members[t->member_count++] = path;
	return NULL;
}

static struct error *find_type(struct typed_object *t, enum type_kind kind)
{
	struct kernel *k = t->k;
	struct type bare;
	char text[256];

	t->type = type_find(k, kind == TYPE_UNION ? TYPE_UNION : TYPE_AGGREGATE, t->name);
	if (!type_valid(t->type))
		t->type = type_find(k, TYPE_TYPEDEF, t->name);
	if (!type_valid(t->type))
		t->type = type_find(k, TYPE_ANY, t->name);
	if (!type_valid(t->type))
		return error_new(ERR_NO_TYPE, "invalid data structure reference: %s", t->name);
	bare = type_strip(t->type);
	type_format(k, bare, text, sizeof(text));
	bool is_union = !strncmp(text, "union ", 6), is_struct = !strncmp(text, "struct ", 7);
	if ((kind == TYPE_STRUCT && is_union) || (kind == TYPE_UNION && !is_union) || (!is_union && !is_struct))
		return error_new(ERR_NO_TYPE, "data type mismatch: %s is not a %s", t->name,
				 kind == TYPE_UNION ? "union" : "struct");
	if (!type_size(k, bare)) {
		struct type_member m;

		/* An empty struct has a definition; one that is only named has none. */
		if (!type_member_at(k, bare, 0, &m) && type_is_declaration(bare))
			return error_new(ERR_NO_TYPE, "this image has no definition of %s", text);
	}
	return NULL;
}

struct error *typed_object_parse(struct session *s, const char *text, enum type_kind kind, struct typed_object *out)
{
	*out = (struct typed_object){.k = s->kernel, .memory = {.s = s, .kind = MEMORY_KERNEL, .fd = -1}};
	out->name = strdup(text);
	if (!out->name)
		return error_new(ERR_NO_MEMORY, "out of memory");
	TRY(split_members(out));
	TRY(find_type(out, kind));
	for (size_t i = 0; i < out->member_count; i++) {
		struct type_member m;
		struct error *e = type_member_find(out->k, out->type, out->members[i], &m);

		if (e && e->code == ERR_NO_MEMBER) {
			error_free(e);
			return error_new(ERR_NO_MEMBER, "invalid data structure reference: %s.%s", out->name,
					 out->members[i]);
		}
		TRY(e);
	}
	return NULL;
}

void typed_object_free(struct typed_object *t)
{
	memory_close(&t->memory);
	free(t->members);
	free(t->name);
}

struct error *typed_object_locate(const struct typed_object *t, const char *path, uint64_t base, struct value_bytes *v)
{
	struct type_member m;

	*v = (struct value_bytes){.type = t->type, .addr = base, .len = type_size(t->k, t->type)};
	if (!path)
		return NULL;
	TRY(type_member_find(t->k, t->type, path, &m));
	v->type = m.type;
	v->addr = base + m.offset;
	v->bit_offset = m.bit_offset;
	v->bit_size = m.bit_size;
	v->len = m.bit_size ? (m.bit_offset + m.bit_size + 7) / 8 : m.size;
	return NULL;
}

struct error *typed_object_load(struct typed_object *t, struct value_bytes *v, void **buffer)
{
	if (v->len > MAX_OBJECT)
		return error_new(ERR_BAD_OBJECT, "too large to be shown: %zu bytes", v->len);
	*buffer = calloc(1, v->len > 16 ? v->len : 16);
	if (!*buffer)
		return error_new(ERR_NO_MEMORY, "out of memory");
	v->bytes = *buffer;
	return v->len ? memory_read(&t->memory, v->addr, *buffer, v->len) : NULL;
}

struct error *typed_object_show_member(struct typed_object *t, const char *path, uint64_t base)
{
	struct out *o = t->memory.s->out;
	struct value_format f = t->format;
	struct value_bytes v;
	void *buffer = NULL;

	TRY(typed_object_locate(t, path, base, &v));
	struct error *e = typed_object_load(t, &v, &buffer);
	if (!e) {
		f.indent = 2;
		out_printf(o, "  %s = ", path);
		value_put(o, t->k, path, &v, &f);
		out_text(o, ",\n");
	}
	free(buffer);
	return e;
}

static struct error *show_whole(struct typed_object *t, uint64_t base)
{
	struct out *o = t->memory.s->out;
	struct value_bytes v;
	void *buffer = NULL;
	char text[256];

	TRY(typed_object_locate(t, NULL, base, &v));
	struct error *e = typed_object_load(t, &v, &buffer);
	if (!e) {
		type_format(t->k, t->type, text, sizeof(text));
		out_printf(o, "%s ", text);
		value_put(o, t->k, "value", &v, &t->format);
		out_text(o, "\n");
	}
	free(buffer);
	return e;
}

struct error *typed_object_show(struct typed_object *t, uint64_t base)
{
	struct out *o = t->memory.s->out;
	struct error *e = NULL;

	out_hex(o, "addr", NULL, base);
	if (!t->member_count)
		return show_whole(t, base);
	out_object_begin(o, "value");
	for (size_t i = 0; !e && i < t->member_count; i++)
		e = typed_object_show_member(t, t->members[i], base);
	out_object_end(o);
	return e;
}

struct error *shown_objects_add(struct shown_objects *shown, const char *command, const char *text)
{
	if (shown->given == SHOWN_MAX)
		return usage_error(command, "too many -s: %s", text);
	shown->text[shown->given++] = text;
	return NULL;
}

struct error *shown_objects_open(struct session *s, struct shown_objects *shown, unsigned radix)
{
	while (shown->count < shown->given) {
		struct typed_object *t = &shown->objects[shown->count];

		TRY(typed_object_parse(s, shown->text[shown->count++], TYPE_ANY, t));
		t->format = typed_format(s, radix);
	}
	return NULL;
}

struct error *shown_objects_show(struct shown_objects *shown, struct out *o, uint64_t base)
{
	struct error *e = NULL;

	for (unsigned i = 0; !e && i < shown->count; i++) {
		out_object_begin(o, shown->objects[i].name);
		e = typed_object_show(&shown->objects[i], base);
		out_object_end(o);
	}
	return e;
}

void shown_objects_free(struct shown_objects *shown)
{
	while (shown->count)
		typed_object_free(&shown->objects[--shown->count]);
}

struct error *parse_offset(struct session *s, const char *text, uint64_t *out)
{
	struct type_member m;
	struct type t;
	char name[256];
	size_t len = strcspn(text, ".");

	if (!text[len])
		return parse_number(text, false, out);
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	t = type_find(s->kernel, TYPE_AGGREGATE, name);
	if (!type_valid(t))
		return error_new(ERR_NO_TYPE, "invalid data structure reference: %s", text);
	TRY(type_member_find(s->kernel, t, text + len + 1, &m));
	*out = m.offset;
	return NULL;
}
