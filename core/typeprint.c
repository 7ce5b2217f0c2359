/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Values: bytes and a type to text as gdb prints it with crash's settings (print pretty on,
 * elements 256, repeats off), or to JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/btf.h"
#include "core/interrupt.h"
#include "core/typeprint.h"

#define DEFAULT_ELEMENTS 256
#define MAX_STRING	 4096 /* characters shown of what a char * leads to, at most */
/* Members and elements in one value: more than the largest struct of any kernel, a bound for
 * damaged BTF. */
#define VALUE_BUDGET 4000000

struct printer {
	struct out *o;
	struct kernel *k;
	const struct value_format *f;
	unsigned max_elements;
	unsigned budget;
};

/* ---- Integers ---- */

bool type_is_signed(struct type t)
{
	const struct btf_type *r;
	const char *name;
	int64_t value;

	t = type_strip(t);
	r = type_record(t);
	switch (r ? btf_kind(r) : BTF_KIND_UNKN) {
	case BTF_KIND_INT:
		return btf_int_encoding(r) & BTF_INT_SIGNED;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		if (btf_kflag(r))
			return true;
		for (size_t i = 0; enumerator_at(t, i, &name, &value); i++)
			if (value < 0)
				return true;
	}
	return false;
}

bool value_integer(struct kernel *k, const struct value_bytes *v, int64_t *out)
{
	struct type t = type_strip(v->type);
	unsigned kind = type_kind_of(t);
	uint64_t size = type_size(k, t), word = 0;
	unsigned bits;

	if (kind != BTF_KIND_INT && kind != BTF_KIND_ENUM && kind != BTF_KIND_ENUM64 &&
	    kind != BTF_KIND_PTR)
		return false;
	if (v->bit_size) {
		unsigned need = (v->bit_offset + v->bit_size + 7) / 8, low = need < 8 ? need : 8;

		if (need > v->len || need > 9)
			return false;
		memcpy(&word, v->bytes, low);
		word >>= v->bit_offset;
		if (need > 8 && v->bit_offset) /* a packed field of more than 57 bits may reach into
						  a ninth byte */
			word |= (uint64_t)v->bytes[8] << (64 - v->bit_offset);
		bits = v->bit_size;
	} else {
		if (size > v->len || size > 8 || !size)
			return false;
		memcpy(&word, v->bytes, size);
		bits = size * 8;
	}
	if (bits < 64) {
		word &= (1ull << bits) - 1;
		if (type_is_signed(t) && word >> (bits - 1))
			word |= ~0ull << bits;
	}
	*out = (int64_t)word;
	return true;
}

static char *format_128(unsigned __int128 value, char *end)
{
	*--end = '\0';
	do
		*--end = '0' + (unsigned)(value % 10);
	while (value /= 10);
	return end;
}

/* ---- Characters and strings, as gdb escapes them ---- */

/* At most 4 characters and the NUL. */
static void escape(char *to, unsigned char c, char quote)
{
	static const char letters[] = "abtnvfr"; /* 7 … 13 */

	if (c >= 7 && c <= 13)
		snprintf(to, 5, "\\%c", letters[c - 7]);
	else if (c < 32 || c >= 127)
		snprintf(to, 5, "\\%03o", c);
	else if (c == (unsigned char)quote || c == '\\')
		snprintf(to, 5, "\\%c", c);
	else
		snprintf(to, 5, "%c", c);
}

static void put_string(struct printer *p, const unsigned char *s, size_t len, bool more)
{
	char piece[8];

	out_text(p->o, "\"");
	for (size_t i = 0; i < len; i++) {
		escape(piece, s[i], '"');
		out_text(p->o, piece);
	}
	out_text(p->o, more ? "\"..." : "\"");
}

/* One-byte integers are text in C: char, u8 and theirs; bool is not. */
static bool is_text(struct kernel *k, struct type t)
{
	const struct btf_type *r;

	t = type_strip(t);
	r = type_record(t);
	return r && btf_is_int(r) && r->size == 1 && !(btf_int_encoding(r) & BTF_INT_BOOL);
}

