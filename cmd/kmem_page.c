/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kmem -p, -m, -g: struct pages.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/kmem.h"
#include "cmd/page_row.h"
#include "core/progress.h"
#include "mm/page.h"

struct error *kmem_place(struct session *s, const char *word, bool physical, struct kmem_place *out)
{
	struct kernel *k = s->kernel;
	uint64_t pfn;
	*out = (struct kmem_place){0};
	TRY(parse_address(s, word, &out->addr));
	out->is_virtual = !physical && kernel_is_kernel_address(k, out->addr);
	if (out->is_virtual && page_holding(k, out->addr, &out->page) &&
	    page_to_pfn(k, out->page, &pfn)) {
		out->is_page = true;
		out->phys = pfn << k->arch->page_shift;
		out->has_phys = true;
		return NULL;
	}
	if (out->is_virtual)
		out->has_phys = kernel_try_vtop(k, out->addr, &out->phys);
	else
		out->has_phys = true, out->phys = out->addr;
	if (out->has_phys && !pfn_to_page(k, phys_to_pfn(k, out->phys), &out->page))
		out->page = 0;
	return NULL;
}

/* ---- What is printed per page ---- */

#define MEMBERS_MAX 16

struct page_printer {
	struct session *s;
	unsigned count; /* members; 0: the row of -p */
	struct type_member member[MEMBERS_MAX];
	struct column column[1 + MEMBERS_MAX];
	char title[MEMBERS_MAX][64];
};

static struct error *parse_members(struct page_printer *p, const char *list)
{
	struct kernel *k = p->s->kernel;
	struct type page = type_find(k, TYPE_STRUCT, "page");
	p->column[0] = (struct column){"page", "PAGE", 16, '^', 0};
	while (*list) {
		size_t len = strcspn(list, ",");
		if (p->count == MEMBERS_MAX)
			return usage_error("kmem", "at most %d members", MEMBERS_MAX);
		char *title = p->title[p->count];
		if (!len || len >= sizeof(p->title[0]))
			return usage_error("kmem", "no member name: %.*s", (int)len, list);
		memcpy(title, list, len);
		title[len] = 0;
		struct type_member *m = &p->member[p->count];
		TRY(type_member_find(k, page, title, m));
		if (m->offset + m->size > SIZE_OF(k, page))
			return error_new(ERR_NO_MEMBER, "not within a struct page: %s", title);
		p->column[1 + p->count++] =
			(struct column){title, title, 2 * k->arch->pointer_size, '<', 2};
		list += len + (list[len] == ',');
	}
	return p->count ? NULL : usage_error("kmem", "-m needs members of struct page");
}

static void rows_begin(struct page_printer *p)
{
	if (p->count)
		out_table(p->s->out, "pages", p->column, 1 + p->count, true);
	else
		page_rows_begin(p->s->out, true);
}

/* Counts are read as numbers, in decimal; all else in hexadecimal, word by word. */
static void member_cell(struct page_printer *p, const struct page *page, unsigned index)
{
	const struct type_member *m = &p->member[index];
	struct out *o = p->s->out;
	const unsigned char *bytes = page->object.bytes + m->offset;
	unsigned word = p->s->kernel->arch->pointer_size;
	char text[256];
	size_t len = 0;
	if (m->bit_size) {
		uint64_t v = load_uint(bytes, m->size > 8 ? 8 : (unsigned)m->size) >> m->bit_offset;
		out_cell_hex(o, m->bit_size < 64 ? v & ((1ull << m->bit_size) - 1) : v);
		return;
	}
	if (m->size == 4 &&
	    (!strncmp(p->title[index], "_count", 6) || !strncmp(p->title[index], "_mapcount", 9) ||
	     !strncmp(p->title[index], "_refcount", 9))) {
		out_cell_sdec(o, (int32_t)load_uint(bytes, 4));
		return;
	}
	if (m->size == 1 || m->size == 2 || m->size == 4 || m->size == 8) {
		out_cell_hex_pad(o, load_uint(bytes, (unsigned)m->size), 2 * (unsigned)m->size);
		return;
	}
	for (size_t at = 0; at + word <= m->size && len + 18 < sizeof(text); at += word)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%0*" PRIx64,
					at ? "," : "", (int)(2 * word),
					load_uint(bytes + at, word));
	out_cell_strn(o, text, len);
}

