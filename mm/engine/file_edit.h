/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: files and the disk of a simulated machine, for the engine (mm/engine/file.c).
 */
#ifndef MM_FILE_EDIT_H
#define MM_FILE_EDIT_H

#include "mm/engine/engine.h"

/* The inode of an open file. */
struct error *file_inode(struct engine *e, uint64_t file, uint64_t *inode) MUST_CHECK;
/* A new struct file has its first reference. */
void file_ref_init(struct kernel *k, const struct object *f);
/* A dentry of that name under `parent`, or (0) that is its own parent and stands in no hash: a root, a file without a name. It is held once. */
struct error *new_dentry(struct engine *e, uint64_t parent, const char *name, size_t len, uint64_t inode, uint64_t sb, uint64_t *dentry) MUST_CHECK;
/* Bytes of the file from the disk; zeroes past its end. */
struct error *disk_read(struct engine *e, uint64_t inode, uint64_t offset, void *buffer, size_t len) MUST_CHECK;
struct error *disk_write(struct engine *e, uint64_t inode, uint64_t offset, const void *buffer, size_t len) MUST_CHECK;

/* 2.4: the area's file is denied to writers once more, or less. mm/engine/mmap.c */
struct error *count_denials(struct engine *e, const struct object *vma, int delta) MUST_CHECK;
/* All of a file into the page cache, as reading it does. mm/engine/filemap_read.c */
struct error *read_file(struct engine *e, const char *path) MUST_CHECK;

/* A device's node in the file system, made when there is none: its dentry, which is held, and the mount that it is on. */
struct error *hold_device(struct engine *e, const char *path, uint64_t *dentry, uint64_t *mnt) MUST_CHECK;

/* An open file for a device, whose node is made when there is none. */
struct error *open_device(struct engine *e, const char *path, uint64_t *file) MUST_CHECK;

/* The bytes of the swap area, mm/engine/swap_store.c: `offset` is a page's number in it. Of a dump those that the engine wrote itself: ERR_UNSUPPORTED for others. */
struct error *swap_read(struct engine *e, unsigned type, uint64_t offset, void *buffer) MUST_CHECK;
struct error *swap_write(struct engine *e, unsigned type, uint64_t offset, const void *buffer) MUST_CHECK;
bool swap_has(struct engine *e, unsigned type, uint64_t offset);

/* Pages [first, last) of the file come into the page cache: by whole clusters, or one by one. mm/engine/filemap.c of 2.4 */
struct error *read_ahead(struct engine *e, uint64_t file, uint64_t first, uint64_t last, bool one_by_one) MUST_CHECK;

#endif
