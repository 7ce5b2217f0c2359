/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas of kernels with reverse mapping (mm/mmap.c, later mm/vma.c): linked, adjusted, merged, split. They stand in a list and a tree with gaps (3.8 to 6.0), or in a maple
 * tree (mm/engine/area_order.c).
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/interval_tree.h"
#include "mm/list.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/rbtree_edit.h"
#include "mm/state.h"

struct error *areas_known(struct engine *e)
{
	TRY(interval_trees_known(e->k));
	if (HAS(e->k, vm_area_struct, anon_pgoff))
		return error_new(ERR_UNSUPPORTED, "areas of this kernel have an offset of their own for anonymous pages: they are not changed");
	if (areas_in_maple_tree(e->k))
		return members_require(e->k, "areas of this kernel are not changed", M_mm_struct_map_count, M_mm_struct_task_size, M_maple_tree_ma_flags,
				       M_file_f_mapping, MEMBER_NONE);
	return members_require(e->k, "areas of this kernel are not changed", M_mm_struct_mm_rb, M_mm_struct_mmap, M_mm_struct_map_count,
			       M_mm_struct_task_size, M_vm_area_struct_vm_prev, M_vm_area_struct_vm_rb, M_file_f_mapping, MEMBER_NONE);
}

/* ---- Gaps: each node of the tree keeps the greatest hole below an area of its subtree ---- */

uint64_t vm_start_gap(const struct engine *e, const struct object *vma)
{
	uint64_t start = GET(e->k, vma, vm_area_struct, vm_start);
	if (!(GET(e->k, vma, vm_area_struct, vm_flags) & VM_GROWSDOWN))
		return start;
	return start > e->areas.stack_guard_gap ? start - e->areas.stack_guard_gap : 0;
}

static struct error *vma_compute_gap(struct kernel *k, uint64_t node, uint64_t *gap)
{
	struct object vma;
	uint64_t end = 0;
	TRY(object_open(k, node - OFFSET(k, vm_area_struct, vm_rb), S_vm_area_struct, &vma));
	uint64_t start = vm_start_gap(mm_state(k)->engine, &vma), prev = GET(k, &vma, vm_area_struct, vm_prev);
	if (prev)
		TRY(kernel_get(k, prev, M_vm_area_struct_vm_end, &end));
	*gap = start > end ? start - end : 0;
	return NULL;
}

static const struct rb_augment *gap_augment(const struct kernel *k, struct rb_augment *a)
{
	*a = (struct rb_augment){ OFFSET(k, vm_area_struct, rb_subtree_gap) - OFFSET(k, vm_area_struct, vm_rb), vma_compute_gap };
	return HAS(k, vm_area_struct, rb_subtree_gap) ? a : NULL;
}

struct error *vma_gap_update(struct engine *e, uint64_t vma)
{
	struct rb_augment a;
	const struct rb_augment *augment = gap_augment(e->k, &a);
	return augment ? rb_augment_propagate(e->k, vma + OFFSET(e->k, vm_area_struct, vm_rb), augment) : NULL;
}

struct error *vma_rb_erase(struct engine *e, const struct object *mm, const struct object *vma)
{
	struct rb_augment a;
	return rb_erase_augmented(e->k, MEMBER_ADDR(e->k, mm, mm_struct, mm_rb), MEMBER_ADDR(e->k, vma, vm_area_struct, vm_rb),
				  gap_augment(e->k, &a));
}

/* ---- Linking ---- */

struct error *vmacache_invalidate(struct engine *e, const struct object *mm)
{
	ADD(e->k, mm, mm_struct, vmacache_seqnum, 1);
	SET(e->k, mm, mm_struct, mmap_cache, 0);
	return NULL;
}

/* The slot of the task's own cache of areas that an address goes to: by its 2 MB since the slots stand in a struct vmacache, by its page before. */
static uint64_t vmacache_slot(struct engine *e, uint64_t addr)
{
	const struct member *m = &e->k->members[M_task_struct_vmacache];
	unsigned shift = m->name && strchr(m->name, '.') ? 21 : e->k->arch->page_shift;
	return e->task + m->offset + (addr >> shift & 3) * e->k->arch->pointer_size;
}

