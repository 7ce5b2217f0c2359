/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * touch, poke, peek: a process accesses its memory.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/act.h"

/* ---- touch ---- */

struct touch_act {
	uint64_t task, addr, len;
	enum fault_access access;
	uint64_t minor, major, none; /* pages by what they took */
};

static struct error *touch_page(struct engine *e, struct touch_act *a, uint64_t addr)
{
	enum fault_result result;
	bool faulted;
	char why[160] = "";

	TRY(touch_user(e, a->task, addr, a->access, &faulted, &result, why, sizeof(why)));
	if (!faulted)
		a->none++;
	else if (result == FAULT_MINOR)
		a->minor++;
	else if (result == FAULT_MAJOR)
		a->major++;
	else
		return error_at(ERR_KERNEL, addr, "%s: %s: %" PRIx64,
				result == FAULT_SIGBUS ? "SIGBUS" : result == FAULT_OOM ? "ENOMEM" : "SIGSEGV", why, addr);
	return NULL;
}

static struct error *touch(struct engine *e, void *context)
{
	struct touch_act *a = context;
	uint64_t pages = ((a->addr & (VMCORE_PAGE_SIZE - 1)) + a->len + VMCORE_PAGE_SIZE - 1) >> VMCORE_PAGE_SHIFT, at = a->addr;

	for (uint64_t i = 0; i < pages; i++) {
		TRY(check_interrupt());
		TRY(touch_page(e, a, at));
		at = (at & ~(uint64_t)(VMCORE_PAGE_SIZE - 1)) + VMCORE_PAGE_SIZE;
	}
	return NULL;
}

static struct error *run_touch(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:rwx"};
	struct touch_act a = {.len = 1, .access = ACCESS_READ};
	const char *word = NULL;
	int c;

	while ((c = next_option(&p))) {
		if (c == 'c')
			word = p.argument;
		else if (c == '?')
			return option_error(&p);
		else
			a.access = c == 'w' ? ACCESS_WRITE : c == 'x' ? ACCESS_EXEC : ACCESS_READ;
	}
	if (argc - p.index < 1 || argc - p.index > 2)
		return usage_error("touch", NULL);
	TRY(parse_address(s, argv[p.index], &a.addr));
	if (argc - p.index == 2)
		TRY(parse_length(argv[p.index + 1], &a.len));
	if (a.addr + a.len < a.addr)
		return error_new(ERR_USAGE, "beyond the end of the address space: %s", argv[p.index + 1]);
	TRY(act_task(s, word, &a.task));
	TRY(act_do(s, touch, &a));
	out_dec(s->out, "minor", "minor faults: %" PRIu64, a.minor);
	out_dec(s->out, "major", "  major faults: %" PRIu64, a.major);
	out_dec(s->out, "no_fault", "  without a fault: %" PRIu64 "\n", a.none);
	return NULL;
}

/* ---- poke, peek ---- */

struct bytes_act {
	uint64_t task, addr;
	unsigned char *bytes;
	size_t len;
	bool write;
};

static struct error *access_bytes(struct engine *e, void *context)
{
	struct bytes_act *a = context;

	return access_process_vm(e, a->task, a->addr, a->bytes, a->len, a->write);
}

#define MOST_WORDS (1u << 20)

struct words {
	const char *task;
	unsigned size; /* bytes of a word */
	int first;     /* operand */
};

static struct error *parse_words(struct session *s, int argc, char **argv, struct words *w)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:8136"};

	*w = (struct words){.size = s->kernel->arch->pointer_size};
	for (int c; (c = next_option(&p));) {
		if (c == 'c') {
			w->task = p.argument;
			continue;
		}
		if (c == '?')
			return option_error(&p);
		/* "-16": the whole word is the option. */
		const char *digits = argv[p.index - 1] + 1;
		unsigned bits = (unsigned)atoi(digits);
		if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
			return usage_error(argv[0], "no such option: -%s", digits);
		w->size = bits / 8;
		p.place = NULL;
	}
	w->first = p.index;
	return NULL;
}

static struct error *run_poke(struct session *s, int argc, char **argv)
{
	struct bytes_act a = {.write = true};
	struct words w;
	struct error *e = NULL;

