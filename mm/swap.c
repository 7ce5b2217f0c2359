/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/path.h"
#include "mm/state.h"
#include "mm/swap.h"

/* 1 << MAX_SWAPFILES_SHIFT (include/linux/swap.h) */
#define TYPES 32
/* SWP_USED */
#define AREA_USED 1

/* How an entry holds type and offset. */
struct layout {
	unsigned type_shift, type_bits;
	unsigned offset_left, offset_right; /* offset = entry << left >> right */
	bool inverted;			    /* the offset's bits are */
};

#define TYPE_BITS 5 /* MAX_SWAPFILES_SHIFT: include/linux/swap.h */

struct swap_table {
	struct layout layout;
	/* The first type of each kind, ascending; the kind ends where the next begins. */
	unsigned hwpoison, migration, device, marker, error, end;
	unsigned device_exclusive;     /* the first of the device types that is exclusive */
	bool migration_read_exclusive; /* between read and write */
	bool two_device_exclusive;     /* write, then read */
	unsigned pfn_bits;	       /* of an offset that holds a frame; flags above */
	uint64_t info;		       /* swap_info */
	bool pointers;		       /* its elements are pointers (since 2.6.33) */
	char path[PATH_SIZE];	       /* of the area got last, where it has no struct file */
};

void swap_table_free(struct swap_table *s)
{
	free(s);
}

static struct layout find_layout(struct kernel *k)
{
	const struct pagetable_geometry *g = &k->geometry;
	/* arch/x86/include/asm/pgtable_64.h and pgtable-3level.h since the defence against L1TF:
	 * type on top, offset inverted */
	if (g->entry_size == 8 && g->inverts_absent)
		return (struct layout){59, 5, 5, 14, true};
	int64_t value;
	if (k->arch->pointer_size == 8) {
		/* Since 4.8 type and offset avoid bits that an erratum sets; node_stat_item is of
		 * the same release. */
		if (enumerator_find(k, "NR_VM_NODE_STAT_ITEMS", &value))
			return (struct layout){9, 5, 0, 14, false};
		return (struct layout){1, 5, 0, 9, false};
	}
	if (g->entry_size == 8) /* PAE: all in the high word */
		return (struct layout){32, 5, 0, 37, false};
	/* 2.4 (told by what its swap_info_struct had): _PAGE_PROTNONE is bit 7 */
	if (HAS(k, swap_info_struct, swap_vfsmnt))
		return (struct layout){1, 6, 0, 8, false};
	return (struct layout){1, 5, 0, 9, false};
}

static void find_kinds(struct kernel *k, struct swap_table *t)
{
	/* PG_anon_exclusive and the entries that preserve it came together in 5.19; pte markers in
	 * the same release. */
	int64_t bit;
	bool since_5_19 = enumerator_find(k, "PG_anon_exclusive", &bit);
	unsigned at = t->layout.type_bits > 5 ? 1u << t->layout.type_bits : TYPES;
	unsigned devices = 0, exclusive = 0;

	t->end = at;
	/* SWP_SWAPIN_ERROR, from 5.19 until markers took its place in 6.2, when rss_stat became
	 * per-CPU counters */
	if (since_5_19 && HAS(k, mm_struct, rss_count))
		at--;
	t->error = at;
	if (since_5_19 && (HAS_STRUCT(k, ptdesc) || symbol_addr(k, "handle_userfault")))
		at--;
	t->marker = at;
	if (symbol_addr(k, "make_device_exclusive_range")) { /* 5.13 */
		devices = 4;
		exclusive = 2;
	} else if (symbol_addr(k, "make_device_exclusive")) { /* 6.15 */
		devices = 3;
		exclusive = 1;
	} else if (!since_5_19 &&
		   symbol_addr(k, "devm_request_free_mem_region")) { /* CONFIG_DEVICE_PRIVATE */
		devices = 2;
	}
	t->device_exclusive = at - exclusive;
	t->two_device_exclusive = exclusive == 2;
	t->device = at -= devices;
	t->migration_read_exclusive = since_5_19;
	if (symbol_addr(k, "migrate_pages"))
		at -= since_5_19 ? 3 : 2;
	t->migration = at;
	if (symbol_addr(k, "memory_failure"))
		at--;
	t->hwpoison = at;
}

static struct swap_table *table(struct kernel *k)
{
	struct mm_state *s = mm_state(k);
	struct swap_table *t = s->swap;
	if (t)
		return t;
	s->swap = t = calloc(1, sizeof(*t));
	if (!t)
		abort();
	t->layout = find_layout(k);
	find_kinds(k, t);
	/* SWP_PFN_BITS: MAX_PHYSMEM_BITS (arch/x86/include/asm/sparsemem.h: 52 with five levels,
	 * else 46; 36 with PAE) - PAGE_SHIFT */
	unsigned phys_bits = k->geometry.levels == 5 ? 52 : k->arch->pointer_size == 8 ? 46 : 36;
	t->pfn_bits = phys_bits - k->arch->page_shift;
	t->info = symbol_addr(k, "swap_info");
	/* swap_info_struct.type came when swap_info[] became an array of pointers. */
	t->pointers = HAS(k, swap_info_struct, type);
	return t;
}

