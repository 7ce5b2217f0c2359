/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A dump's bytes by their offset in the dump: the layer under the formats. A plain file is mapped
 * as it is. A file in makedumpfile's flattened layout (a stream of records "these bytes belong at
 * that offset", made for pipes) is read through an index of its records, which stands for the file
 * that reassembling would have made; "offset" below always means an offset in that file.
 *
 * The mapping is private and writable: a write through it copies the page and never reaches the
 * file. Bytes beyond the end that fstat() told are never touched. (A file that shrinks later ends
 * in SIGBUS, which is the command guard's.)
 */
#ifndef VMCORE_FILE_H
#define VMCORE_FILE_H

#include "vmcore/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file;

/* Errors: ERR_IO (absent, not readable, a directory, a pipe, empty), ERR_FORMAT (flattened, and its
 * records contradict themselves). */
struct error *file_open(const char *path, struct file **out) MUST_CHECK;
void file_close(struct file *f);

/* For mmap() of parts at chosen addresses; plain files only. */
int file_descriptor(const struct file *f);
bool file_is_flattened(const struct file *f);
/* One past the last offset that has a byte. */
uint64_t file_size(const struct file *f);
/* Bytes on the host; what a header may ask for in memory is measured against this. */
uint64_t file_host_size(const struct file *f);

/*
 * How many bytes from `offset` on are alike: all there, or all missing (a cut file). At the end and
 * beyond it: missing, to UINT64_MAX. A whole flattened file's gaps are zeroes and there; those of a
 * cut one are missing.
 */
uint64_t file_extent(struct file *f, uint64_t offset, bool *there);

/*
 * The bytes at `offset` in place, and how many follow contiguously; NULL when the byte is missing
 * or has no place (a flattened file's gap). Writable, privately.
 */
void *file_span(struct file *f, uint64_t offset, uint64_t *len);

/* `len` contiguous bytes in place, or NULL when they are not (there may still be a copy to be had
 * by file_read()). */
void *file_direct(struct file *f, uint64_t offset, uint64_t len);

/* Copies; false when any of the bytes is missing. */
bool file_read(struct file *f, uint64_t offset, void *buffer, size_t len);

#endif