	TRY(parse_words(s, argc, argv, &w));
	if (argc - w.first < 2)
		return usage_error("poke", NULL);
	TRY(parse_address(s, argv[w.first], &a.addr));
	TRY(act_task(s, w.task, &a.task));
	a.len = (size_t)(argc - w.first - 1) * w.size;
	a.bytes = malloc(a.len);
	if (!a.bytes)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (int i = w.first + 1; !e && i < argc; i++) {
		uint64_t value = 0;

		e = parse_number(argv[i], true, &value);
		if (!e && w.size < 8 && value >> 8 * w.size)
			e = error_new(ERR_USAGE, "does not fit %u bytes: %s", w.size, argv[i]);
		store_uint(a.bytes + (size_t)(i - w.first - 1) * w.size, w.size, value);
	}
	if (!e)
		e = act_do(s, access_bytes, &a);
	free(a.bytes);
	return e;
}

static void print_words(struct session *s, const struct bytes_act *a, unsigned size)
{
	unsigned per_line = 16 / size;

	out_array_begin(s->out, "words");
	for (size_t i = 0; i < a->len / size; i++) {
		if (!(i % per_line))
			out_printf(s->out, "%s%08" PRIx64 ": ", i ? "\n" : "", a->addr + i * size);
		uint64_t value = load_uint(a->bytes + i * size, size);
		out_printf(s->out, " %0*" PRIx64, (int)size * 2, value);
		out_hex(s->out, NULL, NULL, value);
	}
	out_text(s->out, "\n");
	out_array_end(s->out);
}

static struct error *run_peek(struct session *s, int argc, char **argv)
{
	struct bytes_act a = {0};
	struct words w;
	uint64_t count = 1;

	TRY(parse_words(s, argc, argv, &w));
	if (argc - w.first < 1 || argc - w.first > 2)
		return usage_error("peek", NULL);
	TRY(parse_address(s, argv[w.first], &a.addr));
	if (argc - w.first == 2)
		TRY(parse_count(argv[w.first + 1], &count));
	if (!count || count > MOST_WORDS)
		return error_new(ERR_USAGE, "from 1 to %u words: %s", MOST_WORDS, argv[w.first + 1]);
	TRY(act_task(s, w.task, &a.task));
	a.len = count * w.size;
	a.bytes = malloc(a.len);
	if (!a.bytes)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *e = act_do(s, access_bytes, &a);
	if (!e)
		print_words(s, &a, w.size);
	free(a.bytes);
	return e;
}

COMMAND(touch) = {
	.name = "touch",
	.summary = "a process reads, writes or executes pages",
	.synopsis = "[-c pid | task] [-r | -w | -x] ADDR [LENGTH]",
	.options = "-c -r -w -x",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  The current context, or the task given with -c, accesses every page of the range once: reads\n"
		"  (-r, also without an option), writes without changing a byte (-w), or executes (-x). Where the\n"
		"  page tables do not allow it a fault is taken; \"trace on\" shows its way. One that ends in a signal\n"
		"  is an error, and none of the pages has been touched then.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> touch -c 273 -w bffff000\n"
		"    mmscope> touch -c 273 -r 8048000 4k\n",
	.run = run_touch,
};

COMMAND(poke) = {
	.name = "poke",
	.summary = "a process writes words into its memory",
	.synopsis = "[-c pid | task] [-8 | -16 | -32 | -64] ADDR VALUE…",
	.options = "-c -8 -16 -32 -64",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Writes the values, in hexadecimal, through the process's page tables, with the faults that this\n"
		"  takes. A word is as wide as a pointer, or as the option says.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> poke -c 273 bffff100 12345678\n",
	.run = run_poke,
};

COMMAND(peek) = {
	.name = "peek",
	.summary = "a process reads words of its memory",
	.synopsis = "[-c pid | task] [-8 | -16 | -32 | -64] ADDR [COUNT]",
	.options = "-c -8 -16 -32 -64",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Reads words through the process's page tables as the process would: a page that is absent is\n"
		"  brought in. (rd -u only looks.)\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> peek -c 273 bffff100 4\n",
	.run = run_peek,
};
