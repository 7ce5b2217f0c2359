/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/vm.h"
#include "cmd/vma_row.h"
#include "mm/path.h"

enum mode { AREAS, PAGES, ONE_AREA, MM_STRUCT, AREA_STRUCTS };

struct request {
	enum mode mode;
	uint64_t area;		       /* -P */
	uint64_t mm;		       /* -M, or 0 */
	const char *format;	       /* "-x", "-d" or NULL: how structs are printed */
	struct vm_reference reference; /* text NULL: no -R */
};

/* ---- The mm ---- */

static struct error *vm_mm_open(struct kernel *k, uint64_t addr, struct vm_mm *out)
{
	struct object mm;
	struct mm_rss rss;
	*out = (struct vm_mm){.addr = addr, .width = 2 * k->arch->pointer_size};
	if (!addr)
		return NULL;
	TRY(object_open(k, addr, S_mm_struct, &mm));
	unsigned kib_shift = k->arch->page_shift - 10;
	out->pgd = GET(k, &mm, mm_struct, pgd);
	out->total_vm = GET(k, &mm, mm_struct, total_vm) << kib_shift;
	TRY(error_prefix(kernel_vtop(k, out->pgd, &out->pgd_phys), "pgd of mm %016" PRIx64, addr));
	TRY(mm_rss(k, addr, &rss));
	int64_t pages = mm_rss_total(&rss);
	out->rss = pages > 0 ? (uint64_t)pages << kib_shift : 0;
	return NULL;
}

/* The value in the middle of its column. */
static void centred(struct out *o, const char *text, int width)
{
	int len = (int)strlen(text), left = len < width ? (width - len) / 2 : 0;
	out_printf(o, "%*s%-*s", left, "", width - left, text);
}

void vm_mm_print(struct out *o, const struct vm_mm *mm)
{
	const uint64_t value[] = {mm->addr, mm->pgd, mm->rss, mm->total_vm};
	const char *const title[] = {"MM", "PGD", "RSS", "TOTAL_VM"};
	const int width[] = {mm->width, mm->width, 6, 8};
	char text[32];

	out_hex(o, "mm", NULL, mm->addr);
	out_hex(o, "pgd", NULL, mm->pgd);
	out_dec(o, "rss_kib", NULL, mm->rss);
	out_dec(o, "total_vm_kib", NULL, mm->total_vm);
	if (out_json(o))
		return;
	for (int i = 0; i < 4; i++) {
		centred(o, title[i], width[i]);
		out_text(o, i < 3 ? "  " : "\n");
	}
	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), i < 2 ? "%" PRIx64 : "%" PRIu64 "k", value[i]);
		centred(o, text, width[i]);
		out_text(o, i < 3 ? "  " : "\n");
	}
}

/* ---- Areas ---- */

struct area_walk {
	struct session *s;
	const struct request *r;
	const struct vm_mm *mm;
	bool found;
	struct error *error;
};

/* As the struct command prints it. */
static struct error *print_struct(struct session *s, const struct request *r, char *name,
				  uint64_t addr)
{
	char text[32], *argv[5] = {"struct"};
	int argc = 1;
	snprintf(text, sizeof(text), "%" PRIx64, addr);
	if (r->format)
		argv[argc++] = (char *)r->format;
	argv[argc++] = name;
	argv[argc++] = text;
	return session_run(s, argc, argv);
}

static bool print_area(void *context, const struct vma *vma)
{
	struct area_walk *w = context;
	struct session *s = w->s;
	struct out *o = s->out;
	if (w->r->mode == ONE_AREA && vma->addr != w->r->area)
		return true;
	if (w->r->mode == AREA_STRUCTS) {
		unsigned depth = o->depth;
		out_object_begin(o, NULL);
		w->error = print_struct(s, w->r, "vm_area_struct", vma->addr);
		out_close(o, depth);
		return !w->error;
	}
	if (w->r->mode != AREAS && !out_json(o))
		vma_rows_heading(o, s->kernel);
	vma_row_cells(o, s->kernel, vma);
	if (w->r->mode != AREAS) {
		struct vm_pages pages = {.s = s, .mm = w->mm, .vma = vma};
		out_row_break(o);
		w->error = vm_pages_print(&pages);
	}
	out_row_end(o);
	w->found = true;
	return !w->error && w->r->mode != ONE_AREA;
}

