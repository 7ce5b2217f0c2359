/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A recursive-descent evaluator of C expressions. Values are read only when a number is asked for,
 * so that &x->y, sizeof and the branches not taken touch no memory that they need not.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/btf.h"
#include "core/expr.h"
#include "core/expr_number.h"
#include "core/globals.h"
#include "core/types_name.h"

#define MAX_NESTING 64
#define MAX_VALUE   (64u << 20) /* bytes of one value that are read */

struct parser {
	const struct expr_context *c;
	struct kernel *k;
	const char *text, *p;
	unsigned depth;
	unsigned dead;	  /* within sizeof or a branch not taken: memory reads as 0 */
	unsigned ternary; /* within a ? b :, where "name:1" names no CPU */
};

/* ---- Values ---- */

static struct error *read_memory(const struct expr_context *c, uint64_t addr, void *buffer,
				 size_t len)
{
	return c->read ? c->read(c->read_context, addr, buffer, len)
		       : kernel_read(c->k, addr, buffer, len);
}

static struct error *unknown_type(const struct value *v)
{
	return error_new(ERR_NO_TYPE, "the type of %s is not known: cast it, as in *(TYPE *)&%s",
			 v->symbol, v->symbol);
}

static struct error *readable(const struct value *v)
{
	if (v->typeless)
		return unknown_type(v);
	if (v->percpu)
		return error_new(ERR_USAGE, "%s is a per-CPU variable: name a CPU, as in %s:0",
				 v->symbol, v->symbol);
	return NULL;
}

struct error *value_load(const struct expr_context *c, const struct value *v, void **buffer,
			 struct value_bytes *out)
{
	uint64_t size = type_size(c->k, v->type);

	*buffer = NULL;
	*out = (struct value_bytes){.type = v->type,
				    .addr = v->addr,
				    .bit_offset = v->bit_offset,
				    .bit_size = v->bit_size};
	TRY(readable(v));
	if (v->bit_size)
		size = (v->bit_offset + v->bit_size + 7) / 8;
	if (size > MAX_VALUE)
		return error_new(ERR_USAGE, "too large to be shown: %" PRIu64 " bytes", size);
	*buffer = calloc(1, size > 16 ? size : 16);
	if (!*buffer)
		return error_new(ERR_NO_MEMORY, "out of memory");
	out->bytes = *buffer;
	out->len = size;
	if (!v->in_memory)
		memcpy(*buffer, &v->number, size < 8 ? size : 8);
	else if (size)
		return read_memory(c, v->addr, *buffer, size);
	return NULL;
}

static bool is_kind(struct type t, unsigned kind)
{
	return type_kind_of(type_strip(t)) == kind;
}

struct error *value_number(const struct expr_context *c, const struct value *v, int64_t *out)
{
	unsigned kind = type_kind_of(type_strip(v->type));
	struct value_bytes bytes;
	void *buffer = NULL;
	struct error *e;

	if (!v->in_memory) {
		*out = v->number;
		return NULL;
	}
	if (v->typeless)
		return unknown_type(v);
	if (kind == BTF_KIND_ARRAY || kind == BTF_KIND_FUNC_PROTO) {
		*out = v->addr;
		return NULL;
	}
	if (type_kind_is_aggregate(kind))
		return error_new(ERR_USAGE, "a struct is no number");
	e = value_load(c, v, &buffer, &bytes);
	if (!e && !value_integer(c->k, &bytes, out))
		e = error_new(ERR_USAGE, "no number of a usual size");
	free(buffer);
	return e;
}

/* ---- The text ---- */

static struct error *syntax(struct parser *s)
{
	if (!*s->p)
		return error_new(ERR_USAGE, "the expression ends too early: %s", s->text);
	return error_new(ERR_USAGE, "not understood at \"%.20s\": %s", s->p, s->text);
}

static void blanks(struct parser *s)
{
	while (isspace((unsigned char)*s->p))
		s->p++;
}

