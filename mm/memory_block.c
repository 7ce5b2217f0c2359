/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/memory_block.h"
#include "mm/xarray.h"

struct block_walk {
	struct kernel *k;
	memory_block_visitor *visit;
	void *context;
	uint64_t sections;
};

/* enum memory_block_state since 6.18, macros of the same values before: include/linux/memory.h */
static const char *state_name(uint64_t state)
{
	switch (state) {
	case 1 << 0:
		return "ONLINE";
	case 1 << 1:
		return "GOING_OFFLINE";
	case 1 << 2:
		return "OFFLINE";
	case 1 << 3:
		return "GOING_ONLINE";
	}
	return "?";
}

static bool visit_block(void *context, uint64_t index, uint64_t entry)
{
	struct block_walk *w = context;
	struct object o;
	(void)index;
	if (!object_try_open(w->k, entry, S_memory_block, &o))
		return true;
	struct memory_block block = {
		.addr = o.addr,
		.first_section = GET(w->k, &o, memory_block, start_section_nr),
		.node = (int)GET(w->k, &o, memory_block, nid),
		.state = state_name(GET(w->k, &o, memory_block, state)),
		.sections = w->sections,
	};
	return w->visit(w->context, &block);
}

struct error *memory_blocks_for_each(struct kernel *k, memory_block_visitor *visit, void *context)
{
	struct block_walk w = {k, visit, context, 0};
	uint64_t head, blocks = symbol_addr(k, "memory_blocks"), sections;
	if (!blocks || !HAS(k, xarray, head) || !HAS_STRUCT(k, memory_block))
		return NULL;
	TRY(kernel_read_symbol(k, "sections_per_block", 4, &sections));
	w.sections = sections;
	TRY(kernel_get(k, blocks, M_xarray_head, &head));
	return xarray_for_each(k, head, visit_block, &w);
}
