/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas, acting (mm/mmap.c of 2.4): found, linked into the list and the tree, merged, split, unmapped, grown.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/engine.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/mmap_edit.h"
#include "mm/engine/rbtree_edit.h"

#define PAGE_DOWN(a) ((a) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1))
#define PAGE_UP(a)   PAGE_DOWN((a) + VMCORE_PAGE_SIZE - 1)

#define MAX_MAP_COUNT 65536 /* include/linux/sched.h */

/* ---- Finding ---- */

struct error *open_mm(struct engine *e, uint64_t mm, struct object *o)
{
	return object_open_writable(e->k, mm, S_mm_struct, o);
}

struct error *open_vma(struct engine *e, uint64_t vma, struct object *o)
{
	return object_open_writable(e->k, vma, S_vm_area_struct, o);
}

static uint64_t vma_of_node(const struct engine *e, uint64_t node)
{
	return node ? node - OFFSET(e->k, vm_area_struct, vm_rb) : 0;
}

/* Down the tree: the first area that ends above addr, the one before it, and where a new one would hang. */
struct error *find_vma_prepare(struct engine *e, const struct object *mm, uint64_t addr, struct vma_place *place)
{
	struct kernel *k = e->k;
	uint64_t at, last_right = 0;
	if (HAS(k, mm_struct, mm_mt))
		return find_vma_in_tree(e, mm, addr, place);
	*place = (struct vma_place){ .link = MEMBER_ADDR(k, mm, mm_struct, mm_rb) };
	TRY(kernel_read_pointer(k, place->link, &at));
	for (unsigned depth = 0; at; depth++) {
		struct object vma, node;
		if (depth > 128)
			return error_at(ERR_BAD_LIST, mm->addr, "the tree of areas of mm %" PRIx64 " never ends", mm->addr);
		TRY(object_open(k, vma_of_node(e, at), S_vm_area_struct, &vma));
		TRY(object_open(k, at, S_rb_node, &node));
		place->parent = at;
		if (GET(k, &vma, vm_area_struct, vm_end) > addr) {
			place->vma = vma.addr;
			if (GET(k, &vma, vm_area_struct, vm_start) <= addr) {
				place->inside = true;
				return NULL;
			}
			place->link = at + OFFSET(k, rb_node, rb_left);
			at = GET(k, &node, rb_node, rb_left);
		} else {
			last_right = at;
			place->link = at + OFFSET(k, rb_node, rb_right);
			at = GET(k, &node, rb_node, rb_right);
		}
	}
	place->prev = vma_of_node(e, last_right);
	return NULL;
}

struct error *find_vma(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *vma)
{
	struct kernel *k = e->k;
	struct object o;
	struct vma_place place;
	uint64_t cached = GET(k, mm, mm_struct, mmap_cache);
	if (!e->classic)
		return find_vma_areas(e, mm, addr, vma);
	*vma = 0;
	if (cached && object_try_open(k, cached, S_vm_area_struct, &o) && addr < GET(k, &o, vm_area_struct, vm_end) &&
	    addr >= GET(k, &o, vm_area_struct, vm_start)) {
		*vma = cached;
		return NULL;
	}
	TRY(find_vma_prepare(e, mm, addr, &place));
	*vma = place.vma;
	if (place.vma && HAS(k, mm_struct, mmap_cache))
		SET(k, mm, mm_struct, mmap_cache, place.vma);
	return NULL;
}

/* ---- Linking ---- */

/* Areas of programs (VM_DENYWRITE) keep their file from being written: fs.h's deny_write_access(), without the look at who writes. */
struct error *count_denials(struct engine *e, const struct object *vma, int delta)
{
	uint64_t file = GET(e->k, vma, vm_area_struct, vm_file), inode;
	struct object o;
	if (!file || !(GET(e->k, vma, vm_area_struct, vm_flags) & MAP_DENYWRITE))
		return NULL;
	TRY(file_inode(e, file, &inode));
	TRY(object_open_writable(e->k, inode, S_inode, &o));
	ADD(e->k, &o, inode, i_writecount, -delta);
	return NULL;
}