/* Takes the operator when it comes next, and no longer one begins there. */
static bool take(struct parser *s, const char *operator)
{
	size_t len = strlen(operator);

	blanks(s);
	if (strncmp(s->p, operator, len))
		return false;
	if (len == 1 && strchr("<>&|=", *operator) &&
	    (s->p[1] == *operator||(s->p[1] == '=' && *operator!= '&' && * operator!= '|')))
		return false;
	if (len == 1 && *operator== '-' && s->p[1] == '>')
		return false;
	if (len == 1 && *operator== '!' && s->p[1] == '=')
		return false;
	s->p += len;
	return true;
}

static size_t identifier_length(const char *p)
{
	size_t len = 0;

	if (isdigit((unsigned char)*p))
		return 0;
	while (isalnum((unsigned char)p[len]) || p[len] == '_')
		len++;
	return len;
}

static struct error *identifier(struct parser *s, char *buf, size_t size)
{
	size_t len;

	blanks(s);
	len = identifier_length(s->p);
	if (!len || len >= size)
		return syntax(s);
	memcpy(buf, s->p, len);
	buf[len] = '\0';
	s->p += len;
	return NULL;
}

static struct error *number_of(struct parser *s, const struct value *v, int64_t *out)
{
	*out = 0;
	if (!s->dead)
		return value_number(s->c, v, out);
	if (!v->in_memory)
		*out = v->number;
	return NULL;
}

static struct error *make_number(struct parser *s, const char *type, int64_t number,
				 struct value *out)
{
	*out = (struct value){.type = type_integer(s->k, type), .number = number};
	return type_valid(out->type) ? NULL : error_new(ERR_UNSUPPORTED, "this image has no types");
}

static struct error *parse_conditional(struct parser *s, struct value *out);
static struct error *parse_unary(struct parser *s, struct value *out);

/* ---- Members, elements, targets ---- */

static struct error *dereference(struct parser *s, struct value *v)
{
	struct type t = type_strip(v->type), target;
	int64_t addr;

	TRY(readable(v));
	if (type_kind_of(t) == BTF_KIND_FUNC_PROTO)
		return NULL;
	if (type_kind_of(t) == BTF_KIND_PTR)
		target = type_target(t);
	else if (type_kind_of(t) == BTF_KIND_ARRAY)
		target = type_make(t.btf, btf_array(type_record(t))->type);
	else
		return error_new(ERR_USAGE, "no pointer: %s", s->text);
	TRY(number_of(s, v, &addr));
	if (type_kind_of(type_strip(target)) == BTF_KIND_UNKN)
		return error_new(ERR_USAGE, "a void * leads to no value: cast it");
	*v = (struct value){.type = target, .in_memory = true, .addr = addr};
	return NULL;
}

static struct error *member(struct parser *s, struct value *v)
{
	struct type_member m;
	char name[128];

	TRY(identifier(s, name, sizeof(name)));
	/* As gdb has it, a.b and a->b both do for pointers and structs. */
	if (is_kind(v->type, BTF_KIND_PTR))
		TRY(dereference(s, v));
	TRY(v->typeless ? unknown_type(v) : NULL);
	if (!type_kind_is_aggregate(type_kind_of(type_strip(v->type)))) {
		char text[256];

		type_format(s->k, v->type, text, sizeof(text));
		if (is_kind(v->type, BTF_KIND_FWD))
			return error_new(ERR_NO_TYPE, "this image has no definition of %s", text);
		return error_new(ERR_NO_MEMBER, "no member %s: %s is no struct or union", name,
				 text);
	}
	TRY(type_member_find(s->k, v->type, name, &m));
	v->type = m.type;
	v->addr += m.offset;
	v->bit_offset = m.bit_offset;
	v->bit_size = m.bit_size;
	return NULL;
}

static struct error *element(struct parser *s, struct value *v)
{
	struct value index;
	struct type t;
	uint64_t size;
	int64_t i;

