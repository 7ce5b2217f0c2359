/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mapping and unmapping on kernels with reverse mapping (mm/mmap.c, later mm/vma.c). mm/mmap.c here has what 2.4
 * does, and hands on.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/shmem_edit.h"
#include "mm/zone.h"

#define PAGE_DOWN(a) ((a) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1))
#define PAGE_UP(a)   PAGE_DOWN((a) + VMCORE_PAGE_SIZE - 1)

struct error *open_mm_pages(struct engine *e, uint64_t mm, struct object *o)
{
	/* Pages come from zones, and go back there. */
	TRY(nodes_open(e->k));
	return object_open_writable(e->k, mm, S_mm_struct, o);
}

struct error *open_mm_areas(struct engine *e, uint64_t mm, struct object *o)
{
	TRY(areas_known(e));
	return open_mm_pages(e, mm, o);
}

/* ---- What a driver is asked ---- */

/* Functions that do nothing to memory. */
static bool does_nothing(const char *name)
{
	return !strcmp(name, "special_mapping_close");
}

struct error *vma_call(struct engine *e, const struct object *vma, enum member_id op, const char *what)
{
	struct kernel *k = e->k;
	struct symbol s;
	uint64_t ops = GET(k, vma, vm_area_struct, vm_ops), function = 0, offset;
	if (!ops)
		return NULL;
	if (k->members[op].present)
		TRY(kernel_get(k, ops, op, &function));
	if (!function)
		return NULL;
	bool named = symbol_at(k, function, &s, &offset) && !offset;
	if (named && does_nothing(s.name))
		return NULL;
	if (named && !strcmp(s.name, "special_mapping_split"))
		return kernel_error(EINVAL, "a special mapping is not split");
	return error_at(ERR_UNSUPPORTED, vma->addr, "area %" PRIx64 ": what its driver does at %s (%s) is not known", vma->addr, what,
			named ? s.name : "no symbol");
}

/* ---- Unmapping ---- */

/* Behind `prev`; 0: the first. */
static struct error *next_vma(struct engine *e, const struct object *mm, uint64_t prev, uint64_t *next)
{
	struct object vma;
	if (!prev)
		return first_vma(e, mm, next);
	TRY(open_vma(e, prev, &vma));
	return vma_after(e, &vma, next);
}

/* Cuts the range out whole: areas that reach beyond are split. *prev: the area before the range. */
static struct error *split_edges(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t vma_addr, uint64_t *prev)
{
	struct kernel *k = e->k;
	struct object vma;
	uint64_t last;
	TRY(open_vma(e, vma_addr, &vma));
	TRY(vma_before(e, &vma, prev));
	if (start > GET(k, &vma, vm_area_struct, vm_start)) {
		if (end < GET(k, &vma, vm_area_struct, vm_end))
			TRY(map_count_limit(e, mm, true));
		TRY(split_vma(e, mm, vma_addr, start, false, false));
		*prev = vma_addr;
	}
	TRY(find_vma(e, mm, end, &last));
	if (!last)
		return NULL;
	TRY(open_vma(e, last, &vma));
	return end > GET(k, &vma, vm_area_struct, vm_start) ? split_vma(e, mm, last, end, true, false) : NULL;
}

/* The next one of those that go: of a detached list, or in the maple tree, where they stay until all is done. `end` 0: all go. */
static struct error *next_gone(struct engine *e, const struct object *vma, uint64_t end, uint64_t *next)
{
	uint64_t start = 0;
	TRY(vma_after(e, vma, next));
	if (!*next || !end || !areas_in_maple_tree(e->k))
		return NULL;
	TRY(kernel_get(e->k, *next, M_vm_area_struct_vm_start, &start));
	*next = start < end ? *next : 0;
	return NULL;
}