/* The list of a file's areas: i_mmap or i_mmap_shared, by vm_next_share and vm_pprev_share. */
static struct error *link_into_file(struct engine *e, const struct object *vma)
{
	struct kernel *k = e->k;
	uint64_t head, first;
	TRY(file_mapping_list(e, vma, &head));
	if (!head)
		return NULL;
	TRY(count_denials(e, vma, 1));
	TRY(kernel_read_pointer(k, head, &first));
	SET(k, vma, vm_area_struct, vm_next_share, first);
	SET(k, vma, vm_area_struct, vm_pprev_share, head);
	if (first)
		TRY(kernel_write_pointer(k, first + OFFSET(k, vm_area_struct, vm_pprev_share),
					 vma->addr + OFFSET(k, vm_area_struct, vm_next_share)));
	return kernel_write_pointer(k, head, vma->addr);
}

static struct error *unlink_from_file(struct engine *e, const struct object *vma)
{
	struct kernel *k = e->k;
	uint64_t next = GET(k, vma, vm_area_struct, vm_next_share), pprev = GET(k, vma, vm_area_struct, vm_pprev_share);
	if (!GET(k, vma, vm_area_struct, vm_file) || !pprev)
		return NULL;
	TRY(count_denials(e, vma, -1));
	if (next)
		TRY(kernel_write_pointer(k, next + OFFSET(k, vm_area_struct, vm_pprev_share), pprev));
	SET(k, vma, vm_area_struct, vm_pprev_share, 0);
	return kernel_write_pointer(k, pprev, next);
}

static struct error *link_at(struct engine *e, const struct object *mm, const struct object *vma,
			     const struct vma_place *place)
{
	struct kernel *k = e->k;
	uint64_t from = place->prev ? place->prev + OFFSET(k, vm_area_struct, vm_next) : MEMBER_ADDR(k, mm, mm_struct, mmap), next;
	TRY(kernel_read_pointer(k, from, &next));
	SET(k, vma, vm_area_struct, vm_next, next);
	TRY(kernel_write_pointer(k, from, vma->addr));
	TRY(rb_insert(k, MEMBER_ADDR(k, mm, mm_struct, mm_rb), MEMBER_ADDR(k, vma, vm_area_struct, vm_rb), place->parent, place->link));
	TRY(link_into_file(e, vma));
	ADD(k, mm, mm_struct, map_count, 1);
	return NULL;
}

struct error *insert_vm_struct(struct engine *e, uint64_t mm_addr, uint64_t vma_addr)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	struct vma_place place;
	if (!e->classic)
		return insert_vm_struct_areas(e, mm_addr, vma_addr);
	TRY(open_mm(e, mm_addr, &mm));
	TRY(open_vma(e, vma_addr, &vma));
	TRY(find_vma_prepare(e, &mm, GET(k, &vma, vm_area_struct, vm_start), &place));
	if (place.inside)
		return error_at(ERR_BAD_OBJECT, vma_addr, "areas would overlap at %" PRIx64, GET(k, &vma, vm_area_struct, vm_start));
	return link_at(e, &mm, &vma, &place);
}

struct error *unlink_vma(struct engine *e, const struct object *mm, const struct object *vma, uint64_t prev)
{
	struct kernel *k = e->k;
	uint64_t from = prev ? prev + OFFSET(k, vm_area_struct, vm_next) : MEMBER_ADDR(k, mm, mm_struct, mmap);
	TRY(kernel_write_pointer(k, from, GET(k, vma, vm_area_struct, vm_next)));
	TRY(rb_erase(k, MEMBER_ADDR(k, mm, mm_struct, mm_rb), MEMBER_ADDR(k, vma, vm_area_struct, vm_rb)));
	TRY(unlink_from_file(e, vma));
	ADD(k, mm, mm_struct, map_count, -1);
	if (GET(k, mm, mm_struct, mmap_cache) == vma->addr)
		SET(k, mm, mm_struct, mmap_cache, prev);
	return NULL;
}

