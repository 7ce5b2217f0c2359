/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/session.h"

static void print_symbol(struct session *s, const struct symbol *symbol, uint64_t offset,
			 bool name_module)
{
	struct out *o = s->out;
	char type[2] = {symbol->type, 0};
	out_object_begin(o, NULL);
	out_hex(o, "address", "%" PRIx64, symbol->addr + offset);
	out_str(o, "type", " (%s) ", type);
	out_str(o, "name", "%s", symbol->name);
	if (offset)
		out_dec(o, "offset", s->settings.radix == 16 ? "+0x%" PRIx64 : "+%" PRIu64, offset);
	if (symbol->module)
		out_str(o, "module", name_module ? " [%s]" : NULL, symbol->module);
	out_object_end(o);
	out_printf(o, "\n");
}

/* ---- All of them ---- */

/* Of a module split by type, in the order of enum mod_mem_type (include/linux/module.h). */
static const char *const memory_names[] = {"TEXT",	"DATA",	     "RODATA",	   "RO_AFTER_INIT",
					   "INIT_TEXT", "INIT_DATA", "INIT_RODATA"};

static const char *memory_name(const struct module *m, unsigned kind)
{
	if (!m->by_type)
		return kind ? "INIT " : "";
	return kind < sizeof(memory_names) / sizeof(*memory_names) ? memory_names[kind] : "OTHER";
}

static void print_edge(struct session *s, const struct module *m,
		       const struct module_memory_piece *p, bool end)
{
	struct out *o = s->out;
	if (out_json(o))
		return;
	out_printf(o, "%" PRIx64 " MODULE %s%s%s: %s\n", end ? p->start + p->size : p->start,
		   memory_name(m, p->kind), m->by_type ? " " : "", end ? "END" : "START", m->name);
}