/* detach_vmas_to_be_unmapped(): out of the tree and the list, still linked among themselves. */
static struct error *detach(struct engine *e, const struct object *mm, uint64_t first, uint64_t prev, uint64_t end)
{
	struct kernel *k = e->k;
	struct object vma, behind;
	uint64_t at = first, prev_end = 0;
	TRY(open_vma(e, first, &vma));
	SET(k, &vma, vm_area_struct, vm_prev, 0);
	for (uint64_t left = GET(k, mm, mm_struct, map_count);; left--) {
		if (!left)
			return error_at(ERR_BAD_LIST, mm->addr, "mm %" PRIx64 " has more areas than its map_count says", mm->addr);
		TRY(open_vma(e, at, &vma));
		TRY(vma_rb_erase(e, mm, &vma));
		ADD(k, mm, mm_struct, map_count, -1);
		at = GET(k, &vma, vm_area_struct, vm_next);
		if (!at)
			break;
		TRY(open_vma(e, at, &behind));
		if (GET(k, &behind, vm_area_struct, vm_start) >= end)
			break;
	}
	SET(k, &vma, vm_area_struct, vm_next, 0);
	TRY(kernel_write_pointer(k, prev ? prev + OFFSET(k, vm_area_struct, vm_next) : MEMBER_ADDR(k, mm, mm_struct, mmap), at));
	if (at) {
		SET(k, &behind, vm_area_struct, vm_prev, prev);
		TRY(vma_gap_update(e, at));
	} else {
		if (prev)
			TRY(kernel_get(k, prev, M_vm_area_struct_vm_end, &prev_end));
		SET(k, mm, mm_struct, highest_vm_end, prev_end);
	}
	return vmacache_invalidate(e, mm);
}

/* remove_vma() for all of a detached list, or all below `end` (0: all there are, of an mm that ends): their accounts, files, policies. */
static struct error *remove_vma_list(struct engine *e, const struct object *mm, uint64_t at, uint64_t end)
{
	struct kernel *k = e->k;
	uint64_t promised = 0;
	if (GET(k, mm, mm_struct, hiwater_vm) < GET(k, mm, mm_struct, total_vm))
		SET(k, mm, mm_struct, hiwater_vm, GET(k, mm, mm_struct, total_vm));
	while (at) {
		struct object vma;
		TRY(open_vma(e, at, &vma));
		uint64_t flags = GET(k, &vma, vm_area_struct, vm_flags), next, file = GET(k, &vma, vm_area_struct, vm_file),
			 pages = (GET(k, &vma, vm_area_struct, vm_end) - GET(k, &vma, vm_area_struct, vm_start)) >> k->arch->page_shift;
		TRACE(e, "remove_vma", "the area goes", { "vma", at }, { "vm_flags", flags }, { "pages", pages });
		TRY(next_gone(e, &vma, end, &next));
		promised += flags & VM_ACCOUNT ? pages : 0;
		if (end)
			vm_stat_account(e, mm, flags, file, -(int64_t)pages);
		if (end && areas_in_maple_tree(k))
			ADD(k, mm, mm_struct, map_count, -1);
		TRY(vma_call(e, &vma, M_vm_operations_struct_close, "close"));
		if (file)
			TRY(fput(e, file));
		TRY(vma_policy_put(e, &vma));
		TRY(vm_area_free(e, at));
		at = next;
	}
	return vm_unacct_memory(e, promised);
}