static bool has_vmacache(struct engine *e, const struct object *mm)
{
	uint64_t own;
	return e->task && HAS(e->k, task_struct, vmacache) && e->k->members[M_task_struct_vmacache].count == 4 &&
	       !error_drop(kernel_get(e->k, e->task, M_task_struct_mm, &own)) && own == mm->addr;
}

/* The cache is of use as long as no area has gone since (vmacache_valid()). */
static struct error *vmacache_find(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *vma)
{
	struct kernel *k = e->k;
	struct object task, o;
	uint64_t cached, slots = e->task + OFFSET(k, task_struct, vmacache);
	TRY(object_open_writable(k, e->task, S_task_struct, &task));
	*vma = 0;
	if (GET(k, &task, task_struct, vmacache_seqnum) != GET(k, mm, mm_struct, vmacache_seqnum)) {
		SET(k, &task, task_struct, vmacache_seqnum, GET(k, mm, mm_struct, vmacache_seqnum));
		for (unsigned i = 0; i < 4; i++)
			TRY(kernel_write_pointer(k, slots + i * k->arch->pointer_size, 0));
		return NULL;
	}
	for (unsigned i = 0; i < 4; i++) {
		TRY(kernel_read_pointer(k, slots + i * k->arch->pointer_size, &cached));
		if (cached && object_try_open(k, cached, S_vm_area_struct, &o) && GET(k, &o, vm_area_struct, vm_mm) == mm->addr &&
		    addr >= GET(k, &o, vm_area_struct, vm_start) && addr < GET(k, &o, vm_area_struct, vm_end)) {
			*vma = cached;
			return NULL;
		}
	}
	return NULL;
}

struct error *find_vma_areas(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *vma)
{
	struct vma_place place;
	bool cache = has_vmacache(e, mm);
	*vma = 0;
	if (cache)
		TRY(vmacache_find(e, mm, addr, vma));
	if (*vma)
		return NULL;
	TRY(find_vma_prepare(e, mm, addr, &place));
	*vma = place.vma;
	return cache && *vma ? kernel_write_pointer(e->k, vmacache_slot(e, addr), *vma) : NULL;
}

struct error *find_vma_links(struct engine *e, const struct object *mm, uint64_t addr, uint64_t end, struct vma_place *place)
{
	uint64_t start = UINT64_MAX;
	TRY(find_vma_prepare(e, mm, addr, place));
	if (place->vma)
		TRY(kernel_get(e->k, place->vma, M_vm_area_struct_vm_start, &start));
	return start < end ? kernel_error(ENOMEM, "something is mapped there: %" PRIx64, addr) : NULL;
}

static struct error *link_list(struct engine *e, const struct object *mm, const struct object *vma, uint64_t prev)
{
	struct kernel *k = e->k;
	uint64_t from = prev ? prev + OFFSET(k, vm_area_struct, vm_next) : MEMBER_ADDR(k, mm, mm_struct, mmap), next;
	TRY(kernel_read_pointer(k, from, &next));
	SET(k, vma, vm_area_struct, vm_prev, prev);
	SET(k, vma, vm_area_struct, vm_next, next);
	TRY(kernel_write_pointer(k, from, vma->addr));
	return next ? kernel_write_pointer(k, next + OFFSET(k, vm_area_struct, vm_prev), vma->addr) : NULL;
}

/* Into list and tree. */
struct error *vma_link_in_mm(struct engine *e, const struct object *mm, const struct object *vma, const struct vma_place *place)
{
	struct kernel *k = e->k;
	struct rb_augment a;
	if (areas_in_maple_tree(k))
		return vma_store(e, mm, GET(k, vma, vm_area_struct, vm_start), GET(k, vma, vm_area_struct, vm_end), vma->addr);
	TRY(link_list(e, mm, vma, place->prev));
	uint64_t next = GET(k, vma, vm_area_struct, vm_next);
	/* The gap behind it is smaller now: known before the tree turns, which trusts what its nodes keep. */
	if (next)
		TRY(vma_gap_update(e, next));
	else
		SET(k, mm, mm_struct, highest_vm_end, GET(k, vma, vm_area_struct, vm_end));
	return rb_insert_augmented(k, MEMBER_ADDR(k, mm, mm_struct, mm_rb), MEMBER_ADDR(k, vma, vm_area_struct, vm_rb), place->parent, place->link,
				   gap_augment(k, &a));
}

