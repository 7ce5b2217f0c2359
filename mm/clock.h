/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's clocks when the image was taken, as its timekeeper had them at the last tick.
 */
#ifndef MM_CLOCK_H
#define MM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

/* Wall-clock time: ns since 1970 (UTC). ERR_UNSUPPORTED. */
struct error *clock_realtime(struct kernel *k, int64_t *ns) MUST_CHECK;
/* Time since boot, as /proc/uptime has it (with the time asleep), in ns. ERR_UNSUPPORTED. */
struct error *clock_uptime(struct kernel *k, uint64_t *ns) MUST_CHECK;
/* Ticks a second (CONFIG_HZ), or 0 when it cannot be known. */
unsigned clock_hz(struct kernel *k);

#endif
