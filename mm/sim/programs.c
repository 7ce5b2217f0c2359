/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files themselves: the assembler puts them in (the Makefile says where they are).
 */
#include "mm/sim/programs.h"

#include <string.h>

#define EMBED(id, file)                                                                                                \
	__asm__(".section .rodata\n\t.balign 16\n\t.global embedded_" #id "\n\tembedded_" #id ":\n\t.incbin \"" file   \
		"\"\n\t.global embedded_end_" #id "\n\tembedded_end_" #id ":\n\t.byte 0\n\t.previous\n");              \
	extern const unsigned char embedded_##id[], embedded_end_##id[]

EMBED(init, "programs/init");
EMBED(ld, "programs/ld");
EMBED(stack_val, "programs/stack_val");
EMBED(pair, "programs/pair");
EMBED(init64, "programs/x86_64/init");
EMBED(ld64, "programs/x86_64/ld");
EMBED(stack_val64, "programs/x86_64/stack_val");
EMBED(pair64, "programs/x86_64/pair");
EMBED(vdso64, "programs/x86_64/vdso");
EMBED(linux24, "mm/sim/scenarios/linux-2.4-i386");
EMBED(linux64, "mm/sim/scenarios/linux-x86_64");
EMBED(types510, "mm/sim/types/linux-5.10-x86_64");
EMBED(names510, "mm/sim/types/linux-5.10-x86_64.names");
EMBED(types319, "mm/sim/types/linux-3.19-x86_64");
EMBED(names319, "mm/sim/types/linux-3.19-x86_64.names");

static const struct sim_program programs[] = {
	{ "init", embedded_init, embedded_end_init },
	{ "ld", embedded_ld, embedded_end_ld },
	{ "stack_val", embedded_stack_val, embedded_end_stack_val },
	{ "pair", embedded_pair, embedded_end_pair },
};

/* The same for x86_64. */
static const struct sim_program programs_wide[] = {
	{ "init", embedded_init64, embedded_end_init64 },
	{ "ld", embedded_ld64, embedded_end_ld64 },
	{ "stack_val", embedded_stack_val64, embedded_end_stack_val64 },
	{ "pair", embedded_pair64, embedded_end_pair64 },
};

const struct sim_program sim_vdso = { "vdso", embedded_vdso64, embedded_end_vdso64 };

const struct sim_program *sim_program_at(size_t index)
{
	return index < sizeof(programs) / sizeof(programs[0]) ? &programs[index] : NULL;
}

const struct sim_program *sim_program_find(const char *name, bool wide)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!strcmp(programs[i].name, name))
			return wide ? &programs_wide[i] : &programs[i];
	return NULL;
}

const char *sim_scenario(const char *flavour, size_t *len)
{
	/* Kernels for x86_64 start with the same. */
	bool wide = strstr(flavour, "-x86_64");
	*len = wide ? (size_t)(embedded_end_linux64 - embedded_linux64) : (size_t)(embedded_end_linux24 - embedded_linux24);
	return (const char *)(wide ? embedded_linux64 : embedded_linux24);
}

static const struct {
	const char *flavour;
	const unsigned char *types, *types_end, *names, *names_end;
} tables[] = {
	{ "linux-3.19-x86_64", embedded_types319, embedded_end_types319, embedded_names319, embedded_end_names319 },
	{ "linux-5.10-x86_64", embedded_types510, embedded_end_types510, embedded_names510, embedded_end_names510 },
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

const char *sim_types(const char *flavour, size_t *len)
{
	size_t i = 0;
	while (i < TABLES && strcmp(tables[i].flavour, flavour))
		i++;
	*len = i < TABLES ? (size_t)(tables[i].types_end - tables[i].types) : 0;
	return i < TABLES ? (const char *)tables[i].types : NULL;
}

const char *sim_names(const char *flavour, size_t *len)
{
	size_t i = 0;
	while (i < TABLES && strcmp(tables[i].flavour, flavour))
		i++;
	*len = i < TABLES ? (size_t)(tables[i].names_end - tables[i].names) : 0;
	return i < TABLES ? (const char *)tables[i].names : NULL;
}