	TRY(parse_conditional(s, &index));
	if (!take(s, "]"))
		return syntax(s);
	TRY(number_of(s, &index, &i));
	t = type_strip(v->type);
	if (type_kind_of(t) == BTF_KIND_ARRAY && v->in_memory) {
		bool percpu = v->percpu;
		char symbol[sizeof(v->symbol)];

		memcpy(symbol, v->symbol, sizeof(symbol));
		t = type_make(t.btf, btf_array(type_record(t))->type);
		*v = (struct value){
			.type = t, .in_memory = true, .percpu = percpu, .addr = v->addr};
		memcpy(v->symbol, symbol, sizeof(symbol));
	} else {
		TRY(dereference(s, v));
	}
	size = type_size(s->k, v->type);
	if (!size)
		return error_new(ERR_USAGE, "elements of no size have no place");
	v->addr += (uint64_t)i * size;
	return NULL;
}

static struct error *address_of(struct parser *s, struct value *v)
{
	struct type pointer;

	if (!v->in_memory || v->bit_size)
		return error_new(ERR_USAGE, "has no address: %s", s->text);
	pointer = type_pointer_to(s->k,
				  v->typeless ? (struct type){s->k->types->base.btf, 0} : v->type);
	if (!type_valid(pointer))
		return error_new(ERR_NO_MEMORY, "out of memory for types");
	*v = (struct value){.type = pointer, .number = v->addr};
	return NULL;
}

/* ---- Names ---- */

/* "name:3" of a per-CPU variable. */
static struct error *name_cpu(struct parser *s, struct value *v)
{
	unsigned long cpu;
	char *end;

	if (!v->percpu || s->ternary || *s->p != ':' || !isdigit((unsigned char)s->p[1]))
		return NULL;
	errno = 0;
	cpu = strtoul(s->p + 1, &end, 10);
	if (errno || cpu >= s->k->cpus)
		return error_new(ERR_USAGE, "invalid cpu specification: %.*s",
				 (int)(end - s->p - 1), s->p + 1);
	s->p = end;
	v->addr = percpu_addr(s->k, v->addr, cpu);
	v->percpu = false;
	return NULL;
}

static struct error *name(struct parser *s, struct value *out)
{
	struct symbol symbol;
	struct type type;
	char text[128];
	int64_t value;

	TRY(identifier(s, text, sizeof(text)));
	if (s->k->symbols && symbol_find(s->k, text, &symbol)) {
		*out = (struct value){.in_memory = true, .addr = symbol.addr};
		snprintf(out->symbol, sizeof(out->symbol), "%s", text);
		if (strchr("tTwW", symbol.type) && type_of_function(s->k, text, &type)) {
			out->type = type;
			return NULL;
		}
		out->percpu = symbol_is_percpu(s->k, symbol.addr);
		out->typeless = !global_type(s->k, text, &out->type);
		return name_cpu(s, out);
	}
	if (enumerator_find_typed(s->k, text, &value, &type)) {
		*out = (struct value){.type = type, .number = value};
		return NULL;
	}
	if (!strcmp(text, "true") || !strcmp(text, "false"))
		return make_number(s, "bool", *text == 't', out);
	return error_new(ERR_NO_SYMBOL, "no such symbol: %s", text);
}

/* ---- Types within expressions ---- */

/*
 * Does a type follow? A keyword says so; so does a word that is neither symbol nor enumerator and
 * names a type: a tag is then taken without its keyword.
 */
static bool type_follows(struct parser *s)
{
	static const char *const keywords[] = {
		"struct", "union", "enum",  "unsigned", "signed", "long",  "short",   "int",
		"char",	  "void",  "const", "volatile", "bool",	  "_Bool", "__int128"};
	struct symbol symbol;
	char word[128];
	size_t len;
	int64_t value;

	blanks(s);
	len = identifier_length(s->p);
	if (!len || len >= sizeof(word))
		return false;
	memcpy(word, s->p, len);
	word[len] = '\0';
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (!strcmp(word, keywords[i]))
			return true;
	if (type_valid(type_find_base(s->k, TYPE_TYPEDEF, word)))
		return true;
	if ((s->k->symbols && symbol_find(s->k, word, &symbol)) ||
	    enumerator_find(s->k, word, &value) || !strcmp(word, "true") || !strcmp(word, "false"))
		return false;
	return type_valid(type_find(s->k, TYPE_ANY, word));
}

static struct error *parse_type(struct parser *s, struct type *out)
{
	return type_parse_prefix(s->k, &s->p, true, out);
}

