/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sink: text or JSON from the same calls. Text goes through hand-written converters, because a table of every page
 * frame has millions of rows.
 */
#include "core/out.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/interrupt.h"

#define FILE_BUFFER   (1u << 20)
#define MEMORY_BUFFER (1u << 16)
#define MAX_RESERVE   (1u << 16)

/* ---- The buffer ---- */

static struct out *new_out(int fd, enum out_mode mode, size_t size)
{
	struct out *o = calloc(1, sizeof(*o));

	if (o)
		o->buffer = malloc(size);
	if (!o || !o->buffer) {
		fputs("mmscope: out of memory\n", stderr);
		abort();
	}
	o->at = o->buffer;
	o->end = o->buffer + size;
	o->mode = mode;
	o->fd = fd;
	return o;
}

struct out *out_new(int fd, enum out_mode mode)
{
	return new_out(fd, mode, FILE_BUFFER);
}

struct out *out_memory(enum out_mode mode)
{
	return new_out(-1, mode, MEMORY_BUFFER);
}

static void grow(struct out *o, size_t n)
{
	size_t used = (size_t)(o->at - o->buffer), size = (size_t)(o->end - o->buffer);
	char *larger;

	while (size - used < n)
		size *= 2;
	larger = realloc(o->buffer, size);
	if (!larger) {
		fputs("mmscope: out of memory\n", stderr);
		abort();
	}
	o->buffer = larger;
	o->at = larger + used;
	o->end = larger + size;
}

char *out_take(struct out *o, size_t *len)
{
	char *bytes;

	if (o->at == o->end)
		grow(o, 1);
	*o->at = '\0';
	if (len)
		*len = (size_t)(o->at - o->buffer);
	bytes = o->buffer;
	o->buffer = malloc(MEMORY_BUFFER);
	if (!o->buffer) {
		fputs("mmscope: out of memory\n", stderr);
		abort();
	}
	o->at = o->buffer;
	o->end = o->buffer + MEMORY_BUFFER;
	return bytes;
}

static void write_all(struct out *o, const char *bytes, size_t len)
{
	while (len && !o->failed) {
		ssize_t n = write(o->fd, bytes, len);

		if (n < 0 && errno == EINTR && !interrupted())
			continue;
		if (n < 0) {
			/* Nobody reads on: the command that is writing should end too, and it polls this flag. */
			o->failed = true;
			o->error = errno;
			interrupt_flag = 1;
			return;
		}
		bytes += n;
		len -= (size_t)n;
	}
}

void out_flush(struct out *o)
{
	if (o->fd < 0)
		return;
	write_all(o, o->buffer, (size_t)(o->at - o->buffer));
	o->at = o->buffer;
}

void out_free(struct out *o)
{
	if (!o)
		return;
	out_flush(o);
	free(o->buffer);
	free(o);
}

char *out_reserve_slow(struct out *o, size_t n)
{
	if (o->fd < 0) {
		grow(o, n);
		return o->at;
	}
	out_flush(o);
	if (n > FILE_BUFFER) /* against the contract, but better slow than wrong */
		grow(o, n);
	return o->at;
}

static void put_bytes(struct out *o, const char *bytes, size_t len)
{
	while (len > MAX_RESERVE) {
		memcpy(out_reserve(o, MAX_RESERVE), bytes, MAX_RESERVE);
		o->at += MAX_RESERVE;
		bytes += MAX_RESERVE;
		len -= MAX_RESERVE;
	}
	memcpy(out_reserve(o, len), bytes, len);
	o->at += len;
}

static void put_char(struct out *o, char c)
{
	*out_reserve(o, 1) = c;
	o->at++;
}

static void put_blanks(struct out *o, size_t n)
{
	if (n > MAX_RESERVE)
		n = MAX_RESERVE;
	memset(out_reserve(o, n), ' ', n);
	o->at += n;
}

/* ---- Numbers ---- */

static const char decimal_pairs[201] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
				       "4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
				       "828384858687888990919293949596979899";

static inline unsigned dec_length(uint64_t value)
{
	static const uint64_t powers[20] = {
		0ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull, 1000000000ull,
		10000000000ull, 100000000000ull, 1000000000000ull, 10000000000000ull, 100000000000000ull,
		1000000000000000ull, 10000000000000000ull, 100000000000000000ull, 1000000000000000000ull,
		10000000000000000000ull,
	};
	unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
	unsigned guess = bits * 1233 >> 12; /* bits · log10(2): the length less one, or one more than that */

	return guess + (value >= powers[guess]);
}

