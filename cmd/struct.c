/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * struct, union and *: definitions of structs and unions, and their contents.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/session.h"
#include "cmd/typed_object.h"
#include "core/globals.h"

#define MAX_OPERANDS 3		 /* name, address, count */
#define MAX_COUNT    (1u << 28)	 /* of objects in one go */

struct request {
	struct session *s;
	const char *command;
	struct typed_object object;
	bool offsets, raw, targets; /* -o -r -p */
	const char *embedded; /* -l */
	bool has_address;
	uint64_t address;
	unsigned *cpus; /* NULL: the address is one */
	size_t cpu_count;
	int64_t count;
};

/* ---- Words ---- */

/* The address, with its ":cpus", and -l taken off. */
static struct error *parse_place(struct request *r, char *text)
{
	char *colon = *text == '(' ? NULL : strchr(text, ':');
	uint64_t offset = 0;

	if (colon)
		*colon = '\0';
	TRY(parse_address(r->s, text, &r->address));
	if (r->embedded) {
		TRY(parse_offset(r->s, r->embedded, &offset));
		r->address -= offset;
	}
	r->has_address = true;
	if (!colon && symbol_is_percpu(r->s->kernel, r->address))
		return error_new(ERR_USAGE, "a per-CPU variable: name CPUs, as in %s:a", text);
	return colon ? cpus_parse(r->s, colon + 1, &r->cpus, &r->cpu_count) : NULL;
}

static struct error *parse_struct_count(struct request *r, const char *text)
{
	uint64_t count;
	bool negative = *text == '-';

	TRY(parse_count(text + negative, &count));
	if (!count || count > MAX_COUNT)
		return error_new(ERR_USAGE, "bad count: %s", text);
	r->count = negative ? -(int64_t)count : (int64_t)count;
	return NULL;
}

struct words {
	char *operands[MAX_OPERANDS];
	int count;
	const char *repeat; /* -c */
	enum memory_kind memory;
	unsigned radix;
};

/* Options stand anywhere between the operands. */
static struct error *parse_words(struct request *r, struct words *w, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "ol:rfuxdpc:"};
	int option;

	for (;;) {
		option = next_option(&p);
		switch (option) {
		case 0:
			if (p.index >= argc)
				return NULL;
			if (w->count == MAX_OPERANDS)
				return usage_error(argv[0], "too many words: %s", argv[p.index]);
			w->operands[w->count++] = argv[p.index++];
			break;
		case 'o':
			r->offsets = true;
			break;
		case 'l':
			r->embedded = p.argument;
			break;
		case 'r':
			r->raw = true;
			break;
		case 'f':
			w->memory = MEMORY_FILE;
			break;
		case 'u':
			w->memory = MEMORY_USER;
			break;
		case 'x':
			w->radix = 16;
			break;
		case 'd':
			w->radix = 10;
			break;
		case 'p':
			r->targets = true;
			break;
		case 'c':
			w->repeat = p.argument;
			break;
		default:
			return option_error(&p);
		}
	}
}

/* ---- Definitions ---- */

static struct error *show_definition(struct request *r)
{
	struct declaration_format f = {.offsets = r->offsets,
				       .has_address = r->has_address,
				       .address = r->address,
				       .radix = r->object.format.radix};
	struct out *o = r->s->out;

	if (!r->object.member_count)
		return type_print(o, r->s->kernel, r->object.type, &f);
	if (r->object.member_count > 1)
		out_array_begin(o, "members");
	for (size_t i = 0; i < r->object.member_count; i++) {
		struct error *e;

		f.only = r->object.members[i];
		if (r->object.member_count > 1)
			out_object_begin(o, NULL);
		e = type_print(o, r->s->kernel, r->object.type, &f);
		if (r->object.member_count > 1)
			out_object_end(o);
		if (e)
			return e;
	}
	if (r->object.member_count > 1)
		out_array_end(o);
	return NULL;
}

/* ---- Contents ---- */

static void show_raw(struct request *r, const struct value_bytes *v)
{
	unsigned word = r->s->kernel->arch->pointer_size;
	struct out *o = r->s->out;

	out_array_begin(o, "raw");
	for (size_t at = 0; at < v->len; at += 16) {
		size_t n = v->len - at < 16 ? v->len - at : 16;
		char text[17];

		out_printf(o, "%0*" PRIx64 ":  ", 2 * word, v->addr + at);
		for (size_t i = 0; i < 16; i += word) {
			if (i + word <= n) {
				out_printf(o, "%0*" PRIx64 " ", 2 * word,
					   load_uint(v->bytes + at + i, word));
				out_hex(o, NULL, NULL, load_uint(v->bytes + at + i, word));
			} else if (i < n) { /* what is left of a word: its bytes, as they stand */
				uint64_t rest = 0;

				memcpy(&rest, v->bytes + at + i, n - i);
				out_printf(o, "%*s%0*" PRIx64 " ", (int)(2 * (word - (n - i))), "",
					   (int)(2 * (n - i)), rest);
				out_hex(o, NULL, NULL, rest);
			} else {
				out_printf(o, "%*s", 2 * word + 1, "");
			}
		}
		for (size_t i = 0; i < n; i++)
			text[i] = isascii(v->bytes[at + i]) && isprint(v->bytes[at + i])
					  ? v->bytes[at + i]
					  : '.';
		text[n] = '\0';
		out_printf(o, "  %s\n", text);
	}
	out_array_end(o);
}