static struct error *cast(struct parser *s, struct type to, struct value *v)
{
	unsigned kind = type_kind_of(type_strip(to));
	char symbol[sizeof(v->symbol)];
	int64_t number;

	if (kind == BTF_KIND_UNKN)
		return error_new(ERR_USAGE, "a cast to void has no value");
	if (v->typeless && v->in_memory) {
		memcpy(symbol, v->symbol, sizeof(symbol));
		*v = (struct value){
			.type = to, .in_memory = true, .percpu = v->percpu, .addr = v->addr};
		memcpy(v->symbol, symbol, sizeof(symbol));
		return NULL;
	}
	if (type_kind_is_aggregate(kind) || kind == BTF_KIND_ARRAY) {
		if (v->in_memory && !v->bit_size &&
		    type_size(s->k, to) == type_size(s->k, v->type)) {
			v->type = to;
			return NULL;
		}
		return error_new(ERR_USAGE, "no cast to a struct or array of another size: cast "
					    "the address, *(TYPE *)&x");
	}
	if (kind == BTF_KIND_FWD || kind == BTF_KIND_FUNC_PROTO)
		return error_new(ERR_USAGE, "no cast to such a type");
	if (!s->dead && v->percpu && is_kind(v->type, BTF_KIND_ARRAY))
		TRY(readable(v));
	TRY(number_of(s, v, &number));
	*v = (struct value){.type = to};
	return number_fit(s->k, to, number, &v->number);
}

/* "(type)" as a cast or in sizeof; otherwise *found is false and nothing is taken. */
static struct error *parenthesised_type(struct parser *s, struct type *out, bool *found)
{
	const char *start = s->p;

	*found = false;
	if (!take(s, "("))
		return NULL;
	if (!type_follows(s)) {
		s->p = start;
		return NULL;
	}
	TRY(parse_type(s, out));
	if (!take(s, ")"))
		return syntax(s);
	*found = true;
	return NULL;
}

static struct error *parse_sizeof(struct parser *s, struct value *out)
{
	struct type t;
	uint64_t size;
	bool found;

	TRY(parenthesised_type(s, &t, &found));
	if (!found) {
		struct value v;
		struct error *e;

		s->dead++;
		e = parse_unary(s, &v);
		s->dead--;
		if (e)
			return e;
		if (v.typeless)
			return unknown_type(&v);
		t = v.type;
	}
	size = type_size(s->k, t);
	if (!size && is_kind(t, BTF_KIND_FWD))
		return error_new(ERR_NO_TYPE, "this image has no definition of that type");
	return make_number(s, "unsigned long", size, out);
}

/* ---- Grammar ---- */

static struct error *character(struct parser *s, struct value *out)
{
	unsigned char c;
	size_t used;

	if (!parse_character(s->p, &c, &used))
		return syntax(s);
	s->p += used;
	return make_number(s, "char", (signed char)c, out);
}

static struct error *parse_primary(struct parser *s, struct value *out)
{
	const char *type;
	uint64_t number;
	size_t used;

	blanks(s);
	if (*s->p == '(') {
		s->p++;
		TRY(parse_conditional(s, out));
		out->symbol[0] = out->typeless || out->percpu ? out->symbol[0] : '\0';
		return take(s, ")") ? NULL : syntax(s);
	}
	if (*s->p == '\'')
		return character(s, out);
	if (isdigit((unsigned char)*s->p)) {
		if (!parse_integer(s->p, s->k->arch->pointer_size, &number, &type, &used))
			return error_new(ERR_USAGE, "not a number: %.30s", s->p);
		s->p += used;
		return make_number(s, type, number, out);
	}
	return name(s, out);
}

static struct error *parse_postfix(struct parser *s, struct value *out)
{
	TRY(parse_primary(s, out));
	for (;;) {
		blanks(s);
		if (take(s, "["))
			TRY(element(s, out));
		else if (take(s, "->") || take(s, "."))
			TRY(member(s, out));
		else
			return NULL;
		if (!out->percpu)
			out->symbol[0] = '\0';
	}
}

static struct error *unary_operator(struct parser *s, char operator, struct value * out)
{
	const char *type;
	int64_t number;

