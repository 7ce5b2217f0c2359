/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reverse mapping, acting (mm/rmap.c): what a page says of who maps it; whom the page is charged to (mm/memcontrol.c).
 */
#include <inttypes.h>

#include "mm/anon_vma.h"
#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/mmap_edit.h"
#include "mm/engine/near.h"
#include "mm/engine/zap.h"
#include "mm/zone.h"

/* ---- The area's anon_vma ---- */

struct error *fault_anon_vma_prepare(struct fault *f)
{
	struct engine *e = f->e;
	uint64_t anon_vma;
	if (f->vma->anon_vma)
		return NULL;
	TRY(anon_vma_prepare(e, f->vma->addr));
	TRY(kernel_get(e->k, f->vma->addr, M_vm_area_struct_anon_vma, &anon_vma));
	((struct vma *)f->vma)->anon_vma = anon_vma;
	return NULL;
}

/* ---- What a page says of who maps it ---- */

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

static uint64_t bit_of(int bit)
{
	return bit >= 0 ? 1ull << bit : 0;
}

/* The same of an area whose start is what its bytes say, in a zone that is near. */
static bool near_add_new_anon_rmap(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	const struct near_zone *z = near_zone_of_page(e, page);
	unsigned char *p = z && !e->trace ? near_page(e, page) : NULL;
	const struct vma *vma = f->vma;
	if (!p || !e->near->counts_new_anon || !near_counts(z, e->modern->anon_mapped) || GET_WHOLE(e->k, &vma->object, vm_area_struct, vm_start) != vma->start)
		return false;
	near_new_anon_rmap(e, z, p, vma, f->addr);
	return true;
}

struct error *page_add_new_anon_rmap(struct fault *f, uint64_t page)
{
	if (near_add_new_anon_rmap(f, page))
		return NULL;
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	SET_WHOLE(k, &p.object, page, flags, p.flags | bit_of(e->modern->swapbacked) | bit_of(e->bit_uptodate) | bit_of(e->modern->anon_exclusive));
	SET(k, &p.object, page, mapcount, 0);
	SET_WHOLE(k, &p.object, page, mapping, f->vma->anon_vma ? f->vma->anon_vma | PAGE_MAPPING_ANON : 0);
	/* A stack that would grow begins lower than its area says yet. */
	const struct vma *vma = f->vma;
	struct vma area;
	if (GET_WHOLE(k, &vma->object, vm_area_struct, vm_start) != vma->start) {
		TRY(vma_open(k, vma->addr, &area));
		vma = &area;
	}
	uint64_t first = vma_anon_pgoff(k, vma) - ((vma->start - f->vma->start) >> k->arch->page_shift);
	SET_WHOLE(k, &p.object, page, index, ((f->addr - f->vma->start) >> k->arch->page_shift) + first);
	mod_page_state(e, page, e->modern->anon_mapped, 1);
	TRACE(e, "page_add_new_anon_rmap", "the page is this area's alone", { "page", page }, { "anon_vma", f->vma->anon_vma },
	      { "page->index", GET(k, &p.object, page, index) });
	return NULL;
}

struct error *mlock_mapped(struct fault *f, uint64_t page)
{
	const uint64_t special = VM_IO | VM_DONTEXPAND | f->e->modern->vm_pfnmap | f->e->modern->vm_mixedmap;
	return HAS(f->e->k, page, mlock_count) && (f->vma->flags & (VM_LOCKED | special)) == VM_LOCKED ? mlock_folio(f->e, page, false) : NULL;
}

struct error *page_add_file_rmap(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct page p;
	struct large l;
	TRY(page_open_writable(e, page, &p));
	if (page_is_large(e, &p)) {
		TRY(large_open(e, page, &l));
		return large_add_parts(f, &l, (page - l.head.object.addr) / e->page_size, 1);
	}
	int32_t count = page_mapcount_word(e->k, &p);
	SET(e->k, &p.object, page, mapcount, (uint64_t)(count + 1));
	if (count == -1)
		mod_page_state(e, page, e->modern->file_mapped, 1);
	return mlock_mapped(f, page);
}

struct error *page_remove_rmap(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct page p;
	struct large l;
	TRY(page_open_writable(e, page, &p));
	if (page_is_large(e, &p)) {
		TRY(large_open(e, page, &l));
		return large_remove_parts(f, &l, (page - l.head.object.addr) / e->page_size, 1);
	}
	int32_t count = page_mapcount_word(e->k, &p);
	if (count < 0)
		return error_at(ERR_BAD_OBJECT, page, "a mapped page says that nobody maps it: %" PRIx64 ", _mapcount %d", page, count);
	SET(e->k, &p.object, page, mapcount, (uint64_t)(count - 1));
	if (!count)
		mod_page_state(e, page, page_counter_kind(e, &p) == e->modern->rss_anon ? e->modern->anon_mapped : e->modern->file_mapped, -1);
	if (HAS(e->k, page, mlock_count))
		return f->vma->flags & VM_LOCKED ? munlock_folio(e, page) : NULL;
	return !count && has(&p, e->modern->mlocked) ? clear_page_mlock(e, page) : NULL;
}

