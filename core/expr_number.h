/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * C's integer arithmetic for core/expr.c: literals, promotions, operators.
 */
#ifndef CORE_EXPR_NUMBER_H
#define CORE_EXPR_NUMBER_H

#include "core/kernel.h"

enum number_operator {
	NUMBER_OROR,
	NUMBER_ANDAND,
	NUMBER_OR,
	NUMBER_XOR,
	NUMBER_AND,
	NUMBER_EQ,
	NUMBER_NE,
	NUMBER_LE,
	NUMBER_GE,
	NUMBER_SHL,
	NUMBER_SHR,
	NUMBER_LT,
	NUMBER_GT,
	NUMBER_ARRAY,
	NUMBER_ADD,
	NUMBER_SUB,
	NUMBER_MUL,
	NUMBER_DIV,
	NUMBER_MOD
};

/* An integer literal with its suffixes; *type is the C type that it has. False for no number or one
 * of more than 64 bits. */
bool parse_integer(const char *text, unsigned pointer_size, uint64_t *out, const char **type,
		   size_t *used);
/* 'c' or '\n', '\0', '\x41' … with its quotes. */
bool parse_character(const char *text, unsigned char *out, size_t *used);

/* The type that C's integer promotion gives; NULL for no integer. Pointers count as unsigned long.
 */
const char *number_promoted(struct kernel *k, struct type t);
/* The number cut to a type's width and extended as the type says; bool becomes 0 or 1. ERR_USAGE
 * for no such type. */
struct error *number_fit(struct kernel *k, struct type t, int64_t number, int64_t *out) MUST_CHECK;
/* x op y by C's rules. With `dead`, division by 0 gives 0 instead of an error. */
struct error *number_binary(struct kernel *k, enum number_operator op, struct type left, int64_t x,
			    struct type right, int64_t y, bool dead, const char **type,
			    int64_t *result) MUST_CHECK;

#endif
