/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The linker of a simulated kernel: places variables and functions at addresses of its image, and at the end writes into that image what describes
 * it: symbols as kallsyms, types as BTF, and VMCOREINFO, so that it is attached to like any other kernel. (No kernel of 2.4's time carried these.)
 *
 * Addresses are virtual ones of the direct map, below 4 GB.
 */
#ifndef MM_SIM_IMAGE_H
#define MM_SIM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "mm/sim/layout.h"
#include "vmcore/vmcore.h"

struct image_symbol {
	const char *name; /* lives as long as the image; not NUL-terminated */
	uint8_t len;
	char type; /* nm's letter */
	uint32_t addr;
};

struct image {
	struct vmcore *vmcore;
	unsigned char *ram; /* physical 0 */
	uint64_t size;	    /* bytes of RAM */
	uint32_t base;	    /* virtual address of physical 0 */
	uint32_t at;	    /* where the next thing is placed */
	const struct layout *layout;
	struct image_symbol *symbols;
	size_t count, room;
};

/* Starts to place at `at`. Nothing in the image may be marked (vmcore_mark()). */
struct error *image_start(struct image *i, struct vmcore *vc, const struct layout *layout, uint32_t base, uint32_t at) MUST_CHECK;
/* Frees what is the linker's; the image's bytes stay. */
void image_end(struct image *i);

/* A symbol at a place of its own. Aborts when out of memory. */
void image_define(struct image *i, char type, const char *name, uint32_t addr);
void image_define_len(struct image *i, char type, const char *name, size_t len, uint32_t addr);
/* Room for `size` bytes of zeroes, aligned (a power of two), with a symbol; its address. */
uint32_t image_place(struct image *i, char type, const char *name, uint32_t size, uint32_t align);
/* The address of a symbol that was defined; asserts that it was. */
uint32_t image_symbol(const struct image *i, const char *name);

/* The bytes at an address of the direct map. */
static inline unsigned char *image_bytes(const struct image *i, uint32_t addr)
{
	return i->ram + (addr - i->base);
}
void image_put32(struct image *i, uint32_t addr, uint32_t value);
uint32_t image_get32(const struct image *i, uint32_t addr);
/* A 32-bit member of a struct of the layout. */
void image_set(struct image *i, uint32_t object, const char *structure, const char *member, uint32_t value);
/* An empty list_head. */
void image_list_init(struct image *i, uint32_t head);

/*
 * Places BTF, kallsyms and VMCOREINFO (with the given lines first, then the symbols that attaching needs), and defines `_end` behind them. No
 * symbol can be placed after that. The VMCOREINFO becomes the image's note too. Errors as layout_to_btf(), and ERR_NO_MEMORY.
 */
struct error *image_finish(struct image *i, const char *vmcoreinfo) MUST_CHECK;

#endif
