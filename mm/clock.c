/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kernel/time/timekeeping.c, kernel/time/ntp.c, kernel/time/jiffies.c */
#include "mm/clock.h"

#define NSEC_PER_SEC 1000000000ull

/*
 * The timekeeper of the real time. It was a variable of its own (3.3), then inside the nameless
 * struct tk_core, where it follows a sequence counter (3.17), which got the type struct tk_data
 * (6.13) and became an array's first element (6.17). While tk_core has no type, its copy that is
 * brought up to date first, shadow_timekeeper, is easier found.
 */
static bool find_timekeeper(struct kernel *k, struct object *o)
{
	static const char *const plain[] = {"shadow_timekeeper", "timekeeper"};
	static const char *const typed[] = {"tk_core", "timekeeper_data"};
	for (unsigned i = 0; i < 2 && HAS(k, tk_data, timekeeper); i++) {
		uint64_t addr = symbol_addr(k, typed[i]);
		if (addr &&
		    object_try_open(k, addr + OFFSET(k, tk_data, timekeeper), S_timekeeper, o))
			return true;
	}
	for (unsigned i = 0; i < 2 && HAS_STRUCT(k, timekeeper); i++) {
		uint64_t addr = symbol_addr(k, plain[i]);
		if (addr && object_try_open(k, addr, S_timekeeper, o))
			return true;
	}
	return false;
}

/* xtime's fraction, in ns. */
static uint64_t fraction(struct kernel *k, const struct object *tk)
{
	uint64_t shift = GET(k, tk, timekeeper, shift), nsec = GET(k, tk, timekeeper, xtime_nsec);
	return shift < 64 ? nsec >> shift : 0;
}

unsigned clock_hz(struct kernel *k)
{
	/* the period of the clock that jiffies make: TICK_NSEC << JIFFIES_SHIFT */
	struct object o;
	uint64_t addr = symbol_addr(k, "clocksource_jiffies"), period = 0;
	if (addr && HAS(k, clocksource, mult) && object_try_open(k, addr, S_clocksource, &o)) {
		uint64_t shift = GET(k, &o, clocksource, shift);
		period = shift < 32 ? GET(k, &o, clocksource, mult) >> shift : 0;
	}
	if (!period && error_drop(kernel_read_symbol(k, "tick_nsec", 0, &period)))
		period = 0;
	if (!period && !error_drop(kernel_read_symbol(k, "tick", 0, &period)))
		period *= 1000; /* 2.4: microseconds */
	unsigned hz = period ? (NSEC_PER_SEC + period / 2) / period : 0;
	return hz <= 10000 ? hz : 0;
}

struct error *clock_realtime(struct kernel *k, int64_t *ns)
{
	struct object tk;
	uint64_t value;
	if (find_timekeeper(k, &tk) && HAS(k, timekeeper, xtime_sec)) {
		*ns = GET(k, &tk, timekeeper, xtime_sec) * NSEC_PER_SEC + fraction(k, &tk);
		return NULL;
	}
	/* struct timespec, struct timeval before: seconds first */
	if (error_drop(kernel_read_symbol(k, "xtime", 0, &value)))
		return error_new(ERR_UNSUPPORTED, "this kernel's clock was not found");
	*ns = value * NSEC_PER_SEC;
	return NULL;
}

/* INITIAL_JIFFIES (include/linux/jiffies.h): five minutes before an overflow of 32 bits; 0
 * until 2.6. */
static bool uptime_by_jiffies(struct kernel *k, uint64_t *ns)
{
	uint64_t jiffies;
	unsigned hz = clock_hz(k);
	if (!hz || error_drop(kernel_read_symbol(k, "jiffies", 0, &jiffies)))
		return false;
	uint64_t ticks = jiffies;
	if (symbol_addr(k, "jiffies_64"))
		ticks = k->arch->pointer_size == 8 ? jiffies - (uint32_t)(-300 * (int)hz) : (uint32_t)(jiffies + 300 * hz);
	*ns = ticks * (NSEC_PER_SEC / hz);
	return true;
}

struct error *clock_uptime(struct kernel *k, uint64_t *ns)
{
	struct object tk;
	if (find_timekeeper(k, &tk) && HAS(k, timekeeper, wall_to_monotonic_sec)) {
		int64_t seconds = GET(k, &tk, timekeeper, xtime_sec) +
				  GET(k, &tk, timekeeper, wall_to_monotonic_sec);
		int64_t nsec = fraction(k, &tk) + GET(k, &tk, timekeeper, wall_to_monotonic_nsec);
		nsec += GET(k, &tk, timekeeper, offs_boot);
		*ns = seconds * NSEC_PER_SEC + nsec;
		return NULL;
	}
	if (uptime_by_jiffies(k, ns))
		return NULL;
	return error_new(ERR_UNSUPPORTED, "this kernel's clock was not found");
}
