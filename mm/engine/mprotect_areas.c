/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mprotect() and brk() on kernels with reverse mapping (mm/mprotect.c; mm/mmap.c, since 3.8).
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/areas_edit.h"

#define PAGE_DOWN(a) ((a) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1))
#define PAGE_UP(a)   PAGE_DOWN((a) + VMCORE_PAGE_SIZE - 1)

/* Protection keys, which mprotect() takes off (VM_PKEY_BIT0 …). */
#define PKEY_FLAGS (15ull << 32)

/* One area's part of the range. *prev: the area before it, then the one that ends where the part does. */
static struct error *mprotect_fixup(struct engine *e, const struct object *mm, uint64_t vma_addr, uint64_t *prev, uint64_t start, uint64_t end,
				    uint64_t flags)
{
	struct kernel *k = e->k;
	struct object vma;
	uint64_t merged;
	TRY(object_open_writable(k, vma_addr, S_vm_area_struct, &vma));
	uint64_t old = GET(k, &vma, vm_area_struct, vm_flags), pages = (end - start) >> k->arch->page_shift, from = GET(k, &vma, vm_area_struct, vm_start),
		 file = GET(k, &vma, vm_area_struct, vm_file);
	if (flags == old) {
		*prev = vma_addr;
		return NULL;
	}
	if (flags & VM_WRITE) {
		if (!may_expand_vm(e, mm, flags, pages) && may_expand_vm(e, mm, old, pages))
			return kernel_error(ENOMEM, "%" PRIu64 " pages of data more would pass RLIMIT_DATA", pages);
		if (!(old & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE))) {
			TRY(security_vm_enough_memory_mm(e, mm, pages));
			flags |= VM_ACCOUNT;
		}
	}
	const struct vma_request r = { start,
				       end,
				       flags,
				       GET(k, &vma, vm_area_struct, anon_vma),
				       file,
				       GET(k, &vma, vm_area_struct, vm_pgoff) + ((start - from) >> k->arch->page_shift),
				       GET(k, &vma, vm_area_struct, uffd_ctx),
				       &vma,
				       false };
	TRY(vma_merge(e, mm, *prev, &r, &merged));
	if (!merged) {
		merged = vma_addr;
		if (start != from)
			TRY(split_vma(e, mm, vma_addr, start, true, true));
		if (end != GET(k, &vma, vm_area_struct, vm_end))
			TRY(split_vma(e, mm, vma_addr, end, false, true));
	}
	*prev = merged;
	TRY(object_open_writable(k, merged, S_vm_area_struct, &vma));
	SET(k, &vma, vm_area_struct, vm_flags, flags);
	bool notify = vma_wants_writenotify(e, &vma);
	vma_set_page_prot(e, &vma);
	TRACE(e, "mprotect_fixup", "the area changes", { "vma", merged }, { "vm_flags", flags }, { "vm_page_prot", GET(k, &vma, vm_area_struct, vm_page_prot) });
	TRY(change_protection_areas(e, mm, start, end, GET(k, &vma, vm_area_struct, vm_page_prot), notify, flags & VM_SOFTDIRTY));
	if ((old & (VM_WRITE | VM_SHARED | VM_LOCKED)) == VM_LOCKED && (flags & VM_WRITE))
		TRY(mm_populate(e, mm, start, end - start));
	vm_stat_account(e, mm, old, file, -(int64_t)pages);
	vm_stat_account(e, mm, flags, file, (int64_t)pages);
	return NULL;
}

