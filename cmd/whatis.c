/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * whatis: what a name means as a type, a variable, an enumerator, a function; and structs by their
 * size or by what is in them.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/session.h"
#include "cmd/typed.h"
#include "core/expr.h"
#include "core/globals.h"
#include "core/types_name.h"

/* ---- One name ---- */

static struct error *show_type(struct session *s, struct type t, bool offsets, const char *only)
{
	struct declaration_format f = {
		.offsets = offsets, .radix = s->settings.radix == 16 ? 16 : 10, .only = only};

	return type_print(s->out, s->kernel, t, &f);
}

/* "struct page", "page.flags", "pid_t", "unsigned long". *found is false when the text is no type.
 */
static struct error *try_type(struct session *s, const char *text, bool offsets, bool *found)
{
	const char *dot = strchr(text, '.');
	char head[256];
	struct type t;
	struct error *e;

	*found = false;
	snprintf(head, sizeof(head), "%.*s", dot ? (int)(dot - text) : (int)strlen(text), text);
	e = type_parse(s->kernel, head, &t);
	if (e) {
		if (e->code != ERR_NO_TYPE && e->code != ERR_USAGE)
			return e;
		error_free(e);
		return NULL;
	}
	*found = true;
	return show_type(s, t, offsets, dot ? dot + 1 : NULL);
}

static struct error *show_enumerator(struct session *s, const char *name, int64_t value,
				     struct type t)
{
	char text[256];

	type_format(s->kernel, t, text, sizeof(text));
	out_str(s->out, "enumerator", NULL, name);
	out_str(s->out, "type", "%s = ", text);
	out_sdec(s->out, "value", "%ld\n", value);
	return NULL;
}

/* A variable or function: its declaration. */
static struct error *show_symbol(struct session *s, const struct value *v)
{
	char text[1024];

	if (v->typeless)
		return error_new(ERR_NO_TYPE, "the type of %s is not known", v->symbol);
	type_declare(s->kernel, v->type, v->symbol, text, sizeof(text));
	out_str(s->out, "declaration", "%s;\n", text);
	if (v->percpu)
		out_bool(s->out, "percpu", NULL, true);
	return NULL;
}

static struct error *show_expression(struct session *s, const char *text)
{
	struct value v;
	struct type t;
	int64_t number;
	char name[512];

	if (enumerator_find_typed(s->kernel, text, &number, &t))
		return show_enumerator(s, text, number, t);
	TRY(expr_evaluate(s->kernel, text, &v));
	if (*v.symbol && !strcmp(v.symbol, text))
		return show_symbol(s, &v);
	if (v.typeless)
		return error_new(ERR_NO_TYPE, "the type of %s is not known", v.symbol);
	type_format(s->kernel, v.type, name, sizeof(name));
	out_str(s->out, "type", "%s\n", name);
	return NULL;
}

static struct error *show_name(struct session *s, const char *text, bool offsets)
{
	struct symbol symbol;
	bool found = false;
	struct value v;
	struct type t;
	char tag[256];
	struct error *e;

	out_str(s->out, "name", NULL, text);
	/* A variable or function whose type is known comes before a type of that name, as in crash;
	 * "struct page" asks for the type. */
	if (symbol_find(s->kernel, text, &symbol) &&
	    !error_drop(expr_evaluate(s->kernel, text, &v)) && !v.typeless)
		return show_symbol(s, &v);
	snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(text, "."), text);
	t = type_find(s->kernel, TYPE_ANY, tag);
	if (strpbrk(tag, " \t*[(") || type_valid(t) || !symbol_find(s->kernel, tag, &symbol)) {
		/* init_task.comm is an expression, task_struct.comm a member. */
		TRY(try_type(s, text, offsets, &found));
		if (found)
			return NULL;
	}
	e = show_expression(s, text);
	if (e && e->code == ERR_NO_SYMBOL) {
		error_free(e);
		return error_new(ERR_NOT_FOUND, "cannot resolve: %s", text);
	}
	return e;
}

