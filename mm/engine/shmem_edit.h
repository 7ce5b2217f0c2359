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

/*
 * shmem_getpage_gfp(), shmem_get_folio_gfp(): a new page, cleared, where the file has none. *page 0: f->result says why (FAULT_SIGBUS), or it was only explained.
 */
struct error *shmem_new_page(struct fault *f, uint64_t mapping, uint64_t index, uint64_t *page) MUST_CHECK;
/* shmem_writepage(): to swap; the file's tree names the slot then, and the swap cache alone has the page. Not *written: no slot, or the file is locked. */
struct error *shmem_writepage(struct engine *e, struct page *p, bool *written) MUST_CHECK;
/* shmem_swapin_page(): back from the slot that the value in the tree names, into the file's cache. *page 0: no memory, or it was only explained; *major: it was read. */
struct error *shmem_swapin_page(struct fault *f, uint64_t mapping, uint64_t index, uint64_t value, uint64_t *page, bool *major) MUST_CHECK;
/* Might the kernel take a huge page (shmem_huge, the mount's huge=; orders of anonymous shared memory since 6.11)? */
bool shmem_huge_enabled(struct engine *e, const struct object *sbinfo);
/* Can shmem_truncate() give back all that the file has? Not what is swapped out, mapped, large, or being written. */
struct error *shmem_can_truncate(struct engine *e, uint64_t mapping, bool *can) MUST_CHECK;
/* shmem_truncate_range() of all of the file. */
struct error *shmem_truncate(struct engine *e, const struct object *inode) MUST_CHECK;

#endif