static struct error *unlink_from_mm(struct engine *e, const struct object *mm, const struct object *vma)
{
	struct kernel *k = e->k;
	uint64_t prev = GET(k, vma, vm_area_struct, vm_prev), next = GET(k, vma, vm_area_struct, vm_next);
	TRY(vma_rb_erase(e, mm, vma));
	TRY(kernel_write_pointer(k, prev ? prev + OFFSET(k, vm_area_struct, vm_next) : MEMBER_ADDR(k, mm, mm_struct, mmap), next));
	if (next)
		TRY(kernel_write_pointer(k, next + OFFSET(k, vm_area_struct, vm_prev), prev));
	return vmacache_invalidate(e, mm);
}

static struct error *mapping_of(struct engine *e, const struct object *vma, uint64_t *mapping)
{
	uint64_t file = GET(e->k, vma, vm_area_struct, vm_file);
	*mapping = 0;
	return file ? kernel_get(e->k, file, M_file_f_mapping, mapping) : NULL;
}

/* Areas that deny writing (until 5.15), or may write, count in the inode and in the mapping. */
struct error *count_writers(struct engine *e, const struct object *vma, uint64_t mapping, int delta)
{
	struct kernel *k = e->k;
	struct object o;
	uint64_t flags = GET(k, vma, vm_area_struct, vm_flags), host;
	if (flags & VM_DENYWRITE) {
		TRY(kernel_get(k, mapping, M_address_space_host, &host));
		TRY(object_open_writable(k, host, S_inode, &o));
		ADD(k, &o, inode, i_writecount, -delta);
	}
	if (flags & VM_SHARED) {
		TRY(object_open_writable(k, mapping, S_address_space, &o));
		ADD(k, &o, address_space, i_mmap_writable, delta);
	}
	return NULL;
}

static struct error *link_file(struct engine *e, const struct object *vma)
{
	uint64_t mapping;
	TRY(mapping_of(e, vma, &mapping));
	if (!mapping)
		return NULL;
	TRY(count_writers(e, vma, mapping, 1));
	return vma_interval_tree_insert(e->k, vma->addr, mapping);
}

struct error *unlink_file_vma(struct engine *e, const struct object *vma)
{
	uint64_t mapping;
	TRY(mapping_of(e, vma, &mapping));
	if (!mapping)
		return NULL;
	TRY(count_writers(e, vma, mapping, -1));
	return vma_interval_tree_remove(e->k, vma->addr, mapping);
}

struct error *vma_link(struct engine *e, const struct object *mm, const struct object *vma, const struct vma_place *place)
{
	TRY(vma_link_in_mm(e, mm, vma, place));
	TRY(link_file(e, vma));
	ADD(e->k, mm, mm_struct, map_count, 1);
	return NULL;
}

/* ---- Copies ---- */

static void vma_get_file(struct engine *e, const struct object *vma)
{
	if (GET(e->k, vma, vm_area_struct, vm_file))
		get_file(e, GET(e->k, vma, vm_area_struct, vm_file));
}

/* A memory policy is had once more, or once less. */
static struct error *count_policy(struct engine *e, const struct object *vma, int delta)
{
	uint64_t policy = GET(e->k, vma, vm_area_struct, vm_policy);
	struct object o;
	if (!policy)
		return NULL;
	TRY(object_open_writable(e->k, policy, S_mempolicy, &o));
	uint64_t left = GET(e->k, &o, mempolicy, refcnt) + (uint64_t)(int64_t)delta;
	if (delta > 0 || !left)
		return error_at(ERR_UNSUPPORTED, vma->addr, "area %" PRIx64 " has a memory policy of its own: copying or freeing one is not done", vma->addr);
	SET(e->k, &o, mempolicy, refcnt, left);
	return NULL;
}

struct error *vma_dup_policy(struct engine *e, const struct object *vma)
{
	return count_policy(e, vma, 1);
}

struct error *vma_policy_put(struct engine *e, const struct object *vma)
{
	return count_policy(e, vma, -1);
}

/* ---- Adjusting ---- */

