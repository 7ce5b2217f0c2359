/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes since a mark: each changed page of memory is looked at as what it holds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/globals.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "mm/changes_parts.h"
#include "mm/page.h"
#include "mm/task.h"
#include "mm/zone.h"

#define PAGE VMCORE_PAGE_SIZE

/* ---- Both states ---- */

static const struct changed_page *find_page(const struct changes *c, uint64_t phys)
{
	size_t low = 0, high = c->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (c->pages[middle].phys < phys)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->count && c->pages[low].phys == phys ? &c->pages[low] : NULL;
}

bool changes_now(const struct changes *c, uint64_t phys, void *buffer, size_t len)
{
	return !error_drop(vmcore_read(c->k->vmcore, phys, buffer, len));
}

bool changes_before(const struct changes *c, uint64_t phys, void *buffer, size_t len)
{
	unsigned char *to = buffer;
	while (len) {
		uint64_t odd = phys & (PAGE - 1);
		size_t n = PAGE - odd < len ? PAGE - odd : len;
		const struct changed_page *p = find_page(c, phys - odd);
		if (p)
			memcpy(to, p->before + odd, n);
		else if (!changes_now(c, phys, to, n))
			return false;
		to += n;
		phys += n;
		len -= n;
	}
	return true;
}

static uint64_t word_before(const struct changes *c, uint64_t phys, unsigned size)
{
	unsigned char bytes[8] = { 0 };
	return changes_before(c, phys, bytes, size) ? load_uint(bytes, size) : 0;
}

static uint64_t word_now(const struct changes *c, uint64_t phys, unsigned size)
{
	unsigned char bytes[8] = { 0 };
	return changes_now(c, phys, bytes, size) ? load_uint(bytes, size) : 0;
}

/* An object of a struct at a kernel address whose bytes lie together. */
static void visit_struct(const struct changes *c, struct type type, uint64_t addr, const struct change *like)
{
	unsigned char before[1 << 15], now[1 << 15]; /* task_struct is the largest */
	uint64_t phys, size = type_size(c->k, type);
	if (!size || size > sizeof(before) || !kernel_try_vtop(c->k, addr, &phys))
		return;
	if (changes_before(c, phys, before, size) && changes_now(c, phys, now, size) && memcmp(before, now, size))
		changes_of_struct(c, type, before, now, like);
}

/* ---- What is none of the others: bytes ---- */

static void visit_bytes(const struct changes *c, const char *object, uint64_t start, uint64_t phys, uint64_t len)
{
	const struct changed_page *p = find_page(c, phys & ~(PAGE - 1));
	const unsigned char *now = vmcore_try_map(c->k->vmcore, phys, len);
	struct change change = { .kind = CHANGE_BYTES, .object = object, .addr = start };
	if (!p || !now)
		return;
	const unsigned char *before = p->before + (phys & (PAGE - 1));
	for (uint64_t i = len; i-- > 0;) {
		if (before[i] == now[i])
			continue;
		change.bytes++;
		change.addr = start + i;
	}
	if (!change.bytes)
		return;
	/* One word says itself. */
	uint64_t at = (change.addr - start) & ~3ull;
	if (at + 4 <= len && !memcmp(before + at + 4, now + at + 4, len - at - 4)) {
		change.kind = CHANGE_VALUE;
		change.addr = start + at;
		change.before = load_uint(before + at, 4);
		change.now = load_uint(now + at, 4);
		change.is_hex = true;
	}
	c->visit(c->context, &change);
}

/* ---- The page array ---- */

struct page_array {
	uint64_t phys, end, addr; /* of the run that holds the changed page */
	uint64_t next;		  /* struct pages before this one were visited */
	struct type type;
};