/* ---- Pointers ---- */

/* Where symbols may stand: per-CPU symbols have small values, which no pointer means. */
static bool may_have_symbol(struct kernel *k, uint64_t addr)
{
	return k->symbols && addr &&
	       ((addr >= k->text_start && addr < k->text_end) || module_at(k, addr));
}

size_t value_format_pointer(struct kernel *k, uint64_t addr, char *buf, size_t size)
{
	struct symbol s;
	uint64_t offset;
	int n;

	if (!may_have_symbol(k, addr) || !symbol_at(k, addr, &s, &offset))
		n = snprintf(buf, size, "0x%" PRIx64, addr);
	else if (offset)
		n = snprintf(buf, size, "0x%" PRIx64 " <%s+%" PRIu64 ">", addr, s.name, offset);
	else
		n = snprintf(buf, size, "0x%" PRIx64 " <%s>", addr, s.name);
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* Reads the characters that a char * leads to. */
static bool read_string(struct kernel *k, uint64_t addr, char *buf, size_t size)
{
	return !error_drop(kernel_read_string(k, addr, buf, size));
}

static void print_pointer(struct printer *p, uint64_t addr, struct type target)
{
	char text[512], string[MAX_STRING + 2];
	bool characters = addr && is_text(p->k, target);

	value_format_pointer(p->k, addr, text, sizeof(text));
	/* What stands before a literal says nothing of it. */
	if (characters && strchr(text, '+'))
		text[strcspn(text, " ")] = '\0';
	out_text(p->o, text);
	if (!characters)
		return;
	out_text(p->o, " ");
	if (!read_string(p->k, addr, string, sizeof(string))) {
		out_printf(p->o, "<error: Cannot access memory at address 0x%" PRIx64 ">", addr);
	} else {
		size_t len = strlen(string),
		       most = p->max_elements < MAX_STRING ? p->max_elements : MAX_STRING;

		put_string(p, (unsigned char *)string, len > most ? most : len, len > most);
	}
}

/* ---- Text ---- */

static void newline(struct printer *p, unsigned blanks)
{
	out_printf(p->o, "\n%*s", (int)(p->f->indent + blanks), "");
}

static void print_at(struct printer *p, const struct value_bytes *v, unsigned depth);

static void print_struct(struct printer *p, const struct value_bytes *v, unsigned depth)
{
	struct type_member m;
	size_t i;

	if (!type_member_at(p->k, v->type, 0, &m)) {
		out_text(p->o, "{<No data fields>}");
		return;
	}
	out_text(p->o, "{");
	for (i = 0; type_member_at(p->k, v->type, i, &m) && !interrupted(); i++) {
		struct value_bytes member = {
			.type = m.type,
			.bytes = v->bytes + m.offset,
			.len = m.offset <= v->len ? v->len - m.offset : 0,
			.addr = v->addr + m.offset,
			.bit_offset = m.bit_offset,
			.bit_size = m.bit_size,
		};

		if (!p->budget)
			break;
		p->budget--;
		if (i)
			out_text(p->o, ",");
		newline(p, 2 + 2 * depth);
		if (*m.name)
			out_printf(p->o, "%s = ", m.name);
		print_at(p, &member, depth + 1);
	}
	newline(p, 2 * depth);
	out_text(p->o, "}");
}

/* The text in a char array: gdb leaves one closing NUL out when all of it is shown. */
static void print_char_array(struct printer *p, const struct value_bytes *v, size_t count)
{
	bool more = count > p->max_elements;
	size_t len = more ? p->max_elements : count;

	if (len > v->len)
		len = v->len;
	if (p->f->null_stop && memchr(v->bytes, 0, len)) {
		len = strnlen((const char *)v->bytes, len);
		more = false;
	}
	if (!more && len && !v->bytes[len - 1])
		len--;
	put_string(p, v->bytes, len, more);
}

static void print_array(struct printer *p, const struct value_bytes *v, struct type t,
			unsigned depth)
{
	const struct btf_array *a = btf_array(type_record(t));
	struct type element = type_make(t.btf, a->type);
	uint64_t size = type_size(p->k, element);
	uint32_t count = a->nelems;

	if (!count || !size) { /* of no stated length: its address stands for it */
		print_pointer(p, v->addr, element);
		return;
	}
	if (is_text(p->k, element)) {
		print_char_array(p, v, count);
		return;
	}
	out_text(p->o, "{");
	for (uint32_t i = 0; i < count && !interrupted(); i++) {
		struct value_bytes e = {
			.type = element,
			.bytes = v->bytes + i * size,
			.len = i * size <= v->len ? v->len - i * size : 0,
			.addr = v->addr + i * size,
		};

		if (i == p->max_elements || !p->budget) {
			out_text(p->o, "...");
			break;
		}
		p->budget--;
		if (i)
			out_text(p->o, p->f->array_lines ? "," : ", ");
		if (p->f->array_lines)
			newline(p, 2 + 2 * depth);
		print_at(p, &e, depth + 1);
	}
	if (p->f->array_lines)
		newline(p, 2 * depth);
	out_text(p->o, "}");
}

/* An enum whose enumerators are single bits is a set of flags; other values of it are shown as
 * such. */
static bool is_flag_enum(struct type t)
{
	const char *name;
	int64_t value;
	size_t i;

	for (i = 0; enumerator_at(t, i, &name, &value); i++)
		if (value < 0 || __builtin_popcountll(value) > 1)
			return false;
	return i != 0;
}

static void print_enum(struct printer *p, struct type t, int64_t value)
{
	const char *name = enumerator_name(p->k, t, value);
	uint64_t rest = value;
	const char *between = "(";
	int64_t bit;

	if (name) {
		out_text(p->o, name);
		return;
	}
	if (!is_flag_enum(t)) {
		out_printf(p->o, "%" PRId64, value);
		return;
	}
	if (!value) {
		out_text(p->o, "0");
		return;
	}
	for (size_t i = 0; enumerator_at(t, i, &name, &bit); i++) {
		if (bit && (rest & bit) == (uint64_t)bit) {
			out_printf(p->o, "%s%s", between, name);
			between = " | ";
			rest &= ~(uint64_t)bit;
		}
	}
	if (rest)
		out_printf(p->o, "%sunknown: 0x%" PRIx64, between, rest);
	out_text(p->o, ")");
}

static void print_int(struct printer *p, const struct value_bytes *v, struct type t, int64_t value)
{
	const struct btf_type *r = type_record(t);
	unsigned bits = v->bit_size ? v->bit_size : r->size * 8;
	uint64_t mask = bits >= 64 ? ~0ull : (1ull << bits) - 1;
	char piece[8];

	if (p->f->radix == 16) {
		out_printf(p->o, "0x%" PRIx64, (uint64_t)value & mask);
	} else if (btf_int_encoding(r) & BTF_INT_BOOL && (value == 0 || value == 1)) {
		out_text(p->o, value ? "true" : "false");
	} else {
		if (btf_int_encoding(r) & BTF_INT_SIGNED)
			out_printf(p->o, "%" PRId64, value);
		else
			out_printf(p->o, "%" PRIu64, (uint64_t)value);
		if (is_text(p->k, t)) {
			escape(piece, (unsigned char)value, '\'');
			out_printf(p->o, " '%s'", piece);
		}
	}
}

static void print_wide(struct printer *p, const struct value_bytes *v, bool is_signed)
{
	unsigned __int128 value;
	char digits[48], *end = digits + sizeof(digits);
	bool negative;

	memcpy(&value, v->bytes, 16);
	if (p->f->radix == 16) {
		if (value >> 64)
			out_printf(p->o, "0x%" PRIx64 "%016" PRIx64, (uint64_t)(value >> 64),
				   (uint64_t)value);
		else
			out_printf(p->o, "0x%" PRIx64, (uint64_t)value);
		return;
	}
	negative = is_signed && value >> 127;
	if (negative)
		value = -value;
	out_printf(p->o, "%s%s", negative ? "-" : "", format_128(value, end));
}

static double float_value(const struct value_bytes *v, uint32_t size)
{
	float f = 0;
	double d = 0;
	long double l = 0;

	if (size == 4)
		memcpy(&f, v->bytes, 4);
	else if (size == 8)
		memcpy(&d, v->bytes, 8);
	else if (size >= 10 && size <= sizeof(l))
		memcpy(&l, v->bytes, size);
	return size == 4 ? f : size == 8 ? d : (double)l;
}

static void print_at(struct printer *p, const struct value_bytes *v, unsigned depth)
{
	struct type t = type_strip(v->type);
	const struct btf_type *r = type_record(t);
	unsigned kind = r ? btf_kind(r) : BTF_KIND_UNKN;
	uint64_t size = type_size(p->k, t);
	int64_t value;
	char text[512];

	if (depth > TYPE_MAX_DEPTH) {
		out_text(p->o, "...");
		return;
	}
	if (!v->bit_size && size > v->len) {
		out_text(p->o, "<error: beyond the object's end>");
		return;
	}
	switch (kind) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		print_struct(p, v, depth);
		break;
	case BTF_KIND_ARRAY:
		print_array(p, v, t, depth);
		break;
	case BTF_KIND_PTR:
		if (value_integer(p->k, v, &value))
			print_pointer(p, value, type_target(t));
		break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		if (value_integer(p->k, v, &value))
			print_enum(p, t, value);
		break;
	case BTF_KIND_INT:
		if (value_integer(p->k, v, &value))
			print_int(p, v, t, value);
		else if (size == 16)
			print_wide(p, v, btf_int_encoding(r) & BTF_INT_SIGNED);
		else
			out_text(p->o, "<error: an integer of no usual size>");
		break;
	case BTF_KIND_FLOAT:
		out_printf(p->o, "%.9g", float_value(v, r->size));
		break;
	case BTF_KIND_FUNC_PROTO: {
		type_format(p->k, t, text, sizeof(text));
		out_printf(p->o, "{%s} ", text);
		value_format_pointer(p->k, v->addr, text, sizeof(text));
		out_text(p->o, text);
		break;
	}
	case BTF_KIND_FWD:
		out_text(p->o, "<incomplete type>");
		break;
	default:
		out_text(p->o, "void");
	}
}

