/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The types of a simulated kernel, as data: name, size, and each member's offset, type and name. The machine carries them as BTF, which libbpf
 * writes from here, so that everything reads them like those of any other image.
 */
#ifndef MM_SIM_LAYOUT_H
#define MM_SIM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/error.h"

/*
 * type: "unsigned long", "struct page *", "char [16]", "int [2][3]", "int (*)(struct inode *, ...)", "const char *", a typedef's name
 * ("int ()(long)" is a function's). A struct that is only
 * pointed to need not be in the layout. bits: of a bitfield, else 0; bit: its lowest.
 */
struct layout_member {
	uint32_t offset; /* bytes */
	const char *type, *name; /* "" for a struct or union whose members count as those around it */
	uint8_t bits, bit;
};

/* For the tables. */
#define FIELD(offset, type, name)	       { (offset), (type), #name, 0, 0 }
#define BITS(offset, type, name, width, lowest) { (offset), (type), #name, (width), (lowest) }
#define END				       { 0, NULL, NULL, 0, 0 }

struct layout_struct {
	const char *name; /* "$…": one without a name, known to the layout only */
	uint32_t size; /* bytes */
	bool is_union;
	const struct layout_member *members; /* in the order of their offsets; ends with a name of NULL */
};

struct layout_typedef {
	const char *name, *type;
};

struct layout_enumerator {
	const char *name;
	int value;
};

struct layout_enum {
	const char *name;
	const struct layout_enumerator *values; /* ends with a name of NULL */
};

struct layout {
	unsigned pointer_size; /* bytes; a long is as wide */
	const struct layout_struct *structs;   /* each table ends with a name of NULL */
	const struct layout_typedef *typedefs;
	const struct layout_enum *enums;
};

/*
 * The layout as a BTF section, in memory that the caller frees. ERR_OTHER: a type that the layout does not define, or a member that lies outside
 * its struct or overlaps the one before (the layout itself is wrong). ERR_NO_MEMORY.
 */
struct error *layout_to_btf(const struct layout *layout, void **bytes, size_t *len) MUST_CHECK;

/* Offset of a member (path within one struct, no dots) and size of a struct, for the time before the image can be attached to. 0 and abort() are not
 * options: an unknown name is a bug of the flavour, so these assert. */
uint32_t layout_offset(const struct layout *layout, const char *structure, const char *member);
uint32_t layout_size(const struct layout *layout, const char *structure);

/* Where a path leads: "lru.next", "pid_links[1].pprev"; through members without a name and typedefs. */
struct layout_place {
	uint32_t offset, size; /* bytes; the size of the whole array for an array without an index */
	uint8_t bit, bits;     /* of a bitfield, else 0 */
};
/* False when there is no such struct, union or typedef of one, or no such member. (mm/sim/layout_path.c) */
bool layout_path(const struct layout *layout, const char *structure, const char *path, struct layout_place *out);
/* sizeof of a type as written in a layout; 0 when it is none. */
uint32_t layout_type_size(const struct layout *layout, const char *type);

#endif
