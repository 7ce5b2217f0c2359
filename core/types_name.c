/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Types in C's words: a declaration made from a type, and a type found from what somebody typed.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/btf.h"
#include "core/types_name.h"

/* ---- Out ---- */

struct text {
	char *at, *end;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	if (t->end - t->at <= 1)
		return;
	va_start(ap, format);
	n = vsnprintf(t->at, t->end - t->at, format, ap);
	va_end(ap);
	if (n > 0)
		t->at += n < t->end - t->at ? n : t->end - t->at - 1;
}

void type_base_name(struct type t, char *buf, size_t size)
{
	const char *qualifiers[2] = {NULL, NULL}, *keyword = "", *name;
	unsigned count = 0;

	for (unsigned depth = 0; depth < TYPE_MAX_DEPTH && type_kind_is_modifier(type_kind_of(t));
	     depth++) {
		unsigned kind = type_kind_of(t);
		const char *word = kind == BTF_KIND_CONST      ? "const"
				   : kind == BTF_KIND_VOLATILE ? "volatile"
							       : NULL;

		if (word && count < 2 && !(count && qualifiers[0] == word))
			qualifiers[count++] = word;
		t = type_target(t);
	}
	if (count == 2 && *qualifiers[0] == 'v') { /* gdb's order */
		qualifiers[0] = "const";
		qualifiers[1] = "volatile";
	}
	name = type_name(t);
	switch (type_kind_of(t)) {
	case BTF_KIND_STRUCT:
		keyword = "struct ";
		break;
	case BTF_KIND_UNION:
		keyword = "union ";
		break;
	case BTF_KIND_FWD:
		keyword = btf_kflag(type_record(t)) ? "union " : "struct ";
		break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		keyword = "enum ";
		break;
	case BTF_KIND_INT:
		name = type_integer_spelling(name);
		break;
	case BTF_KIND_UNKN:
		name = "void";
		break;
	}
	snprintf(buf, size, "%s%s%s%s%s%s", count > 0 ? qualifiers[0] : "", count > 0 ? " " : "",
		 count > 1 ? qualifiers[1] : "", count > 1 ? " " : "", keyword,
		 *name ? name : "{...}");
}

struct type type_declaration_base(struct type t)
{
	for (unsigned depth = 0; depth < TYPE_MAX_DEPTH; depth++) {
		struct type bare = t;

		for (unsigned i = 0;
		     i < TYPE_MAX_DEPTH && type_kind_is_modifier(type_kind_of(bare)); i++)
			bare = type_target(bare);
		switch (type_kind_of(bare)) {
		case BTF_KIND_PTR:
		case BTF_KIND_FUNC_PROTO:
			t = type_target(bare);
			break;
		case BTF_KIND_ARRAY:
			t = type_make(bare.btf, btf_array(type_record(bare))->type);
			break;
		default:
			return t;
		}
	}
	return (struct type){t.btf, 0};
}

bool type_declares_function(struct type t)
{
	for (unsigned depth = 0; depth < TYPE_MAX_DEPTH; depth++) {
		for (unsigned i = 0; i < TYPE_MAX_DEPTH && type_kind_is_modifier(type_kind_of(t));
		     i++)
			t = type_target(t);
		if (type_kind_of(t) == BTF_KIND_PTR)
			t = type_target(t);
		else if (type_kind_of(t) == BTF_KIND_ARRAY)
			t = type_make(t.btf, btf_array(type_record(t))->type);
		else
			break;
	}
	return type_kind_of(t) == BTF_KIND_FUNC_PROTO;
}

/* "*", "(*", "* const " … before the name, from the innermost out. */
static void put_prefix(struct text *text, struct type t, bool inside_pointer, bool space_after,
		       unsigned depth)
{
	bool constant = false, is_volatile = false;

	if (depth > TYPE_MAX_DEPTH)
		return;
	for (unsigned i = 0; i < TYPE_MAX_DEPTH && type_kind_is_modifier(type_kind_of(t)); i++) {
		constant |= type_kind_of(t) == BTF_KIND_CONST;
		is_volatile |= type_kind_of(t) == BTF_KIND_VOLATILE;
		t = type_target(t);
	}
	switch (type_kind_of(t)) {
	case BTF_KIND_PTR:
		put_prefix(text, type_target(t), true, true, depth + 1);
		put(text, "*");
		if (constant || is_volatile)
			put(text, "%s%s%s", constant ? " const" : "",
			    is_volatile ? " volatile" : "", space_after ? " " : "");
		break;
	case BTF_KIND_FUNC_PROTO:
		put_prefix(text, type_target(t), false, false, depth + 1);
		if (inside_pointer)
			put(text, "(");
		break;
	case BTF_KIND_ARRAY:
		put_prefix(text, type_make(t.btf, btf_array(type_record(t))->type), false, false,
			   depth + 1);
		if (inside_pointer)
			put(text, "(");
		break;
	}
}

