/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Address spaces made, copied and dropped (kernel/fork.c of 2.4, exec_mmap() of fs/exec.c).
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/fork_edit.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/rbtree_edit.h"

/* include/linux/mm.h of 2.4 */
#define VM_DONTCOPY 0x20000ull

static struct error *open_mm(struct engine *e, uint64_t mm, struct object *o)
{
	return object_open_writable(e->k, mm, S_mm_struct, o);
}

/* ---- Making ---- */

/* mm_init(): one user, locks free, a directory of its own. The object goes back when there is no frame for the directory. */
static struct error *mm_init(struct engine *e, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object mm;
	uint64_t pgd;
	struct error *failure = pgd_alloc(e, &pgd);
	if (failure)
		return error_worse(failure, kmem_cache_free(e, e->mm_cachep, addr));
	TRY(open_mm(e, addr, &mm));
	SET(k, &mm, mm_struct, mm_users, 1);
	SET(k, &mm, mm_struct, mm_count, 1);
	SET(k, &mm, mm_struct, mmap_sem_count, 0);
	SET(k, &mm, mm_struct, mmap_sem_lock, 1);
	SET(k, &mm, mm_struct, page_table_lock, 1);
	SET(k, &mm, mm_struct, pgd, pgd);
	SET(k, &mm, mm_struct, def_flags, 0);
	return list_init(k, MEMBER_ADDR(k, &mm, mm_struct, mmap_sem_list));
}

struct error *mm_alloc(struct engine *e, uint64_t *mm)
{
	struct object o;
	if (!e->classic)
		return mm_alloc_areas(e, mm);
	TRY(kmem_cache_alloc(e, e->mm_cachep, GFP24_KERNEL, mm));
	TRY(open_mm(e, *mm, &o));
	memset((void *)o.bytes, 0, o.size);
	return mm_init(e, *mm);
}

/* Onto the list of all address spaces, behind `after` (an mm_struct). */
static struct error *add_to_list(struct engine *e, uint64_t mm, uint64_t after)
{
	uint32_t list = OFFSET(e->k, mm_struct, mmlist);
	TRY(list_add(e->k, mm + list, after + list));
	return count_symbol(e, "mmlist_nr", 1);
}

/* ---- Dropping ---- */

/* mmdrop(): the last one who needs as much as the directory. */
static struct error *mmdrop(struct engine *e, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object mm;
	TRY(open_mm(e, addr, &mm));
	ADD(k, &mm, mm_struct, mm_count, -1);
	if (GET(k, &mm, mm_struct, mm_count))
		return NULL;
	TRACE(e, "mmdrop", "nobody has it: directory and mm_struct are freed", { "mm", addr }, { "mm->pgd", GET(k, &mm, mm_struct, pgd) });
	TRY(pgd_free(e, GET(k, &mm, mm_struct, pgd)));
	return kmem_cache_free(e, e->mm_cachep, addr);
}

/* swap_mm, whose turn it is in swap_out() (mm/vmscan.c): the next one, when this goes. */
static struct error *pass_turn_on(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t turn = symbol_addr(k, "swap_mm"), now, next;
	if (!turn)
		return NULL;
	TRY(kernel_read_pointer(k, turn, &now));
	if (now != mm->addr)
		return NULL;
	TRY(kernel_read_pointer(k, MEMBER_ADDR(k, mm, mm_struct, mmlist), &next));
	return kernel_write_pointer(k, turn, next - OFFSET(k, mm_struct, mmlist));
}

struct error *mmput(struct engine *e, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object mm;
	if (!e->classic)
		return mmput_areas(e, addr);
	TRY(open_mm(e, addr, &mm));
	ADD(k, &mm, mm_struct, mm_users, -1);
	uint64_t users = GET(k, &mm, mm_struct, mm_users);
	TRACE(e, "mmput", users ? "others use it" : "the last user: areas and pages go", { "mm", addr }, { "mm->mm_users", users });
	if (users)
		return NULL;
	TRY(pass_turn_on(e, &mm));
	TRY(list_del(k, MEMBER_ADDR(k, &mm, mm_struct, mmlist)));
	TRY(count_symbol(e, "mmlist_nr", -1));
	TRY(exit_mmap(e, addr));
	return mmdrop(e, addr);
}

/* ---- Copying ---- */

/* A copy of a file's area stands right behind it on the file's list of areas. */
static struct error *share_file(struct engine *e, const struct object *from, const struct object *to)
{
	struct kernel *k = e->k;
	uint64_t next = GET(k, from, vm_area_struct, vm_next_share);
	get_file(e, GET(k, from, vm_area_struct, vm_file));
	TRY(count_denials(e, to, 1));
	SET(k, to, vm_area_struct, vm_next_share, next);
	if (next)
		TRY(kernel_write_pointer(k, next + OFFSET(k, vm_area_struct, vm_pprev_share), MEMBER_ADDR(k, to, vm_area_struct, vm_next_share)));
	SET(k, from, vm_area_struct, vm_next_share, to->addr);
	SET(k, to, vm_area_struct, vm_pprev_share, MEMBER_ADDR(k, from, vm_area_struct, vm_next_share));
	return NULL;
}

