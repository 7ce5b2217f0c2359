/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map: an address space, drawn to scale.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/context.h"
#include "cmd/screen.h"
#include "cmd/session.h"
#include "cmd/size.h"
#include "mm/path.h"
#include "mm/residency.h"
#include "mm/vma.h"

#define CELLS_MAX 512
#define MAP_CELLS_MAX 1000000u /* of one area, in a scale that was given */
#define ROWS	  3 /* that the largest area takes at most, unless the scale was given */

struct drawing {
	struct session *s;
	uint64_t pgd;
	size_t cells;	    /* in a row */
	unsigned margin;    /* before the cells */
	uint64_t cell;	    /* bytes of one */
	uint64_t fixed;	    /* that the user asked for; 0 */
	bool colour;
	uint64_t last_end;  /* of the area before; 0: none */
	struct error *error;

	/* the area in hand */
	const char *area_colour;
	const char *tail;   /* what stands behind its first row */
	uint64_t start;
	size_t column, rows;
	uint64_t cell_end;  /* of the cell that is being filled */
	uint64_t here, there, other, odd; /* bytes of it: resident, swapped, nothing, the rest */
	uint64_t resident, swapped; /* of the whole area */
};

/* ---- Cells ---- */

/* '#' all of it is there, '+' half or more, ':' less, '.' nothing; 's' most of what is not empty is swapped out. */
static char cell_letter(const struct drawing *d)
{
	uint64_t all = d->here + d->there + d->other + d->odd;
	if (!all)
		return ' ';
	if (d->there && d->there >= d->here)
		return 's';
	if (d->odd > d->here)
		return '?';
	if (!d->here)
		return '.';
	return d->here == all ? '#' : 2 * d->here >= all ? '+' : ':';
}

static void end_row(struct drawing *d)
{
	struct out *o = d->s->out;
	if (d->column && d->colour)
		out_text(o, "\033[0m");
	if (!d->rows++ && d->tail)
		out_printf(o, "%*s  %s", (int)(d->column < d->cells ? d->cells - d->column : 0), "", d->tail);
	out_text(o, "\n");
	d->column = 0;
}

static void end_cell(struct drawing *d)
{
	struct out *o = d->s->out;
	char letter = cell_letter(d);
	if (d->column == d->cells)
		end_row(d);
	if (!d->column && d->rows)
		out_printf(o, "%*s", (int)d->margin, "");
	if (!d->column && d->colour)
		out_printf(o, "\033[%sm", d->area_colour);
	out_printf(o, "%c", letter);
	d->column++;
	d->here = d->there = d->other = d->odd = 0;
	d->cell_end += d->cell;
}

static void fill(struct drawing *d, uint64_t bytes, enum residency kind)
{
	switch (kind) {
	case RESIDENT:
		d->here += bytes;
		return;
	case SWAPPED:
		d->there += bytes;
		return;
	case NOTHING:
		d->other += bytes;
		return;
	default:
		d->odd += bytes;
		return;
	}
}

static bool draw_run(void *context, const struct residency_run *run)
{
	struct drawing *d = context;
	for (uint64_t at = run->start; at < run->end;) {
		uint64_t end = run->end < d->cell_end ? run->end : d->cell_end;
		fill(d, end - at, run->kind);
		at = end;
		if (at == d->cell_end)
			end_cell(d);
	}
	return !d->s->out->failed;
}

static bool count_run(void *context, const struct residency_run *run)
{
	struct drawing *d = context;
	if (run->kind == RESIDENT)
		d->resident += run->end - run->start;
	else if (run->kind == SWAPPED)
		d->swapped += run->end - run->start;
	return true;
}

static bool say_run(void *context, const struct residency_run *run)
{
	static const char *const names[] = {[RESIDENT] = "resident", [SWAPPED] = "swapped", [OTHERWISE] = "other", [NOTHING] = NULL, [UNKNOWN] = "unknown"};
	struct drawing *d = context;
	struct out *o = d->s->out;
	if (!names[run->kind])
		return true;
	out_object_begin(o, NULL);
	out_hex(o, "start", NULL, run->start);
	out_hex(o, "end", NULL, run->end);
	out_str(o, "state", NULL, names[run->kind]);
	out_object_end(o);
	return !o->failed;
}