/* unmap_region(): pages, then tables, then what maps files and anonymous pages back to these areas. */
static struct error *unmap_region(struct engine *e, const struct object *mm, uint64_t first, uint64_t prev, uint64_t start, uint64_t end)
{
	struct kernel *k = e->k;
	struct object vma;
	uint64_t next, floor = 0, ceiling = 0, from, to;
	TRY(lru_add_drain(e));
	for (uint64_t at = first; at;) {
		TRY(open_vma(e, at, &vma));
		from = GET(k, &vma, vm_area_struct, vm_start), to = GET(k, &vma, vm_area_struct, vm_end);
		TRY(unmap_page_range(e, mm, &vma, from < start ? start : from, end && to > end ? end : to));
		TRY(next_gone(e, &vma, end, &at));
	}
	for (uint64_t at = first; at;) {
		TRY(open_vma(e, at, &vma));
		TRY(unlink_anon_vmas(e, at));
		TRY(unlink_file_vma(e, &vma));
		TRY(next_gone(e, &vma, end, &at));
	}
	if (areas_in_maple_tree(k))
		TRY(vma_after(e, &vma, &next));
	else
		TRY(next_vma(e, mm, prev, &next));
	if (prev)
		TRY(kernel_get(k, prev, M_vm_area_struct_vm_end, &floor));
	/* At the end of all (end 0) the areas still stand in the mm's list: what follows is the first of those that go. */
	if (next && end)
		TRY(kernel_get(k, next, M_vm_area_struct_vm_start, &ceiling));
	return free_pgtables_between(e, mm, start, end, floor, ceiling);
}

struct error *do_munmap_areas(struct engine *e, uint64_t mm_addr, uint64_t start, uint64_t len)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	uint64_t limit, end, first, prev;
	TRY(open_mm_areas(e, mm_addr, &mm));
	limit = GET(k, &mm, mm_struct, task_size);
	if ((start & (VMCORE_PAGE_SIZE - 1)) || start > limit || len > limit - start)
		return kernel_error(EINVAL, "no user range of pages: %" PRIx64 ", %" PRIu64 " bytes", start, len);
	len = PAGE_UP(len);
	if (!len)
		return kernel_error(EINVAL, "nothing to unmap: 0 bytes at %" PRIx64, start);
	end = start + len;
	TRY(find_vma(e, &mm, start, &first));
	if (!first)
		return NULL;
	TRY(open_vma(e, first, &vma));
	if (GET(k, &vma, vm_area_struct, vm_start) >= end)
		return NULL;
	TRY(can_modify_mm(e, first, end));
	TRY(split_edges(e, &mm, start, end, first, &prev));
	TRY(next_vma(e, &mm, prev, &first));
	TRY(munlock_range(e, &mm, first, end));
	if (!areas_in_maple_tree(k))
		TRY(detach(e, &mm, first, prev, end));
	TRY(unmap_region(e, &mm, first, prev, start, end));
	TRY(remove_vma_list(e, &mm, first, end));
	return areas_in_maple_tree(k) ? vma_store(e, &mm, start, end, 0) : NULL;
}

/* ---- Mapping ---- */

static uint64_t calc_vm_flags(unsigned prot, unsigned flags)
{
	/* MAP_GROWSDOWN, MAP_LOCKED and MAP_DENYWRITE have the values of their VM_ flags; the latter is not for users (and, from 5.15 on, for nobody). */
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) | (prot & PROT_EXEC ? VM_EXEC : 0) |
	       (flags & (MAP_GROWSDOWN | MAP_LOCKED | MAP_DENYWRITE));
}

static struct error *file_flags(struct engine *e, uint64_t file, unsigned prot, unsigned flags, uint64_t *vm_flags)
{
	struct kernel *k = e->k;
	unsigned mode;
	uint64_t ops, map;
	TRY(file_open_mode(e, file, &mode));
	if ((flags & MAP_TYPE) == MAP_SHARED) {
		if ((prot & PROT_WRITE) && !(mode & 2))
			return kernel_error(EACCES, "the file is not open for writing");
		*vm_flags |= VM_SHARED | VM_MAYSHARE;
		if (!(mode & 2))
			*vm_flags &= ~(VM_MAYWRITE | VM_SHARED);
	}
	if (!(mode & 1))
		return kernel_error(EACCES, "the file is not open for reading");
	TRY(kernel_get(k, file, M_file_f_op, &ops));
	TRY(kernel_get(k, ops, M_file_operations_mmap, &map));
	if (!map)
		return kernel_error(ENODEV, "files of this kind are not mapped");
	return *vm_flags & VM_GROWSDOWN ? kernel_error(EINVAL, "an area of a file does not grow") : NULL;
}

