/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas moved, shrunk and grown (mm/mremap.c of 2.4). mm/engine/mremap_areas.c has what kernels with reverse mapping do.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/engine.h"
#include "mm/engine/mmap_edit.h"

#define PAGE_UP(a) (((a) + VMCORE_PAGE_SIZE - 1) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1))

/* ---- Entries ---- */

static struct error *move_one_page(struct engine *e, const struct object *mm, uint64_t from, uint64_t to)
{
	uint64_t src = pte_offset(e, mm, from), entry = src ? get_pte(e, src) : 0, dst;
	if (!entry)
		return NULL;
	TRY(pte_alloc(e, mm, to, &dst));
	set_pte(e, src, 0);
	set_pte(e, dst, entry);
	return NULL;
}

/* From the last page down. Without memory for a table all goes back, which takes none. */
static struct error *move_page_tables(struct engine *e, const struct object *mm, uint64_t from, uint64_t to, uint64_t len)
{
	struct error *failure = NULL;
	uint64_t offset = len;
	while (offset && !failure) {
		offset -= VMCORE_PAGE_SIZE;
		failure = move_one_page(e, mm, from + offset, to + offset);
	}
	TRACE(e, "move_page_tables", failure ? "no memory for a page table: all goes back" : "every page's entry moves", { "old_addr", from },
	      { "new_addr", to }, { "len", len });
	if (!failure || failure->code != ERR_KERNEL)
		return failure;
	while ((offset += VMCORE_PAGE_SIZE) < len)
		TRY(move_one_page(e, mm, to + offset, from + offset));
	return error_worse(failure, zap_page_range(e, mm->addr, to, len));
}

/* ---- The area ---- */

/* One beside the new place takes it over, where both are of nothing and alike: *vma, 0 for none. */
static struct error *join_neighbour(struct engine *e, const struct object *mm, const struct object *old, uint64_t start, uint64_t end, uint64_t *vma)
{
	struct kernel *k = e->k;
	struct vma_place place;
	struct object prev, next;
	uint64_t flags = GET(k, old, vm_area_struct, vm_flags), prev_addr;
	*vma = 0;
	if (GET(k, old, vm_area_struct, vm_file) || (flags & VM_SHARED))
		return NULL;
	TRY(find_vma_prepare(e, mm, start, &place));
	TRY(previous_vma(e, mm, start, &prev_addr));
	if (prev_addr)
		TRY(open_vma(e, prev_addr, &prev));
	if (place.vma)
		TRY(open_vma(e, place.vma, &next));
	bool after = prev_addr && GET(k, &prev, vm_area_struct, vm_end) == start && can_vma_merge(k, &prev, flags);
	bool before = place.vma && GET(k, &next, vm_area_struct, vm_start) == end && can_vma_merge(k, &next, flags);
	TRACE(e, "move_vma", after && before ? "joins both areas there" : after ? "extends the area before" : before ? "extends the area after" : "a new area",
	      { "prev", prev_addr }, { "next", place.vma }, { "new_addr", start });
	*vma = after ? prev_addr : before ? place.vma : 0;
	if (!after && before)
		SET(k, &next, vm_area_struct, vm_start, start);
	if (!after)
		return NULL;
	SET(k, &prev, vm_area_struct, vm_end, before ? GET(k, &next, vm_area_struct, vm_end) : end);
	if (!before)
		return NULL;
	TRY(unlink_vma(e, mm, &next, prev_addr));
	return kmem_cache_free(e, e->vm_area_cachep, next.addr);
}

/* The new object becomes the area's part from `addr` on, at its new place. */
static struct error *fill_moved(struct engine *e, const struct object *mm, const struct object *old, uint64_t moved_addr, uint64_t addr, uint64_t start,
				uint64_t end)
{
	struct kernel *k = e->k;
	struct object moved;
	uint64_t file = GET(k, old, vm_area_struct, vm_file);
	TRY(open_vma(e, moved_addr, &moved));
	memcpy((void *)moved.bytes, old->bytes, SIZE_OF(k, vm_area_struct));
	SET(k, &moved, vm_area_struct, vm_start, start);
	SET(k, &moved, vm_area_struct, vm_end, end);
	ADD(k, &moved, vm_area_struct, vm_pgoff, (int64_t)((addr - GET(k, old, vm_area_struct, vm_start)) >> k->arch->page_shift));
	SET(k, &moved, vm_area_struct, vm_raend, 0);
	if (file)
		get_file(e, file);
	return insert_vm_struct(e, mm->addr, moved_addr);
}