static struct printer printer_make(struct out *o, struct kernel *k, const struct value_format *f)
{
	static const struct value_format plain = {.radix = 10};
	struct printer p = {o, k, f ? f : &plain, DEFAULT_ELEMENTS, VALUE_BUDGET};

	if (p.f->max_elements)
		p.max_elements = p.f->max_elements;
	return p;
}

void value_print(struct out *o, struct kernel *k, const struct value_bytes *v,
		 const struct value_format *f)
{
	struct printer p = printer_make(o, k, f);

	print_at(&p, v, 0);
}

bool value_is_braced_list(struct kernel *k, struct type t)
{
	const struct btf_type *r;
	struct type element;

	t = type_strip(t);
	r = type_record(t);
	if (r && btf_kind(r) == BTF_KIND_FUNC_PROTO)
		return true;
	if (!r || !btf_is_array(r) || !btf_array(r)->nelems)
		return false;
	element = type_make(t.btf, btf_array(r)->type);
	return type_size(k, element) && !is_text(k, element);
}

/* ---- JSON ---- */

static void json_at(struct printer *p, const char *key, const struct value_bytes *v);

static void json_members(struct printer *p, const struct value_bytes *v, unsigned depth)
{
	struct type_member m;

	for (size_t i = 0; depth < TYPE_MAX_DEPTH && p->budget &&
			   type_member_at(p->k, v->type, i, &m) && !interrupted();
	     i++) {
		struct value_bytes member = {
			.type = m.type,
			.bytes = v->bytes + m.offset,
			.len = m.offset <= v->len ? v->len - m.offset : 0,
			.addr = v->addr + m.offset,
			.bit_offset = m.bit_offset,
			.bit_size = m.bit_size,
		};

		p->budget--;
		if (*m.name)
			json_at(p, m.name, &member);
		else if (type_kind_is_aggregate(type_kind_of(type_strip(m.type))))
			json_members(p, &member, depth + 1);
	}
}

