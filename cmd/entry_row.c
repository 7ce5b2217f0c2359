/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/entry_row.h"
#include "core/pagetable.h"
#include "mm/swap.h"

/* The bits of a leaf entry, in crash's order. */
static void format_entry_flags(char *buf, size_t size, const struct pagetable_geometry *g, uint64_t entry, bool huge)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} bits[] = {
		{X86_PRESENT, "PRESENT"}, {X86_RW, "RW"},   {X86_USER, "USER"},
		{X86_PWT, "PWT"},	  {X86_PCD, "PCD"}, {X86_ACCESSED, "ACCESSED"},
		{X86_DIRTY, "DIRTY"},	  {X86_PSE, "PSE"}, {X86_GLOBAL, "GLOBAL"},
		{X86_NX, "NX"},
	};
	size_t len = (size_t)snprintf(buf, size, "(");
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		const char *name = bits[i].name;
		if (!(entry & bits[i].bit))
			continue;
		if (bits[i].bit == X86_PSE && !huge)
			name = "PAT"; /* the same bit, in an entry of the lowest level */
		if (bits[i].bit == g->protnone && !(entry & X86_PRESENT))
			name = "PROTNONE";
		if (len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len > 1 ? "|" : "",
						name);
	}
	if (len < size)
		snprintf(buf + len, size - len, ")");
}

void entry_row_print(struct out *o, struct kernel *k, uint64_t entry, uint64_t frame, bool huge)
{
	char flags[128], text[24];
	format_entry_flags(flags, sizeof(flags), &k->geometry, entry, huge);
	snprintf(text, sizeof(text), "%" PRIx64, entry);
	int width = (int)strlen(text) > 8 ? (int)strlen(text) : 8;
	out_printf(o, "%*s  %*s  FLAGS\n", (width + 3) / 2, "PTE", width > 8 ? 16 : 10, "PHYSICAL");
	out_printf(o, "%*s  %8" PRIx64 "  ", width, text, frame);
	out_str(o, "entry_flags", "%s\n", flags);
}

bool entry_row_print_swap(struct out *o, struct kernel *k, uint64_t entry)
{
	struct swap_entry swap;
	struct swap_area area;
	char text[24];
	if (out_json(o))
		return false;
	swap_entry_decode(k, entry, &swap);
	if (swap.kind != SWAP_PAGE || !swap_area_get(k, swap.type, &area))
		return false;
	int width = snprintf(text, sizeof(text), "%" PRIx64, entry), path = (int)strlen(area.path);
	out_printf(o, "%*s  %*s  %8s\n", (width + 3) / 2, "PTE",
		   width - (width + 3) / 2 + (path + 4) / 2, "SWAP", "OFFSET");
	out_printf(o, "%s  %s  %*" PRIu64 "\n", text, area.path, 6, swap.offset);
	return true;
}