static struct error *print_areas(struct session *s, const struct request *r, const struct vm_mm *mm)
{
	struct area_walk w = {.s = s, .r = r, .mm = mm};
	unsigned depth = s->out->depth;
	if (r->mode == AREA_STRUCTS)
		out_array_begin(s->out, "areas");
	else
		vma_rows_begin(s->out, s->kernel, "areas", r->mode == AREAS);
	struct error *e = vma_for_each(s->kernel, mm->addr, print_area, &w);
	if (w.error) {
		error_drop(e);
		e = w.error;
	}
	if (r->mode == AREA_STRUCTS)
		out_close(s->out, depth);
	else
		out_table_end(s->out);
	if (!e && r->mode == ONE_AREA && !w.found)
		e = error_at(ERR_NOT_FOUND, r->area, "no area of mm %016" PRIx64 ": %" PRIx64,
			     mm->addr, r->area);
	return e;
}

/* ---- Tasks ---- */

static struct error *print_task(struct session *s, const struct task *t, void *context)
{
	const struct request *r = context;
	struct vm_mm mm;
	TRY(vm_mm_open(s->kernel, t->mm ? t->mm : r->mm, &mm));
	if (r->mode == AREAS || r->mode == PAGES)
		vm_mm_print(s->out, &mm);
	if (!mm.addr)
		return NULL;
	if (r->mode == MM_STRUCT)
		return print_struct(s, r, "mm_struct", mm.addr);
	return print_areas(s, r, &mm);
}

static struct error *search(struct session *s, int argc, char **argv, int from,
			    const struct request *r)
{
	struct task_list list = {0};
	struct error *failed, *e = context_words(s, argc, argv, from, &list, &failed);
	if (e) {
		task_list_free(&list);
		return e;
	}
	if (!s->in_foreach)
		out_array_begin(s->out, "tasks");
	for (size_t i = 0; i < list.count; i++) {
		struct vm_mm mm;
		bool found;
		e = vm_mm_open(s->kernel, list.tasks[i]->mm, &mm);
		if (!e)
			e = vm_search(s, list.tasks[i], &mm, &r->reference, &found);
		if (e && failed)
			context_complain(s, argv[0], failed);
		if (e) {
			error_drop(failed);
			failed = e;
		}
		if (e && e->code == ERR_INTERRUPTED)
			break;
	}
	if (!s->in_foreach)
		out_array_end(s->out);
	task_list_free(&list);
	return failed;
}

static struct error *print_flags(struct session *s, const char *word)
{
	uint64_t flags;
	char text[1024];
	TRY(parse_number(word, true, &flags));
	out_hex(s->out, "flags", "%" PRIx64 ": ", flags);
	vma_flags_format(s->kernel, flags, text, sizeof(text));
	out_str(s->out, "names", "(%s)\n", text);
	return NULL;
}

/* ---- Words ---- */

