/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page rows of vm -p, -P and -R. A pass over all processes has millions of them, so text rows
 * are written straight into the output's buffer, and what the pages of one page table share is
 * worked out once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/vm.h"
#include "mm/path.h"
#include "mm/swap.h"
#include "mm/vma_pages.h"

enum state { MAPPED, SWAPPED, IN_FILE, NOT_MAPPED };

struct rows {
	struct vm_pages *p;
	struct kernel *k;
	struct out *o;
	const char *path; /* NULL: the area maps no file */
	size_t path_len;
	unsigned width; /* of the VIRTUAL column */
};

/* Most bytes of a row but for its path: addresses, words and blanks. */
#define ROW_BYTES 160

static inline char *put_blanks(char *p, unsigned n)
{
	memset(p, ' ', n);
	return p + n;
}

/* The VIRTUAL column and the two blanks after it. */
static inline char *put_virtual(const struct rows *r, char *p, uint64_t addr)
{
	char *start = p;
	p = put_hex(p, addr, 1);
	if (p < start + r->width)
		p = put_blanks(p, start + r->width - p);
	*p++ = ' ';
	*p++ = ' ';
	return p;
}

static inline char *put_physical(char *p, uint64_t phys)
{
	if (phys < 0x10000000) {
		unsigned digits = phys ? (67 - __builtin_clzll(phys)) / 4 : 1;
		p = put_blanks(p, 8 - digits);
	}
	p = put_hex(p, phys, 1);
	*p++ = '\n';
	return p;
}

static inline uint64_t file_offset(const struct rows *r, uint64_t addr)
{
	const struct vma *v = r->p->vma;
	return (v->pgoff << r->k->arch->page_shift) + (addr - v->start);
}

/* Decodes an entry of a page that lies `into` bytes into what the entry stands for (a migrating
 * huge page). */
static void decode(const struct rows *r, uint64_t entry, uint64_t into, struct swap_entry *e)
{
	swap_entry_decode(r->k, entry, e);
	if (e->pfn)
		e->pfn += into >> r->k->arch->page_shift;
}

/* ---- JSON ---- */

static const struct column json_columns[] = {{"virtual", NULL, 0, '<', 0},
					     {"physical", NULL, 0, '<', 0}};

static void json_row(const struct rows *r, uint64_t addr, enum state state, uint64_t phys,
		     uint64_t entry)
{
	struct out *o = r->o;
	out_cell_hex(o, addr);
	if (state == MAPPED)
		out_cell_hex(o, phys);
	else
		out_cell_none(o, "");
	if (state == SWAPPED) {
		struct swap_entry e;
		struct swap_area area;
		decode(r, entry, phys, &e);
		out_str(o, "entry", NULL, swap_kind_name(e.kind));
		if (e.kind == SWAP_PAGE || e.kind == SWAP_BAD) {
			if (e.kind == SWAP_PAGE && swap_area_get(r->k, e.type, &area))
				out_str(o, "swap", NULL, area.path);
			out_dec(o, "swap_type", NULL, e.type);
			out_dec(o, "swap_offset", NULL, e.offset);
		} else if (e.kind == SWAP_MARKER) {
			out_hex(o, "markers", NULL, e.offset);
		} else if (e.kind != SWAP_ERROR) {
			out_hex(o, "frame", NULL, e.pfn << r->k->arch->page_shift);
			if (e.kind != SWAP_HWPOISON)
				out_bool(o, "writable", NULL, e.writable);
		}
	} else if (state == IN_FILE) {
		out_str(o, "file", NULL, r->path);
		out_hex(o, "file_offset", NULL, file_offset(r, addr));
	}
	out_row_end(o);
}

/* ---- Which pages -R wants ---- */

static bool swap_matches(const struct rows *r, uint64_t entry)
{
	const struct vm_reference *f = r->p->reference;
	struct swap_entry e;
	struct swap_area area;
	swap_entry_decode(r->k, entry, &e);
	if (e.kind == SWAP_PAGE && swap_area_get(r->k, e.type, &area) && strstr(area.path, f->text))
		return true;
	return f->is_dec && (e.kind == SWAP_PAGE || e.kind == SWAP_BAD) && e.offset == f->dec;
}

