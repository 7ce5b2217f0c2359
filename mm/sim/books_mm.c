/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The books of processes: areas, page tables, tasks.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "mm/pte.h"
#include "mm/sim/books_parts.h"

#define ENTRIES	   1024 /* of an i386 table of two levels */
#define LIST_LIMIT 1000000

/* ---- Areas ---- */

/* The tree below `node`, in order: each must be the next of the list, `*at`. The height in black
 * nodes. */
static struct error *check_tree(struct check *c, uint64_t node, uint64_t parent, bool red_above,
				unsigned depth, uint64_t *at, unsigned *black)
{
	struct kernel *k = c->k;
	struct object n;
	unsigned left, right;
	*black = 0;
	if (!node)
		return NULL;
	if (depth > 64)
		return WRONG("a tree of areas never ends, at %" PRIx64, node);
	TRY(object_open(k, node, S_rb_node, &n));
	bool red = !GET(k, &n, rb_node, rb_color);
	if (GET(k, &n, rb_node, rb_parent) != parent || (red && red_above))
		return WRONG("rb_node %" PRIx64 ": wrong parent, or two red ones above each other",
			     node);
	TRY(check_tree(c, GET(k, &n, rb_node, rb_left), node, red, depth + 1, at, &left));
	if (*at + OFFSET(k, vm_area_struct, vm_rb) != node)
		return WRONG("the tree has area %" PRIx64 " where the list has %" PRIx64,
			     node - OFFSET(k, vm_area_struct, vm_rb), *at);
	TRY(kernel_get(k, *at, M_vm_area_struct_vm_next, at));
	TRY(check_tree(c, GET(k, &n, rb_node, rb_right), node, red, depth + 1, at, &right));
	if (left != right)
		return WRONG("rb_node %" PRIx64 ": %u black ones on the left, %u on the right",
			     node, left, right);
	*black = left + !red;
	return NULL;
}

/* Is the area on its file's list, where its vm_pprev_share says? */
static struct error *check_sharing(struct check *c, const struct object *v)
{
	struct kernel *k = c->k;
	uint64_t pprev = GET(k, v, vm_area_struct, vm_pprev_share), at;
	if (!GET(k, v, vm_area_struct, vm_file))
		return NULL;
	if (!pprev)
		return WRONG("area %" PRIx64 " is on no list of its file", v->addr);
	TRY(kernel_read_pointer(k, pprev, &at));
	return at == v->addr
		       ? NULL
		       : WRONG("area %" PRIx64 ": vm_pprev_share leads to %" PRIx64, v->addr, at);
}

static struct error *check_areas(struct check *c, const struct object *mm)
{
	struct kernel *k = c->k;
	uint64_t count = 0, pages = 0, locked = 0, last = 0, first = GET(k, mm, mm_struct, mmap),
		 at = first;
	bool cache_found = !GET(k, mm, mm_struct, mmap_cache);
	unsigned black;
	for (struct object v; at; at = GET(k, &v, vm_area_struct, vm_next)) {
		TRY(object_open(k, at, S_vm_area_struct, &v));
		uint64_t start = GET(k, &v, vm_area_struct, vm_start),
			 end = GET(k, &v, vm_area_struct, vm_end);
		if (start < last || end <= start || end > k->page_offset ||
		    (start | end) & (VMCORE_PAGE_SIZE - 1))
			return WRONG("area %" PRIx64 " [%" PRIx64 ", %" PRIx64 ") is out of order",
				     at, start, end);
		if (GET(k, &v, vm_area_struct, vm_mm) != mm->addr)
			return WRONG("area %" PRIx64 " says another mm", at);
		if (++count > LIST_LIMIT)
			return WRONG("the list of areas of mm %" PRIx64 " never ends", mm->addr);
		TRY(check_sharing(c, &v));
		cache_found |= at == GET(k, mm, mm_struct, mmap_cache);
		last = end;
		pages += (end - start) >> k->arch->page_shift;
		if (GET(k, &v, vm_area_struct, vm_flags) & VM_LOCKED)
			locked += (end - start) >> k->arch->page_shift;
	}
	c->books.areas += count;
	if (GET(k, mm, mm_struct, map_count) != count || GET(k, mm, mm_struct, total_vm) != pages ||
	    GET(k, mm, mm_struct, locked_vm) != locked)
		return WRONG("mm %" PRIx64 ": map_count %" PRIu64 ", areas %" PRIu64
			     "; total_vm %" PRIu64 ", pages %" PRIu64 "; locked_vm %" PRIu64
			     ", locked %" PRIu64,
			     mm->addr, GET(k, mm, mm_struct, map_count), count,
			     GET(k, mm, mm_struct, total_vm), pages,
			     GET(k, mm, mm_struct, locked_vm), locked);
	if (!cache_found)
		return WRONG("mm %" PRIx64 ": mmap_cache is no area of it", mm->addr);
	TRY(check_tree(c, GET(k, mm, mm_struct, mm_rb), 0, false, 0, &first, &black));
	return first ? WRONG("the tree of mm %" PRIx64 " lacks area %" PRIx64, mm->addr, first)
		     : NULL;
}

