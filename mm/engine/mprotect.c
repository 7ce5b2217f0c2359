/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protection of areas, changed (mm/mprotect.c of 2.4): an area keeps its object for the part whose protection changes when both ends of it stay as they
 * are, else for the end that stays; it is joined with the area before, and at last with the one after, where these are alike.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/engine.h"
#include "mm/engine/mmap_edit.h"

#define PROT_MASK (VM_READ | VM_WRITE | VM_EXEC)

struct fixup {
	struct engine *e;
	const struct object *mm;
	uint64_t prev; /* the area before, 0 for none; what the next one may be joined with */
	uint64_t start, end;
	uint64_t flags; /* new vm_flags */
	enum fixup_kind kind;
};

static const char *name_of(const struct fixup *f, unsigned part)
{
	static const char *const names[][4] = {
		[FIXUP_MPROTECT] = { "mprotect_fixup_all", "mprotect_fixup_start", "mprotect_fixup_end", "mprotect_fixup_middle" },
		[FIXUP_MLOCK] = { "mlock_fixup_all", "mlock_fixup_start", "mlock_fixup_end", "mlock_fixup_middle" },
		[FIXUP_MADVISE] = { "madvise_behavior", "madvise_fixup_start", "madvise_fixup_end", "madvise_fixup_middle" },
	};
	return names[f->kind][part];
}

/* Does the area before, with the new flags, take over from this one? */
static struct error *joins_previous(struct fixup *f, const struct object *vma, struct object *prev, bool *joins)
{
	struct kernel *k = f->e->k;
	*joins = false;
	if (!f->prev || f->kind != FIXUP_MPROTECT)
		return NULL;
	TRY(open_vma(f->e, f->prev, prev));
	*joins = GET(k, prev, vm_area_struct, vm_end) == GET(k, vma, vm_area_struct, vm_start) && can_vma_merge(k, prev, f->flags) &&
		 !GET(k, vma, vm_area_struct, vm_file) && !(GET(k, vma, vm_area_struct, vm_flags) & VM_SHARED);
	return NULL;
}

static void set_flags(struct fixup *f, const struct object *vma)
{
	struct kernel *k = f->e->k;
	SET(k, vma, vm_area_struct, vm_flags, f->flags);
	SET(k, vma, vm_area_struct, vm_page_prot, vm_get_page_prot(f->e, f->flags));
}

/* A copy of the area for [start, end) of it; not linked yet. */
static struct error *copy_part(struct fixup *f, const struct object *vma, uint64_t start, uint64_t end, struct object *copy)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t addr, file = GET(k, vma, vm_area_struct, vm_file), skipped = start - GET(k, vma, vm_area_struct, vm_start);
	TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &addr));
	TRY(open_vma(e, addr, copy));
	memcpy((void *)copy->bytes, vma->bytes, SIZE_OF(k, vm_area_struct));
	SET(k, copy, vm_area_struct, vm_start, start);
	SET(k, copy, vm_area_struct, vm_end, end);
	ADD(k, copy, vm_area_struct, vm_pgoff, (int64_t)(skipped >> k->arch->page_shift));
	SET(k, copy, vm_area_struct, vm_raend, 0);
	if (file)
		get_file(e, file);
	return NULL;
}

static void move_start(struct fixup *f, const struct object *vma, uint64_t start)
{
	struct kernel *k = f->e->k;
	ADD(k, vma, vm_area_struct, vm_pgoff, (int64_t)((start - GET(k, vma, vm_area_struct, vm_start)) >> k->arch->page_shift));
	SET(k, vma, vm_area_struct, vm_start, start);
}

