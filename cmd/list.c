/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * list: a linked list of any structures, followed by a member or through embedded list_heads.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/session.h"
#include "cmd/typed_object.h"

#define MAX_OPERANDS 2

struct list_request {
	struct session *s;
	uint64_t offset;   /* of the link within each structure */
	uint64_t head_offset; /* -O */
	uint64_t embedded; /* -l */
	uint64_t start, end;
	bool has_head_offset, has_embedded, has_end;
	bool heads;    /* -h, -H: links lead to links, not to structures */
	bool external; /* -H: the start is no entry */
	bool reverse, brent;
	struct shown_objects shown;
	unsigned radix;
	uint64_t count;
};

/* ---- Which entries were seen: open addressing, no entry is 0 ---- */

struct seen {
	uint64_t *slots;
	size_t count, size; /* size: a power of two */
};

static size_t seen_place(const struct seen *set, uint64_t value)
{
	size_t at = (value * 0x9e3779b97f4a7c15ull) >> 20 & (set->size - 1);

	while (set->slots[at] && set->slots[at] != value)
		at = (at + 1) & (set->size - 1);
	return at;
}

/* *again: it was in there already. */
static struct error *seen_add(struct seen *set, uint64_t value, bool *again)
{
	if (2 * set->count >= set->size) {
		struct seen larger = {.size = set->size ? 2 * set->size : 1024, .count = set->count};

		larger.slots = calloc(larger.size, sizeof(*larger.slots));
		if (!larger.slots)
			return error_new(ERR_NO_MEMORY, "out of memory after %zu entries; -B needs none", set->count);
		for (size_t i = 0; i < set->size; i++) {
			if (set->slots[i])
				larger.slots[seen_place(&larger, set->slots[i])] = set->slots[i];
		}
		free(set->slots);
		*set = larger;
	}
	size_t at = seen_place(set, value);
	*again = set->slots[at] == value;
	if (!*again)
		set->count++;
	set->slots[at] = value;
	return NULL;
}

/* ---- The walk ---- */

static struct error *show_entry(struct list_request *r, uint64_t entry)
{
	struct out *o = r->s->out;
	struct error *e;

	r->count++;
	out_object_begin(o, NULL);
	out_hex(o, "entry", "%" PRIx64 "\n", entry);
	e = shown_objects_show(&r->shown, o, entry - r->embedded);
	out_object_end(o);
	return e;
}

/* -B: how long the loop is and where it begins, by a second walk. `at` lies in the loop. */
static struct error *describe_loop(struct list_request *r, uint64_t first, uint64_t link, uint64_t at)
{
	uint64_t length = 0, ahead = first, behind = first, p = at;
	struct kernel *k = r->s->kernel;

	do {
		TRY(kernel_read_pointer(k, p + link, &p));
		length++;
		if (!(length & 0xffff))
			TRY(check_interrupt());
	} while (p != at);
	for (uint64_t i = 0; i < length; i++)
		TRY(kernel_read_pointer(k, ahead + link, &ahead));
	while (ahead != behind) {
		TRY(kernel_read_pointer(k, ahead + link, &ahead));
		TRY(kernel_read_pointer(k, behind + link, &behind));
	}
	return error_at(ERR_BAD_LIST, behind, "list loops: %" PRIu64 " entries from %" PRIx64 " on; the first duplicate is %" PRIx64,
			length, behind, behind);
}

/*
 * `at` is what links lead to: a structure, or with heads the link in one. The list is over where it comes back to `back`, or to its second entry
 * (START was then no part of the circle).
 */
static struct error *follow(struct list_request *r, struct seen *set, uint64_t at, uint64_t back)
{
	struct kernel *k = r->s->kernel;
	const uint64_t link = (r->heads ? 0 : r->offset) + (r->reverse ? k->arch->pointer_size : 0);
	const uint64_t to_entry = r->heads ? r->offset : 0;
	uint64_t first = at, second = 0, tortoise = 0, power = 1, steps = 0, next;

	while (at && (!steps || at != back) && (steps < 2 || at != second) && !(r->has_end && (at == r->end || at - to_entry == r->end))) {
		bool again = false;

		if (!r->brent)
			TRY(seen_add(set, at, &again));
		if (again)
			return error_at(ERR_BAD_LIST, at - to_entry, "duplicate list entry: %" PRIx64, at - to_entry);
		if (r->brent && at == tortoise)
			return describe_loop(r, first, link, at);
		if (steps == 1)
			second = at;
		if (++steps == power) {
			tortoise = at;
			power *= 2;
		}
		TRY(kernel_read_pointer(k, at + link, &next));
		TRY(show_entry(r, at - to_entry));
		/* A structure whose link leads to itself is the last: init_task.parent. */
		if (next == at)
			return NULL;
		at = next;
		if (r->s->out->failed || !(steps & 0xfff))
			TRY(check_interrupt());
	}
	return NULL;
}

static struct error *walk(struct list_request *r, struct seen *set)
{
	struct kernel *k = r->s->kernel;
	uint64_t head = r->start + (r->has_head_offset ? r->head_offset : r->external ? 0 : r->offset), first;

	if (!r->heads)
		return follow(r, set, r->start, r->start);
	if (!r->external && !r->has_head_offset)
		return follow(r, set, head, head);
	TRY(kernel_read_pointer(k, head + (r->reverse ? k->arch->pointer_size : 0), &first));
	if (!first || first == head) {
		out_text(r->s->out, "(empty)\n");
		return NULL;
	}
	return follow(r, set, first, head);
}

