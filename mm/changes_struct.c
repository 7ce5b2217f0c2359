/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which members of a struct differ.
 */
#include <stdio.h>
#include <string.h>

#include "core/typeprint.h"
#include "mm/changes_parts.h"

#define DEEPEST	     8
#define PATH_ROOM    256
#define MOST_ELEMENTS 4096

struct comparison {
	uint64_t size; /* bytes of the whole */
	const struct changes *c;
	const struct change *like;
	const unsigned char *before, *now;
	struct type outer;
	char path[PATH_ROOM];
};

/* Nodes of lists and trees, and pointers to the like of what they stand in (vm_next, next_hash). */
static bool is_link(const struct comparison *m, struct type t)
{
	static const char *const nodes[] = { "list_head", "hlist_node", "hlist_head", "rb_node", "rb_node_s", "rb_root_s", "rb_root" };
	const char *name = type_own_name(type_strip(t));
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (!strcmp(name, nodes[i]))
			return true;
	for (int i = 0; i < 2; i++) {
		t = type_pointer_target(t);
		if (!type_valid(t))
			return false;
		const char *own = type_own_name(type_strip(t)), *outer = type_own_name(type_strip(m->outer));
		if (*own && !strcmp(own, outer))
			return true;
	}
	return false;
}

static bool is_union(struct kernel *k, struct type t)
{
	char text[64];
	type_format(k, type_strip(t), text, sizeof(text));
	return !strncmp(text, "union", 5);
}

static void visit_value(struct comparison *m, const struct type_member *member)
{
	struct change c = *m->like;
	struct kernel *k = m->c->k;
	struct value_bytes before = { member->type, m->before + member->offset, member->size, 0, member->bit_offset, member->bit_size };
	struct value_bytes now = before;
	int64_t a, b;
	size_t len = strlen(m->path);
	now.bytes = m->now + member->offset;
	/* An atomic_t by its own name. */
	if (len > 8 && !strcmp(m->path + len - 8, ".counter"))
		m->path[len - 8] = '\0';
	c.member = m->path;
	if (member->size <= 8 && value_integer(k, &before, &a) && value_integer(k, &now, &b)) {
		if (a == b)
			return;
		c.kind = CHANGE_VALUE;
		c.before = (uint64_t)a;
		c.now = (uint64_t)b;
		c.is_hex = type_valid(type_pointer_target(member->type)) || strstr(m->path, "flags") != NULL;
		if (!type_is_signed(member->type) && member->size < 8) {
			uint64_t mask = (1ull << 8 * member->size) - 1;
			c.before &= mask;
			c.now &= mask;
		}
	} else {
		c.kind = CHANGE_BYTES;
		c.bytes = 0;
		for (uint64_t i = 0; i < member->size; i++)
			c.bytes += before.bytes[i] != now.bytes[i];
	}
	m->c->visit(m->c->context, &c);
}

static void compare(struct comparison *m, const struct type_member *member, unsigned depth);

static void compare_members(struct comparison *m, struct type t, uint64_t base, unsigned depth)
{
	struct type_member member;
	size_t len = strlen(m->path);
	for (size_t i = 0; type_member_at(m->c->k, t, i, &member); i++) {
		member.offset += base;
		if (member.name && *member.name)
			snprintf(m->path + len, PATH_ROOM - len, "%s%s", len ? "." : "", member.name);
		compare(m, &member, depth + 1);
		m->path[len] = '\0';
	}
}

/* Is the member an array of something other than characters? Then what its elements are. */
static bool array_of(struct comparison *m, const struct type_member *member, struct type_member *element)
{
	struct kernel *k = m->c->k;
	char text[256];
	type_format(k, type_strip(member->type), text, sizeof(text));
	char *bracket = strchr(text, '[');
	if (!bracket || strchr(text, '('))
		return false;
	while (bracket > text && bracket[-1] == ' ')
		bracket--;
	*bracket = '\0';
	*element = (struct type_member){ .name = "" };
	if (error_drop(type_parse(k, text, &element->type)))
		return false;
	element->size = type_size(k, element->type);
	return element->size > 1 && member->size / element->size <= MOST_ELEMENTS;
}

static void compare(struct comparison *m, const struct type_member *member, unsigned depth)
{
	struct kernel *k = m->c->k;
	struct type_member element;
	size_t len = strlen(m->path);
	/* Damaged types: what does not lie within the whole is no part of it. */
	if (member->offset > m->size || member->size > m->size - member->offset)
		return;
	if (!member->size || !memcmp(m->before + member->offset, m->now + member->offset, member->size))
		return;
	if (!m->c->options->links && is_link(m, member->type))
		return;
	if (depth < DEEPEST && type_is_aggregate(type_strip(member->type)) && !is_union(k, member->type)) {
		compare_members(m, type_strip(member->type), member->offset, depth);
		return;
	}
	if (depth >= DEEPEST || member->bit_size || !array_of(m, member, &element)) {
		visit_value(m, member);
		return;
	}
	for (uint64_t i = 0; i < member->size / element.size; i++) {
		element.offset = member->offset + i * element.size;
		snprintf(m->path + len, PATH_ROOM - len, "[%u]", (unsigned)i);
		compare(m, &element, depth + 1);
		m->path[len] = '\0';
	}
}

void changes_of_struct(const struct changes *c, struct type type, const unsigned char *before, const unsigned char *now, const struct change *like)
{
	struct comparison m = { .c = c, .like = like, .before = before, .now = now, .outer = type, .size = type_size(c->k, type) };
	struct type_member whole = { .type = type, .size = type_size(c->k, type), .name = "" };
	if (type_is_aggregate(type_strip(type))) {
		compare_members(&m, type_strip(type), 0, 0);
	} else {
		compare(&m, &whole, 0);
	}
}