/* ---- Searches: -r size, -m member ---- */

struct search {
	bool by_size;
	uint64_t low, high;
	const char *member; /* part of the type of a member */
};

struct hit {
	uint64_t size;
	const char *name;
};

/* Does a member, or one of a struct embedded in it, have a type whose words hold the text? */
static bool has_member(struct kernel *k, struct type t, const char *text, unsigned depth,
		       unsigned *budget)
{
	struct type_member m;
	char name[512];

	for (size_t i = 0; depth < 16 && type_member_at(k, t, i, &m); i++) {
		if (!*budget)
			return false;
		--*budget;
		type_format(k, type_declaration_base(m.type), name, sizeof(name));
		if ((!type_declares_function(m.type) && strstr(name, text)) ||
		    has_member(k, m.type, text, depth + 1, budget))
			return true;
	}
	return false;
}

/* The name under which a struct or union is listed: its tag, or the typedef of one without. NULL
 * for other types. */
static const char *type_tag(struct type t)
{
	struct type bare = type_strip(t);

	if (!type_is_aggregate(bare) ||
	    (*type_own_name(bare) && (bare.id != t.id || bare.btf != t.btf)))
		return NULL;
	return type_own_name(t);
}

static bool hit_matches(struct session *s, const struct search *search, struct type t,
			uint64_t size)
{
	unsigned budget = 20000;

	if (search->by_size && (size < search->low || size > search->high))
		return false;
	return !search->member || has_member(s->kernel, t, search->member, 0, &budget);
}

static int compare_hits(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return x->size != y->size ? (x->size < y->size ? -1 : 1) : strcmp(x->name, y->name);
}

static struct error *run_search(struct session *s, const struct search *search)
{
	static const struct column columns[] = {{"size", "SIZE", 4, '>', 0},
						{"name", "TYPE", 0, '<', 2}};
	struct hit *hits = NULL;
	size_t count = 0, room = 0, cursor = 0;
	struct error *e = NULL;
	struct type t;

	while (!e && type_valid(t = types_next(s->kernel, &cursor))) {
		const char *name = type_tag(t);
		uint64_t size = type_size(s->kernel, t);

		if (!name || !hit_matches(s, search, t, size))
			continue;
		if (count == room) {
			struct hit *bigger =
				realloc(hits, (room = room ? 2 * room : 256) * sizeof(*hits));

			if (!bigger) {
				e = error_new(ERR_NO_MEMORY, "out of memory");
				break;
			}
			hits = bigger;
		}
		hits[count++] = (struct hit){size, name};
		e = check_interrupt();
	}
	if (!e) {
		if (count)
			qsort(hits, count, sizeof(*hits), compare_hits);
		out_table(s->out, "types", columns, 2, count != 0);
		for (size_t i = 0; i < count; i++) {
			if (i && !compare_hits(&hits[i],
					       &hits[i - 1])) /* one name, several definitions */
				continue;
			out_cell_dec(s->out, hits[i].size);
			out_cell_str(s->out, hits[i].name);
			out_row_end(s->out);
		}
		out_table_end(s->out);
		if (!count)
			out_text(s->out, "(none found)\n");
	}
	free(hits);
	return e;
}

/* ---- -g: the variables that p and expressions know ---- */

static struct error *list_globals(struct session *s)
{
	const char *name;
	struct error *e = NULL;

	out_array_begin(s->out, "globals");
	for (size_t i = 0; !e && (name = global_name(i)); i++) {
		struct symbol symbol;
		struct type t;
		char text[1024];

		if (!symbol_find(s->kernel, name, &symbol) || !global_type(s->kernel, name, &t))
			continue;
		type_declare(s->kernel, t, name, text, sizeof(text));
		out_object_begin(s->out, NULL);
		out_str(s->out, "name", NULL, name);
		out_str(s->out, "declaration", "%s;\n", text);
		out_object_end(s->out);
		e = check_interrupt();
	}
	out_array_end(s->out);
	return e;
}

/* ---- The command ---- */