/* What is on its way: which areas' bounds move, and what they hang on. */
struct adjusting {
	struct engine *e;
	const struct object *mm;
	struct object vma, next; /* next.bytes NULL: none */
	uint64_t start, end, pgoff, file, mapping;
	int64_t adjust_next; /* bytes by which next begins later */
	int remove_next;     /* 0: stays; 1: goes; 2: goes, and the one behind it too; 3: as 1, and the two are swapped */
};

static uint64_t member_of(const struct adjusting *a, const struct object *vma, enum member_id id)
{
	return vma->bytes ? object_get(a->e->k, vma, id) : 0;
}
#define OF(a, vma, member) member_of(a, vma, M_vm_area_struct_##member)

/* The area that grows may take pages of the one that shrinks: then it needs a chain to their anon_vma. */
static struct error *import_anon_vma(struct adjusting *a, const struct object *exporter, const struct object *importer)
{
	uint64_t anon_vma = OF(a, exporter, anon_vma);
	if (!anon_vma || OF(a, importer, anon_vma))
		return NULL;
	SET(a->e->k, importer, vm_area_struct, anon_vma, anon_vma);
	return anon_vma_clone(a->e, importer->addr, exporter->addr);
}

/* Which of the cases of vma_merge() it is; what goes, and whose anon_vma must be had by whom. */
static struct error *classify(struct adjusting *a, uint64_t expand)
{
	struct object behind, *exporter = NULL, *importer = NULL;
	uint64_t next_start = OF(a, &a->next, vm_start), next_end = OF(a, &a->next, vm_end), end = OF(a, &a->vma, vm_end);
	if (a->end >= next_end) {
		if (a->next.addr == expand) {
			struct object swap = a->vma;
			a->remove_next = 3;
			a->vma = a->next;
			a->next = swap;
		} else {
			a->remove_next = a->end > next_end ? 2 : 1;
			a->end = next_end;
		}
		exporter = &a->next;
		importer = &a->vma;
		if (a->remove_next == 2 && !OF(a, &a->next, anon_vma)) {
			uint64_t at;
			TRY(vma_after(a->e, &a->next, &at));
			TRY(open_vma(a->e, at, &behind));
			exporter = &behind;
		}
	} else if (a->end > next_start) {
		a->adjust_next = (int64_t)(a->end - next_start);
		exporter = &a->next;
		importer = &a->vma;
	} else if (a->end < end) {
		a->adjust_next = -(int64_t)(end - a->end);
		exporter = &a->vma;
		importer = &a->next;
	}
	return exporter ? import_anon_vma(a, exporter, importer) : NULL;
}

/* Bounds change while the areas are in no interval tree. */
static struct error *move_bounds(struct adjusting *a)
{
	struct engine *e = a->e;
	struct kernel *k = e->k;
	bool anon = OF(a, &a->vma, anon_vma) || (a->adjust_next && OF(a, &a->next, anon_vma));
	if (anon)
		TRY(anon_vma_interval_tree_pre_update_vma(e, &a->vma));
	if (anon && a->adjust_next)
		TRY(anon_vma_interval_tree_pre_update_vma(e, &a->next));
	if (a->mapping) {
		TRY(vma_interval_tree_remove(k, a->vma.addr, a->mapping));
		if (a->adjust_next)
			TRY(vma_interval_tree_remove(k, a->next.addr, a->mapping));
	}
	SET(k, &a->vma, vm_area_struct, vm_start, a->start);
	SET(k, &a->vma, vm_area_struct, vm_end, a->end);
	SET(k, &a->vma, vm_area_struct, vm_pgoff, a->pgoff);
	if (a->adjust_next) {
		ADD(k, &a->next, vm_area_struct, vm_start, a->adjust_next);
		ADD(k, &a->next, vm_area_struct, vm_pgoff, a->adjust_next / (int64_t)VMCORE_PAGE_SIZE);
	}
	if (a->mapping) {
		if (a->adjust_next)
			TRY(vma_interval_tree_insert(k, a->next.addr, a->mapping));
		TRY(vma_interval_tree_insert(k, a->vma.addr, a->mapping));
	}
	return NULL;
}

static struct error *anon_vmas_back(struct adjusting *a, bool anon)
{
	if (!anon)
		return NULL;
	TRY(anon_vma_interval_tree_post_update_vma(a->e, &a->vma));
	return a->adjust_next ? anon_vma_interval_tree_post_update_vma(a->e, &a->next) : NULL;
}

