/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rmap -v: the structures that lead from a page to its mappings.
 */
#include <inttypes.h>

#include "cmd/rmap.h"
#include "mm/anon_vma.h"
#include "mm/ksm.h"

/* Forks nest no deeper than this in any kernel that runs. */
#define GENERATIONS_MAX 4096

/* ---- anon_vmas ---- */

#define ANON_VMA_COLUMNS(width)                                                                                  \
	{                                                                                                        \
		{"anon_vma", "ANON_VMA", width, '^', 0}, {"root", "ROOT", width, '^', 2},                        \
			{"parent", "PARENT", width, '^', 2}, {"refcount", "REFCOUNT", 8, '>', 2},                \
			{"num_children", "CHILDREN", 8, '>', 2}, {"num_active_vmas", "ACTIVE", 6, '>', 2},       \
	}
#define ANON_VMA_COLUMNS_DEGREE(width)                                                                           \
	{                                                                                                        \
		{"anon_vma", "ANON_VMA", width, '^', 0}, {"root", "ROOT", width, '^', 2},                        \
			{"parent", "PARENT", width, '^', 2}, {"refcount", "REFCOUNT", 8, '>', 2},                \
			{"degree", "DEGREE", 8, '>', 2},                                                         \
	}

static void anon_vma_table(struct out *o, struct kernel *k)
{
	static const struct column wide[] = ANON_VMA_COLUMNS(16), narrow[] = ANON_VMA_COLUMNS(8);
	static const struct column wide_degree[] = ANON_VMA_COLUMNS_DEGREE(16), narrow_degree[] = ANON_VMA_COLUMNS_DEGREE(8);
	bool is_wide = k->arch->pointer_size == 8;
	if (HAS(k, anon_vma, degree))
		out_table(o, "anon_vmas", is_wide ? wide_degree : narrow_degree, 5, true);
	else
		out_table(o, "anon_vmas", is_wide ? wide : narrow, 6, true);
}

static void anon_vma_row(struct out *o, struct kernel *k, const struct anon_vma *av)
{
	unsigned width = 2 * k->arch->pointer_size;
	out_cell_hex_pad(o, av->addr, width);
	out_cell_hex_pad(o, av->root, width);
	out_cell_hex_pad(o, av->parent, width);
	out_cell_dec(o, av->refcount);
	if (HAS(k, anon_vma, degree)) {
		out_cell_dec(o, av->degree);
	} else {
		out_cell_dec(o, av->num_children);
		out_cell_dec(o, av->num_active_vmas);
	}
	out_row_end(o);
}

/* The anon_vma, its parent, and so on up to the root, each its own parent's child. */
static struct error *print_anon_vmas(struct session *s, uint64_t addr)
{
	struct kernel *k = s->kernel;
	struct anon_vma av;
	struct error *e = NULL;
	unsigned count = 0;
	anon_vma_table(s->out, k);
	for (; !e; addr = av.parent) {
		e = anon_vma_open(k, addr, &av);
		if (e)
			break;
		anon_vma_row(s->out, k, &av);
		if (av.root == addr || av.parent == addr || !HAS(k, anon_vma, parent))
			break;
		if (++count == GENERATIONS_MAX)
			e = error_at(ERR_BAD_LIST, addr, "anon_vma's parents never end: %016" PRIx64, addr);
	}
	out_table_end(s->out);
	return e;
}

/* ---- Places ---- */

#define PLACE_COLUMNS(width)                                                                                     \
	{                                                                                                        \
		{"chain", "ANON_VMA_CHAIN", width, '^', 0}, {"vma", "VMA", width, '^', 2},                       \
			{"pid", "PID", 7, '>', 2}, {"start", "START", width, '>', 2},                            \
			{"end", "END", width, '>', 2}, {"pgoff", "PGOFF", 11, '>', 2},                           \
			{"virtual", "VIRTUAL", width, '>', 2}, {"state", "STATE", 0, '<', 2},                    \
	}

static const struct column places_64[] = PLACE_COLUMNS(16);
static const struct column places_32[] = PLACE_COLUMNS(8);

struct places {
	struct session *s;
	const struct rmap_page *page;
	struct error *error;
};

static bool print_place(void *context, const struct vma *vma, uint64_t address, uint64_t chain)
{
	struct places *p = context;
	struct kernel *k = p->s->kernel;
	struct out *o = p->s->out;
	unsigned width = 2 * k->arch->pointer_size;
	struct rmap_mapping m;
	size_t at = 0;
	bool found;
	p->error = rmap_check_place(k, p->page, vma, address, &m, &found);
	if (p->error)
		return false;
	const struct task *t = rmap_next_process(k, vma->mm, &at);
	/* A file's areas hang in its tree themselves. */
	if (chain)
		out_cell_hex_pad(o, chain, width);
	else
		out_cell_none(o, "-");
	out_cell_hex_pad(o, vma->addr, width);
	if (t)
		out_cell_dec(o, t->pid);
	else
		out_cell_none(o, "-");
	out_cell_hex(o, vma->start);
	out_cell_hex(o, vma->end);
	out_cell_hex(o, vma->pgoff);
	out_cell_hex(o, address);
	out_cell_str(o, found ? rmap_state_name(m.kind) : "not mapped");
	out_row_end(o);
	return true;
}

static struct error *print_places(struct session *s, const struct rmap_page *page)
{
	struct places p = {.s = s, .page = page};
	out_table(s->out, "places", s->kernel->arch->pointer_size == 8 ? places_64 : places_32, 8, true);
	struct error *e = rmap_for_each_place(s->kernel, page, print_place, &p);
	out_table_end(s->out);
	if (!p.error)
		return e;
	error_drop(e);
	return p.error;
}

/* ---- KSM ---- */

static bool print_rmap_item(void *context, const struct ksm_rmap_item *item)
{
	struct session *s = context;
	unsigned width = 2 * s->kernel->arch->pointer_size;
	out_cell_hex_pad(s->out, item->addr, width);
	out_cell_hex_pad(s->out, item->anon_vma, width);
	out_cell_hex_pad(s->out, item->mm, width);
	out_cell_hex(s->out, item->address);
	out_row_end(s->out);
	return true;
}

static struct error *print_rmap_items(struct session *s, const struct rmap_page *page)
{
	static const struct column columns[] = {{"rmap_item", "RMAP_ITEM", 16, '^', 0},
						{"anon_vma", "ANON_VMA", 16, '^', 2},
						{"mm", "MM", 16, '^', 2},
						{"virtual", "VIRTUAL", 16, '>', 2}};
	struct ksm_stable_node node;
	TRY(ksm_stable_node_open(s->kernel, page->object, &node));
	out_table(s->out, "rmap_items", columns, 4, true);
	struct error *e = ksm_for_each(s->kernel, &node, print_rmap_item, s);
	out_table_end(s->out);
	return e;
}

struct error *rmap_graph_print(struct session *s, const struct rmap_page *page)
{
	if (page->kind == RMAP_OUTSIDE)
		return NULL;
	if (page->unmapped && page->kind == RMAP_ANON)
		return NULL;
	if (page->kind == RMAP_ANON)
		TRY(print_anon_vmas(s, page->object));
	if (page->kind == RMAP_KSM)
		TRY(print_rmap_items(s, page));
	out_text(s->out, "\n");
	TRY(print_places(s, page));
	out_text(s->out, "\n");
	return NULL;
}