static inline char *put_dec_digits(char *p, uint64_t value, unsigned length)
{
	char *end = p + length, *q = end;

	while (value >= 100) {
		q -= 2;
		memcpy(q, decimal_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10)
		memcpy(q - 2, decimal_pairs + value * 2, 2);
	else
		q[-1] = (char)('0' + value);
	return end;
}

char *put_dec(char *p, uint64_t value)
{
	return put_dec_digits(p, value, dec_length(value));
}

/* ---- JSON ---- */

/* The length of the valid UTF-8 sequence at s (of at most n bytes), or 0. */
static size_t utf8_sequence(const unsigned char *s, size_t n)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return n >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((s[0] & 0xf0) == 0xe0) {
		if (n < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)) /* overlong; surrogates */
			return 0;
		return 3;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		if (n < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

static void json_string(struct out *o, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0;

	put_char(o, '"');
	while (i < len) {
		size_t run = i, step;
		char escape = 0;

		while (run < len && s[run] >= 0x20 && s[run] != '"' && s[run] != '\\' && s[run] != 0x7f &&
		       (step = utf8_sequence(s + run, len - run)))
			run += step;
		if (run > i) {
			put_bytes(o, text + i, run - i);
			i = run;
			continue;
		}
		switch (s[i]) {
		case '"':
		case '\\':
			escape = (char)s[i];
			break;
		case '\n':
			escape = 'n';
			break;
		case '\t':
			escape = 't';
			break;
		case '\r':
			escape = 'r';
			break;
		}
		if (escape) {
			char *p = out_reserve(o, 2);

			p[0] = '\\';
			p[1] = escape;
			o->at += 2;
		} else {
			char *p = out_reserve(o, 24);

			memcpy(p, "\\u", 2);
			o->at = put_hex(p + 2, s[i], 4);
		}
		i++;
	}
	put_char(o, '"');
}

/* The comma and the key before a value. False when the value has no place: a fact without key in an object. */
static bool json_key(struct out *o, const char *key)
{
	bool array = o->depth && o->closer[o->depth - 1] == ']';

	if (!array && !key)
		return false;
	if (o->depth) {
		if (o->any[o->depth - 1])
			put_char(o, ',');
		o->any[o->depth - 1] = true;
	}
	if (!array) {
		size_t len = strlen(key);
		char *p;

		if (len > MAX_RESERVE - 3)
			len = MAX_RESERVE - 3;
		p = out_reserve(o, len + 3);
		*p++ = '"';
		memcpy(p, key, len);
		p += len;
		*p++ = '"';
		*p++ = ':';
		o->at = p;
	}
	return true;
}

static void json_open(struct out *o, const char *key, char opener, char closer)
{
	if (o->depth == OUT_MAX_DEPTH) {
		fputs("mmscope: output nested too deeply\n", stderr);
		abort();
	}
	if (!json_key(o, key) && o->depth)
		json_key(o, "value"); /* an object in an object needs some key */
	put_char(o, opener);
	o->any[o->depth] = false;
	o->closer[o->depth++] = closer;
}

/* Text keeps count of the depth too, so that out_close() means the same. */
static void open_one(struct out *o, const char *key, char opener, char closer)
{
	if (out_json(o))
		json_open(o, key, opener, closer);
	else if (o->depth < OUT_MAX_DEPTH)
		o->closer[o->depth++] = closer;
}

static void close_one(struct out *o)
{
	if (!o->depth)
		return;
	o->depth--;
	if (out_json(o))
		put_char(o, o->closer[o->depth]);
}

static void json_dec(struct out *o, uint64_t value)
{
	o->at = put_dec(out_reserve(o, 24), value);
}

static void json_sdec(struct out *o, int64_t value)
{
	if (value < 0)
		put_char(o, '-');
	json_dec(o, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void json_hex(struct out *o, uint64_t value)
{
	char *p = out_reserve(o, 24);

	memcpy(p, "\"0x", 3);
	p = put_hex(p + 3, value, 1);
	*p++ = '"';
	o->at = p;
}

/* ---- Documents and nesting ---- */

static void table_pop(struct out *o)
{
	struct out_table_state *t = &o->tables[--o->table_depth];

	if (!out_json(o) && o->on_line)
		put_char(o, '\n');
	while (o->depth > t->depth)
		close_one(o);
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
		close_one(o);
}

void out_document_begin(struct out *o, const char *command)
{
	open_one(o, NULL, '{', '}');
	if (out_json(o))
		out_str(o, "command", NULL, command);
}

void out_document_end(struct out *o, const char *error)
{
	out_close(o, 1);
	if (out_json(o) && error)
		out_str(o, "error", NULL, error);
	out_close(o, 0);
	if (out_json(o))
		put_char(o, '\n');
}

void out_object_begin(struct out *o, const char *key)
{
	open_one(o, key, '{', '}');
}

void out_object_end(struct out *o)
{
	close_one(o);
}

void out_array_begin(struct out *o, const char *key)
{
	open_one(o, key, '[', ']');
}

void out_array_end(struct out *o)
{
	close_one(o);
}

/* ---- Text ---- */

static void put_vformat(struct out *o, const char *format, va_list args)
{
	size_t room = (size_t)(o->end - o->at);
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(o->at, room, format, args);
	if (len > 0 && (size_t)len < room) {
		o->at += len;
	} else if (len > 0) {
		out_reserve_slow(o, (size_t)len + 1);
		vsnprintf(o->at, (size_t)len + 1, format, again);
		o->at += len;
	}
	va_end(again);
}

/* A format that a command gave beside a fact; its one conversion matches the value by contract. */
static void put_format(struct out *o, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_vformat(o, format, args);
	va_end(args);
}

void out_printf(struct out *o, const char *format, ...)
{
	va_list args;

	if (out_json(o))
		return;
	va_start(args, format);
	put_vformat(o, format, args);
	va_end(args);
}

void out_text(struct out *o, const char *text)
{
	if (!out_json(o))
		put_bytes(o, text, strlen(text));
}

/* ---- Facts ---- */

void out_dec(struct out *o, const char *key, const char *format, uint64_t value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value);
	} else if (json_key(o, key)) {
		json_dec(o, value);
	}
}

void out_sdec(struct out *o, const char *key, const char *format, int64_t value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value);
	} else if (json_key(o, key)) {
		json_sdec(o, value);
	}
}

