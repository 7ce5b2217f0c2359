/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors as return values. A function that can fail returns `struct error *`: NULL is success,
 * anything else is owned by the caller, who hands it on, prints it, or frees it with error_free().
 * Success allocates nothing.
 *
 * The code tells apart what a caller may want to tell apart; the message is one line for the user,
 * without the command's name and without a full stop ("page excluded by makedumpfile: 1f7cf000").
 *
 * It stands in vmcore/, the lowest room, because every room above uses it.
 */
#ifndef VMCORE_ERROR_H
#define VMCORE_ERROR_H

#include <stdint.h>

enum error_code {
	ERR_OTHER,
	ERR_NO_MEMORY,	  /* of this program */
	ERR_IO,		  /* the host's file system said no */
	ERR_FORMAT,	  /* the file is no image, or its headers contradict themselves */
	ERR_EXCLUDED,	  /* the page was left out by makedumpfile */
	ERR_NOT_IN_IMAGE, /* no such physical memory in the image */
	ERR_TRUNCATED,	  /* the image's headers point beyond the file's end */
	ERR_DAMAGED,	  /* a page that does not decompress */
	ERR_READ_ONLY,	  /* the image cannot be changed so */
	ERR_NOT_MAPPED,	  /* no translation for the virtual address */
	ERR_SWAPPED,	  /* the page is on swap or in a file, not in memory */
	ERR_NO_SYMBOL,
	ERR_NO_TYPE,
	ERR_NO_MEMBER,	 /* this kernel has no such struct member */
	ERR_NOT_FOUND,	 /* no such task, cache, area … */
	ERR_BAD_OBJECT,	 /* what stands at the address is not what it should be */
	ERR_BAD_LIST,	 /* a list or tree that loops or leads astray */
	ERR_USAGE,	 /* the user's words are off */
	ERR_UNSUPPORTED, /* this kernel or image lacks what it needs */
	ERR_INTERRUPTED, /* Ctrl-C */
	ERR_KERNEL,	 /* what a kernel answers an act with; addr is the errno, the message begins with its name */
};

struct error {
	enum error_code code;
	uint64_t addr;	/* the address it is about, or 0 */
	char message[]; /* NUL-terminated */
};

#define MUST_CHECK __attribute__((warn_unused_result))
/* What leads to a call of it is laid aside, out of the way of what comes with every step. */
#define UNLIKELY_CALL __attribute__((cold))

/* A new error; the message is formatted as by printf. Never returns NULL (an out-of-memory error is
 * a static one). */
struct error *error_new(enum error_code code, const char *format, ...)
	__attribute__((format(printf, 2, 3))) MUST_CHECK UNLIKELY_CALL;

/* The same, with the address it is about. */
struct error *error_at(enum error_code code, uint64_t addr, const char *format, ...)
	__attribute__((format(printf, 3, 4))) MUST_CHECK UNLIKELY_CALL;

/* What a kernel answers: kernel_error(ENOMEM, "no frame is free") is "ENOMEM: no frame is free". */
struct error *kernel_error(int kernel_errno, const char *format, ...)
	__attribute__((format(printf, 2, 3))) MUST_CHECK UNLIKELY_CALL;

/* Puts "text: " before the message; consumes `e` and returns the new one. NULL stays NULL. */
struct error *error_prefix(struct error *e, const char *format, ...)
	__attribute__((format(printf, 2, 3))) MUST_CHECK;

void error_free(struct error *e) UNLIKELY_CALL;

/* Returns from the calling function when the expression fails. */
#define TRY(expression)                                      \
	do {                                                 \
		struct error *try_error_ = (expression);     \
		if (__builtin_expect(try_error_ != NULL, 0)) \
			return try_error_;                   \
	} while (0)

/* Of a failure and what clearing up after it came to: the latter when it failed too (`failure` is then
 * freed). Either may be NULL. */
static inline struct error *error_worse(struct error *failure, struct error *clearing)
{
	if (!clearing)
		return failure;
	error_free(failure);
	return clearing;
}

/* Drops an error that does not matter; true when there was one. */
static inline int error_drop(struct error *e)
{
	if (!e)
		return 0;
	error_free(e);
	return 1;
}

#endif
