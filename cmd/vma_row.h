/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The row of an area that vm, vtop and others print: VMA START END FLAGS FILE.
 */
#ifndef CMD_VMA_ROW_H
#define CMD_VMA_ROW_H

#include "core/out.h"
#include "mm/vma.h"

/* Heading and the one row, as the JSON array "vma". */
void vma_row_print(struct out *o, struct kernel *k, const struct vma *vma);

#endif