/* -p: the pointer with its type, then what it leads to. False when the member is no pointer to
 * data. */
static bool show_target(struct request *r, const char *path, const struct value_bytes *v)
{
	struct kernel *k = r->s->kernel;
	struct value_format f = r->object.format;
	struct type target = type_pointer_target(v->type);
	struct out *o = r->s->out;
	struct value_bytes t = {.type = target};
	struct symbol symbol;
	uint64_t offset;
	char text[512];
	void *buffer = NULL;
	int64_t addr;
	struct error *e;

	if (!type_valid(target) || !value_integer(k, v, &addr))
		return false;
	type_declare(k, v->type, path, text, sizeof(text));
	out_printf(o, "  %s = 0x%" PRIx64 "\n", text, (uint64_t)addr);
	if (out_json(o))
		value_json(o, k, path, v);
	if (!addr) {
		out_text(o, "  -> NULL\n");
		return true;
	}
	t.len = type_size(k, target);
	if (!t.len) /* void, a function, a struct without definition: the pointer is all there is */
		return true;
	t.addr = addr;
	e = typed_object_load(&r->object, &t, &buffer);
	out_text(o, "  -> ");
	if (symbol_at(k, addr, &symbol, &offset) && !offset)
		out_printf(o, "<%s> ", symbol.name);
	if (e) {
		out_printf(o, "<error: %s>\n", e->message);
		error_free(e);
	} else {
		f.indent = 5;
		snprintf(text, sizeof(text), "*%s", path);
		value_put(o, k, text, &t, &f);
		out_text(o, "\n");
	}
	free(buffer);
	return true;
}

/* -r, -p; the whole object when path is NULL. *shown: it has been. */
static struct error *show_specially(struct request *r, const char *path, uint64_t base, bool *shown)
{
	struct value_bytes v;
	void *buffer = NULL;

	*shown = false;
	if (!r->raw && !(r->targets && path))
		return NULL;
	TRY(typed_object_locate(&r->object, path, base, &v));
	struct error *e = typed_object_load(&r->object, &v, &buffer);
	if (!e && r->raw)
		show_raw(r, &v);
	*shown = e || r->raw || show_target(r, path, &v);
	free(buffer);
	return e;
}

static struct error *show_object(struct request *r, uint64_t base)
{
	struct out *o = r->s->out;
	struct error *e = NULL;
	bool shown;

	if (!r->raw && !r->targets)
		return typed_object_show(&r->object, base);
	if (!r->object.member_count && !r->raw)
		return typed_object_show(&r->object, base);
	out_hex(o, "addr", NULL, base);
	if (!r->object.member_count)
		return show_specially(r, NULL, base, &shown);
	if (!r->raw)
		out_object_begin(o, "value");
	for (size_t i = 0; !e && i < r->object.member_count; i++) {
		e = show_specially(r, r->object.members[i], base, &shown);
		if (!e && !shown)
			e = typed_object_show_member(&r->object, r->object.members[i], base);
	}
	if (!r->raw)
		out_object_end(o);
	return e;
}

/* The objects from `start` on, or those that lead up to it. */
static struct error *show_objects(struct request *r, uint64_t start, bool has_cpu, unsigned cpu)
{
	uint64_t size = type_size(r->s->kernel, r->object.type),
		 count = r->count < 0 ? -r->count : r->count;
	struct out *o = r->s->out;
	struct error *e = NULL;

	if (r->count < 0)
		start -= (count - 1) * size;
	for (uint64_t i = 0; !e && i < count && !o->failed; i++) {
		if (i)
			out_text(o, "\n");
		out_object_begin(o, NULL);
		if (has_cpu)
			out_dec(o, "cpu", NULL, cpu);
		e = show_object(r, start + i * size);
		out_object_end(o);
		if (!e)
			e = check_interrupt();
	}
	return e;
}

static struct error *show_contents(struct request *r)
{
	struct kernel *k = r->s->kernel;
	struct out *o = r->s->out;
	struct error *e = NULL;
	char text[256];

	type_format(k, r->object.type, text, sizeof(text));
	out_str(o, "type", NULL, text);
	out_array_begin(o, "objects");
	if (!r->cpus)
		e = show_objects(r, r->address, false, 0);
	for (size_t i = 0; !e && i < r->cpu_count; i++) {
		uint64_t at = percpu_addr(k, r->address, r->cpus[i]);

		out_printf(o, "[%u]: %" PRIx64 "\n", r->cpus[i], at);
		e = show_objects(r, at, true, r->cpus[i]);
	}
	out_array_end(o);
	return e;
}