static bool in_page_array(const struct changes *c, uint64_t phys, struct page_array *a)
{
	uint64_t pfn, end, page, at;
	for (size_t i = 0; page_run(c->k, i, &pfn, &end, &page); i++) {
		if (!kernel_try_vtop(c->k, page, &at))
			continue;
		uint64_t bytes = (end - pfn) * SIZE_OF(c->k, page);
		/* Runs in a memmap that is mapped page by page are not looked at so. */
		if (phys + PAGE <= at || phys >= at + bytes)
			continue;
		if (a->addr != page)
			a->next = 0;
		a->phys = at;
		a->end = at + bytes;
		a->addr = page;
		return true;
	}
	return false;
}

static bool page_is_free(const unsigned char *bytes, const struct kernel *k)
{
	const struct object o = { bytes, 0, SIZE_OF(k, page) };
	return !GET(k, &o, page, refcount);
}

static void visit_page_structs(const struct changes *c, uint64_t phys, struct page_array *a)
{
	uint32_t size = SIZE_OF(c->k, page);
	uint64_t index = phys > a->phys ? (phys - a->phys) / size : 0;
	unsigned char before[256], now[256];
	if (size > sizeof(before))
		return;
	if (index < a->next)
		index = a->next;
	for (; a->phys + index * size < phys + PAGE && a->phys + (index + 1) * size <= a->end; index++) {
		uint64_t at = a->phys + index * size;
		const struct change like = { .object = "page", .addr = a->addr + index * size };
		if (!changes_before(c, at, before, size) || !changes_now(c, at, now, size) || !memcmp(before, now, size))
			continue;
		if (c->options->free || !page_is_free(before, c->k) || !page_is_free(now, c->k))
			changes_of_struct(c, a->type, before, now, &like);
	}
	a->next = index;
}

/* ---- Page tables ---- */

static bool visit_table(const struct changes *c, uint64_t phys)
{
	const struct pagetable_geometry *g = &c->k->geometry;
	uint64_t first;
	unsigned shift;
	const char *who;
	if (!owners_table(c->owners, phys, &first, &shift, &who))
		return false;
	for (uint64_t i = 0; i < PAGE / g->entry_size; i++) {
		uint64_t at = phys + i * g->entry_size, before = word_before(c, at, g->entry_size), now = word_now(c, at, g->entry_size);
		if (before == now || (kernel_is_kernel_address(c->k, first + (i << shift)) && !c->options->free))
			continue;
		const struct change change = {
			.kind = CHANGE_VALUE, .object = shift == g->level[g->levels - 1].shift ? "pte" : "pgd", .addr = first + (i << shift),
			.owner = who, .before = before, .now = now, .is_hex = true,
		};
		c->visit(c->context, &change);
	}
	return true;
}

/* ---- Slabs, as 2.4 has them ---- */

/* What the objects of a cache are; "" where it is not known. */
static const char *struct_of_cache(const char *cache)
{
	static const struct {
		const char *cache, *name;
	} known[] = {
		{ "vm_area_struct", "vm_area_struct" }, { "mm_struct", "mm_struct" }, { "filp", "file" },	       { "dentry_cache", "dentry" },
		{ "inode_cache", "inode" },		{ "files_cache", "files_struct" }, { "fs_cache", "fs_struct" }, { "signal_act", "signal_struct" },
		{ "kmem_cache", "kmem_cache_s" },	{ "buffer_head", "buffer_head" },  { "mnt_cache", "vfsmount" },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].cache, cache))
			return known[i].name;
	return "";
}

struct slab24 {
	uint64_t cache, slab, first, size; /* addresses; bytes */
	uint32_t num;
	char name[32];
};

