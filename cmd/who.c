/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * who: what an address is, in one line.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/context.h"
#include "cmd/session.h"
#include "mm/identify.h"
#include "mm/inode_path.h"
#include "mm/path.h"
#include "mm/swap.h"

struct who {
	struct session *s;
	struct inode_paths *paths; /* made when first needed */
	bool any;		   /* something was said of the address in hand */
};

/* Facts of one line are told apart by semicolons. */
static void next_fact(struct who *w)
{
	out_text(w->s->out, w->any ? "; " : " ");
	w->any = true;
}

static void say_task(struct out *o, const struct task *t)
{
	out_dec(o, "pid", " of pid %" PRIu64, t->pid);
	out_str(o, "comm", " \"%s\"", t->comm);
}

static void say_inode(struct who *w, uint64_t inode, const char *format)
{
	char path[PATH_SIZE + 16];
	if (!inode)
		return;
	if (!w->paths)
		w->paths = inode_paths_open(w->s->kernel);
	if (!w->paths)
		return;
	inode_path(w->paths, inode, path, sizeof(path));
	out_hex(w->s->out, "inode", NULL, inode);
	out_str(w->s->out, "path", format, path);
}

static void say_area(struct who *w, const struct vma *vma)
{
	struct kernel *k = w->s->kernel;
	struct out *o = w->s->out;
	char special[96], permissions[5];
	const struct file_path *path = vma->file ? path_of_file(k, vma->file) : NULL;
	if (!path)
		vma_special_name(k, vma, special, sizeof(special));
	const char *name = path ? path->path : *special ? special : "anonymous";
	vma_permissions(vma->flags, permissions);
	out_hex(o, "area_start", " %" PRIx64, vma->start);
	out_hex(o, "area_end", "-%" PRIx64, vma->end);
	out_str(o, "permissions", " %s", permissions);
	out_str(o, "area", " %s", name);
}

/* ---- Virtual addresses of the kernel ---- */

static void say_symbol(struct who *w, const struct identity *id)
{
	struct out *o = w->s->out;
	if (id->has_symbol) {
		next_fact(w);
		out_str(o, "symbol", id->is_percpu ? "per-CPU variable %s" : "%s", id->symbol.name);
		out_hex(o, "symbol_offset", id->symbol_offset ? "+0x%" PRIx64 : NULL, id->symbol_offset);
		if (id->symbol.module)
			out_str(o, "module", " [%s]", id->symbol.module);
		if (id->is_percpu)
			out_dec(o, "cpu", " of CPU %" PRIu64, id->cpu);
	} else if (id->is_percpu) {
		next_fact(w);
		out_text(o, "allocated per-CPU memory");
		out_dec(o, "cpu", " of CPU %" PRIu64, id->cpu);
	} else if (id->module) {
		next_fact(w);
		out_str(o, "module", "memory of module %s", id->module->name);
	}
}

static void say_stack(struct who *w, const struct identity *id)
{
	struct out *o = w->s->out;
	if (id->stack_of) {
		next_fact(w);
		out_object_begin(o, "stack");
		out_text(o, "kernel stack");
		say_task(o, id->stack_of);
		out_hex(o, "offset", ", 0x%" PRIx64 " above its end", id->stack_offset);
		out_object_end(o);
	} else if (id->cpu_stack) {
		next_fact(w);
		out_object_begin(o, "stack");
		out_str(o, "kind", "%s stack", id->cpu_stack);
		out_dec(o, "cpu", " of CPU %" PRIu64, id->cpu);
		out_hex(o, "offset", ", 0x%" PRIx64 " above its end", id->stack_offset);
		out_object_end(o);
	}
}