unsigned swap_areas_count(struct kernel *k)
{
	uint64_t count;
	if (error_drop(kernel_read_symbol(k, "nr_swapfiles", 4, &count)) || count > 1u << 6)
		return 0;
	return (unsigned)count;
}

bool swap_area_get(struct kernel *k, unsigned type, struct swap_area *out)
{
	struct swap_table *t = table(k);
	struct object o;
	uint64_t addr;
	if (!t->info || type >= swap_areas_count(k))
		return false;
	if (t->pointers) {
		if (error_drop(kernel_read_pointer(
			    k, t->info + (uint64_t)type * k->arch->pointer_size, &addr)))
			return false;
	} else {
		addr = t->info + (uint64_t)type * SIZE_OF(k, swap_info_struct);
	}
	if (!addr || !object_try_open(k, addr, S_swap_info_struct, &o))
		return false;
	*out = (struct swap_area){
		.type = type,
		.addr = addr,
		.flags = GET(k, &o, swap_info_struct, flags),
		.prio = (int)GET(k, &o, swap_info_struct, prio),
		.max = GET(k, &o, swap_info_struct, max),
		.pages = GET(k, &o, swap_info_struct, pages),
		.inuse_pages = GET(k, &o, swap_info_struct, inuse_pages),
		.swap_map = GET(k, &o, swap_info_struct, swap_map),
		.is_block_device = GET(k, &o, swap_info_struct, bdev) != 0,
		.path = "",
	};
	if (!(out->flags & AREA_USED))
		return false;
	/* Since 6.13 bit 30 of the then atomic_long_t inuse_pages says that the area is off the
	 * list (SWAP_USAGE_OFFLIST_BIT, mm/swapfile.c). */
	if (k->members[M_swap_info_struct_inuse_pages].size == 8)
		out->inuse_pages &= ~(1ull << 30);
	uint64_t file = GET(k, &o, swap_info_struct, swap_file);
	if (HAS(k, swap_info_struct, swap_vfsmnt)) {
		char path[PATH_SIZE] = "";
		if (file && error_drop(path_of(k, GET(k, &o, swap_info_struct, swap_vfsmnt), file,
					       path, sizeof(path), NULL)))
			path[0] = 0;
		path_escape(path, t->path, sizeof(t->path));
		out->path = t->path;
	} else {
		out->file = file;
		out->path = path_of_file(k, file)->path;
	}
	return true;
}

void swap_entry_decode(struct kernel *k, uint64_t entry, struct swap_entry *out)
{
	const struct swap_table *t = table(k);
	const struct layout *l = &t->layout;
	uint64_t bits = l->inverted ? ~entry : entry;
	unsigned type = entry >> l->type_shift & ((1u << l->type_bits) - 1);
	*out = (struct swap_entry){.type = type,
				   .offset = bits << l->offset_left >> l->offset_right};
	out->pfn = out->offset & ((1ull << t->pfn_bits) - 1);

	if (type >= t->end) {
		out->kind = SWAP_BAD;
	} else if (type >= t->error) {
		out->kind = SWAP_ERROR;
	} else if (type >= t->marker) {
		out->kind = SWAP_MARKER;
	} else if (type >= t->device_exclusive) {
		out->kind = SWAP_DEVICE_EXCLUSIVE;
		out->writable = !t->two_device_exclusive || type == t->device_exclusive;
	} else if (type >= t->device) {
		out->kind = SWAP_DEVICE_PRIVATE;
		out->writable = type == t->device;
	} else if (type >= t->migration) {
		out->kind = SWAP_MIGRATION;
		out->writable = type == t->migration + (t->migration_read_exclusive ? 2 : 1);
	} else if (type >= t->hwpoison) {
		out->kind = SWAP_HWPOISON;
	} else {
		out->kind = type < swap_areas_count(k) ? SWAP_PAGE : SWAP_BAD;
	}
	if (out->kind == SWAP_PAGE || out->kind == SWAP_BAD || out->kind == SWAP_ERROR ||
	    out->kind == SWAP_MARKER)
		out->pfn = 0;
}

uint64_t swap_entry_encode(struct kernel *k, unsigned type, uint64_t offset)
{
	const struct layout *l = &table(k)->layout;
	uint64_t mask = ~0ull >> l->offset_left & ~0ull << (l->offset_right - l->offset_left), bits = offset << (l->offset_right - l->offset_left) & mask;
	return (l->inverted ? bits ^ mask : bits) | (uint64_t)type << l->type_shift;
}

/* Bits that mark a value in a tree: one since 4.20, two in radix trees. */
static unsigned value_mark_bits(struct kernel *k)
{
	return HAS_STRUCT(k, xa_node) && !strcmp(k->structs[S_xa_node].name, "radix_tree_node") ? 2 : 1;
}

/* SWP_TYPE_SHIFT: below those. */
static unsigned value_type_shift(struct kernel *k)
{
	return 8 * k->arch->pointer_size - TYPE_BITS - value_mark_bits(k);
}

