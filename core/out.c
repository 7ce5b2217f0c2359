/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sink: text or JSON from the same calls. Text goes through hand-written converters, because a
 * table of every page frame has millions of rows.
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
#include "core/out_parts.h"

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
			o->failed = true;
			o->error = errno;
			/* Nobody reads on: the command that is writing should end too, and it polls
			 * this flag. */
			if (!o->steadfast) {
				o->stopped = true;
				interrupt_flag = 1;
			}
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
	if (o->before_write && o->at > o->buffer) {
		o->before_write();
		o->before_write = NULL;
	}
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

void out_put_bytes(struct out *o, const char *bytes, size_t len)
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

void out_put_blanks(struct out *o, size_t n)
{
	if (n > MAX_RESERVE)
		n = MAX_RESERVE;
	memset(out_reserve(o, n), ' ', n);
	o->at += n;
}

/* ---- Numbers ---- */

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
		if ((s[0] == 0xe0 && s[1] < 0xa0) ||
		    (s[0] == 0xed && s[1] > 0x9f)) /* overlong; surrogates */
			return 0;
		return 3;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		if (n < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 ||
		    (s[3] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

void out_json_string(struct out *o, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0;

	out_put_char(o, '"');
	while (i < len) {
		size_t run = i, step;
		char escape = 0;

		while (run < len && s[run] >= 0x20 && s[run] != '"' && s[run] != '\\' &&
		       s[run] != 0x7f && (step = utf8_sequence(s + run, len - run)))
			run += step;
		if (run > i) {
			out_put_bytes(o, text + i, run - i);
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
	out_put_char(o, '"');
}

bool out_json_key(struct out *o, const char *key)
{
	bool array = o->depth && o->closer[o->depth - 1] == ']';

	if (!array && !key)
		return false;
	if (o->depth) {
		if (o->any[o->depth - 1])
			out_put_char(o, ',');
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

void out_json_open(struct out *o, const char *key, char opener, char closer)
{
	if (o->depth == OUT_MAX_DEPTH) {
		fputs("mmscope: output nested too deeply\n", stderr);
		abort();
	}
	if (!out_json_key(o, key) && o->depth)
		out_json_key(o, "value"); /* an object in an object needs some key */
	out_put_char(o, opener);
	o->any[o->depth] = false;
	o->closer[o->depth++] = closer;
}

void out_open_one(struct out *o, const char *key, char opener, char closer)
{
	if (out_json(o))
		out_json_open(o, key, opener, closer);
	else if (o->depth < OUT_MAX_DEPTH)
		o->closer[o->depth++] = closer;
}

void out_close_one(struct out *o)
{
	if (!o->depth)
		return;
	o->depth--;
	if (out_json(o))
		out_put_char(o, o->closer[o->depth]);
}

void out_json_dec(struct out *o, uint64_t value)
{
	o->at = put_dec(out_reserve(o, 24), value);
}

void out_json_sdec(struct out *o, int64_t value)
{
	if (value < 0)
		out_put_char(o, '-');
	out_json_dec(o, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void out_json_hex(struct out *o, uint64_t value)
{
	char *p = out_reserve(o, 24);

	memcpy(p, "\"0x", 3);
	p = put_hex(p + 3, value, 1);
	*p++ = '"';
	o->at = p;
}

/* ---- Documents and nesting ---- */

void out_document_begin(struct out *o, const char *command)
{
	out_open_one(o, NULL, '{', '}');
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
		out_put_char(o, '\n');
}

void out_object_begin(struct out *o, const char *key)
{
	out_open_one(o, key, '{', '}');
}

void out_object_end(struct out *o)
{
	out_close_one(o);
}

void out_array_begin(struct out *o, const char *key)
{
	out_open_one(o, key, '[', ']');
}

void out_array_end(struct out *o)
{
	out_close_one(o);
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
		out_put_bytes(o, text, strlen(text));
}

void out_title(struct out *o, const char *text)
{
	if (o->colour)
		out_text(o, OUT_BOLD);
	out_text(o, text);
	if (o->colour)
		out_text(o, OUT_PLAIN);
}

/* ---- Facts ---- */

void out_dec(struct out *o, const char *key, const char *format, uint64_t value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value);
	} else if (out_json_key(o, key)) {
		out_json_dec(o, value);
	}
}

void out_sdec(struct out *o, const char *key, const char *format, int64_t value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value);
	} else if (out_json_key(o, key)) {
		out_json_sdec(o, value);
	}
}

void out_hex(struct out *o, const char *key, const char *format, uint64_t value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value);
	} else if (out_json_key(o, key)) {
		out_json_hex(o, value);
	}
}

void out_double(struct out *o, const char *key, const char *format, double value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value);
	} else if (out_json_key(o, key)) {
		put_format(o, isfinite(value) ? "%.15g" : "null", value);
	}
}

void out_str(struct out *o, const char *key, const char *format, const char *value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value ? value : "");
	} else if (out_json_key(o, key)) {
		if (value)
			out_json_string(o, value, strlen(value));
		else
			out_put_bytes(o, "null", 4);
	}
}

void out_bool(struct out *o, const char *key, const char *format, bool value)
{
	if (!out_json(o)) {
		if (format)
			put_format(o, format, value ? "yes" : "no");
	} else if (out_json_key(o, key)) {
		put_format(o, "%s", value ? "true" : "false");
	}
}
