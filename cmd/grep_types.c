/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * grep-types: types, members and enumerators by regular expression.
 */
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "cmd/session.h"

/* Structs in structs, deeper than any kernel's. */
#define DEPTH_MAX 16

struct type_search {
	struct session *s;
	regex_t regex;
	bool types, members, enumerators; /* what to look at */
	bool declarations;		  /* members by their type too */
	const char *module;		  /* that the type in hand is of; "": the kernel */
	uint64_t found;
};

static bool matches(const struct type_search *g, const char *text)
{
	return regexec(&g->regex, text, 0, NULL, 0) == 0;
}

static void say_module(struct type_search *g)
{
	if (!*g->module)
		out_text(g->s->out, "\n");
	out_str(g->s->out, "module", *g->module ? "  [%s]\n" : NULL, *g->module ? g->module : NULL);
}

/* "enum zone_type", "enum" for one without a name. */
static void found_type(struct type_search *g, struct type t)
{
	struct out *o = g->s->out;
	char text[512];
	struct type target = type_strip(t);
	bool is_typedef = type_strip(t).id != t.id;
	type_format(g->s->kernel, t, text, sizeof(text));
	out_object_begin(o, NULL);
	out_str(o, "kind", NULL, "type");
	out_text(o, is_typedef ? "typedef " : "");
	out_str(o, "type", "%s", text);
	if (is_typedef && *type_own_name(target)) {
		type_format(g->s->kernel, target, text, sizeof(text));
		out_str(o, "is", " = %s", text);
	}
	out_dec(o, "size", "  (%" PRIu64 ")", type_size(g->s->kernel, t));
	say_module(g);
	out_object_end(o);
	g->found++;
}

static void found_member(struct type_search *g, const char *type, const char *path, const struct type_member *m, uint64_t offset)
{
	struct out *o = g->s->out;
	char text[1024];
	type_declare(g->s->kernel, m->type, m->name, text, sizeof(text));
	out_object_begin(o, NULL);
	out_str(o, "kind", NULL, "member");
	out_str(o, "type", "%s", type);
	out_str(o, "member", ".%s", path);
	out_dec(o, "offset", "  [%" PRIu64 "]", offset);
	if (m->bit_size) {
		out_dec(o, "bit_offset", NULL, m->bit_offset);
		out_dec(o, "bits", NULL, m->bit_size);
	}
	out_dec(o, "size", NULL, m->size);
	out_str(o, "declaration", "  %s", text);
	if (m->bit_size)
		out_printf(o, " : %u", m->bit_size);
	out_text(o, ";");
	say_module(g);
	out_object_end(o);
	g->found++;
}

static void found_enumerator(struct type_search *g, const char *type, const char *name, int64_t value)
{
	struct out *o = g->s->out;
	out_object_begin(o, NULL);
	out_str(o, "kind", NULL, "enumerator");
	out_str(o, "type", "%s", type);
	out_str(o, "enumerator", ".%s", name);
	out_sdec(o, "value", " = %" PRId64, value);
	say_module(g);
	out_object_end(o);
	g->found++;
}

/* The struct without a tag or a typedef's name that a member is, or is an array of; else not valid. */
static struct type nameless_struct(struct type t)
{
	struct type element = type_element(t), inner;
	t = type_valid(element) && !*type_own_name(t) ? element : t;
	inner = type_strip(t);
	return type_is_aggregate(inner) && !*type_own_name(t) && !*type_own_name(inner) ? inner : (struct type){0};
}

/* Members of t, whose own path within the outermost type is `prefix`. */
static void search_members(struct type_search *g, const char *type, struct type t, const char *prefix, uint64_t base, unsigned depth)
{
	struct kernel *k = g->s->kernel;
	struct type_member m;
	char path[512], text[512];
	for (size_t i = 0; type_member_at(k, t, i, &m) && !g->s->out->failed; i++) {
		struct type inner = nameless_struct(m.type);
		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix && *m.name ? "." : "", m.name);
		if (*m.name && g->members) {
			bool hit = matches(g, m.name);
			/* The type of a struct without a tag is what is in it: that is looked at by itself. */
			if (!hit && g->declarations && !type_valid(inner)) {
				type_format(k, m.type, text, sizeof(text));
				hit = matches(g, text);
			}
			if (hit)
				found_member(g, type, path, &m, base + m.offset);
		}
		if (type_valid(inner) && depth < DEPTH_MAX)
			search_members(g, type, inner, path, base + m.offset, depth + 1);
	}
}

