/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Address spaces made, copied and dropped where areas have an anon_vma (kernel/fork.c: mm_init(), dup_mmap(), mmput()).
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/interval_tree.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/engine/zap.h"
#include "mm/maple_node.h"

/* ---- Making ---- */

static void clear_member(struct kernel *k, const struct object *o, enum member_id id)
{
	const struct member *m = &k->members[id];
	if (m->present && m->offset + m->total <= o->size)
		memset((unsigned char *)o->bytes + m->offset, 0, m->total);
}

/* init_new_context(): a number of its own, no local descriptors, one protection key taken. */
static struct error *init_new_context(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t last = symbol_addr(k, "last_mm_ctx_id"), id;
	SET(k, mm, mm_struct, context_ldt, 0);
	SET(k, mm, mm_struct, context_tlb_gen, 0);
	if (HAS(k, mm_struct, context_lock_list))
		TRY(list_init(k, MEMBER_ADDR(k, mm, mm_struct, context_lock_list)));
	if (!last || !HAS(k, mm_struct, context_id))
		return NULL;
	TRY(kernel_read_uint(k, last, 8, &id));
	SET(k, mm, mm_struct, context_id, id + 1);
	return kernel_write_uint(k, last, 8, id + 1);
}

static struct error *count_user_ns(struct engine *e, const struct object *mm, int delta)
{
	uint64_t now;
	return HAS(e->k, mm_struct, user_ns) ? add_count(e, GET(e->k, mm, mm_struct, user_ns), S_user_namespace, M_user_namespace_count, delta, &now) : NULL;
}

/* mt_init_flags(): empty; gaps are kept, readers do not lock, and the lock is the mm's (MM_MT_FLAGS), as in every mm there is. */
static struct error *init_tree(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	struct object tree;
	uint64_t flags;
	if (!areas_in_maple_tree(k))
		return NULL;
	TRY(object_open_writable(k, MEMBER_ADDR(k, mm, mm_struct, mm_mt), S_maple_tree, &tree));
	TRY(kernel_get(k, e->init_mm + OFFSET(k, mm_struct, mm_mt), M_maple_tree_ma_flags, &flags));
	SET(k, &tree, maple_tree, ma_flags, flags & ~(uint64_t)MAPLE_HEIGHT_MASK);
	SET(k, &tree, maple_tree, ma_root, 0);
	return NULL;
}

/* In an mm that is all zeroes, or a copy of another one; `from` (NULL: a kernel thread's first) has the flags that a new one takes over. */
static struct error *mm_init(struct engine *e, const struct object *mm, const struct object *from)
{
	struct kernel *k = e->k;
	static const enum member_id zero[] = {
		M_mm_struct_mmap,      M_mm_struct_mm_rb,     M_mm_struct_mmap_cache, M_mm_struct_vmacache_seqnum, M_mm_struct_map_count,   M_mm_struct_nr_ptes,
		M_mm_struct_locked_vm, M_mm_struct_pinned_vm, M_mm_struct_exe_file,   M_mm_struct_core_state,	   M_mm_struct_highest_vm_end, M_mm_struct_mmap_sem_count,
		M_mm_struct_mmap_sem_owner, M_mm_struct_page_table_lock, M_mm_struct_ioctx_table, M_mm_struct_notifiers, M_mm_struct_tlb_flush_pending,
		M_mm_struct_pmd_huge_pte,
	};
	uint64_t pgd, filter = 0;
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		object_set(k, mm, zero[i], 0);
	clear_member(k, mm, M_mm_struct_rss_stat);
	clear_member(k, mm, M_mm_struct_pgtables_bytes);
	clear_member(k, mm, M_mm_struct_cpu_bitmap);
	TRY(init_tree(e, mm));
	TRY(lru_gen_init_mm(e, mm));
	SET(k, mm, mm_struct, mm_users, 1);
	SET(k, mm, mm_struct, mm_count, 1);
	TRY(list_init(k, MEMBER_ADDR(k, mm, mm_struct, mmap_sem_list)));
	TRY(list_init(k, MEMBER_ADDR(k, mm, mm_struct, mmlist)));
	/* MMF_INIT_MASK: what may be dumped, and (since 4.x) what a process asked for for good; the filter's default for the first. */
	if (from) {
		filter = GET(k, from, mm_struct, flags) & (0x1ffull << 2 | 3 | 1ull << 24 | 1ull << 26);
	} else if (symbol_addr(k, "default_dump_filter")) {
		TRY(kernel_read_symbol(k, "default_dump_filter", 8, &filter));
	}
	SET(k, mm, mm_struct, flags, filter);
	SET(k, mm, mm_struct, def_flags, from ? GET(k, from, mm_struct, def_flags) & VM_NOHUGEPAGE : 0);
	TRY(pgd_alloc_modern(e, mm->addr, &pgd));
	SET(k, mm, mm_struct, pgd, pgd);
	TRY(init_new_context(e, mm));
	struct error *failure = mm_alloc_parts(e, mm);
	if (failure)
		return failure->code == ERR_KERNEL ? error_worse(failure, pgd_free_modern(e, pgd)) : failure;
	return count_user_ns(e, mm, 1);
}