/* Pages of the range that areas have already. */
static struct error *count_vma_pages_range(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t *pages)
{
	struct kernel *k = e->k;
	uint64_t at;
	*pages = 0;
	TRY(find_vma(e, mm, start, &at));
	for (uint64_t left = GET(k, mm, mm_struct, map_count) + 1; at && left; left--) {
		struct object vma;
		TRY(open_vma(e, at, &vma));
		uint64_t from = GET(k, &vma, vm_area_struct, vm_start), to = GET(k, &vma, vm_area_struct, vm_end);
		if (from >= end)
			break;
		*pages += ((to < end ? to : end) - (from > start ? from : start)) >> k->arch->page_shift;
		TRY(vma_after(e, &vma, &at));
	}
	return NULL;
}

static struct error *new_vma(struct engine *e, uint64_t mm, uint64_t start, uint64_t end, uint64_t flags, uint64_t pgoff, struct object *vma)
{
	struct kernel *k = e->k;
	TRY(vm_area_alloc(e, mm, vma));
	SET(k, vma, vm_area_struct, vm_start, start);
	SET(k, vma, vm_area_struct, vm_end, end);
	SET(k, vma, vm_area_struct, vm_flags, flags);
	SET(k, vma, vm_area_struct, vm_page_prot, vm_get_page_prot(e, flags));
	SET(k, vma, vm_area_struct, vm_pgoff, pgoff);
	return NULL;
}

/* A new or grown area counts as changed wherever the kernel keeps track of that (CONFIG_MEM_SOFT_DIRTY); then its final protection. */
static struct error *finish_area(struct engine *e, const struct object *mm, uint64_t addr, uint64_t flags, uint64_t len, uint64_t soft_dirty)
{
	struct kernel *k = e->k;
	struct object vma;
	TRY(open_vma(e, addr, &vma));
	uint64_t pages = len >> k->arch->page_shift, now = GET(k, &vma, vm_area_struct, vm_flags);
	vm_stat_account(e, mm, flags, GET(k, &vma, vm_area_struct, vm_file), (int64_t)pages);
	if (flags & VM_LOCKED) {
		if (flags & (VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_MIXEDMAP | VM_HUGETLB))
			now &= ~(VM_LOCKED | VM_LOCKONFAULT);
		else
			ADD(k, mm, mm_struct, locked_vm, pages);
	}
	SET(k, &vma, vm_area_struct, vm_flags, now | soft_dirty);
	vma_set_page_prot(e, &vma);
	return NULL;
}