static struct error *free_removed(struct adjusting *a)
{
	struct engine *e = a->e;
	if (a->file)
		TRY(fput(e, a->file));
	if (OF(a, &a->next, anon_vma))
		TRY(unlink_anon_vmas(e, a->next.addr));
	ADD(e->k, a->mm, mm_struct, map_count, -1);
	TRY(count_policy(e, &a->next, -1));
	return vm_area_free(e, a->next.addr);
}

/* split_vma()'s other part goes into list and tree. */
static struct error *insert_part(struct adjusting *a, uint64_t insert)
{
	struct object part;
	struct vma_place place;
	struct kernel *k = a->e->k;
	TRY(open_vma(a->e, insert, &part));
	/* A maple tree has the other part's old bounds still. */
	if (!areas_in_maple_tree(k))
		TRY(find_vma_links(a->e, a->mm, GET(k, &part, vm_area_struct, vm_start), GET(k, &part, vm_area_struct, vm_end), &place));
	TRY(vma_link_in_mm(a->e, a->mm, &part, &place));
	ADD(k, a->mm, mm_struct, map_count, 1);
	return NULL;
}

static struct error *update_gaps(struct adjusting *a, bool start_changed, bool end_changed)
{
	if (start_changed)
		TRY(vma_gap_update(a->e, a->vma.addr));
	if (!end_changed)
		return NULL;
	if (!a->next.bytes)
		SET(a->e->k, a->mm, mm_struct, highest_vm_end, a->end);
	else if (!a->adjust_next)
		TRY(vma_gap_update(a->e, a->next.addr));
	return NULL;
}

/* In a maple tree the areas' new bounds are so many stores. [start, end): the area's old ones. What another area takes is not made empty before. */
static struct error *store_bounds(struct adjusting *a, uint64_t start, uint64_t end)
{
	if (a->start > start && !a->remove_next)
		TRY(vma_store(a->e, a->mm, start, a->start, 0));
	if (a->end < end && !a->adjust_next)
		TRY(vma_store(a->e, a->mm, a->end, end, 0));
	if (a->start < start || a->end > end || a->remove_next)
		TRY(vma_store(a->e, a->mm, a->start, a->end, a->vma.addr));
	return a->adjust_next < 0 ? vma_store(a->e, a->mm, OF(a, &a->next, vm_start), OF(a, &a->next, vm_end), a->next.addr) : NULL;
}

static struct error *adjust_once(struct adjusting *a, uint64_t insert)
{
	struct object part;
	uint64_t start = OF(a, &a->vma, vm_start), end = OF(a, &a->vma, vm_end);
	bool maple = areas_in_maple_tree(a->e->k), start_changed = a->start != start, end_changed = a->end != end;
	bool anon = OF(a, &a->vma, anon_vma) || (a->adjust_next && OF(a, &a->next, anon_vma));
	if (insert && a->file) {
		TRY(open_vma(a->e, insert, &part));
		TRY(link_file(a->e, &part));
	}
	TRY(move_bounds(a));
	if (maple && !insert)
		TRY(store_bounds(a, start, end));
	if (a->remove_next) {
		if (!maple)
			TRY(unlink_from_mm(a->e, a->mm, &a->next));
		TRY(unlink_file_vma(a->e, &a->next));
	} else if (insert) {
		TRY(insert_part(a, insert));
	} else if (!maple) {
		TRY(update_gaps(a, start_changed, end_changed));
	}
	TRY(anon_vmas_back(a, anon));
	return a->remove_next ? free_removed(a) : NULL;
}

struct error *__vma_adjust(struct engine *e, const struct object *mm, struct vma_adjust w)
{
	struct kernel *k = e->k;
	uint64_t next;
	struct adjusting a = { .e = e, .mm = mm, .start = w.start, .end = w.end, .pgoff = w.pgoff };
	TRY(open_vma(e, w.vma, &a.vma));
	TRY(vma_after(e, &a.vma, &next));
	if (next)
		TRY(open_vma(e, next, &a.next));
	a.file = OF(&a, &a.vma, vm_file);
	TRY(mapping_of(e, &a.vma, &a.mapping));
	TRY(vma_adjust_trans_huge(e, mm, &a.vma, w.start, w.end));
	if (a.next.bytes && !w.insert)
		TRY(classify(&a, w.expand));
	for (;;) {
		TRY(adjust_once(&a, w.insert));
		if (!a.remove_next)
			return NULL;
		/* What is behind the removed one has a greater gap, or (3) what took its place. */
		if (a.remove_next == 3)
			next = a.vma.addr;
		else
			TRY(vma_after(e, &a.vma, &next));
		if (a.remove_next != 2)
			return next && !areas_in_maple_tree(k) ? vma_gap_update(e, next) : NULL;
		TRY(open_vma(e, next, &a.next));
		a.remove_next = 1;
		a.end = GET(k, &a.next, vm_area_struct, vm_end);
	}
}

