/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From an inode, which has no name, to the path of a file: by one of the dentries that stand for it (inode.i_dentry: include/linux/fs.h), on a mount of
 * its file system.
 */
#ifndef MM_INODE_PATH_H
#define MM_INODE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

/* The mounts by their file systems, read once: close with inode_paths_close(). NULL only when there is no memory for it. */
struct inode_paths;
struct inode_paths *inode_paths_open(struct kernel *k);
void inode_paths_close(struct inode_paths *p);

/*
 * A name for people, control characters escaped: "/lib/x.so", "/memfd:m (deleted)", "block device 7:0" (the cache of its blocks), or where no dentry is
 * left "inode 123 of ext4". Always gives something.
 */
void inode_path(struct inode_paths *p, uint64_t inode, char *buf, size_t size);

#endif
