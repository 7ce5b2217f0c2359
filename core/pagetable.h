/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Page tables: geometry as data, one walker, one entry-setter for all of them.
 */
#ifndef CORE_PAGETABLE_H
#define CORE_PAGETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/vmcore.h"

#define PAGETABLE_MAX_LEVELS 5

struct pagetable_level {
	const char *name;    /* "PGD", "P4D", "PUD", "PMD", "PTE" */
	uint8_t shift;	     /* of the virtual address */
	uint8_t bits;	     /* of index at this level */
	bool may_be_leaf;    /* PSE entries are allowed here */
};

struct pagetable_geometry {
	const char *name;      /* "x86_64 4-level", … */
	uint8_t levels;	       /* walked levels; level[0] is the topmost */
	uint8_t entry_size;    /* bytes */
	uint8_t virtual_bits;
	struct pagetable_level level[PAGETABLE_MAX_LEVELS];
	uint64_t frame_mask;   /* bits of an entry that hold the physical address */
	bool inverts_absent;   /* entries without P hold their address bits inverted (L1TF defence) */
	uint64_t protnone;     /* the bit of an entry without P that is a page all the same (PROT_NONE) */
};

/* The architecture: what differs between machines and is no kernel's choice. */
struct arch {
	const char *name;	 /* "x86_64", "i386" */
	int machine;		 /* ELF e_machine */
	uint8_t pointer_size;	 /* bytes */
	uint8_t page_shift;
	uint64_t kernel_map;	 /* START_KERNEL_map: where the kernel's text is linked */
};

extern const struct arch arch_x86_64, arch_i386;
/* By ELF e_machine; NULL for one that is not known here. */
const struct arch *arch_find(int machine);

/* Bits of an x86 entry (arch/x86/include/asm/pgtable_types.h). */
#define X86_PRESENT  (1ull << 0)
#define X86_RW	     (1ull << 1)
#define X86_USER     (1ull << 2)
#define X86_PWT	     (1ull << 3)
#define X86_PCD	     (1ull << 4)
#define X86_ACCESSED (1ull << 5)
#define X86_DIRTY    (1ull << 6)
#define X86_PSE	     (1ull << 7)
#define X86_GLOBAL   (1ull << 8)
#define X86_NX	     (1ull << 63)

extern const struct pagetable_geometry x86_64_4level, x86_64_5level, i386_2level, i386_pae;

/* One step of a walk. */
struct walk_step {
	uint64_t entry_addr; /* physical address of the entry */
	uint64_t entry;	     /* its value */
};

enum walk_result {
	WALK_MAPPED,	  /* a present leaf, or a PROT_NONE one: phys and size are good */
	WALK_NOT_PRESENT, /* the last step's entry is not empty: a swap entry, migration entry … */
	WALK_EMPTY,	  /* the last step's entry is 0 */
	WALK_UNREADABLE,  /* the last step's table is not in the image, or its entry leads outside (error says which) */
};

struct walk {
	enum walk_result result;
	unsigned steps;		 /* filled in step[]; step[i] is of geometry level i */
	struct walk_step step[PAGETABLE_MAX_LEVELS];
	uint64_t phys;		 /* of the address asked for, when WALK_MAPPED */
	uint64_t page_size;	 /* of the leaf, in bytes */
};

/* Walks from the table at physical `pgd`. On WALK_UNREADABLE *error (when not NULL) is set, owned by the caller. */
void pagetable_walk(struct vmcore *vc, const struct pagetable_geometry *g, uint64_t pgd, uint64_t addr,
		    struct walk *walk, struct error **error);

/* _PAGE_PROTNONE: the GLOBAL bit (pgtable_types.h); in 2.4, bit 7 (include/asm-i386/pgtable.h). */
#define X86_PROTNONE	 X86_GLOBAL
#define X86_PROTNONE_2_4 X86_PSE

/* Is the entry a translation that the kernel counts as present (P, or PROT_NONE)? */
static inline bool pagetable_entry_present(const struct pagetable_geometry *g, uint64_t entry)
{
	return entry & (X86_PRESENT | g->protnone);
}

/* The same of a leaf above the lowest level: where bit 7 says PROT_NONE, only an entry with P can be one. */
static inline bool pagetable_huge_present(const struct pagetable_geometry *g, uint64_t entry)
{
	return entry & (X86_PRESENT | (g->protnone & ~X86_PSE));
}

/*
 * The physical address in an entry of that level. PROT_NONE entries are stored inverted where the kernel defends against
 * L1TF (arch/x86/include/asm/pgtable-invert.h: a non-zero entry without P has its address bits inverted).
 */
uint64_t pagetable_entry_phys(const struct pagetable_geometry *g, uint64_t entry, unsigned level);

/*
 * All leaf entries that are not 0 in [start, end), ascending: visit() gets the address that the entry maps, its level's size in bytes, and the
 * entry. Holes are skipped by whole tables. An unreadable table is announced with entry_addr of the entry that leads to it and
 * `unreadable` true, and skipped. visit() returns false to end. The interrupt flag ends it too (the caller checks).
 */
struct leaf {
	uint64_t addr, size;	 /* virtual, bytes */
	uint64_t entry_addr, entry;
	unsigned level;
	bool unreadable;
};
typedef bool leaf_visitor(void *context, const struct leaf *leaf);
void pagetable_for_each(struct vmcore *vc, const struct pagetable_geometry *g, uint64_t pgd, uint64_t start,
			uint64_t end, leaf_visitor *visit, void *context);

#endif
