/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The linker of a simulated kernel: places variables and functions at addresses of its image, and at the end writes into that image what describes
 * it: symbols as kallsyms, types as BTF, and VMCOREINFO, so that it is attached to like any other kernel. (No kernel of 2.4's time carried these.)
 *
 * Addresses are virtual ones: where the image runs, which on x86_64 is not the direct map.
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
	uint64_t addr;
};

#define IMAGE_BUCKETS 4096

struct image {
	struct vmcore *vmcore;
	unsigned char *ram; /* physical 0 */
	uint64_t size;	    /* bytes of RAM */
	uint64_t base;	    /* virtual address of physical 0 where the image runs */
	uint64_t direct;    /* virtual address of physical 0 in the direct map; the same on i386 */
	uint64_t at;	    /* where the next thing is placed */
	const struct layout *layout;
	struct image_symbol *symbols;
	size_t count, room;
	uint32_t bucket[IMAGE_BUCKETS]; /* by name: 1 + the symbol last defined, */
	uint32_t *next;			/* and by symbol the one before it with the same hash */
	bool relative;	    /* kallsyms has offsets from a base (CONFIG_KALLSYMS_BASE_RELATIVE with ABSOLUTE_PERCPU), not addresses */
};

/* Starts to place at `at`. Nothing in the image may be marked (vmcore_mark()). The direct map is where the image runs unless changed. */
struct error *image_start(struct image *i, struct vmcore *vc, const struct layout *layout, uint64_t base, uint64_t at) MUST_CHECK;
/* Frees what is the linker's; the image's bytes stay. */
void image_end(struct image *i);

/* A symbol at a place of its own. Aborts when out of memory. */
void image_define(struct image *i, char type, const char *name, uint64_t addr);
void image_define_len(struct image *i, char type, const char *name, size_t len, uint64_t addr);
/* Room for `size` bytes of zeroes, aligned (a power of two), with a symbol; its address. */
uint64_t image_place(struct image *i, char type, const char *name, uint64_t size, uint64_t align);
/* The text and its 0, where the image has grown to; not aligned. */
uint64_t image_string(struct image *i, const char *text);
/* The address of a symbol that was defined; asserts that it was. */
uint64_t image_symbol(const struct image *i, const char *name);
/* Is there one? */
bool image_has_symbol(const struct image *i, const char *name);

/* The bytes at an address of the image or the direct map. */
static inline unsigned char *image_bytes(const struct image *i, uint64_t addr)
{
	uint64_t offset = addr - i->base;
	return i->ram + (offset < i->size ? offset : addr - i->direct);
}
void image_put32(struct image *i, uint64_t addr, uint32_t value);
uint32_t image_get32(const struct image *i, uint64_t addr);
void image_put64(struct image *i, uint64_t addr, uint64_t value);
/* A word of the layout's pointer size. */
void image_put_word(struct image *i, uint64_t addr, uint64_t value);
/* A 32-bit member of a struct of the layout. */
void image_set(struct image *i, uint64_t object, const char *structure, const char *member, uint32_t value);
/* An empty list_head. */
void image_list_init(struct image *i, uint64_t head);

/*
 * Places BTF, kallsyms and VMCOREINFO (with the given lines first, then the symbols that attaching needs), and defines `_end` behind them. No
 * symbol can be placed after that. The VMCOREINFO becomes the image's note too. Errors as layout_to_btf(), and ERR_NO_MEMORY.
 */
struct error *image_finish(struct image *i, const char *vmcoreinfo) MUST_CHECK;

#endif
