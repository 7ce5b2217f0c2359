/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/vma_row.h"
#include "mm/path.h"

#define COLUMNS 5

static const struct column *columns(const struct kernel *k)
{
	static const struct column wide[COLUMNS] = {
		{"addr", "VMA", 16, '^', 0}, {"start", "START", 12, '>', 1},
		{"end", "END", 12, '>', 1},  {"flags", "FLAGS", 7, '>', 1},
		{"file", "FILE", 0, '<', 1},
	};
	static const struct column narrow[COLUMNS] = {
		{"addr", "VMA", 8, '^', 0},  {"start", "START", 8, '>', 2},
		{"end", "END", 8, '>', 2},   {"flags", "FLAGS", 7, '>', 1},
		{"file", "FILE", 0, '<', 1},
	};
	return k->arch->pointer_size == 8 ? wide : narrow;
}

void vma_rows_begin(struct out *o, struct kernel *k, const char *key, bool heading)
{
	out_table(o, key, columns(k), COLUMNS, heading);
}

void vma_rows_heading(struct out *o, struct kernel *k)
{
	out_heading(o, columns(k), COLUMNS);
}

void vma_row_cells(struct out *o, struct kernel *k, const struct vma *vma)
{
	const struct file_path *path = path_of_file(k, vma->file);
	out_cell_hex(o, vma->addr);
	out_cell_hex(o, vma->start);
	out_cell_hex(o, vma->end);
	out_cell_hex(o, vma->flags);
	if (vma->file)
		out_cell_str(o, out_json(o) ? path->bytes : path->path);
	else
		out_cell_none(o, "");
	if (!out_json(o))
		return;
	char text[96];
	vma_permissions(vma->flags, text);
	out_str(o, "permissions", NULL, text);
	out_dec(o, "pgoff", NULL, vma->pgoff);
	if (vma->file && path->known)
		out_bool(o, "deleted", NULL, path->deleted);
	if (vma_special_name(k, vma, text, sizeof(text)))
		out_str(o, "name", NULL, text);
}

void vma_row_print(struct out *o, struct kernel *k, const struct vma *vma)
{
	vma_rows_begin(o, k, "vma", true);
	vma_row_cells(o, k, vma);
	out_row_end(o);
	out_table_end(o);
}