/* ---- Page tables ---- */

/* The area that holds addr, by the list: *area is where the last search ended. */
static struct error *area_at(struct check *c, uint64_t addr, uint64_t *area, bool *found)
{
	struct kernel *k = c->k;
	*found = false;
	while (*area) {
		struct object v;
		TRY(object_open(k, *area, S_vm_area_struct, &v));
		if (addr < GET(k, &v, vm_area_struct, vm_end)) {
			*found = addr >= GET(k, &v, vm_area_struct, vm_start);
			return NULL;
		}
		*area = GET(k, &v, vm_area_struct, vm_next);
	}
	return NULL;
}

static struct error *check_entry(struct check *c, uint64_t entry, uint64_t *rss)
{
	bool counted;
	if (!pte_present(entry))
		return c->swap ? books_refer_swap(c, entry)
			       : WRONG("a swap entry, and there is no swap: %" PRIx64, entry);
	TRY(books_refer(c, (entry & c->k->geometry.frame_mask) >> c->k->arch->page_shift,
			&counted));
	*rss += counted;
	return NULL;
}

static struct error *check_table(struct check *c, uint64_t table, uint64_t base, uint64_t *area,
				 uint64_t *rss)
{
	struct kernel *k = c->k;
	TRY(books_claim(c, kernel_ptov(k, table), 0, OWNER_TABLE));
	for (uint64_t i = 0; i < ENTRIES; i++) {
		uint64_t entry = get_pte(c->e, table + i * k->geometry.entry_size);
		bool found;
		if (!entry)
			continue;
		TRY(area_at(c, base + (i << k->arch->page_shift), area, &found));
		if (!found)
			return WRONG("an entry at %" PRIx64 " where there is no area: %" PRIx64,
				     base + (i << k->arch->page_shift), entry);
		TRY(check_entry(c, entry, rss));
	}
	return NULL;
}

static struct error *check_page_tables(struct check *c, const struct object *mm)
{
	struct kernel *k = c->k;
	uint64_t pgd = GET(k, mm, mm_struct, pgd), phys = pgd - k->page_offset, rss = 0,
		 area = GET(k, mm, mm_struct, mmap);
	unsigned shift = k->geometry.level[0].shift;
	TRY(books_claim(c, pgd, 0, OWNER_TABLE));
	for (uint64_t i = 0; i < ENTRIES; i++) {
		uint64_t entry = get_pte(c->e, phys + i * k->geometry.entry_size);
		if (i << shift >= k->page_offset) {
			if (entry != get_pte(c->e, k->kernel_pgd + i * k->geometry.entry_size))
				return WRONG("the directory of mm %" PRIx64
					     " differs from the kernel's at %" PRIx64,
					     mm->addr, i << shift);
		} else if (entry) {
			TRY(check_table(c, entry & k->geometry.frame_mask, i << shift, &area,
					&rss));
		}
	}
	return rss == GET(k, mm, mm_struct, rss)
		       ? NULL
		       : WRONG("mm %" PRIx64 ": rss %" PRIu64 ", entries that it counts: %" PRIu64,
			       mm->addr, GET(k, mm, mm_struct, rss), rss);
}

/* ---- All of them ---- */

static struct error *check_mms(struct check *c)
{
	struct kernel *k = c->k;
	uint64_t list = OFFSET(k, mm_struct, mmlist), head = c->e->init_mm + list, at, counted;
	TRY(kernel_read_pointer(k, head, &at));
	while (at != head) {
		struct object mm;
		if (++c->books.mms > LIST_LIMIT)
			return WRONG("the list of mms never ends");
		TRY(object_open(k, at - list, S_mm_struct, &mm));
		TRY(check_areas(c, &mm));
		TRY(check_page_tables(c, &mm));
		TRY(kernel_read_pointer(k, at, &at));
	}
	if (!symbol_addr(k, "mmlist_nr"))
		return NULL;
	TRY(kernel_read_symbol(k, "mmlist_nr", 4, &counted));
	return counted == c->books.mms ? NULL
				       : WRONG("mmlist_nr is %" PRIu64 ", the list has %" PRIu64,
					       counted, c->books.mms);
}

