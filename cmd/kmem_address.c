/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kmem ADDR: all that is known of an address.
 */
#include <inttypes.h>

#include "cmd/context.h"
#include "cmd/kmem.h"
#include "cmd/kmem_slab.h"
#include "cmd/page_row.h"
#include "mm/slab.h"
#include "mm/task.h"
#include "mm/vmalloc.h"
#include "mm/zone.h"

static void say_symbol(struct session *s, const struct kmem_place *place)
{
	struct symbol symbol;
	uint64_t offset;
	if (!place->is_virtual || !symbol_at(s->kernel, place->addr, &symbol, &offset))
		return;
	out_hex(s->out, "symbol_addr", "%" PRIx64, symbol.addr);
	out_printf(s->out, " (%c) ", symbol.type);
	out_str(s->out, "symbol", "%s", symbol.name);
	if (offset)
		out_printf(s->out, "+%" PRIu64, offset);
	out_dec(s->out, "offset", NULL, offset);
	if (symbol.module)
		out_printf(s->out, " [%s]", symbol.module);
	out_text(s->out, "\n\n");
}

static void say_task(struct session *s, const struct kmem_place *place)
{
	const struct task *t = place->is_virtual ? task_holding(s->kernel, place->addr) : NULL;
	if (!t)
		return;
	out_object_begin(s->out, "task");
	context_show(s, t);
	out_object_end(s->out);
	out_text(s->out, "\n");
}

static struct error *say_slab(struct session *s, const struct kmem_place *place)
{
	struct slab slab;
	bool found;
	if (!place->page)
		return NULL;
	TRY(slab_of_page(s->kernel, place->page, &slab, &found));
	if (!found)
		return NULL;
	TRY(kmem_print_cache(s, &slab.cache));
	/* For the slab's own struct page all of its objects, for an address in it the one it lies
	 * in. */
	uint64_t addr = place->is_page ? 0 : kernel_ptov(s->kernel, place->phys);
	struct error *e = kmem_print_slab(s, &slab, addr);
	out_text(s->out, "\n");
	return e;
}

static struct error *say_vmalloc(struct session *s, const struct kmem_place *place, bool *found)
{
	struct kernel *k = s->kernel;
	struct vmalloc_area area;
	*found = false;
	/* Modules' memory is of the same lists, at its own place: only the direct map has none. */
	if (!place->is_virtual ||
	    (place->has_phys && kernel_ptov(k, place->phys) == place->addr))
		return NULL;
	TRY(vmalloc_at(k, place->addr, &area, found));
	if (!*found)
		return NULL;
	kmem_vmalloc_begin(s);
	kmem_vmalloc_row(s, &area);
	out_table_end(s->out);
	out_text(s->out, "\n");
	return NULL;
}

/* What the page's own words say that its row does not: the use of a page that is neither free nor a
 * slab's. */
static struct error *say_use(struct session *s, const struct kmem_place *place)
{
	struct kernel *k = s->kernel;
	struct page p;
	TRY(page_open(k, place->page, &p));
	enum page_use use = page_use(k, &p);
	if (use == PAGE_TAIL && !error_drop(page_open(k, page_compound_head(k, &p), &p))) {
		out_hex(s->out, "compound_head", "tail of the compound page %" PRIx64 ": ",
			p.object.addr);
		use = page_use(k, &p);
		out_str(s->out, "use", "%s\n", page_use_name(use));
	} else {
		out_str(s->out, "use",
			use == PAGE_TABLE || use == PAGE_ANON || use == PAGE_FILE ? "%s page\n"
										  : NULL,
			use == PAGE_TABLE ? "page-table" : page_use_name(use));
	}
	return NULL;
}

struct error *kmem_address(struct session *s, const char *word, bool physical)
{
	struct kernel *k = s->kernel;
	struct kmem_place place;
	bool vmalloc;
	TRY(nodes_open(k));
	TRY(kmem_place(s, word, physical, &place));
	out_hex(s->out, "address", NULL, place.addr);
	say_symbol(s, &place);
	TRY(say_slab(s, &place));
	say_task(s, &place);
	TRY(say_vmalloc(s, &place, &vmalloc));
	TRY(kmem_free_address(s, word, physical));
	if (!place.page && vmalloc)
		return NULL;
	if (!place.page)
		return error_at(ERR_NOT_FOUND, place.addr, "no page in mem_map: %s", word);
	TRY(say_use(s, &place));
	TRY(page_row_print(s->out, k, place.page));
	struct page page;
	TRY(page_open(k, place.page, &page));
	page_detail_print(s->out, k, &page);
	return NULL;
}