static struct error *fixup_all(struct fixup *f, const struct object *vma)
{
	struct kernel *k = f->e->k;
	struct object prev;
	bool joins;
	TRY(joins_previous(f, vma, &prev, &joins));
	TRACE(f->e, name_of(f, 0), joins ? "joined with the area before" : "the area changes as it is", { "vma", vma->addr },
	      { "newflags", f->flags });
	if (joins) {
		SET(k, &prev, vm_area_struct, vm_end, GET(k, vma, vm_area_struct, vm_end));
		TRY(unlink_vma(f->e, f->mm, vma, f->prev));
		return kmem_cache_free(f->e, f->e->vm_area_cachep, vma->addr);
	}
	set_flags(f, vma);
	f->prev = vma->addr;
	return NULL;
}

static struct error *fixup_start(struct fixup *f, const struct object *vma)
{
	struct kernel *k = f->e->k;
	struct object prev, n;
	bool joins;
	TRY(joins_previous(f, vma, &prev, &joins));
	TRACE(f->e, name_of(f, 1), joins ? "the area before takes it over" : "a new area for the part that changes", { "vma", vma->addr },
	      { "newflags", f->flags });
	f->prev = vma->addr;
	if (joins) {
		SET(k, &prev, vm_area_struct, vm_end, f->end);
		/* Of nothing, so that vm_pgoff does not matter. */
		SET(k, vma, vm_area_struct, vm_start, f->end);
		return NULL;
	}
	TRY(copy_part(f, vma, f->start, f->end, &n));
	set_flags(f, &n);
	move_start(f, vma, f->end);
	return insert_vm_struct(f->e, f->mm->addr, n.addr);
}

static struct error *fixup_end(struct fixup *f, const struct object *vma)
{
	struct kernel *k = f->e->k;
	struct object n;
	TRACE(f->e, name_of(f, 2), "a new area for the part that changes", { "vma", vma->addr }, { "newflags", f->flags });
	TRY(copy_part(f, vma, f->start, f->end, &n));
	set_flags(f, &n);
	SET(k, vma, vm_area_struct, vm_end, f->start);
	f->prev = n.addr;
	return insert_vm_struct(f->e, f->mm->addr, n.addr);
}

static struct error *fixup_middle(struct fixup *f, const struct object *vma)
{
	struct kernel *k = f->e->k;
	struct object left, right;
	TRACE(f->e, name_of(f, 3), "new areas for the two ends", { "vma", vma->addr }, { "newflags", f->flags });
	TRY(copy_part(f, vma, GET(k, vma, vm_area_struct, vm_start), f->start, &left));
	TRY(copy_part(f, vma, f->end, GET(k, vma, vm_area_struct, vm_end), &right));
	move_start(f, vma, f->start);
	SET(k, vma, vm_area_struct, vm_end, f->end);
	SET(k, vma, vm_area_struct, vm_raend, 0);
	set_flags(f, vma);
	f->prev = right.addr;
	TRY(insert_vm_struct(f->e, f->mm->addr, left.addr));
	return insert_vm_struct(f->e, f->mm->addr, right.addr);
}

static struct error *fixup_part(struct fixup *f, const struct object *vma)
{
	struct kernel *k = f->e->k;
	bool from_start = f->start == GET(k, vma, vm_area_struct, vm_start), to_end = f->end == GET(k, vma, vm_area_struct, vm_end);
	return from_start && to_end ? fixup_all(f, vma) : from_start ? fixup_start(f, vma) : to_end ? fixup_end(f, vma) : fixup_middle(f, vma);
}

static struct error *mprotect_fixup(struct fixup *f, const struct object *vma)
{
	struct kernel *k = f->e->k;
	if (f->flags == GET(k, vma, vm_area_struct, vm_flags)) {
		TRACE(f->e, "mprotect_fixup", "nothing changes", { "vma", vma->addr }, { "newflags", f->flags });
		f->prev = vma->addr;
		return NULL;
	}
	TRY(fixup_part(f, vma));
	return change_protection(f->e, f->mm, f->start, f->end, vm_get_page_prot(f->e, f->flags));
}

struct error *vma_fixup(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end, uint64_t flags, enum fixup_kind kind)
{
	struct fixup f = { .e = e, .mm = mm, .start = start, .end = end, .flags = flags, .kind = kind };
	return fixup_part(&f, vma);
}

