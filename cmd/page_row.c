/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
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

/* Few combinations of flags occur, so their text is made once each: the word and the names of its bits. */
struct flags_text {
	uint64_t flags;
	const struct kernel *k;
	unsigned len, names; /* bytes; where the names begin */
	char text[232];
};

static const struct flags_text *flags_text(struct kernel *k, uint64_t flags)
{
	static struct flags_text cache[256];
	struct flags_text *f = &cache[flags * 0x9e3779b97f4a7c15ull >> 56];
	if (f->flags != flags || f->k != k) {
		char *p = put_hex(f->text, flags, 1);
		*p++ = ' ';
		f->names = (unsigned)(p - f->text);
		page_flags_format(k, flags, p, sizeof(f->text) - f->names);
		f->len = f->names + (unsigned)strlen(p);
		f->flags = flags;
		f->k = k;
	}
	return f;
}

/* " " and a count, at least two characters wide. */
static char *put_count(char *p, int64_t count)
{
	*p++ = ' ';
	if (count >= 0 && count < 10) {
		*p++ = ' ';
		*p++ = (char)('0' + count);
		return p;
	}
	if (count < 0)
		*p++ = '-';
	return put_dec(p, (uint64_t)(count < 0 ? -count : count));
}

/* Two million of these are printed for 8 GB, so the text is put straight into the buffer; the widths are those of the columns. */
static void text_row(struct out *o, struct kernel *k, const struct page *p)
{
	static const char nothing[] = "               0        0";
	const struct flags_text *flags = flags_text(k, p->flags);
	uint64_t mapping = GET(k, &p->object, page, mapping), index = GET(k, &p->object, page, index);
	char *at = out_reserve(o, 512);
	at = put_hex(at, p->object.addr, 2 * k->arch->pointer_size);
	*at++ = ' ';
	at = put_hex_right(at, p->pfn << k->arch->page_shift, 8);
	*at++ = ' ';
	if (!(mapping | index)) {
		memcpy(at, nothing, sizeof(nothing) - 1);
		at += sizeof(nothing) - 1;
	} else {
		at = put_hex_right(at, mapping, 16);
		*at++ = ' ';
		at = put_hex_right(at, index, 8);
	}
	at = put_count(at, page_refcount(k, p));
	*at++ = ' ';
	memcpy(at, flags->text, flags->len <= 32 ? 32 : flags->len);
	at += flags->len;
	*at++ = '\n';
	o->at = at;
}

static void json_row(struct out *o, struct kernel *k, const struct page *p)
{
	const struct flags_text *flags = flags_text(k, p->flags);
	out_cell_hex(o, p->object.addr);
	out_cell_hex(o, p->pfn << k->arch->page_shift);
	out_cell_hex(o, GET(k, &p->object, page, mapping));
	out_cell_hex(o, GET(k, &p->object, page, index));
	out_cell_sdec(o, page_refcount(k, p));
	out_cell_hex(o, p->flags);
	out_cell_strn(o, flags->text + flags->names, flags->len - flags->names);
	out_cell_str(o, page_use_name(page_use(k, p)));
	out_row_end(o);
}

void page_row(struct out *o, struct kernel *k, const struct page *p)
{
	if (out_json(o))
		json_row(o, k, p);
	else
		text_row(o, k, p);
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

/* A line that the row has no room for: what the page is, and the members that count for such a page. */
void page_detail_print(struct out *o, struct kernel *k, const struct page *p)
{
	struct page_member m[PAGE_MEMBERS_MAX];
	enum page_use use = page_use(k, p);
	uint64_t function = page_rcu_function(k, p);
	size_t count = page_members(k, p, use, m);
	struct symbol symbol;
	uint64_t offset;

	if (!count)
		return;
	out_object_begin(o, "members");
	out_printf(o, "  %s%s:", page_use_name(use), function ? ", to be freed by RCU" : page_compound_order(k, p) ? ", compound" : "");
	for (size_t i = 0; i < count; i++) {
		out_printf(o, "%s %s = %" PRIx64, i ? "," : "", m[i].name, m[i].value);
		out_hex(o, m[i].name, NULL, m[i].value);
		if (m[i].value == function && function && symbol_at(k, function, &symbol, &offset))
			out_printf(o, " <%s>", symbol.name);
	}
	out_object_end(o);
	out_text(o, "\n");
}
