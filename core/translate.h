/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside core/: the translation that everything in kernel.h rests on.
 */
#ifndef CORE_TRANSLATE_H
#define CORE_TRANSLATE_H

#include "core/kernel.h"

/*
 * The physical address of addr, and in *run how many bytes from there on are mapped contiguously
 * (at least to the end of its page). False when addr is not mapped.
 */
bool kernel_translate(struct kernel *k, uint64_t addr, uint64_t *phys, uint64_t *run);

void copies_free(struct kernel *k);

/* By VMCOREINFO (core/attach.c): sets k->arch, and when there is one that works phys_base, geometry
 * and kernel_pgd; else kernel_pgd is 0. */
struct error *attach_find_kernel(struct kernel *k) MUST_CHECK;
/* Without VMCOREINFO, once there are symbols and phys_base: geometry and kernel_pgd. */
struct error *attach_by_symbols(struct kernel *k) MUST_CHECK;
/* After symbols and types: the linear ranges and the per-CPU areas. */
struct error *attach_layout(struct kernel *k) MUST_CHECK;

#endif