static int by_start(const void *a, const void *b)
{
	const struct module_memory_piece *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static struct error *print_module(struct session *s, const struct module *m)
{
	struct module_memory_piece piece[MODULE_MEMORIES];
	struct symbol symbol;
	size_t i = m->first_symbol, end = i + m->symbol_count;
	memcpy(piece, m->memory, sizeof(piece));
	qsort(piece, m->memory_count, sizeof(*piece), by_start);
	for (unsigned p = 0; p <= m->memory_count; p++) {
		uint64_t to = p < m->memory_count ? piece[p].start + piece[p].size : UINT64_MAX;
		/* per-CPU symbols may stand below, constants anywhere */
		for (; p < m->memory_count && i < end && symbols_get(s->kernel, i, &symbol) &&
		       symbol.addr < piece[p].start;
		     i++)
			print_symbol(s, &symbol, 0, false);
		if (p < m->memory_count)
			print_edge(s, m, &piece[p], false);
		for (; i < end && symbols_get(s->kernel, i, &symbol) && symbol.addr < to; i++) {
			print_symbol(s, &symbol, 0, false);
			TRY(check_interrupt());
		}
		if (p < m->memory_count)
			print_edge(s, m, &piece[p], true);
	}
	return NULL;
}

static struct error *print_modules(struct session *s)
{
	for (size_t i = 0; i < modules_count(s->kernel); i++)
		TRY(print_module(s, modules_get(s->kernel, i)));
	/* says so where they could not all be read */
	return symbols_add_modules(s->kernel);
}

static struct error *print_all(struct session *s)
{
	struct symbol symbol;
	size_t modules = modules_count(s->kernel);
	size_t end = modules ? modules_get(s->kernel, 0)->first_symbol : symbols_count(s->kernel);
	for (size_t i = 0; i < end && symbols_get(s->kernel, i, &symbol); i++) {
		print_symbol(s, &symbol, 0, true);
		if (!(i & 1023))
			TRY(check_interrupt());
	}
	return print_modules(s);
}

static struct error *print_named_module(struct session *s, const char *name)
{
	for (size_t i = 0; i < modules_count(s->kernel); i++)
		if (!strcmp(modules_get(s->kernel, i)->name, name))
			return print_module(s, modules_get(s->kernel, i));
	return error_new(ERR_NOT_FOUND, "no such module: %s", name);
}

/* Symbols that contain the text; how many there are. */
static size_t print_containing(struct session *s, const char *text, const char *heading)
{
	struct symbol symbol;
	size_t found = 0;
	for (size_t i = 0; i < symbols_count(s->kernel) && !interrupted(); i++) {
		if (!symbols_get(s->kernel, i, &symbol) || !strstr(symbol.name, text))
			continue;
		if (!found++ && heading)
			out_printf(s->out, "%s", heading);
		print_symbol(s, &symbol, 0, true);
	}
	return found;
}

/* ---- One ---- */

enum neighbours { PREVIOUS = 1, NEXT = 2 };

static void print_with_neighbours(struct session *s, const struct symbol *symbol, uint64_t offset,
				  unsigned neighbours)
{
	struct symbol other;
	size_t i = 0;
	bool known = neighbours && symbols_index(s->kernel, symbol, &i);
	if (known && neighbours & PREVIOUS && i && symbols_get(s->kernel, i - 1, &other))
		print_symbol(s, &other, 0, true);
	print_symbol(s, symbol, offset, true);
	if (known && neighbours & NEXT && symbols_get(s->kernel, i + 1, &other))
		print_symbol(s, &other, 0, true);
}

static struct error *print_one(struct session *s, const char *text, unsigned neighbours)
{
	struct symbol symbol;
	uint64_t addr, offset;
	/* A name may be many symbols (static functions): all of them. */
	unsigned n = 0;
	for (; symbol_find_nth(s->kernel, text, n, &symbol); n++)
		print_with_neighbours(s, &symbol, 0, neighbours);
	if (n)
		return NULL;
	struct error *e = parse_address(s, text, &addr);
	if (e) {
		error_free(e);
		if (strlen(text) > 2)
			print_containing(s, text, "possible alternatives:\n");
		return error_new(ERR_NO_SYMBOL, "symbol not found: %s", text);
	}
	if (!symbol_at(s->kernel, addr, &symbol, &offset))
		return error_at(ERR_NO_SYMBOL, addr, "invalid address: %s", text);
	print_with_neighbours(s, &symbol, offset, neighbours);
	return NULL;
}

static struct error *run_operands(struct session *s, int argc, char **argv, unsigned neighbours)
{
	struct error *failed = NULL;

	for (int i = 0; i < argc; i++) {
		struct error *e = print_one(s, argv[i], neighbours);

		if (e && failed)
			session_complain(s, "sym", failed);
		if (e) {
			error_free(failed);
			failed = e;
		}
	}
	return failed;
}

static struct error *run_sym(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "lMm:pnq:"};
	const char *module = NULL, *query = NULL;
	bool all = false, modules = false;
	unsigned neighbours = 0;
	for (int c; (c = next_option(&p));) {
		switch (c) {
		case 'l':
			all = true;
			break;
		case 'M':
			modules = true;
			break;
		case 'm':
			module = p.argument;
			break;
		case 'p':
			neighbours |= PREVIOUS;
			break;
		case 'n':
			neighbours |= NEXT;
			break;
		case 'q':
			query = p.argument;
			break;
		default:
			return option_error(&p);
		}
	}
	if (!all && !modules && !module && !query && p.index >= argc)
		return usage_error(argv[0], NULL);
	out_array_begin(s->out, "symbols");
	struct error *e = NULL;
	if (all)
		e = print_all(s);
	else if (modules)
		e = print_modules(s);
	if (!e && module)
		e = print_named_module(s, module);
	if (!e && query) {
		if (!print_containing(s, query, NULL))
			out_printf(s->out, "(none found)\n");
		e = check_interrupt();
	}
	if (!e)
		e = run_operands(s, argc - p.index, argv + p.index, neighbours);
	out_array_end(s->out);
	return e;
}

COMMAND(sym) = {
	.name = "sym",
	.summary = "translate a symbol to its address, or an address to its symbol",
	.synopsis = "[-l | -M | -m MODULE | -q TEXT] [-p] [-n] [SYMBOL | ADDR]…",
	.options = "-l -M -m -p -n -q",
	.flags = CMD_NEEDS_KERNEL | CMD_TYPELESS | CMD_SYMBOL_ARGS,
	.help = "Prints the address, the type (nm's letter) and the name of each symbol; for an "
		"address the symbol that it\n"
		"belongs to, with the offset from it. A name that several symbols have gives all "
		"of them. Symbols of a module\n"
		"end with its name in brackets. What a per-CPU symbol has for an address is its "
		"offset in a CPU's area where the\n"
		"kernel counts so.\n"
		"\n"
		"  -l          all symbols of the kernel and of its modules\n"
		"  -M          all symbols of modules\n"
		"  -m MODULE   all symbols of one module, between where its memory starts and "
		"ends\n"
		"  -q TEXT     all symbols that contain the text\n"
		"  -p          the symbol before it, too\n"
		"  -n          the symbol after it, too\n"
		"\n"
		"EXAMPLES\n"
		"  Where is the first task, and what comes next?\n"
		"\n"
		"    mmscope> sym -n init_task\n"
		"\n"
		"  What has to do with a fault?\n"
		"\n"
		"    mmscope> sym -q handle_mm_fault\n",
	.run = run_sym,
};