static struct error *parse_range(const char *word, struct search *search)
{
	char low[64];
	const char *dash = strchr(word, '-');

	snprintf(low, sizeof(low), "%.*s", dash ? (int)(dash - word) : (int)strlen(word), word);
	TRY(parse_number(low, false, &search->low));
	search->high = search->low;
	if (dash)
		TRY(parse_number(dash + 1, false, &search->high));
	search->by_size = true;
	return search->high < search->low ? error_new(ERR_USAGE, "bad range of sizes: %s", word)
					  : NULL;
}

/* The next blank-separated word of *text, cut out of it; NULL at the end. */
static char *next_word(char **text)
{
	char *word;

	*text += strspn(*text, " \t");
	if (!**text)
		return NULL;
	word = *text;
	*text += strcspn(*text, " \t");
	if (**text)
		*(*text)++ = '\0';
	return word;
}

/* Quotes around the whole, as a shell's habit puts them. */
static char *unquote(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	for (len = strlen(text); len && isspace((unsigned char)text[len - 1]); len--)
		text[len - 1] = '\0';
	if (len >= 2 && *text == '"' && text[len - 1] == '"') {
		text[len - 1] = '\0';
		text++;
	}
	return text;
}

static struct error *run_whatis(struct session *s, int argc, char **argv)
{
	struct search search = {0};
	bool offsets = false;
	char *text, *word;
	size_t len;

	if (argc < 2)
		return usage_error(argv[0], NULL);
	text = argv[1];
	for (;;) {
		text += strspn(text, " \t");
		if (*text != '-' || !text[1] || !isalpha((unsigned char)text[1]) ||
		    (text[2] && !isspace((unsigned char)text[2])))
			break;
		word = next_word(&text);
		if (word[1] == 'o') {
			offsets = true;
		} else if (word[1] == 'g') {
			return list_globals(s);
		} else if (word[1] == 'r' || word[1] == 'm') {
			bool range = word[1] == 'r';

			word = next_word(&text);
			if (!word)
				return usage_error(argv[0], "option needs an argument: -%c",
						   range ? 'r' : 'm');
			if (range)
				TRY(parse_range(word, &search));
			else
				search.member = word;
		} else {
			return unknown_option(argv[0], word[1], word);
		}
	}
	text = unquote(text);
	/* "struct page -o": the option may follow. */
	len = strlen(text);
	if (len > 3 && !strcmp(text + len - 3, " -o")) {
		text[len - 3] = '\0';
		offsets = true;
	}
	if (search.by_size || search.member)
		return *text ? usage_error(argv[0], "-r and -m search: no name with them")
			     : run_search(s, &search);
	if (!*text)
		return usage_error(argv[0], NULL);
	return show_name(s, text, offsets);
}

COMMAND(whatis) = {
	.name = "whatis",
	.summary = "what a name means: type, variable, function, enumerator",
	.synopsis =
		"[-o] TYPE | SYMBOL | ENUMERATOR | EXPRESSION | [-r SIZE[-SIZE]] [-m TYPE] | -g",
	.options = "-o -r -m -g",
	.flags = CMD_NEEDS_KERNEL | CMD_RAW_LINE | CMD_SYMBOL_ARGS | CMD_STRUCT_ARGS,
	.help = "The definition of a struct, union, enum or typedef, or of one member "
		"(page.flags); the declaration of a variable or\n"
		"function; an enumerator's enum and value; an expression's type.\n"
		"\n"
		"  -o               with the members' offsets\n"
		"  -r SIZE[-SIZE]   all structs and unions of that size, or of a range of sizes\n"
		"  -m TYPE          all structs and unions with a member, be it in a struct inside "
		"them, whose type has this text in it\n"
		"  -g               all variables of this kernel, beside per-CPU ones, whose types "
		"mmscope knows\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> whatis gfp_t\n"
		"    mmscope> whatis zone_type\n"
		"    mmscope> whatis handle_mm_fault\n"
		"    mmscope> whatis -r 200-300 -m mm_struct\n",
	.run = run_whatis,
};