/* One area, linked where `link` points (mm->mmap, or vm_next of the one before), with its entries. */
static struct error *dup_vma(struct engine *e, uint64_t old_mm, const struct object *mm, const struct object *from, uint64_t link, uint64_t *copy)
{
	struct kernel *k = e->k;
	struct object to;
	struct vma vma;
	TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, copy));
	TRY(object_open_writable(k, *copy, S_vm_area_struct, &to));
	memcpy((void *)to.bytes, from->bytes, to.size);
	SET(k, &to, vm_area_struct, vm_flags, GET(k, from, vm_area_struct, vm_flags) & ~VM_LOCKED);
	SET(k, &to, vm_area_struct, vm_mm, mm->addr);
	SET(k, &to, vm_area_struct, vm_next, 0);
	if (GET(k, from, vm_area_struct, vm_file))
		TRY(share_file(e, from, &to));
	TRY(kernel_write_pointer(k, link, *copy));
	ADD(k, mm, mm_struct, map_count, 1);
	TRY(vma_open(k, *copy, &vma));
	uint64_t before = GET(k, mm, mm_struct, rss);
	TRY(copy_page_range(e, mm->addr, old_mm, &vma));
	TRACE(e, "dup_mmap", "the area is copied, its pages are shared", { "vma", from->addr }, { "vm_start", vma.start }, { "copy", *copy },
	      { "pages", GET(k, mm, mm_struct, rss) - before });
	return NULL;
}

static struct error *dup_areas(struct engine *e, uint64_t old_mm, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t at, copy, link = MEMBER_ADDR(k, mm, mm_struct, mmap), left;
	TRY(kernel_get(k, old_mm, M_mm_struct_mmap, &at));
	TRY(kernel_get(k, old_mm, M_mm_struct_map_count, &left));
	for (; at; left--) {
		struct object from;
		if (!left)
			return error_at(ERR_BAD_LIST, old_mm, "mm %" PRIx64 " has more areas than its map_count says", old_mm);
		TRY(object_open_writable(k, at, S_vm_area_struct, &from));
		at = GET(k, &from, vm_area_struct, vm_next);
		if (GET(k, &from, vm_area_struct, vm_flags) & VM_DONTCOPY) {
			TRACE(e, "dup_mmap", "VM_DONTCOPY: left out", { "vma", from.addr });
			continue;
		}
		TRY(dup_vma(e, old_mm, mm, &from, link, &copy));
		link = copy + OFFSET(k, vm_area_struct, vm_next);
	}
	return NULL;
}

/* build_mmap_rb(): in ascending order, each to the right of the one before. */
static struct error *build_mmap_rb(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t root = MEMBER_ADDR(k, mm, mm_struct, mm_rb), link = root, parent = 0, at = GET(k, mm, mm_struct, mmap);
	SET(k, mm, mm_struct, mm_rb, 0);
	for (uint64_t left = GET(k, mm, mm_struct, map_count); at && left; left--) {
		uint64_t node = at + OFFSET(k, vm_area_struct, vm_rb);
		TRY(rb_insert(k, root, node, parent, link));
		parent = node;
		link = node + OFFSET(k, rb_node, rb_right);
		TRY(kernel_get(k, at, M_vm_area_struct_vm_next, &at));
	}
	return NULL;
}

static struct error *dup_mmap(struct engine *e, uint64_t old_mm, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object mm;
	TRY(open_mm(e, addr, &mm));
	SET(k, &mm, mm_struct, locked_vm, 0);
	SET(k, &mm, mm_struct, mmap, 0);
	SET(k, &mm, mm_struct, mm_rb, 0);
	SET(k, &mm, mm_struct, mmap_cache, 0);
	SET(k, &mm, mm_struct, map_count, 0);
	SET(k, &mm, mm_struct, rss, 0);
	SET(k, &mm, mm_struct, cpu_vm_mask, 0);
	SET(k, &mm, mm_struct, swap_address, 0);
	TRY(add_to_list(e, addr, old_mm));
	TRY(dup_areas(e, old_mm, &mm));
	return build_mmap_rb(e, &mm);
}

struct error *dup_mm(struct engine *e, uint64_t old, uint64_t *mm)
{
	struct object from, to;
	if (!e->classic)
		return dup_mm_areas(e, old, mm);
	TRY(object_open(e->k, old, S_mm_struct, &from));
	TRY(kmem_cache_alloc(e, e->mm_cachep, GFP24_KERNEL, mm));
	TRY(open_mm(e, *mm, &to));
	memcpy((void *)to.bytes, from.bytes, to.size);
	TRY(mm_init(e, *mm));
	struct error *failure = dup_mmap(e, old, *mm);
	if (failure && failure->code == ERR_KERNEL) {
		TRACE(e, "dup_mm", "no memory: the copy is given up", { "mm", *mm });
		failure = error_worse(failure, mmput(e, *mm));
	}
	return failure;
}

/* ---- For exec ---- */

struct error *exec_mmap(struct engine *e, uint64_t task)
{
	struct kernel *k = e->k;
	struct object t, mm;
	uint64_t fresh;
	TRY(object_open_writable(k, task, S_task_struct, &t));
	uint64_t old = GET(k, &t, task_struct, mm);
	if (old) {
		TRY(open_mm(e, old, &mm));
		if (GET(k, &mm, mm_struct, mm_users) == 1) {
			TRACE(e, "exec_mmap", "nobody else uses the mm: emptied and kept", { "mm", old }, { "mm->mm_users", 1 });
			return exit_mmap(e, old);
		}
	}
	TRY(mm_alloc(e, &fresh));
	TRY(add_to_list(e, fresh, e->init_mm));
	TRACE(e, "exec_mmap", old ? "others use the mm: a new one" : "a kernel thread gets its first mm", { "old mm", old }, { "mm", fresh });
	SET(k, &t, task_struct, mm, fresh);
	SET(k, &t, task_struct, active_mm, fresh);
	return old ? mmput(e, old) : NULL;
}