	TRY(parse_unary(s, out));
	if (operator== '*') {
		TRY(dereference(s, out));
		out->symbol[0] = '\0';
		return NULL;
	}
	if (operator== '&')
		return address_of(s, out);
	TRY(number_of(s, out, &number));
	if (operator== '!')
		return make_number(s, "int", !number, out);
	type = number_promoted(s->k, out->type);
	if (!type)
		return error_new(ERR_USAGE, "no integer: %s", s->text);
	TRY(make_number(s, type, 0, out));
	return number_fit(s->k, out->type,
				operator== '-' ? (int64_t) - (uint64_t)number :
				operator== '~' ? ~number
					       : number,
			  &out->number);
}

static struct error *parse_unary(struct parser *s, struct value *out)
{
	struct error *e = NULL;
	struct type t;
	bool found;

	if (++s->depth > MAX_NESTING)
		return error_new(ERR_USAGE, "the expression is nested too deeply");
	blanks(s);
	if (identifier_length(s->p) == 6 && !strncmp(s->p, "sizeof", 6)) {
		s->p += 6;
		e = parse_sizeof(s, out);
	} else if (*s->p && strchr("*&-+!~", *s->p)) {
		e = unary_operator(s, *s->p++, out);
	} else {
		e = parenthesised_type(s, &t, &found);
		if (!e && found) {
			e = parse_unary(s, out);
			if (!e)
				e = cast(s, t, out);
		} else if (!e) {
			e = parse_postfix(s, out);
		}
	}
	s->depth--;
	return e;
}

/* ---- Binary operators ---- */

static const struct operator
{
	const char *text;
	uint8_t precedence;
	enum number_operator operator;
}
operators[] = {
	{"||", 1, NUMBER_OROR}, {"&&", 2, NUMBER_ANDAND}, {"|", 3, NUMBER_OR},
	{"^", 4, NUMBER_XOR},	{"&", 5, NUMBER_AND},	  {"==", 6, NUMBER_EQ},
	{"!=", 6, NUMBER_NE},	{"<=", 7, NUMBER_LE},	  {">=", 7, NUMBER_GE},
	{"<<", 8, NUMBER_SHL},	{">>", 8, NUMBER_SHR},	  {"<", 7, NUMBER_LT},
	{">", 7, NUMBER_GT},	{"@", 9, NUMBER_ARRAY},	  {"+", 10, NUMBER_ADD},
	{"-", 10, NUMBER_SUB},	{"*", 11, NUMBER_MUL},	  {"/", 11, NUMBER_DIV},
	{"%", 11, NUMBER_MOD},
};

static struct error *make_array(struct parser *s, struct value *a, const struct value *b)
{
	struct type t;
	int64_t count;

	TRY(number_of(s, b, &count));
	if (!a->in_memory || a->bit_size || a->typeless)
		return error_new(ERR_USAGE, "only values in memory make an array with @");
	if (count < 1 || count > INT32_MAX)
		return error_new(ERR_USAGE, "bad number of elements: %" PRId64, count);
	t = type_array_of(s->k, a->type, count);
	if (!type_valid(t))
		return error_new(ERR_NO_MEMORY, "out of memory for types");
	a->type = t;
	return NULL;
}

/* The type that a pointer or array counts in; not valid for other values. */
static struct type pointed(const struct value *v)
{
	struct type t = type_strip(v->type);

	if (type_kind_of(t) == BTF_KIND_PTR)
		return type_target(t);
	if (type_kind_of(t) == BTF_KIND_ARRAY)
		return type_make(t.btf, btf_array(type_record(t))->type);
	return (struct type){0};
}

