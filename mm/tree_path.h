/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way from a tree's root to where a walk stands: which child was taken at each level. */
#ifndef MM_TREE_PATH_H
#define MM_TREE_PATH_H

#include <stdint.h>

#define TREE_PATH_MAX 128 /* as deep as any tree here can be (mm/rbtree.h) */

struct tree_path {
	unsigned depth; /* of slot[] in use */
	uint8_t slot[TREE_PATH_MAX]; /* red-black: 0 left, 1 right; otherwise the slot's index */
};

#endif