/* ---- The commands ---- */

static struct error *serve(struct request *r, const struct words *w)
{
	char place[256];

	if (w->count > 1) {
		snprintf(place, sizeof(place), "%s", w->operands[1]);
		TRY(parse_place(r, place));
	}
	if (w->count > 2)
		TRY(parse_struct_count(r, w->operands[2]));
	if (w->repeat)
		TRY(parse_struct_count(r, w->repeat));
	if (!r->has_address || r->offsets) {
		if (r->targets || r->raw)
			return usage_error(r->command, r->has_address
							       ? "-o goes with neither -r nor -p"
							       : "-r and -p need an address");
		return show_definition(r);
	}
	TRY(memory_open(r->s, w->memory, &r->object.memory));
	return show_contents(r);
}

static struct error *run_struct(struct session *s, int argc, char **argv)
{
	struct request r = {.s = s, .command = argv[0], .count = 1};
	struct words w = {.memory = MEMORY_KERNEL};
	enum type_kind kind = !strcmp(argv[0], "struct") ? TYPE_STRUCT : !strcmp(argv[0], "union") ? TYPE_UNION : TYPE_ANY;

	TRY(parse_words(&r, &w, argc, argv));
	if (!w.count)
		return usage_error(argv[0], NULL);
	struct error *e = typed_object_parse(s, w.operands[0], kind, &r.object);
	if (!e) {
		r.object.format = typed_format(s, w.radix);
		e = serve(&r, &w);
	}
	typed_object_free(&r.object);
	free(r.cpus);
	return e;
}

#define STRUCT_SYNOPSIS                                                                            \
	"NAME[.MEMBER[,MEMBER]…] [-o] [-l OFFSET] [-rfuxdp] [ADDR | SYMBOL][:CPUS] [COUNT | -c " \
	"COUNT]"
#define STRUCT_OPTIONS "-o -l -r -f -u -x -d -p -c"
#define STRUCT_HELP                                                                                \
	"Without an address: the definition and size of a struct or union, or of single members. " \
	"With one: what stands\n"                                                                  \
	"there. A member may be a path through embedded structs and arrays: se.run_node, "         \
	"pid_links[1].next.\n"                                                                     \
	"\n"                                                                                       \
	"  -o         offsets of the members; with an address, the address of each\n"              \
	"  -l OFFSET  the address is that of something embedded in it, this many bytes from its "  \
	"start; or given as\n"                                                                     \
	"             STRUCT.MEMBER\n"                                                             \
	"  -r         the raw words\n"                                                             \
	"  -f         the address is an offset in the dump file\n"                                 \
	"  -u         the address is a user address of the current context\n"                      \
	"  -x, -d     numbers in hexadecimal, in decimal\n"                                        \
	"  -p         members that are pointers: their type, and what they lead to\n"              \
	"  COUNT      that many, one after the other, as in an array; with -c also negative: "     \
	"those that lead up to\n"                                                                  \
	"             the address\n"                                                               \
	"  :CPUS      of a per-CPU variable: \":\" for the current task's CPU, \":a\" for all, "   \
	"\":1,3-5\" for some\n"                                                                    \
	"\n"                                                                                       \
	"The word struct may be left out where the name is no command's.\n"

COMMAND(struct) = {
	.name = "struct",
	.summary = "a struct's definition, or the contents of one in memory",
	.synopsis = STRUCT_SYNOPSIS,
	.options = STRUCT_OPTIONS,
	.flags = CMD_NEEDS_KERNEL | CMD_STRUCT_ARGS | CMD_SYMBOL_ARGS,
	.help = STRUCT_HELP "\n"
			    "EXAMPLES\n"
			    "  A definition with its offsets:\n"
			    "\n"
			    "    mmscope> struct -o vm_area_struct\n"
			    "\n"
			    "  Two members of the first task:\n"
			    "\n"
			    "    mmscope> struct task_struct.pid,comm init_task\n",
	.run = run_struct,
};

COMMAND(union) = {
	.name = "union",
	.summary = "a union's definition, or the contents of one in memory",
	.synopsis = STRUCT_SYNOPSIS,
	.options = STRUCT_OPTIONS,
	.flags = CMD_NEEDS_KERNEL | CMD_STRUCT_ARGS | CMD_SYMBOL_ARGS,
	.help = STRUCT_HELP "\n"
			    "EXAMPLES\n"
			    "    mmscope> union fpregs_state\n",
	.run = run_struct,
};

COMMAND(star) = {
	.name = "*",
	.summary = "short for struct or union",
	.synopsis = STRUCT_SYNOPSIS,
	.options = STRUCT_OPTIONS,
	.flags = CMD_NEEDS_KERNEL | CMD_STRUCT_ARGS | CMD_SYMBOL_ARGS,
	.help = STRUCT_HELP "\n"
			    "EXAMPLES\n"
			    "    mmscope> *task_struct.pid,comm init_task\n",
	.run = run_struct,
};
