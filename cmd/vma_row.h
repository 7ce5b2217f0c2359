/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The row of an area that vm, vtop and others print: VMA START END FLAGS FILE. The JSON has more:
 * permissions, pgoff, whether the file is deleted, and the name of an area without a file
 * ("[heap]").
 */
#ifndef CMD_VMA_ROW_H
#define CMD_VMA_ROW_H

#include "core/out.h"
#include "mm/vma.h"

/* Heading and the one row, as the JSON array "vma". */
void vma_row_print(struct out *o, struct kernel *k, const struct vma *vma);

/* The same in parts: opens the table (end it with out_table_end()), … */
void vma_rows_begin(struct out *o, struct kernel *k, const char *key, bool heading);
/* … the heading alone, once more, … */
void vma_rows_heading(struct out *o, struct kernel *k);
/* … and one row's cells. The caller ends the row with out_row_end(). */
void vma_row_cells(struct out *o, struct kernel *k, const struct vma *vma);

#endif
