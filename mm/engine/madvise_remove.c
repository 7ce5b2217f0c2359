/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MADV_REMOVE (mm/madvise.c: madvise_remove()): a hole in the file behind an area, in memory and on swap (mm/shmem.c: shmem_fallocate()). Of file systems shared memory
 * alone.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/shmem_edit.h"
#include "mm/engine/zap.h"
#include "mm/i_mmap.h"
#include "mm/shmem.h"

#define FMODE_WRITE  2u	   /* include/linux/fs.h */
#define F_SEAL_WRITE 0x18u /* include/uapi/linux/fcntl.h, with F_SEAL_FUTURE_WRITE */

struct unmapping {
	struct engine *e;
	uint64_t first, last; /* pages of the file */
	struct error *error;
};

static struct error *unmap_in_area(struct unmapping *u, const struct vma *vma)
{
	struct engine *e = u->e;
	struct object mm;
	unsigned shift = e->k->arch->page_shift;
	uint64_t from = u->first > vma->pgoff ? u->first - vma->pgoff : 0, to = u->last + 1 - vma->pgoff, all = (vma->end - vma->start) >> shift;
	if (!(vma->flags & VM_SHARED))
		return error_at(ERR_UNSUPPORTED, vma->addr, "area %" PRIx64 " maps the file privately: what it has copied would stay, which is not followed", vma->addr);
	TRY(open_mm_pages(e, GET(e->k, &vma->object, vm_area_struct, vm_mm), &mm));
	TRY(lru_add_drain(e));
	return unmap_page_range(e, &mm, &vma->object, vma->start + (from << shift), vma->start + ((to < all ? to : all) << shift));
}

static bool visit_area(void *context, const struct vma *vma)
{
	struct unmapping *u = context;
	u->error = unmap_in_area(u, vma);
	return !u->error;
}

/* unmap_mapping_range(): of the file's pages nobody maps any then. */
static struct error *unmap_mapping_range(struct engine *e, uint64_t mapping, uint64_t first, uint64_t last)
{
	struct unmapping u = { e, first, last, NULL };
	TRACE(e, "unmap_mapping_range", "whoever maps them does not any more", { "mapping", mapping }, { "first page", first }, { "last page", last });
	struct error *failure = i_mmap_for_each(e->k, mapping, first, last, visit_area, &u);
	return u.error ? error_worse(u.error, failure) : failure;
}

static struct error *shmem_punch_hole(struct engine *e, uint64_t host, uint64_t first, uint64_t last)
{
	struct kernel *k = e->k;
	struct shmem s;
	bool can;
	TRY(shmem_open(e, host, &s));
	uint64_t mapping = GET(k, &s.inode, inode, i_mapping);
	if (GET(k, &s.info, shmem_inode_info, seals) & F_SEAL_WRITE)
		return kernel_error(EPERM, "the file is sealed: %" PRIx64, host);
	TRY(unmap_mapping_range(e, mapping, first, last));
	TRY(shmem_can_truncate(e, mapping, first, last, &can));
	if (!can)
		return error_at(ERR_UNSUPPORTED, host, "pages of the file are large, locked, in use, or on a swap that is not the image's own: a hole there is not made");
	return shmem_truncate_range(e, &s.inode, first, last);
}

struct error *madvise_remove(struct engine *e, const struct object *vma, uint64_t start, uint64_t end)
{
	struct kernel *k = e->k;
	unsigned shift = k->arch->page_shift;
	uint64_t flags = GET(k, vma, vm_area_struct, vm_flags), file = GET(k, vma, vm_area_struct, vm_file), mapping, host, mode, ops, fallocate = 1;
	uint64_t first = GET(k, vma, vm_area_struct, vm_pgoff) + ((start - GET(k, vma, vm_area_struct, vm_start)) >> shift);
	if (flags & VM_LOCKED)
		return kernel_error(EINVAL, "the area is locked: %" PRIx64, vma->addr);
	if (!file)
		return kernel_error(EINVAL, "no file is behind the area: %" PRIx64, vma->addr);
	/* Could it be made writable? So since 6.7 and its stable relatives, all with the structure of all batches (5.8); before, is it? */
	uint64_t writable = HAS_STRUCT(k, cpu_fbatches) ? VM_MAYWRITE : VM_WRITE;
	if ((flags & (VM_SHARED | writable)) != (VM_SHARED | writable))
		return kernel_error(EACCES, "the area is not shared, or not writable: %" PRIx64, vma->addr);
	if (GET(k, vma, vm_area_struct, uffd_ctx))
		return error_at(ERR_UNSUPPORTED, vma->addr, "area %" PRIx64 " is watched by userfaultfd: telling it is not done", vma->addr);
	TRY(kernel_get(k, file, M_file_f_mode, &mode));
	if (!(mode & FMODE_WRITE))
		return kernel_error(EBADF, "the file is not open for writing: %" PRIx64, file);
	TRY(kernel_get(k, file, M_file_f_mapping, &mapping));
	TRY(kernel_get(k, mapping, M_address_space_host, &host));
	if (inode_is_shmem(k, host))
		return shmem_punch_hole(e, host, first, first + ((end - start) >> shift) - 1);
	TRY(kernel_get(k, file, M_file_f_op, &ops));
	if (HAS(k, file_operations, fallocate))
		TRY(kernel_get(k, ops, M_file_operations_fallocate, &fallocate));
	return fallocate ? error_at(ERR_UNSUPPORTED, file, "a hole in the file would be its file system's to make: that is not followed")
			 : kernel_error(EOPNOTSUPP, "the file system makes no holes: %" PRIx64, file);
}
