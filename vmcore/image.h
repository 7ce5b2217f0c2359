/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of an image, for the files of this room only.
 *
 * An image is a sorted list of disjoint segments. A segment with bytes has them contiguously in the
 * address space, so that a pointer into it reaches as far as the memory does. Either all of it
 * stands there from the start (a file's mapping), or it is an arena: reserved address space, into
 * which blocks are brought when they are first mapped or written, and stay; one bit a page says
 * which are. No two segments with bytes touch.
 */
#ifndef VMCORE_IMAGE_H
#define VMCORE_IMAGE_H

#include "vmcore/error.h"
#include "vmcore/file.h"
#include "vmcore/vmcore.h"

/* Whether a byte of memory can be had. */
enum presence {
	PRESENT,
	EXCLUDED,
	TRUNCATED,
	DAMAGED,
	NOT_IN_IMAGE,
	LACKS_MEMORY, /* this program, to bring it */
};

struct segment {
	uint64_t start, end; /* physical addresses, end exclusive; end is at most UINT64_MAX */
	uint8_t *bytes;	     /* where the byte of `start` stands; NULL: the segment has none */
	uint64_t *ready;     /* a bit for each page that stands there; NULL: all do */
	uint64_t ready_pfn;  /* the page of ready's first bit */
	enum presence presence;
};

struct range {
	uint64_t start, end;
};

struct mapping {
	void *address;
	size_t size;
};

/* A block of an arena kept outside it, because it was only read. */
struct cached_block {
	uint64_t block; /* its physical address; UINT64_MAX: none */
	uint8_t *bytes;
};
#define CACHED_BLOCKS 64

struct mark; /* overlay.c */

struct format {
	/* Brings the block (block_size bytes, aligned) at this address; bytes that the segment
	 * lacks are left alone. */
	enum presence (*load)(struct vmcore *vc, uint64_t block, uint8_t *to);
	/* As load, without the bytes: may say PRESENT of what turns out DAMAGED. */
	enum presence (*look)(struct vmcore *vc, uint64_t block);
	void (*close)(struct vmcore *vc);
};

#define NEAR_SEGMENTS 64

struct vmcore {
	/* Lookup: the segment found last, then those found last in each of some 2 MB pieces of
	 * memory, then a binary search. */
	const struct segment *last;
	const struct segment *near[NEAR_SEGMENTS];
	struct segment *segments;
	size_t nr_segments;
	bool extended; /* the last segment is the overlay's own, and no range: vmcore_extend() */

	struct range *ranges;
	size_t nr_ranges;

	uint64_t block_size; /* of arenas, in bytes: a power of two, at least a page */
	const struct format *ops;
	void *private; /* the format's */
	struct cached_block *cache;

	struct file *file; /* NULL: no file */
	char *path;
	char format[80];
	int machine;
	bool partial;
	bool zero_excluded;
	struct mapping *mappings;
	size_t nr_mappings;

	struct vmcore_note *notes;
	size_t nr_notes;
	void **note_blocks; /* the memory that notes point into */
	size_t nr_note_blocks;
	uint64_t notes_size; /* of all blocks */
	const char *vmcoreinfo;
	size_t vmcoreinfo_size;

	struct mark *marks; /* the newest on top */
	struct vmcore_flat flat;
};

static inline struct error *out_of_memory(void)
{
	return error_new(ERR_NO_MEMORY, "out of memory");
}

/* ---- vmcore.c ---- */

/* Room for one element more of a growing array: grows by doubling. */
struct error *image_grow(void *array, size_t count, size_t element) MUST_CHECK;
/* Address space without memory behind it; unmapped by vmcore_close(). */
struct error *image_reserve(struct vmcore *vc, uint64_t size, void **out) MUST_CHECK;
/* After the segments are set: the ranges from them. */
struct error *image_set_ranges(struct vmcore *vc) MUST_CHECK;
/* Other segments (from calloc()) instead of the old ones, which are freed; lookups forget those. */
void image_replace_segments(struct vmcore *vc, struct segment *segments, size_t count);
/* The segment that holds the address, or NULL. */
const struct segment *image_find(struct vmcore *vc, uint64_t phys);
/* The error for an address that cannot be had. */
struct error *image_missing(struct vmcore *vc, uint64_t phys, enum presence why) MUST_CHECK;
/* How far the overlay's own segment has anything but zeroes, to a page's border: its `start` when it has nothing. */
uint64_t image_extension_end(struct vmcore *vc);
/* Is the whole of [phys, phys + len) there? Otherwise *bad gets the first address that is not. */
enum presence image_look(struct vmcore *vc, uint64_t phys, uint64_t len, uint64_t *bad);

/* ---- the formats: each takes a file whose signature it knows ---- */

bool elf_probe(struct file *f);
struct error *elf_open(struct vmcore *vc) MUST_CHECK;
bool kdump_probe(struct file *f);
struct error *kdump_open(struct vmcore *vc) MUST_CHECK;

/* ---- notes.c ---- */

/* Parses the ELF notes at this offset of the file; what the file's end or a lying size cuts off is
 * left out. */
struct error *notes_read(struct vmcore *vc, uint64_t offset, uint64_t size) MUST_CHECK;
/* Takes the text of VMCOREINFO from the file, where no note has it. */
struct error *notes_read_vmcoreinfo(struct vmcore *vc, uint64_t offset, uint64_t size) MUST_CHECK;
void notes_free(struct vmcore *vc);

/* ---- overlay.c ---- */

void overlay_free(struct vmcore *vc);

#endif
