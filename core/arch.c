/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>

#include "core/pagetable.h"

/* START_KERNEL_map: arch/x86/include/asm/page_64_types.h; i386 links the kernel at PAGE_OFFSET. */
const struct arch arch_x86_64 = {
	.name = "x86_64",
	.machine = EM_X86_64,
	.pointer_size = 8,
	.page_shift = 12,
	.kernel_map = 0xffffffff80000000,
};

const struct arch arch_i386 = {
	.name = "i386",
	.machine = EM_386,
	.pointer_size = 4,
	.page_shift = 12,
	.kernel_map = 0xc0000000,
};

const struct arch *arch_find(int machine)
{
	switch (machine) {
	case EM_X86_64:
		return &arch_x86_64;
	case EM_386:
		return &arch_i386;
	}
	return NULL;
}

/* Intel SDM volume 3A, chapter 4: bits 51:12 of a 64-bit entry hold the address, 31:12 of a 32-bit
 * one. */
#define FRAME_MASK_64 0x000ffffffffff000ull
#define FRAME_MASK_32 0xfffff000ull

const struct pagetable_geometry x86_64_4level = {
	.name = "x86_64 4-level",
	.levels = 4,
	.entry_size = 8,
	.virtual_bits = 48,
	.level = {{"PGD", 39, 9, false},
		  {"PUD", 30, 9, true},
		  {"PMD", 21, 9, true},
		  {"PTE", 12, 9, true}},
	.frame_mask = FRAME_MASK_64,
	.inverts_absent = true,
	.protnone = X86_PROTNONE,
};

const struct pagetable_geometry x86_64_5level = {
	.name = "x86_64 5-level",
	.levels = 5,
	.entry_size = 8,
	.virtual_bits = 57,
	.level = {{"PGD", 48, 9, false},
		  {"P4D", 39, 9, false},
		  {"PUD", 30, 9, true},
		  {"PMD", 21, 9, true},
		  {"PTE", 12, 9, true}},
	.frame_mask = FRAME_MASK_64,
	.inverts_absent = true,
	.protnone = X86_PROTNONE,
};

const struct pagetable_geometry i386_2level = {
	.name = "i386 2-level",
	.levels = 2,
	.entry_size = 4,
	.virtual_bits = 32,
	.level = {{"PGD", 22, 10, true}, {"PTE", 12, 10, true}},
	.frame_mask = FRAME_MASK_32,
	.inverts_absent = false,
	.protnone = X86_PROTNONE,
};

const struct pagetable_geometry i386_pae = {
	.name = "i386 PAE",
	.levels = 3,
	.entry_size = 8,
	.virtual_bits = 32,
	.level = {{"PGD", 30, 2, false}, {"PMD", 21, 9, true}, {"PTE", 12, 9, true}},
	.frame_mask = FRAME_MASK_64,
	.inverts_absent = true,
	.protnone = X86_PROTNONE,
};
