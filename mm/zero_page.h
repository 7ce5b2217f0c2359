/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The zero page, small and huge: what a read of untouched anonymous memory maps.
 */
#ifndef MM_ZERO_PAGE_H
#define MM_ZERO_PAGE_H

#include "core/kernel.h"

/*
 * Is a leaf entry's frame (of the huge page, when it is one) the kernel's zero page? False where
 * the kernel does not say which frame that is.
 */
bool is_zero_frame(struct kernel *k, uint64_t pfn, bool huge);

/* The frame of the huge zero page; UINT64_MAX while there is none. */
uint64_t huge_zero_frame(struct kernel *k);

#endif
