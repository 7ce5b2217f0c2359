/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One kind of address or number into another without a walk: btop, ptob, ptov, pte.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/entry_row.h"
#include "cmd/typed.h"
#include "core/pagetable.h"
#include "mm/swap.h"

/* x86's; a raw image has none other. */
static unsigned page_shift(const struct session *s)
{
	return s->kernel ? s->kernel->arch->page_shift : VMCORE_PAGE_SHIFT;
}

/* Runs `print` for each hexadecimal word; a bad one does not hide the others. */
static struct error *for_each_word(struct session *s, int argc, char **argv,
				   struct error *(*print)(struct session *s, const char *word))
{
	struct error *first = NULL;

	if (argc == 1 || argv[1][0] == '-')
		return usage_error(argv[0], NULL);
	out_array_begin(s->out, "values");
	for (int i = 1; i < argc; i++) {
		out_object_begin(s->out, NULL);
		struct error *e = print(s, argv[i]);
		out_object_end(s->out);
		if (e && !first)
			first = e;
		else
			error_free(e);
	}
	out_array_end(s->out);
	return first;
}

static struct error *print_btop(struct session *s, const char *word)
{
	uint64_t addr;

	TRY(parse_address(s, word, &addr));
	out_hex(s->out, "address", "%" PRIx64 ": ", addr);
	out_hex(s->out, "pfn", "%" PRIx64 "\n", addr >> page_shift(s));
	return NULL;
}

static struct error *run_btop(struct session *s, int argc, char **argv)
{
	return for_each_word(s, argc, argv, print_btop);
}

COMMAND(btop) = {
	.name = "btop",
	.summary = "the page frame number of an address",
	.synopsis = "ADDR…",
	.help = "DESCRIPTION\n"
		"  Shows in which page an address lies: the number of the page frame, in hexadecimal, when it is\n"
		"  a physical address.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> btop 512a000\n",
	.run = run_btop,
};

static struct error *print_ptob(struct session *s, const char *word)
{
	uint64_t pfn;

	TRY(parse_number(word, true, &pfn));
	if (pfn << page_shift(s) >> page_shift(s) != pfn)
		return error_new(ERR_USAGE, "no such page frame number: %s", word);
	out_hex(s->out, "pfn", "%" PRIx64 ": ", pfn);
	out_hex(s->out, "address", "%" PRIx64 "\n", pfn << page_shift(s));
	return NULL;
}

static struct error *run_ptob(struct session *s, int argc, char **argv)
{
	return for_each_word(s, argc, argv, print_ptob);
}

COMMAND(ptob) = {
	.name = "ptob",
	.summary = "the address of a page frame number",
	.synopsis = "PFN…",
	.help = "DESCRIPTION\n"
		"  Shows the physical address at which page frames, given by their hexadecimal numbers, begin.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> ptob 512a\n",
	.run = run_ptob,
};

/* ---- ptov ---- */

static const struct column percpu_columns[] = {
	{"cpu", "CPU", 5, '>', 0},
	{"virtual", "VIRTUAL", 16, '<', 2},
};

static struct error *print_percpu(struct session *s, const char *word, const char *colon)
{
	char text[256];
	uint64_t offset;
	unsigned *cpus;
	size_t count;

	snprintf(text, sizeof(text), "%.*s", (int)(colon - word), word);
	TRY(parse_address(s, text, &offset));
	TRY(cpus_parse(s, colon + 1, &cpus, &count));
	out_hex(s->out, "offset", "PER-CPU OFFSET: %" PRIx64 "\n", offset);
	out_table(s->out, "cpus", percpu_columns, 2, true);
	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "[%u]", cpus[i]);
		out_cell_dec_as(s->out, cpus[i], text);
		out_cell_hex(s->out, percpu_addr(s->kernel, offset, cpus[i]));
		out_row_end(s->out);
	}
	out_table_end(s->out);
	free(cpus);
	return NULL;
}

static struct error *print_ptov(struct session *s, const char *word)
{
	const char *colon = strchr(word, ':');
	struct kernel *k = s->kernel;
	uint64_t phys, addr, back;

	if (colon)
		return print_percpu(s, word, colon);
	TRY(parse_number(word, true, &phys));
	addr = kernel_ptov(k, phys);
	/* What the direct map does not reach has no address (HIGHMEM, or no memory at all). */
	if (!kernel_is_kernel_address(k, addr) || error_drop(kernel_vtop(k, addr, &back)) || back != phys)
		return error_at(ERR_NOT_FOUND, phys, "not in the kernel's map of all memory: %s", word);
	out_printf(s->out, "%-*s  %-16s\n", 2 * k->arch->pointer_size, "VIRTUAL", "PHYSICAL");
	out_hex(s->out, "virtual", k->arch->pointer_size == 8 ? "%-16" PRIx64 : "%-8" PRIx64, addr);
	out_hex(s->out, "physical", "  %" PRIx64 "\n\n", phys);
	return NULL;
}

static struct error *run_ptov(struct session *s, int argc, char **argv)
{
	return for_each_word(s, argc, argv, print_ptov);
}

COMMAND(ptov) = {
	.name = "ptov",
	.summary = "physical to virtual; a per-CPU offset to virtual",
	.synopsis = "ADDR… | OFFSET:[a | CPUS]",
	.flags = CMD_NEEDS_KERNEL | CMD_TYPELESS,
	.help = "DESCRIPTION\n"
		"  Shows the address at which the kernel's map of all memory has a physical address; or where an\n"
		"  offset in the per-CPU area lies for the CPU of the current context, for all CPUs (:a) or\n"
		"  for those of a list (:0,2-3). OFFSET may be a per-CPU symbol.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> ptov 56e000\n"
		"    mmscope> ptov 1000:a\n",
	.run = run_ptov,
};

/* ---- pte ---- */

static struct error *print_pte(struct session *s, const char *word)
{
	struct kernel *k = s->kernel;
	struct swap_entry entry;
	uint64_t value;
	char text[128];

	TRY(parse_number(word, true, &value));
	out_hex(s->out, "entry", NULL, value);
	out_bool(s->out, "present", NULL, pagetable_entry_present(&k->geometry, value));
	if (pagetable_entry_present(&k->geometry, value)) {
		uint64_t frame = pagetable_entry_phys(&k->geometry, value, k->geometry.levels - 1u);

		out_hex(s->out, "physical", NULL, frame);
		entry_row_print(s->out, k, value, frame, false);
		return NULL;
	}
	if (!value) {
		out_text(s->out, "0: no page\n");
		return NULL;
	}
	if (entry_row_print_swap(s->out, k, value))
		return NULL;
	swap_entry_decode(k, value, &entry);
	swap_entry_format(k, &entry, text, sizeof(text));
	out_str(s->out, "absent_kind", NULL, swap_kind_name(entry.kind));
	out_printf(s->out, "%" PRIx64 ": ", value);
	out_str(s->out, "absent", "%s\n", text);
	return NULL;
}

static struct error *run_pte(struct session *s, int argc, char **argv)
{
	return for_each_word(s, argc, argv, print_pte);
}

COMMAND(pte) = {
	.name = "pte",
	.summary = "what the value of a page-table entry says",
	.synopsis = "VALUE…",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  Shows the frame and the flags of entries of the lowest level, given in hexadecimal; of one that is\n"
		"  not present the swap area and offset, or what else it stands for.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> pte d8e067\n",
	.run = run_pte,
};
