/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words and strings looked for in memory, at about the speed at which memory is read.
 */
#ifndef CORE_MATCH_H
#define CORE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/error.h"

#define MATCH_MAX_PATTERNS 64
#define MATCH_MAX_STRING   4096

/*
 * Gets each match: its address, which pattern it is, and the word found there (0 of a string). Returns
 * false to end.
 */
typedef bool match_visitor(void *context, uint64_t addr, unsigned pattern, uint64_t found);

/* Set the first part, then match_begin(). */
struct matcher {
	unsigned size; /* of the words, in bytes: 2, 4, 8; 0: strings */
	uint64_t mask; /* of words: bits that do not matter */
	unsigned count;
	uint64_t words[MATCH_MAX_PATTERNS];
	const char *strings[MATCH_MAX_PATTERNS];
	size_t lengths[MATCH_MAX_PATTERNS]; /* of strings: 1 … MATCH_MAX_STRING */
	match_visitor *visit;
	void *context;

	/* The end of the memory that was given last, for strings that go on in the next piece. */
	unsigned char *carry;
	size_t longest, carried;
	uint64_t carry_end; /* its address */
};

/* ERR_NO_MEMORY. */
struct error *match_begin(struct matcher *m) MUST_CHECK;
void match_end(struct matcher *m);
/*
 * The next piece of memory: len bytes, in their address space at addr. Words are looked for where their address
 * is a multiple of their size; a string may begin in one piece and end in the next, when that one's address follows.
 * False when the visitor had enough, or on Ctrl-C.
 */
bool match_piece(struct matcher *m, uint64_t addr, const unsigned char *bytes, size_t len);

#endif