static void put_declaration(struct text *text, struct kernel *k, struct type t, const char *name,
			    unsigned depth);

static void put_suffix(struct text *text, struct kernel *k, struct type t, bool inside_pointer,
		       unsigned depth)
{
	const struct btf_type *r;

	if (depth > TYPE_MAX_DEPTH)
		return;
	for (unsigned i = 0; i < TYPE_MAX_DEPTH && type_kind_is_modifier(type_kind_of(t)); i++)
		t = type_target(t);
	r = type_record(t);
	switch (type_kind_of(t)) {
	case BTF_KIND_PTR:
		put_suffix(text, k, type_target(t), true, depth + 1);
		break;
	case BTF_KIND_ARRAY:
		put(text, "%s[", inside_pointer ? ")" : "");
		if (btf_array(r)->nelems)
			put(text, "%u", btf_array(r)->nelems);
		put(text, "]");
		put_suffix(text, k, type_make(t.btf, btf_array(r)->type), false, depth + 1);
		break;
	case BTF_KIND_FUNC_PROTO:
		put(text, "%s(", inside_pointer ? ")" : "");
		for (unsigned i = 0; i < btf_vlen(r); i++) {
			const struct btf_param *p = btf_params(r) + i;

			put(text, "%s", i ? ", " : "");
			if (!p->type && !p->name_off)
				put(text, "...");
			else
				put_declaration(text, k, type_make(t.btf, p->type), "", depth + 1);
		}
		put(text, "%s)", btf_vlen(r) ? "" : "void");
		put_suffix(text, k, type_target(t), false, depth + 1);
		break;
	}
}

void type_declarator(struct kernel *k, struct type t, const char *name, char *buf, size_t size)
{
	struct text text = {buf, buf + size};

	*buf = '\0';
	put_prefix(&text, t, false, *name, 0);
	put(&text, "%s", name);
	put_suffix(&text, k, t, false, 0);
}

static bool has_declarator(struct type t)
{
	for (unsigned i = 0; i < TYPE_MAX_DEPTH && type_kind_is_modifier(type_kind_of(t)); i++)
		t = type_target(t);
	return type_kind_of(t) == BTF_KIND_PTR || type_kind_of(t) == BTF_KIND_ARRAY ||
	       type_kind_of(t) == BTF_KIND_FUNC_PROTO;
}

static void put_declaration(struct text *text, struct kernel *k, struct type t, const char *name,
			    unsigned depth)
{
	char base[256];

	if (depth > TYPE_MAX_DEPTH)
		return;
	type_base_name(type_declaration_base(t), base, sizeof(base));
	put(text, "%s%s", base, *name || has_declarator(t) ? " " : "");
	put_prefix(text, t, false, *name, depth);
	put(text, "%s", name);
	put_suffix(text, k, t, false, depth);
}

void type_declare(struct kernel *k, struct type t, const char *name, char *buf, size_t size)
{
	struct text text = {buf, buf + size};

	*buf = '\0';
	put_declaration(&text, k, t, name, 0);
}

void type_format(struct kernel *k, struct type t, char *buf, size_t size)
{
	type_declare(k, t, "", buf, size);
}

/* ---- In ---- */

