/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables: rows of cells as aligned text or as JSON objects.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/out_parts.h"

static void table_pop(struct out *o)
{
	struct out_table_state *t = &o->tables[--o->table_depth];

	if (!out_json(o) && o->on_line)
		out_put_char(o, '\n');
	while (o->depth > t->depth)
		out_close_one(o);
	o->columns = t->columns;
	o->column_count = t->column_count;
	o->column = t->column;
	o->in_row = t->in_row;
	o->on_line = false;
	o->pad = 0;
}

void out_close(struct out *o, unsigned depth)
{
	while (o->table_depth && o->tables[o->table_depth - 1].depth >= depth)
		table_pop(o);
	while (o->depth > depth)
		out_close_one(o);
}

static void titles(struct out *o, const struct column *columns, size_t count)
{
	size_t owed = 0;

	if (o->colour)
		out_put_bytes(o, OUT_BOLD, strlen(OUT_BOLD));
	for (size_t i = 0; i < count; i++) {
		const struct column *c = &columns[i];
		const char *title = c->title ? c->title : "";
		size_t len = strlen(title), width = c->width > 0 ? (size_t)c->width : 0;
		size_t free = width > len ? width - len : 0, before = 0;

		if (c->align == '>')
			before = free;
		else if (c->align == '^')
			before = free / 2;
		owed += (c->gap > 0 ? (size_t)c->gap : 0) + before;
		if (len) {
			out_put_blanks(o, owed);
			out_put_bytes(o, title, len);
			owed = 0;
		}
		owed += free - before;
	}
	if (o->colour)
		out_put_bytes(o, OUT_PLAIN, strlen(OUT_PLAIN));
	out_put_char(o, '\n');
}

void out_heading(struct out *o, const struct column *columns, size_t count)
{
	if (!out_json(o))
		titles(o, columns, count);
}

void out_table(struct out *o, const char *key, const struct column *columns, size_t count,
	       bool heading)
{
	struct out_table_state *t;

	if (o->table_depth == OUT_MAX_TABLES) {
		fputs("mmscope: tables nested too deeply\n", stderr);
		abort();
	}
	out_row_break(o);
	t = &o->tables[o->table_depth++];
	*t = (struct out_table_state){o->columns, o->column_count, o->column, o->depth, o->in_row};
	o->columns = columns;
	o->column_count = (unsigned)count;
	o->column = 0;
	o->in_row = false;
	o->on_line = false;
	o->pad = 0;
	out_open_one(o, key, '[', ']');
	if (!out_json(o) && heading)
		titles(o, columns, count);
}

void out_table_end(struct out *o)
{
	if (o->table_depth)
		table_pop(o);
}

static const struct column no_column = {.gap = 1};

/* The column of the next cell; the row begins with its first. */
static __attribute__((noinline)) const struct column *begin_cell(struct out *o)
{
	const struct column *c =
		o->column < o->column_count ? &o->columns[o->column] : &no_column;

	o->column++;
	if (!o->in_row) {
		o->in_row = true;
		if (out_json(o))
			out_json_open(o, NULL, '{', '}');
	}
	o->on_line = !out_json(o);
	return c;
}

/* In the middle of a text's line there is nothing to begin: the case that must be fast. */
static inline const struct column *next_column(struct out *o)
{
	if (__builtin_expect(o->on_line && o->column < o->column_count, 1))
		return &o->columns[o->column++];
	return begin_cell(o);
}

/*
 * The blanks before a text of `width` characters, and room for its `len` bytes and 16 more. Blanks
 * after it are owed until the next cell, so that no line ends in them.
 */
static inline char *cell_begin(struct out *o, const struct column *c, unsigned width, unsigned len)
{
	int missing = c->width - (int)width;
	unsigned fill = missing > 0 ? (unsigned)missing : 0;
	unsigned before = c->align == '>' ? fill : 0;
	unsigned blanks = o->pad + (unsigned char)c->gap + before;
	char *p = out_reserve(o, blanks + len + 32);

	o->pad = fill - before;
	memset(p, ' ', 16); /* one store; what is too much is overwritten */
	if (__builtin_expect(blanks > 16, 0))
		memset(p + 16, ' ', blanks - 16);
	return p + blanks;
}