static struct error *move_vma(struct engine *e, const struct object *mm, const struct object *old, uint64_t addr, uint64_t old_len, uint64_t new_len,
			      uint64_t new_addr)
{
	struct kernel *k = e->k;
	uint64_t joined, made = 0, flags = GET(k, old, vm_area_struct, vm_flags);
	TRY(join_neighbour(e, mm, old, new_addr, new_addr + new_len, &joined));
	if (!joined)
		TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &made));
	struct error *failure = move_page_tables(e, mm, addr, new_addr, old_len);
	if (failure)
		return made && failure->code == ERR_KERNEL ? error_worse(failure, kmem_cache_free(e, e->vm_area_cachep, made)) : failure;
	if (made)
		TRY(fill_moved(e, mm, old, made, addr, new_addr, new_addr + new_len));
	TRY(do_munmap(e, mm->addr, addr, old_len));
	ADD(k, mm, mm_struct, total_vm, (int64_t)(new_len >> k->arch->page_shift));
	return lock_new_pages(e, mm, flags, new_addr, new_len);
}

/* ---- The system call ---- */

struct remap {
	struct engine *e;
	const struct object *mm;
	uint64_t addr, old_len, new_len, new_addr;
	unsigned flags;
};

/* What is asked for before anything is looked at; with MREMAP_FIXED the new place is cleared. */
static struct error *check_request(const struct remap *r)
{
	uint64_t mask = VMCORE_PAGE_SIZE - 1, limit = r->e->k->page_offset;
	if (r->flags & ~(unsigned)(MREMAP_FIXED | MREMAP_MAYMOVE))
		return kernel_error(EINVAL, "no such flags: %x", r->flags);
	if (r->addr & mask)
		return kernel_error(EINVAL, "not at a page's start: %" PRIx64, r->addr);
	if (!(r->flags & MREMAP_FIXED))
		return NULL;
	if (r->new_addr & mask)
		return kernel_error(EINVAL, "not at a page's start: %" PRIx64, r->new_addr);
	if (!(r->flags & MREMAP_MAYMOVE))
		return kernel_error(EINVAL, "a place is given, but moving is not allowed");
	if (r->new_len > limit || r->new_addr > limit - r->new_len)
		return kernel_error(EINVAL, "ends in the kernel's part: %" PRIx64, r->new_addr);
	if ((r->new_addr <= r->addr && r->new_addr + r->new_len > r->addr) || (r->addr <= r->new_addr && r->addr + r->old_len > r->new_addr))
		return kernel_error(EINVAL, "the new place overlaps the old one: %" PRIx64, r->new_addr);
	return NULL;
}

/* May the area become so long? */
static struct error *check_area(const struct remap *r, const struct object *vma)
{
	struct engine *e = r->e;
	struct kernel *k = e->k;
	unsigned shift = k->arch->page_shift;
	uint64_t flags = GET(k, vma, vm_area_struct, vm_flags), more = r->new_len - r->old_len;
	if (r->old_len > GET(k, vma, vm_area_struct, vm_end) - r->addr)
		return kernel_error(EFAULT, "the range is longer than the area at %" PRIx64, r->addr);
	if ((flags & VM_DONTEXPAND) && r->new_len > r->old_len)
		return kernel_error(EFAULT, "the area does not grow: vm_flags %" PRIx64, flags);
	if ((flags & VM_LOCKED) && (GET(k, r->mm, mm_struct, locked_vm) << shift) + more > rlimit_of(e, e->task, RESOURCE_MEMLOCK))
		return kernel_error(EAGAIN, "more locked memory than RLIMIT_MEMLOCK allows");
	if ((GET(k, r->mm, mm_struct, total_vm) << shift) + more > rlimit_of(e, e->task, RESOURCE_AS))
		return kernel_error(ENOMEM, "the task would have more than RLIMIT_AS allows");
	return (flags & (VM_SHARED | VM_WRITE)) == VM_WRITE ? vm_enough_memory(e, more >> shift) : NULL;
}

