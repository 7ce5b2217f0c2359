/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What core/out.c and core/out_table.c share; everybody else uses core/out.h. */
#ifndef CORE_OUT_PARTS_H
#define CORE_OUT_PARTS_H

#include "core/out.h"

/* ---- Bytes, whatever the mode ---- */

void out_put_bytes(struct out *o, const char *bytes, size_t len);
void out_put_blanks(struct out *o, size_t n);
static inline void out_put_char(struct out *o, char c)
{
	*out_reserve(o, 1) = c;
	o->at++;
}

/* ---- JSON ---- */

/* The comma and the key before a value. False when the value has no place: a fact without key in an
 * object. */
bool out_json_key(struct out *o, const char *key);
void out_json_open(struct out *o, const char *key, char opener, char closer);
void out_json_string(struct out *o, const char *text, size_t len);
void out_json_dec(struct out *o, uint64_t value);
void out_json_sdec(struct out *o, int64_t value);
void out_json_hex(struct out *o, uint64_t value);

/* ---- Nesting. Text keeps count of the depth too, so that out_close() means the same ---- */

void out_open_one(struct out *o, const char *key, char opener, char closer);
void out_close_one(struct out *o);

/* ECMA-48: select graphic rendition */
#define OUT_BOLD  "\033[1m"
#define OUT_PLAIN "\033[0m"

#endif