/* The slab that the frame is of, now. */
static bool slab_of_frame(const struct changes *c, uint64_t phys, struct slab24 *s)
{
	struct kernel *k = c->k;
	uint64_t page;
	struct page p;
	struct object cache, slab;
	size_t room;
	int bit = page_flag_bit(k, "slab");
	if (!HAS_STRUCT(k, slab_s) || bit < 0 || !pfn_to_page(k, phys_to_pfn(k, phys), &page) || error_drop(page_open(k, page, &p)) ||
	    !(p.flags >> bit & 1))
		return false;
	unsigned word = k->arch->pointer_size;
	const unsigned char *list = p.object.bytes + OFFSET(k, page, buddy_list);
	s->cache = load_uint(list, word);
	s->slab = load_uint(list + word, word);
	if (!object_try_open(k, s->cache, S_kmem_cache, &cache) || !object_try_open(k, s->slab, S_slab_s, &slab))
		return false;
	s->first = GET(k, &slab, slab_s, s_mem);
	s->size = GET(k, &cache, kmem_cache, size);
	s->num = (uint32_t)GET(k, &cache, kmem_cache, num);
	const char *name = (const char *)object_bytes(k, &cache, M_kmem_cache_name, &room);
	snprintf(s->name, sizeof(s->name), "%.*s", name ? (int)strnlen(name, room) : 0, name ? name : "");
	return s->size && s->num && s->num <= PAGE;
}

/* Marks the objects of the slab that are free: the chain from slab_s.free through the array behind it. */
static void mark_free(const struct changes *c, const struct slab24 *s, bool before, bool *free_objects)
{
	struct kernel *k = c->k;
	uint64_t base = s->slab - k->page_offset, chain = base + SIZE_OF(k, slab_s);
	uint64_t (*word)(const struct changes *, uint64_t, unsigned) = before ? word_before : word_now;
	uint64_t at = word(c, base + OFFSET(k, slab_s, free), 4);
	for (uint32_t n = 0; at < s->num && n < s->num; n++) {
		free_objects[at] = true;
		at = word(c, chain + at * 4, 4);
	}
}

static void visit_object(const struct changes *c, const struct slab24 *s, uint64_t addr, bool was_free, bool is_free)
{
	struct kernel *k = c->k;
	const char *name = struct_of_cache(s->name);
	struct type type = *name ? type_find(k, TYPE_STRUCT, name) : (struct type){ 0 };
	uint64_t mm = addr, phys = addr - k->page_offset;
	struct change like = { .object = *name ? name : s->name, .addr = addr };
	if (!strcmp(name, "vm_area_struct"))
		mm = word_now(c, phys + OFFSET(k, vm_area_struct, vm_mm), k->arch->pointer_size);
	like.owner = owners_mm(c->owners, mm);
	if (was_free != is_free) {
		like.kind = was_free ? CHANGE_APPEARED : CHANGE_VANISHED;
		c->visit(c->context, &like);
	}
	/* All of a new one is new. */
	if ((was_free || is_free) && !c->options->free)
		return;
	if (type_valid(type))
		visit_struct(c, type, addr, &like);
	else if ((phys & (PAGE - 1)) + s->size <= PAGE)
		visit_bytes(c, like.object, addr, phys, s->size);
}

static bool visit_slab(const struct changes *c, uint64_t phys)
{
	struct slab24 s;
	bool was_free[PAGE] = { 0 }, is_free[PAGE] = { 0 };
	uint64_t page = kernel_ptov(c->k, phys);
	if (!slab_of_frame(c, phys, &s))
		return false;
	/* A slab made since had no objects. */
	uint64_t struct_page, flags = 0, at;
	int bit = page_flag_bit(c->k, "slab");
	if (pfn_to_page(c->k, phys_to_pfn(c->k, phys), &struct_page) && kernel_try_vtop(c->k, struct_page, &at))
		flags = word_before(c, at + OFFSET(c->k, page, flags), c->k->arch->pointer_size);
	if (flags >> bit & 1)
		mark_free(c, &s, true, was_free);
	else
		memset(was_free, 1, sizeof(was_free));
	mark_free(c, &s, false, is_free);
	for (uint32_t i = 0; i < s.num; i++) {
		uint64_t object = s.first + i * s.size;
		if (object >= page && object < page + PAGE)
			visit_object(c, &s, object, was_free[i], is_free[i]);
	}
	return true;
}

/* ---- Tasks ---- */

