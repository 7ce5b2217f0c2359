/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/usage.h"

#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"
#include "mm/frames.h"
#include "mm/slab_list.h"
#include "mm/smaps.h"
#include "mm/vmalloc.h"

static struct error *make_room(void **array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return NULL;
	size_t more = *room ? 2 * *room : 128;
	void *larger = realloc(*array, more * size);
	if (!larger)
		return error_new(ERR_NO_MEMORY, "out of memory");
	*array = larger;
	*room = more;
	return NULL;
}

/* ---- Processes ---- */

struct area_sums {
	struct kernel *k;
	struct smaps sums;
	struct error *error;
};

static bool add_area(void *context, const struct vma *vma)
{
	struct area_sums *a = context;
	struct error *e = smaps_add(a->k, vma, &a->sums);
	if (e && !a->error)
		a->error = e;
	else
		error_free(e);
	return !interrupted();
}

/*
 * Tables below the one at `table`, and itself, that map user addresses; the last level's are not looked into. No more than memory has frames: damaged ones may
 * lead back to themselves.
 */
static void count_tables(struct kernel *k, uint64_t table, unsigned level, uint64_t *count)
{
	const struct pagetable_geometry *g = &k->geometry;
	const struct pagetable_level *l = &g->level[level];
	uint64_t end = level ? 1ull << l->bits : k->wide ? 1ull << (l->bits - 1) : k->page_offset >> l->shift;
	if (++*count > phys_to_pfn(k, vmcore_max_phys(k->vmcore)))
		return;
	const unsigned char *entries = level + 1u < g->levels ? vmcore_try_map(k->vmcore, table, g->entry_size * end) : NULL;
	for (uint64_t i = 0; entries && i < end && !interrupted(); i++) {
		uint64_t entry = load_uint(entries + i * g->entry_size, g->entry_size);
		if (entry & X86_PRESENT && !(l->may_be_leaf && entry & X86_PSE))
			count_tables(k, pagetable_entry_phys(g, entry, level), level + 1, count);
	}
}

/* mm_pgtables_bytes(): in bytes since 4.15, before by level; 2.4 does not count them. */
static uint64_t table_bytes(struct kernel *k, uint64_t mm)
{
	uint64_t value, pgd, tables = 0, bytes = 0;
	if (HAS(k, mm_struct, pgtables_bytes) && !error_drop(kernel_get(k, mm, M_mm_struct_pgtables_bytes, &value)))
		return value;
	if (HAS(k, mm_struct, nr_ptes) && !error_drop(kernel_get(k, mm, M_mm_struct_nr_ptes, &value)))
		bytes += value << k->arch->page_shift;
	if (HAS(k, mm_struct, nr_pmds) && !error_drop(kernel_get(k, mm, M_mm_struct_nr_pmds, &value)))
		bytes += value << k->arch->page_shift;
	if (!HAS(k, mm_struct, nr_ptes) && !error_drop(mm_pgd(k, mm, &pgd)))
		count_tables(k, pgd, 0, &tables);
	return bytes + (tables << k->arch->page_shift);
}

static int compare_processes(const void *x, const void *y)
{
	const struct usage_process *a = x, *b = y;
	if (a->pss != b->pss)
		return a->pss > b->pss ? -1 : 1;
	return a->task->pid < b->task->pid ? -1 : a->task->pid > b->task->pid;
}

/* Huge pages of hugetlb are in no rss; they are what the process has all the same. */
static struct error *add_process(struct kernel *k, const struct task *t, struct usage_processes *out)
{
	struct area_sums a = {.k = k};
	struct error *e = vma_for_each(k, t->mm, add_area, &a);
	if (interrupted()) {
		error_free(e);
		error_free(a.error);
		return check_interrupt();
	}
	struct usage_process p = {
		.task = t,
		.rss = a.sums.resident + a.sums.shared_hugetlb + a.sums.private_hugetlb,
		.pss = (a.sums.pss >> SMAPS_PSS_SHIFT) + a.sums.private_hugetlb,
		.swap = a.sums.swap,
		.tables = table_bytes(k, t->mm),
		.damaged = e || a.error,
	};
	error_free(e);
	error_free(a.error);
	out->list[out->count++] = p;
	out->total.rss += p.rss;
	out->total.pss += p.pss;
	out->total.swap += p.swap;
	out->total.tables += p.tables;
	out->total.damaged |= p.damaged;
	return NULL;
}