int page_counter_kind(struct engine *e, const struct page *p)
{
	struct page head;
	uint64_t page = page_compound_head(e->k, p);
	if (page != p->object.addr && !error_drop(page_open(e->k, page, &head)))
		p = &head;
	if (GET(e->k, &p->object, page, mapping) & PAGE_MAPPING_ANON)
		return e->modern->rss_anon;
	return has(p, e->modern->swapbacked) ? e->modern->rss_shmem : e->modern->rss_file;
}

/* ---- Whose page it is ---- */

/* get_mem_cgroup_from_mm(): the cgroup of the mm's owner; 0 for none. */
static struct error *memcg_of(struct fault *f, uint64_t *memcg)
{
	struct kernel *k = f->e->k;
	uint64_t owner, set;
	*memcg = 0;
	if (f->e->modern->memory_cgrp < 0 || !HAS(k, mm_struct, owner) || !HAS(k, css_set, subsys))
		return NULL;
	owner = GET(k, f->mm, mm_struct, owner);
	if (!owner)
		return NULL;
	TRY(kernel_get(k, owner, M_task_struct_cgroups, &set));
	return kernel_read_pointer(k, set + OFFSET(k, css_set, subsys) + (uint64_t)f->e->modern->memory_cgrp * k->arch->pointer_size, memcg);
}

/* Pages name an object cgroup, the cgroup's own on their node, where there is one for that (7.1): then those know whether they are the root's. */
static bool by_objcg(const struct kernel *k)
{
	return HAS(k, obj_cgroup, is_root) && HAS(k, mem_cgroup_per_node, objcg);
}

struct error *page_memcg(struct engine *e, const struct page *p, uint64_t *memcg)
{
	struct kernel *k = e->k;
	uint64_t data = HAS(k, page, memcg_data) ? GET(k, &p->object, page, memcg_data) : GET(k, &p->object, page, mem_cgroup);
	/* Of slabs and the kernel's own pages it is another thing. */
	*memcg = data & 3 ? 0 : data & ~7ull;
	return *memcg && by_objcg(k) ? kernel_get(k, *memcg, M_obj_cgroup_memcg, memcg) : NULL;
}

static struct error *set_page_memcg(struct engine *e, const struct page *p, uint64_t memcg)
{
	struct kernel *k = e->k;
	const struct zone *z = zone_of_pfn(k, p->pfn);
	uint64_t per_node;
	if (by_objcg(k) && z) {
		TRY(kernel_read_pointer(k, memcg + OFFSET(k, mem_cgroup, nodeinfo) + z->node * k->arch->pointer_size, &per_node));
		TRY(kernel_get(k, per_node, M_mem_cgroup_per_node_objcg, &memcg));
	}
	SET(k, &p->object, page, memcg_data, memcg);
	SET(k, &p->object, page, mem_cgroup, memcg);
	return NULL;
}

/* The counters of the cgroup and of those above it (mm/page_counter.c). The CPU's stock of pages charged in advance is left alone. */
static struct error *charge(struct engine *e, uint64_t memcg, uint64_t pages)
{
	struct kernel *k = e->k;
	uint64_t counter = memcg + OFFSET(k, mem_cgroup, memory), usage;
	if (!HAS(k, mem_cgroup, memory) || !HAS(k, page_counter, usage) || !HAS(k, page_counter, parent))
		return NULL;
	for (unsigned depth = 0; counter && depth < 64; depth++) {
		TRY(kernel_get(k, counter, M_page_counter_usage, &usage));
		TRY(kernel_write_pointer(k, counter + OFFSET(k, page_counter, usage), usage + pages));
		TRY(kernel_get(k, counter, M_page_counter_parent, &counter));
	}
	return NULL;
}

struct error *charge_page_to(struct engine *e, uint64_t page, uint64_t memcg)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t root = 0;
	if (!memcg)
		return NULL;
	TRY(page_open_writable(e, page, &p));
	TRY(set_page_memcg(e, &p, memcg));
	if (symbol_addr(k, "root_mem_cgroup"))
		TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &root));
	return memcg == root ? NULL : charge(e, memcg, 1ull << page_compound_order(k, &p));
}

struct error *charge_page(struct fault *f, uint64_t page)
{
	uint64_t memcg;
	TRY(memcg_of(f, &memcg));
	return charge_page_to(f->e, page, memcg);
}
