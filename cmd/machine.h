/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_MACHINE_H
#define CMD_MACHINE_H

#include "cmd/session.h"
#include "mm/sim/machine.h"

/*
 * "FLAVOUR[,mem=SIZE][,highmem=on|off][,scenario=on|off]": the flavour into `flavour`. ERR_USAGE. *scenario: the machine gets the processes that it
 * comes with.
 */
struct error *parse_machine(const char *text, char *flavour, size_t size, struct machine_options *options, bool *scenario) MUST_CHECK;

/*
 * Runs the scenario of a freshly booted machine, printing nothing but errors; undo does not go back behind it. A machine of another size than the one
 * it is written for leaves out what it pins.
 */
struct error *machine_scenario(struct session *s, const char *flavour, const struct machine_options *options) MUST_CHECK;

#endif
