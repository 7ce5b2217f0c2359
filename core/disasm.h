/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Machine code as binutils spell it (AT&T), from what capstone decodes.
 */
#ifndef CORE_DISASM_H
#define CORE_DISASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/error.h"

struct disasm;

#define DISASM_MAX_BYTES 15 /* of an x86 instruction */

struct instruction {
	unsigned size;	    /* bytes, at least 1 */
	char mnemonic[48];  /* with prefixes: "lock cmpxchg"; "(bad)" for no instruction */
	char operands[112]; /* "" when it has none */
	bool has_target;    /* it names an address: a direct jump's or call's, or one relative to %rip */
	bool is_branch;	    /* the target is the operand itself */
	uint64_t target;
};

/* `wide`: 64-bit code, else 32-bit. ERR_OTHER. */
struct error *disasm_open(bool wide, struct disasm **out) MUST_CHECK;
void disasm_close(struct disasm *d);
/* The instruction that begins at bytes[0], which stands at addr; len at least 1. */
void disasm_one(struct disasm *d, const unsigned char *bytes, size_t len, uint64_t addr, struct instruction *out);

#endif