/* ---- One area ---- */

static void draw_hole(struct drawing *d, uint64_t start)
{
	char size[32];
	if (!d->last_end || start <= d->last_end || out_json(d->s->out))
		return;
	format_size(start - d->last_end, size, sizeof(size));
	out_printf(d->s->out, "%*s~ %s ~\n", (int)d->margin, "", size);
}

/* [start, end), of that name; JSON's facts, or the bar and what stands beside it. */
static struct error *draw(struct drawing *d, uint64_t start, uint64_t end, const char *tail)
{
	struct kernel *k = d->s->kernel;
	struct out *o = d->s->out;
	char size[32], resident[32];
	d->resident = d->swapped = 0;
	TRY(residency_for_each(k, d->pgd, start, end, count_run, d));
	if (out_json(o)) {
		out_dec(o, "resident", NULL, d->resident);
		out_dec(o, "swapped", NULL, d->swapped);
		out_array_begin(o, "intervals");
		struct error *e = residency_for_each(k, d->pgd, start, end, say_run, d);
		out_array_end(o);
		return e;
	}
	format_size(end - start, size, sizeof(size));
	format_size(d->resident, resident, sizeof(resident));
	out_printf(o, "%*" PRIx64 " %8s %8s ", (int)(2 * k->arch->pointer_size), start, size, d->resident ? resident : "-");
	d->tail = tail;
	d->column = d->rows = 0;
	d->here = d->there = d->other = d->odd = 0;
	d->cell_end = start + d->cell;
	TRY(residency_for_each(k, d->pgd, start, end, draw_run, d));
	if (d->here + d->there + d->other + d->odd)
		end_cell(d);
	if (d->column || !d->rows)
		end_row(d);
	d->last_end = end;
	return NULL;
}

/* The least power of two pages with which the largest area takes no more than ROWS rows. */
static struct error *choose_scale(struct drawing *d, uint64_t largest)
{
	d->cell = d->fixed ? d->fixed : 1ull << d->s->kernel->arch->page_shift;
	while (!d->fixed && largest / d->cell > d->cells * ROWS)
		d->cell *= 2;
	if (largest / d->cell > MAP_CELLS_MAX)
		return error_new(ERR_USAGE, "an area would take %" PRIu64 " cells of %" PRIu64 " kB: more than %u", largest / d->cell, d->cell / 1024,
				 MAP_CELLS_MAX);
	return NULL;
}

static void say_scale(struct drawing *d, const char *what)
{
	char size[32];
	format_size(d->cell, size, sizeof(size));
	out_dec(d->s->out, "cell", NULL, d->cell);
	out_printf(d->s->out, "%*s %8s %8s %s, a cell is %s\n", (int)(2 * d->s->kernel->arch->pointer_size), "START", "SIZE", "RESIDENT", what, size);
}

/* ---- A process ---- */

static bool find_largest(void *context, const struct vma *vma)
{
	uint64_t *largest = context;
	if (vma->end - vma->start > *largest)
		*largest = vma->end - vma->start;
	return true;
}

/* Code, data of files, shared memory, memory of its own: SGR colours. */
static const char *area_colour(const struct vma *vma)
{
	if (vma->flags & VM_EXEC)
		return "32";
	if (vma->flags & VM_SHARED)
		return "36";
	return vma->file ? "33" : "35";
}

