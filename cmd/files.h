/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of the command line: which is the image, which the symbols, which the types.
 */
#ifndef CMD_FILES_H
#define CMD_FILES_H

#include "vmcore/error.h"

struct files {
	const char *image;	 /* NULL: none of them */
	const char *symbol_file; /* a vmlinux or System.map, or NULL */
	const char *type_file;	 /* a BTF file or the vmlinux, or NULL */
};

/*
 * Tells one file by its content and puts it in its place. A file that looks like nothing is the
 * image, for vmcore_open() to say what is wrong with it, or raw RAM. ERR_IO (cannot be read),
 * ERR_USAGE (two of one kind). `path` must live on.
 */
struct error *files_add(struct files *files, const char *path) MUST_CHECK;

#endif