static bool matches(const struct rows *r, uint64_t addr, enum state state, uint64_t phys,
		    uint64_t entry)
{
	const struct vm_reference *f = r->p->reference;
	if (f->is_hex && (addr == f->hex || (state == MAPPED && phys == f->hex) ||
			  (state == IN_FILE && file_offset(r, addr) == f->hex)))
		return true;
	return state == SWAPPED && swap_matches(r, entry);
}

/* ---- Rows ---- */

static void heading(const struct rows *r)
{
	if (out_json(r->o))
		out_table(r->o, "pages", json_columns, 2, false);
	else
		out_printf(r->o, "%-*s  %s\n", (int)r->width, "VIRTUAL", "PHYSICAL");
}

/* One page of any kind, when it is wanted. `phys`: of a mapped page; of a swapped one how far it
 * lies into its entry. */
static void page_row(struct rows *r, uint64_t addr, enum state state, uint64_t phys, uint64_t entry)
{
	struct vm_pages *p = r->p;
	if (p->reference) {
		if (!matches(r, addr, state, phys, entry))
			return;
		if (!p->any) {
			p->found(p->context);
			heading(r);
		}
	}
	p->any = true;
	if (out_json(r->o)) {
		json_row(r, addr, state, phys, entry);
		return;
	}
	char text[PATH_SIZE + 128];
	struct swap_entry e;
	size_t len;
	char *at;
	switch (state) {
	case MAPPED:
		at = out_reserve(r->o, ROW_BYTES);
		r->o->at = put_physical(put_virtual(r, at, addr), phys);
		break;
	case IN_FILE:
		at = put_virtual(r, out_reserve(r->o, ROW_BYTES + r->path_len), addr);
		memcpy(at, "FILE: ", 6);
		at += 6;
		memcpy(at, r->path, r->path_len);
		at += r->path_len;
		memcpy(at, "  OFFSET: ", 10);
		at = put_hex(at + 10, file_offset(r, addr), 1);
		*at++ = '\n';
		r->o->at = at;
		break;
	case NOT_MAPPED:
		at = put_virtual(r, out_reserve(r->o, ROW_BYTES), addr);
		memcpy(at, "(not mapped)\n", 13);
		r->o->at = at + 13;
		break;
	case SWAPPED:
		decode(r, entry, phys, &e);
		len = strlen(swap_entry_format(r->k, &e, text, sizeof(text)));
		at = put_virtual(r, out_reserve(r->o, ROW_BYTES + len), addr);
		memcpy(at, text, len);
		at[len] = '\n';
		r->o->at = at + len + 1;
		break;
	}
}

static void entries(struct rows *r, const struct piece *piece)
{
	struct kernel *k = r->k;
	const struct pagetable_geometry *g = &k->geometry;
	uint64_t page = 1ull << k->arch->page_shift, i = 0;
	bool plain = !r->p->reference && !out_json(r->o);
	enum state absent = r->path ? IN_FILE : NOT_MAPPED;
	r->p->any |= plain;
	for (uint64_t addr = piece->start; addr < piece->end; addr += page, i++) {
		uint64_t entry = piece_entry(k, piece, i);
		if (!entry) {
			page_row(r, addr, absent, 0, 0);
		} else if (!pagetable_entry_present(g, entry)) {
			page_row(r, addr, SWAPPED, 0, entry);
		} else {
			uint64_t phys = entry & X86_PRESENT
						? entry & g->frame_mask
						: pagetable_entry_phys(g, entry, piece->level);
			if (plain)
				r->o->at = put_physical(
					put_virtual(r, out_reserve(r->o, ROW_BYTES), addr), phys);
			else
				page_row(r, addr, MAPPED, phys, entry);
		}
	}
}

