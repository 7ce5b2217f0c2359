/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mremap, madvise, mlock and its like: system calls that move areas, say how they will be used, keep them in memory.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/act.h"

struct area_act {
	uint64_t mm, addr, len;
	uint64_t new_len, new_addr, result;
	unsigned flags;
	int advice;  /* MADV_… */
	int lock;    /* MCL_… */
	bool on_fault;
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

/* ---- madvise ---- */

static const struct {
	const char *name;
	int advice;
} advices[] = {
	{"normal", MADV_NORMAL},
	{"random", MADV_RANDOM},
	{"sequential", MADV_SEQUENTIAL},
	{"willneed", MADV_WILLNEED},
	{"dontneed", MADV_DONTNEED},
	{"free", MADV_FREE},
	{"remove", MADV_REMOVE},
	{"dontfork", MADV_DONTFORK},
	{"dofork", MADV_DOFORK},
	{"mergeable", MADV_MERGEABLE},
	{"unmergeable", MADV_UNMERGEABLE},
	{"hugepage", MADV_HUGEPAGE},
	{"nohugepage", MADV_NOHUGEPAGE},
	{"dontdump", MADV_DONTDUMP},
	{"dodump", MADV_DODUMP},
	{"wipeonfork", MADV_WIPEONFORK},
	{"keeponfork", MADV_KEEPONFORK},
	{"cold", 20 /* MADV_COLD */},
	{"pageout", 21 /* MADV_PAGEOUT */},
	{"populate_read", 22 /* MADV_POPULATE_READ */},
	{"populate_write", 23 /* MADV_POPULATE_WRITE */},
	{"dontneed_locked", 24 /* MADV_DONTNEED_LOCKED */},
	{"collapse", 25 /* MADV_COLLAPSE */},
	{"guard_install", 102 /* MADV_GUARD_INSTALL */},
	{"guard_remove", 103 /* MADV_GUARD_REMOVE */},
};

static struct error *parse_advice(const char *word, int *advice)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (!strcmp(advices[i].name, word)) {
			*advice = advices[i].advice;
			return NULL;
		}
	return error_new(ERR_USAGE, "no such advice: %s", word);
}

static struct error *advise(struct engine *e, void *context)
{
	struct area_act *a = context;

	return sys_madvise(e, a->mm, a->addr, a->len, a->advice);
}

static struct error *run_madvise(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:"};
	struct area_act a = {0};
	const char *word = NULL;
	int c;

	while ((c = next_option(&p))) {
		if (c != 'c')
			return option_error(&p);
		word = p.argument;
	}
	if (argc - p.index != 3)
		return usage_error(argv[0], NULL);
	TRY(parse_address(s, argv[p.index], &a.addr));
	TRY(parse_length(argv[p.index + 1], &a.len));
	TRY(parse_advice(argv[p.index + 2], &a.advice));
	TRY(act_on(s, word, &a));
	TRY(act_do(s, advise, &a));
	act_print_area(s, a.mm, a.addr);
	return NULL;
}

/* ---- mlock, munlock, mlockall, munlockall ---- */

static struct error *lock(struct engine *e, void *context)
{
	struct area_act *a = context;

	return sys_mlock(e, a->mm, a->addr, a->len, a->on_fault);
}

static struct error *unlock(struct engine *e, void *context)
{
	struct area_act *a = context;

	return sys_munlock(e, a->mm, a->addr, a->len);
}

static struct error *lock_all(struct engine *e, void *context)
{
	struct area_act *a = context;

	return sys_mlockall(e, a->mm, a->lock);
}

static void print_locked(struct session *s, const struct area_act *a)
{
	struct object mm;

	if (error_drop(object_open(s->kernel, a->mm, S_mm_struct, &mm)))
		return;
	out_dec(s->out, "locked_pages", "locked: %" PRIu64 " pages\n", GET(s->kernel, &mm, mm_struct, locked_vm));
}

static struct error *run_mlock(struct session *s, int argc, char **argv)
{
	bool locks = !strcmp(argv[0], "mlock");
	struct option_parser p = {.argc = argc, .argv = argv, .spec = locks ? "c:o" : "c:"};
	struct area_act a = {0};
	const char *word = NULL;
	int c;

	while ((c = next_option(&p))) {
		if (c == '?')
			return option_error(&p);
		if (c == 'c')
			word = p.argument;
		else
			a.on_fault = true;
	}
	if (argc - p.index != 2)
		return usage_error(argv[0], NULL);
	TRY(parse_address(s, argv[p.index], &a.addr));
	TRY(parse_length(argv[p.index + 1], &a.len));
	TRY(act_on(s, word, &a));
	TRY(act_do(s, locks ? lock : unlock, &a));
	print_locked(s, &a);
	return NULL;
}

static struct error *run_mlockall(struct session *s, int argc, char **argv)
{
	bool locks = !strcmp(argv[0], "mlockall");
	struct option_parser p = {.argc = argc, .argv = argv, .spec = locks ? "c:pfo" : "c:"};
	struct area_act a = {0};
	const char *word = NULL;
	int c;