static void say_vmalloc(struct who *w, const struct identity *id)
{
	struct out *o = w->s->out;
	char caller[256];
	if (!id->is_area)
		return;
	next_fact(w);
	out_object_begin(o, "vmalloc");
	out_text(o, id->area.maps_device ? "ioremap area" : "vmalloc area");
	out_hex(o, "start", " %" PRIx64, id->area.start);
	out_hex(o, "end", "-%" PRIx64, id->area.end);
	if (id->area.caller && symbol_format(w->s->kernel, id->area.caller, caller, sizeof(caller)))
		out_str(o, "caller", " of %s", caller);
	out_object_end(o);
}

/* ---- Slab objects ---- */

static void say_owner(struct who *w, const struct identity *id)
{
	struct out *o = w->s->out;
	if (id->in_vma && id->as != IDENTIFY_USER) {
		out_text(o, ": area");
		say_area(w, &id->vma);
		if (id->owner)
			say_task(o, id->owner);
	} else if (id->owner) {
		out_str(o, "owner", ": %s", id->owner_what);
		say_task(o, id->owner);
	}
	if (id->inode)
		say_inode(w, id->inode, ": %s");
}

static void say_slab(struct who *w, const struct identity *id)
{
	static const char *const states[] = {[OBJECT_ALLOCATED] = "allocated", [OBJECT_FREE] = "free", [OBJECT_CPU_FREE] = "free, kept by a CPU",
					     [OBJECT_BARN_FREE] = "free, in a node's barn"};
	struct out *o = w->s->out;
	if (!id->in_slab)
		return;
	next_fact(w);
	out_object_begin(o, "slab");
	out_str(o, "cache", id->in_object ? "slab object of %s" : "slab of %s", id->slab.cache.name);
	if (id->in_object) {
		out_hex(o, "object", " %" PRIx64, id->object);
		out_hex(o, "offset", id->object_offset ? "+0x%" PRIx64 : NULL, id->object_offset);
		if (id->state_known)
			out_str(o, "state", ", %s", states[id->state]);
		say_owner(w, id);
	} else {
		out_dec(o, "objects", ", %" PRIu64 " objects", id->slab.objects);
		out_dec(o, "inuse", ", %" PRIu64 " in use", id->slab.inuse);
	}
	out_object_end(o);
}

/* ---- Pages ---- */

static void say_table(struct who *w, const struct identity *id)
{
	struct kernel *k = w->s->kernel;
	struct out *o = w->s->out;
	next_fact(w);
	out_object_begin(o, "page_table");
	out_str(o, "level", "page table of level %s", k->geometry.level[id->table_level].name);
	const struct task *t = id->table_mm ? task_of_mm(k, id->table_mm, 0) : NULL;
	if (t)
		say_task(o, t);
	else
		out_text(o, " of the kernel");
	out_hex(o, "base", ", for addresses from %" PRIx64, id->table_base);
	out_object_end(o);
}

static void say_mapping(struct who *w, const struct identity *id)
{
	struct kernel *k = w->s->kernel;
	struct out *o = w->s->out;
	if (!id->has_mapping)
		return;
	const struct task *t = task_of_mm(k, id->mapping_vma.mm, 0);
	out_hex(o, "mapped_at", ", mapped at %" PRIx64, id->mapping_addr);
	if (t)
		say_task(o, t);
	int32_t count = 0;
	struct frames *f;
	const unsigned char *page = error_drop(frames_open(k, &f)) ? NULL : frame_page(f, id->pfn);
	if (page)
		count = folio_page_mapcount(f, &id->rmap.folio, page);
	if (count > 1)
		out_dec(o, "mapcount", " (one of %" PRIu64 " mappings)", (uint64_t)count);
}