static inline void cell_hex(struct out *o, uint64_t value, unsigned digits)
{
	const struct column *c = next_column(o);
	unsigned length = hex_length(value);

	if (__builtin_expect(out_json(o), 0)) {
		if (out_json_key(o, c->key))
			out_json_hex(o, value);
		return;
	}
	if (length < digits)
		length = digits > 16 ? 16 : digits;
	o->at = put_hex_digits(cell_begin(o, c, length, length), value, length);
}

void out_cell_hex(struct out *o, uint64_t value)
{
	cell_hex(o, value, 0);
}

void out_cell_hex_pad(struct out *o, uint64_t value, unsigned digits)
{
	cell_hex(o, value, digits);
}

void out_cell_dec(struct out *o, uint64_t value)
{
	const struct column *c = next_column(o);
	unsigned length;

	if (__builtin_expect(out_json(o), 0)) {
		if (out_json_key(o, c->key))
			out_json_dec(o, value);
		return;
	}
	length = dec_length(value);
	o->at = put_dec_digits(cell_begin(o, c, length, length), value, length);
}

void out_cell_sdec(struct out *o, int64_t value)
{
	const struct column *c;
	uint64_t magnitude = -(uint64_t)value;
	unsigned length;
	char *p;

	if (value >= 0) {
		out_cell_dec(o, (uint64_t)value);
		return;
	}
	c = next_column(o);
	if (out_json(o)) {
		if (out_json_key(o, c->key))
			out_json_sdec(o, value);
		return;
	}
	length = dec_length(magnitude);
	p = cell_begin(o, c, length + 1, length + 1);
	*p = '-';
	o->at = put_dec_digits(p + 1, magnitude, length);
}

/* How many columns of the screen a text takes: continuation bytes of UTF-8 take none. */
static size_t text_width(const char *text, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

static void cell_text(struct out *o, const struct column *c, const char *text, size_t len)
{
	if (len > 1024) {
		o->at = cell_begin(o, c, 1024, 1024);
		out_put_bytes(o, text, len);
		return;
	}
	char *p = cell_begin(o, c, (unsigned)(c->width ? text_width(text, len) : len),
			     (unsigned)len);
	memcpy(p, text, len);
	o->at = p + len;
}

void out_cell_strn(struct out *o, const char *value, size_t len)
{
	const struct column *c = next_column(o);

	if (!out_json(o))
		cell_text(o, c, value, len);
	else if (out_json_key(o, c->key))
		out_json_string(o, value, len);
}

void out_cell_str(struct out *o, const char *value)
{
	if (value)
		out_cell_strn(o, value, strlen(value));
	else
		out_cell_none(o, "");
}

void out_cell_printf(struct out *o, const char *format, ...)
{
	char text[512], *long_text;
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(text, sizeof(text), format, args);
	if (len >= 0 && (size_t)len < sizeof(text)) {
		out_cell_strn(o, text, (size_t)len);
	} else if (len >= 0 && vasprintf(&long_text, format, again) >= 0) {
		out_cell_strn(o, long_text, (size_t)len);
		free(long_text);
	} else {
		out_cell_none(o, "");
	}
	va_end(again);
	va_end(args);
}

void out_cell_dec_as(struct out *o, uint64_t value, const char *text)
{
	const struct column *c = next_column(o);

	if (!out_json(o))
		cell_text(o, c, text, strlen(text));
	else if (out_json_key(o, c->key))
		out_json_dec(o, value);
}

void out_cell_hex_as(struct out *o, uint64_t value, const char *text)
{
	const struct column *c = next_column(o);

	if (!out_json(o))
		cell_text(o, c, text, strlen(text));
	else if (out_json_key(o, c->key))
		out_json_hex(o, value);
}

void out_cell_none(struct out *o, const char *text)
{
	const struct column *c = next_column(o);

	if (!out_json(o))
		cell_text(o, c, text, strlen(text));
	else if (out_json_key(o, c->key))
		out_put_bytes(o, "null", 4);
}

void out_row_break(struct out *o)
{
	if (out_json(o) || !o->on_line)
		return;
	out_put_char(o, '\n');
	o->on_line = false;
	o->pad = 0;
}

void out_row_end(struct out *o)
{
	if (out_json(o)) {
		unsigned depth = o->table_depth ? o->tables[o->table_depth - 1].depth + 1 : 0;

		while (o->in_row && o->depth > depth)
			out_close_one(o);
	} else if (o->on_line || !o->in_row) {
		out_put_char(o, '\n');
	}
	o->in_row = false;
	o->on_line = false;
	o->column = 0;
	o->pad = 0;
}
