/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of struct symbols, for core/symbols*.c and core/module.c only. */
#ifndef CORE_SYMBOL_TABLE_H
#define CORE_SYMBOL_TABLE_H

#include "core/kallsyms.h"
#include "core/symbols.h"

struct symbol_entry {
	uint64_t addr;
	const char *name;
	uint32_t module; /* its index, or NO_MODULE */
	char type;
};
#define NO_MODULE UINT32_MAX

/* A piece of a module's memory. */
struct module_region {
	uint64_t start, size;
	uint32_t module;
};

enum modules_state { MODULES_UNREAD, MODULES_READING, MODULES_READ };

/*
 * One index over all symbols: first those of kallsyms, then the entries (the kernel's own from a
 * file, or its modules'). The kernel's are the first kernel_count.
 */
struct symbols {
	char *path; /* the file of the kernel's own; NULL: the image */
	struct kallsyms kallsyms;
	struct symbol_entry *entries;
	size_t entry_count, entry_room;
	size_t kernel_count;

	/* The entries by name: open addressing, index + 1 of each; equal names follow one another
	 * in index order. The first `hashed` are in. */
	uint32_t *hash;
	size_t hash_size, hashed;

	enum modules_state modules_state;
	struct error *modules_error; /* what kept the modules from being read whole */
	struct module *modules;
	size_t module_count;
	struct module_region *regions; /* ascending */
	size_t region_count;

	/* What symbol_addr() was asked for lately, found or not. */
	struct symbol_memo {
		char name[40];
		bool used;
		const char *notes; /* vmcoreinfo.text then */
		size_t kernel_count;
		uint64_t addr;
	} memo[128];

	/* memory that names point into */
	void **blocks;
	size_t block_count;
};

/* Makes k->symbols anew, empty. */
struct error *symbols_new(struct kernel *k, struct symbols **out) MUST_CHECK;
struct error *symbols_append(struct symbols *s, uint64_t addr, char type, const char *name,
			     uint32_t module) MUST_CHECK;
/* Takes a malloc'ed block, to be freed with the symbols; frees it on failure. */
struct error *symbols_keep(struct symbols *s, void *block) MUST_CHECK;
/* Sorts entries [from, end) by address, keeping the order of equal ones. */
void symbols_sort(struct symbols *s, size_t from);

#endif