/* After the last one: is it like the area that follows? */
static struct error *join_next(struct fixup *f, uint64_t next_addr)
{
	struct kernel *k = f->e->k;
	struct object prev, next;
	if (!next_addr)
		return NULL;
	TRY(open_vma(f->e, f->prev, &prev));
	TRY(open_vma(f->e, next_addr, &next));
	uint64_t flags = GET(k, &prev, vm_area_struct, vm_flags);
	if (GET(k, &prev, vm_area_struct, vm_end) != GET(k, &next, vm_area_struct, vm_start) || !can_vma_merge(k, &next, flags) ||
	    GET(k, &prev, vm_area_struct, vm_file) || (flags & VM_SHARED))
		return NULL;
	SET(k, &prev, vm_area_struct, vm_end, GET(k, &next, vm_area_struct, vm_end));
	TRY(unlink_vma(f->e, f->mm, &next, f->prev));
	return kmem_cache_free(f->e, f->e->vm_area_cachep, next_addr);
}

/* The areas of [f->start, end), one after the other. The kernel finds a hole only on its way, and stops there with what it has done. */
static struct error *protect(struct fixup *f, uint64_t at, uint64_t end, unsigned prot)
{
	struct kernel *k = f->e->k;
	for (;;) {
		struct object vma;
		if (at)
			TRY(open_vma(f->e, at, &vma));
		if (!at || GET(k, &vma, vm_area_struct, vm_start) > f->start)
			return kernel_error(ENOMEM, "nothing is mapped at %" PRIx64, f->start);
		uint64_t flags = GET(k, &vma, vm_area_struct, vm_flags), stop = GET(k, &vma, vm_area_struct, vm_end),
			 next = GET(k, &vma, vm_area_struct, vm_next);
		if (stop <= f->start || stop > k->page_offset)
			return error_at(ERR_BAD_LIST, at, "areas of mm %" PRIx64 " out of order: %" PRIx64, f->mm->addr, at);
		f->flags = (flags & ~(uint64_t)PROT_MASK) | prot;
		if (f->flags & ~(f->flags >> 4) & 0xf)
			return kernel_error(EACCES, "the area may not become that: vm_flags %" PRIx64, flags);
		f->end = stop > end ? end : stop;
		TRY(mprotect_fixup(f, &vma));
		if (stop > end)
			return NULL;
		if (stop == end)
			return join_next(f, next);
		f->start = stop;
		at = next;
	}
}

struct error *sys_mprotect(struct engine *e, uint64_t mm_addr, uint64_t start, uint64_t len, unsigned prot)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	struct vma_place place;
	struct fixup f = { .e = e, .mm = &mm, .start = start };
	uint64_t page_mask = VMCORE_PAGE_SIZE - 1, end;
	if (!e->classic)
		return sys_mprotect_areas(e, mm_addr, start, len, prot);
	if (start & page_mask)
		return kernel_error(EINVAL, "not at a page's start: %" PRIx64, start);
	len = (len + page_mask) & ~page_mask;
	end = start + len;
	if (end < start)
		return kernel_error(EINVAL, "ends beyond the last address: %" PRIx64, start);
	if (prot & ~(unsigned)PROT_FLAGS)
		return kernel_error(EINVAL, "no such protection: %x", prot);
	if (!len)
		return NULL;
	/* To the kernel its own part is nothing but a place where no area is. */
	if (end > k->page_offset)
		return kernel_error(ENOMEM, "nothing is mapped in the kernel's part: %" PRIx64, start);
	TRY(open_mm(e, mm_addr, &mm));
	TRY(find_vma_prepare(e, &mm, start, &place));
	if (place.vma) {
		TRY(open_vma(e, place.vma, &vma));
		TRY(previous_vma(e, &mm, GET(k, &vma, vm_area_struct, vm_start), &f.prev));
	}
	return protect(&f, place.vma, end, prot);
}
