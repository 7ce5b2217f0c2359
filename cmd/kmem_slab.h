/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slab caches and slabs, printed.
 */
#ifndef CMD_KMEM_SLAB_H
#define CMD_KMEM_SLAB_H

#include "cmd/session.h"
#include "mm/slab.h"

/* The cache's row with its heading: CACHE OBJSIZE ALLOCATED TOTAL SLABS SSIZE NAME. */
struct error *kmem_print_cache(struct session *s, const struct slab_cache *cache) MUST_CHECK;
/* The same in parts, for several caches: the table "cache" (closed by out_table_end()), and a row. */
void kmem_caches_begin(struct session *s, bool heading);
struct error *kmem_cache_row(struct session *s, const struct slab_cache *cache) MUST_CHECK;
/* The slab's row, and its objects: the one that holds `addr`, or all when addr is 0. */
struct error *kmem_print_slab(struct session *s, const struct slab *slab, uint64_t addr) MUST_CHECK;
/* The same where the states are known already. */
void kmem_print_states(struct session *s, const struct slab *slab, const struct object_status *status, uint64_t addr);

#endif