void out_hex(struct out *o, const char *key, const char *format, uint64_t value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value);
	} else if (json_key(o, key)) {
		json_hex(o, value);
	}
}

void out_double(struct out *o, const char *key, const char *format, double value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value);
	} else if (json_key(o, key)) {
		put_format(o, isfinite(value) ? "%.15g" : "null", value);
	}
}

void out_str(struct out *o, const char *key, const char *format, const char *value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value ? value : "");
	} else if (json_key(o, key)) {
		if (value)
			json_string(o, value, strlen(value));
		else
			put_bytes(o, "null", 4);
	}
}

void out_bool(struct out *o, const char *key, const char *format, bool value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value ? "yes" : "no");
	} else if (json_key(o, key)) {
		put_format(o, "%s", value ? "true" : "false");
	}
}

/* ---- Tables ---- */

static void titles(struct out *o, const struct column *columns, size_t count)
{
	size_t owed = 0;

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
			put_blanks(o, owed);
			put_bytes(o, title, len);
			owed = 0;
		}
		owed += free - before;
	}
	put_char(o, '\n');
}

void out_heading(struct out *o, const struct column *columns, size_t count)
{
	if (!out_json(o))
		titles(o, columns, count);
}

void out_table(struct out *o, const char *key, const struct column *columns, size_t count, bool heading)
{
	struct out_table_state *t;

	if (o->table_depth == OUT_MAX_TABLES) {
		fputs("mmscope: tables nested too deeply\n", stderr);
		abort();
	}
	out_row_break(o);
	t = &o->tables[o->table_depth++];
	*t = (struct out_table_state){ o->columns, o->column_count, o->column, o->depth, o->in_row };
	o->columns = columns;
	o->column_count = (unsigned)count;
	o->column = 0;
	o->in_row = false;
	o->on_line = false;
	o->pad = 0;
	open_one(o, key, '[', ']');
	if (!out_json(o) && heading)
		titles(o, columns, count);
}

void out_table_end(struct out *o)
{
	if (o->table_depth)
		table_pop(o);
}

static const struct column no_column = { .gap = 1 };

