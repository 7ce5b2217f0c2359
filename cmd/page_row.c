/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "cmd/page_row.h"

static const struct column columns[] = {
	{"page", "PAGE", 16, '^', 0},	    {"physical", "PHYSICAL", 8, '>', 1},
	{"mapping", "MAPPING", 16, '>', 1}, {"index", "INDEX", 8, '>', 1},
	{"count", "CNT", 2, '>', 1},	    {"flags", "FLAGS", 0, '<', 1},
	{"flag_names", NULL, 0, '<', 1},    {"use", NULL, 0, '<', 0},
};

#define TEXT_COLUMNS (sizeof(columns) / sizeof(columns[0]))

void page_rows_begin(struct out *o, bool heading)
{
	out_table(o, "pages", columns, TEXT_COLUMNS, heading);
}

void page_rows_end(struct out *o)
{
	out_table_end(o);
}

/* Few combinations of flags occur, so their names are made once each. */
struct flag_names {
	uint64_t flags;
	struct kernel *k;
	unsigned len;
	char text[232];
};

static const struct flag_names *names_of(struct kernel *k, uint64_t flags)
{
	static struct flag_names cache[64];
	/* The low bits are the flags, the high ones zone and node. */
	struct flag_names *n = &cache[(flags ^ flags >> 6 ^ flags >> 13 ^ flags >> 51) % 64];
	if (n->flags != flags || n->k != k) {
		page_flags_format(k, flags, n->text, sizeof(n->text));
		n->len = (unsigned)strlen(n->text);
		n->flags = flags;
		n->k = k;
	}
	return n;
}

void page_row(struct out *o, struct kernel *k, const struct page *p)
{
	const struct flag_names *names = names_of(k, p->flags);
	out_cell_hex_pad(o, p->object.addr, 2 * k->arch->pointer_size);
	out_cell_hex(o, p->pfn << k->arch->page_shift);
	out_cell_hex(o, GET(k, &p->object, page, mapping));
	out_cell_hex(o, GET(k, &p->object, page, index));
	out_cell_sdec(o, page_refcount(k, p));
	out_cell_hex(o, p->flags);
	out_cell_strn(o, names->text, names->len);
	if (out_json(o))
		out_cell_str(o, page_use_name(page_use(k, p)));
	else
		out_cell_str(o, "");
	out_row_end(o);
}

struct error *page_row_print(struct out *o, struct kernel *k, uint64_t page)
{
	struct page p;
	TRY(page_open(k, page, &p));
	page_rows_begin(o, true);
	page_row(o, k, &p);
	page_rows_end(o);
	return NULL;
}