static void search_type(struct type_search *g, struct type t)
{
	struct kernel *k = g->s->kernel;
	const char *own = type_own_name(t), *name;
	char type[512];
	int64_t value;
	/* A typedef's members are those of the struct that it names, unless that has no name of its own. */
	struct type body = type_strip(t);
	bool is_typedef = body.id != t.id;
	if (*own && g->types && matches(g, own))
		found_type(g, t);
	if (is_typedef && *type_own_name(body))
		return;
	type_format(k, t, type, sizeof(type));
	if ((g->members || g->declarations) && type_is_aggregate(body))
		search_members(g, type, body, "", 0, 0);
	for (size_t i = 0; g->enumerators && !is_typedef && enumerator_at(t, i, &name, &value); i++)
		if (matches(g, name))
			found_enumerator(g, type, name, value);
}

static struct error *search_all(struct type_search *g)
{
	struct type_cursor cursor = {0};
	struct type t;
	uint64_t seen = 0;
	out_array_begin(g->s->out, "found");
	while (type_valid(t = types_walk(g->s->kernel, &cursor, &g->module)) && !g->s->out->failed) {
		if (!(++seen & 255))
			TRY(check_interrupt());
		search_type(g, t);
	}
	out_array_end(g->s->out);
	return NULL;
}

static struct error *run_grep_types(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "tmnei"};
	struct type_search g = {.s = s};
	int c, flags = REG_EXTENDED | REG_NOSUB;
	bool names_only = false;
	while ((c = next_option(&p))) {
		if (c == 't')
			g.types = true;
		else if (c == 'm')
			g.members = true;
		else if (c == 'n')
			names_only = true;
		else if (c == 'e')
			g.enumerators = true;
		else if (c == 'i')
			flags |= REG_ICASE;
		else
			return option_error(&p);
	}
	if (argc - p.index != 1)
		return usage_error("grep-types", argc > p.index ? "one expression is looked for: %s" : NULL, argv[argc - 1]);
	if (!g.types && !g.members && !g.enumerators)
		g.types = g.members = g.enumerators = true;
	g.declarations = g.members && !names_only;
	if (!s->kernel->types)
		return error_new(ERR_NO_TYPE, "this kernel's types are not known");
	int status = regcomp(&g.regex, argv[p.index], flags);
	if (status) {
		char reason[128];
		regerror(status, &g.regex, reason, sizeof(reason));
		return error_new(ERR_USAGE, "%s: %s", reason, argv[p.index]);
	}
	struct error *e = search_all(&g);
	regfree(&g.regex);
	if (!e && !g.found)
		return error_new(ERR_NOT_FOUND, "nothing matches: %s", argv[p.index]);
	return e;
}

COMMAND(grep_types) = {
	.name = "grep-types",
	.summary = "types, members and enumerators by regular expression",
	.synopsis = "[-t] [-m] [-e] [-n] [-i] REGEX",
	.options = "-t -m -e -n -i",
	.flags = CMD_NEEDS_KERNEL | CMD_STRUCT_ARGS,
	.help = "DESCRIPTION\n"
		"  Looks for a POSIX extended regular expression in the names of all structs, unions, enums and typedefs\n"
		"  of the kernel and its modules, in the names and types of their members, and in enumerators. Members in\n"
		"  structs without a name are found under the struct around them.\n"
		"\n"
		"  -t  only types; -m only members; -e only enumerators; several of them add up\n"
		"  -n  members by their names alone, not by their types\n"
		"  -i  upper and lower case are the same\n"
		"\n"
		"  A line is the type with its size; TYPE.MEMBER, the member's [offset] in bytes and its declaration; or\n"
		"  ENUM.ENUMERATOR and its value. What is a module's has the module's name after it.\n"
		"\n"
		"EXAMPLES\n"
		"  Types whose names have to do with areas:\n"
		"    mmscope> grep-types -t '^vm_area'\n"
		"  Which structs have a member of type struct anon_vma * or one called anon_vma:\n"
		"    mmscope> grep-types -m anon_vma\n"
		"  Zones:\n"
		"    mmscope> grep-types -e '^ZONE_'\n",
	.run = run_grep_types,
};
