/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/btf.h"
#include "core/expr_number.h"
#include "core/typeprint.h"

/* ---- Literals ---- */

bool parse_integer(const char *text, unsigned pointer_size, uint64_t *out, const char **type,
		   size_t *used)
{
	bool hex = text[0] == '0', has_u = false;
	unsigned longs = 0;
	uint64_t long_max = pointer_size == 8 ? INT64_MAX : INT32_MAX;
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	if (errno || end == text)
		return false;
	for (; *end && strchr("uUlL", *end); end++) {
		if (tolower((unsigned char)*end) == 'u')
			has_u = true;
		else
			longs++;
	}
	if (isalnum((unsigned char)*end) || *end == '_' || *end == '.' || longs > 2)
		return false;
	*used = end - text;
	/* The first of C's list that holds it; decimals are not unsigned unless they say so, or
	 * nothing else does. */
	if (!longs && !has_u && *out <= INT32_MAX)
		*type = "int";
	else if (!longs && (has_u || hex) && *out <= UINT32_MAX)
		*type = "unsigned int";
	else if (longs < 2 && !has_u && *out <= long_max)
		*type = "long";
	else if (longs < 2 && (has_u || hex) && *out <= 2 * long_max + 1)
		*type = "unsigned long";
	else if (!has_u && *out <= INT64_MAX)
		*type = "long long";
	else
		*type = pointer_size == 8 ? "unsigned long" : "unsigned long long";
	return true;
}

bool parse_character(const char *text, unsigned char *out, size_t *used)
{
	static const char letters[] = "abtnvfr";
	const char *p = text + 1, *letter;
	char *end;

	if (*text != '\'' || !*p || *p == '\'')
		return false;
	if (*p != '\\') {
		*out = *p++;
	} else if (*++p >= '0' && *p <= '7') {
		unsigned value = 0;

		for (unsigned i = 0; i < 3 && *p >= '0' && *p <= '7'; i++)
			value = value * 8 + (*p++ - '0');
		*out = value;
	} else if (*p == 'x') {
		*out = strtoul(p + 1, &end, 16);
		p = end;
	} else if (*p && (letter = strchr(letters, *p))) {
		*out = 7 + (letter - letters);
		p++;
	} else if (*p) {
		*out = *p++;
	}
	if (*p != '\'')
		return false;
	*used = p + 1 - text;
	return true;
}

/* ---- Types ---- */

const char *number_promoted(struct kernel *k, struct type t)
{
	uint64_t size = type_size(k, t);
	bool is_signed = type_is_signed(t);

	switch (type_kind_of(type_strip(t))) {
	case BTF_KIND_PTR:
	case BTF_KIND_ARRAY:
	case BTF_KIND_FUNC_PROTO:
		return "unsigned long";
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		break;
	default:
		return NULL;
	}
	if (size < 4)
		return "int";
	if (size == 4)
		return is_signed ? "int" : "unsigned int";
	if (size != 8)
		return NULL;
	if (k->arch->pointer_size == 8)
		return is_signed ? "long" : "unsigned long";
	return is_signed ? "long long" : "unsigned long long";
}

struct error *number_fit(struct kernel *k, struct type t, int64_t number, int64_t *out)
{
	struct type bare = type_strip(t);
	const struct btf_type *r = type_record(bare);
	unsigned kind = r ? btf_kind(r) : BTF_KIND_UNKN;
	uint64_t size = type_size(k, t);
	unsigned shift;

	if ((kind != BTF_KIND_INT && kind != BTF_KIND_ENUM && kind != BTF_KIND_ENUM64 &&
	     kind != BTF_KIND_PTR) ||
	    !size || size > 8)
		return error_new(ERR_USAGE, "no integer or pointer of a usual size");
	if (kind == BTF_KIND_INT && btf_int_encoding(r) & BTF_INT_BOOL) {
		*out = number != 0;
		return NULL;
	}
	shift = 64 - 8 * size;
	if (type_is_signed(bare))
		*out = (int64_t)((uint64_t)number << shift) >> shift;
	else
		*out = (uint64_t)number << shift >> shift;
	return NULL;
}

/* ---- Operators ---- */