/* The column of the next cell; opens the row in JSON. */
static inline const struct column *next_column(struct out *o)
{
	const struct column *c = __builtin_expect(o->column < o->column_count, 1) ? &o->columns[o->column] : &no_column;

	o->column++;
	o->on_line = true;
	if (!o->in_row) {
		o->in_row = true;
		if (out_json(o))
			json_open(o, NULL, '{', '}');
	}
	return c;
}

/*
 * The blanks before a text of `len` characters, and room for it and 16 bytes more. Blanks after it are owed until the next cell, so that no line
 * ends in them.
 */
static inline char *cell_begin(struct out *o, const struct column *c, size_t len)
{
	int width = c->width > 0 ? c->width : 0;
	int fill = (size_t)width > len ? width - (int)len : 0;
	unsigned blanks = o->pad + (c->gap > 0 ? (unsigned)c->gap : 0);
	char *p;

	if (c->align == '>') {
		blanks += (unsigned)fill;
		fill = 0;
	}
	o->pad = (unsigned)fill;
	p = out_reserve(o, blanks + len + 32);
	if (blanks <= 16) {
		memset(p, ' ', 16); /* two stores; the rest is overwritten */
		return p + blanks;
	}
	memset(p, ' ', blanks);
	return p + blanks;
}

void out_cell_hex_pad(struct out *o, uint64_t value, unsigned digits)
{
	const struct column *c = next_column(o);
	unsigned length = hex_length(value);

	if (out_json(o)) {
		if (json_key(o, c->key))
			json_hex(o, value);
		return;
	}
	if (length < digits)
		length = digits > 16 ? 16 : digits;
	o->at = put_hex_digits(cell_begin(o, c, length), value, length);
}

void out_cell_hex(struct out *o, uint64_t value)
{
	out_cell_hex_pad(o, value, 1);
}

void out_cell_dec(struct out *o, uint64_t value)
{
	const struct column *c = next_column(o);
	unsigned length;

	if (out_json(o)) {
		if (json_key(o, c->key))
			json_dec(o, value);
		return;
	}
	length = dec_length(value);
	o->at = put_dec_digits(cell_begin(o, c, length), value, length);
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
		if (json_key(o, c->key))
			json_sdec(o, value);
		return;
	}
	length = dec_length(magnitude);
	p = cell_begin(o, c, length + 1);
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
	if (len <= 1024) {
		size_t width = len < (size_t)(c->width > 0 ? c->width : 0) ? text_width(text, len) : len;
		char *p = cell_begin(o, c, len > width ? len : width);

		if (len > width) { /* cell_begin() counted bytes: the screen has room left */
			unsigned fill = (unsigned)(len - width);

			if (c->align == '>') {
				memset(p, ' ', fill);
				p += fill;
			} else {
				o->pad += fill;
			}
		}
		memcpy(p, text, len);
		o->at = p + len;
		return;
	}
	o->at = cell_begin(o, c, len > 65535 ? 65535 : len);
	put_bytes(o, text, len);
}

void out_cell_strn(struct out *o, const char *value, size_t len)
{
	const struct column *c = next_column(o);

	if (!out_json(o))
		cell_text(o, c, value, len);
	else if (json_key(o, c->key))
		json_string(o, value, len);
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
	else if (json_key(o, c->key))
		json_dec(o, value);
}

void out_cell_hex_as(struct out *o, uint64_t value, const char *text)
{
	const struct column *c = next_column(o);

	if (!out_json(o))
		cell_text(o, c, text, strlen(text));
	else if (json_key(o, c->key))
		json_hex(o, value);
}

void out_cell_none(struct out *o, const char *text)
{
	const struct column *c = next_column(o);

	if (!out_json(o))
		cell_text(o, c, text, strlen(text));
	else if (json_key(o, c->key))
		put_bytes(o, "null", 4);
}

void out_row_break(struct out *o)
{
	if (out_json(o) || !o->on_line)
		return;
	put_char(o, '\n');
	o->on_line = false;
	o->pad = 0;
}

void out_row_end(struct out *o)
{
	if (out_json(o)) {
		unsigned depth = o->table_depth ? o->tables[o->table_depth - 1].depth + 1 : 0;

		while (o->in_row && o->depth > depth)
			close_one(o);
	} else if (o->on_line || !o->in_row) {
		put_char(o, '\n');
	}
	o->in_row = false;
	o->on_line = false;
	o->column = 0;
	o->pad = 0;
}
