/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vm -R: only what leads to a reference. An area is found by its address, its flags or a part of
 * its file's path; a page by its virtual or physical address, its offset in the file (hexadecimal),
 * its offset on swap (decimal) or its swap area's path.
 */
#include <string.h>

#include "cmd/vm.h"
#include "cmd/vma_row.h"
#include "mm/path.h"

struct search {
	struct session *s;
	const struct task *task;
	const struct vm_mm *mm;
	const struct vm_reference *r;
	const struct vma *vma;
	bool task_shown, heading_due, row_open;
	struct error *error;
};

static void show_task(struct search *x)
{
	struct out *o = x->s->out;
	if (x->task_shown)
		return;
	x->task_shown = x->heading_due = true;
	if (!x->s->in_foreach)
		out_object_begin(o, NULL);
	context_heading(x->s, x->task);
	vm_mm_print(o, x->mm);
}

/* The area's row, once. After pages the heading comes again. */
static void show_area(void *context)
{
	struct search *x = context;
	struct out *o = x->s->out;
	if (x->row_open)
		return;
	bool first = !x->task_shown;
	show_task(x);
	if (first)
		vma_rows_begin(o, x->s->kernel, "areas", false);
	if (x->heading_due && !out_json(o))
		vma_rows_heading(o, x->s->kernel);
	x->heading_due = false;
	vma_row_cells(o, x->s->kernel, x->vma);
	out_row_break(o);
	x->row_open = true;
}

static bool search_area(void *context, const struct vma *vma)
{
	struct search *x = context;
	const struct vm_reference *r = x->r;
	x->vma = vma;
	x->row_open = false;
	if ((r->is_hex && (r->hex == vma->addr || r->hex == vma->flags)) ||
	    (vma->file && strstr(path_of_file(x->s->kernel, vma->file)->bytes, r->text)))
		show_area(x);
	struct vm_pages pages = {.s = x->s,
				 .mm = x->mm,
				 .vma = vma,
				 .reference = r,
				 .found = show_area,
				 .context = x};
	x->error = vm_pages_print(&pages);
	if (x->row_open)
		out_row_end(x->s->out);
	x->heading_due |= pages.any;
	return !x->error;
}

struct error *vm_search(struct session *s, const struct task *t, const struct vm_mm *mm,
			const struct vm_reference *r, bool *found)
{
	struct search x = {.s = s, .task = t, .mm = mm, .r = r};
	struct error *e = NULL;
	*found = false;
	if (!mm->addr)
		return NULL;
	bool whole = r->is_hex && (r->hex == mm->addr || r->hex == mm->pgd);
	if (whole)
		show_task(&x);
	else
		e = vma_for_each(s->kernel, mm->addr, search_area, &x);
	if (x.error) {
		error_drop(e);
		e = x.error;
	}
	*found = x.task_shown;
	if (x.task_shown) {
		if (!whole)
			out_table_end(s->out);
		if (!s->in_foreach)
			out_object_end(s->out);
		out_text(s->out, "\n");
	}
	return e;
}
