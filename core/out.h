/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sink of all output: a command says each fact once, and the sink writes it as text in crash's
 * layout or as JSON.
 *
 * Every run of a command is one JSON document, one object on one line: the dispatcher opens it with
 * {"command":"NAME" and closes it. Inside, a command gives facts (out_dec() …), nested objects and
 * arrays, and tables. Nothing is held back: rows stream.
 *
 *   text only:   out_printf()                      headings, blanks, decoration; JSON leaves it out
 *   a fact:      out_dec(), out_hex(), out_str()…  a JSON key with its value, and a printf format
 * for the text a table:     out_table() once, then per row one out_cell_…() per column in order and
 * out_row_end()
 *
 * JSON: addresses and other words that people read in hexadecimal are strings "0x…", counts are
 * numbers, text is a string (bytes that are no UTF-8 become \u00XX). Keys are snake_case.
 */
#ifndef CORE_OUT_H
#define CORE_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/digits.h"

enum out_mode { OUT_TEXT, OUT_JSON };

#define OUT_MAX_DEPTH  32
#define OUT_MAX_TABLES 4

struct column {
	const char *key;   /* JSON key; NULL: text only */
	const char *title; /* heading in the text; may be NULL when the table prints none */
	short width;	   /* least width of the text, in characters */
	char align; /* '<' left, '>' right, '^' centred heading over a left-aligned value … 0 means
		       '<' */
	char gap;   /* blanks before the column; the first column's own too */
};

/* A table that an inner one stands in. */
struct out_table_state {
	const struct column *columns;
	unsigned column_count, column;
	unsigned depth; /* of nesting outside the inner table */
	bool in_row;
};

struct out {
	char *at, *end; /* the free part of the buffer */
	char *buffer;
	enum out_mode mode;
	bool colour; /* headings stand out, by escape sequences of a terminal */
	int fd;	     /* where the bytes go; -1: memory (out_memory()) */
	bool failed; /* a write failed (EPIPE, ENOSPC): everything after is dropped, and the
			interrupt flag is raised unless steadfast */
	int error;   /* errno of the failed write */
	void (*before_write)(void); /* called before the next bytes are written, then forgotten; or NULL */
	bool steadfast; /* what is done must be done whole, whoever reads of it (an act): a failed
			   write does not raise the interrupt flag */
	bool stopped;	/* a failed write has raised it */
	/* JSON nesting */
	unsigned depth;
	bool any[OUT_MAX_DEPTH];
	char closer[OUT_MAX_DEPTH];
	/* the current table */
	const struct column *columns;
	unsigned column_count, column;
	bool in_row, on_line; /* on_line: the text's line has cells and no end yet */
	unsigned pad;	      /* blanks owed before the next cell's text */
	struct out_table_state tables[OUT_MAX_TABLES];
	unsigned table_depth;
};

struct out *out_new(int fd, enum out_mode mode);
/* A sink into memory; out_take() gives the bytes (owned by the caller, NUL-terminated) and empties
 * it. */
struct out *out_memory(enum out_mode mode);
char *out_take(struct out *o, size_t *len);
void out_flush(struct out *o);
void out_free(struct out *o); /* flushes */

static inline bool out_json(const struct out *o)
{
	return o->mode == OUT_JSON;
}

/* ---- A document ---- */

void out_document_begin(struct out *o, const char *command);
/* Closes whatever is still open; `error` (may be NULL) becomes the key "error". Text: nothing. */
void out_document_end(struct out *o, const char *error);

/* ---- Text only ---- */

void out_printf(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
void out_text(struct out *o, const char *text);
/* A heading, which stands out where the sink has colour. */
void out_title(struct out *o, const char *text);

/* ---- Facts. `format` is a printf format with the one conversion given; NULL prints nothing in the
 * text ---- */

void out_dec(struct out *o, const char *key, const char *format,
	     uint64_t value); /* %llu-like: PRIu64, or %lu */
void out_sdec(struct out *o, const char *key, const char *format, int64_t value); /* %ld */
void out_hex(struct out *o, const char *key, const char *format,
	     uint64_t value); /* %lx; JSON "0x…" */
void out_double(struct out *o, const char *key, const char *format, double value); /* %f */
void out_str(struct out *o, const char *key, const char *format,
	     const char *value); /* %s; NULL is JSON null, text "" */
void out_bool(struct out *o, const char *key, const char *format,
	      bool value); /* %s with "yes"/"no" */

/* ---- Nesting (JSON only; no text). key is NULL inside an array ---- */

void out_object_begin(struct out *o, const char *key);
void out_object_end(struct out *o);
void out_array_begin(struct out *o, const char *key);
void out_array_end(struct out *o);
/*
 * Closes objects, arrays and tables down to a depth that was o->depth before: for one who runs
 * commands inside a document and must go on after one that failed half-way (foreach).
 */
void out_close(struct out *o, unsigned depth);

/* ---- Tables ---- */

/*
 * Starts a table: the JSON array `key`; in text the heading line when `heading`. `columns` must
 * outlive the table. A row may hold facts, objects and, up to OUT_MAX_TABLES deep, tables: in JSON
 * they become members of the row's object; in text a table inside a row begins after the row's
 * line.
 */
void out_table(struct out *o, const char *key, const struct column *columns, size_t count,
	       bool heading);
void out_table_end(struct out *o);
/* Only the heading line again (text). */
void out_heading(struct out *o, const struct column *columns, size_t count);

/* One cell each, in column order. */
void out_cell_hex(struct out *o, uint64_t value); /* no leading zeroes */
void out_cell_hex_pad(struct out *o, uint64_t value, unsigned digits);
void out_cell_dec(struct out *o, uint64_t value);
void out_cell_sdec(struct out *o, int64_t value);
void out_cell_str(struct out *o, const char *value);
void out_cell_strn(struct out *o, const char *value, size_t len);
void out_cell_printf(struct out *o, const char *format, ...)
	__attribute__((format(printf, 2, 3))); /* a string in JSON */
/* Different in text and JSON: text is shown, the JSON gets the number. */
void out_cell_dec_as(struct out *o, uint64_t value, const char *text);
void out_cell_none(struct out *o, const char *text); /* JSON null, text as given ("-", "") */
void out_cell_hex_as(struct out *o, uint64_t value, const char *text);
/* Ends the row's line in the text, while in JSON its object stays open for what belongs to it (vm
 * -p's pages in a VMA). */
void out_row_break(struct out *o);
/* Ends the row: the rest of its line, and its object. */
void out_row_end(struct out *o);

/* ---- For rows by the million: text written straight into the buffer ---- */

/* At least n (≤ 64 KiB) free bytes at o->at; the caller writes there and moves o->at on. */
char *out_reserve_slow(struct out *o, size_t n);
static inline char *out_reserve(struct out *o, size_t n)
{
	return __builtin_expect((size_t)(o->end - o->at) >= n, 1) ? o->at : out_reserve_slow(o, n);
}

/* In decimal. At most 20 bytes. */
char *put_dec(char *p, uint64_t value);

#endif