static struct error *mmap_region(struct engine *e, const struct object *mm, uint64_t file, uint64_t addr, uint64_t len, uint64_t flags,
				 uint64_t pgoff)
{
	struct kernel *k = e->k;
	struct vma_place place;
	struct object vma;
	/* Asked before there is an area that has not got it yet. */
	uint64_t pages = len >> k->arch->page_shift, there, merged, soft_dirty = soft_dirty_flag(e, mm);
	if (!may_expand_vm(e, mm, flags, pages)) {
		TRY(count_vma_pages_range(e, mm, addr, addr + len, &there));
		if (!may_expand_vm(e, mm, flags, pages - there))
			return kernel_error(ENOMEM, "%" PRIu64 " pages more would pass RLIMIT_AS or RLIMIT_DATA", pages);
	}
	TRY(do_munmap_areas(e, mm->addr, addr, len));
	if ((flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE) {
		TRY(security_vm_enough_memory_mm(e, mm, pages));
		flags |= VM_ACCOUNT;
	}
	TRY(find_vma_links(e, mm, addr, addr + len, &place));
	TRY(vma_merge(e, mm, place.prev, &(struct vma_request){ addr, addr + len, flags, 0, file, pgoff, 0, NULL, false }, &merged));
	if (merged)
		return finish_area(e, mm, merged, flags, len, soft_dirty);
	TRY(new_vma(e, mm->addr, addr, addr + len, flags, pgoff, &vma));
	if (file) {
		SET(k, &vma, vm_area_struct, vm_file, file);
		get_file(e, file);
		TRY(call_mmap(e, file, &vma));
	} else if (flags & VM_SHARED) {
		TRY(shmem_zero_setup(e, &vma));
	}
	TRY(vma_link(e, mm, &vma, &place));
	TRACE(e, "mmap_region", "a new area", { "vma", vma.addr }, { "vm_start", addr }, { "vm_flags", flags });
	return finish_area(e, mm, vma.addr, flags, len, soft_dirty);
}

static struct error *check_mmap(uint64_t len, unsigned flags, uint64_t pgoff)
{
	unsigned type = flags & MAP_TYPE;
	if (!len)
		return kernel_error(EINVAL, "nothing to map: 0 bytes");
	if (!PAGE_UP(len))
		return kernel_error(ENOMEM, "longer than the address space: %" PRIu64 " bytes", len);
	if (type != MAP_SHARED && type != MAP_PRIVATE)
		return kernel_error(EINVAL, "neither shared nor private");
	if (pgoff + (PAGE_UP(len) >> VMCORE_PAGE_SHIFT) < pgoff)
		return kernel_error(EOVERFLOW, "ends beyond what a file offset can say");
	return NULL;
}

struct error *do_mmap_areas(struct engine *e, uint64_t mm_addr, uint64_t file, uint64_t addr, uint64_t len, unsigned prot, unsigned flags,
			    uint64_t pgoff, uint64_t *result)
{
	struct kernel *k = e->k;
	struct object mm;
	uint64_t vm_flags;
	bool shared = (flags & MAP_TYPE) == MAP_SHARED;
	TRY(check_mmap(len, flags, pgoff));
	if (!file && shared)
		pgoff = 0;
	TRY(open_mm_areas(e, mm_addr, &mm));
	if ((prot & PROT_READ) && reads_imply_exec(e))
		prot |= PROT_EXEC;
	if (!(flags & MAP_FIXED)) {
		addr = PAGE_DOWN(addr);
		if (addr && addr < e->areas.mmap_min_addr)
			addr = PAGE_UP(e->areas.mmap_min_addr);
	}
	len = PAGE_UP(len);
	TRY(map_count_limit(e, &mm, false));
	TRY(get_unmapped_area(e, &mm, file, addr, len, pgoff, flags, &addr));
	vm_flags = calc_vm_flags(prot, flags) | GET(k, &mm, mm_struct, def_flags) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
	if ((flags & MAP_LOCKED) && !rlimit(e, &mm, RESOURCE_MEMLOCK) && !capable(e, &mm, CAPABILITY_IPC_LOCK))
		return kernel_error(EPERM, "the process may lock no memory");
	TRY(mlock_future_check(e, &mm, vm_flags, len, EAGAIN));
	if (file)
		TRY(file_flags(e, file, prot, flags, &vm_flags));
	else if (!shared)
		pgoff = addr >> k->arch->page_shift;
	else if (vm_flags & VM_GROWSDOWN)
		return kernel_error(EINVAL, "shared memory does not grow");
	else
		vm_flags |= VM_SHARED | VM_MAYSHARE;
	if ((flags & MAP_NORESERVE) && !overcommit_never(e))
		vm_flags |= VM_NORESERVE;
	TRY(mmap_region(e, &mm, file, addr, len, vm_flags, pgoff));
	*result = addr;
	return (vm_flags & VM_LOCKED) || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE ? mm_populate(e, &mm, addr, len) : NULL;
}

struct error *insert_vm_struct_areas(struct engine *e, uint64_t mm_addr, uint64_t vma_addr)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	struct vma_place place;
	TRY(open_mm_areas(e, mm_addr, &mm));
	TRY(open_vma(e, vma_addr, &vma));
	uint64_t start = GET(k, &vma, vm_area_struct, vm_start), end = GET(k, &vma, vm_area_struct, vm_end);
	TRY(find_vma_links(e, &mm, start, end, &place));
	if (GET(k, &vma, vm_area_struct, vm_flags) & VM_ACCOUNT)
		TRY(security_vm_enough_memory_mm(e, &mm, (end - start) >> k->arch->page_shift));
	if (!GET(k, &vma, vm_area_struct, vm_ops))
		SET(k, &vma, vm_area_struct, vm_pgoff, start >> k->arch->page_shift);
	return vma_link(e, &mm, &vma, &place);
}