static bool draw_area(void *context, const struct vma *vma)
{
	struct drawing *d = context;
	struct kernel *k = d->s->kernel;
	struct out *o = d->s->out;
	char permissions[5], special[96], tail[160];
	const struct file_path *path = vma->file ? path_of_file(k, vma->file) : NULL;
	if (!path)
		vma_special_name(k, vma, special, sizeof(special));
	const char *name = path ? path->path : special;
	/* The end of a path says more than its beginning. */
	size_t room = screen_width() - d->margin - d->cells - 8, len = strlen(name);
	vma_permissions(vma->flags, permissions);
	if (len > room)
		snprintf(tail, sizeof(tail), "%s …%.*s", permissions, (int)room, name + len - room + 1);
	else
		snprintf(tail, sizeof(tail), "%s %s", permissions, name);
	d->area_colour = area_colour(vma);
	draw_hole(d, vma->start);
	out_object_begin(o, NULL);
	out_hex(o, "start", NULL, vma->start);
	out_hex(o, "end", NULL, vma->end);
	out_str(o, "permissions", NULL, permissions);
	out_str(o, "name", NULL, name);
	d->error = draw(d, vma->start, vma->end, tail);
	out_object_end(o);
	return !d->error && !o->failed;
}

static struct error *draw_process(struct drawing *d, const struct task *t)
{
	struct kernel *k = d->s->kernel;
	uint64_t largest = 0;
	TRY(mm_pgd(k, t->mm, &d->pgd));
	struct error *e = vma_for_each(k, t->mm, find_largest, &largest);
	if (e && (e->code == ERR_INTERRUPTED || e->code == ERR_UNSUPPORTED))
		return e;
	error_free(e); /* it will come again, after the areas that can be read */
	TRY(choose_scale(d, largest));
	say_scale(d, "MAP");
	d->last_end = 0;
	out_array_begin(d->s->out, "areas");
	e = vma_for_each(k, t->mm, draw_area, d);
	out_array_end(d->s->out);
	if (!d->error)
		return e;
	error_free(e);
	return d->error;
}

/* ---- The kernel ---- */

/* Holes from this size on are folded. */
#define HOLE_MIN    (256ull << 20)
#define EXTENTS_MAX 64 /* of a region; what is left over goes into the last */

struct extents {
	struct extent {
		uint64_t start, end;
	} list[EXTENTS_MAX];
	size_t count;
};

static bool add_extent(void *context, const struct residency_run *run)
{
	struct extents *x = context;
	struct extent *last = x->count ? &x->list[x->count - 1] : NULL;
	if (run->kind != RESIDENT)
		return true;
	if (last && (run->start - last->end < HOLE_MIN || x->count == EXTENTS_MAX))
		last->end = run->end;
	else
		x->list[x->count++] = (struct extent){run->start, run->end};
	return true;
}

static struct error *draw_extents(struct drawing *d, const struct kernel_region *r, const struct extents *x)
{
	struct out *o = d->s->out;
	char tail[64], size[32];
	uint64_t largest = 0;
	struct error *e = NULL;
	for (size_t i = 0; i < x->count; i++)
		if (x->list[i].end - x->list[i].start > largest)
			largest = x->list[i].end - x->list[i].start;
	TRY(choose_scale(d, largest));
	format_size(d->cell, size, sizeof(size));
	snprintf(tail, sizeof(tail), "%s (%s)", r->name, size);
	out_dec(o, "cell", NULL, d->cell);
	out_array_begin(o, "extents");
	for (size_t i = 0; !e && i < x->count; i++) {
		draw_hole(d, x->list[i].start);
		out_object_begin(o, NULL);
		out_hex(o, "start", NULL, x->list[i].start);
		out_hex(o, "end", NULL, x->list[i].end);
		e = draw(d, x->list[i].start, x->list[i].end, i ? "" : tail);
		out_object_end(o);
	}
	out_array_end(o);
	return e;
}

static struct error *draw_region(struct drawing *d, const struct kernel_region *r)
{
	struct kernel *k = d->s->kernel;
	struct out *o = d->s->out;
	struct extents x = {.count = 0};
	/* The last page of the address space cannot be the end of a range. */
	uint64_t end = (r->last | 0xfff) + 1 ? (r->last | 0xfff) + 1 : r->last & ~0xfffull;
	TRY(residency_for_each(k, d->pgd, r->start, end, add_extent, &x));
	out_object_begin(o, NULL);
	out_str(o, "name", NULL, r->name);
	out_hex(o, "start", NULL, r->start);
	out_hex(o, "last", NULL, r->last);
	struct error *e = x.count ? draw_extents(d, r, &x) : NULL;
	out_object_end(o);
	return e;
}

