/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's symbols, read from its own memory (kallsyms) and its loaded modules, or from a System.map or vmlinux.
 */
#ifndef CORE_SYMBOLS_H
#define CORE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/error.h"

struct kernel;
struct symbols;

struct symbol {
	const char *name;   /* as long as the kernel is open */
	uint64_t addr;	    /* virtual address; for a per-CPU symbol what kallsyms gives (offset or address) */
	char type;	    /* nm's letter: T t D d B b R r A … */
	const char *module; /* NULL for the kernel itself */
};

/*
 * How kallsyms is found, in the kernel's image in memory:
 *  - VMCOREINFO's SYMBOL(kallsyms_names), … (since Linux 6.0, kernel/kallsyms.c's kallsyms tables, kernel/vmcore_info.c), or
 *  - by the shape of its token table and token index, in the physical memory of the kernel's image.
 * Needs k->vmcore, k->vmcoreinfo, k->arch and kernel-text translation (k->phys_base). On success k->symbols is set.
 * Errors: ERR_UNSUPPORTED (no kallsyms in this memory), ERR_BAD_OBJECT (damaged).
 */
struct error *symbols_open_kallsyms(struct kernel *k) MUST_CHECK;
/* The same from tables already found (kallsyms_find_in_memory(), core/kallsyms.h); takes what `found` owns, on failure too. */
struct kallsyms;
struct error *symbols_open_found(struct kernel *k, struct kallsyms *found) MUST_CHECK;
/* The same from a System.map or an ELF symbol table; shifted by the KASLR offset k->kaslr_offset. */
struct error *symbols_open_file(struct kernel *k, const char *path) MUST_CHECK;
void symbols_close(struct symbols *s);
/* The file that they came from; NULL: the image itself. */
const char *symbols_file(const struct kernel *k);

/*
 * Adds the symbols of all loaded modules (struct module's kallsyms, percpu, address range). The look-ups below do so by themselves when
 * they come to need modules; this tells what went wrong, every time that it is asked. Errors leave the kernel's own, and the modules that
 * could be read, usable. (BPF programs and trampolines, which /proc/kallsyms lists too, are not among them.)
 */
struct error *symbols_add_modules(struct kernel *k) MUST_CHECK;

/* ---- Look-ups (fast: hash by name, binary search by address; both built lazily or cheaply) ---- */

/* The first symbol of that name; kernel before modules. False when there is none. "module:name" asks one module. */
bool symbol_find(struct kernel *k, const char *name, struct symbol *out);
/* The nth (from 0) symbol of that name. */
bool symbol_find_nth(struct kernel *k, const char *name, unsigned n, struct symbol *out);
/*
 * The address of one of the kernel's own symbols (no module's), or 0 when there is no such one: for what the engine asks for by name,
 * present or not, without reading the modules.
 */
uint64_t symbol_addr(struct kernel *k, const char *name);
/* The nearest symbol at or below addr within the same image or module section; false outside all of them. */
bool symbol_at(struct kernel *k, uint64_t addr, struct symbol *out, uint64_t *offset);
/* "name+off" / "name" into buf (with " [module]" when of a module), or "" and false. offset is printed in decimal as crash does. */
bool symbol_format(struct kernel *k, uint64_t addr, char *buf, size_t size);

/* All in ascending address order per image: kernel first, then module by module. index from 0; false past the last. */
size_t symbols_count(struct kernel *k);
bool symbols_get(struct kernel *k, size_t index, struct symbol *out);
/* The index of a symbol that a look-up gave; false when it is none of them. */
bool symbols_index(struct kernel *k, const struct symbol *symbol, size_t *index);

/* ---- Modules ---- */

#define MODULE_MEMORIES 8

struct module {
	char name[64];
	uint64_t addr;	/* struct module */
	uint64_t base;	/* text (or core layout) start */
	uint64_t size;	/* all of its memory, in bytes */
	/*
	 * Its pieces that are there, with what they are: an index by enum mod_mem_type (6.4), or where `by_type` is false 0 for the core and 1
	 * for what init takes.
	 */
	struct module_memory_piece {
		uint64_t start, size;
		unsigned kind;
	} memory[MODULE_MEMORIES];
	unsigned memory_count;
	bool by_type;
	uint64_t btf_data, btf_size; /* its split BTF in memory (0 when none) */
	size_t first_symbol, symbol_count;
};
size_t modules_count(struct kernel *k);
const struct module *modules_get(struct kernel *k, size_t index);
/* The module whose memory holds addr, or NULL. */
const struct module *module_at(struct kernel *k, uint64_t addr);

#endif