struct error *previous_vma(struct engine *e, const struct object *mm, uint64_t start, uint64_t *prev)
{
	struct vma_place place;
	*prev = 0;
	if (!start)
		return NULL;
	TRY(find_vma_prepare(e, mm, start - 1, &place));
	*prev = place.inside ? place.vma : place.prev;
	return NULL;
}

/* ---- Merging ---- */

bool can_vma_merge(const struct kernel *k, const struct object *vma, uint64_t flags)
{
	return !GET(k, vma, vm_area_struct, vm_file) && !GET(k, vma, vm_area_struct, vm_ops) &&
	       GET(k, vma, vm_area_struct, vm_flags) == flags;
}

/* vma_merge(): extends the neighbour before or after, or joins the two. */
static struct error *vma_merge(struct engine *e, const struct object *mm, uint64_t prev_addr, uint64_t start, uint64_t end,
			       uint64_t flags, bool *merged)
{
	struct kernel *k = e->k;
	struct object prev, next;
	uint64_t next_addr;
	*merged = false;
	if (flags & VM_SHARED)
		return NULL;
	if (prev_addr) {
		TRY(open_vma(e, prev_addr, &prev));
		next_addr = GET(k, &prev, vm_area_struct, vm_next);
	} else {
		next_addr = GET(k, mm, mm_struct, mmap);
	}
	if (next_addr)
		TRY(open_vma(e, next_addr, &next));
	bool before = prev_addr && GET(k, &prev, vm_area_struct, vm_end) == start && can_vma_merge(k, &prev, flags);
	bool after = next_addr && GET(k, &next, vm_area_struct, vm_start) == end && can_vma_merge(k, &next, flags);
	TRACE(e, "vma_merge", before && after ? "joins both neighbours" : before ? "extends the area before" :
			      after ? "extends the area after" : "no neighbour fits",
	      { "prev", prev_addr }, { "next", next_addr }, { "vm_flags", flags });
	if (!before && !after)
		return NULL;
	*merged = true;
	if (!before) {
		SET(k, &next, vm_area_struct, vm_start, start);
		return NULL;
	}
	if (!after) {
		SET(k, &prev, vm_area_struct, vm_end, end);
		return NULL;
	}
	SET(k, &prev, vm_area_struct, vm_end, GET(k, &next, vm_area_struct, vm_end));
	TRY(unlink_vma(e, mm, &next, prev_addr));
	return kmem_cache_free(e, e->vm_area_cachep, next_addr);
}

/* ---- Unmapping ---- */

static struct error *release_file(struct engine *e, const struct object *vma)
{
	uint64_t file = GET(e->k, vma, vm_area_struct, vm_file);
	return file ? fput(e, file) : NULL;
}

/* free_pgtables(): the tables of whole directory entries that no area needs any more. */
static struct error *free_pgtables(struct engine *e, const struct object *mm, uint64_t start, uint64_t end)
{
	struct kernel *k = e->k;
	struct vma_place place;
	struct object o;
	unsigned shift = k->geometry.level[0].shift;
	uint64_t prev_end = 0, next_start = 0;
	TRY(previous_vma(e, mm, start, &place.prev));
	if (place.prev) {
		TRY(object_open(k, place.prev, S_vm_area_struct, &o));
		prev_end = GET(k, &o, vm_area_struct, vm_end);
	}
	TRY(find_vma_prepare(e, mm, end ? end - 1 : 0, &place));
	if (place.vma) {
		TRY(object_open(k, place.vma, S_vm_area_struct, &o));
		next_start = GET(k, &o, vm_area_struct, vm_start);
	}
	uint64_t step = 1ull << shift, first = (start & ~(step - 1)), last = (end + step - 1) & ~(step - 1);
	if (prev_end > first)
		first = (prev_end + step - 1) & ~(step - 1);
	if (next_start && next_start < last)
		last = next_start & ~(step - 1);
	return first < last ? clear_page_tables(e, mm, first, last) : NULL;
}

