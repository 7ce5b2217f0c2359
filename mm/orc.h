/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ORC: the unwind tables that an x86_64 kernel has in its own memory, one entry for each stretch of text in which the stack looks the same
 * (arch/x86/include/asm/orc_types.h, arch/x86/kernel/unwind_orc.c, Documentation/arch/x86/orc-unwinder.rst).
 */
#ifndef MM_ORC_H
#define MM_ORC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

#define ORC_REGISTERS 16

/* The register that the previous stack pointer or frame pointer is computed from. (Ours: kernels number them in two ways.) */
enum orc_reg {
	ORC_REG_UNDEFINED,
	ORC_REG_PREV_SP,
	ORC_REG_DX,
	ORC_REG_DI,
	ORC_REG_BP,
	ORC_REG_SP,
	ORC_REG_R10,
	ORC_REG_R13,
	ORC_REG_BP_INDIRECT,
	ORC_REG_SP_INDIRECT,
};

/* What stands where the previous stack pointer leads to. */
enum orc_type {
	ORC_TYPE_UNDEFINED,    /* nothing that is known of */
	ORC_TYPE_END_OF_STACK, /* the outermost frame */
	ORC_TYPE_CALL,	       /* a return address, below it */
	ORC_TYPE_REGS,	       /* a pt_regs */
	ORC_TYPE_REGS_PARTIAL, /* the part of a pt_regs that the processor pushed */
};

struct orc {
	int16_t sp_offset, bp_offset; /* bytes */
	enum orc_reg sp_reg, bp_reg;
	enum orc_type type;
};

/* The kernel's own tables, and how they number the registers. */
struct orc_tables {
	uint64_t ips, entries, count;
	const uint8_t *registers; /* enum orc_reg by the number in an entry, ORC_REGISTERS of them */
};

/* ERR_UNSUPPORTED: this kernel has none. */
struct error *orc_open(struct kernel *k, struct orc_tables *out) MUST_CHECK;
/*
 * The entry for an address in the kernel's or a module's text; *found is false where no table speaks of it (code made at run time).
 */
struct error *orc_find(struct kernel *k, const struct orc_tables *tables, uint64_t ip, struct orc *out, bool *found) MUST_CHECK;

#endif
