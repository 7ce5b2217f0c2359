/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * "(expression)" where an address is asked for. As in crash a symbol stands for its address there:
 * (init_task + 16), (0x1000 * 4). What is more than numbers, symbols and operators is left to C's
 * meaning: ((long)init_task.mm + 8).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/args.h"
#include "core/expr.h"

#define MAX_DEPTH 100

struct parser {
	struct session *s;
	const char *at;
	unsigned depth;
};

/* Binary operators by how tightly they bind, as C has it. */
static const struct {
	char text[3];
	int level;
} operators[] = {
	{"<<", 4}, {">>", 4}, {"|", 1}, {"^", 2}, {"&", 3},
	{"+", 5},  {"-", 5},  {"*", 6}, {"/", 6}, {"%", 6},
};

static void skip_blanks(struct parser *p)
{
	p->at += strspn(p->at, " \t");
}

static struct error *bad_expression(const struct parser *p)
{
	return error_new(ERR_USAGE, "no number, symbol or operator: %s", *p->at ? p->at : "(end)");
}

/* "128m", "4k", "1g": none of the letters is a hexadecimal digit. */
static bool number_with_unit(const char *word, uint64_t *out)
{
	static const char units[] = "kmg";
	const size_t len = strlen(word);
	const char *unit = strchr(units, tolower((unsigned char)word[len - 1]));
	char number[32];

	if (len < 2 || len > sizeof(number) || !unit)
		return false;
	memcpy(number, word, len - 1);
	number[len - 1] = '\0';
	if (error_drop(parse_number(number, false, out)))
		return false;
	*out <<= 10 * (unit - units + 1);
	return true;
}

static struct error *binary(struct parser *p, int level, uint64_t *out) MUST_CHECK;

static struct error *operand(struct parser *p, uint64_t *out)
{
	char word[512];
	size_t len = 0;

	skip_blanks(p);
	switch (*p->at) {
	case '(':
		p->at++;
		TRY(binary(p, 1, out));
		skip_blanks(p);
		if (*p->at != ')')
			return bad_expression(p);
		p->at++;
		return NULL;
	case '~':
	case '-': {
		char sign = *p->at++;

		if (++p->depth > MAX_DEPTH)
			return error_new(ERR_USAGE, "expression nested too deeply");
		TRY(operand(p, out));
		p->depth--;
		*out = sign == '~' ? ~*out : -*out;
		return NULL;
	}
	}
	while (isalnum((unsigned char)p->at[len]) || (p->at[len] && strchr("_.:$@", p->at[len])))
		len++;
	if (!len || len >= sizeof(word))
		return bad_expression(p);
	memcpy(word, p->at, len);
	word[len] = '\0';
	if (!number_with_unit(word, out) && error_drop(parse_number(word, false, out)))
		TRY(parse_symbol_address(p->s, word, out));
	p->at += len;
	return NULL;
}

static struct error *apply(const char *operator, uint64_t a, uint64_t b, uint64_t *out)
{
	switch (*operator) {
	case '|':
		*out = a | b;
		break;
	case '^':
		*out = a ^ b;
		break;
	case '&':
		*out = a & b;
		break;
	case '+':
		*out = a + b;
		break;
	case '-':
		*out = a - b;
		break;
	case '*':
		*out = a * b;
		break;
	case '<':
		*out = b < 64 ? a << b : 0;
		break;
	case '>':
		*out = b < 64 ? a >> b : 0;
		break;
	default:
		if (!b)
			return error_new(ERR_USAGE, "division by zero");
		*out = *operator== '/' ? a / b : a % b;
	}
	return NULL;
}

static struct error *binary(struct parser *p, int level, uint64_t *out)
{
	const size_t count = sizeof(operators) / sizeof(*operators);
	uint64_t right;

	if (++p->depth > MAX_DEPTH)
		return error_new(ERR_USAGE, "expression nested too deeply");
	TRY(operand(p, out));
	for (;;) {
		size_t i = 0;

		skip_blanks(p);
		while (i < count && strncmp(p->at, operators[i].text, strlen(operators[i].text)))
			i++;
		if (i == count || operators[i].level < level)
			break;
		p->at += strlen(operators[i].text);
		TRY(binary(p, operators[i].level + 1, &right));
		TRY(apply(operators[i].text, *out, right, out));
	}
	p->depth--;
	return NULL;
}

struct error *parse_expression(struct session *s, const char *text, uint64_t *out)
{
	struct parser p = {.s = s, .at = text};
	struct error *e = binary(&p, 1, out), *as_c;
	struct expr_context context = {.k = s->kernel};
	struct value value;
	int64_t number;

	skip_blanks(&p);
	if (!e && *p.at)
		e = bad_expression(&p);
	if (!e || !s->kernel)
		return e;
	as_c = expr_evaluate(s->kernel, text, &value);
	if (!as_c)
		as_c = value_number(&context, &value, &number);
	if (as_c) {
		/* The error of what was more likely meant: a missing symbol rather than a cast. */
		bool symbol = e->code == ERR_NO_SYMBOL;

		error_free(symbol ? as_c : e);
		return symbol ? e : as_c;
	}
	error_free(e);
	*out = (uint64_t)number;
	return NULL;
}
