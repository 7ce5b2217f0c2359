/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Circular lists (include/linux/list.h) of an image, read as hostile data.
 */
#ifndef MM_LIST_H
#define MM_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

/* Gets the address of each list_head but the first; returns false to end. */
typedef bool list_visitor(void *context, uint64_t node);

/*
 * Follows `next` from the list_head at `head` until it comes back. ERR_BAD_LIST for one that runs
 * into itself elsewhere, or into address 0; ERR_INTERRUPTED; or as kernel_read(). The nodes given
 * before are good. An empty list, and one of zeroes that was never set up, are no error.
 */
struct error *list_for_each(struct kernel *k, uint64_t head, list_visitor *visit,
			    void *context) MUST_CHECK;

#endif
