/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A flavour's types from a table of text (mm/sim/types/, written by from-btf from a real kernel's BTF): much longer than what is written by hand
 * in C (linux24_types_*.c), and as easy to read.
 */
#ifndef MM_SIM_TYPES_H
#define MM_SIM_TYPES_H

#include "mm/sim/layout.h"

/*
 * The layout that the text describes, followed by what `more` (NULL for none) describes in the same way. The text comes with the program, so what
 * is wrong with it is a bug and asserted. The caller frees it with types_free(). NULL: out of memory.
 */
const struct layout *types_parse(unsigned pointer_size, const char *text, size_t len, const char *more);
void types_free(const struct layout *layout);

#endif
