/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pieces of a C declaration, for those who print or parse more than one line of it.
 */
#ifndef CORE_TYPES_NAME_H
#define CORE_TYPES_NAME_H

#include "core/kernel.h"

/* What is left of a declaration without its pointers, arrays and parameters: the "struct file" in
 * "struct file **files[4]". */
struct type type_declaration_base(struct type t);
/* Is there a function in the declaration: a pointer to one, an array of them … ? */
bool type_declares_function(struct type t);
/* Its words, with qualifiers: "const struct file", "unsigned long", "struct {...}" without a tag.
 */
void type_base_name(struct type t, char *buf, size_t size);
/* The rest: "**files[4]", "(*open)(struct inode *)", or the name alone. */
void type_declarator(struct kernel *k, struct type t, const char *name, char *buf, size_t size);
/* gdb's spelling of an integer type as DWARF and BTF name it: "long unsigned int" → "unsigned
 * long". */
const char *type_integer_spelling(const char *name);
/*
 * Parses a type at the start of *text and moves it past. `bare_tags`: a tag without its keyword is
 * a type too. ERR_NO_TYPE when there is none.
 */
struct error *type_parse_prefix(struct kernel *k, const char **text, bool bare_tags,
				struct type *out) MUST_CHECK;

#endif
