/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/inode_path.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/mount.h"
#include "mm/path.h"
#include "mm/task.h"

struct inode_paths {
	struct kernel *k;
	struct sb_mount {
		uint64_t sb, vfsmount;
		bool whole; /* its root is the file system's */
	} *mounts;
	size_t count, room;
	uint64_t blockdev; /* super_block of the block devices' inodes */
};

static bool keep_mount(void *context, const struct mount *m)
{
	struct inode_paths *p = context;
	uint64_t parent = 0;
	bool whole = !error_drop(kernel_get(p->k, m->root, M_dentry_d_parent, &parent)) && parent == m->root;
	for (size_t i = 0; i < p->count; i++) {
		if (p->mounts[i].sb != m->sb)
			continue;
		/* A bind mount of a directory hides the rest. */
		if (whole && !p->mounts[i].whole)
			p->mounts[i] = (struct sb_mount){m->sb, m->vfsmount, whole};
		return true;
	}
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct sb_mount *larger = realloc(p->mounts, room * sizeof(*larger));
		if (!larger)
			return false;
		p->mounts = larger;
		p->room = room;
	}
	p->mounts[p->count++] = (struct sb_mount){m->sb, m->vfsmount, whole};
	return true;
}

struct inode_paths *inode_paths_open(struct kernel *k)
{
	struct inode_paths *p = calloc(1, sizeof(*p));
	size_t tasks;
	if (!p)
		return NULL;
	p->k = k;
	if (error_drop(kernel_read_symbol(k, "blockdev_superblock", 0, &p->blockdev)))
		p->blockdev = 0;
	const struct task *init = error_drop(tasks_count(k, &tasks)) ? NULL : task_by_pid(k, 1);
	/* What cannot be read of them makes paths begin at their file system's root. */
	if (init)
		error_drop(mounts_for_each(k, init, keep_mount, p));
	return p;
}

void inode_paths_close(struct inode_paths *p)
{
	if (p)
		free(p->mounts);
	free(p);
}

/* The first dentry of the inode: on an hlist since 3.6, on a list before. */
static uint64_t first_alias(struct kernel *k, uint64_t inode)
{
	uint64_t head = inode + OFFSET(k, inode, i_dentry), node;
	if (!HAS(k, inode, i_dentry) || !HAS(k, dentry, d_alias) || error_drop(kernel_read_pointer(k, head, &node)) || !node || node == head)
		return 0;
	return node - OFFSET(k, dentry, d_alias);
}

static void file_system_name(struct kernel *k, uint64_t sb, char *buf, size_t size)
{
	uint64_t type, name;
	if (error_drop(kernel_get(k, sb, M_super_block_s_type, &type)) || error_drop(kernel_get(k, type, M_file_system_type_name, &name)) ||
	    error_drop(kernel_read_string(k, name, buf, size)))
		snprintf(buf, size, "?");
}

void inode_path(struct inode_paths *p, uint64_t inode, char *buf, size_t size)
{
	struct kernel *k = p->k;
	uint64_t sb = 0, number = 0, mnt = 0, alias, device;
	char path[PATH_SIZE], type[32];
	bool deleted = false;
	error_drop(kernel_get(k, inode, M_inode_i_sb, &sb));
	error_drop(kernel_get(k, inode, M_inode_i_ino, &number));
	if (sb && sb == p->blockdev && HAS(k, inode, i_rdev) && !error_drop(kernel_get(k, inode, M_inode_i_rdev, &device))) {
		unsigned minor_bits = k->members[M_inode_i_rdev].size == 2 ? 8 : 20;
		snprintf(buf, size, "block device %u:%u", (unsigned)device >> minor_bits, (unsigned)device & ((1u << minor_bits) - 1));
		return;
	}
	for (size_t i = 0; i < p->count; i++)
		if (p->mounts[i].sb == sb)
			mnt = p->mounts[i].vfsmount;
	alias = first_alias(k, inode);
	if (alias && !error_drop(path_of(k, mnt, alias, path, sizeof(path), &deleted))) {
		size_t len;
		path_escape(path, buf, size);
		len = strlen(buf);
		snprintf(buf + len, size - len, "%s", deleted ? " (deleted)" : "");
		return;
	}
	file_system_name(k, sb, type, sizeof(type));
	snprintf(buf, size, "inode %" PRIu64 " of %s", number, type);
}