/* p + i, i + p, p - i, p - q. *done is false when no pointer takes part. */
static struct error *pointer_arithmetic(struct parser *s, enum number_operator op, struct value *a,
					const struct value *b, bool *done)
{
	struct type left = pointed(a), right = pointed(b), target = type_valid(left) ? left : right;
	uint64_t size;
	int64_t x, y;

	*done = type_valid(target) && (op == NUMBER_ADD || op == NUMBER_SUB);
	if (!*done)
		return NULL;
	if (op == NUMBER_ADD ? type_valid(left) && type_valid(right) : !type_valid(left))
		return error_new(ERR_USAGE, "pointers cannot be combined so: %s", s->text);
	TRY(number_of(s, a, &x));
	TRY(number_of(s, b, &y));
	size = type_size(s->k, target);
	if (!size)
		size = 1; /* void *, as gcc has it */
	if (type_valid(left) && type_valid(right))
		return make_number(s, "long", (int64_t)((uint64_t)x - (uint64_t)y) / (int64_t)size,
				   a);
	if (type_valid(left))
		x += (op == NUMBER_ADD ? 1 : -1) * (uint64_t)y * size;
	else
		x = y + (uint64_t)x * size;
	*a = (struct value){.type = type_pointer_to(s->k, target), .number = x};
	return type_valid(a->type) ? NULL : error_new(ERR_NO_MEMORY, "out of memory for types");
}

static struct error *binary(struct parser *s, enum number_operator op, struct value *a,
			    const struct value *b)
{
	const char *type;
	int64_t x, y, result;
	bool done;

	if (op == NUMBER_ARRAY)
		return make_array(s, a, b);
	TRY(pointer_arithmetic(s, op, a, b, &done));
	if (done)
		return NULL;
	TRY(number_of(s, a, &x));
	TRY(number_of(s, b, &y));
	TRY(number_binary(s->k, op, a->type, x, b->type, y, s->dead, &type, &result));
	return make_number(s, type, result, a);
}

static const struct operator* next_operator(struct parser *s, unsigned least)
{
	const char *start = s->p;

	for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
		if (!take(s, operators[i].text))
			continue;
		if (operators[i].precedence >= least)
			return &operators[i];
		s->p = start;
		return NULL;
	}
	return NULL;
}

static struct error *parse_binary(struct parser *s, unsigned least, struct value *out)
{
	const struct operator* op;

	TRY(parse_unary(s, out));
	while ((op = next_operator(s, least))) {
		bool lazy = op->operator== NUMBER_OROR || op->operator== NUMBER_ANDAND,
		     skip = false;
		struct value right;
		struct error *e;
		int64_t left;

		if (lazy) {
			TRY(number_of(s, out, &left));
			skip = (op->operator== NUMBER_OROR) == (left != 0);
		}
		if (++s->depth > MAX_NESTING)
			return error_new(ERR_USAGE, "the expression is nested too deeply");
		s->dead += skip;
		e = parse_binary(s, op->precedence + 1, &right);
		s->dead -= skip;
		s->depth--;
		if (e)
			return e;
		if (skip)
			TRY(make_number(s, "int", left != 0, out));
		else
			TRY(binary(s, op->operator, out, &right));
		out->symbol[0] = '\0';
	}
	return NULL;
}

static struct error *parse_conditional(struct parser *s, struct value *out)
{
	struct value yes, no;
	struct error *e;
	int64_t number;

	if (++s->depth > MAX_NESTING)
		return error_new(ERR_USAGE, "the expression is nested too deeply");
	TRY(parse_binary(s, 1, out));
	s->depth--;
	if (!take(s, "?"))
		return NULL;
	TRY(number_of(s, out, &number));
	s->dead += !number;
	s->ternary++;
	e = parse_conditional(s, &yes);
	s->ternary--;
	s->dead -= !number;
	if (e)
		return e;
	if (!take(s, ":"))
		return syntax(s);
	s->dead += !!number;
	e = parse_conditional(s, &no);
	s->dead -= !!number;
	*out = number ? yes : no;
	return e;
}

struct error *expr_evaluate_in(const struct expr_context *c, const char *text, struct value *out)
{
	struct parser s = {.c = c, .k = c->k, .text = text, .p = text};

	*out = (struct value){0};
	if (!c->k->types)
		return error_new(ERR_UNSUPPORTED, "this image has no types");
	TRY(parse_conditional(&s, out));
	blanks(&s);
	return *s.p ? syntax(&s) : NULL;
}

struct error *expr_evaluate(struct kernel *k, const char *text, struct value *out)
{
	struct expr_context c = {.k = k};

	return expr_evaluate_in(&c, text, out);
}
