/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes with mmscope for its simulated machines: programs (mm/sim/programs/, for i386 and x86_64), the scenarios that machines start from, and types
 * that are written as text.
 */
#ifndef MM_SIM_PROGRAMS_H
#define MM_SIM_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

struct sim_program {
	const char *name;
	const unsigned char *bytes, *end;
};

/* NULL: there is no such program. `wide`: the one for x86_64. */
const struct sim_program *sim_program_find(const char *name, bool wide);
/* What the kernels for x86_64 map into each process. */
extern const struct sim_program sim_vdso;
/* By index; NULL past the last. */
const struct sim_program *sim_program_at(size_t index);

/* The table of types (mm/sim/types/), `*len` bytes, of this flavour; NULL when it has none: its types are C data then. */
const char *sim_types(const char *flavour, size_t *len);

/* The names of its functions, then of its system calls: separated by blanks and newlines, each part behind lines that start with '#'. */
const char *sim_names(const char *flavour, size_t *len);

/* The command file, `*len` bytes, that a machine of this flavour starts from; NULL when it has none. */
const char *sim_scenario(const char *flavour, size_t *len);

#endif
