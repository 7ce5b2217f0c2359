/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Simulated machines: a RAM into which a small kernel is booted. All of the machine's state is in that RAM; what attaches to it is the same code
 * that attaches to a dump.
 */
#ifndef MM_SIM_MACHINE_H
#define MM_SIM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

#define MACHINE_DEFAULT "linux-2.4-i386"

struct machine_options {
	uint64_t mem;	/* bytes of RAM, a multiple of the flavour's step; 0: 512 MB, or 1 GB for each node */
	bool highmem;	/* the HIGHMEM build even if the memory does not ask for it */
	bool nohighmem; /* the build without, even if it does: what is above 896 MB lies idle */
	unsigned nodes, cpus; /* 0: one */
};

/*
 * Boots a machine of that flavour and attaches to it. The caller closes kernel and image, in this order. ERR_USAGE: no such flavour, or not with
 * that memory.
 */
struct error *machine_boot(const char *flavour, const struct machine_options *options, struct vmcore **vc, struct kernel **k) MUST_CHECK;

#endif