struct error *usage_processes(struct kernel *k, struct usage_processes *out)
{
	size_t tasks;
	*out = (struct usage_processes){0};
	TRY(tasks_count(k, &tasks));
	out->list = calloc(tasks + 1, sizeof(*out->list));
	if (!out->list)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < tasks; i++) {
		const struct task *t = tasks_get(k, i);
		if (t->mm && task_of_mm(k, t->mm, 0) == t)
			TRY(add_process(k, t, out));
	}
	if (out->count)
		qsort(out->list, out->count, sizeof(*out->list), compare_processes);
	return NULL;
}

/* ---- Files ---- */

/* By mapping, with open addressing. */
struct file_table {
	struct usage_file *slots;
	size_t size, used; /* size is a power of two */
};

static struct usage_file *find_slot(struct file_table *t, uint64_t mapping)
{
	size_t i = (mapping * 0x9e3779b97f4a7c15ull) >> 20 & (t->size - 1);
	while (t->slots[i].mapping && t->slots[i].mapping != mapping)
		i = (i + 1) & (t->size - 1);
	return &t->slots[i];
}

static struct error *grow_table(struct file_table *t)
{
	struct file_table larger = {.size = t->size ? 2 * t->size : 4096, .used = t->used};
	larger.slots = calloc(larger.size, sizeof(*larger.slots));
	if (!larger.slots)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i].mapping)
			*find_slot(&larger, t->slots[i].mapping) = t->slots[i];
	free(t->slots);
	*t = larger;
	return NULL;
}

/* How many pages of the folio somebody maps. */
static uint64_t mapped_pages(struct frames *f, const struct folio *folio)
{
	uint64_t count = 0;
	for (uint64_t i = 0; i < 1ull << folio->order; i++) {
		const unsigned char *page = frame_page(f, folio->pfn + i);
		count += page && folio_page_mapcount(f, folio, page) > 0;
	}
	return count;
}

/* The frame's file, when it is the first of a page in the cache; *count is how many frames it speaks for. */
static struct error *add_frame(struct frames *f, struct file_table *t, uint64_t pfn, uint64_t *count)
{
	struct kernel *k = f->k;
	const unsigned char *bytes = frame_page(f, pfn);
	struct folio folio;
	uint64_t address;
	*count = 1;
	if (!bytes || !frame_word(f, bytes, f->mapping_at) || !pfn_to_page(k, pfn, &address))
		return NULL;
	struct page p = {.object = {bytes, address, f->page_size}, .pfn = pfn, .flags = frame_word(f, bytes, f->flags_at)};
	if (page_use(k, &p) != PAGE_FILE || !folio_open(f, pfn, &folio) || folio.pfn != pfn)
		return NULL;
	*count = 1ull << folio.order;
	if (2 * t->used >= t->size)
		TRY(grow_table(t));
	struct usage_file *slot = find_slot(t, folio.mapping);
	if (!slot->mapping) {
		slot->mapping = folio.mapping;
		t->used++;
	}
	slot->pages += *count;
	slot->mapped += mapped_pages(f, &folio);
	return NULL;
}

static int compare_files(const void *x, const void *y)
{
	const struct usage_file *a = x, *b = y;
	if (a->pages != b->pages)
		return a->pages > b->pages ? -1 : 1;
	return a->mapping < b->mapping ? -1 : a->mapping > b->mapping;
}

static struct error *gather_files(struct frames *f, struct file_table *t)
{
	uint64_t pfn, end, page, count;
	for (size_t i = 0; page_run(f->k, i, &pfn, &end, &page); i++) {
		for (uint64_t seen = 0; pfn < end; pfn += count) {
			if (!(seen++ & 0xffff))
				TRY(check_interrupt());
			TRY(add_frame(f, t, pfn, &count));
		}
	}
	return NULL;
}

struct error *usage_files(struct kernel *k, struct usage_files *out)
{
	struct file_table t = {0};
	struct frames *f;
	*out = (struct usage_files){0};
	TRY(frames_open(k, &f));
	struct error *e = gather_files(f, &t);
	for (size_t i = 0; i < t.size; i++) {
		if (!t.slots[i].mapping)
			continue;
		struct usage_file *file = &t.slots[out->count++];
		*file = t.slots[i];
		error_drop(kernel_get(k, file->mapping, M_address_space_host, &file->inode));
		out->pages += file->pages;
		out->mapped += file->mapped;
	}
	if (out->count)
		if (out->count)
			qsort(t.slots, out->count, sizeof(*t.slots), compare_files);
	out->list = t.slots;
	return e;
}