/* The part of an area that is left above a hole: in *extra, which is used up by that. */
static struct error *area_above(struct engine *e, const struct object *area, uint64_t end, uint64_t *extra)
{
	struct kernel *k = e->k;
	struct object upper;
	uint64_t file = GET(k, area, vm_area_struct, vm_file), start = GET(k, area, vm_area_struct, vm_start), addr = *extra;
	*extra = 0;
	TRY(open_vma(e, addr, &upper));
	memcpy((void *)upper.bytes, area->bytes, SIZE_OF(k, vm_area_struct));
	SET(k, &upper, vm_area_struct, vm_start, end);
	SET(k, &upper, vm_area_struct, vm_pgoff, GET(k, area, vm_area_struct, vm_pgoff) + ((end - start) >> k->arch->page_shift));
	SET(k, &upper, vm_area_struct, vm_raend, 0);
	if (file)
		get_file(e, file);
	return NULL;
}

/*
 * What is left of an area, which is on no list any more, without [start, end): nothing, one end (the same object stays), or two, for which *extra is
 * used.
 */
static struct error *unmap_fixup(struct engine *e, const struct object *mm, const struct object *area, uint64_t start, uint64_t end, uint64_t *extra)
{
	struct kernel *k = e->k;
	uint64_t first = GET(k, area, vm_area_struct, vm_start), last = GET(k, area, vm_area_struct, vm_end), above = 0;
	int64_t pages = (int64_t)((end - start) >> k->arch->page_shift);
	ADD(k, mm, mm_struct, total_vm, -pages);
	if (GET(k, area, vm_area_struct, vm_flags) & VM_LOCKED)
		ADD(k, mm, mm_struct, locked_vm, -pages);
	TRACE(e, "unmap_fixup", start == first && end == last ? "the area goes" : start == first || end == last ? "one end of it stays" : "a hole in it",
	      { "area", area->addr }, { "vm_start", first }, { "vm_end", last });
	if (start == first && end == last) {
		TRY(release_file(e, area));
		return kmem_cache_free(e, e->vm_area_cachep, area->addr);
	}
	if (end == last) {
		SET(k, area, vm_area_struct, vm_end, start);
	} else if (start == first) {
		ADD(k, area, vm_area_struct, vm_pgoff, pages);
		SET(k, area, vm_area_struct, vm_start, end);
	} else {
		above = *extra;
		TRY(area_above(e, area, end, extra));
		SET(k, area, vm_area_struct, vm_end, start);
		TRY(insert_vm_struct(e, mm->addr, above));
	}
	return insert_vm_struct(e, mm->addr, area->addr);
}

/* Takes every area with a part below `end` off list and tree, from *at on, which stands at `from`; *removed is a list of them, the last one first. */
static struct error *detach_areas(struct engine *e, const struct object *mm, uint64_t from, uint64_t at, uint64_t end, uint64_t *removed)
{
	struct kernel *k = e->k;
	uint64_t last = 0;
	*removed = 0;
	while (at) {
		struct object vma;
		TRY(open_vma(e, at, &vma));
		uint64_t start = GET(k, &vma, vm_area_struct, vm_start), next = GET(k, &vma, vm_area_struct, vm_next);
		if (start >= end)
			break;
		if (start < last || GET(k, &vma, vm_area_struct, vm_end) <= start || GET(k, &vma, vm_area_struct, vm_end) > k->page_offset)
			return error_at(ERR_BAD_OBJECT, at, "area is damaged: %" PRIx64, at);
		last = GET(k, &vma, vm_area_struct, vm_end);
		TRY(kernel_write_pointer(k, from, next));
		SET(k, &vma, vm_area_struct, vm_next, *removed);
		*removed = at;
		TRY(rb_erase(k, MEMBER_ADDR(k, mm, mm_struct, mm_rb), MEMBER_ADDR(k, &vma, vm_area_struct, vm_rb)));
		at = next;
	}
	return NULL;
}