/* *grown: there was room behind the area. */
static struct error *grow_in_place(const struct remap *r, const struct object *vma, bool *grown)
{
	struct kernel *k = r->e->k;
	struct object next;
	uint64_t end = k->page_offset, next_addr = GET(k, vma, vm_area_struct, vm_next), more = r->new_len - r->old_len;
	bool moves = (r->flags & MREMAP_FIXED) && r->addr != r->new_addr;
	*grown = false;
	if (r->old_len != GET(k, vma, vm_area_struct, vm_end) - r->addr || moves || (r->old_len == r->new_len && (r->flags & MREMAP_MAYMOVE)))
		return NULL;
	if (next_addr) {
		TRY(open_vma(r->e, next_addr, &next));
		end = GET(k, &next, vm_area_struct, vm_start);
	}
	*grown = end - r->addr >= r->new_len;
	TRACE(r->e, "do_mremap", *grown ? "room behind the area: it grows" : "no room behind the area", { "vma", vma->addr }, { "max_addr", end },
	      { "new_len", r->new_len });
	if (!*grown)
		return NULL;
	SET(k, vma, vm_area_struct, vm_end, r->addr + r->new_len);
	ADD(k, r->mm, mm_struct, total_vm, (int64_t)(more >> k->arch->page_shift));
	return lock_new_pages(r->e, r->mm, GET(k, vma, vm_area_struct, vm_flags), r->addr + r->old_len, more);
}

static struct error *grow_or_move(struct remap *r, uint64_t *result)
{
	struct object vma;
	uint64_t vma_addr;
	bool grown;
	TRY(find_vma(r->e, r->mm, r->addr, &vma_addr));
	if (vma_addr)
		TRY(open_vma(r->e, vma_addr, &vma));
	if (!vma_addr || GET(r->e->k, &vma, vm_area_struct, vm_start) > r->addr)
		return kernel_error(EFAULT, "nothing is mapped at %" PRIx64, r->addr);
	TRY(check_area(r, &vma));
	TRY(grow_in_place(r, &vma, &grown));
	*result = r->addr;
	if (grown)
		return NULL;
	if (!(r->flags & MREMAP_MAYMOVE))
		return kernel_error(ENOMEM, "no room to grow at %" PRIx64 ", and moving is not allowed", r->addr);
	if (!(r->flags & MREMAP_FIXED))
		TRY(arch_get_unmapped_area(r->e, r->mm, 0, r->new_len, false, &r->new_addr));
	*result = r->new_addr;
	return move_vma(r->e, r->mm, &vma, r->addr, r->old_len, r->new_len, r->new_addr);
}

/* What do_munmap() answers here does not matter to 2.4. */
static struct error *unmap_if_can(struct engine *e, uint64_t mm, uint64_t addr, uint64_t len)
{
	struct error *failure = do_munmap(e, mm, addr, len);
	if (!failure || failure->code != ERR_KERNEL)
		return failure;
	error_free(failure);
	return NULL;
}

struct error *sys_mremap(struct engine *e, uint64_t mm_addr, uint64_t addr, uint64_t old_len, uint64_t new_len, unsigned flags, uint64_t new_addr,
			 uint64_t *result)
{
	struct object mm;
	struct remap r = { e, &mm, addr, PAGE_UP(old_len), PAGE_UP(new_len), new_addr, flags };
	*result = addr;
	if (!e->classic)
		return sys_mremap_areas(e, mm_addr, addr, old_len, new_len, flags, new_addr, result);
	if (r.old_len > UINT32_MAX || r.new_len > UINT32_MAX || addr > UINT32_MAX || new_addr > UINT32_MAX)
		return kernel_error(EINVAL, "beyond the address space");
	TRY(check_request(&r));
	TRY(open_mm(e, mm_addr, &mm));
	if (flags & MREMAP_FIXED)
		TRY(unmap_if_can(e, mm_addr, new_addr, r.new_len));
	if (r.old_len >= r.new_len) {
		TRY(unmap_if_can(e, mm_addr, addr + r.new_len, r.old_len - r.new_len));
		if (!(flags & MREMAP_FIXED) || new_addr == addr)
			return NULL;
	}
	return grow_or_move(&r, result);
}
