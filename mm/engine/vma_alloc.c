/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vm_area_structs, made, copied and freed (kernel/fork.c, since 6.16 mm/vma_init.c), with what newer kernels hang on them: a lock of their own (6.4; part of the area and a
 * count of its readers since 6.15), and what NUMA balancing noticed.
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/near.h"

/* A name of its own (CONFIG_ANON_VMA_NAME, 5.17) is shared and counted. Until 6.2 it stands where an area of a file has its place in the file's tree. */
static struct error *check_name(struct engine *e, const struct object *vma, const char *what)
{
	struct kernel *k = e->k;
	const struct member *name = &k->members[M_vm_area_struct_anon_name];
	bool shares = name->present && name->offset >= OFFSET(k, vm_area_struct, shared_node) &&
		      name->offset <= OFFSET(k, vm_area_struct, shared_subtree_last);
	if (!name->present || !GET(k, vma, vm_area_struct, anon_name) || (shares && GET(k, vma, vm_area_struct, vm_file)) || !symbol_addr(k, "anon_vma_name_alloc"))
		return NULL;
	return error_at(ERR_UNSUPPORTED, vma->addr, "area %" PRIx64 " has a name of its own: %s one is not done", vma->addr, what);
}

/* vma_lock_alloc(): nobody holds it. */
static struct error *init_lock(struct engine *e, const struct object *vma)
{
	struct kernel *k = e->k;
	struct object lock;
	uint64_t addr;
	SET(k, vma, vm_area_struct, vm_lock_seq, UINT64_MAX);
	SET(k, vma, vm_area_struct, detached, 0);
	SET(k, vma, vm_area_struct, vm_refcnt, 1);
	if (!e->areas.vma_lock_cachep)
		return NULL;
	TRY(kmem_cache_alloc(e, e->areas.vma_lock_cachep, GFP24_KERNEL, &addr));
	TRY(object_open_writable(k, addr, S_vma_lock, &lock));
	memset((void *)lock.bytes, 0, lock.size);
	SET(k, vma, vm_area_struct, vm_lock, addr);
	return list_init(k, MEMBER_ADDR(k, &lock, vma_lock, wait_list));
}

static struct error *new_area(struct engine *e, struct object *vma)
{
	uint64_t addr;
	TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &addr));
	return open_vma(e, addr, vma);
}

struct error *vm_area_alloc(struct engine *e, uint64_t mm, struct object *vma)
{
	TRY(new_area(e, vma));
	memset((void *)vma->bytes, 0, vma->size);
	SET(e->k, vma, vm_area_struct, vm_mm, mm);
	TRY(init_lock(e, vma));
	return list_init(e->k, MEMBER_ADDR(e->k, vma, vm_area_struct, anon_vma_chain));
}

struct error *vm_area_dup(struct engine *e, const struct object *from, struct object *copy)
{
	struct kernel *k = e->k;
	TRY(check_name(e, from, "copying"));
	TRY(new_area(e, copy));
	memcpy((void *)copy->bytes, from->bytes, copy->size);
	SET(k, copy, vm_area_struct, vm_next, 0);
	SET(k, copy, vm_area_struct, vm_prev, 0);
	SET(k, copy, vm_area_struct, numab_state, 0);
	TRY(init_lock(e, copy));
	return list_init(k, MEMBER_ADDR(k, copy, vm_area_struct, anon_vma_chain));
}

struct error *vm_area_free(struct engine *e, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object vma;
	TRY(open_vma(e, addr, &vma));
	TRY(check_name(e, &vma, "freeing"));
	near_forget_area(e);
	uint64_t lock = GET(k, &vma, vm_area_struct, vm_lock), numab = GET(k, &vma, vm_area_struct, numab_state);
	SET(k, &vma, vm_area_struct, detached, 1);
	SET(k, &vma, vm_area_struct, vm_refcnt, 0);
	if (numab)
		TRY(kfree(e, numab));
	if (e->areas.vma_lock_cachep)
		TRY(kmem_cache_free(e, e->areas.vma_lock_cachep, lock));
	return kmem_cache_free(e, e->vm_area_cachep, addr);
}
