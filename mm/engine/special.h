/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: the kernel's own mappings in a process (vdso, vvar).
 */
#ifndef MM_SPECIAL_H
#define MM_SPECIAL_H

#include "mm/engine/fault.h"

/* The page at that offset of the mapping; 0: the fault has ended in f->result (with the frame mapped, a signal, or a refusal). */
struct error *special_mapping_fault(struct fault *f, uint64_t index, uint64_t *page) MUST_CHECK;

#endif
