/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers for random tests: the same everywhere from the same seed (xorshift64; the state is never 0). */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* From 0 to n - 1. */
static inline unsigned random_below(uint64_t *state, unsigned n)
{
	return (unsigned)(random_next(state) >> 16) % n;
}

#endif