/* ---- Words ---- */

/* The offset, when it is one, and where to start: "task_struct.tasks", "24", and an address, in this order or with the offset last. */
static struct error *parse_operands(struct list_request *r, char **operands, int count, bool has_offset)
{
	int start = count - 1;

	if (!count)
		return usage_error("list", "the start of a list is needed");
	if (count == 2 && has_offset)
		return usage_error("list", "one offset is enough: %s", operands[0]);
	if (count == 2) {
		struct error *e = parse_offset(r->s, operands[0], &r->offset);

		if (e && error_drop(parse_offset(r->s, operands[1], &r->offset)))
			return e;
		if (e)
			start = 0;
		error_free(e);
	}
	TRY(parse_address(r->s, operands[start], &r->start));
	return r->start ? NULL : error_new(ERR_USAGE, "no list starts at address 0: %s", operands[start]);
}

static struct error *parse_list(struct list_request *r, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "o:e:s:S:l:O:rBhHxd"};
	char *operands[MAX_OPERANDS];
	int count = 0;
	bool has_offset = false;

	for (;;) {
		int option = next_option(&p);

		switch (option) {
		case 0:
			if (p.index >= argc)
				return parse_operands(r, operands, count, has_offset);
			if (count == MAX_OPERANDS)
				return usage_error(argv[0], "too many words: %s", argv[p.index]);
			operands[count++] = argv[p.index++];
			break;
		case 'o':
			TRY(parse_offset(r->s, p.argument, &r->offset));
			has_offset = true;
			break;
		case 'e':
			TRY(parse_address(r->s, p.argument, &r->end));
			r->has_end = true;
			break;
		case 's':
		case 'S':
			TRY(shown_objects_add(&r->shown, argv[0], p.argument));
			break;
		case 'l':
			TRY(parse_offset(r->s, p.argument, &r->embedded));
			r->has_embedded = true;
			break;
		case 'O':
			TRY(parse_offset(r->s, p.argument, &r->head_offset));
			r->has_head_offset = true;
			break;
		case 'H':
			r->external = true;
			/* fall through */
		case 'h':
			r->heads = true;
			break;
		case 'r':
			r->reverse = true;
			break;
		case 'B':
			r->brent = true;
			break;
		case 'x':
		case 'd':
			r->radix = option == 'x' ? 16 : 10;
			break;
		default:
			return option_error(&p);
		}
	}
}

static struct error *check_options(const struct list_request *r)
{
	if (r->has_head_offset && (!r->heads || r->external))
		return usage_error("list", "-O goes with -h");
	if (r->has_embedded && (!r->shown.given || r->heads))
		return usage_error("list", "-l goes with -s, and not with -h or -H");
	return NULL;
}

static struct error *run_list(struct session *s, int argc, char **argv)
{
	struct list_request r = {.s = s};
	struct seen set = {0};

	TRY(parse_list(&r, argc, argv));
	TRY(check_options(&r));
	struct error *e = shown_objects_open(s, &r.shown, r.radix);
	out_array_begin(s->out, "entries");
	if (!e)
		e = walk(&r, &set);
	if (!e || e->code == ERR_BAD_LIST) {
		out_array_end(s->out);
		out_dec(s->out, "count", NULL, r.count);
	}
	shown_objects_free(&r.shown);
	free(set.slots);
	return e;
}

COMMAND(list) = {
	.name = "list",
	.summary = "follows a linked list",
	.synopsis = "[[-o] OFFSET] [-e END] [-s STRUCT[.MEMBER[,MEMBER]…]]… [-l OFFSET] [-x | -d] [-r] [-B]\n"
		    "[-h [-O OFFSET] | -H] START",
	.options = "-o -e -s -S -l -x -d -r -B -h -O -H",
	.flags = CMD_NEEDS_KERNEL | CMD_STRUCT_ARGS | CMD_SYMBOL_ARGS,
	.help = "DESCRIPTION\n"
		"  Prints the address of each structure in a list. The link is a pointer in each structure, OFFSET bytes\n"
		"  from its start (0 by default), also given as STRUCT.MEMBER.\n"
		"\n"
		"  Without -h and -H the links lead to structures: START is the first, and the list ends with a null\n"
		"  pointer or where it comes back to START or to itself. With them the links are embedded list_heads, which\n"
		"  lead to each other:\n"
		"\n"
		"  -H  START is a list_head of its own that is in no structure of the list\n"
		"  -h  START is a structure of the list; or with -O a structure that has the list's head at that OFFSET\n"
		"  -r  backwards, by the list_heads' prev\n"
		"  -e  the list ends before this structure\n"
		"  -s  what to show of each structure: all, or members; more than one -s may be given. -S is the same\n"
		"  -l  with -s: START and what follows it are places within the structures, OFFSET bytes from the start\n"
		"  -B  loops are found without memory, and described\n"
		"  -x, -d  numbers in hexadecimal, in decimal\n"
		"\n"
		"  A list that runs into itself is an error that names the entry that comes twice.\n"
		"\n"
		"EXAMPLES\n"
		"  All tasks, by the list_head at init_task:\n"
		"    mmscope> list task_struct.tasks -s task_struct.pid,comm -h init_task\n"
		"  The ancestors of a task:\n"
		"    mmscope> list task_struct.real_parent init_task\n",
	.run = run_list,
};
