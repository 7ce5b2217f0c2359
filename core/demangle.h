/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names as a compiler mangled them. */
#ifndef CORE_DEMANGLE_H
#define CORE_DEMANGLE_H

/* A Rust symbol (of either scheme) as its author would write it; NULL when it is none. The caller frees it. */
char *demangle_rust(const char *symbol);

#endif