/* ---- The heap ---- */

struct error *do_brk_areas(struct engine *e, uint64_t mm, uint64_t addr, uint64_t len)
{
	return do_brk_flags_areas(e, mm, addr, len, 0);
}

struct error *do_brk_flags_areas(struct engine *e, uint64_t mm_addr, uint64_t addr, uint64_t len, uint64_t flags)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	struct vma_place place;
	uint64_t merged, pages, soft_dirty;
	len = PAGE_UP(len);
	if (!len)
		return NULL;
	TRY(open_mm_areas(e, mm_addr, &mm));
	pages = len >> k->arch->page_shift;
	soft_dirty = soft_dirty_flag(e, &mm);
	flags |= VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT | GET(k, &mm, mm_struct, def_flags);
	/* VM_DATA_DEFAULT_FLAGS: executable for a task that may execute what it reads (READ_IMPLIES_EXEC). */
	flags |= reads_imply_exec(e) ? VM_EXEC : 0;
	TRY(get_unmapped_area(e, &mm, 0, addr, len, 0, MAP_FIXED, &addr));
	TRY(mlock_future_check(e, &mm, flags, len, EAGAIN));
	TRY(do_munmap_areas(e, mm_addr, addr, len));
	if (!may_expand_vm(e, &mm, flags, pages))
		return kernel_error(ENOMEM, "%" PRIu64 " pages more would pass RLIMIT_AS or RLIMIT_DATA", pages);
	TRY(map_count_limit(e, &mm, false));
	TRY(security_vm_enough_memory_mm(e, &mm, pages));
	TRY(find_vma_links(e, &mm, addr, addr + len, &place));
	TRY(vma_merge(e, &mm, place.prev, &(struct vma_request){ addr, addr + len, flags, 0, 0, addr >> k->arch->page_shift, 0, NULL, areas_in_maple_tree(k) },
		      &merged));
	if (!merged) {
		TRY(new_vma(e, mm_addr, addr, addr + len, flags, addr >> k->arch->page_shift, &vma));
		TRY(vma_link(e, &mm, &vma, &place));
		merged = vma.addr;
	}
	TRY(open_vma(e, merged, &vma));
	vm_stat_account(e, &mm, flags, 0, (int64_t)pages);
	if (flags & VM_LOCKED)
		ADD(k, &mm, mm_struct, locked_vm, pages);
	SET(k, &vma, vm_area_struct, vm_flags, GET(k, &vma, vm_area_struct, vm_flags) | soft_dirty);
	return flags & VM_LOCKED ? mm_populate(e, &mm, addr, len) : NULL;
}

/* ---- The end ---- */

struct error *exit_mmap_areas(struct engine *e, uint64_t mm_addr)
{
	struct kernel *k = e->k;
	struct object mm;
	uint64_t first;
	TRY(open_mm_areas(e, mm_addr, &mm));
	TRY(first_vma(e, &mm, &first));
	if (!first)
		return NULL;
	TRY(munlock_range(e, &mm, first, UINT64_MAX));
	/* The mm is nobody's any more: its list and tree stay as they are until it is freed. */
	TRY(unmap_region(e, &mm, first, 0, 0, 0));
	TRY(remove_vma_list(e, &mm, first, 0));
	return areas_in_maple_tree(k) ? vma_tree_destroy(e, &mm) : NULL;
}
