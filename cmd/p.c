/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * p: the value of an expression.
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

struct printing {
	struct session *s;
	struct memory memory;
	struct expr_context context;
	struct value_format format;
};

/* gdb numbers what it has shown; scripts that read crash's output look for it. */
static unsigned shown;

/* "(struct page *) " before a pointer, unless it leads to characters. */
static void put_pointer_type(struct printing *p, struct type t)
{
	struct kernel *k = p->s->kernel;
	struct type target = type_pointer_target(t);
	char text[512], name[64];

	if (!type_valid(target))
		return;
	type_format(k, t, text, sizeof(text));
	type_format(k, target, name, sizeof(name));
	if (!strcmp(name, "char") || !strcmp(name, "const char"))
		return;
	out_printf(p->s->out, "(%s) ", text);
}

/* "$1 = value", after "symbol = " or "per_cpu(symbol, 0) = " where there is one. */
static struct error *show(struct printing *p, const struct value *v, const char *label)
{
	struct kernel *k = p->s->kernel;
	struct out *o = p->s->out;
	struct value_bytes bytes;
	void *buffer = NULL;
	char text[512];
	struct error *e = value_load(&p->context, v, &buffer, &bytes);

	if (!e) {
		type_format(k, v->type, text, sizeof(text));
		out_str(o, "type", NULL, text);
		if (v->in_memory)
			out_hex(o, "addr", NULL, v->addr);
		out_printf(o, "%s%s$%u = ", label ? label : "", label ? " = " : "", ++shown);
		if (label && value_is_braced_list(k, v->type))
			out_text(o, "\n ");
		if (!out_json(o))
			put_pointer_type(p, v->type);
		value_put(o, k, "value", &bytes, &p->format);
		out_text(o, "\n");
	}
	free(buffer);
	return e;
}

/* A per-CPU variable without CPUs: its type and where its copies are. */
static void show_percpu(struct printing *p, const struct value *v)
{
	struct kernel *k = p->s->kernel;
	struct out *o = p->s->out;
	char text[512];

	if (v->typeless)
		snprintf(text, sizeof(text), "(unknown) %s", v->symbol);
	else
		type_declare(k, v->type, v->symbol, text, sizeof(text));
	out_str(o, "declaration", "PER-CPU DATA TYPE:\n  %s;\n", text);
	out_text(o, "PER-CPU ADDRESSES:\n");
	out_array_begin(o, "addresses");
	for (unsigned cpu = 0; cpu < k->cpus && !interrupted(); cpu++) {
		out_printf(o, "  [%u]: ", cpu);
		out_hex(o, NULL, "%lx\n", percpu_addr(k, v->addr, cpu));
	}
	out_array_end(o);
}

static struct error *show_cpus(struct printing *p, const struct value *v, const char *spec)
{
	struct out *o = p->s->out;
	struct error *e = NULL;
	unsigned *cpus;
	size_t count;
	char label[256];

	TRY(cpus_parse(p->s, spec, &cpus, &count));
	out_array_begin(o, "cpus");
	for (size_t i = 0; !e && i < count; i++) {
		struct value one = *v;

		one.percpu = false;
		one.addr = percpu_addr(p->s->kernel, v->addr, cpus[i]);
		snprintf(label, sizeof(label), "per_cpu(%s, %u)", v->symbol, cpus[i]);
		out_object_begin(o, NULL);
		out_dec(o, "cpu", NULL, cpus[i]);
		e = show(p, &one, label);
		out_object_end(o);
	}
	out_array_end(o);
	free(cpus);
	return e;
}

/* "symbol:cpus": both parts, when the text is of that form. */
static bool split_cpus(const char *text, char *symbol, size_t size, const char **spec)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!len || len >= size || strspn(colon + 1, "0123456789,-al") != strlen(colon + 1))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '_')
			return false;
	memcpy(symbol, text, len);
	symbol[len] = '\0';
	*spec = colon + 1;
	return true;
}

