/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the bits of a page-table entry mean to the engine (include/asm-i386/pgtable.h of 2.4).
 */
#ifndef MM_PTE_H
#define MM_PTE_H

#include "core/pagetable.h"

/* A page that is there but may not be touched: not present to the processor. */
#define PTE_PROTNONE X86_PROTNONE_2_4

static inline bool pte_present(uint64_t pte)
{
	return pte & (X86_PRESENT | PTE_PROTNONE);
}

static inline uint64_t pte_mkdirty(uint64_t pte)
{
	return pte | X86_DIRTY;
}

static inline uint64_t pte_mkyoung(uint64_t pte)
{
	return pte | X86_ACCESSED;
}

static inline uint64_t pte_mkwrite(uint64_t pte)
{
	return pte | X86_RW;
}

static inline uint64_t pte_wrprotect(uint64_t pte)
{
	return pte & ~X86_RW;
}

/* Swap entries: type in bits 1 to 6, offset from bit 8 (SWP_TYPE, SWP_OFFSET). */
static inline unsigned swp_type(uint64_t entry)
{
	return entry >> 1 & 0x3f;
}

static inline uint64_t swp_offset(uint64_t entry)
{
	return entry >> 8;
}

static inline uint64_t swp_entry(unsigned type, uint64_t offset)
{
	return (uint64_t)type << 1 | offset << 8;
}

#endif
