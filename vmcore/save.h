/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing an image, as it is now with all that was written into it, to a new file.
 */
#ifndef VMCORE_SAVE_H
#define VMCORE_SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/vmcore.h"

enum save_format {
	SAVE_ELF,   /* an ELF core with a PT_LOAD for each range of memory; where that is zero the file has holes */
	SAVE_KDUMP, /* kdump-compressed, header version 6, pages compressed with zlib */
};

/* What the bytes themselves do not say. All of it may be left out. */
struct save_details {
	int machine;		/* EM_386, EM_X86_64; 0: the image's */
	unsigned pointer_size;	/* bytes: decides between the 32- and 64-bit layouts; 0: the machine's */
	uint64_t direct_map;	/* virtual address of physical 0, for p_vaddr … */
	uint64_t direct_end;	/* … of memory that is mapped below this; beyond, p_vaddr is 0 */
	uint64_t phys_base;	/* kdump's sub header */
	const char *utsname[6]; /* sysname, nodename, release, version, machine, domainname; NULL: "" */
	/* A note in front of the image's own, which are all kept; name NULL: none. */
	struct vmcore_note note;
	bool (*stop)(void); /* asked now and then: true ends it with ERR_INTERRUPTED; may be NULL */
};

/*
 * Writes the image's ranges, bytes and notes; VMCOREINFO that is in no note becomes one. What the image lacks within a
 * range, for whatever reason, is "excluded" in the file. An ELF core of a 32-bit machine is of 64 bits when its memory
 * or the file does not fit 32 (as QEMU does). kdump-compressed knows whole pages only: where a range ends within one,
 * the rest of it is zero.
 *
 * The file appears whole or not at all, and takes the place of one that stood there; that may be the open image
 * itself. Errors: ERR_IO (with path and reason; what is no regular file is never replaced), ERR_DAMAGED (a page does
 * not decompress), ERR_UNSUPPORTED (does not fit the format), ERR_INTERRUPTED, ERR_NO_MEMORY.
 */
struct error *vmcore_save(struct vmcore *vc, const char *path, enum save_format format,
			  const struct save_details *details) MUST_CHECK;

#endif