static struct error *print_expression(struct printing *p, const char *text)
{
	struct value v;
	const char *spec;
	char symbol[128];

	out_str(p->s->out, "expression", NULL, text);
	if (split_cpus(text, symbol, sizeof(symbol), &spec)) {
		TRY(expr_evaluate_in(&p->context, symbol, &v));
		if (v.percpu)
			return show_cpus(p, &v, spec);
		out_printf(p->s->out, "WARNING: %s is not percpu; cpuspec ignored.\n", symbol);
		text = symbol;
	}
	TRY(expr_evaluate_in(&p->context, text, &v));
	if (v.percpu && !strcmp(text, v.symbol)) {
		show_percpu(p, &v);
		return NULL;
	}
	return show(p, &v, *v.symbol ? v.symbol : NULL);
}

/* -x, -d, -u, or one of gdb's formats that stand for them. */
static bool option_at(const char *text)
{
	return (*text == '-' || *text == '/') && text[1] && strchr(*text == '-' ? "xdu" : "xd", text[1]) && (!text[2] || isspace((unsigned char)text[2]));
}

/* The rest of the line is the expression; options stand before it. */
static struct error *run_p(struct session *s, int argc, char **argv)
{
	struct printing p = {.s = s};
	enum memory_kind kind = MEMORY_KERNEL;
	unsigned radix = 0;
	char *text, *end;
	struct error *e;

	if (argc < 2)
		return usage_error(argv[0], NULL);
	for (text = argv[1]; option_at(text);) {
		if (text[1] == 'u')
			kind = MEMORY_USER;
		else
			radix = text[1] == 'x' ? 16 : 10;
		for (text += 2; isspace((unsigned char)*text); text++)
			;
	}
	for (end = text + strlen(text); end > text && isspace((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	if (!*text)
		return usage_error(argv[0], NULL);
	if (*text == '/')
		return usage_error(argv[0], "the formats are /x and /d: %.*s", (int)strcspn(text, " "), text);
	p.format = typed_format(s, radix);
	TRY(memory_open(s, kind, &p.memory));
	p.context = (struct expr_context){
		.k = s->kernel, .read = memory_read, .read_context = &p.memory};
	e = print_expression(&p, text);
	memory_close(&p.memory);
	return e;
}

COMMAND(p) = {
	.name = "p",
	.summary = "print the value of an expression",
	.synopsis = "[-x | -d] [-u] EXPRESSION | SYMBOL[:CPUS]",
	.options = "-x -d -u",
	.flags = CMD_NEEDS_KERNEL | CMD_RAW_LINE | CMD_SYMBOL_ARGS | CMD_STRUCT_ARGS,
	.help = "EXPRESSION is one of C, over the kernel's variables, types and memory, with "
		"casts, members, elements, & and *,\n"
		"arithmetic and sizeof; gdb's x@n makes an array of n. There are no calls and no "
		"assignments.\n"
		"\n"
		"The kernel's own description of its types (BTF) gives those of per-CPU variables "
		"only. Of other variables mmscope\n"
		"knows the types of some hundreds (whatis -g lists them); the rest want a cast: "
		"*(TYPE *)&SYMBOL.\n"
		"\n"
		"  -x, -d   numbers in hexadecimal, in decimal; gdb's /x and /d do the same\n"
		"  -u       addresses in the expression are user addresses of the current context\n"
		"  :CPUS    of a per-CPU variable: \":\" for the current task's CPU, \":a\" for "
		"all, \":1,3-5\" for some; without it:\n"
		"           its type, and the address of each CPU's copy\n"
		"\n"
		"EXAMPLES\n"
		"  A variable; a member of a struct by its address; what a list's first entry "
		"leads to:\n"
		"\n"
		"    mmscope> p jiffies\n"
		"    mmscope> p ((struct task_struct *)&init_task)->comm\n"
		"    mmscope> p *init_task.tasks.next\n"
		"\n"
		"  The run queue of CPU 0:\n"
		"\n"
		"    mmscope> p runqueues:0\n",
	.run = run_p,
};