static struct error *unmap_areas(struct engine *e, const struct object *mm, uint64_t removed, uint64_t addr, uint64_t end, uint64_t *extra)
{
	struct kernel *k = e->k;
	while (removed) {
		struct object vma;
		TRY(open_vma(e, removed, &vma));
		uint64_t start = GET(k, &vma, vm_area_struct, vm_start), stop = GET(k, &vma, vm_area_struct, vm_end);
		removed = GET(k, &vma, vm_area_struct, vm_next);
		if (start < addr)
			start = addr;
		if (stop > end)
			stop = end;
		TRY(unlink_from_file(e, &vma));
		ADD(k, mm, mm_struct, map_count, -1);
		TRY(zap_page_range(e, mm->addr, start, stop - start));
		TRY(unmap_fixup(e, mm, &vma, start, stop, extra));
	}
	return NULL;
}

struct error *do_munmap(struct engine *e, uint64_t mm_addr, uint64_t addr, uint64_t len)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	struct vma_place place;
	uint64_t end, prev, removed, extra;
	if (!e->classic)
		return do_munmap_areas(e, mm_addr, addr, len);
	if ((addr & (VMCORE_PAGE_SIZE - 1)) || addr > k->page_offset || len > k->page_offset - addr)
		return kernel_error(EINVAL, "no user range of pages: %" PRIx64 ", %" PRIu64 " bytes", addr, len);
	len = PAGE_UP(len);
	if (!len)
		return kernel_error(EINVAL, "nothing to unmap: 0 bytes at %" PRIx64, addr);
	end = addr + len;
	TRY(open_mm(e, mm_addr, &mm));
	TRY(find_vma_prepare(e, &mm, addr, &place));
	if (place.vma)
		TRY(object_open(k, place.vma, S_vm_area_struct, &vma));
	if (!place.vma || GET(k, &vma, vm_area_struct, vm_start) >= end)
		return NULL;
	if (GET(k, &vma, vm_area_struct, vm_start) < addr && GET(k, &vma, vm_area_struct, vm_end) > end &&
	    GET(k, &mm, mm_struct, map_count) >= MAX_MAP_COUNT)
		return kernel_error(ENOMEM, "the process has too many areas for a hole in one");
	/* A hole takes one more; this is the last chance to fail. */
	TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &extra));
	TRY(previous_vma(e, &mm, GET(k, &vma, vm_area_struct, vm_start), &prev));
	TRY(detach_areas(e, &mm, prev ? prev + OFFSET(k, vm_area_struct, vm_next) : MEMBER_ADDR(k, &mm, mm_struct, mmap), place.vma, end, &removed));
	SET(k, &mm, mm_struct, mmap_cache, 0);
	TRY(unmap_areas(e, &mm, removed, addr, end, &extra));
	if (extra)
		TRY(kmem_cache_free(e, e->vm_area_cachep, extra));
	return free_pgtables(e, &mm, addr, end);
}

/* ---- Mapping ---- */

static uint64_t calc_vm_flags(unsigned prot, unsigned flags)
{
	/* MAP_GROWSDOWN, MAP_DENYWRITE and MAP_EXECUTABLE have the values of their VM_ flags. */
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) | (prot & PROT_EXEC ? VM_EXEC : 0) |
	       (flags & (MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE));
}