uint64_t swap_entry_value(struct kernel *k, uint64_t entry)
{
	struct swap_entry e;
	swap_entry_decode(k, entry, &e);
	return (uint64_t)e.type << value_type_shift(k) | e.offset;
}

void swap_value_decode(struct kernel *k, uint64_t value, unsigned *type, uint64_t *offset)
{
	unsigned shift = value_type_shift(k);
	*type = (unsigned)(value >> shift) & ((1u << TYPE_BITS) - 1);
	*offset = value & ((1ull << shift) - 1);
}

uint64_t swap_value_entry(struct kernel *k, uint64_t value)
{
	unsigned type;
	uint64_t offset;
	swap_value_decode(k, value, &type, &offset);
	return swap_entry_encode(k, type, offset);
}

uint64_t swap_entry_xa_value(struct kernel *k, uint64_t entry)
{
	unsigned bits = value_mark_bits(k);
	return swap_entry_value(k, entry) << bits | bits;
}

uint64_t swap_xa_value(struct kernel *k, uint64_t value)
{
	return value >> value_mark_bits(k);
}

uint64_t swap_xa_value_entry(struct kernel *k, uint64_t value)
{
	return swap_value_entry(k, swap_xa_value(k, value));
}

/* Bit 7 until 4.13; then huge pages could be moved, and needed it. */
uint64_t swap_entry_soft_dirty(struct kernel *k)
{
	return table(k)->layout.inverted || symbol_addr(k, "set_pmd_migration_entry") ? 2 : 0x80;
}

/* ---- The swap cache ---- */

#define SPACE_SHIFT 14 /* SWAP_ADDRESS_SPACE_SHIFT: include/linux/swap.h */

uint64_t swap_address_space(struct kernel *k, const struct swap_entry *e)
{
	uint64_t spaces = symbol_addr(k, "swapper_spaces"), space, size = SIZE_OF(k, address_space);
	if (!spaces)
		return symbol_addr(k, "swapper_space");
	if (!symbol_addr(k, "nr_swapper_spaces"))
		return e->type < 32 ? spaces + e->type * size : 0;
	if (error_drop(kernel_read_pointer(k, spaces + (uint64_t)e->type * k->arch->pointer_size, &space)) || !space)
		return 0;
	return space + (e->offset >> SPACE_SHIFT) * size;
}

uint64_t swap_cache_index(struct kernel *k, const struct swap_entry *e)
{
	return symbol_addr(k, "nr_swapper_spaces") ? e->offset : (uint64_t)e->type << value_type_shift(k) | e->offset;
}

const char *swap_kind_name(enum swap_kind kind)
{
	static const char *const names[] = {
		[SWAP_PAGE] = "swap",
		[SWAP_HWPOISON] = "hwpoison",
		[SWAP_MIGRATION] = "migration",
		[SWAP_DEVICE_PRIVATE] = "device-private",
		[SWAP_DEVICE_EXCLUSIVE] = "device-exclusive",
		[SWAP_ERROR] = "swapin-error",
		[SWAP_MARKER] = "marker",
		[SWAP_BAD] = "bad",
	};
	return names[kind];
}

char *swap_entry_format(struct kernel *k, const struct swap_entry *e, char *buf, size_t size)
{
	struct swap_area area;
	uint64_t phys = e->pfn << k->arch->page_shift;
	const char *access = e->writable ? "writable" : "read-only";
	switch (e->kind) {
	case SWAP_PAGE:
		if (swap_area_get(k, e->type, &area)) {
			snprintf(buf, size, "SWAP: %s  OFFSET: %" PRIu64, area.path, e->offset);
			return buf;
		}
		__attribute__((fallthrough));
	case SWAP_BAD:
		snprintf(buf, size, "SWAP: (unknown swap location)  OFFSET: %" PRIu64, e->offset);
		break;
	case SWAP_HWPOISON:
		snprintf(buf, size, "HWPOISON: %" PRIx64, phys);
		break;
	case SWAP_MIGRATION:
		snprintf(buf, size, "MIGRATION: %" PRIx64 " (%s)", phys, access);
		break;
	case SWAP_DEVICE_PRIVATE:
		snprintf(buf, size, "DEVICE PRIVATE: %" PRIx64 " (%s)", phys, access);
		break;
	case SWAP_DEVICE_EXCLUSIVE:
		snprintf(buf, size, "DEVICE EXCLUSIVE: %" PRIx64 " (%s)", phys, access);
		break;
	case SWAP_ERROR:
		snprintf(buf, size, "SWAPIN ERROR");
		break;
	case SWAP_MARKER:
		snprintf(buf, size, "MARKER:%s%s%s%s",
			 e->offset & SWAP_MARKER_UFFD_WP ? " uffd-wp" : "",
			 e->offset & SWAP_MARKER_POISONED ? " poisoned" : "",
			 e->offset & SWAP_MARKER_GUARD ? " guard" : "",
			 e->offset & ~7ull || !e->offset ? " ?" : "");
		break;
	}
	return buf;
}