/* A hole: a search looks only at the pages that can match, for holes are as wide as the address
 * space. */
static void hole(struct rows *r, const struct piece *piece, struct error **e)
{
	const struct vm_reference *f = r->p->reference;
	const struct vma *v = r->p->vma;
	uint64_t page = 1ull << r->k->arch->page_shift;
	enum state absent = r->path ? IN_FILE : NOT_MAPPED;
	uint64_t addr = piece->start, end = piece->end;
	if (!f) {
		for (uint64_t n = 1; addr < end; addr += page, n++) {
			page_row(r, addr, absent, 0, 0);
			if ((n & 65535) == 0 && ((*e = check_interrupt()) || r->o->failed))
				return;
		}
		return;
	}
	if (!f->is_hex)
		return;
	uint64_t by_offset = f->hex - (v->pgoff << r->k->arch->page_shift) + v->start;
	uint64_t candidates[2] = {f->hex < by_offset ? f->hex : by_offset,
				  f->hex < by_offset ? by_offset : f->hex};
	for (int i = 0; i < 2; i++)
		if (candidates[i] >= addr && candidates[i] < end && !(candidates[i] & (page - 1)) &&
		    (!i || candidates[0] != candidates[1]))
			page_row(r, candidates[i], absent, 0, 0);
}

static void unreadable(struct rows *r, const struct piece *piece)
{
	if (r->p->reference)
		return;
	if (!out_json(r->o)) {
		char *at = put_virtual(r, out_reserve(r->o, ROW_BYTES), piece->start);
		r->o->at = at + sprintf(at,
					"(page table not in the image: %" PRIx64 ", up to %" PRIx64
					")\n",
					piece->phys, piece->end);
		return;
	}
	out_cell_hex(r->o, piece->start);
	out_cell_none(r->o, "");
	out_hex(r->o, "end", NULL, piece->end);
	out_hex(r->o, "missing_page_table", NULL, piece->phys);
	out_row_end(r->o);
}

static struct error *all_pieces(struct rows *r)
{
	struct vm_pages *p = r->p;
	uint64_t page = 1ull << r->k->arch->page_shift;
	struct piece_walk w;
	struct piece piece;
	struct error *e = NULL;
	piece_walk_begin(&w, r->k, p->mm->pgd_phys, p->vma->start, p->vma->end);
	while (!e && !r->o->failed && piece_walk_next(&w, &piece)) {
		uint64_t phys = piece.phys;
		uint64_t into =
			piece.start & ((1ull << r->k->geometry.level[piece.level].shift) - 1);
		switch (piece.kind) {
		case PIECE_ENTRIES:
			entries(r, &piece);
			break;
		case PIECE_HUGE:
			for (uint64_t addr = piece.start; addr < piece.end;
			     addr += page, phys += page)
				page_row(r, addr, MAPPED, phys, piece.entry);
			break;
		case PIECE_ABSENT:
			for (uint64_t addr = piece.start; addr < piece.end;
			     addr += page, into += page)
				page_row(r, addr, SWAPPED, into, piece.entry);
			break;
		case PIECE_EMPTY:
			hole(r, &piece, &e);
			break;
		case PIECE_UNREADABLE:
			unreadable(r, &piece);
			break;
		}
		if (!e)
			e = check_interrupt();
	}
	return e;
}

struct error *vm_pages_print(struct vm_pages *p)
{
	struct kernel *k = p->s->kernel;
	const struct file_path *path = path_of_file(k, p->vma->file);
	struct rows r = {
		.p = p,
		.k = k,
		.o = p->s->out,
		.path = !p->vma->file	      ? NULL
			: out_json(p->s->out) ? path->bytes
					      : path->path,
		.path_len = strlen(path->path),
		.width = k->arch->pointer_size == 8 ? 10 : 8,
	};
	p->any = false;
	if (!p->reference)
		heading(&r);
	struct error *e = all_pieces(&r);
	if (out_json(r.o) && (!p->reference || p->any))
		out_table_end(r.o);
	return e;
}
