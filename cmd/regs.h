/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CMD_REGS_H
#define CMD_REGS_H

#include "cmd/session.h"

enum regs_kind {
	REGS_SAVED,  /* a whole pt_regs */
	REGS_PUSHED, /* only what the processor pushes is true: RIP, RSP, RFLAGS, CS, SS */
	REGS_CPU,    /* a processor's: it has no ORIG_RAX */
};
/* In the form of crash's bt, as text and as JSON facts. */
void regs_show(struct session *s, const struct object *regs, enum regs_kind kind);

#endif