/* ---- Slab caches ---- */

struct cache_walk {
	struct kernel *k;
	struct usage_caches *out;
	const struct slab_refs *refs;
	size_t room;
};

static struct error *add_cache(void *context, const struct slab_cache *cache)
{
	struct cache_walk *w = context;
	struct usage_caches *out = w->out;
	struct usage_cache c = {.cache = cache->addr, .object_size = cache->size};
	size_t first, count = slab_refs_of(w->refs, cache->addr, &first);
	struct slab slab;
	bool found;
	TRY(check_interrupt());
	memcpy(c.name, cache->name, sizeof(c.name));
	for (size_t i = first; i < first + count; i++) {
		if (error_drop(slab_of_page(w->k, w->refs->refs[i].page, &slab, &found)) || !found)
			continue;
		c.slabs++;
		c.pages += slab.bytes >> w->k->arch->page_shift;
		c.objects += slab.objects;
		c.inuse += slab.inuse;
	}
	TRY(make_room((void **)&out->list, out->count, &w->room, sizeof(*out->list)));
	out->list[out->count++] = c;
	out->slabs += c.slabs;
	out->pages += c.pages;
	return NULL;
}

static int compare_caches(const void *x, const void *y)
{
	const struct usage_cache *a = x, *b = y;
	return a->pages != b->pages ? (a->pages > b->pages ? -1 : 1) : strcmp(a->name, b->name);
}

struct error *usage_caches(struct kernel *k, struct usage_caches *out)
{
	struct slab_refs refs;
	*out = (struct usage_caches){0};
	TRY(slab_refs_read(k, &refs));
	struct cache_walk w = {.k = k, .out = out, .refs = &refs};
	struct error *e = slab_caches_for_each(k, add_cache, &w);
	/* SLAB's slabs (until 6.8) are not found by their pages. */
	if (!e && !refs.count)
		e = error_new(ERR_UNSUPPORTED, "the slabs of this kernel's allocator are not counted");
	slab_refs_free(&refs);
	if (out->count)
		if (out->count)
			qsort(out->list, out->count, sizeof(*out->list), compare_caches);
	return e;
}

/* ---- vmalloc ---- */

struct caller_walk {
	struct kernel *k;
	struct usage_callers *out;
	size_t room;
	struct error *error;
};

static bool add_caller(void *context, const struct vmalloc_area *area)
{
	struct caller_walk *w = context;
	struct usage_callers *out = w->out;
	uint64_t caller = 0, pages = 0, offset;
	struct symbol s;
	const char *name = "(not known)";
	if (area->vm) {
		error_drop(kernel_get(w->k, area->vm, M_vm_struct_caller, &caller));
		error_drop(kernel_get(w->k, area->vm, M_vm_struct_nr_pages, &pages));
	}
	if (caller && symbol_at(w->k, caller, &s, &offset))
		name = s.name;
	else if (!area->vm)
		name = "(vm_map_ram)";
	struct usage_caller *c = NULL;
	for (size_t i = 0; !c && i < out->count; i++)
		if (!strncmp(out->list[i].name, name, sizeof(c->name) - 1))
			c = &out->list[i];
	if (!c) {
		w->error = make_room((void **)&out->list, out->count, &w->room, sizeof(*out->list));
		if (w->error)
			return false;
		c = &out->list[out->count++];
		*c = (struct usage_caller){.caller = caller};
		strncpy(c->name, name, sizeof(c->name) - 1);
	}
	/* No area has more pages than it has room for. */
	if (pages > (area->end - area->start) >> w->k->arch->page_shift)
		pages = 0;
	c->areas++;
	c->pages += pages;
	c->bytes += area->end - area->start;
	out->areas++;
	out->pages += pages;
	out->bytes += area->end - area->start;
	return true;
}

static int compare_callers(const void *x, const void *y)
{
	const struct usage_caller *a = x, *b = y;
	if (a->pages != b->pages)
		return a->pages > b->pages ? -1 : 1;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return strcmp(a->name, b->name);
}

struct error *usage_callers(struct kernel *k, struct usage_callers *out)
{
	*out = (struct usage_callers){0};
	struct caller_walk w = {.k = k, .out = out};
	struct error *e = vmalloc_for_each(k, add_caller, &w);
	if (out->count)
		if (out->count)
			qsort(out->list, out->count, sizeof(*out->list), compare_callers);
	if (!e)
		return w.error;
	error_free(w.error);
	return e;
}
