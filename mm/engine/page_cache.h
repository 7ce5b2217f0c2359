/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: the page cache where each mapping has a tree of its pages. find_page_nolock(), add_to_page_cache(), remove_inode_page(), set_page_dirty() of
 * mm/engine/engine.h come here on such kernels.
 */
#ifndef MM_PAGE_CACHE_H
#define MM_PAGE_CACHE_H

#include "mm/engine/engine.h"

/* The tree's entry: a page, or a value (an evicted page); 0 for none. */
struct error *page_cache_entry(struct engine *e, uint64_t mapping, uint64_t index, uint64_t *entry) MUST_CHECK;
/*
 * __add_to_page_cache_locked(): the page, locked and with a reference of the mapping's, at that index. Its control group is not charged (charge_page() does).
 * EEXIST. *shadow is the value that stood there, 0 for none.
 */
struct error *page_cache_insert(struct engine *e, uint64_t page, uint64_t mapping, uint64_t index, uint64_t *shadow) MUST_CHECK;
/* __delete_from_page_cache(): `shadow` (a value, or 0) stands there now. The mapping's reference is left to the caller. */
struct error *page_cache_delete(struct engine *e, uint64_t page, uint64_t shadow) MUST_CHECK;

struct error *find_page_modern(struct engine *e, uint64_t mapping, uint64_t index, uint64_t *page) MUST_CHECK;
struct error *set_page_dirty_modern(struct engine *e, uint64_t page) MUST_CHECK;

/* ---- mm/engine/filemap_read.c ---- */

/* Has the image a disk of its own, that files can be read from? */
bool has_disk(const struct engine *e);
/* filemap_fault()'s reading of a page that is not cached, with those around it; `end`: pages of the file. */
struct error *read_around(struct engine *e, uint64_t file, uint64_t mapping, uint64_t index, uint64_t end) MUST_CHECK;
/* More pages are read ahead of no file. */
#define READ_AHEAD_MOST 4096u
/* page_cache_ra_unbounded(): `size` pages from `first` on that lie in the file (`end` pages); the one with `ahead` left behind it says when to read on. */
struct error *read_pages(struct engine *e, uint64_t mapping, uint64_t first, uint64_t size, uint64_t ahead, uint64_t end) MUST_CHECK;

/* ---- mm/engine/readahead.c ---- */

/* kernel_read(): bytes of the file as they are in its page cache, read from the disk where they are not. *done: how many there were before its end. */
struct error *kernel_read_file(struct engine *e, uint64_t file, uint64_t offset, void *buffer, size_t len, size_t *done) MUST_CHECK;
/* do_async_mmap_readahead(): a fault has found the page in the cache. */
struct error *mmap_readahead(struct engine *e, uint64_t file, uint64_t page, uint64_t index) MUST_CHECK;

#endif
