/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: a program on its way into a task (mm/engine/exec.c, mm/engine/exec_elf.c).
 */
#ifndef MM_EXEC_EDIT_H
#define MM_EXEC_EDIT_H

#include "mm/engine/engine.h"

/* include/linux/binfmts.h: 128 KB for strings */
#define MAX_ARG_PAGES 32

/* An ELF file, read and checked. */
struct elf_image {
	uint64_t file; /* struct file, of which this holds a reference; 0 for none */
	unsigned char *bytes;
	size_t size;
	unsigned type; /* ET_EXEC, ET_DYN */
	uint32_t entry, phoff;
	unsigned phnum;
	struct elf_segment {
		uint32_t type, offset, vaddr, filesz, memsz, flags;
	} *segments;
};

/* What do_execve() gathers: struct linux_binprm. */
struct binprm {
	uint64_t task;
	uint64_t pages[MAX_ARG_PAGES]; /* struct pages of the strings, 0: not there yet */
	uint64_t p;		       /* where the last string starts: first an offset in the pages, then an address */
	unsigned argc, envc;
	struct elf_image program, interpreter;
};

/*
 * Opens and checks a program, ENOENT, EACCES, ENOEXEC, ENOMEM. `bad` is the errno for what is no program at all: ENOEXEC, ELIBBAD for an
 * interpreter.
 */
struct error *elf_image_open(struct engine *e, const char *path, int bad, struct elf_image *out) MUST_CHECK;
/* Frees what is ours; the reference to the file is the caller's. */
void elf_image_free(struct elf_image *image);
/* The path of the interpreter into `path`; "" when the program names none. ENOEXEC, ENOMEM. */
struct error *elf_interpreter(const struct elf_image *image, char *path, size_t size) MUST_CHECK;

/* Where the program came to lie. */
struct elf_placed {
	uint32_t load_addr; /* address of the file's first byte */
	uint32_t bias;	    /* what was added to the file's addresses */
	uint32_t start_code, end_code, start_data, end_data, bss, brk;
	uint32_t entry;
};
/* load_elf_binary()'s loop over the segments; the heap's start (set_brk) is left to the caller. */
struct error *elf_map_program(struct engine *e, const struct binprm *b, struct elf_placed *out) MUST_CHECK;
/* load_elf_interp(), its bss too. */
struct error *elf_map_interpreter(struct engine *e, const struct binprm *b, struct elf_placed *out) MUST_CHECK;
/* set_brk() and padzero(). */
struct error *elf_set_brk(struct engine *e, const struct binprm *b, uint32_t start, uint32_t end) MUST_CHECK;
struct error *elf_pad_zero(struct engine *e, const struct binprm *b, uint32_t from, uint32_t len) MUST_CHECK;

#endif
