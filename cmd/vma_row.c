/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/vma_row.h"
#include "mm/path.h"

void vma_row_print(struct out *o, struct kernel *k, const struct vma *vma)
{
	static const struct column columns[] = {
		{"addr", "VMA", 16, '^', 0}, {"start", "START", 12, '>', 1},
		{"end", "END", 12, '>', 1},  {"flags", "FLAGS", 7, '>', 1},
		{"file", "FILE", 0, '<', 1},
	};
	out_table(o, "vma", columns, 5, true);
	out_cell_hex(o, vma->addr);
	out_cell_hex(o, vma->start);
	out_cell_hex(o, vma->end);
	out_cell_hex(o, vma->flags);
	if (vma->file)
		out_cell_str(o, path_of_file(k, vma->file)->path);
	else
		out_cell_none(o, "");
	out_row_end(o);
	out_table_end(o);
}