static struct error *claim_quicklist(struct check *c, uint64_t head, uint64_t *length)
{
	uint64_t at;
	if (!head)
		return NULL;
	TRY(kernel_read_pointer(c->k, head, &at));
	for (; at; ++*length) {
		TRY(books_claim(c, at, 0, OWNER_TABLE));
		TRY(kernel_read_pointer(c->k, at, &at));
	}
	return NULL;
}

static struct error *check_quicklists(struct check *c)
{
	uint64_t length = 0, counted;
	TRY(claim_quicklist(c, c->e->pgd_quicklist, &length));
	TRY(claim_quicklist(c, c->e->pte_quicklist, &length));
	TRY(kernel_read_pointer(c->k, c->e->pgtable_cache_size, &counted));
	return counted == length
		       ? NULL
		       : WRONG("pgtable_cache_size is %" PRIu64 ", the quicklists have %" PRIu64,
			       counted, length);
}

/* How many tasks have each mm is its mm_users; a task_struct is the first of two frames. */
static struct error *check_tasks(struct check *c)
{
	struct kernel *k = c->k;
	uint64_t at, count = 0, users = 0;
	TRY(kernel_get(k, c->e->init_task, M_task_struct_next_task, &at));
	while (at != c->e->init_task) {
		struct object t, mm;
		if (++count > LIST_LIMIT)
			return WRONG("the list of tasks never ends");
		TRY(object_open(k, at, S_task_struct, &t));
		TRY(books_claim(c, at, 1, OWNER_TASK));
		if (GET(k, &t, task_struct, mm)) {
			TRY(object_open(k, GET(k, &t, task_struct, mm), S_mm_struct, &mm));
			if (!GET(k, &mm, mm_struct, mm_users))
				return WRONG("task %" PRIx64 " has an mm that nobody uses", at);
			users++;
		}
		at = GET(k, &t, task_struct, next_task);
	}
	uint64_t sum = 0, list = OFFSET(k, mm_struct, mmlist), head = c->e->init_mm + list, n;
	TRY(kernel_read_pointer(k, head, &at));
	for (; at != head && sum < LIST_LIMIT; sum += n) {
		TRY(kernel_get(k, at - list, M_mm_struct_mm_users, &n));
		TRY(kernel_read_pointer(k, at, &at));
	}
	return sum == users ? NULL
			    : WRONG("mms count %" PRIu64 " users, tasks with an mm: %" PRIu64, sum,
				    users);
}

static struct error *open_swap(struct check *c)
{
	struct kernel *k = c->k;
	uint64_t areas, map;
	unsigned order = 0;
	TRY(kernel_read_uint(k, c->e->nr_swapfiles, 4, &areas));
	if (!areas)
		return NULL;
	TRY(kernel_get(k, c->e->swap_info, M_swap_info_struct_max, &c->swap_slots));
	TRY(kernel_get(k, c->e->swap_info, M_swap_info_struct_swap_map, &map));
	if (c->swap_slots > 1u << 24)
		return WRONG("a swap area of %" PRIu64 " pages", c->swap_slots);
	c->swap = calloc(c->swap_slots, sizeof(*c->swap));
	if (!c->swap)
		return error_new(ERR_NO_MEMORY, "out of memory");
	while (((uint64_t)VMCORE_PAGE_SIZE << order) < c->swap_slots * 2)
		order++;
	return books_claim(c, map, order, OWNER_BOOT);
}

struct error *books_processes(struct check *c)
{
	TRY(open_swap(c));
	TRY(check_tasks(c));
	TRY(check_mms(c));
	if (c->vmas_in_use != c->books.areas || c->mms_in_use != c->books.mms)
		return WRONG("areas in use: %" PRIu64 ", processes have %" PRIu64 "; mms in use: %" PRIu64 ", processes have %" PRIu64, c->vmas_in_use,
			     c->books.areas, c->mms_in_use, c->books.mms);
	return check_quicklists(c);
}
