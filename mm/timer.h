/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Timers: the wheels (kernel/time/timer.c) and the high-resolution ones (kernel/time/hrtimer.c).
 */
#ifndef MM_TIMER_H
#define MM_TIMER_H

#include "core/kernel.h"

struct timer {
	uint64_t addr; /* timer_list, hrtimer */
	uint64_t expires; /* jiffies; of a high-resolution timer ns of its clock */
	uint64_t soft_expires; /* high-resolution: the earliest */
	uint64_t function;
	size_t order; /* for whoever collects them */
};
typedef bool timer_visitor(void *context, const struct timer *t);

/* The wheels of a CPU, of which there are timer_bases(); where one stands, and what it is called ("STD", "DEF", …; "" for an only one). */
unsigned timer_bases(struct kernel *k);
uint64_t timer_base(struct kernel *k, unsigned cpu, unsigned index);
const char *timer_base_name(struct kernel *k, unsigned index);
/* What is in a wheel, in no order. ERR_UNSUPPORTED, ERR_BAD_LIST. */
struct error *timers_for_each(struct kernel *k, uint64_t base, timer_visitor *visit, void *context) MUST_CHECK;

/* The clocks of a CPU's high-resolution timers, by index; false past the last. */
struct hrtimer_clock {
	uint64_t cpu_base, addr;
	const char *name; /* "ktime_get" … */
	int64_t offset; /* to the monotonic clock, ns */
	uint64_t root;
};
bool hrtimer_clock(struct kernel *k, unsigned cpu, unsigned index, struct hrtimer_clock *out);
/* In the order of their tree: by expiry. */
struct error *hrtimers_for_each(struct kernel *k, const struct hrtimer_clock *clock, timer_visitor *visit, void *context) MUST_CHECK;
/* The monotonic clock at the last tick, by jiffies; ns. ERR_UNSUPPORTED. */
struct error *hrtimer_now(struct kernel *k, uint64_t *ns) MUST_CHECK;

#endif
