/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files that save an image have of each other. */
#ifndef VMCORE_SAVE_PARTS_H
#define VMCORE_SAVE_PARTS_H

#include "vmcore/image.h"
#include "vmcore/save.h"

/* Memory that is there from one end to the other, or missing. Runs are disjoint and ascending. */
struct run {
	uint64_t start, end;
	bool there;
};

struct save {
	struct vmcore *vc;
	const struct save_details *details;
	int machine;
	bool is64; /* the machine */
	int fd;
	struct run *runs;
	size_t nr_runs;
	uint8_t *notes; /* as they stand in a file */
	size_t notes_size;
	size_t vmcoreinfo_at; /* of its text within the notes; 0: there is none */
	uint64_t file_size;   /* out */
};

/* Writes to one part of the file in order, through a buffer. */
#define WRITER_SIZE (1u << 20)
struct writer {
	struct save *save;
	uint64_t offset; /* in the file, of the buffer's first byte */
	size_t used;
	uint8_t *buffer; /* the caller frees it */
};

struct error *writer_start(struct writer *w, struct save *s, uint64_t offset) MUST_CHECK;
struct error *writer_add(struct writer *w, const void *bytes, size_t len) MUST_CHECK;
struct error *writer_flush(struct writer *w) MUST_CHECK;

/* All of the bytes at an offset of the file. */
struct error *save_write(struct save *s, uint64_t offset, const void *bytes, size_t len) MUST_CHECK;
struct error *save_check_stop(const struct save *s) MUST_CHECK;
bool all_zero(const void *bytes, size_t len);

/* Each writes all of the file and sets file_size. */
struct error *save_elf(struct save *s) MUST_CHECK;
struct error *save_kdump(struct save *s) MUST_CHECK;

#endif