static void say_page(struct who *w, const struct identity *id)
{
	struct out *o = w->s->out;
	if (!id->has_page || id->in_slab || (id->has_symbol && id->use == PAGE_RESERVED) || (id->is_table && id->use != PAGE_ANON && id->use != PAGE_FILE))
		return;
	next_fact(w);
	out_object_begin(o, "use");
	if (id->use == PAGE_FREE) {
		out_str(o, "name", "%s", "free");
		out_dec(o, "order", ", in a block of order %" PRIu64, id->order);
	} else if (id->has_rmap) {
		out_str(o, "name", "page: %s", id->rmap.kind == RMAP_FILE ? "file" : page_use_name(id->use));
		if (id->rmap.kind == RMAP_FILE) {
			say_inode(w, id->inode, " %s");
			out_dec(o, "index", " page %" PRIu64, id->rmap.index);
		}
		if (id->rmap.unmapped)
			out_text(o, ", mapped by nobody");
		say_mapping(w, id);
	} else {
		/* Nothing marks an anonymous page where there is no reverse mapping. */
		bool either = id->use == PAGE_KERNEL && !rmap_exists(w->s->kernel);
		out_str(o, "name", either ? "page in use, of a process or the kernel" : id->use == PAGE_UNUSED ? "page that is free or kept by a CPU" : "page: %s", page_use_name(id->use));
	}
	if (id->order && id->use != PAGE_FREE)
		out_dec(o, "compound_order", ", of a compound page of order %" PRIu64, id->order);
	out_object_end(o);
}

static void say_frame(struct who *w, const struct identity *id)
{
	struct out *o = w->s->out;
	if (id->is_page) {
		next_fact(w);
		out_hex(o, "pfn", "struct page of frame %" PRIx64, id->pfn);
		out_hex(o, "page_offset", id->page_offset ? " (+0x%" PRIx64 ")" : NULL, id->page_offset);
		return;
	}
	if (!id->has_phys) {
		if (id->as == IDENTIFY_KERNEL) {
			next_fact(w);
			out_bool(o, "mapped", "not mapped", false);
		}
		return;
	}
	if (id->as == IDENTIFY_PHYSICAL) {
		if (!id->has_page) {
			next_fact(w);
			out_text(o, "no frame with a struct page");
		}
	} else {
		next_fact(w);
		out_hex(o, "physical", id->is_direct ? "direct map of %" PRIx64 : "at physical %" PRIx64, id->phys);
	}
	if (id->has_page)
		out_hex(o, "page", id->as == IDENTIFY_PHYSICAL ? "; its struct page %" PRIx64 : " (page %" PRIx64 ")", id->page);
}

/* ---- User addresses ---- */

static void say_user(struct who *w, const struct identity *id)
{
	struct kernel *k = w->s->kernel;
	struct out *o = w->s->out;
	const struct task *t = task_of_mm(k, id->mm, 0);
	char text[128];
	next_fact(w);
	out_object_begin(o, "user");
	out_text(o, "user address");
	if (t)
		say_task(o, t);
	if (!id->in_vma) {
		out_text(o, ", in no area");
		out_object_end(o);
		return;
	}
	out_text(o, ", area");
	say_area(w, &id->vma);
	if (id->vma.file)
		out_dec(o, "file_page", " page %" PRIu64, id->vma.pgoff + ((id->addr - id->vma.start) >> k->arch->page_shift));
	if (id->entry) {
		struct swap_entry e;
		swap_entry_decode(k, id->entry, &e);
		out_str(o, "absent", "; not present: %s", swap_entry_format(k, &e, text, sizeof(text)));
	} else if (!id->is_mapped) {
		out_bool(o, "mapped", "; nothing mapped there", false);
	}
	out_object_end(o);
}

/* ---- */

static struct error *say(struct who *w, uint64_t addr, enum identify_as as, uint64_t mm)
{
	struct out *o = w->s->out;
	struct identity id;
	TRY(identify(w->s->kernel, addr, as, mm, &id));
	w->any = false;
	out_object_begin(o, NULL);
	out_hex(o, "address", "%" PRIx64 ":", addr);
	out_str(o, "as", NULL, as == IDENTIFY_KERNEL ? "kernel" : as == IDENTIFY_USER ? "user" : "physical");
	if (as == IDENTIFY_PHYSICAL)
		out_text(o, " physical:");
	if (as == IDENTIFY_USER)
		say_user(w, &id);
	say_symbol(w, &id);
	say_stack(w, &id);
	if (id.is_page)
		say_frame(w, &id);
	say_vmalloc(w, &id);
	say_slab(w, &id);
	if (id.is_table)
		say_table(w, &id);
	say_page(w, &id);
	if (!id.is_page)
		say_frame(w, &id);
	out_text(o, "\n");
	out_object_end(o);
	return NULL;
}

