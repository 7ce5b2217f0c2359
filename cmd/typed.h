/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the commands that show typed memory (struct, union, *, p) share: where the bytes come from,
 * CPU specifications, the format of values.
 */
#ifndef CMD_TYPED_H
#define CMD_TYPED_H

#include "cmd/session.h"
#include "core/typeprint.h"

enum memory_kind { MEMORY_KERNEL, MEMORY_USER, MEMORY_FILE };

struct memory {
	struct session *s;
	enum memory_kind kind;
	uint64_t mm; /* of user memory */
	int fd;	     /* of the dump file */
};

/* MEMORY_USER is that of the current context (ERR_NOT_FOUND for a kernel thread); MEMORY_FILE is
 * the dump file, by offset. */
struct error *memory_open(struct session *s, enum memory_kind kind, struct memory *out) MUST_CHECK;
void memory_close(struct memory *m);
/* All bytes or an error that names the first address that cannot be read. A memory_reader
 * (core/expr.h). */
struct error *memory_read(void *memory, uint64_t addr, void *buffer, size_t len) MUST_CHECK;

/* What parse_cpus() takes, as a list in ascending order; free(*list). */
struct error *cpus_parse(struct session *s, const char *spec, unsigned **list, size_t *count) MUST_CHECK;

/* The format that the settings and -x or -d (radix 16 or 10; 0 for neither) give. */
struct value_format typed_format(const struct session *s, unsigned radix);

#endif
