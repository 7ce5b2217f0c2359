/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a mapping goes that asks for no address: the first hole that fits, from above or from below, found by the gaps that the tree of areas keeps
 * (mm/mmap.c: unmapped_area(); arch/x86/kernel/sys_x86_64.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/areas_edit.h"
#include "mm/maple.h"
#include "mm/rbtree.h"

#define MMF_TOPDOWN 31 /* include/linux/sched/coredump.h, later mm_types.h */

struct unmapped_area_info {
	bool topdown;
	uint64_t length, low_limit, high_limit, align_mask, align_offset;
};

/* An area on the way through the tree. */
struct at {
	struct object o, node;
	uint64_t gap_start, gap_end; /* the hole below it */
};

static struct error *go_to(struct engine *e, uint64_t node, struct at *at)
{
	struct kernel *k = e->k;
	uint64_t prev;
	TRY(object_open(k, node - OFFSET(k, vm_area_struct, vm_rb), S_vm_area_struct, &at->o));
	TRY(object_open(k, node, S_rb_node, &at->node));
	at->gap_end = vm_start_gap(e, &at->o);
	at->gap_start = 0;
	prev = GET(k, &at->o, vm_area_struct, vm_prev);
	return prev ? kernel_get(k, prev, M_vm_area_struct_vm_end, &at->gap_start) : NULL;
}

static uint64_t child(struct engine *e, const struct at *at, bool right)
{
	return right ? GET(e->k, &at->node, rb_node, rb_right) : GET(e->k, &at->node, rb_node, rb_left);
}

static uint64_t subtree_gap(struct engine *e, uint64_t node)
{
	uint64_t gap, area = node - OFFSET(e->k, vm_area_struct, vm_rb);
	return node && !error_drop(kernel_get(e->k, area, M_vm_area_struct_rb_subtree_gap, &gap)) ? gap : 0;
}

/* One side of the tree first (the lower addresses, or from above the higher ones); the same walk, mirrored. */
static struct error *search(struct engine *e, uint64_t root, const struct unmapped_area_info *i, uint64_t length, struct at *at, bool *found)
{
	uint64_t high = i->high_limit - length, low = i->low_limit + length;
	bool first = i->topdown, down = true;
	*found = false;
	if (subtree_gap(e, root) < length)
		return NULL;
	TRY(go_to(e, root, at));
	for (unsigned steps = 0; steps < RBTREE_MAX_NODES; steps++) {
		if (down && (i->topdown ? at->gap_start <= high : at->gap_end >= low) && subtree_gap(e, child(e, at, first)) >= length) {
			TRY(go_to(e, child(e, at, first), at));
			continue;
		}
		/* Beyond the limits there is nothing more. */
		if (i->topdown ? at->gap_end < low : at->gap_start > high)
			return NULL;
		if (at->gap_start <= high && at->gap_end >= low && at->gap_end > at->gap_start && at->gap_end - at->gap_start >= length) {
			*found = true;
			return NULL;
		}
		down = subtree_gap(e, child(e, at, !first)) >= length;
		if (down) {
			TRY(go_to(e, child(e, at, !first), at));
			continue;
		}
		/* Up, until from the side that was searched first. */
		for (uint64_t from = at->node.addr;;) {
			uint64_t up = GET(e->k, &at->node, rb_node, rb_parent_color) & ~3ull;
			if (!up || steps++ > RBTREE_MAX_NODES)
				return NULL;
			TRY(go_to(e, up, at));
			if (child(e, at, first) == from)
				break;
			from = up;
		}
	}
	return error_at(ERR_BAD_LIST, root, "the tree of areas at %" PRIx64 " never ends", root);
}

/* In a maple tree. A stack keeps a guard below itself, which the tree does not know of: behind that, on. */
static struct error *search_maple(struct engine *e, const struct object *mm, const struct unmapped_area_info *i, uint64_t length, uint64_t *addr, bool *found)
{
	struct kernel *k = e->k;
	uint64_t low = i->low_limit, high = i->high_limit - 1, tree = MEMBER_ADDR(k, mm, mm_struct, mm_mt), first, last;
	struct vma_place next;
	struct object above;
	for (unsigned n = 0; n < RBTREE_MAX_NODES; n++) {
		TRY(maple_find_hole(k, tree, low, high, length, i->topdown, &first, &last, found));
		if (!*found)
			return NULL;
		if (i->topdown) {
			*addr = last + 1 - i->length;
			*addr -= (*addr - i->align_offset) & i->align_mask;
		} else {
			*addr = first + ((i->align_offset - first) & i->align_mask);
		}
		TRY(find_vma_in_tree(e, mm, last, &next));
		if (!next.vma)
			return NULL;
		TRY(object_open(k, next.vma, S_vm_area_struct, &above));
		uint64_t guarded = vm_start_gap(e, &above);
		if (i->topdown ? guarded > last : guarded >= *addr + i->length)
			return NULL;
		if (!i->topdown)
			low = GET(k, &above, vm_area_struct, vm_end);
		else if (guarded)
			high = guarded - 1;
		if (i->topdown ? !guarded || high < low : low > high)
			break;
	}
	*found = false;
	return NULL;
}

static struct error *no_room(uint64_t len)
{
	return kernel_error(ENOMEM, "no hole of %" PRIu64 " bytes in the address space", len);
}

static struct error *vm_unmapped_area(struct engine *e, const struct object *mm, const struct unmapped_area_info *i, uint64_t *addr)
{
	struct kernel *k = e->k;
	struct at at;
	uint64_t length = i->length + i->align_mask, root, highest = GET(k, mm, mm_struct, highest_vm_end), start, end;
	bool found;
	if (length < i->length || i->high_limit < length || i->low_limit > i->high_limit - length)
		return no_room(i->length);
	if (areas_in_maple_tree(k)) {
		TRY(search_maple(e, mm, i, length, addr, &found));
		if (!found)
			return no_room(i->length);
		TRACE(e, "vm_unmapped_area", i->topdown ? "the highest hole that fits" : "the lowest hole that fits", { "length", i->length }, { "addr", *addr });
		return NULL;
	}
	TRY(kernel_read_pointer(k, MEMBER_ADDR(k, mm, mm_struct, mm_rb), &root));
	start = highest;
	end = i->high_limit;
	bool above = highest <= i->high_limit - length;
	if (!i->topdown || !above) {
		TRY(search(e, root, i, length, &at, &found));
		if (found) {
			start = at.gap_start;
			end = at.gap_end < i->high_limit ? at.gap_end : i->high_limit;
		} else if (!above || i->topdown) {
			return no_room(i->length);
		}
	}
	if (i->topdown) {
		end -= i->length;
		*addr = end - ((end - i->align_offset) & i->align_mask);
	} else {
		start = start > i->low_limit ? start : i->low_limit;
		*addr = start + ((i->align_offset - start) & i->align_mask);
	}
	TRACE(e, "vm_unmapped_area", i->topdown ? "the highest hole that fits" : "the lowest hole that fits", { "length", i->length }, { "addr", *addr });
	return NULL;
}

/* ---- x86 ---- */

#define DEFAULT_MAP_WINDOW ((1ull << 47) - VMCORE_PAGE_SIZE)

/* va_align: mappings of files spread over the lines of a shared instruction cache (AMD family 15h). */
static void align_file(struct engine *e, struct unmapped_area_info *i, bool is_64bit)
{
	uint64_t at = symbol_addr(e->k, "va_align"), flags, mask, bits;
	if (!at || error_drop(kernel_read_uint(e->k, at, 4, &flags)) || (int32_t)flags < 0 || !(flags & (is_64bit ? 2 : 1)) ||
	    error_drop(kernel_read_pointer(e->k, at + 8, &mask)) || error_drop(kernel_read_pointer(e->k, at + 16, &bits)))
		return;
	i->align_mask = mask;
	i->align_offset += bits;
}

/* A request as mmap() makes it. */
struct request {
	const struct object *mm;
	uint64_t file, addr, len, pgoff;
	unsigned flags;
};

static bool is_topdown(const struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	/* Since 6.10 a flag of the mm says which (MMF_TOPDOWN). */
	return HAS(k, mm_struct, get_unmapped_area) ? GET(k, mm, mm_struct, get_unmapped_area) != symbol_addr(k, "arch_get_unmapped_area")
						    : GET(k, mm, mm_struct, flags) >> MMF_TOPDOWN & 1;
}

/* mm_get_unmapped_area(): at the address that is wished, if it is free; else the mm's own way, from above or from below. */
static struct error *mm_get_unmapped_area(struct engine *e, const struct request *r, uint64_t *out)
{
	struct kernel *k = e->k;
	const struct object *mm = r->mm;
	uint64_t limit = GET(k, mm, mm_struct, task_size), how = GET(k, mm, mm_struct, get_unmapped_area), addr = r->addr, len = r->len;
	bool is_64bit = limit > 1ull << 32, topdown = is_topdown(e, mm);
	struct vma_place place;
	if (len > limit)
		return kernel_error(ENOMEM, "longer than the user's address space: %" PRIu64 " bytes", len);
	if (topdown && HAS(k, mm_struct, get_unmapped_area) && how != symbol_addr(k, "arch_get_unmapped_area_topdown"))
		return error_at(ERR_UNSUPPORTED, how, "mm %" PRIx64 " has its own way to find room: %" PRIx64, mm->addr, how);
	if (addr && limit - len >= addr && (addr > DEFAULT_MAP_WINDOW) == (addr + len > DEFAULT_MAP_WINDOW)) {
		struct object next;
		TRY(find_vma_prepare(e, mm, addr, &place));
		if (place.vma)
			TRY(object_open(k, place.vma, S_vm_area_struct, &next));
		if (!place.vma || (!place.inside && addr + len <= vm_start_gap(e, &next))) {
			*out = addr;
			return NULL;
		}
	}
	struct unmapped_area_info i = { .topdown = topdown, .length = len, .align_offset = r->pgoff << k->arch->page_shift };
	if (r->file)
		align_file(e, &i, is_64bit);
	if (topdown) {
		i.low_limit = VMCORE_PAGE_SIZE;
		i.high_limit = GET(k, mm, mm_struct, mmap_base);
		if (addr > DEFAULT_MAP_WINDOW && is_64bit)
			i.high_limit += limit - DEFAULT_MAP_WINDOW;
		struct error *none = vm_unmapped_area(e, mm, &i, out);
		if (!none || none->code != ERR_KERNEL)
			return none;
		error_free(none);
		i.topdown = false;
	}
	i.low_limit = GET(k, mm, mm_struct, mmap_legacy_base);
	i.high_limit = is_64bit && addr <= DEFAULT_MAP_WINDOW && limit > DEFAULT_MAP_WINDOW ? DEFAULT_MAP_WINDOW : limit;
	return vm_unmapped_area(e, mm, &i, out);
}

/* __thp_get_unmapped_area(): with room for one huge page more, so that address and place in the file (0 of anonymous memory) lie alike in huge pages. *done false: as any other. */
static struct error *thp_get_unmapped_area(struct engine *e, const struct request *r, uint64_t *out, bool *done)
{
	struct kernel *k = e->k;
	uint64_t size = 1ull << k->geometry.level[k->geometry.levels - 2].shift, off = r->pgoff << k->arch->page_shift, first = (off + size - 1) & -size;
	struct request padded = *r;
	*done = false;
	if (off + r->len <= first || off + r->len - first < size)
		return NULL;
	padded.len += size;
	if (padded.len < r->len || off + padded.len < off)
		return NULL;
	struct error *none = mm_get_unmapped_area(e, &padded, out);
	if (none) {
		if (none->code != ERR_KERNEL)
			return none;
		error_free(none);
		return NULL;
	}
	*done = true;
	if (*out == r->addr)
		return NULL;
	uint64_t skip = (off - *out) & (size - 1);
	*out += is_topdown(e, r->mm) && !skip ? size : skip;
	TRACE(e, "thp_get_unmapped_area", "as huge pages lie", { "len", r->len }, { "addr", *out });
	return NULL;
}

/*
 * Since 6.8 (told by __mt_dup()) room for huge pages is sought for anonymous memory whose length is a multiple of theirs and that wishes no address (releases of 6.8 to 6.12 as they
 * came first took any length, which leaves no trace); for files by a function of theirs, of which this one is followed.
 */
static struct error *place_huge(struct engine *e, const struct request *r, uint64_t *out, bool *done)
{
	struct kernel *k = e->k;
	uint64_t ops, own = 0, size = 1ull << k->geometry.level[k->geometry.levels - 2].shift;
	*done = false;
	if (!areas_in_maple_tree(k) || r->len < size)
		return NULL;
	if (r->file) {
		TRY(kernel_get(k, r->file, M_file_f_op, &ops));
		TRY(kernel_get(k, ops, M_file_operations_get_unmapped_area, &own));
		if (own && own == symbol_addr(k, "thp_get_unmapped_area") && !HAS(k, mm_struct, get_unmapped_area))
			return thp_get_unmapped_area(e, r, out, done);
	} else if (!r->addr && symbol_addr(k, "__mt_dup")) {
		if (!(r->flags & MAP_SHARED))
			return r->len & (size - 1) ? NULL : thp_get_unmapped_area(e, r, out, done);
		own = 1;
	}
	return own ? error_new(ERR_UNSUPPORTED, "where this kernel would put %" PRIu64 " bytes of a file or of shared memory is not followed: it looks for places that huge pages fit", r->len)
		   : NULL;
}

struct error *get_unmapped_area(struct engine *e, const struct object *mm, uint64_t file, uint64_t addr, uint64_t len, uint64_t pgoff,
				unsigned flags, uint64_t *out)
{
	struct kernel *k = e->k;
	const struct request r = { mm, file, addr, len, pgoff, flags };
	uint64_t limit = GET(k, mm, mm_struct, task_size);
	bool done;
	if (len > limit)
		return kernel_error(ENOMEM, "longer than the user's address space: %" PRIu64 " bytes", len);
	if (flags & MAP_FIXED) {
		if (addr > limit - len)
			return kernel_error(ENOMEM, "ends beyond the user's part: %" PRIx64, addr);
		if (addr & (VMCORE_PAGE_SIZE - 1))
			return kernel_error(EINVAL, "not at a page's start: %" PRIx64, addr);
		if (addr < e->areas.mmap_min_addr && !capable(e, mm, CAPABILITY_SYS_RAWIO))
			return kernel_error(EPERM, "below mmap_min_addr: %" PRIx64, addr);
		*out = addr;
		return NULL;
	}
	if (flags & MAP_32BIT)
		return error_new(ERR_UNSUPPORTED, "where MAP_32BIT begins is drawn by lot in the kernel");
	TRY(place_huge(e, &r, out, &done));
	return done ? NULL : mm_get_unmapped_area(e, &r, out);
}
