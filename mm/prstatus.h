/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The note that a dump has of a processor's registers (NT_PRSTATUS, include/linux/elfcore.h), made up for an image that was not dumped by a kernel.
 */
#ifndef MM_PRSTATUS_H
#define MM_PRSTATUS_H

#include "core/kernel.h"

#define PRSTATUS_SIZE 512

/*
 * CPU 0's: of the task that runs there the user's registers, from the pt_regs at the top of its kernel stack, else its kernel stack pointer. The note's
 * descriptor is `room`, PRSTATUS_SIZE bytes of the caller's. Leaves *note alone for an architecture whose layout is not known here.
 */
void prstatus_note(struct kernel *k, unsigned char *room, struct vmcore_note *note);

#endif
