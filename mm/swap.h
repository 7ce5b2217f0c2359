/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap entries: what a page-table entry says that is neither empty nor present; and the swap areas
 * they point into.
 *
 * Where type and offset stand in an entry is the architecture's choice and has moved
 * (arch/x86/include/asm/pgtable_64.h, pgtable-2level.h, pgtable-3level.h). The greatest types are
 * no swap areas (include/linux/swap.h: MAX_SWAPFILES and the SWP_… macros, which leave no trace in
 * types): how many there are of each kind follows from functions and page flags that came with
 * them.
 */
#ifndef MM_SWAP_H
#define MM_SWAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

enum swap_kind {
	SWAP_PAGE,	       /* a slot of a swap area */
	SWAP_HWPOISON,	       /* a page with a memory error: frame */
	SWAP_MIGRATION,	       /* a page on its way to another frame: frame, where it is now */
	SWAP_DEVICE_PRIVATE,   /* in a device's own memory: frame */
	SWAP_DEVICE_EXCLUSIVE, /* lent to a device alone: frame */
	SWAP_ERROR,	       /* a page that could not be read back from swap */
	SWAP_MARKER,	       /* no page, but something to remember: markers */
	SWAP_BAD,	       /* no such swap area */
};

/* Bits of a marker (include/linux/swapops.h: PTE_MARKER_…). */
#define SWAP_MARKER_UFFD_WP  1
#define SWAP_MARKER_POISONED 2
#define SWAP_MARKER_GUARD    4

struct swap_entry {
	enum swap_kind kind;
	unsigned type;	 /* swp_type() */
	uint64_t offset; /* swp_offset(): a page of the area, a frame with flags above it, or marker
			    bits */
	uint64_t pfn;	 /* of the kinds that name a frame */
	bool writable;	 /* migration and device entries: the page was mapped writable */
};

/*
 * Decodes an entry of a page table (any level) that is not 0 and that pagetable_entry_present()
 * denies. Always gives something; an entry whose area does not exist is SWAP_BAD.
 */
void swap_entry_decode(struct kernel *k, uint64_t entry, struct swap_entry *out);

/* The page-table entry of a slot; and what page.private and trees keep of it (swp_entry_t), there and back. x86_64. */
uint64_t swap_entry_encode(struct kernel *k, unsigned type, uint64_t offset);
uint64_t swap_entry_value(struct kernel *k, uint64_t entry);
uint64_t swap_value_entry(struct kernel *k, uint64_t value);
/* Which slot a swp_entry_t names (any architecture). */
void swap_value_decode(struct kernel *k, uint64_t value, unsigned *type, uint64_t *offset);
/* The same as a value in a tree, swp_to_radix_entry(): of a file in shared memory, in a page's place. */
uint64_t swap_entry_xa_value(struct kernel *k, uint64_t entry);
uint64_t swap_xa_value_entry(struct kernel *k, uint64_t value);
/* The swp_entry_t in it. */
uint64_t swap_xa_value(struct kernel *k, uint64_t value);
/* The bits of a slot's page-table entry that are neither type nor offset: _PAGE_SWP_SOFT_DIRTY, _PAGE_SWP_UFFD_WP. */
uint64_t swap_entry_soft_dirty(struct kernel *k);
#define SWAP_ENTRY_UFFD_WP   4ull
/* _PAGE_SWP_EXCLUSIVE, where pages say whether they are one process's alone (PG_anon_exclusive, since 5.19): this one's slot was. */
#define SWAP_ENTRY_EXCLUSIVE 8ull
/* The address space that caches the slot: one for 64 MiB since 4.11, one for each area since 3.9, one for all before. 0: none. Its index there (until 6.10). */
uint64_t swap_address_space(struct kernel *k, const struct swap_entry *e);
uint64_t swap_cache_index(struct kernel *k, const struct swap_entry *e);

/*
 * The entry for people, as vm -p and vtop print it: "SWAP: /dev/sda8  OFFSET: 24225", "MIGRATION:
 * 3fc32000". Returns buf.
 */
char *swap_entry_format(struct kernel *k, const struct swap_entry *e, char *buf, size_t size);
/* "swap", "hwpoison", "migration", … */
const char *swap_kind_name(enum swap_kind kind);

/* ---- Swap areas: swap_info[] (mm/swapfile.c) ---- */

struct swap_area {
	unsigned type;	/* index in swap_info[] */
	uint64_t addr;	/* swap_info_struct */
	uint64_t flags; /* SWP_USED = 1, SWP_WRITEOK = 2, … */
	int prio;
	uint64_t max, pages, inuse_pages; /* in pages; max counts the header too */
	uint64_t swap_map;		  /* address, 0 for none */
	uint64_t file;			  /* struct file, 0 before 2.6 (path knows) */
	bool is_block_device;
	const char *path; /* good until paths_forget(); never NULL */
};

/* nr_swapfiles: areas that were ever used; 0 when this kernel has no swapping. */
unsigned swap_areas_count(struct kernel *k);
/* False when there is none of that number, or it is not in use now. */
bool swap_area_get(struct kernel *k, unsigned type, struct swap_area *out);

/*
 * How many page-table entries name a slot: swp_swapcount(). 0 for one that is free, outside the area, or whose count is not in the
 * image (mm/swap_count.c).
 */
uint64_t swap_slot_count(struct kernel *k, const struct swap_area *area, uint64_t offset);

#endif
