/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An image: bytes at physical addresses. This room knows the file formats and nothing of Linux.
 *
 * Every format gives the same thing: a set of ranges of physical memory, readable, mappable, and
 * writable into an overlay that never reaches the file. Three absences stay apart: ERR_EXCLUDED
 * (makedumpfile left the page out), ERR_NOT_IN_IMAGE (the machine had no such memory, as far as the
 * image says), ERR_TRUNCATED (the header promises it, the file ends before it).
 *
 * An image is used by one thread at a time, readers included (lookups and decompression remember
 * what they did last).
 */
#ifndef VMCORE_VMCORE_H
#define VMCORE_VMCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/error.h"

struct vmcore;

/* The granule of presence, decompression and marks, in bytes. */
#define VMCORE_PAGE_SHIFT 12
#define VMCORE_PAGE_SIZE  (1ul << VMCORE_PAGE_SHIFT)

struct vmcore_options {
	bool raw;	      /* take a file of unknown content as raw RAM */
	uint64_t phys_offset; /* where a raw file's first byte stands, in bytes */
};

/*
 * What a file is, by its content alone: true when vmcore_open() would take it for an image, be it
 * one whose headers then turn out wrong (raw RAM, which looks like anything, is never recognised).
 * An ELF file is an image only when its type is ET_CORE.
 */
bool vmcore_probe(const char *path);

/*
 * Opens an image; the format is found from the content. Errors: ERR_IO (cannot open, is a
 * directory, is empty), ERR_FORMAT (is no image, or its headers are contradictory), ERR_TRUNCATED
 * (cut within its headers), ERR_UNSUPPORTED (one part of a split dump, big-endian, diskdump, an
 * unknown header version), ERR_NO_MEMORY. A file that is cut opens when its headers are whole; what
 * lies beyond its end then answers ERR_TRUNCATED. The caller closes it.
 */
struct error *vmcore_open(const char *path, const struct vmcore_options *options,
			  struct vmcore **out) MUST_CHECK;
void vmcore_close(struct vmcore *vc);

/* An image of `size` bytes of zeroes at physical 0, of no file: the RAM of a simulated machine. */
struct error *vmcore_new_ram(uint64_t size, struct vmcore **out) MUST_CHECK;
/* Gives it what a dump's container says: an ELF machine (EM_386 …), and the note VMCOREINFO, which is copied. Once. */
struct error *vmcore_describe_ram(struct vmcore *vc, int machine, const char *vmcoreinfo, size_t len) MUST_CHECK;

/* ---- What it is ---- */

/* "ELF core", "kdump-compressed (zlib), flattened", … for people. Lives as long as the image. */
const char *vmcore_format(const struct vmcore *vc);
const char *vmcore_path(const struct vmcore *vc);
/* Bytes in the file as a whole. */
uint64_t vmcore_file_size(const struct vmcore *vc);
/* The pointer width and machine the container names: ELF's e_machine (EM_X86_64, EM_386, …), 0 when
 * it names none. */
int vmcore_machine(const struct vmcore *vc);
/* True when pages are missing by choice (a makedumpfile dump that excluded any kind of page). */
bool vmcore_is_partial(const struct vmcore *vc);

/* The notes of the dump, in its own form (ELF notes: Elf_Nhdr, name, descriptor). False when index
 * is past the last. */
struct vmcore_note {
	const char *name; /* NUL-terminated */
	uint32_t type;
	const void *desc;
	size_t desc_size;
};
bool vmcore_note(const struct vmcore *vc, size_t index, struct vmcore_note *out);

/* The text of the VMCOREINFO note, `*len` bytes, not NUL-terminated; NULL when the dump has none.
 */
const char *vmcore_vmcoreinfo(const struct vmcore *vc, size_t *len);

/*
 * The memory ranges in ascending order, in bytes, `end` exclusive: whole memory that the image says
 * the machine had, be single pages excluded or not. False when index is past the last.
 */
bool vmcore_range(const struct vmcore *vc, size_t index, uint64_t *start, uint64_t *end);
/* One past the highest physical address in any range. */
uint64_t vmcore_max_phys(const struct vmcore *vc);
/*
 * Is all of the page there to be read? False for a page of which the image has a part only (a range
 * may end within a page); reads, maps and scans give that part. True of a page that will not
 * decompress: that shows when it is read.
 */
bool vmcore_page_present(const struct vmcore *vc, uint64_t phys);

/* ---- Bytes ---- */

/* Copies len bytes; crosses pages and ranges. On error the buffer's content is undefined. */
struct error *vmcore_read(struct vmcore *vc, uint64_t phys, void *buffer, size_t len) MUST_CHECK;
/* Shall vmcore_read() give zeroes for pages that were excluded from the dump? At first not. */
void vmcore_set_zero_excluded(struct vmcore *vc, bool zero);
bool vmcore_zero_excluded(const struct vmcore *vc);

/*
 * A pointer to len contiguous bytes (at least anything within one page; longer as far as one range
 * of memory reaches), which stays valid and true (it shows later writes) until vmcore_close(). No
 * alignment is promised beyond what the file gives: load through memcpy. For a whole pass over a
 * compressed image use vmcore_scan().
 */
