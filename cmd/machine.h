/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_MACHINE_H
#define CMD_MACHINE_H

#include "mm/sim/machine.h"

/* "FLAVOUR[,mem=SIZE][,highmem=on|off]": the flavour into `flavour`. ERR_USAGE. */
struct error *parse_machine(const char *text, char *flavour, size_t size, struct machine_options *options) MUST_CHECK;

#endif