static uint64_t protection_flags(struct engine *e, uint64_t old, unsigned prot)
{
	/* Who may execute what it reads gets that here too. */
	if ((prot & PROT_READ) && (old & VM_MAYEXEC) && reads_imply_exec(e))
		prot |= PROT_EXEC;
	return (old & ~(VM_ACCESS_FLAGS | PKEY_FLAGS)) | (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
	       (prot & PROT_EXEC ? VM_EXEC : 0);
}

struct error *sys_mprotect_areas(struct engine *e, uint64_t mm_addr, uint64_t start, uint64_t len, unsigned prot)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	uint64_t end, at, prev = 0, next;
	if (start & (VMCORE_PAGE_SIZE - 1))
		return kernel_error(EINVAL, "not at a page's start: %" PRIx64, start);
	if (!len)
		return NULL;
	end = start + PAGE_UP(len);
	if (end <= start)
		return kernel_error(ENOMEM, "ends beyond the last address: %" PRIx64, start);
	if (prot & ~(unsigned)PROT_FLAGS)
		return kernel_error(EINVAL, "no such protection: %x", prot);
	TRY(open_mm_areas(e, mm_addr, &mm));
	TRY(find_vma(e, &mm, start, &at));
	for (uint64_t from = start; from < end;) {
		if (at)
			TRY(object_open(k, at, S_vm_area_struct, &vma));
		if (!at || GET(k, &vma, vm_area_struct, vm_start) > from)
			return kernel_error(ENOMEM, "nothing is mapped at %" PRIx64, from);
		if (from == start)
			prev = at;
		if (from == start && GET(k, &vma, vm_area_struct, vm_start) == start)
			TRY(vma_before(e, &vma, &prev));
		uint64_t old = GET(k, &vma, vm_area_struct, vm_flags), now = protection_flags(e, old, prot), to = GET(k, &vma, vm_area_struct, vm_end);
		if (to <= from)
			return error_at(ERR_BAD_OBJECT, at, "area is damaged: %" PRIx64, at);
		if ((now & ~(now >> 4)) & VM_ACCESS_FLAGS)
			return kernel_error(EACCES, "the area may not become that: vm_flags %" PRIx64, old);
		to = to < end ? to : end;
		TRY(can_modify_vma(e, &vma));
		TRY(mprotect_fixup(e, &mm, at, &prev, from, to, now));
		TRY(object_open(k, prev, S_vm_area_struct, &vma));
		from = to > GET(k, &vma, vm_area_struct, vm_end) ? to : GET(k, &vma, vm_area_struct, vm_end);
		TRY(vma_after(e, &vma, &next));
		if (from < end && next) {
			TRY(object_open(k, next, S_vm_area_struct, &vma));
			if (GET(k, &vma, vm_area_struct, vm_start) != from)
				next = 0;
		}
		at = next;
	}
	return NULL;
}

/* ---- The end of the heap ---- */

struct error *sys_brk_areas(struct engine *e, uint64_t mm_addr, uint64_t brk, uint64_t *result)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	uint64_t next;
	TRY(open_mm_areas(e, mm_addr, &mm));
	uint64_t start = GET(k, &mm, mm_struct, start_brk), old = PAGE_UP(GET(k, &mm, mm_struct, brk)), now = PAGE_UP(brk);
	*result = GET(k, &mm, mm_struct, brk);
	if (!brk)
		return NULL;
	if (brk < start)
		return kernel_error(EINVAL, "below the start of the heap: %" PRIx64, brk);
	uint64_t data = GET(k, &mm, mm_struct, end_data) - GET(k, &mm, mm_struct, start_data), limit = rlimit(e, &mm, RESOURCE_DATA);
	if (brk - start + data > limit)
		return kernel_error(ENOMEM, "the heap would pass RLIMIT_DATA: %" PRIu64 " bytes", limit);
	if (now < old) {
		SET(k, &mm, mm_struct, brk, brk);
		TRY(do_munmap(e, mm_addr, now, old - now));
	} else if (now > old) {
		TRY(find_vma(e, &mm, old, &next));
		if (next) {
			TRY(object_open(k, next, S_vm_area_struct, &vma));
			if (now + VMCORE_PAGE_SIZE > vm_start_gap(e, &vma))
				return kernel_error(ENOMEM, "another area is in the way: %" PRIx64, next);
		}
		TRY(do_brk(e, mm_addr, old, now - old));
	}
	SET(k, &mm, mm_struct, brk, brk);
	*result = brk;
	return NULL;
}