/* task_structs that are objects of a slab; false when none has changed here. */
static bool visit_task_objects(const struct changes *c, uint64_t phys)
{
	struct kernel *k = c->k;
	const struct changed_page *p = find_page(c, phys);
	const unsigned char *now = vmcore_try_map(k->vmcore, phys, PAGE);
	const uint64_t size = SIZE_OF(k, task_struct), page = kernel_ptov(k, phys);
	bool any = false;
	for (uint64_t at = 0; p && now && at < PAGE;) {
		const struct task *t = p->before[at] == now[at] ? NULL : task_holding(k, page + at);
		if (!t || page + at - t->addr >= size) {
			at++;
			continue;
		}
		/* With the first of its pages that has changed. */
		bool seen = false;
		for (uint64_t before = t->addr & -(uint64_t)PAGE; before < page; before += PAGE)
			seen |= find_page(c, phys - (page - before)) != NULL;
		const struct change like = { .object = "task_struct", .addr = t->addr, .owner = t->comm };
		if (!seen)
			visit_struct(c, type_find(k, TYPE_STRUCT, "task_struct"), t->addr, &like);
		any = true;
		at = t->addr + size - page;
	}
	return any;
}

static bool visit_task(const struct changes *c, uint64_t phys)
{
	struct kernel *k = c->k;
	const struct task *t = task_holding(k, kernel_ptov(k, phys));
	uint64_t at;
	if (!t || t->stack != t->addr)
		return visit_task_objects(c, phys);
	if (!kernel_try_vtop(k, t->addr, &at))
		return false;
	struct change like = { .object = "task_struct", .addr = t->addr, .owner = t->comm };
	if (!c->options->free && word_before(c, at + OFFSET(k, task_struct, pid), 4) != t->pid) {
		like.kind = CHANGE_APPEARED;
		if (phys == at)
			c->visit(c->context, &like);
		return true;
	}
	/* On 2.4 the kernel stack begins behind the task_struct, in the same two frames. */
	uint64_t size = SIZE_OF(k, task_struct);
	if (phys == (at & ~(PAGE - 1)))
		visit_struct(c, type_find(k, TYPE_STRUCT, "task_struct"), t->addr, &like);
	uint64_t start = phys > at + size ? phys : at + size;
	if (start < phys + PAGE)
		visit_bytes(c, "kernel stack", kernel_ptov(k, start), start, phys + PAGE - start);
	return true;
}

/* ---- Variables of the kernel ---- */

static void visit_zones(const struct changes *c, const struct change *like)
{
	struct type zone = type_find(c->k, TYPE_STRUCT, c->k->structs[S_zone].name);
	for (size_t i = 0; i < zones_count(c->k); i++) {
		const struct zone *z = zones_get(c->k, i);
		struct change of_zone = *like;
		of_zone.object = c->k->structs[S_zone].name;
		of_zone.addr = z->addr;
		of_zone.owner = z->name;
		visit_struct(c, zone, z->addr, &of_zone);
	}
}

static void visit_variable(const struct changes *c, const struct symbol *s, uint64_t len, uint64_t page, uint64_t phys)
{
	struct kernel *k = c->k;
	struct type type;
	const struct change like = { .object = s->name, .addr = s->addr };
	if (!strcmp(s->name, "contig_page_data") && !error_drop(nodes_open(k))) {
		visit_zones(c, &like);
		return;
	}
	bool typed = global_type(k, s->name, &type) && type_valid(type) && type_size(k, type) && type_size(k, type) <= 4096;
	if (typed && !type_is_aggregate(type_strip(type)) && type_size(k, type) < len && len - type_size(k, type) >= 32)
		typed = false;
	if (typed) {
		visit_struct(c, type, s->addr, &like);
		return;
	}
	/* The part of it that is in this page. */
	uint64_t start = s->addr > page ? s->addr : page, end = s->addr + len < page + PAGE ? s->addr + len : page + PAGE;
	visit_bytes(c, s->name, start, phys + (start - page), end - start);
}

