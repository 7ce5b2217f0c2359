/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: inodes, dentries and open files of a simulated machine whose kernel has reverse mapping, for mm/engine/file.c.
 */
#ifndef MM_DCACHE_H
#define MM_DCACHE_H

#include "mm/engine/engine.h"

/*
 * inode_init_once(), inode_init_always(), inode_sb_list_add(): lists, its own mapping with those operations, the super block's list. For an inode that is zeroed but for
 * number, mode, links and super block.
 */
struct error *inode_init(struct engine *e, const struct object *inode, uint64_t a_ops) MUST_CHECK;
/* A zeroed inode gets what fs/inode.c and the file system fill in: lists, operations, mapping; it enters the hash and the super block's list. */
struct error *fill_inode_modern(struct engine *e, const struct object *inode) MUST_CHECK;
/* fs/dcache.c: the flags, the hash and the lists of a new dentry that is filled otherwise; `parent` 0 for a root. */
struct error *fill_dentry_modern(struct engine *e, const struct object *dentry, uint64_t parent, const char *name, size_t len) MUST_CHECK;
/* A new struct file, beyond path and count: alloc_file() (fs/file_table.c); for one of the machine's own file system do_dentry_open() (fs/open.c). */
struct error *fill_file_modern(struct engine *e, const struct object *file, uint64_t inode, uint64_t mode, uint64_t flags) MUST_CHECK;
struct error *open_file_modern(struct engine *e, const struct object *file, uint64_t inode, bool write) MUST_CHECK;
/* What a file held when its last reference went, but for its dentry: mount and credentials. */
struct error *leave_file_modern(struct engine *e, const struct object *file) MUST_CHECK;
/* __fput() of a file of the machine's own file system: *done false where another has a say. */
struct error *close_file_modern(struct engine *e, const struct object *file, bool *done) MUST_CHECK;
/* The mount of a path is held once more, or less (mntget(), mntput()): a count of each CPU's own since 3.2, when `mnt` is a vfsmount within a mount. */
struct error *mount_hold(struct engine *e, uint64_t mnt, int delta) MUST_CHECK;
/* The super block's root, and the mount's. */
struct error *set_root_modern(struct engine *e, uint64_t sb, uint64_t mnt, uint64_t dentry) MUST_CHECK;

#endif
