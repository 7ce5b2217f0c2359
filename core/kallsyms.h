/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kallsyms: the symbol table that a kernel carries in its own read-only data (scripts/kallsyms.c
 * writes it, kernel/kallsyms.c reads it).
 *
 *   names        per symbol a length (a byte; since 6.1 two when the first has its top bit set) and
 * as many token numbers; the text that the tokens make is nm's type letter followed by the name
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
	KALLSYMS_ABSOLUTE, /* kallsyms_addresses: a word of pointer size each (until 4.6, or without
			      BASE_RELATIVE) */
	KALLSYMS_RELATIVE, /* relative_base + (u32)offset */
	KALLSYMS_ABSOLUTE_PERCPU, /* offset when it is positive, else relative_base - 1 - offset */
	KALLSYMS_PLACE, /* the address of the offset itself + (s32)offset: no relative_base (7.0) */
};

struct kallsyms {
	uint32_t count;
	/* length-prefixed names: bytes in the image, checked as a whole */
	const uint8_t *names;
	size_t names_size;
	bool long_names;    /* two-byte lengths */
	uint32_t *marks;    /* where every 256th name starts; ours */
	size_t markers_end; /* from the start of names: one past the image's own markers */
	const uint8_t *token_table;
	uint16_t token_index[256];
	uint8_t token_length[256];
	unsigned longest_token;

	enum kallsyms_encoding encoding;
	const uint8_t *offsets;		   /* or addresses */
	uint64_t names_phys, offsets_phys; /* where they stand */
	uint64_t offsets_addr;		   /* KALLSYMS_PLACE: the table's virtual address */
	uint64_t relative_base;
	uint8_t pointer_size;

	/* By name: the image's own order of names (kallsyms_seqs_of_names, 6.2: 3 bytes each,
	 * big-endian) where it has one, else a hash of ours. */
	const uint8_t *seqs;
	uint64_t *hash; /* hash of the name << 32 | symbol + 1; 0 is free */
	size_t hash_size;

	/* Names decoded so far: per symbol NULL or its type letter and name. */
	const char **text;
	struct kallsyms_block *blocks;
	uint32_t next;	  /* the symbol after the one that was decoded last, */
	uint32_t next_at; /* and where it starts in names */
};

/*
 * Finds the tables through VMCOREINFO, else by their shape within the kernel's image. Needs
 * k->vmcore, k->arch, k->vmcoreinfo, k->phys_base. ERR_UNSUPPORTED: there are none. ERR_BAD_OBJECT:
 * there are, but damaged.
 */
struct error *kallsyms_locate(struct kernel *k, struct kallsyms *out) MUST_CHECK;

/*
 * For an image without any VMCOREINFO: finds the tables by their shape anywhere in memory (where
 * several kernels are found, the one whose symbols tell true: linux_banner is where it should be,
 * and the kernel's page tables map it there), and sets k->phys_base. Needs k->vmcore and k->arch:
 * the guess to try first, and afterwards the one that it is. The caller goes on with symbols_open_found(k, &tables),
 * and from there as with VMCOREINFO. Reads memory from its start until they are found: a second for
 * many GB. Errors as above.
 */
struct error *kallsyms_find_in_memory(struct kernel *k, struct kallsyms *out) MUST_CHECK;

/* The address of symbol i < count. */
uint64_t kallsyms_address(const struct kallsyms *t, uint32_t i);

/* nm's letter. */
char kallsyms_type(struct kallsyms *t, uint32_t i);
/* Decoded when first asked for, and good until kallsyms_free(). In order of i it is fastest. Never
 * NULL. */
const char *kallsyms_name(struct kallsyms *t, uint32_t i);
/* The nth symbol of that name in the order of addresses (of the table). */
bool kallsyms_find(struct kallsyms *t, const char *name, unsigned n, uint32_t *i);

/* Frees what is ours; the rest belongs to the image. */
void kallsyms_free(struct kallsyms *t);

/* ---- Parts, for core/kallsyms*.c and tests ---- */

/*
 * Once all tables are set: checks a sample of the names, and prepares kallsyms_find(). `seqs` are
 * up to four places where the image's order of names may stand, each NULL or with 3 bytes a symbol
 * mapped: what is no order of names is not taken. ERR_BAD_OBJECT, ERR_NO_MEMORY.
 */
struct error *kallsyms_prepare(struct kallsyms *t, const uint8_t *const seqs[4]) MUST_CHECK;

/* For an image whose order of names is not plain (CONFIG_LTO_CLANG's leaves suffixes out of
 * account): a hash instead. */
struct error *kallsyms_use_hash(struct kallsyms *t) MUST_CHECK;

/* Checks a token table of at most `size` bytes with its index, and fills the token members. False
 * when it is none. */
bool kallsyms_check_tokens(struct kallsyms *t, const uint8_t *table, size_t size,
			   const uint8_t *index);
/*
 * Are these `count` names (of at most `size` bytes, at physical `phys`)? Finds which kind of
 * lengths they have by the markers behind them, aligned to 4 or 8, and sets the members about
 * names, and count. False when neither fits.
 */
bool kallsyms_check_names(struct kallsyms *t, const uint8_t *names, size_t size, uint64_t phys,
			  uint32_t count);

/*
 * All tables around a token table found at physical `phys` of an image that lies in [start, end):
 * names and addresses by their shape. Only KALLSYMS_PLACE's offsets_addr, which needs a
 * translation, is left as a physical address.
 */
bool kallsyms_around(struct kernel *k, uint64_t phys, uint64_t start, uint64_t end,
		     struct kallsyms *out);

#endif
