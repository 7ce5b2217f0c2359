/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slab caches and the objects in their slabs: SLUB (mm/slub.c), with SLAB's page layout as far as finding an object's cache.
 */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

/* The name of the cache that the kernel virtual address belongs to a slab of; false when it is in none. */
bool slab_cache_name(struct kernel *k, uint64_t addr, char *buf, size_t size);

#endif