/* arch_get_unmapped_area(): the hint if nothing is there, else the first hole from a third of the user's part up. */
struct error *arch_get_unmapped_area(struct engine *e, const struct object *mm, uint64_t addr, uint64_t len, bool fixed, uint64_t *out)
{
	struct kernel *k = e->k;
	uint64_t limit = k->page_offset, at;
	struct object vma;
	if (len > limit)
		return kernel_error(EINVAL, "longer than the user's address space: %" PRIu64 " bytes", len);
	if (fixed) {
		if (addr > limit - len)
			return kernel_error(ENOMEM, "ends in the kernel's part: %" PRIx64, addr);
		if (addr & (VMCORE_PAGE_SIZE - 1))
			return kernel_error(EINVAL, "not at a page's start: %" PRIx64, addr);
		*out = addr;
		return NULL;
	}
	addr = PAGE_UP(addr);
	if (addr) {
		TRY(find_vma(e, mm, addr, &at));
		if (at)
			TRY(object_open(k, at, S_vm_area_struct, &vma));
		if (addr <= limit - len && (!at || addr + len <= GET(k, &vma, vm_area_struct, vm_start))) {
			*out = addr;
			return NULL;
		}
	}
	addr = PAGE_UP(limit / 3);
	TRY(find_vma(e, mm, addr, &at));
	while (addr <= limit - len) {
		if (at)
			TRY(object_open(k, at, S_vm_area_struct, &vma));
		if (!at || addr + len <= GET(k, &vma, vm_area_struct, vm_start)) {
			*out = addr;
			return NULL;
		}
		if (GET(k, &vma, vm_area_struct, vm_end) <= addr)
			return error_at(ERR_BAD_LIST, at, "areas of mm %" PRIx64 " out of order: %" PRIx64, mm->addr, at);
		addr = GET(k, &vma, vm_area_struct, vm_end);
		at = GET(k, &vma, vm_area_struct, vm_next);
	}
	return kernel_error(ENOMEM, "no hole of %" PRIu64 " bytes in the address space", len);
}

/* What may be mapped of a file, and with which flags. */
static struct error *file_flags(struct engine *e, uint64_t file, unsigned prot, unsigned flags, uint64_t *vm_flags)
{
	unsigned mode;
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
	return NULL;
}

static struct error *check_mmap(const struct engine *e, uint64_t len, unsigned flags, uint64_t pgoff)
{
	unsigned type = flags & MAP_TYPE;
	if (!len)
		return kernel_error(EINVAL, "nothing to map: 0 bytes");
	if (type != MAP_SHARED && type != MAP_PRIVATE)
		return kernel_error(EINVAL, "neither shared nor private");
	if (pgoff + (len >> e->k->arch->page_shift) > UINT32_MAX)
		return kernel_error(EOVERFLOW, "ends beyond what a file offset can say");
	return NULL;
}

static struct error *make_vma(struct engine *e, uint64_t mm, uint64_t start, uint64_t end, uint64_t vm_flags, uint64_t file,
			      uint64_t pgoff, uint64_t *out)
{
	struct kernel *k = e->k;
	struct object vma;
	TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, out));
	TRY(open_vma(e, *out, &vma));
	memset((void *)vma.bytes, 0, vma.size);
	SET(k, &vma, vm_area_struct, vm_mm, mm);
	SET(k, &vma, vm_area_struct, vm_start, start);
	SET(k, &vma, vm_area_struct, vm_end, end);
	SET(k, &vma, vm_area_struct, vm_flags, vm_flags);
	SET(k, &vma, vm_area_struct, vm_page_prot, vm_get_page_prot(e, vm_flags));
	SET(k, &vma, vm_area_struct, vm_pgoff, pgoff);
	if (file) {
		SET(k, &vma, vm_area_struct, vm_file, file);
		SET(k, &vma, vm_area_struct, vm_ops, symbol_addr(k, "generic_file_vm_ops"));
		get_file(e, file);
	}
	return NULL;
}

