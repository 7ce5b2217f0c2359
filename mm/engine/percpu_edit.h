/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: memory of which each CPU has its own copy (mm/percpu.c), taken and given back.
 */
#ifndef MM_PERCPU_EDIT_H
#define MM_PERCPU_EDIT_H

#include "mm/engine/engine.h"

/* So many zeroes for each CPU. *ptr: as the kernel's own variables hold it, see percpu_ptr(). ERR_UNSUPPORTED where a chunk would have to be made or filled, or chunks are kept otherwise. */
struct error *alloc_percpu(struct engine *e, uint32_t size, uint32_t align, uint64_t *ptr) MUST_CHECK;
/* 0 is left alone. */
struct error *free_percpu(struct engine *e, uint64_t ptr) MUST_CHECK;

#endif