static void json_pointer(struct printer *p, const char *key, uint64_t addr, struct type target)
{
	char text[1024], string[DEFAULT_ELEMENTS + 1];
	size_t n = value_format_pointer(p->k, addr, text, 512);

	if (addr && is_text(p->k, target) && read_string(p->k, addr, string, sizeof(string)))
		snprintf(text + n, sizeof(text) - n, " \"%s\"", string);
	out_str(p->o, key, NULL, text);
}

static void json_array(struct printer *p, const char *key, const struct value_bytes *v,
		       struct type t)
{
	const struct btf_array *a = btf_array(type_record(t));
	struct type element = type_make(t.btf, a->type);
	uint64_t size = type_size(p->k, element);
	uint32_t count = a->nelems;

	if (!count || !size) {
		json_pointer(p, key, v->addr, (struct type){t.btf, 0});
		return;
	}
	if (is_text(p->k, element)) {
		char text[DEFAULT_ELEMENTS + 1];

		snprintf(text, sizeof(text), "%.*s",
			 (int)(count < DEFAULT_ELEMENTS ? count : DEFAULT_ELEMENTS),
			 (const char *)v->bytes);
		out_str(p->o, key, NULL, text);
		return;
	}
	out_array_begin(p->o, key);
	for (uint32_t i = 0; i < count && p->budget && !interrupted(); i++) {
		struct value_bytes e = {
			.type = element,
			.bytes = v->bytes + i * size,
			.len = i * size <= v->len ? v->len - i * size : 0,
			.addr = v->addr + i * size,
		};

		p->budget--;
		json_at(p, NULL, &e);
	}
	out_array_end(p->o);
}