struct error *do_mmap_pgoff(struct engine *e, uint64_t mm_addr, uint64_t file, uint64_t addr, uint64_t len, unsigned prot,
			    unsigned flags, uint64_t pgoff, uint64_t *result)
{
	struct kernel *k = e->k;
	struct object mm;
	struct vma_place place;
	uint64_t vm_flags, vma;
	bool merged = false;
	if (!e->classic)
		return do_mmap_areas(e, mm_addr, file, addr, len, prot, flags, pgoff, result);
	TRY(check_mmap(e, len, flags, pgoff));
	len = PAGE_UP(len);
	TRY(open_mm(e, mm_addr, &mm));
	if (GET(k, &mm, mm_struct, map_count) > MAX_MAP_COUNT)
		return kernel_error(ENOMEM, "the process has too many areas");
	TRY(arch_get_unmapped_area(e, &mm, addr, len, flags & MAP_FIXED, &addr));
	vm_flags = calc_vm_flags(prot, flags) | GET(k, &mm, mm_struct, def_flags) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
	if (flags & MAP_LOCKED)
		vm_flags |= VM_LOCKED;
	if ((vm_flags & VM_LOCKED) && (GET(k, &mm, mm_struct, locked_vm) << k->arch->page_shift) + len > rlimit_of(e, e->task, RESOURCE_MEMLOCK))
		return kernel_error(EAGAIN, "more locked memory than RLIMIT_MEMLOCK allows");
	if (file)
		TRY(file_flags(e, file, prot, flags, &vm_flags));
	else if ((flags & MAP_TYPE) == MAP_SHARED)
		/* Shared memory of no file is a file of shmem, which this machine does not have. */
		return kernel_error(ENODEV, "shared memory of no file needs shmem, which this machine lacks");
	TRY(do_munmap(e, mm_addr, addr, len));
	if ((vm_flags & (VM_SHARED | VM_WRITE)) == VM_WRITE && !(flags & MAP_NORESERVE))
		TRY(vm_enough_memory(e, len >> k->arch->page_shift));
	TRY(find_vma_prepare(e, &mm, addr, &place));
	if (!file)
		TRY(vma_merge(e, &mm, place.prev, addr, addr + len, vm_flags, &merged));
	if (!merged) {
		TRY(make_vma(e, mm_addr, addr, addr + len, vm_flags, file, pgoff, &vma));
		TRY(insert_vm_struct(e, mm_addr, vma));
		TRACE(e, "do_mmap_pgoff", "a new area", { "vma", vma }, { "vm_start", addr }, { "vm_flags", vm_flags });
	}
	ADD(k, &mm, mm_struct, total_vm, (int64_t)(len >> k->arch->page_shift));
	*result = addr;
	return lock_new_pages(e, &mm, vm_flags, addr, len);
}

/* ---- The heap ---- */

struct error *do_brk(struct engine *e, uint64_t mm_addr, uint64_t addr, uint64_t len)
{
	struct kernel *k = e->k;
	struct object mm;
	struct vma_place place;
	uint64_t vma, vm_flags;
	bool merged;
	if (!e->classic)
		return do_brk_areas(e, mm_addr, addr, len);
	len = PAGE_UP(len);
	if (!len)
		return NULL;
	if (addr > k->page_offset || len > k->page_offset - addr)
		return kernel_error(EINVAL, "ends in the kernel's part: %" PRIx64, addr);
	TRY(open_mm(e, mm_addr, &mm));
	TRY(do_munmap(e, mm_addr, addr, len));
	TRY(vm_enough_memory(e, len >> k->arch->page_shift));
	TRY(find_vma_prepare(e, &mm, addr, &place));
	vm_flags = VM_READ | VM_WRITE | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | GET(k, &mm, mm_struct, def_flags);
	TRY(vma_merge(e, &mm, place.prev, addr, addr + len, vm_flags, &merged));
	if (!merged) {
		TRY(make_vma(e, mm_addr, addr, addr + len, vm_flags, 0, 0, &vma));
		TRY(insert_vm_struct(e, mm_addr, vma));
	}
	ADD(k, &mm, mm_struct, total_vm, (int64_t)(len >> k->arch->page_shift));
	return lock_new_pages(e, &mm, vm_flags, addr, len);
}

struct error *sys_brk(struct engine *e, uint64_t mm_addr, uint64_t brk, uint64_t *result)
{
	struct kernel *k = e->k;
	struct object mm;
	struct vma_place place;
	if (!e->classic)
		return sys_brk_areas(e, mm_addr, brk, result);
	TRY(open_mm(e, mm_addr, &mm));
	uint64_t old = PAGE_UP(GET(k, &mm, mm_struct, brk)), now = PAGE_UP(brk);
	*result = GET(k, &mm, mm_struct, brk);
	if (!brk)
		return NULL;
	if (brk < GET(k, &mm, mm_struct, end_code))
		return kernel_error(EINVAL, "below the end of the code: %" PRIx64, brk);
	if (now < old) {
		TRY(do_munmap(e, mm_addr, now, old - now));
	} else if (now > old) {
		TRY(find_vma_prepare(e, &mm, old, &place));
		if (place.vma) {
			struct object next;
			TRY(object_open(k, place.vma, S_vm_area_struct, &next));
			if (place.inside || GET(k, &next, vm_area_struct, vm_start) < now + VMCORE_PAGE_SIZE)
				return kernel_error(ENOMEM, "another area is in the way: %" PRIx64, place.vma);
		}
		TRY(do_brk(e, mm_addr, old, now - old));
	}
	SET(k, &mm, mm_struct, brk, brk);
	*result = brk;
	return NULL;
}

