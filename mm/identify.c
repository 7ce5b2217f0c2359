/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/identify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"
#include "mm/identify_index.h"
#include "mm/stacks.h"
#include "mm/zone.h"

/* ---- Kernel virtual addresses ---- */

/*
 * The per-CPU symbol at or below a value: where those count from 0 (x86_64 until 6.15) they are the first of all, and lie in no image that symbol_at() looks
 * into.
 */
static bool percpu_symbol(struct kernel *k, uint64_t value, uint64_t end, struct symbol *out, uint64_t *offset)
{
	struct symbol s;
	bool found = false;
	if (symbol_at(k, value, out, offset))
		return true;
	for (size_t i = 0; symbols_get(k, i, &s) && s.addr < end && s.addr <= value; i++) {
		*out = s;
		found = true;
	}
	*offset = found ? value - out->addr : 0;
	return found;
}

/* The first chunk holds the static variables, of each CPU at the same distance from its symbols (mm/percpu.c: pcpu_setup_first_chunk()). */
static void find_percpu(struct kernel *k, struct identity *id)
{
	uint64_t start = symbol_addr(k, "__per_cpu_start"), end = symbol_addr(k, "__per_cpu_end"), unit;
	struct symbol s;
	uint64_t offset;
	if (!k->percpu_offset || end <= start)
		return;
	if (error_drop(kernel_read_symbol(k, "pcpu_unit_size", 4, &unit)) || unit < end - start)
		unit = end - start;
	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		uint64_t value = id->addr - k->percpu_offset[cpu];
		/* A CPU that is not there has the offset of the image's own copy. */
		if (value - start >= unit || (id->addr >= k->text_start && id->addr < k->text_end))
			continue;
		id->is_percpu = true;
		id->cpu = cpu;
		if (value < end && percpu_symbol(k, value, end, &s, &offset)) {
			id->has_symbol = true;
			id->symbol = s;
			id->symbol_offset = offset;
		}
		return;
	}
}

static void find_stack(struct kernel *k, struct identity *id)
{
	struct stack_kind kind;
	uint64_t base;
	const struct task *t = task_holding(k, id->addr);
	if (t && t->stack && id->addr - t->stack < task_stack_size(k)) {
		id->stack_of = t;
		id->stack_offset = id->addr - t->stack;
		return;
	}
	for (unsigned i = 0; stack_kind(k, i, &kind); i++)
		for (unsigned cpu = 0; cpu < k->cpus; cpu++)
			if (stack_of_cpu(k, &kind, cpu, &base) && id->addr - base < kind.size) {
				id->cpu_stack = kind.name;
				id->cpu = cpu;
				id->stack_offset = id->addr - base;
				return;
			}
}

static void find_virtual(struct kernel *k, const struct identify_index *index, struct identity *id)
{
	uint64_t page;
	id->is_direct = id->addr >= k->page_offset && id->addr < k->direct_end;
	if (!id->is_direct || (id->addr >= k->text_start && id->addr < k->text_end))
		id->has_symbol = symbol_at(k, id->addr, &id->symbol, &id->symbol_offset);
	find_percpu(k, id);
	find_stack(k, id);
	if (page_holding(k, id->addr, &page) && page_to_pfn(k, page, &id->pfn)) {
		id->is_page = true;
		id->page_offset = id->addr - page;
		id->phys = id->pfn << k->arch->page_shift;
		id->has_phys = true;
		return;
	}
	if (!id->is_direct) {
		const struct identity_area *area = identify_area(index, id->addr);
		id->module = module_at(k, id->addr);
		id->is_area = area;
		if (area)
			id->area = *area;
	}
	id->has_phys = kernel_try_vtop(k, id->addr, &id->phys);
}

/* ---- Slab objects ---- */

/* Inodes stand inside their file system's own structure, which has the cache's name in one of a few forms. */
static bool inode_in_object(struct kernel *k, const char *cache, uint64_t object, uint64_t *inode)
{
	const char *suffix = strstr(cache, "_inode_cache");
	struct type_member m;
	struct type t;
	char name[96];
	if (!strcmp(cache, "inode_cache")) {
		*inode = object;
		return true;
	}
	for (int form = 0; suffix && form < 2; form++) {
		snprintf(name, sizeof(name), "%.*s%s", (int)(suffix - cache), cache, form ? "_inode" : "_inode_info");
		t = type_find(k, TYPE_STRUCT, name);
		if (type_valid(t) && !error_drop(type_member_find(k, t, "vfs_inode", &m))) {
			*inode = object + m.offset;
			return true;
		}
	}
	return false;
}

