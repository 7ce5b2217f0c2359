/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole slabs of SLUB, from the page allocator and back to it.
 */
#include <inttypes.h>

#include "mm/slub_edit.h"

struct error *slub_new_slab(struct engine *e, uint64_t cache, uint64_t *slab)
{
	*slab = 0;
	return error_at(ERR_UNSUPPORTED, cache, "cache %" PRIx64 " has no free object on this CPU or node, and needs a new slab: that is not done yet", cache);
}

struct error *slub_discard_slab(struct engine *e, uint64_t cache, uint64_t slab, uint64_t node)
{
	return error_at(ERR_UNSUPPORTED, slab, "slab %" PRIx64 " of cache %" PRIx64 " is empty and goes back: that is not done yet", slab, cache);
}