/* An mm_struct for which there is no top table goes back. */
static struct error *unless_mm(struct engine *e, uint64_t mm, struct error *failure)
{
	return failure && failure->code == ERR_KERNEL ? error_worse(failure, kmem_cache_free(e, e->mm_cachep, mm)) : failure;
}

struct error *mm_alloc_areas(struct engine *e, uint64_t *mm)
{
	struct object o;
	TRY(kmem_cache_alloc(e, e->mm_cachep, GFP24_KERNEL, mm));
	TRY(open_mm_areas(e, *mm, &o));
	memset((void *)o.bytes, 0, o.size);
	SET(e->k, &o, mm_struct, user_ns, symbol_addr(e->k, "init_user_ns"));
	return unless_mm(e, *mm, mm_init(e, &o, NULL));
}

/* ---- Dropping ---- */

/* mmdrop(): the last one who needs as much as the top table. */
struct error *mmdrop_areas(struct engine *e, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object mm;
	TRY(open_mm_areas(e, addr, &mm));
	ADD(k, &mm, mm_struct, mm_count, -1);
	if ((int32_t)GET(k, &mm, mm_struct, mm_count) > 0)
		return NULL;
	TRACE(e, "__mmdrop", "nobody has it: the top table and the mm_struct are freed", { "mm", addr }, { "mm->pgd", GET(k, &mm, mm_struct, pgd) });
	if (GET(k, &mm, mm_struct, context_ldt))
		return error_at(ERR_UNSUPPORTED, addr, "mm %" PRIx64 " has local descriptors: freeing them is not done", addr);
	TRY(pgd_free_modern(e, GET(k, &mm, mm_struct, pgd)));
	TRY(mm_drop_parts(e, &mm));
	TRY(count_user_ns(e, &mm, -1));
	return kmem_cache_free(e, e->mm_cachep, addr);
}

struct error *mmput_areas(struct engine *e, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object mm;
	TRY(open_mm_areas(e, addr, &mm));
	ADD(k, &mm, mm_struct, mm_users, -1);
	uint64_t users = GET(k, &mm, mm_struct, mm_users);
	TRACE(e, "mmput", users ? "others use it" : "the last user: areas and pages go", { "mm", addr }, { "mm->mm_users", users });
	if (users)
		return NULL;
	if (GET(k, &mm, mm_struct, ioctx_table) || GET(k, &mm, mm_struct, notifiers))
		return error_at(ERR_UNSUPPORTED, addr, "mm %" PRIx64 " has asynchronous I/O, or is watched by a driver: its end is not followed", addr);
	TRY(khugepaged_exit(e, &mm));
	TRY(exit_mmap(e, addr));
	TRY(mm_put_huge_zero_page(e, &mm));
	uint64_t exe = GET(k, &mm, mm_struct, exe_file);
	SET(k, &mm, mm_struct, exe_file, 0);
	if (exe)
		TRY(fput(e, exe));
	/* On the list of those with pages in swap. */
	TRY(list_del(k, MEMBER_ADDR(k, &mm, mm_struct, mmlist)));
	TRY(lru_gen_del_mm(e, &mm));
	TRY(mm_drop_futexes(e, &mm));
	return mmdrop_areas(e, addr);
}

/* ---- Copying areas ---- */

/* The file has an area more, right behind the one that is copied. */
static struct error *dup_file(struct engine *e, const struct object *from, const struct object *copy)
{
	struct kernel *k = e->k;
	uint64_t file = GET(k, copy, vm_area_struct, vm_file), mapping;
	if (!file)
		return NULL;
	get_file(e, file);
	TRY(kernel_get(k, file, M_file_f_mapping, &mapping));
	TRY(count_writers(e, copy, mapping, 1));
	return vma_interval_tree_insert_after(k, copy->addr, from->addr, mapping);
}

/* What the kernel does for the copy before it is linked; an error leaves nothing of it but the promise, which is taken back. */
static struct error *copy_area(struct engine *e, const struct object *mm, const struct object *from, struct object *copy)
{
	struct kernel *k = e->k;
	uint64_t wipe = e->modern->vm_wipeonfork;
	TRY(vm_area_dup(e, from, copy));
	SET(k, copy, vm_area_struct, vm_mm, mm->addr);
	if (GET(k, from, vm_area_struct, uffd_ctx))
		return error_at(ERR_UNSUPPORTED, from->addr, "area %" PRIx64 " belongs to a userfaultfd, which is told of the fork: that is not followed", from->addr);
	struct error *failure = vma_dup_policy(e, copy);
	if (!failure && GET(k, from, vm_area_struct, vm_flags) & wipe)
		SET(k, copy, vm_area_struct, anon_vma, 0);
	else if (!failure)
		failure = anon_vma_fork(e, copy->addr, from->addr);
	if (failure)
		return error_worse(failure, vm_area_free(e, copy->addr));
	SET(k, copy, vm_area_struct, vm_flags, GET(k, copy, vm_area_struct, vm_flags) & ~(VM_LOCKED | VM_LOCKONFAULT));
	return NULL;
}

