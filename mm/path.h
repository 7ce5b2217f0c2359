/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Full paths across mounts, as d_path() makes them (fs/d_path.c): what /proc/PID/maps shows to
 * init.
 */
#ifndef MM_PATH_H
#define MM_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

#define PATH_SIZE 4096 /* PATH_MAX (include/uapi/linux/limits.h) */

/*
 * The path of (vfsmount, dentry) into buf: "/bin/busybox", "/memfd:name", "anon_inode:[eventpoll]",
 * "pipe:[1234]". It may hold any bytes: see path_escape(). *deleted (may be NULL): /proc would
 * append " (deleted)", which is not part of buf. `mnt` may be 0: then the path begins at its file
 * system's root. Errors: ERR_BAD_OBJECT (a name or parent that cannot be), ERR_BAD_LIST (a loop),
 * or as kernel_read().
 */
struct error *path_of(struct kernel *k, uint64_t mnt, uint64_t dentry, char *buf, size_t size,
		      bool *deleted) MUST_CHECK;

/*
 * Control characters but for tabs as \ooo, for terminals and lines; seq_path() of the kernel does
 * so for newlines. buf takes 4 times the bytes at most, or what fits. True when any was escaped.
 */
bool path_escape(const char *bytes, char *buf, size_t size);

struct file_path {
	const char
		*path; /* for people: escaped; never NULL: "(…)" saying why where it is not known */
	const char *bytes; /* as it is */
	bool known;
	bool deleted;
};

/*
 * The path of a struct file, kept until paths_forget(): good until then. Never fails: see `known`.
 * `file` 0 gives "".
 */
const struct file_path *path_of_file(struct kernel *k, uint64_t file);
/* Drops what path_of_file() keeps: call it where the image may have changed. */
void paths_forget(struct kernel *k);

#endif
