/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a process says of how it will use its memory (mm/filemap.c of 2.4: sys_madvise()). mm/engine/madvise_areas.c has what kernels with reverse mapping do.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/engine.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/mmap_edit.h"

#define MAX_MAP_COUNT 65536 /* include/linux/sched.h */

static struct error *madvise_behavior(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end, int advice)
{
	uint64_t flags = GET(e->k, vma, vm_area_struct, vm_flags) & ~(VM_SEQ_READ | VM_RAND_READ);
	if (GET(e->k, mm, mm_struct, map_count) > MAX_MAP_COUNT)
		return kernel_error(ENOMEM, "the process has too many areas");
	flags |= advice == MADV_SEQUENTIAL ? VM_SEQ_READ : advice == MADV_RANDOM ? VM_RAND_READ : 0;
	return vma_fixup(e, mm, vma, start, end, flags, FIXUP_MADVISE);
}

static struct error *madvise_willneed(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end)
{
	struct kernel *k = e->k;
	uint64_t file = GET(k, vma, vm_area_struct, vm_file), pgoff = GET(k, vma, vm_area_struct, vm_pgoff), from = GET(k, vma, vm_area_struct, vm_start);
	unsigned shift = k->arch->page_shift;
	if (!file)
		return kernel_error(EBADF, "the area has no file: %" PRIx64, vma->addr);
	/* The limit is in bytes, and taken as pages. */
	if (GET(k, mm, mm_struct, rss) + ((end - start) >> shift) > rlimit_of(e, e->task, RESOURCE_RSS))
		return kernel_error(EIO, "the process would have more pages than RLIMIT_RSS says");
	return read_ahead(e, file, ((start - from) >> shift) + pgoff, ((end - from) >> shift) + pgoff,
			  GET(k, vma, vm_area_struct, vm_flags) & VM_RAND_READ);
}

static struct error *madvise_vma(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end, int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_SEQUENTIAL:
	case MADV_RANDOM:
		return madvise_behavior(e, mm, vma, start, end, advice);
	case MADV_WILLNEED:
		return madvise_willneed(e, mm, vma, start, end);
	case MADV_DONTNEED:
		if (GET(e->k, vma, vm_area_struct, vm_flags) & VM_LOCKED)
			return kernel_error(EINVAL, "the area is locked: %" PRIx64, vma->addr);
		TRACE(e, "madvise_dontneed", "its pages go", { "start", start }, { "end", end });
		return zap_page_range(e, mm->addr, start, end - start);
	}
	return kernel_error(EINVAL, "no such advice: %d", advice);
}

struct error *sys_madvise(struct engine *e, uint64_t mm_addr, uint64_t start, uint64_t len, int advice)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	uint64_t end, at, page_mask = VMCORE_PAGE_SIZE - 1;
	bool hole = false;
	if (!e->classic)
		return sys_madvise_areas(e, mm_addr, start, len, advice);
	if (start & page_mask)
		return kernel_error(EINVAL, "not at a page's start: %" PRIx64, start);
	len = (len + page_mask) & ~page_mask;
	end = start + len;
	if (end < start || end > UINT32_MAX)
		return kernel_error(EINVAL, "ends beyond the last address: %" PRIx64, start);
	TRY(open_mm(e, mm_addr, &mm));
	TRY(find_vma(e, &mm, start, &at));
	while (start < end) {
		if (!at)
			return kernel_error(ENOMEM, "nothing is mapped at %" PRIx64, start);
		TRY(open_vma(e, at, &vma));
		uint64_t from = GET(k, &vma, vm_area_struct, vm_start), to = GET(k, &vma, vm_area_struct, vm_end), next = GET(k, &vma, vm_area_struct, vm_next);
		if (to <= start)
			return error_at(ERR_BAD_LIST, at, "areas of mm %" PRIx64 " out of order: %" PRIx64, mm_addr, at);
		/* What lies in holes is passed over, and said at the end. */
		hole |= start < from;
		start = start < from ? from : start;
		if (start < end)
			TRY(madvise_vma(e, &mm, &vma, start, end < to ? end : to, advice));
		start = to;
		at = next;
	}
	return hole ? kernel_error(ENOMEM, "part of the range is not mapped") : NULL;
}