static void json_at(struct printer *p, const char *key, const struct value_bytes *v)
{
	struct type t = type_strip(v->type);
	const struct btf_type *r = type_record(t);
	unsigned kind = r ? btf_kind(r) : BTF_KIND_UNKN;
	const char *name;
	int64_t value;
	char digits[48];

	if (p->o->depth + 2 >= OUT_MAX_DEPTH || (!v->bit_size && type_size(p->k, t) > v->len)) {
		out_str(p->o, key, NULL, NULL);
		return;
	}
	switch (kind) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		out_object_begin(p->o, key);
		json_members(p, v, 0);
		out_object_end(p->o);
		return;
	case BTF_KIND_ARRAY:
		json_array(p, key, v, t);
		return;
	case BTF_KIND_FUNC_PROTO:
		json_pointer(p, key, v->addr, (struct type){t.btf, 0});
		return;
	case BTF_KIND_FLOAT:
		out_double(p->o, key, NULL, float_value(v, r->size));
		return;
	}
	if (!value_integer(p->k, v, &value)) {
		if (kind == BTF_KIND_INT && type_size(p->k, t) == 16) {
			unsigned __int128 wide;

			memcpy(&wide, v->bytes, 16);
			out_str(p->o, key, NULL, format_128(wide, digits + sizeof(digits)));
		} else {
			out_str(p->o, key, NULL, NULL);
		}
		return;
	}
	if (kind == BTF_KIND_PTR)
		json_pointer(p, key, value, type_target(t));
	else if (kind != BTF_KIND_INT && (name = enumerator_name(p->k, t, value)))
		out_str(p->o, key, NULL, name);
	else if (kind == BTF_KIND_INT && btf_int_encoding(r) & BTF_INT_BOOL &&
		 (value == 0 || value == 1))
		out_bool(p->o, key, NULL, value);
	else if (type_is_signed(t))
		out_sdec(p->o, key, NULL, value);
	else
		out_dec(p->o, key, NULL, value);
}

void value_json(struct out *o, struct kernel *k, const char *key, const struct value_bytes *v)
{
	struct printer p = printer_make(o, k, NULL);

	json_at(&p, key, v);
}

void value_put(struct out *o, struct kernel *k, const char *key, const struct value_bytes *v,
	       const struct value_format *f)
{
	if (out_json(o))
		value_json(o, k, key, v);
	else
		value_print(o, k, v, f);
}
