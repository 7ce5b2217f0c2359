/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: shared memory, changed (mm/shmem.c), on kernels with reverse mapping: files of the kernel's own mount of tmpfs, and the pages of any file of tmpfs. Pages
 * of one frame each.
 */
#ifndef MM_SHMEM_EDIT_H
#define MM_SHMEM_EDIT_H

#include "mm/engine/modern.h"

/* ---- mm/engine/shmem_file.c ---- */

/* A new area that is shared and has no file gets one of its size, and its operations. ENOMEM when so much may not be promised. */
struct error *shmem_zero_setup(struct engine *e, const struct object *vma) MUST_CHECK;
/* __fput() of a file whose last reference went: one without a name in shared memory goes, with its pages; any other, or one that has more than is followed, is closed later. */
struct error *close_shmem_file(struct engine *e, const struct object *file) MUST_CHECK;
/* The root directory of the kernel's own mount (shm_mnt): at boot. */
struct error *shmem_fill_super(struct engine *e) MUST_CHECK;

/* ---- mm/engine/shmem_pages.c ---- */

/* A file's inode with what shmem keeps of it and of the file system. */
struct shmem {
	struct object inode, info, sbinfo;
};
struct error *shmem_open(struct engine *e, uint64_t inode, struct shmem *s) MUST_CHECK;
/* What the file had, and has neither in memory nor in swap any more, is taken off its account. */
struct error *shmem_recalc_inode(struct engine *e, const struct shmem *s) MUST_CHECK;

/*
 * shmem_getpage_gfp(), shmem_get_folio_gfp(): a new page, cleared, where the file has none. *page 0: f->result says why (FAULT_SIGBUS), or it was only explained.
 */
struct error *shmem_new_page(struct fault *f, uint64_t mapping, uint64_t index, uint64_t *page) MUST_CHECK;
/* Might the kernel take a huge page (shmem_huge, the mount's huge=; orders of anonymous shared memory since 6.11)? */
bool shmem_huge_enabled(struct engine *e, const struct object *sbinfo);
/* Can shmem_truncate_range() give back all that the file has there? Not what is mapped, large, or being written; nor what is on swap, where slots are not followed. */
struct error *shmem_can_truncate(struct engine *e, uint64_t mapping, uint64_t first, uint64_t last, bool *can) MUST_CHECK;
/* shmem_truncate_range(): the pages `first` … `last`, which nobody maps. */
struct error *shmem_truncate_range(struct engine *e, const struct object *inode, uint64_t first, uint64_t last) MUST_CHECK;

/* ---- mm/engine/shmem_swap.c ---- */

/* An unmapped page to swap: out of the file, with its reference, and in the swap cache. Not *written: it stays, to be marked dirty again. */
struct error *shmem_writepage(struct engine *e, uint64_t page, bool *written) MUST_CHECK;
/* The page whose slot, `value`, stands at the index: back in the file; f->result says whether it was read. *page 0: no memory, or it was only explained. */
struct error *shmem_swapin_page(struct fault *f, uint64_t mapping, uint64_t index, uint64_t value, uint64_t *page) MUST_CHECK;
/* force_shm_swapin_readahead(): what is swapped out of so many pages into the swap cache. */
struct error *shmem_swapin_ahead(struct engine *e, uint64_t inode, uint64_t first, uint64_t count) MUST_CHECK;
/* The slot that stands at the index goes. */
struct error *shmem_free_swap(struct engine *e, uint64_t mapping, uint64_t index, uint64_t value) MUST_CHECK;

#endif