struct duplicating {
	struct engine *e;
	const struct object *old, *mm;
	uint64_t prev;
};

static struct error *dup_vma(struct duplicating *d, const struct object *from)
{
	struct engine *e = d->e;
	struct kernel *k = e->k;
	struct object copy;
	struct vma_place place = { .prev = d->prev };
	uint64_t flags = GET(k, from, vm_area_struct, vm_flags),
		 pages = (GET(k, from, vm_area_struct, vm_end) - GET(k, from, vm_area_struct, vm_start)) >> k->arch->page_shift;
	if (flags & VM_DONTCOPY) {
		TRACE(e, "dup_mmap", "VM_DONTCOPY: left out", { "vma", from->addr });
		vm_stat_account(e, d->mm, flags, GET(k, from, vm_area_struct, vm_file), -(int64_t)pages);
		return NULL;
	}
	if (flags & VM_ACCOUNT)
		TRY(security_vm_enough_memory_mm(e, d->old, pages));
	struct error *failure = copy_area(e, d->mm, from, &copy);
	if (failure)
		return flags & VM_ACCOUNT ? error_worse(failure, vm_unacct_memory(e, pages)) : failure;
	TRY(dup_file(e, from, &copy));
	/* The last of a red-black tree is the one before, and has nothing to its right. */
	place.link = MEMBER_ADDR(k, d->mm, mm_struct, mm_rb);
	if (d->prev) {
		place.parent = d->prev + OFFSET(k, vm_area_struct, vm_rb);
		place.link = place.parent + OFFSET(k, rb_node, rb_right);
	}
	TRY(vma_link_in_mm(e, d->mm, &copy, &place));
	ADD(k, d->mm, mm_struct, map_count, 1);
	d->prev = copy.addr;
	TRACE(e, "dup_mmap", flags & e->modern->vm_wipeonfork ? "VM_WIPEONFORK: copied without its pages" : "the area is copied", { "vma", from->addr },
	      { "vm_start", GET(k, from, vm_area_struct, vm_start) }, { "vm_flags", flags }, { "copy", copy.addr });
	if (!(flags & e->modern->vm_wipeonfork))
		TRY(copy_page_range_areas(e, d->mm, d->old, from));
	return vma_call(e, &copy, M_vm_operations_struct_open, "fork");
}

static struct error *dup_mmap(struct engine *e, const struct object *old, const struct object *mm)
{
	struct kernel *k = e->k;
	struct duplicating d = { e, old, mm, 0 };
	uint64_t at, exe = GET(k, old, mm_struct, exe_file);
	TRY(first_vma(e, old, &at));
	SET(k, mm, mm_struct, exe_file, exe);
	if (exe)
		get_file(e, exe);
	TRY(khugepaged_fork(e, mm, old));
	for (uint64_t left = GET(k, old, mm_struct, map_count); at; left--) {
		struct object from;
		if (!left)
			return error_at(ERR_BAD_LIST, old->addr, "mm %" PRIx64 " has more areas than its map_count says", old->addr);
		TRY(open_vma(e, at, &from));
		TRY(vma_after(e, &from, &at));
		TRY(dup_vma(&d, &from));
	}
	return NULL;
}

struct error *dup_mm_areas(struct engine *e, uint64_t old_addr, uint64_t *mm)
{
	struct kernel *k = e->k;
	struct object old, o;
	TRY(open_mm_areas(e, old_addr, &old));
	TRY(kmem_cache_alloc(e, e->mm_cachep, GFP24_KERNEL, mm));
	TRY(open_mm_areas(e, *mm, &o));
	memcpy((void *)o.bytes, old.bytes, o.size);
	TRY(unless_mm(e, *mm, mm_init(e, &o, &old)));
	struct error *failure = dup_mmap(e, &old, &o);
	if (failure) {
		if (failure->code != ERR_KERNEL)
			return failure;
		TRACE(e, "dup_mm", "no memory: the copy is given up", { "mm", *mm });
		return error_worse(failure, mmput_areas(e, *mm));
	}
	TRY(lru_gen_add_mm(e, &o, &old));
	SET(k, &o, mm_struct, hiwater_rss, get_mm_rss(e, &o));
	SET(k, &o, mm_struct, hiwater_vm, GET(k, &o, mm_struct, total_vm));
	return NULL;
}
