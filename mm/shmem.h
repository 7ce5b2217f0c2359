/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of shared memory and tmpfs: which of their pages are swapped out (mm/shmem.c).
 */
#ifndef MM_SHMEM_H
#define MM_SHMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

/* shmem_mapping(): is the inode one of shmem's? */
bool inode_is_shmem(struct kernel *k, uint64_t inode);

/*
 * shmem_swap_usage(): pages of the file that are swapped out, among the `count` pages from `pgoff` on. Errors as
 * xarray_for_each().
 */
struct error *shmem_swap_usage(struct kernel *k, uint64_t inode, uint64_t pgoff, uint64_t count, uint64_t *pages) MUST_CHECK;

/* Their page offsets, ascending. The caller frees `index`, after an error too. */
struct shmem_swapped {
	uint64_t *index;
	size_t count, room;
};
struct error *shmem_swapped_find(struct kernel *k, uint64_t inode, uint64_t pgoff, uint64_t count,
				 struct shmem_swapped *out) MUST_CHECK;

#endif
