/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mmap, munmap, mprotect, brk: system calls about a process's areas.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/act.h"
#include "cmd/vma_row.h"

struct area_act {
	uint64_t mm;
	uint64_t addr, len, offset;
	unsigned prot, flags;
	const char *path; /* NULL: no file */
	uint64_t result;
};

void act_print_area(struct session *s, uint64_t mm, uint64_t addr)
{
	struct vma vma;
	bool found;

	if (!error_drop(vma_find(s->kernel, mm, addr, &vma, &found)) && found)
		vma_row_print(s->out, s->kernel, &vma);
}

static struct error *parse_range(struct session *s, char **argv, struct area_act *a)
{
	TRY(parse_address(s, argv[0], &a->addr));
	return parse_length(argv[1], &a->len);
}

/* ---- mmap ---- */

static struct error *map(struct engine *e, void *context)
{
	struct area_act *a = context;
	uint64_t file = 0;

	if (a->offset & (VMCORE_PAGE_SIZE - 1))
		return error_new(ERR_KERNEL, "EINVAL: the offset is not at a page's start: %" PRIx64, a->offset);
	if (a->path)
		TRY(filp_open(e, a->path, a->flags & MAP_SHARED, &file));
	TRY(do_mmap_pgoff(e, a->mm, file, a->addr, a->len, a->prot, a->flags, a->offset >> VMCORE_PAGE_SHIFT, &a->result));
	/* The process closes it: the area keeps its own reference. */
	return file ? fput(e, file) : NULL;
}

static struct error *mmap_option(struct session *s, int option, const char *argument, struct area_act *a)
{
	switch (option) {
	case 'a':
	case 'A':
		a->flags |= option == 'A' ? MAP_FIXED : 0;
		return parse_address(s, argument, &a->addr);
	case 'f':
		a->path = argument;
		return NULL;
	case 'o':
		return parse_number(argument, true, &a->offset);
	case 's':
		a->flags = (a->flags & ~(unsigned)MAP_TYPE) | MAP_SHARED;
		return NULL;
	case 'l':
		a->flags |= MAP_LOCKED;
		return NULL;
	case 'p':
		a->flags |= MAP_POPULATE;
		return NULL;
	case 'n':
		a->flags |= MAP_NORESERVE;
		return NULL;
	default: /* 'g' */
		a->flags |= MAP_GROWSDOWN;
		return NULL;
	}
}

static struct error *run_mmap(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:a:A:f:o:slpgn"};
	struct area_act a = {.flags = MAP_PRIVATE, .prot = PROT_READ | PROT_WRITE};
	const char *word = NULL;
	uint64_t task;
	int c;

	while ((c = next_option(&p))) {
		if (c == '?')
			return option_error(&p);
		if (c == 'c')
			word = p.argument;
		else
			TRY(mmap_option(s, c, p.argument, &a));
	}
	if (argc - p.index < 1 || argc - p.index > 2)
		return usage_error("mmap", NULL);
	TRY(parse_length(argv[p.index], &a.len));
	if (argc - p.index == 2)
		TRY(parse_protection(argv[p.index + 1], &a.prot));
	TRY(act_task(s, word, &task));
	TRY(act_mm(s, task, &a.mm));
	TRY(act_do(s, map, &a));
	out_hex(s->out, "address", NULL, a.result);
	act_print_area(s, a.mm, a.result);
	return NULL;
}

/* ---- munmap, mprotect ---- */

static struct error *unmap(struct engine *e, void *context)
{
	struct area_act *a = context;

	return do_munmap(e, a->mm, a->addr, a->len);
}

static struct error *protect(struct engine *e, void *context)
{
	struct area_act *a = context;

	return sys_mprotect(e, a->mm, a->addr, a->len, a->prot);
}

