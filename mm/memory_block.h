/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory blocks: what can be taken on- and offline as one (drivers/base/memory.c,
 * /sys/devices/system/memory).
 */
#ifndef MM_MEMORY_BLOCK_H
#define MM_MEMORY_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

struct memory_block {
	uint64_t addr;		/* struct memory_block */
	uint64_t first_section; /* start_section_nr */
	int node;
	const char *state; /* "ONLINE", "GOING_OFFLINE", "OFFLINE", … */
	uint64_t sections; /* in one block */
};

typedef bool memory_block_visitor(void *context, const struct memory_block *block);
/* All blocks, ascending. None (and no error) where the kernel keeps no memory_blocks. */
struct error *memory_blocks_for_each(struct kernel *k, memory_block_visitor *visit,
				     void *context) MUST_CHECK;

#endif