struct error *vmcore_map(struct vmcore *vc, uint64_t phys, size_t len, const void **out) MUST_CHECK;

/* As vmcore_map(), without an error object: NULL when any of it cannot be had. For hot paths. */
const void *vmcore_try_map(struct vmcore *vc, uint64_t phys, size_t len);

/*
 * Calls visit() for all present memory in [start, end), in ascending pieces as long as the format
 * has them (a piece never holds a missing page; pieces that touch are distinct). The bytes are good
 * until visit() returns: nothing is pinned. Ends early, with success, when visit() returns false. A
 * page that does not decompress is passed over, and the first such is the error (ERR_DAMAGED) after
 * all else was visited.
 */
typedef bool vmcore_visitor(void *context, uint64_t phys, const void *bytes, size_t len);
struct error *vmcore_scan(struct vmcore *vc, uint64_t start, uint64_t end, vmcore_visitor *visit,
			  void *context) MUST_CHECK;

/*
 * For hot paths: an image that is one piece of memory from physical 0 on (a simulated machine's RAM). Lives as long as the image; size 0 when the image
 * is not so.
 */
#define VMCORE_NO_PAGE (1ull << 63) /* so far from any memory that no sum or difference comes near */
struct vmcore_flat {
	unsigned char *bytes;
	uint64_t size;
	unsigned marks;	    /* how many there are, of any image */
	uint64_t kept_page; /* the page that the newest mark was seen to keep last; VMCORE_NO_PAGE: none */
};
const struct vmcore_flat *vmcore_flat(const struct vmcore *vc);

/* Where phys, which lies in it, stands. */
static inline unsigned char *vmcore_flat_at(const struct vmcore_flat *f, uint64_t phys)
{
	unsigned char *p = f->bytes + phys;
	if (!p)
		__builtin_unreachable(); /* so that nobody asks again */
	return p;
}

static inline unsigned char *vmcore_near(const struct vmcore_flat *f, uint64_t phys, size_t len)
{
	return __builtin_expect(phys < f->size && len <= f->size - phys, 1) ? vmcore_flat_at(f, phys) : NULL;
}

/* May the newest mark have to keep a page of it before it is written? */
static inline bool vmcore_must_keep(const struct vmcore_flat *f, uint64_t phys, size_t len)
{
	return __builtin_expect(f->marks, 0) && (phys - f->kept_page >= VMCORE_PAGE_SIZE || phys + len - f->kept_page > VMCORE_PAGE_SIZE);
}

/* To write through; NULL too where the newest mark may have to keep the page first. */
static inline unsigned char *vmcore_near_writable(const struct vmcore_flat *f, uint64_t phys, size_t len)
{
	return __builtin_expect(vmcore_must_keep(f, phys, len), 0) ? NULL : vmcore_near(f, phys, len);
}

/* ---- The overlay ---- */

/*
 * Writes into the overlay: later reads and all mapped pointers show it, the file does not change.
 * Where any of the bytes is missing, nothing is written.
 */
struct error *vmcore_write(struct vmcore *vc, uint64_t phys, const void *buffer,
			   size_t len) MUST_CHECK;

/*
 * The same without a copy: makes sure that [phys, phys+len) within one page is kept by the newest
 * mark, and gives a pointer to write through until the next mark, undo or close.
 */
struct error *vmcore_map_writable(struct vmcore *vc, uint64_t phys, size_t len,
				  void **out) MUST_CHECK;

/*
 * Marks nest like a stack. After vmcore_mark() the first write to each page keeps the page as it
 * was; vmcore_undo() puts back everything written since the newest mark and takes the mark away;
 * vmcore_forget() takes the mark away and keeps the writes (handing the kept pages to the mark
 * below). vmcore_mark() returns the new depth, 1 for the first.
 */
struct error *vmcore_mark(struct vmcore *vc, unsigned *depth) MUST_CHECK;
struct error *vmcore_undo(struct vmcore *vc) MUST_CHECK; /* ERR_OTHER without a mark */
struct error *vmcore_forget(struct vmcore *vc) MUST_CHECK;
unsigned vmcore_mark_depth(const struct vmcore *vc);

/*
 * Memory of the overlay's own beside the machine's: `size` bytes of zeroes from *start on, above all ranges (it is none of them), to keep what a real machine's
 * devices would. It is written, marked and undone like all memory; when anything but zeroes stands in it, a saved image has it as a range, up to the last
 * page that has. Once an image; later calls give the same, *size what there is.
 */
struct error *vmcore_extend(struct vmcore *vc, uint64_t *size, uint64_t *start) MUST_CHECK;
/* Has it one already? */
bool vmcore_extension(const struct vmcore *vc, uint64_t *start, uint64_t *size);

/*
 * Calls visit() for each page that was written since mark `depth` (and not undone), in ascending
 * order: its physical address, its bytes as they were at the mark and as they are now, be they the
 * same. What the image lacks of a page is zero.
 */
typedef bool vmcore_diff_visitor(void *context, uint64_t phys, const void *before, const void *now);
struct error *vmcore_diff(struct vmcore *vc, unsigned depth, vmcore_diff_visitor *visit,
			  void *context) MUST_CHECK;

#endif