/* Bytes and signedness of a promoted type by its name. */
static unsigned width_of(struct kernel *k, const char *name)
{
	if (strstr(name, "long long"))
		return 8;
	return strstr(name, "long") ? k->arch->pointer_size : 4;
}

/* The usual arithmetic conversions between two promoted types. */
static const char *common(struct kernel *k, const char *a, const char *b)
{
	unsigned wa = width_of(k, a), wb = width_of(k, b);
	bool ua = *a == 'u', ub = *b == 'u';

	if (wa != wb)
		return wa > wb ? a : b;
	return ua == ub ? (strlen(a) >= strlen(b) ? a : b) : ua ? a : b;
}

static bool fits(__int128 value, unsigned width, bool is_unsigned)
{
	if (is_unsigned)
		return true; /* it wraps, by definition */
	return width == 4 ? value >= INT32_MIN && value <= INT32_MAX
			  : value >= INT64_MIN && value <= INT64_MAX;
}

static bool compare(enum number_operator op, __int128 x, __int128 y)
{
	switch (op) {
	case NUMBER_EQ:
		return x == y;
	case NUMBER_NE:
		return x != y;
	case NUMBER_LE:
		return x <= y;
	case NUMBER_GE:
		return x >= y;
	case NUMBER_LT:
		return x < y;
	case NUMBER_GT:
		return x > y;
	case NUMBER_OROR:
		return x || y;
	case NUMBER_ANDAND:
		return x && y;
	default:
		return false;
	}
}

static __int128 calculate(enum number_operator op, __int128 x, __int128 y)
{
	switch (op) {
	case NUMBER_ADD:
		return x + y;
	case NUMBER_SUB:
		return x - y;
	case NUMBER_MUL:
		return (__int128)((unsigned __int128)x * (unsigned __int128)y);
	case NUMBER_DIV:
		return x / y;
	case NUMBER_MOD:
		return x % y;
	case NUMBER_AND:
		return x & y;
	case NUMBER_OR:
		return x | y;
	case NUMBER_XOR:
		return x ^ y;
	case NUMBER_SHL:
		return (__int128)((unsigned __int128)x << y);
	case NUMBER_SHR:
		return x >> y;
	default:
		return 0;
	}
}

static struct error *shift_count(int64_t y)
{
	if (y < 0 || y > 63)
		return error_new(ERR_USAGE, "bad shift count: %ld", (long)y);
	return NULL;
}

struct error *number_binary(struct kernel *k, enum number_operator op, struct type left, int64_t x,
			    struct type right, int64_t y, bool dead, const char **type,
			    int64_t *result)
{
	const char *a = number_promoted(k, left), *b = number_promoted(k, right);
	bool shift = op == NUMBER_SHL || op == NUMBER_SHR, is_unsigned;
	unsigned width;
	__int128 wide_x, wide_y, r;

	if (!a || !b)
		return error_new(ERR_USAGE, "no number");
	*type = shift ? a : common(k, a, b);
	is_unsigned = **type == 'u';
	width = width_of(k, *type);
	wide_x = is_unsigned ? (__int128)(width == 4 ? (uint32_t)x : (uint64_t)x) : x;
	wide_y = shift ? y : is_unsigned ? (__int128)(width == 4 ? (uint32_t)y : (uint64_t)y) : y;
	if ((op >= NUMBER_EQ && op <= NUMBER_GE) || op == NUMBER_LT || op == NUMBER_GT ||
	    op == NUMBER_OROR || op == NUMBER_ANDAND) {
		*type = "int";
		*result = compare(op, wide_x, wide_y);
		return NULL;
	}
	if (shift && !dead)
		TRY(shift_count(y));
	if ((op == NUMBER_DIV || op == NUMBER_MOD) && !wide_y) {
		*result = 0;
		return dead ? NULL : error_new(ERR_USAGE, "division by zero");
	}
	r = shift && (y < 0 || y > 63) ? 0 : calculate(op, wide_x, wide_y);
	if (!fits(r, width, is_unsigned))
		*type = k->arch->pointer_size == 8 ? "long" : "long long";
	else if (is_unsigned && width == 4)
		r = (uint32_t)r;
	*result = (int64_t)r;
	return NULL;
}
