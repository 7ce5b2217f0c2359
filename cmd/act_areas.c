/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mremap: system calls that move areas.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/act.h"

struct area_act {
	uint64_t mm, addr, len;
	uint64_t new_len, new_addr, result;
	unsigned flags;
};

static struct error *act_on(struct session *s, const char *word, struct area_act *a)
{
	uint64_t task;

	TRY(act_task(s, word, &task));
	return act_mm(s, task, &a->mm);
}

/* ---- mremap ---- */

#define DONTUNMAP 4 /* MREMAP_DONTUNMAP */

static struct error *remap(struct engine *e, void *context)
{
	struct area_act *a = context;

	return sys_mremap(e, a->mm, a->addr, a->len, a->new_len, a->flags, a->new_addr, &a->result);
}

static struct error *run_mremap(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:mA:d"};
	struct area_act a = {0};
	const char *word = NULL;
	int c;

	while ((c = next_option(&p))) {
		if (c == '?')
			return option_error(&p);
		if (c == 'c')
			word = p.argument;
		else
			a.flags |= MREMAP_MAYMOVE;
		if (c == 'A') {
			a.flags |= MREMAP_FIXED;
			TRY(parse_address(s, p.argument, &a.new_addr));
		} else if (c == 'd') {
			a.flags |= DONTUNMAP;
		}
	}
	if (argc - p.index < 2 || argc - p.index > 3)
		return usage_error(argv[0], NULL);
	TRY(parse_address(s, argv[p.index], &a.addr));
	TRY(parse_length(argv[p.index + 1], &a.len));
	a.new_len = a.len;
	if (argc - p.index == 3)
		TRY(parse_length(argv[p.index + 2], &a.new_len));
	TRY(act_on(s, word, &a));
	TRY(act_do(s, remap, &a));
	out_hex(s->out, "address", NULL, a.result);
	act_print_area(s, a.mm, a.result);
	return NULL;
}

COMMAND(mremap) = {
	.name = "mremap",
	.summary = "a process moves, shrinks or grows a mapping",
	.synopsis = "[-c pid | task] [-m | -A NEW] [-d] ADDR LENGTH [NEWLENGTH]",
	.options = "-c -m -A -d",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Gives the LENGTH bytes at ADDR the length NEWLENGTH. What grows stays where it is if there is room\n"
		"  behind it; else it moves, if it may: no page is copied, its entry (or a whole page table, where\n"
		"  the kernel can do that) goes to another place. Prints the area that is there then. \"trace on\"\n"
		"  shows which of the ways it takes.\n"
		"\n"
		"  -m  may move (MREMAP_MAYMOVE)\n"
		"  -A  moves to this address, whatever is there (MREMAP_FIXED)\n"
		"  -d  moves, and the old area stays mapped, without pages (MREMAP_DONTUNMAP, since 5.7)\n"
		"\n"
		"EXAMPLES\n"
		"  An area grows where it is, and moves with its page:\n"
		"    mmscope> mmap -c 273 -A 50000000 8k\n"
		"    mmscope> touch -c 273 -w 50000000\n"
		"    mmscope> mremap -c 273 50000000 8k 64k\n"
		"    mmscope> mremap -c 273 -A 60000000 50000000 64k\n"
		"    mmscope> vtop -c 273 60000000\n",
	.run = run_mremap,
};
