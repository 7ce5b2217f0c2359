/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wr: write memory. It goes to the overlay: no file changes, undo takes it back, save keeps it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/act.h"
#include "cmd/context.h"
#include "core/pagetable.h"

enum space { BY_ADDRESS, USER, KERNEL, PHYSICAL };

struct writing {
	enum space space;
	const struct task *task; /* of user addresses */
	uint64_t addr, value;
	unsigned size; /* bytes */
};

static struct error *user_physical(struct kernel *k, uint64_t mm, uint64_t addr, uint64_t *phys)
{
	struct error *unreadable = NULL;
	struct walk walk;
	uint64_t pgd;

	TRY(mm_pgd(k, mm, &pgd));
	pagetable_walk(k->vmcore, &k->geometry, pgd, addr, &walk, &unreadable);
	if (unreadable)
		return unreadable;
	if (walk.result != WALK_MAPPED)
		return error_at(ERR_NOT_MAPPED, addr, "%s: user address %" PRIx64,
				walk.result == WALK_EMPTY ? "not mapped" : "not present", addr);
	*phys = walk.phys;
	return NULL;
}

static struct error *write_user(struct session *s, const struct writing *w)
{
	/* Byte by byte: a value may lie on two pages. */
	for (unsigned i = 0; i < w->size; i++) {
		uint8_t byte = (uint8_t)(w->value >> 8 * i);
		uint64_t phys = 0;

		TRY(user_physical(s->kernel, w->task->mm, w->addr + i, &phys));
		TRY(vmcore_write(s->vmcore, phys, &byte, 1));
	}
	return NULL;
}

static struct error *write_value(struct session *s, void *context)
{
	const struct writing *w = context;
	uint8_t bytes[8];

	store_uint(bytes, w->size, w->value);
	if (w->space == PHYSICAL)
		return vmcore_write(s->vmcore, w->addr, bytes, w->size);
	return w->space == USER ? write_user(s, w) : kernel_write(s->kernel, w->addr, bytes, w->size);
}

static struct error *find_space(struct session *s, struct writing *w)
{
	if (w->space == PHYSICAL)
		return NULL;
	if (!s->kernel)
		return error_new(ERR_UNSUPPORTED, "without a kernel there is only physical memory: -p");
	bool kernel = kernel_is_kernel_address(s->kernel, w->addr);
	if ((w->space == USER && kernel) || (w->space == KERNEL && !kernel))
		return error_at(ERR_USAGE, w->addr, "not a %s virtual address: %" PRIx64,
				w->space == USER ? "user" : "kernel", w->addr);
	if (kernel) {
		w->space = KERNEL;
		return NULL;
	}
	w->space = USER;
	TRY(context_task(s, &w->task));
	return w->task->mm ? NULL
			   : error_new(ERR_NOT_FOUND, "no user address space: pid %u is a kernel thread", w->task->pid);
}

/* A number is decimal when it can be, as in crash; a negative one counts down from 0. */
static struct error *parse_value(struct session *s, const char *text, const struct writing *w, uint64_t *out)
{
	bool negative = text[0] == '-' && text[1];

	if (error_drop(parse_number(text + negative, false, out)))
		TRY(parse_address(s, text + negative, out));
	if (negative)
		*out = -*out;
	uint64_t high = w->size == 8 ? 0 : *out >> 8 * w->size;
	if (high && !(negative && high == UINT64_MAX >> 8 * w->size))
		return error_new(ERR_USAGE, "does not fit in %u bits: %s", 8 * w->size, text);
	return NULL;
}

static struct error *run_wr(struct session *s, int argc, char **argv)
{
	struct writing w = {.size = s->kernel ? s->kernel->arch->pointer_size : 8};
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *word = argv[i] + 1;

		if (!strcmp(word, "u") || !strcmp(word, "k") || !strcmp(word, "p"))
			w.space = *word == 'u' ? USER : *word == 'k' ? KERNEL : PHYSICAL;
		else if (!strcmp(word, "8") || !strcmp(word, "16") || !strcmp(word, "32") || !strcmp(word, "64"))
			w.size = *word == '8' ? 1 : *word == '1' ? 2 : *word == '3' ? 4 : 8;
		else
			return unknown_option(argv[0], argv[i][1], argv[i]);
	}
	if (argc - i != 2)
		return usage_error(argv[0], argc - i < 2 ? "an address and a value are needed" : NULL);
	TRY(parse_address(s, argv[i], &w.addr));
	TRY(parse_value(s, argv[i + 1], &w, &w.value));
	TRY(find_space(s, &w));
	return act_change(s, write_value, &w);
}

COMMAND(wr) = {
	.name = "wr",
	.summary = "write memory",
	.synopsis = "[-u | -k | -p] [-8 | -16 | -32 | -64] ADDR VALUE",
	.options = "-u -k -p -8 -16 -32 -64",
	.flags = CMD_SYMBOL_ARGS | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Writes one value to memory: not to the file, which never changes, but over what was read from it. undo\n"
		"  takes it back, save writes it to a new file.\n"
		"\n"
		"  -u, -k  the address is a user address of the current context, a kernel address; by default\n"
		"          the address itself tells. No fault is taken: the page must be there (see poke)\n"
		"  -p      a physical address\n"
		"  -8 …    how many bits; by default those of a pointer\n"
		"\n"
		"  ADDR is hexadecimal. VALUE is decimal, or hexadecimal after 0x or when it has a hexadecimal digit. Both\n"
		"  may be symbols or (expressions).\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> wr -32 jiffies 1000\n"
		"    mmscope> rd -32 jiffies\n"
		"    mmscope> undo\n",
	.run = run_wr,
};
