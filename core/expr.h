/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * C expressions over the image's types and memory, as people type them: `((struct task_struct
 * *)ffff…)->comm`,
 * `*init_task.tasks.next`, `&init_task`, `jiffies + 100`, `sizeof(struct page)`,
 * `swap_info[0]->pages`, `runqueues:0.nr_running`,
 * `*array@4`. C's operators without assignments and calls; gdb's @ makes an array. Integers are as
 * wide as C makes them, but a signed result that would not fit its type becomes long.
 */
#ifndef CORE_EXPR_H
#define CORE_EXPR_H

#include "core/kernel.h"
#include "core/typeprint.h"

/* Reads memory for an expression: user memory with `p -u`. */
typedef struct error *memory_reader(void *context, uint64_t addr, void *buffer, size_t len);

struct expr_context {
	struct kernel *k;
	memory_reader *read; /* NULL: the kernel's memory */
	void *read_context;
};

/* A value: in memory, or a number of its own. Structs and arrays are always in memory. */
struct value {
	struct type type;
	bool in_memory;
	bool typeless; /* a symbol whose type nobody knows: only its address and casts of it mean
			  something */
	bool percpu;   /* the symbol of a per-CPU variable: addr is no address yet, but good for
			  percpu_addr() */
	uint64_t addr; /* when in_memory */
	uint32_t bit_offset; /* of a bitfield in memory: from the lowest bit of the byte at addr */
	uint32_t bit_size;
	int64_t number;	  /* when not in memory: sign- or zero-extended */
	char symbol[128]; /* the name when the whole expression is that symbol, else "" */
};

/*
 * Errors: ERR_USAGE (no expression; the message shows where), ERR_NO_SYMBOL, ERR_NO_TYPE,
 * ERR_NO_MEMBER, and those of reading memory.
 */
struct error *expr_evaluate(struct kernel *k, const char *text, struct value *out) MUST_CHECK;
struct error *expr_evaluate_in(const struct expr_context *c, const char *text,
			       struct value *out) MUST_CHECK;

/* As a number: integers, enums, bools, pointers; an array or function is its address. ERR_USAGE for
 * a struct. */
struct error *value_number(const struct expr_context *c, const struct value *v,
			   int64_t *out) MUST_CHECK;
/*
 * Its bytes. `*buffer` (malloc()ed, to be freed by the caller also on error) holds them. A struct
 * of no size gives no bytes.
 */
struct error *value_load(const struct expr_context *c, const struct value *v, void **buffer,
			 struct value_bytes *out) MUST_CHECK;

#endif
