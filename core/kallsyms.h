/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kallsyms: the symbol table that a kernel carries in its own read-only data (scripts/kallsyms.c writes it, kernel/kallsyms.c reads it).
 *
 *   names        per symbol a length (a byte; since 6.1 two when the first has its top bit set) and as many token numbers; the text
 *                that the tokens make is nm's type letter followed by the name
 *   markers      the offset in names of every 256th symbol
 *   token table  256 NUL-terminated strings, and the token index: 256 16-bit offsets into it
 *   addresses    in one of the encodings below
 *
 * All of them lie in the kernel's image, which is physically contiguous; nothing is copied from it.
 */
#ifndef CORE_KALLSYMS_H
#define CORE_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/error.h"

struct kernel;

enum kallsyms_encoding {
	KALLSYMS_ABSOLUTE,	   /* kallsyms_addresses: a word of pointer size each (until 4.6, or without BASE_RELATIVE) */
	KALLSYMS_RELATIVE,	   /* relative_base + (u32)offset */
	KALLSYMS_ABSOLUTE_PERCPU,  /* offset when it is positive, else relative_base - 1 - offset */
	KALLSYMS_PLACE,		   /* the address of the offset itself + (s32)offset: no relative_base (7.0) */
};

struct kallsyms {
	uint32_t count;
	/* length-prefixed names: bytes in the image, checked as a whole */
	const uint8_t *names;
	size_t names_size;
	bool long_names; /* two-byte lengths */
	const uint8_t *token_table;
	uint16_t token_index[256];
	uint8_t token_length[256];
	unsigned longest_token;

	enum kallsyms_encoding encoding;
	const uint8_t *offsets; /* or addresses */
	uint64_t offsets_addr;	/* KALLSYMS_PLACE: the table's virtual address */
	uint64_t relative_base;
	uint8_t pointer_size;

	/* The decoded names: one arena of NUL-terminated strings, and per symbol the offset of its type letter, which its name follows. */
	char *arena;
	size_t arena_size; /* mapped bytes */
	uint32_t *text;
};

/*
 * Finds the tables through VMCOREINFO, else by their shape within the kernel's image, and decodes the names. Needs k->vmcore, k->arch,
 * k->vmcoreinfo, k->phys_base. ERR_UNSUPPORTED: there are none. ERR_BAD_OBJECT: there are, but damaged.
 */
struct error *kallsyms_locate(struct kernel *k, struct kallsyms *out) MUST_CHECK;

/*
 * For an image without any VMCOREINFO: finds the tables by their shape anywhere in memory (where several kernels are found, the one
 * whose symbols tell true: linux_banner is where it should be, and the kernel's page tables map it there), and sets k->phys_base. Needs
 * k->vmcore and k->arch (arch_x86_64 is the guess to try first). The caller goes on with symbols_open_found(k, &tables), and from
 * there as with VMCOREINFO. Reads memory from its start until they are found: a second for many GB. Errors as above.
 */
struct error *kallsyms_find_in_memory(struct kernel *k, struct kallsyms *out) MUST_CHECK;

/* The address of symbol i < count. */
uint64_t kallsyms_address(const struct kallsyms *t, uint32_t i);

static inline char kallsyms_type(const struct kallsyms *t, uint32_t i)
{
	return t->arena[t->text[i]];
}

static inline const char *kallsyms_name(const struct kallsyms *t, uint32_t i)
{
	return t->arena + t->text[i] + 1;
}

/* Frees the decoded names; the rest belongs to the image. */
void kallsyms_free(struct kallsyms *t);

/* ---- Parts, for tests ---- */

/* Decodes all names. ERR_BAD_OBJECT, ERR_NO_MEMORY. */
struct error *kallsyms_decode(struct kallsyms *t) MUST_CHECK;

/* Checks a token table of at most `size` bytes with its index, and fills the token members. False when it is none. */
bool kallsyms_check_tokens(struct kallsyms *t, const uint8_t *table, size_t size, const uint8_t *index);
/*
 * Are these `count` names (of at most `size` bytes, at physical `phys`)? Finds which kind of lengths they have by the markers behind them,
 * aligned to 4 or 8, and sets names, names_size, long_names, count. False when neither fits.
 */
bool kallsyms_check_names(struct kallsyms *t, const uint8_t *names, size_t size, uint64_t phys, uint32_t count);

/*
 * All tables around a token table found at physical `phys` of an image that lies in [start, end): names and addresses by their shape. Only
 * KALLSYMS_PLACE's offsets_addr, which needs a translation, is left as a physical address.
 */
bool kallsyms_around(struct kernel *k, uint64_t phys, uint64_t start, uint64_t end, struct kallsyms *out);

#endif