static struct error *run_change(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:"};
	struct area_act a = {0};
	bool unmaps = !strcmp(argv[0], "munmap");
	const char *word = NULL;
	uint64_t task;
	int c;

	while ((c = next_option(&p))) {
		if (c != 'c')
			return option_error(&p);
		word = p.argument;
	}
	if (argc - p.index != (unmaps ? 2 : 3))
		return usage_error(argv[0], NULL);
	TRY(parse_range(s, argv + p.index, &a));
	if (!unmaps)
		TRY(parse_protection(argv[p.index + 2], &a.prot));
	TRY(act_task(s, word, &task));
	TRY(act_mm(s, task, &a.mm));
	TRY(act_do(s, unmaps ? unmap : protect, &a));
	if (!unmaps)
		act_print_area(s, a.mm, a.addr);
	return NULL;
}

/* ---- brk ---- */

static struct error *move_brk(struct engine *e, void *context)
{
	struct area_act *a = context;

	return sys_brk(e, a->mm, a->addr, &a->result);
}

static struct error *run_brk(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:"};
	struct area_act a = {0};
	const char *word = NULL;
	uint64_t task;
	int c;

	while ((c = next_option(&p))) {
		if (c != 'c')
			return option_error(&p);
		word = p.argument;
	}
	if (argc - p.index > 1)
		return usage_error("brk", NULL);
	if (p.index < argc)
		TRY(parse_address(s, argv[p.index], &a.addr));
	TRY(act_task(s, word, &task));
	TRY(act_mm(s, task, &a.mm));
	if (p.index < argc)
		TRY(act_do(s, move_brk, &a));
	else
		TRY(kernel_get(s->kernel, a.mm, M_mm_struct_brk, &a.result));
	out_hex(s->out, "brk", "brk: %" PRIx64 "\n", a.result);
	return NULL;
}

COMMAND(mmap) = {
	.name = "mmap",
	.summary = "a process maps memory or a file",
	.synopsis = "[-c pid | task] [-a ADDR | -A ADDR] [-f FILE [-o OFFSET]] [-s] [-l] [-p] [-g] [-n] LENGTH [PROT]",
	.options = "-c -a -A -f -o -s -l -p -g -n",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Maps LENGTH bytes (k, M and G may follow) with the protection PROT: letters of r, w, x, or \"-\"\n"
		"  for none; rw when it is left out. Prints the area that is there then. On a dump too, of kernels since\n"
		"  3.8; without -f there.\n"
		"\n"
		"  -a  near this address\n"
		"  -A  at this address, whatever is there (MAP_FIXED)\n"
		"  -f  a file of the machine's file system, from -o on (hexadecimal)\n"
		"  -s  shared; private without. Shared without -f, it is a new file of shared memory, without a name,\n"
		"      which children share and which goes with the last area of it (not on kernels like 2.4)\n"
		"  -l  locked in memory: its pages are brought in at once, and stay\n"
		"  -p  its pages are brought in at once (MAP_POPULATE; not on kernels like 2.4)\n"
		"  -g  grows down, as a stack does (MAP_GROWSDOWN)\n"
		"  -n  without a promise that there will be memory for it (MAP_NORESERVE): it is not counted against\n"
		"      what may be promised, unless that is limited strictly (overcommit_memory 2)\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mmap -c 273 64k\n"
		"    mmscope> mmap -c 273 -A 50000000 8k r\n",
	.run = run_mmap,
};

COMMAND(munmap) = {
	.name = "munmap",
	.summary = "a process unmaps a range",
	.synopsis = "[-c pid | task] ADDR LENGTH",
	.options = "-c",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Unmaps whatever is mapped in the range; areas that reach beyond are split.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mmap -c 273 -A 50000000 64k\n"
		"    mmscope> munmap -c 273 50001000 4k\n",
	.run = run_change,
};

COMMAND(mprotect) = {
	.name = "mprotect",
	.summary = "a process changes the protection of a range",
	.synopsis = "[-c pid | task] ADDR LENGTH PROT",
	.options = "-c",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Gives the range the protection PROT, letters of r, w, x, or \"-\" for none.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mmap -c 273 -A 50000000 64k\n"
		"    mmscope> mprotect -c 273 50000000 4k r\n",
	.run = run_change,
};

COMMAND(brk) = {
	.name = "brk",
	.summary = "a process moves the end of its heap",
	.synopsis = "[-c pid | task] [ADDR]",
	.options = "-c",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Moves the end of the heap to the address; without one, says where it is.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> brk -c 1\n",
	.run = run_brk,
};
