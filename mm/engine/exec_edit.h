/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: a program on its way into a task (mm/engine/exec.c, exec_modern.c, exec_mm.c, elf_read.c, elf_map.c).
 */
#ifndef MM_EXEC_EDIT_H
#define MM_EXEC_EDIT_H

#include "mm/engine/engine.h"

/* include/linux/binfmts.h of 2.4: 128 KB for strings */
#define MAX_ARG_PAGES 32

/* An ELF file, its headers read and checked. */
struct elf_image {
	uint64_t file, inode; /* struct file, of which this holds a reference; 0 for none */
	uint64_t size;	      /* of the file */
	unsigned type;	      /* ET_EXEC, ET_DYN */
	uint64_t entry, phoff;
	unsigned phnum;
	struct elf_segment {
		uint32_t type, flags;
		uint64_t offset, vaddr, filesz, memsz, align;
	} *segments;
};

/* What do_execve() gathers: struct linux_binprm. */
struct binprm {
	uint64_t task;
	uint64_t pages[MAX_ARG_PAGES]; /* 2.4: struct pages of the strings, 0: not there yet */
	struct object mm, vma;	       /* later: the new address space, and its stack */
	bool has_mm;
	uint64_t p;		       /* where the last string starts: in 2.4 first an offset in the pages, then an address */
	uint64_t least;		       /* below which strings may not reach */
	uint64_t exec;		       /* where the program's own name stands */
	uint64_t rlim_stack;
	unsigned argc, envc;
	struct elf_image program, interpreter;
};

#define TASK_SIZE_OF_64 (((uint64_t)1 << 47) - VMCORE_PAGE_SIZE) /* TASK_SIZE_MAX: half of what four levels translate, less a page, whatever the processor has */

unsigned count_strings(char *const *strings);
/* From a string that exec itself has just put into the task's memory (reading it takes no fault) to the byte behind its end. */
struct error *skip_string(struct engine *e, uint64_t task, uint64_t *p) MUST_CHECK;
/* Past the point of no return: the task ends, and `killed` has the failure's text. What no kernel answers, and init's failure, is handed on. */
struct error *kill_for(struct engine *e, uint64_t task, struct error *failure, char *killed, size_t size) MUST_CHECK;
/* The name after the last slash becomes the task's. */
void set_task_comm(struct engine *e, const struct object *task, const char *path);

/* ---- mm/engine/elf_read.c ---- */

/* Opens a program: ENOENT, EACCES, ETXTBSY. Nobody may write to it from here on. */
struct error *open_exec(struct engine *e, const char *path, struct elf_image *out) MUST_CHECK;
/*
 * Its headers: ENOEXEC, ENOMEM, EIO. `bad` is the errno for what is no program at all: ENOEXEC, ELIBBAD for an interpreter.
 */
struct error *elf_image_read(struct engine *e, const char *path, int bad, struct elf_image *image) MUST_CHECK;
/* Frees what is ours; the reference to the file is the caller's. */
void elf_image_free(struct elf_image *image);
/* The path of the interpreter into `path`; "" when the program names none. ENOEXEC, ENOMEM. */
struct error *elf_interpreter(struct engine *e, const struct elf_image *image, char *path, size_t size) MUST_CHECK;
/* Done with a program's file: it may be written again, but for the areas that deny it. */
struct error *close_exec(struct engine *e, uint64_t file) MUST_CHECK;

/* ---- mm/engine/elf_map.c ---- */

/* Where the program came to lie. */
struct elf_placed {
	uint64_t load_addr; /* address of the file's first byte */
	uint64_t bias;	    /* what was added to the file's addresses */
	uint64_t start_code, end_code, start_data, end_data, bss, brk;
	uint64_t entry;
	bool exec_bss; /* the segment whose bss comes last may be executed */
};
/* load_elf_binary()'s loop over the segments; the heap's start (set_brk) is left to the caller. */
struct error *elf_map_program(struct engine *e, const struct binprm *b, struct elf_placed *out) MUST_CHECK;
/* load_elf_interp(), its bss too. */
struct error *elf_map_interpreter(struct engine *e, const struct binprm *b, uint64_t bias, struct elf_placed *out) MUST_CHECK;
/* set_brk() and padzero() behind the program. */
struct error *elf_set_brk(struct engine *e, const struct binprm *b, const struct elf_placed *p, uint64_t start, uint64_t end) MUST_CHECK;
/* To the end of the page. */
struct error *elf_pad_zero(struct engine *e, const struct binprm *b, uint64_t from) MUST_CHECK;

/* ---- mm/engine/exec_mm.c: kernels with reverse mapping ---- */

/* bprm_mm_init(): a new address space with a stack of one page. */
struct error *bprm_mm_init(struct engine *e, struct binprm *b) MUST_CHECK;
/* begin_new_exec(), flush_old_exec() until 5.7: from here on there is no way back. `file` (0: none) is the program's. */
struct error *begin_new_exec(struct engine *e, struct binprm *b, const char *path, uint64_t file) MUST_CHECK;
/* setup_new_exec() and setup_arg_pages(): where areas go, the stack with room to grow; `executable`: PT_GNU_STACK asks for that. */
struct error *setup_stack(struct engine *e, struct binprm *b, bool executable) MUST_CHECK;
/* start_thread(): what the task goes to user space with. */
struct error *start_user_thread(struct engine *e, const struct binprm *b, uint64_t entry) MUST_CHECK;
/* do_execve() of such kernels; `killed` as there. */
struct error *do_execve_modern(struct engine *e, uint64_t task, const char *path, char *const *argv, char *const *envp, char *killed, size_t size) MUST_CHECK;

/* ---- mm/engine/vdso.c ---- */

/* arch_setup_additional_pages(): vdso and vvar, where the kernel has them. */
struct error *map_vdso(struct engine *e, const struct object *mm) MUST_CHECK;

#endif