static bool all_digits(const char *text, bool hex)
{
	if (hex && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (!*text)
		return false;
	for (; *text; text++)
		if (!(hex ? isxdigit((unsigned char)*text) : isdigit((unsigned char)*text)))
			return false;
	return true;
}

static void parse_reference(const char *text, struct vm_reference *r)
{
	*r = (struct vm_reference){
		.text = text, .is_hex = all_digits(text, true), .is_dec = all_digits(text, false)};
	r->hex = strtoull(text, NULL, 16);
	r->dec = strtoull(text, NULL, 10);
}

static struct error *set_mode(struct request *r, bool *chosen, enum mode mode)
{
	if (*chosen)
		return usage_error("vm", "-p, -P, -m, -v and -f exclude each other");
	*chosen = true;
	r->mode = mode;
	return NULL;
}

static struct error *run_vm(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "f:pmvR:P:xdM:"};
	struct request r = {.mode = AREAS};
	bool chosen = false;
	int c;
	while ((c = next_option(&p))) {
		switch (c) {
		case 'f':
			if (chosen)
				return usage_error("vm", "-f stands alone");
			return print_flags(s, p.argument);
		case 'p':
			TRY(set_mode(&r, &chosen, PAGES));
			break;
		case 'm':
			TRY(set_mode(&r, &chosen, MM_STRUCT));
			break;
		case 'v':
			TRY(set_mode(&r, &chosen, AREA_STRUCTS));
			break;
		case 'P':
			TRY(set_mode(&r, &chosen, ONE_AREA));
			TRY(parse_address(s, p.argument, &r.area));
			break;
		case 'M':
			TRY(parse_address(s, p.argument, &r.mm));
			if (!kernel_is_kernel_address(s->kernel, r.mm))
				return error_new(ERR_USAGE, "no address of an mm_struct: %s",
						 p.argument);
			break;
		case 'R':
			if (r.reference.text)
				return usage_error("vm", "one -R at a time");
			parse_reference(p.argument, &r.reference);
			break;
		case 'x':
		case 'd':
			if (r.format && r.format[1] != c)
				return usage_error("vm", "-x and -d exclude each other");
			r.format = c == 'x' ? "-x" : "-d";
			break;
		default:
			return option_error(&p);
		}
	}
	if (r.reference.text && r.mode != AREAS && r.mode != PAGES)
		return usage_error("vm", "-R goes with -p alone");
	/* Paths are kept from one area to the next, not from one command to the next: the image may
	 * have changed. */
	if (!s->in_foreach || !s->foreach_index)
		paths_forget(s->kernel);
	if (r.reference.text)
		return search(s, argc, argv, p.index, &r);
	return context_for_each(s, argc, argv, p.index, print_task, &r);
}

COMMAND(vm) = {
	.name = "vm",
	.summary = "virtual memory of processes",
	.synopsis = "[-p | -P VMA | -M MM | -m | -v | -R REFERENCE] [-x | -d] [pid | task | name]… "
		    "| -f FLAGS",
	.options = "-p -P -M -m -v -R -x -d -f",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_TASK_ARGS,
	.help = "DESCRIPTION\n"
		"  Shows the virtual memory of a task: its mm_struct, page directory, resident and "
		"total size,\n"
		"  and a line for each of its areas: the address of the vm_area_struct, start, "
		"end, vm_flags and the\n"
		"  path of the mapped file. Without a task the current context is shown.\n"
		"\n"
		"  -p            translates each page of each area: its physical address, or the "
		"swap area and offset\n"
		"                or the file and offset that it would come from, or \"(not "
		"mapped)\"\n"
		"  -P VMA        the same for one area, by the address of its vm_area_struct\n"
		"  -M MM         for a task that has given its mm_struct up (an exiting one): the "
		"mm_struct at MM\n"
		"  -R REFERENCE  only what refers to it: a number (an mm_struct, page directory, "
		"area, vm_flags value,\n"
		"                virtual or physical page address, file offset, all hexadecimal, "
		"or a decimal swap\n"
		"                offset) or a part of a file's path\n"
		"  -m            the task's mm_struct as a whole\n"
		"  -v            all of its vm_area_structs\n"
		"  -x, -d        with -m and -v: numbers in hexadecimal, in decimal\n"
		"  -f FLAGS      what the bits of a vm_flags value mean in this kernel\n"
		"\n"
		"  Entries that are neither mapped nor on swap are named for what they are: "
		"MIGRATION and HWPOISON with the\n"
		"  frame's physical address, DEVICE PRIVATE, DEVICE EXCLUSIVE, MARKER. In JSON an "
		"area also has its\n"
		"  permissions as /proc/PID/maps shows them, whether its file is deleted, and its "
		"name where it maps no\n"
		"  file ([heap], [stack], [vdso]).\n"
		"\n"
		"EXAMPLES\n"
		"  The areas of process 1:\n"
		"    mmscope> vm 1\n"
		"  Where each of its pages is:\n"
		"    mmscope> vm -p 1\n"
		"  The areas of all processes that map a busybox:\n"
		"    mmscope> foreach user vm -R busybox\n"
		"  What vm_flags of 8000075 mean:\n"
		"    mmscope> vm -f 8000075\n",
	.run = run_vm,
};
