/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linux 2.4.20's types, put together, and ours that stand in the machine's memory beside them.
 */
#include <string.h>

#include "mm/sim/linux24.h"

/* include/linux/mm.h has these as macros; as an enumeration they can stand in BTF, where everything looks for them. */
static const struct layout_enumerator page_flags[] = {
	{ "PG_locked", 0 },   { "PG_error", 1 },    { "PG_referenced", 2 }, { "PG_uptodate", 3 }, { "PG_dirty", 4 },
	{ "PG_unused", 5 },   { "PG_lru", 6 },	    { "PG_active", 7 },	    { "PG_slab", 8 },	  { "PG_skip", 10 },
	{ "PG_highmem", 11 }, { "PG_checked", 12 }, { "PG_arch_1", 13 },    { "PG_reserved", 14 }, { "PG_launder", 15 },
	{ NULL, 0 },
};

static const struct layout_enum enums[] = {
	{ "pageflags", page_flags },
	{ NULL, NULL },
};

/* ---- What the machine keeps besides its kernel ---- */

/* mm/pin.c */
static const struct layout_member sim_pin_members[] = {
	FIELD(0, "unsigned int", kind), FIELD(4, "unsigned long", what), FIELD(8, "unsigned long", where), END,
};
static const struct layout_member sim_pins_members[] = {
	FIELD(0, "unsigned int", count), FIELD(4, "struct sim_pin [256]", pin), END,
};
/* Physical addresses and bytes: frames that hold what the disk and the swap partition hold. */
static const struct layout_member sim_disk_members[] = {
	FIELD(0, "unsigned long", start),	FIELD(4, "unsigned long", size),      FIELD(8, "unsigned long", used),
	FIELD(12, "unsigned long", swap_start), FIELD(16, "unsigned long", swap_size),
	FIELD(20, "unsigned long", next_ino), END,
};

static const struct layout_struct own_structs[] = {
	{ "sim_pin", 12, false, sim_pin_members },
	{ "sim_pins", 4 + 256 * 12, false, sim_pins_members },
	{ "sim_disk", 24, false, sim_disk_members },
	{ NULL, 0, false, NULL },
};

#define STRUCTS_MAX 128

const struct layout *linux24_layout(bool highmem)
{
	static struct layout_struct structs[2][STRUCTS_MAX];
	static struct layout layouts[2];
	const struct layout_struct *const tables[] = { linux24_mm_structs, linux24_fs_structs, linux24_task_structs, own_structs };
	struct layout_struct *to = structs[highmem];
	struct layout *l = &layouts[highmem];
	if (l->structs)
		return l;
	for (unsigned t = 0; t < 4; t++)
		for (const struct layout_struct *s = tables[t]; s->name; s++)
			*to++ = highmem && !strcmp(s->name, "page") ? linux24_page_highmem : *s;
	*to = (struct layout_struct){ NULL, 0, false, NULL };
	*l = (struct layout){ 4, structs[highmem], linux24_typedefs, enums };
	return l;
}