static void find_owner(struct kernel *k, const struct identify_index *index, struct identity *id)
{
	const char *cache = id->slab.cache.name;
	const struct identity_owner *o = identify_owner(index, id->object);
	uint64_t dentry;
	if (o) {
		id->owner = o->task;
		id->owner_what = o->what;
		return;
	}
	if (!strcmp(cache, "vm_area_struct") && !error_drop(vma_open(k, id->object, &id->vma))) {
		id->in_vma = true;
		id->owner = task_of_mm(k, id->vma.mm, 0);
		id->owner_what = "area";
	} else if (!strcmp(cache, "dentry")) {
		error_drop(kernel_get(k, id->object, M_dentry_d_inode, &id->inode));
	} else if (!strcmp(cache, "filp")) {
		if (!error_drop(kernel_get(k, id->object, M_file_dentry, &dentry)) && dentry)
			error_drop(kernel_get(k, dentry, M_dentry_d_inode, &id->inode));
	} else if (!inode_in_object(k, cache, id->object, &id->inode)) {
		id->inode = 0;
	}
}

static void find_slab(struct kernel *k, const struct identify_index *index, struct identity *id)
{
	struct object_status *status = NULL;
	uint32_t number;
	uint64_t addr = kernel_ptov(k, id->phys);
	if (error_drop(slab_of_page(k, id->page, &id->slab, &id->in_slab)) || !id->in_slab) {
		id->in_slab = false;
		return;
	}
	/* A struct page is asked for as such. */
	if (id->is_page || !slab_object_index(&id->slab, addr, &number))
		return;
	id->in_object = true;
	id->object = slab_object(&id->slab, number);
	id->object_offset = addr - id->object;
	error_drop(slab_object_states(k, &id->slab, &status));
	if (status) {
		id->state_known = true;
		id->state = (enum object_state)status[number].state;
		if (id->state == OBJECT_ALLOCATED)
			find_owner(k, index, id);
	}
	free(status);
}

/* ---- Pages ---- */

static bool first_mapping(void *context, const struct rmap_mapping *m)
{
	struct identity *id = context;
	id->has_mapping = true;
	id->mapping_vma = *m->vma;
	id->mapping_addr = m->address;
	return false;
}

static void find_table(const struct identify_index *index, struct identity *id)
{
	const struct identity_table *t = identify_table(index, id->pfn);
	if (!t)
		return;
	id->is_table = true;
	id->table_mm = t->mm;
	id->table_base = t->base;
	id->table_level = t->level;
}

static void find_page(struct kernel *k, const struct identify_index *index, struct identity *id)
{
	struct frames *f;
	struct folio folio;
	struct page p;
	id->pfn = phys_to_pfn(k, id->phys);
	id->has_page = pfn_to_page(k, id->pfn, &id->page) && !error_drop(page_open(k, id->page, &p));
	find_table(index, id);
	if (!id->has_page)
		return;
	id->head_pfn = id->pfn;
	if (free_block_of(k, id->pfn, &id->head_pfn, &id->order)) {
		id->use = PAGE_FREE;
		return;
	}
	id->head_pfn = id->pfn;
	if (!error_drop(frames_open(k, &f)) && folio_open(f, id->pfn, &folio) && folio.order) {
		id->order = folio.order;
		id->head_pfn = folio.pfn;
		if (error_drop(page_open(k, folio.page, &p)))
			return;
	}
	id->use = page_use(k, &p);
	if (id->use == PAGE_SLAB) {
		find_slab(k, index, id);
		return;
	}
	id->has_rmap = (id->use == PAGE_ANON || id->use == PAGE_KSM || id->use == PAGE_FILE || id->use == PAGE_HUGETLB) &&
		       !error_drop(rmap_page_open(k, id->pfn, &id->rmap));
	if (id->has_rmap && !id->rmap.unmapped)
		error_drop(rmap_walk(k, &id->rmap, first_mapping, id));
	if (id->has_rmap && id->rmap.kind == RMAP_FILE)
		error_drop(kernel_get(k, id->rmap.object, M_address_space_host, &id->inode));
}

/* ---- User addresses ---- */

static void find_user(struct kernel *k, struct identity *id)
{
	uint64_t pgd;
	struct walk w;
	struct error *why = NULL;
	if (!id->mm || error_drop(vma_find(k, id->mm, id->addr, &id->vma, &id->in_vma)))
		id->in_vma = false;
	if (!id->in_vma || error_drop(mm_pgd(k, id->mm, &pgd)))
		return;
	pagetable_walk(k->vmcore, &k->geometry, pgd, id->addr, &w, &why);
	error_free(why);
	id->has_phys = id->is_mapped = w.result == WALK_MAPPED;
	id->phys = w.phys;
	if (w.result == WALK_NOT_PRESENT && w.steps)
		id->entry = w.step[w.steps - 1].entry;
}

struct error *identify(struct kernel *k, uint64_t addr, enum identify_as as, uint64_t mm, struct identity *out)
{
	*out = (struct identity){.addr = addr, .as = as, .mm = mm};
	TRY(nodes_open(k));
	const struct identify_index *index = identify_index(k);
	if (!index) {
		TRY(check_interrupt());
		return error_new(ERR_NO_MEMORY, "out of memory");
	}
	switch (as) {
	case IDENTIFY_KERNEL:
		find_virtual(k, index, out);
		break;
	case IDENTIFY_PHYSICAL:
		out->phys = addr;
		out->has_phys = true;
		break;
	case IDENTIFY_USER:
		find_user(k, out);
		break;
	}
	if (out->has_phys)
		find_page(k, index, out);
	return NULL;
}
