/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kmem ADDR: all that is known of an address.
 */
#include <inttypes.h>

#include "cmd/context.h"
#include "cmd/kmem.h"
#include "cmd/page_row.h"
#include "mm/task.h"
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
	context_heading(s, t);
	out_object_end(s->out);
	out_text(s->out, "\n");
}

struct error *kmem_address(struct session *s, const char *word, bool physical)
{
	struct kernel *k = s->kernel;
	struct kmem_place place;
	TRY(nodes_open(k));
	TRY(kmem_place(s, word, physical, &place));
	say_symbol(s, &place);
	say_task(s, &place);
	TRY(kmem_free_address(s, word, physical));
	if (!place.page)
		return error_at(ERR_NOT_FOUND, place.addr, "no page in mem_map: %s", word);
	return page_row_print(s->out, k, place.page);
}