	while ((c = next_option(&p))) {
		if (c == '?')
			return option_error(&p);
		if (c == 'c')
			word = p.argument;
		else
			a.lock |= c == 'p' ? MCL_CURRENT : c == 'f' ? MCL_FUTURE : MCL_ONFAULT;
	}
	if (p.index < argc)
		return usage_error(argv[0], NULL);
	if (locks && !(a.lock & (MCL_CURRENT | MCL_FUTURE)))
		a.lock |= MCL_CURRENT | MCL_FUTURE;
	TRY(act_on(s, word, &a));
	TRY(act_do(s, lock_all, &a));
	print_locked(s, &a);
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

COMMAND(madvise) = {
	.name = "madvise",
	.summary = "a process says how it will use its memory",
	.synopsis = "[-c pid | task] ADDR LENGTH ADVICE",
	.options = "-c",
	.words = "normal random sequential willneed dontneed free remove cold pageout dontfork dofork mergeable unmergeable hugepage nohugepage dontdump dodump wipeonfork keeponfork populate_read "
		 "populate_write dontneed_locked collapse guard_install guard_remove",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Gives the kernel advice on a range. Most kinds set or clear flags of the areas, which are split and\n"
		"  joined for that:\n"
		"\n"
		"    normal random sequential     how it will be read\n"
		"    dontfork dofork              a child does not get it, or does\n"
		"    wipeonfork keeponfork        a child finds it empty, or not (since 4.14)\n"
		"    hugepage nohugepage          huge pages there, or none\n"
		"    mergeable unmergeable        ksmd may merge its pages with others, or not\n"
		"    dontdump dodump              in core dumps, or not\n"
		"\n"
		"  Others are about pages:\n"
		"\n"
		"    dontneed    they go at once; what comes back when it is touched is empty, or the file's\n"
		"    free        they may go when memory is short, if nobody has written to them until then (since 4.5)\n"
		"    remove      they go from the file, too: a hole there; of shared memory\n"
		"    cold        as if they had not been used for a while: reclaim takes them first (since 5.4)\n"
		"    pageout     they go now, to swap or by being dropped, if nobody else maps them (since 5.4)\n"
		"    willneed    they are read ahead, from the machine's disk or its swap\n"
		"    populate_read populate_write   each is there as if it had been touched (since 5.14)\n"
		"\n"
		"  dontneed_locked, collapse, guard_install and guard_remove are taken where the kernel knows them, and\n"
		"  refused: what they do is not done here.\n"
		"\n"
		"  Kernels like 2.4 know normal, random, sequential, willneed and dontneed. khugepaged and ksmd, which do\n"
		"  not run here, are not told.\n"
		"\n"
		"  On a dump pageout takes slots of its swap areas (kernels from 5.10 on that have swap_map, and no LRU\n"
		"  lists by generations). The disks of a dump are not here: the bytes are kept in memory of the overlay's\n"
		"  own, \"overlay's swap\" in what diff prints, so that a fault brings them back; save keeps them, too.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mmap -c 273 -A 50000000 64k\n"
		"    mmscope> touch -c 273 -w 50000000 64k\n"
		"    mmscope> madvise -c 273 50000000 32k dontneed\n"
		"    mmscope> madvise -c 273 50004000 8k random\n"
		"    mmscope> vm -p 273\n",
	.run = run_madvise,
};

COMMAND(mlock) = {
	.name = "mlock",
	.summary = "a process locks a range in memory",
	.synopsis = "[-c pid | task] [-o] ADDR LENGTH",
	.options = "-c -o",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Locks the areas of the range: their pages are brought in, and reclaim leaves them alone. On kernels\n"
		"  with reverse mapping they go to the list of unevictable pages. Prints how much the process has locked.\n"
		"\n"
		"  -o  each page when it comes (mlock2() with MLOCK_ONFAULT, since 4.4)\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mmap -c 273 -A 50000000 64k\n"
		"    mmscope> mlock -c 273 50004000 16k\n"
		"    mmscope> vm -p 273\n",
	.run = run_mlock,
};

COMMAND(munlock) = {
	.name = "munlock",
	.summary = "a process unlocks a range",
	.synopsis = "[-c pid | task] ADDR LENGTH",
	.options = "-c",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  The areas of the range are not locked in memory any more; their pages stay until reclaim wants them.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mmap -c 273 -l -A 50000000 64k\n"
		"    mmscope> munlock -c 273 50004000 16k\n",
	.run = run_mlock,
};

COMMAND(mlockall) = {
	.name = "mlockall",
	.summary = "a process locks all of its memory",
	.synopsis = "[-c pid | task] [-p] [-f] [-o]",
	.options = "-c -p -f -o",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Locks what is mapped at present, and what will be.\n"
		"\n"
		"  -p  only what is mapped at present (MCL_CURRENT)\n"
		"  -f  only what will be mapped (MCL_FUTURE)\n"
		"  -o  each page when it comes (MCL_ONFAULT, since 4.4)\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mlockall -c 273\n",
	.run = run_mlockall,
};

COMMAND(munlockall) = {
	.name = "munlockall",
	.summary = "a process unlocks all of its memory",
	.synopsis = "[-c pid | task]",
	.options = "-c",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Nothing of the process is locked in memory any more, nor will be when it is mapped.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mlockall -c 273\n"
		"    mmscope> munlockall -c 273\n",
	.run = run_mlockall,
};
