/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Overlapping intervals made disjoint: where several cover a point, the one of the highest priority
 * has it. Two formats need it: records of a flattened file overwrite earlier ones, and an ELF
 * core's first segment wins over later ones.
 */
#ifndef VMCORE_INTERVALS_H
#define VMCORE_INTERVALS_H

#include "vmcore/error.h"

#include <stddef.h>
#include <stdint.h>

struct interval {
	uint64_t start;
	uint64_t end; /* exclusive */
	uint64_t priority;
	uint64_t source; /* the caller's name for it; kept by every part that is left of it */
};

/*
 * Sorts *list and cuts it into disjoint intervals in ascending order; empty ones vanish. The array
 * is the caller's (malloc), and may be replaced by another one. O(n log n). Fails only for lack of
 * memory (the list is then still the caller's).
 */
struct error *intervals_resolve(struct interval **list, size_t *count) MUST_CHECK;

#endif
