/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * VMCOREINFO: the kernel's own note about itself, lines of KEY=VALUE (kernel/crash_core.c, later kernel/vmcore_info.c;
 * Documentation/admin-guide/kdump/vmcoreinfo.rst). From the dump's note, or found in memory by its first line.
 */
#ifndef CORE_VMCOREINFO_H
#define CORE_VMCOREINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmcoreinfo {
	char *text;	/* NUL-terminated copy; NULL when there is none */
	size_t len;
	uint64_t phys;	/* where it was found in memory; 0 for the note's */
};

/* The value of KEY, copied without the line's end; false when absent. */
bool vmcoreinfo_string(const struct vmcoreinfo *v, const char *key, char *buf, size_t size);
/* SYMBOL(name): hexadecimal. */
bool vmcoreinfo_symbol(const struct vmcoreinfo *v, const char *name, uint64_t *value);
/* NUMBER(name): decimal, may be negative. */
bool vmcoreinfo_number(const struct vmcoreinfo *v, const char *name, int64_t *value);

#endif
