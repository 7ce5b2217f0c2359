/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hugepages: when the kernel uses transparent huge pages, and what came of it.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/act.h"
#include "mm/engine/huge_switch.h"
#include "mm/zero_page.h"
#include "mm/zone.h"

#define EVENTS_MAX 4096

struct change {
	const char *value[HUGE_SWITCHES]; /* NULL: as it is */
	const char *of_size;
	unsigned order;
};

static struct error *change(struct session *s, void *context)
{
	const struct change *c = context;

	for (int i = 0; i < HUGE_SWITCHES; i++)
		if (c->value[i])
			TRY(huge_switch_write(s->kernel, (enum huge_switch)i, c->value[i]));
	return c->of_size ? huge_size_write(s->kernel, c->order, c->of_size) : NULL;
}

/* As the file in /sys says it: "always [madvise] never". */
static void show_switch(struct session *s, enum huge_switch which)
{
	const char *now = huge_switch_read(s->kernel, which), *each;

	out_printf(s->out, "%*s:", 26, huge_switch_name(which));
	for (unsigned n = 0; (each = huge_switch_value(s->kernel, which, n)); n++)
		out_printf(s->out, strcmp(each, now) ? " %s" : " [%s]", each);
	out_text(s->out, "\n");
	out_str(s->out, huge_switch_name(which), NULL, now);
}

static void show_sizes(struct session *s)
{
	static const struct column columns[] = {{.key = "kbytes", .title = "SIZE", .width = 26, .align = '>'},
						{.key = "enabled", .title = "ENABLED", .gap = 2}};
	const unsigned shift = s->kernel->arch->page_shift;
	bool any = false;

	for (unsigned order = 0; order < 20; order++) {
		const char *now = huge_size_read(s->kernel, order);

		if (!now)
			continue;
		if (!any)
			out_table(s->out, "sizes", columns, sizeof(columns) / sizeof(columns[0]), true);
		any = true;
		out_cell_dec(s->out, 1ull << (order + shift - 10));
		out_cell_str(s->out, now);
		out_row_end(s->out);
	}
	if (any)
		out_table_end(s->out);
}

/* What vmstat has of them, by its names. */
static void show_counts(struct session *s)
{
	struct kernel *k = s->kernel;
	struct type t = type_find(k, TYPE_ENUM, "vm_event_item");
	uint64_t at = symbol_addr(k, "vm_event_states");
	char name[64];
	const char *item;
	int64_t index;

	out_object_begin(s->out, "vmstat");
	for (size_t i = 0; at && type_valid(t) && i < EVENTS_MAX && enumerator_at(t, i, &item, &index); i++) {
		if (strncmp(item, "THP_", 4) || index < 0 || index >= EVENTS_MAX)
			continue;
		snprintf(name, sizeof(name), "%s", item);
		for (char *c = name; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		out_printf(s->out, "%*s: ", 26, name);
		out_sdec(s->out, name, "%" PRId64 "\n", vmstat_event(k, at, index));
	}
	out_object_end(s->out);
}

static struct error *show(struct session *s)
{
	struct kernel *k = s->kernel;
	uint64_t zero;

	if (!huge_switch_read(k, HUGE_ENABLED))
		return error_new(ERR_UNSUPPORTED, "this kernel has no transparent huge pages");
	TRY(nodes_open(k));
	for (int i = 0; i < HUGE_SWITCHES; i++)
		show_switch(s, (enum huge_switch)i);
	zero = huge_zero_frame(k);
	if (zero != UINT64_MAX && zero != UINT32_MAX)
		out_hex(s->out, "huge_zero_page", "            huge zero page: %" PRIx64 "\n", zero << k->arch->page_shift);
	show_counts(s);
	show_sizes(s);
	return NULL;
}

/* "64k=always" */
static struct error *parse_size(struct session *s, const char *text, struct change *c)
{
	const char *equals = strchr(text, '=');
	char size[32];
	uint64_t bytes;

	if (!equals || equals - text >= (ptrdiff_t)sizeof(size))
		return error_new(ERR_USAGE, "no size and value: %s", text);
	snprintf(size, sizeof(size), "%.*s", (int)(equals - text), text);
	TRY(parse_length(size, &bytes));
	c->of_size = equals + 1;
	c->order = 0;
	while (c->order < 30 && 1ull << (c->order + s->kernel->arch->page_shift) < bytes)
		c->order++;
	if (1ull << (c->order + s->kernel->arch->page_shift) != bytes)
		return error_new(ERR_USAGE, "no size of huge pages: %s", text);
	return NULL;
}

static struct error *run_hugepages(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "d:z:s:"};
	struct change c = {0};
	const char *size = NULL;
	int option;

	while ((option = next_option(&p))) {
		if (option == '?')
			return option_error(&p);
		if (option == 'd')
			c.value[HUGE_DEFRAG] = p.argument;
		else if (option == 'z')
			c.value[HUGE_USE_ZERO_PAGE] = p.argument;
		else
			size = p.argument;
	}
	if (p.index < argc)
		c.value[HUGE_ENABLED] = argv[p.index++];
	if (p.index != argc)
		return usage_error(argv[0], NULL);
	if (size)
		TRY(parse_size(s, size, &c));
	if (size || c.value[HUGE_ENABLED] || c.value[HUGE_DEFRAG] || c.value[HUGE_USE_ZERO_PAGE])
		TRY(act_change(s, change, &c));
	return show(s);
}

COMMAND(hugepages) = {
	.name = "hugepages",
	.summary = "when transparent huge pages are used",
	.synopsis = "[-d DEFRAG] [-z 0 | 1] [-s SIZE=VALUE] [always | madvise | never]",
	.options = "-d -z -s",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Shows what /sys/kernel/mm/transparent_hugepage says: whether an anonymous fault gets a huge\n"
		"  page where one fits, always, in areas that asked for it (madvise hugepage), or never; whether\n"
		"  memory is compacted when none is free; whether reads get the huge zero page. Then that page's\n"
		"  physical address, while there is one, and what vmstat counts of huge pages; and on kernels\n"
		"  that have smaller ones too (since 6.8) each size's own switch.\n"
		"\n"
		"  A word sets the first. The machines start with never; so do most of their examples.\n"
		"\n"
		"  -d  the second: always, defer, defer+madvise, madvise or never, as the kernel has them\n"
		"  -z  the third: 1 or 0\n"
		"  -s  a size's: always, inherit, madvise or never\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> hugepages\n"
		"    mmscope> hugepages -z 1 madvise\n",
	.run = run_hugepages,
};