/* Its parts are so far apart in size that each has a scale of its own. */
static struct error *draw_kernel(struct drawing *d)
{
	struct kernel_region regions[KERNEL_REGIONS_MAX];
	size_t count = kernel_regions(d->s->kernel, regions);
	struct error *e = NULL;
	d->pgd = d->s->kernel->kernel_pgd;
	d->area_colour = "31";
	/* Longer names than permissions and a path's end, fewer cells. */
	size_t room = screen_width() - d->margin;
	if (d->cells + 26 > room)
		d->cells = room > 42 ? room - 26 : 16;
	d->last_end = 0;
	out_printf(d->s->out, "%*s %8s %8s MAP and (in brackets) what a cell is\n", (int)(2 * d->s->kernel->arch->pointer_size), "START", "SIZE",
		   "RESIDENT");
	out_array_begin(d->s->out, "regions");
	for (size_t i = 0; !e && i < count; i++)
		e = draw_region(d, &regions[i]);
	out_array_end(d->s->out);
	return e;
}

/* ---- */

static struct error *draw_task(struct session *s, const struct task *t, void *context)
{
	struct drawing d = *(const struct drawing *)context;
	d.s = s;
	return t->mm ? draw_process(&d, t) : draw_kernel(&d);
}

static struct error *run_map(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "ks:"};
	struct drawing d = {.s = s, .margin = 2 * s->kernel->arch->pointer_size + 19, .colour = screen_colour(s)};
	size_t width = screen_width();
	uint64_t page = 1ull << s->kernel->arch->page_shift;
	bool kernel = false;
	int c;
	/* Some columns are left for permissions and name. */
	d.cells = width - d.margin - (width >= 100 ? 34 : 22);
	if (d.cells > CELLS_MAX)
		d.cells = CELLS_MAX;
	while ((c = next_option(&p))) {
		if (c == 'k')
			kernel = true;
		else if (c == 's')
			TRY(parse_count(p.argument, &d.fixed));
		else
			return option_error(&p);
	}
	d.fixed *= 1024;
	if (d.fixed % page || (d.fixed && d.fixed < page) || d.fixed > 1ull << 50)
		return usage_error("map", "a cell is some pages of %" PRIu64 " kB", page / 1024);
	paths_forget(s->kernel);
	if (!kernel)
		return context_for_each(s, argc, argv, p.index, draw_task, &d);
	if (p.index < argc)
		return usage_error("map", "-k takes no task: %s", argv[p.index]);
	return draw_kernel(&d);
}

COMMAND(map) = {
	.name = "map",
	.summary = "an address space, drawn to scale",
	.synopsis = "[-s KB] [pid | task | name]… | -k [-s KB]",
	.options = "-s -k",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_TASK_ARGS,
	.help = "DESCRIPTION\n"
		"  Draws the areas of a process's address space, all in one scale: a cell stands for so many bytes, and\n"
		"  says how much of them is there.\n"
		"\n"
		"    #  all of it       +  half or more       :  less       .  nothing\n"
		"    s  swapped out, most of it               ?  neither, or the page table is not in the image\n"
		"\n"
		"  Holes between areas are folded into a line with their size. On a terminal code is green, other\n"
		"  memory of files yellow, shared memory cyan, memory of the process's own magenta. Of a kernel thread,\n"
		"  which has no memory of its own, the kernel's address space is drawn: the direct map, vmalloc space,\n"
		"  struct pages, the image, modules …, each in its own scale.\n"
		"\n"
		"  -s  a cell is so many kB; by default the largest area takes three rows at most\n"
		"  -k  the kernel's address space\n"
		"\n"
		"EXAMPLES\n"
		"  The memory of process 1:\n"
		"    mmscope> map 1\n"
		"  The kernel's:\n"
		"    mmscope> map -k\n",
	.run = run_map,
};
