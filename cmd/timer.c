/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * timer: what is to happen when.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/session.h"
#include "cmd/variables.h"
#include "mm/timer.h"

struct list {
	struct timer *timers;
	size_t count, room;
};

static bool collect(void *context, const struct timer *t)
{
	struct list *list = context;

	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->timers = realloc(list->timers, list->room * sizeof(*list->timers));
		if (!list->timers)
			abort();
	}
	list->timers[list->count] = *t;
	list->timers[list->count].order = list->count;
	list->count++;
	return true;
}

/* Of the same expiry in the order in which the wheel has them. */
static int by_expiry(const void *a, const void *b)
{
	const struct timer *x = a, *y = b;

	if (x->expires != y->expires)
		return x->expires < y->expires ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static short decimal_width(uint64_t value, bool negative)
{
	char text[24];

	return (short)(snprintf(text, sizeof(text), "%" PRIu64, value) + negative);
}

static void put_function(struct session *s, uint64_t function)
{
	struct symbol symbol;
	uint64_t offset;
	char text[300] = "", name[280] = "";

	if (symbol_at(s->kernel, function, &symbol, &offset))
		snprintf(name, sizeof(name), offset ? "%s+%" PRIu64 : "%s", symbol.name, offset);
	if (*name)
		snprintf(text, sizeof(text), "%" PRIx64 "  <%s>", function, name);
	else
		snprintf(text, sizeof(text), "%" PRIx64, function);
	out_cell_hex_as(s->out, function, text);
	out_str(s->out, "function_name", NULL, *name ? name : NULL);
}

/* The table of a list: as wide as its numbers are. */
static void print_timers(struct session *s, const struct list *list, uint64_t now, bool high)
{
	short expires = 7, tte = 4, soft = 11, digits = (short)(2 * s->kernel->arch->pointer_size);

	for (size_t i = 0; i < list->count; i++) {
		int64_t left = (int64_t)(list->timers[i].expires - now);
		short widths[] = {decimal_width(list->timers[i].expires, false), decimal_width(left < 0 ? -(uint64_t)left : (uint64_t)left, left < 0),
				  decimal_width(list->timers[i].soft_expires, false)};

		expires = widths[0] > expires ? widths[0] : expires;
		tte = widths[1] > tte ? widths[1] : tte;
		soft = widths[2] > soft ? widths[2] : soft;
	}
	const struct column columns[] = {
		{"soft_expires", "SOFTEXPIRES", soft, '^', 2}, {"expires", "EXPIRES", expires, '^', 2}, {"tte", "TTE", tte, '>', 2},
		{high ? "hrtimer" : "timer_list", high ? "HRTIMER" : "TIMER_LIST", digits, '^', 2}, {"function", "FUNCTION", digits, '^', 2}};

	out_table(s->out, "timers", high ? columns : columns + 1, high ? 5 : 4, true);
	for (size_t i = 0; i < list->count && !interrupted(); i++) {
		const struct timer *t = &list->timers[i];

		if (high)
			out_cell_dec(s->out, t->soft_expires);
		out_cell_dec(s->out, t->expires);
		out_cell_sdec(s->out, (int64_t)(t->expires - now));
		out_cell_hex(s->out, t->addr);
		put_function(s, t->function);
		out_row_end(s->out);
	}
	out_table_end(s->out);
}

/* ---- The wheels ---- */

static struct error *show_base(struct session *s, unsigned cpu, unsigned index, uint64_t jiffies)
{
	uint64_t base = timer_base(s->kernel, cpu, index);
	const char *name = timer_base_name(s->kernel, index);
	struct list list = {0};
	struct error *e = timers_for_each(s->kernel, base, collect, &list);

	if (e) {
		free(list.timers);
		return e;
	}
	qsort(list.timers, list.count, sizeof(*list.timers), by_expiry);
	out_object_begin(s->out, NULL);
	out_dec(s->out, "cpu", "TIMER_BASES[%" PRIu64 "]", cpu);
	out_str(s->out, "name", *name ? "[BASE_%s]" : "%s", name);
	out_hex(s->out, "base", ": %" PRIx64 "\n", base);
	if (list.count || out_json(s->out))
		print_timers(s, &list, jiffies, false);
	else
		out_text(s->out, "  (none)\n");
	out_object_end(s->out);
	free(list.timers);
	return NULL;
}

static struct error *show_wheels(struct session *s, const bool *cpus)
{
	unsigned bases = timer_bases(s->kernel);
	uint64_t jiffies;
	bool first = true;

	if (!bases)
		return error_new(ERR_UNSUPPORTED, "this kernel's timers are not known");
	TRY(kernel_read_symbol(s->kernel, "jiffies", 0, &jiffies));
	out_dec(s->out, "jiffies", "JIFFIES\n%" PRIu64 "\n\n", jiffies);
	out_array_begin(s->out, "bases");
	for (unsigned cpu = 0; cpu < s->kernel->cpus && !interrupted(); cpu++) {
		if (!cpus[cpu])
			continue;
		if (!first)
			out_text(s->out, "\n");
		first = false;
		for (unsigned i = 0; i < bases; i++)
			TRY(show_base(s, cpu, i, jiffies));
	}
	out_array_end(s->out);
	return NULL;
}

/* ---- High-resolution timers ---- */

static struct error *show_clock(struct session *s, unsigned index, const struct hrtimer_clock *clock, uint64_t monotonic)
{
	uint64_t now = monotonic + (uint64_t)clock->offset;
	struct list list = {0};
	struct error *e = hrtimers_for_each(s->kernel, clock, collect, &list);

	if (e) {
		free(list.timers);
		return e;
	}
	out_object_begin(s->out, NULL);
	out_dec(s->out, "clock", "  CLOCK: %" PRIu64 "  ", index);
	out_hex(s->out, "clock_base", "HRTIMER_CLOCK_BASE: %" PRIx64 "  ", clock->addr);
	out_str(s->out, "name", "[%s]\n", clock->name);
	if (list.count)
		out_dec(s->out, "current", "     CURRENT\n  %" PRIu64 "\n", now);
	if (list.count || out_json(s->out))
		print_timers(s, &list, now, true);
	else
		out_text(s->out, "  (empty)\n");
	out_object_end(s->out);
	free(list.timers);
	return NULL;
}

static struct error *show_high(struct session *s, const bool *cpus)
{
	struct hrtimer_clock clock;
	bool first = true;
	uint64_t now;

	if (!hrtimer_clock(s->kernel, 0, 0, &clock))
		return error_new(ERR_UNSUPPORTED, "this kernel's high-resolution timers are not known");
	TRY(hrtimer_now(s->kernel, &now));
	out_array_begin(s->out, "cpus");
	for (unsigned cpu = 0; cpu < s->kernel->cpus && !interrupted(); cpu++) {
		if (!cpus[cpu] || !hrtimer_clock(s->kernel, cpu, 0, &clock))
			continue;
		out_object_begin(s->out, NULL);
		out_dec(s->out, "cpu", first ? "CPU: %" PRIu64 "  " : "\nCPU: %" PRIu64 "  ", cpu);
		out_hex(s->out, "cpu_base", "HRTIMER_CPU_BASE: %" PRIx64 "\n", clock.cpu_base);
		first = false;
		out_array_begin(s->out, "clocks");
		for (unsigned i = 0; hrtimer_clock(s->kernel, cpu, i, &clock); i++) {
			if (i)
				out_text(s->out, "\n");
			TRY(show_clock(s, i, &clock, now));
		}
		out_array_end(s->out);
		out_object_end(s->out);
	}
	out_array_end(s->out);
	return NULL;
}

static struct error *run_timer(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "rC:"};
	const char *words = "a";
	bool high = false, *cpus;
	struct error *e;
	int option;

	while ((option = next_option(&p))) {
		if (option == '?')
			return option_error(&p);
		if (option == 'C')
			words = p.argument;
		else
			high = true;
	}
	if (p.index < argc)
		return usage_error(argv[0], "too many words: %s", argv[p.index]);
	e = variable_shown_cpus(s, words, &cpus);
	if (!e)
		e = high ? show_high(s, cpus) : show_wheels(s, cpus);
	free(cpus);
	return e ? e : check_interrupt();
}

COMMAND(timer) = {
	.name = "timer",
	.summary = "timers, in the order in which they expire",
	.synopsis = "[-r] [-C CPUS]",
	.help = "Lists the timers of each CPU's wheels: when each expires, in jiffies; TTE, the ticks until then, negative for one that is\n"
		"late; the timer_list; the function that it calls.\n"
		"\n"
		"  -r  the high-resolution timers of each CPU's clocks instead: the range in which they expire, in ns of that clock\n"
		"  -C  only these CPUs (0,2 or 1-3 or a for all)\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> timer\n"
		"    mmscope> timer -r -C 0\n",
	.options = "-r -C",
	.flags = CMD_NEEDS_KERNEL,
	.run = run_timer,
};
