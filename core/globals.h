/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The types of global variables: from BTF for those that it describes (per-CPU ones), from the
 * table core/globals.def for others.
 */
#ifndef CORE_GLOBALS_H
#define CORE_GLOBALS_H

#include "core/kernel.h"

/* False when the type of that variable is not known in this image. Whether the symbol exists is not
 * looked at, but for "[*]". */
bool global_type(struct kernel *k, const char *name, struct type *out);
/* The table's names, for lists and completion; NULL past the last. */
const char *global_name(size_t index);

/* Does a symbol's value mean a per-CPU variable (it stands between __per_cpu_start and
 * __per_cpu_end)? */
bool symbol_is_percpu(struct kernel *k, uint64_t addr);
/* The first symbol's address above addr in the kernel's image, or 0. */
uint64_t symbol_next(struct kernel *k, uint64_t addr);

#endif
