/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's log: what printk() keeps, in each of the three forms it has had.
 */
#ifndef MM_LOG_H
#define MM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

struct log_record {
	uint64_t seq;	  /* counted from boot where the kernel counts, else from the first record that is left */
	bool has_header;  /* time, level and caller are known; false: the text of an old log, which may have "<6>" and a time in it */
	uint64_t ts_nsec; /* local_clock() in ns: about the time since boot */
	uint8_t facility, level;
	bool has_caller;
	uint32_t caller_id; /* a thread's pid, or with the top bit a CPU */
	/*
	 * A part of a line (3.5 to 4.9): it goes on where the record before ended, or the next record goes on with it.
	 */
	bool continues, unfinished;
	const char *text; /* not NUL-terminated, without the last newline; good until the visitor returns */
	size_t text_size;
	/* "SUBSYSTEM=acpi" and "DEVICE=+acpi:…": each NUL-terminated, one after the other */
	const char *dictionary;
	size_t dictionary_size;
};

/* Returns false to end the walk. */
typedef bool log_visitor(void *context, const struct log_record *record);

/*
 * All records, oldest first. A record whose text was overwritten is left out. ERR_UNSUPPORTED: no log was found. ERR_BAD_OBJECT, and
 * as kernel_read(): it is damaged; what comes before the damage was visited.
 */
struct error *log_for_each(struct kernel *k, log_visitor *visit, void *context) MUST_CHECK;

/*
 * The message of the crash, as far as the log tells: the line that says why ("Kernel panic - not syncing: …", "BUG: unable to handle …",
 * a crash that was asked for). "" when there is none.
 */
void log_panic_message(struct kernel *k, char *buf, size_t size);

/* ---- mm/log_more.c ---- */

/* A CPU's messages from within interrupts, which the log did not have yet (kernel/printk/printk_safe.c, 4.10 to 5.14). */
struct log_safe_buffer {
	const char *name; /* of the variable */
	unsigned cpu;
	uint64_t addr, len, lost;
	const char *text; /* good until the visitor returns */
};
typedef bool log_safe_visitor(void *context, const struct log_safe_buffer *b);
/* By variable, then CPU. ERR_UNSUPPORTED, ERR_BAD_OBJECT. */
struct error *log_safe_for_each(struct kernel *k, log_safe_visitor *visit, void *context) MUST_CHECK;

/* A record that the audit daemon had not fetched (kernel/audit.c). */
struct log_audit_record {
	const char *queue;
	uint64_t addr; /* sk_buff */
	uint32_t type; /* AUDIT_… (include/uapi/linux/audit.h) */
	const char *text;
};
typedef bool log_audit_visitor(void *context, const struct log_audit_record *r);
struct error *log_audit_for_each(struct kernel *k, log_audit_visitor *visit, void *context) MUST_CHECK;

#endif
