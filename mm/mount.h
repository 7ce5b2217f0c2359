/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mounts, and the files that tasks have open (fs/namespace.c, fs/file.c).
 */
#ifndef MM_MOUNT_H
#define MM_MOUNT_H

#include "core/kernel.h"
#include "mm/task.h"

struct mount {
	uint64_t addr;	   /* struct mount; until 3.3 the vfsmount */
	uint64_t vfsmount; /* within it */
	uint64_t sb, root; /* super_block; the dentry at its top */
	char type[32], device[256];
};
/* Returns false to end. */
typedef bool mount_visitor(void *context, const struct mount *m);
/*
 * The mounts of the task's namespace: in the order of its list, since 6.8 of its tree. ERR_UNSUPPORTED, ERR_NOT_FOUND (the task has none, being dead),
 * ERR_BAD_LIST.
 */
struct error *mounts_for_each(struct kernel *k, const struct task *t, mount_visitor *visit, void *context) MUST_CHECK;

struct open_file {
	unsigned fd;
	uint64_t file, dentry, inode;
	uint32_t mode; /* i_mode; 0: not known */
};
typedef bool open_file_visitor(void *context, const struct open_file *f);
/* The task's open descriptors, ascending. A task without files_struct has none. ERR_BAD_OBJECT for a table that cannot be. */
struct error *files_for_each(struct kernel *k, const struct task *t, open_file_visitor *visit, void *context) MUST_CHECK;
/* "REG", "DIR", "CHR", "BLK", "FIFO", "SOCK", "LNK", or "UNKN". */
const char *inode_type_name(uint32_t mode);
/* i_mode; 0 when there is no inode to read. */
uint32_t inode_mode(struct kernel *k, uint64_t inode);

struct task_places {
	uint64_t root_mnt, root, pwd_mnt, pwd; /* vfsmounts and dentries; 0 where the task has none */
};
void task_places(struct kernel *k, const struct task *t, struct task_places *out);

#endif