static void print_page(struct page_printer *p, const struct page *page)
{
	struct kernel *k = p->s->kernel;
	if (!p->count) {
		page_row(p->s->out, k, page);
		return;
	}
	out_cell_hex_pad(p->s->out, page->object.addr, 2 * k->arch->pointer_size);
	for (unsigned i = 0; i < p->count; i++)
		member_cell(p, page, i);
	out_row_end(p->s->out);
}

/* ---- All pages ---- */

/* Struct pages are mapped in stretches of this many: less than what one huge page of vmemmap holds.
 */
#define STRETCH 512

/* One stretch of a run; pages that the image does not have are left out, as parts of vmemmap are
 * never populated. */
static void print_stretch(struct page_printer *p, uint64_t pfn, uint64_t count, uint64_t addr)
{
	struct kernel *k = p->s->kernel;
	uint32_t size = SIZE_OF(k, page);
	const unsigned char *bytes = kernel_try_map(k, addr, count * size);
	for (uint64_t i = 0; i < count; i++) {
		struct page page = {.pfn = pfn + i};
		page.object =
			(struct object){bytes ? bytes + i * size : NULL, addr + i * size, size};
		if (bytes)
			page.flags = GET(k, &page.object, page, flags);
		else if (error_drop(page_open(k, page.object.addr, &page)))
			continue;
		print_page(p, &page);
	}
}

static struct error *print_all(struct page_printer *p)
{
	struct kernel *k = p->s->kernel;
	uint64_t pfn, end, addr;
	progress_start(vmcore_max_phys(k->vmcore) >> k->arch->page_shift);
	for (size_t i = 0; page_run(k, i, &pfn, &end, &addr); i++) {
		for (; pfn < end && !p->s->out->failed;
		     pfn += STRETCH, addr += (uint64_t)STRETCH * SIZE_OF(k, page)) {
			TRY(check_interrupt());
			progress_at(pfn);
			print_stretch(p, pfn, end - pfn < STRETCH ? end - pfn : STRETCH, addr);
		}
	}
	return NULL;
}

struct error *kmem_pages(struct session *s, const char *members, int argc, char **argv,
			 bool physical)
{
	struct page_printer p = {.s = s};
	TRY(pages_open(s->kernel));
	if (members)
		TRY(parse_members(&p, members));
	if (!argc) {
		rows_begin(&p);
		struct error *e = print_all(&p);
		out_table_end(s->out);
		return e;
	}
	for (int i = 0; i < argc; i++) {
		struct kmem_place place;
		struct page page;
		TRY(kmem_place(s, argv[i], physical, &place));
		if (!place.page)
			return error_at(ERR_NOT_FOUND, place.addr, "no page in mem_map: %s",
					argv[i]);
		TRY(page_open(s->kernel, place.page, &page));
		if (!i)
			rows_begin(&p);
		print_page(&p, &page);
		if (!members && !out_json(s->out))
			page_detail_print(s->out, s->kernel, &page);
	}
	out_table_end(s->out);
	return NULL;
}

/* ---- Flags ---- */

struct error *kmem_flags(struct session *s, const char *word)
{
	static const struct column columns[] = {
		{"flag", "PAGE-FLAG", 22, '<', 0},
		{"bit", "BIT", 3, '>', 1},
		{"value", "VALUE", 7, '<', 2},
	};
	uint64_t flags = 0;
	const char *name;
	int bit;
	bool any = false;
	if (word) {
		TRY(parse_number(word, true, &flags));
		out_hex(s->out, "flags", "FLAGS: %" PRIx64 "\n", flags);
	}
	out_table(s->out, "page_flags", columns, 3, true);
	for (size_t i = 0; page_flags_enumerator(s->kernel, i, &name, &bit); i++) {
		if (bit < 0 || bit > 63 || (flags && !(flags >> bit & 1)))
			continue;
		any = true;
		out_cell_str(s->out, name);
		out_cell_dec(s->out, (uint64_t)bit);
		out_cell_hex_pad(s->out, 1ull << bit, 7);
		out_row_end(s->out);
	}
	out_table_end(s->out);
	if (!any)
		out_text(s->out, "(none found)\n");
	return NULL;
}