static bool visit_kernel(const struct changes *c, uint64_t phys)
{
	struct kernel *k = c->k;
	uint64_t base, page, offset;
	struct symbol s;
	if (!kernel_try_vtop(k, k->text_start, &base) || phys + PAGE <= base || phys >= base + (k->text_end - k->text_start))
		return false;
	/* What booting alone needed has been freed, and is memory like any other. */
	int reserved = page_flag_bit(k, "reserved");
	uint64_t its_page;
	struct page of;
	if (reserved >= 0 && pfn_to_page(k, phys_to_pfn(k, phys), &its_page) && !error_drop(page_open(k, its_page, &of)) && !(of.flags >> reserved & 1))
		return false;
	const struct changed_page *p = find_page(c, phys);
	const unsigned char *now = vmcore_try_map(k->vmcore, phys, PAGE);
	page = k->text_start + (phys - base);
	for (uint64_t at = 0; p && now && at < PAGE;) {
		if (p->before[at] == now[at]) {
			at++;
			continue;
		}
		if (!symbol_at(k, page + at, &s, &offset))
			return false;
		uint64_t next = symbol_next(k, s.addr), end = next ? next : page + PAGE;
		/* One that reaches over a page's end is visited with its first change, unless that is a page of its own. */
		if (s.addr >= page || !find_page(c, phys - PAGE) || end - s.addr > 4096)
			visit_variable(c, &s, end - s.addr, page, phys);
		at = end > page + at ? end - page : at + 1;
	}
	return true;
}

/* ---- All of them ---- */

static void visit_frame(const struct changes *c, uint64_t phys)
{
	struct kernel *k = c->k;
	uint64_t page, start, size;
	struct page p;
	/* Swapped-out bytes that the overlay keeps: no memory of the machine's. */
	if (vmcore_extension(k->vmcore, &start, &size) && phys >= start && phys - start < size) {
		visit_bytes(c, "overlay's swap", phys, phys, PAGE);
		return;
	}
	bool has_page = pfn_to_page(k, phys_to_pfn(k, phys), &page) && !error_drop(page_open(k, page, &p));
	bool is_free = has_page && !page_refcount(k, &p);
	if (!is_free || c->options->free)
		visit_bytes(c, is_free ? "free frame" : "frame", phys, phys, PAGE);
}

static bool collect(void *context, uint64_t phys, const void *before, const void *now)
{
	struct changes *c = context;
	if (!memcmp(before, now, PAGE))
		return true;
	if (c->count == c->room) {
		c->room = c->room ? 2 * c->room : 256;
		struct changed_page *more = realloc(c->pages, c->room * sizeof(*more));
		if (!more)
			return false;
		c->pages = more;
	}
	c->pages[c->count++] = (struct changed_page){ phys, before };
	return true;
}

static struct error *visit_all(struct changes *c)
{
	struct page_array array = { .type = type_find(c->k, TYPE_STRUCT, "page") };
	progress_start(c->count);
	for (size_t i = 0; i < c->count; i++) {
		uint64_t phys = c->pages[i].phys;
		TRY(check_interrupt());
		progress_at(i);
		if (in_page_array(c, phys, &array))
			visit_page_structs(c, phys, &array);
		else if (!visit_task(c, phys) && !visit_kernel(c, phys) && !visit_table(c, phys) && !visit_slab(c, phys) &&
			 !changes_of_swap_map(c, phys))
			visit_frame(c, phys);
	}
	return NULL;
}

struct error *changes_since(struct kernel *k, unsigned depth, const struct changes_options *options, change_visitor *visit, void *context)
{
	struct changes c = { .k = k, .options = options, .visit = visit, .context = context };
	TRY(pages_open(k));
	TRY(owners_find(k, &c.owners));
	/* What the marks keep stays where it is as long as they do. */
	struct error *e = vmcore_diff(k->vmcore, depth, collect, &c);
	if (!e)
		e = visit_all(&c);
	owners_free(c.owners);
	free(c.pages);
	return e;
}
