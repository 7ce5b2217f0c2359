/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An entry of a page table for people, as vtop and pte print it. */
#ifndef CMD_ENTRY_ROW_H
#define CMD_ENTRY_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"
#include "core/out.h"

/* The heading, and a present entry's value, frame (a physical address) and flags: "(PRESENT|RW|USER)". `huge`: a
 * leaf above the lowest level. */
void entry_row_print(struct out *o, struct kernel *k, uint64_t entry, uint64_t frame, bool huge);
/* The same of an entry that names a slot of a swap area; false, and nothing printed, when it names none. JSON: nothing. */
bool entry_row_print_swap(struct out *o, struct kernel *k, uint64_t entry);

#endif