/* An address below the kernel's part is the context's, and unless it lies in one of its areas a physical one. */
static struct error *say_word(struct who *w, const char *word, bool physical, uint64_t mm)
{
	struct kernel *k = w->s->kernel;
	uint64_t addr, number;
	bool in_area = false;
	struct vma vma;
	TRY(parse_address(w->s, word, &addr));
	if (physical)
		return say(w, addr, IDENTIFY_PHYSICAL, 0);
	/* A per-CPU symbol by its name: each CPU's copy. */
	if (k->percpu_offset && error_drop(parse_number(word, true, &number)) && addr >= symbol_addr(k, "__per_cpu_start") &&
	    addr < symbol_addr(k, "__per_cpu_end")) {
		for (unsigned cpu = 0; cpu < k->cpus; cpu++)
			TRY(say(w, percpu_addr(k, addr, cpu), IDENTIFY_KERNEL, 0));
		return NULL;
	}
	if (kernel_is_kernel_address(k, addr))
		return say(w, addr, IDENTIFY_KERNEL, 0);
	if (mm && error_drop(vma_find(k, mm, addr, &vma, &in_area)))
		in_area = false;
	if (in_area || addr >= vmcore_max_phys(k->vmcore))
		return say(w, addr, IDENTIFY_USER, mm);
	return say(w, addr, IDENTIFY_PHYSICAL, 0);
}

static struct error *run_who(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "pc:"};
	struct who w = {.s = s};
	const struct task *t = NULL;
	bool physical = false;
	int c;
	while ((c = next_option(&p))) {
		if (c == 'p')
			physical = true;
		else if (c == 'c')
			TRY(context_select_one(s, p.argument, &t));
		else
			return option_error(&p);
	}
	if (p.index == argc)
		return usage_error("who", NULL);
	if (!t)
		TRY(context_task(s, &t));
	paths_forget(s->kernel);
	struct error *e = NULL;
	out_array_begin(s->out, "addresses");
	for (int i = p.index; !e && i < argc; i++)
		e = say_word(&w, argv[i], physical, t->mm);
	out_array_end(s->out);
	inode_paths_close(w.paths);
	return e;
}

COMMAND(who) = {
	.name = "who",
	.summary = "what an address is, in one line",
	.synopsis = "[-p] [-c pid | task | name] ADDR…",
	.options = "-p -c",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_SYMBOL_ARGS,
	.help = "DESCRIPTION\n"
		"  Says for each address in one line all that is known of it: the symbol; the per-CPU variable and of\n"
		"  which CPU; whose kernel stack; the slab object, its cache, whether it is allocated, and where that can\n"
		"  be told whose it is: of which task, of which file; the area of the vmalloc space and who asked for it;\n"
		"  the module; the struct page and of which frame; and of the page that lies there what it is used for:\n"
		"  which file and which page of it, where an anonymous one is mapped first, the level and the process\n"
		"  of a page table, the size of the free block.\n"
		"\n"
		"  -p  the numbers are physical addresses\n"
		"  -c  user addresses are of this task, and not of the current context\n"
		"\n"
		"  A number below the kernel's part is a user address where it lies in one of the task's areas, and\n"
		"  else a physical one. kmem ADDR says the same at length.\n"
		"\n"
		"EXAMPLES\n"
		"  The first task, a function, and a physical address:\n"
		"    mmscope> who init_task schedule 1000000\n"
		"  What the first words of a stack lead to:\n"
		"    mmscope> who -p 100000 2000000\n",
	.run = run_who,
};
