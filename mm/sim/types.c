/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/sim/types.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One block of memory holds it all: the layout, its tables, then the text cut into strings. */
struct parsed {
	struct layout layout;
	struct layout_struct *structs;
	struct layout_member *members;
	struct layout_typedef *typedefs;
	struct layout_enum *enums;
	struct layout_enumerator *values;
};

struct counts {
	size_t structs, members, typedefs, enums, values;
};

static bool starts(const char *line, const char *word)
{
	return !strncmp(line, word, strlen(word));
}

/* How many of each there are at most: a member ends with ';' or its line, and each type has an end mark. */
static struct counts count(const char *text)
{
	struct counts c = { 1, 0, 1, 1, 0 };
	bool values = false;
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		size_t members = 1;
		if (*text != '\t') {
			values = starts(text, "enum ");
			c.structs += starts(text, "struct ") || starts(text, "union ");
			c.typedefs += starts(text, "typedef ");
			c.enums += values;
		} else {
			for (const char *at = text; *at && *at != '\n'; at++)
				members += *at == ';';
		}
		*(values ? &c.values : &c.members) += members;
	}
	return c;
}

/* "OFFSET[.BIT:BITS] TYPE NAME", the name "-" when it has none. */
static void parse_member(char *text, struct layout_member *m)
{
	char *name = strrchr(text, ' ');
	assert(name && name > text);
	*name++ = '\0';
	m->offset = (uint32_t)strtoul(text, &text, 10);
	if (*text == '.') {
		m->bit = (uint8_t)strtoul(text + 1, &text, 10);
		assert(*text == ':');
		m->bits = (uint8_t)strtoul(text + 1, &text, 10);
	}
	assert(*text == ' ');
	m->type = text + 1;
	m->name = strcmp(name, "-") ? name : "";
}

static void parse_value(char *text, struct layout_enumerator *v)
{
	v->value = (int)strtol(text, &text, 10);
	assert(*text == ' ');
	v->name = text + 1;
}

/* The text's next piece up to one of the delimiters, cut off; NULL at the end. */
static char *cut(char **text, const char *delimiters)
{
	char *start = *text;
	if (!*start)
		return NULL;
	char *end = start + strcspn(start, delimiters);
	*text = end + (*end != '\0');
	*end = '\0';
	return start;
}

struct tables {
	struct parsed *p;
	size_t structs, members, typedefs, enums, values;
	bool in_enum;
};

static void begin_struct(struct tables *t, char *name, bool is_union)
{
	char *size = strrchr(name, ' ');
	assert(size);
	*size++ = '\0';
	if (t->structs || t->members)
		t->members++; /* the end of the one before */
	t->p->structs[t->structs++] =
		(struct layout_struct){ name, (uint32_t)strtoul(size, NULL, 10), is_union, &t->p->members[t->members] };
}

static void parse_type(struct tables *t, char *line)
{
	t->in_enum = starts(line, "enum ");
	if (starts(line, "struct ")) {
		begin_struct(t, line + 7, false);
	} else if (starts(line, "union ")) {
		begin_struct(t, line + 6, true);
	} else if (t->in_enum) {
		t->values += t->enums > 0;
		t->p->enums[t->enums++] = (struct layout_enum){ line + 5, &t->p->values[t->values] };
	} else if (starts(line, "typedef ")) {
		char *equals = strstr(line, " = ");
		assert(equals);
		*equals = '\0';
		t->p->typedefs[t->typedefs++] = (struct layout_typedef){ line + 8, equals + 3 };
	}
}

static void parse_members(struct tables *t, char *line)
{
	for (char *piece; (piece = cut(&line, ";"));) {
		piece += strspn(piece, " ");
		if (!*piece)
			continue;
		if (t->in_enum)
			parse_value(piece, &t->p->values[t->values++]);
		else
			parse_member(piece, &t->p->members[t->members++]);
	}
}

static void parse(struct parsed *p, char *text)
{
	struct tables t = { .p = p };
	for (char *line; (line = cut(&text, "\n"));) {
		if (*line == '\t')
			parse_members(&t, line + 1);
		else if (*line != '#')
			parse_type(&t, line);
	}
}

const struct layout *types_parse(unsigned pointer_size, const char *text, size_t len, const char *more)
{
	size_t more_len = more ? strlen(more) : 0;
	char *copy = malloc(len + more_len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	if (more)
		memcpy(copy + len, more, more_len);
	copy[len + more_len] = '\0';
	struct counts c = count(copy);
	/* The end marks are zeroes. */
	size_t sizes[] = { sizeof(struct parsed), c.structs * sizeof(struct layout_struct), (c.members + c.structs) * sizeof(struct layout_member),
			   c.typedefs * sizeof(struct layout_typedef), c.enums * sizeof(struct layout_enum),
			   (c.values + c.enums) * sizeof(struct layout_enumerator) };
	size_t total = 0;
	for (size_t i = 0; i < 6; i++)
		total += sizes[i];
	unsigned char *at = calloc(1, total + len + more_len + 1);
	if (!at) {
		free(copy);
		return NULL;
	}
	struct parsed *p = (struct parsed *)at;
	p->structs = (struct layout_struct *)(at += sizes[0]);
	p->members = (struct layout_member *)(at += sizes[1]);
	p->typedefs = (struct layout_typedef *)(at += sizes[2]);
	p->enums = (struct layout_enum *)(at += sizes[3]);
	p->values = (struct layout_enumerator *)(at += sizes[4]);
	memcpy(at += sizes[5], copy, len + more_len + 1);
	free(copy);
	parse(p, (char *)at);
	p->layout = (struct layout){ pointer_size, p->structs, p->typedefs, p->enums };
	return &p->layout;
}

void types_free(const struct layout *layout)
{
	free((void *)layout); /* the first thing in its block */
}