static const char *skip_blanks(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

static bool word_is(const char *word, size_t len, const char *what)
{
	return strlen(what) == len && !memcmp(word, what, len);
}

/* Counts of the words that C's integer types are made of. */
struct specifiers {
	unsigned is_unsigned, is_signed, is_long, is_short, is_int, is_char, is_int128;
};

static bool specifier(struct specifiers *s, const char *word, size_t len)
{
	if (word_is(word, len, "unsigned"))
		s->is_unsigned++;
	else if (word_is(word, len, "signed"))
		s->is_signed++;
	else if (word_is(word, len, "long"))
		s->is_long++;
	else if (word_is(word, len, "short"))
		s->is_short++;
	else if (word_is(word, len, "int"))
		s->is_int++;
	else if (word_is(word, len, "char"))
		s->is_char++;
	else if (word_is(word, len, "__int128"))
		s->is_int128++;
	else
		return false;
	return true;
}

static const char *specified(const struct specifiers *s)
{
	if (s->is_unsigned > 1 || s->is_signed > 1 || (s->is_unsigned && s->is_signed) ||
	    s->is_long > 2 || s->is_short > 1 || s->is_int > 1 || s->is_char > 1 ||
	    (s->is_long && s->is_short) || (s->is_char && (s->is_long || s->is_short || s->is_int)))
		return NULL;
	if (s->is_char)
		return s->is_unsigned ? "unsigned char" : s->is_signed ? "signed char" : "char";
	if (s->is_int128)
		return s->is_unsigned ? "unsigned __int128" : "__int128";
	if (s->is_short)
		return s->is_unsigned ? "unsigned short" : "short";
	if (s->is_long == 2)
		return s->is_unsigned ? "unsigned long long" : "long long";
	if (s->is_long)
		return s->is_unsigned ? "unsigned long" : "long";
	return s->is_unsigned ? "unsigned int" : "int";
}

/* The words before any '*': qualifiers, and one type. */
static struct error *parse_base(struct kernel *k, const char **at, bool bare_tags, struct type *out)
{
	bool constant = false, is_volatile = false;
	struct specifiers s = {0};
	enum type_kind kind = TYPE_ANY;
	bool any_specifier = false;
	const char *p = *at;

	*out = (struct type){0};
	for (;;) {
		const char *word = p = skip_blanks(p);
		char name[256];
		size_t len = 0;

		while (isalnum((unsigned char)p[len]) || p[len] == '_')
			len++;
		if (!len || isdigit((unsigned char)*p))
			break;
		if (word_is(word, len, "const") || word_is(word, len, "volatile") ||
		    word_is(word, len, "restrict")) {
			constant |= *word == 'c';
			is_volatile |= *word == 'v';
			p += len;
			continue;
		}
		if (type_valid(*out) || len >= sizeof(name))
			break;
		snprintf(name, sizeof(name), "%.*s", (int)len, word);
		if (kind == TYPE_ANY && specifier(&s, word, len)) {
			any_specifier = true;
		} else if (any_specifier) {
			break;
		} else if (kind == TYPE_ANY && word_is(word, len, "struct")) {
			kind = TYPE_STRUCT;
		} else if (kind == TYPE_ANY && word_is(word, len, "union")) {
			kind = TYPE_UNION;
		} else if (kind == TYPE_ANY && word_is(word, len, "enum")) {
			kind = TYPE_ENUM;
		} else if (kind == TYPE_ANY && !strcmp(name, "void") && k->types) {
			*out = (struct type){k->types->base.btf, 0};
		} else {
			*out = type_find(k,
					 kind != TYPE_ANY ? kind
					 : bare_tags	  ? TYPE_ANY
							  : TYPE_TYPEDEF,
					 name);
			if (kind == TYPE_ANY && !type_valid(*out))
				*out = type_integer(k, name); /* bool */
			if (!type_valid(*out))
				return error_new(ERR_NO_TYPE, "no such type: %s%s",
						 kind == TYPE_STRUCT  ? "struct "
						 : kind == TYPE_UNION ? "union "
						 : kind == TYPE_ENUM  ? "enum "
								      : "",
						 name);
		}
		p += len;
	}
	if (any_specifier) {
		const char *name = specified(&s);

		if (name)
			*out = type_integer(k, name);
	}
	if (!type_valid(*out))
		return error_new(ERR_NO_TYPE, "no type: %s", *at);
	*out = type_qualified(k, *out, constant, is_volatile);
	*at = p;
	return NULL;
}

/* What stands between "[" and "]": nothing, a number, or an enumerator. */
static struct error *parse_dimension(struct kernel *k, const char **at, unsigned long long *count)
{
	const char *p = skip_blanks(*at + 1);
	char name[128];
	size_t len = 0;
	int64_t value;
	char *end;

	if (isalpha((unsigned char)*p) || *p == '_') {
		while (isalnum((unsigned char)p[len]) || p[len] == '_')
			len++;
		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		if (!enumerator_find(k, name, &value) || value < 0)
			return error_new(ERR_NO_TYPE, "no such enumerator: %s", name);
		*count = value;
		p += len;
	} else {
		*count = strtoull(p, &end, 0);
		p = end;
	}
	*at = skip_blanks(p);
	return NULL;
}

struct error *type_parse_prefix(struct kernel *k, const char **text, bool bare_tags,
				struct type *out)
{
	uint32_t counts[8];
	unsigned dimensions = 0, stars = 0;
	const char *p = *text;

	TRY(parse_base(k, &p, bare_tags, out));
	for (p = skip_blanks(p); *p == '*' || !strncmp(p, "const", 5); p = skip_blanks(p)) {
		if (*p != '*') {
			*out = type_qualified(k, *out, true, false);
			p += 5;
			continue;
		}
		if (++stars > TYPE_MAX_DEPTH / 2)
			return error_new(ERR_NO_TYPE, "too many stars");
		*out = type_pointer_to(k, *out);
		p++;
	}
	while (*p == '[') {
		unsigned long long count = 0;

		TRY(parse_dimension(k, &p, &count));
		if (*p != ']' || count > INT32_MAX || dimensions == 8)
			return error_new(ERR_NO_TYPE, "bad array size");
		counts[dimensions++] = count;
		p = skip_blanks(p + 1);
	}
	while (dimensions && type_valid(*out))
		*out = type_array_of(k, *out, counts[--dimensions]);
	if (!type_valid(*out))
		return error_new(ERR_NO_MEMORY, "out of memory for types");
	*text = p;
	return NULL;
}

struct error *type_parse(struct kernel *k, const char *text, struct type *out)
{
	const char *p = text;

	TRY(type_parse_prefix(k, &p, true, out));
	if (*p)
		return error_new(ERR_NO_TYPE, "no such type: %s", text);
	return NULL;
}