/* ---- Splitting ---- */

struct error *split_vma(struct engine *e, const struct object *mm, uint64_t vma_addr, uint64_t addr, bool new_below, bool limited)
{
	struct kernel *k = e->k;
	struct object vma, part;
	if (limited)
		TRY(map_count_limit(e, mm, true));
	TRY(open_vma(e, vma_addr, &vma));
	uint64_t start = GET(k, &vma, vm_area_struct, vm_start), end = GET(k, &vma, vm_area_struct, vm_end),
		 pgoff = GET(k, &vma, vm_area_struct, vm_pgoff), pages = (addr - start) >> k->arch->page_shift;
	TRACE(e, "split_vma", new_below ? "the lower part becomes a new area" : "the upper part becomes a new area", { "vma", vma_addr },
	      { "addr", addr });
	TRY(vma_call(e, &vma, M_vm_operations_struct_split, "split"));
	TRY(vm_area_dup(e, &vma, &part));
	if (new_below) {
		SET(k, &part, vm_area_struct, vm_end, addr);
	} else {
		SET(k, &part, vm_area_struct, vm_start, addr);
		SET(k, &part, vm_area_struct, vm_pgoff, pgoff + pages);
	}
	TRY(count_policy(e, &part, 1));
	TRY(anon_vma_clone(e, part.addr, vma_addr));
	vma_get_file(e, &part);
	TRY(vma_call(e, &part, M_vm_operations_struct_open, "open"));
	if (new_below)
		return __vma_adjust(e, mm, (struct vma_adjust){ vma_addr, addr, end, pgoff + pages, part.addr, 0 });
	return __vma_adjust(e, mm, (struct vma_adjust){ vma_addr, start, addr, pgoff, part.addr, 0 });
}

/* ---- Copying ---- */

struct error *copy_vma(struct engine *e, const struct object *mm, struct object *vma, uint64_t addr, uint64_t len, uint64_t pgoff, struct object *moved)
{
	struct kernel *k = e->k;
	struct vma_place place;
	uint64_t start = GET(k, vma, vm_area_struct, vm_start), anon_vma = GET(k, vma, vm_area_struct, anon_vma), merged;
	/* Nothing of it says where it was yet: as at a new place. */
	if (!GET(k, vma, vm_area_struct, vm_ops) && !anon_vma)
		pgoff = addr >> k->arch->page_shift;
	TRY(find_vma_links(e, mm, addr, addr + len, &place));
	TRY(vma_merge(e, mm, place.prev,
		      &(struct vma_request){ addr, addr + len, GET(k, vma, vm_area_struct, vm_flags), anon_vma, GET(k, vma, vm_area_struct, vm_file), pgoff,
					     GET(k, vma, vm_area_struct, uffd_ctx), vma, false },
		      &merged));
	if (merged) {
		TRY(open_vma(e, merged, moved));
		if (start >= GET(k, moved, vm_area_struct, vm_start) && start < GET(k, moved, vm_area_struct, vm_end))
			*vma = *moved;
		return NULL;
	}
	TRY(vm_area_dup(e, vma, moved));
	SET(k, moved, vm_area_struct, vm_start, addr);
	SET(k, moved, vm_area_struct, vm_end, addr + len);
	SET(k, moved, vm_area_struct, vm_pgoff, pgoff);
	TRY(count_policy(e, moved, 1));
	TRY(anon_vma_clone(e, moved->addr, vma->addr));
	vma_get_file(e, moved);
	TRY(vma_call(e, moved, M_vm_operations_struct_open, "open"));
	return vma_link(e, mm, moved, &place);
}
