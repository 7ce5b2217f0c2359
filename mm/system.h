/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The system as a whole: what it is called, how large it is, what the firmware said of it.
 */
#ifndef MM_SYSTEM_H
#define MM_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

/* uname(2), of the initial namespace. */
struct system_names {
	char nodename[66], release[66], version[66], machine[66];
};
struct error *system_names(struct kernel *k, struct system_names *out) MUST_CHECK;

/* CPUs that are in a mask of the kernel: "online", "present", "possible". At least 1. */
unsigned system_cpus(struct kernel *k, const char *mask);
bool system_cpu_in(struct kernel *k, const char *mask, unsigned cpu);
/* Of the processor, in kHz; 0 when it is not known. */
uint64_t system_cpu_khz(struct kernel *k);
/* The three load averages in hundredths. False when they are not known. */
bool system_load(struct kernel *k, uint64_t hundredths[3]);
/* Bytes of memory: frames that exist, of all nodes; what the firmware keeps up to the next GB (64 MB at most) is counted in, as crash does. */
struct error *system_memory(struct kernel *k, uint64_t *bytes) MUST_CHECK;
/* The hypervisor that the kernel found itself under ("KVM"), or NULL for none or not known. */
const char *system_hypervisor(struct kernel *k);

/* tainted_mask (Documentation/admin-guide/tainted-kernels.rst), and the letters of its bits. ERR_NO_SYMBOL. */
void system_taint_letters(uint64_t mask, char *letters, size_t size); /* the letters alone; also of a module's taints */
struct error *system_taint(struct kernel *k, uint64_t *mask, char *letters, size_t size) MUST_CHECK;

/* ---- The firmware's memory map (arch/x86/kernel/e820.c) ---- */

struct memory_map_entry {
	uint64_t start, end; /* physical, end exclusive */
	uint32_t type;
};
size_t system_memory_map_count(struct kernel *k);
bool system_memory_map(struct kernel *k, size_t index, struct memory_map_entry *out);
/* "E820_RAM", or NULL for a type without a name. */
const char *memory_map_type(uint32_t type);

/* ---- System calls ---- */

/* Entries of sys_call_table; 0 when there is none. */
size_t system_calls(struct kernel *k);
/* The function of one; false when there is no such entry. */
bool system_call(struct kernel *k, size_t number, uint64_t *function, const char **name);

/* ---- DMI strings (drivers/firmware/dmi_scan.c) ---- */

/* By enum dmi_field from 0; false past the last. The value is "" and *there false where the firmware gave none. */
bool system_dmi(struct kernel *k, unsigned field, const char **name, char *value, size_t size, bool *there);

/* ---- The kernel's own configuration (kernel/configs.c) ---- */

/* The text of .config, NUL-terminated, owned by the caller. ERR_UNSUPPORTED: not built with IKCONFIG; ERR_BAD_OBJECT. */
struct error *system_config(struct kernel *k, char **text, size_t *size) MUST_CHECK;

#endif