/* ---- The stack ---- */

struct error *expand_stack(struct engine *e, uint64_t task, const struct object *mm, uint64_t vma_addr, uint64_t addr)
{
	struct kernel *k = e->k;
	struct object vma;
	if (!e->classic)
		return expand_downwards(e, mm, vma_addr, addr);
	TRY(open_vma(e, vma_addr, &vma));
	addr = PAGE_DOWN(addr);
	uint64_t start = GET(k, &vma, vm_area_struct, vm_start), end = GET(k, &vma, vm_area_struct, vm_end);
	uint64_t grow = (start - addr) >> k->arch->page_shift, stack = rlimit_of(e, task, RESOURCE_STACK), space = rlimit_of(e, task, RESOURCE_AS);
	uint64_t total = (GET(k, mm, mm_struct, total_vm) + grow) << k->arch->page_shift;
	TRACE(e, "expand_stack", end - addr > stack ? "beyond RLIMIT_STACK" : total > space ? "beyond RLIMIT_AS" : "the area grows down",
	      { "address", addr }, { "vma->vm_start", start }, { "pages", grow });
	if (end - addr > stack)
		return kernel_error(ENOMEM, "the stack would pass its limit of %" PRIu64 " bytes", stack);
	if (total > space)
		return kernel_error(ENOMEM, "the task would have %" PRIu64 " bytes, more than RLIMIT_AS allows", total);
	SET(k, &vma, vm_area_struct, vm_start, addr);
	SET(k, &vma, vm_area_struct, vm_pgoff, GET(k, &vma, vm_area_struct, vm_pgoff) - grow);
	ADD(k, mm, mm_struct, total_vm, (int64_t)grow);
	if (GET(k, &vma, vm_area_struct, vm_flags) & VM_LOCKED)
		ADD(k, mm, mm_struct, locked_vm, (int64_t)grow);
	return NULL;
}

/* ---- The end ---- */

struct error *exit_mmap(struct engine *e, uint64_t mm_addr)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	uint64_t at;
	if (!e->classic)
		return exit_mmap_areas(e, mm_addr);
	TRY(open_mm(e, mm_addr, &mm));
	at = GET(k, &mm, mm_struct, mmap);
	SET(k, &mm, mm_struct, mmap, 0);
	SET(k, &mm, mm_struct, mm_rb, 0);
	SET(k, &mm, mm_struct, mmap_cache, 0);
	SET(k, &mm, mm_struct, total_vm, 0);
	SET(k, &mm, mm_struct, locked_vm, 0);
	for (uint64_t count = GET(k, &mm, mm_struct, map_count); at; count--) {
		if (!count)
			return error_at(ERR_BAD_LIST, mm_addr, "mm %" PRIx64 " has more areas than its map_count says", mm_addr);
		TRY(open_vma(e, at, &vma));
		uint64_t start = GET(k, &vma, vm_area_struct, vm_start), next = GET(k, &vma, vm_area_struct, vm_next);
		TRY(unlink_from_file(e, &vma));
		TRY(zap_page_range(e, mm_addr, start, GET(k, &vma, vm_area_struct, vm_end) - start));
		TRY(release_file(e, &vma));
		TRY(kmem_cache_free(e, e->vm_area_cachep, at));
		at = next;
	}
	SET(k, &mm, mm_struct, map_count, 0);
	return clear_page_tables(e, &mm, 0, k->page_offset);
}
