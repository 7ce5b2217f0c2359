/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/timer.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/globals.h"
#include "core/interrupt.h"
#include "mm/clock.h"
#include "mm/list.h"
#include "mm/rbtree.h"

#define TIMERS_MAX	(1u << 24)
#define TIMER_BASES_MAX 3 /* NR_BASES */

/* ---- The wheels ---- */

unsigned timer_bases(struct kernel *k)
{
	uint64_t size = SIZE_OF(k, timer_base), bases = symbol_addr(k, "timer_bases"), next;

	/* BTF does not tell of all per-CPU variables; less than one base is between this array and what follows it. */
	if (size && bases) {
		next = symbol_next(k, bases);
		return next < bases + size ? 1 : next < bases + TIMER_BASES_MAX * size ? (unsigned)((next - bases) / size) : TIMER_BASES_MAX;
	}
	return symbol_addr(k, "tvec_bases") && HAS(k, tvec_base, tv1) ? 1 : 0;
}

uint64_t timer_base(struct kernel *k, unsigned cpu, unsigned index)
{
	uint64_t bases = symbol_addr(k, "timer_bases"), old = symbol_addr(k, "tvec_bases"), at;

	if (bases)
		return percpu_addr(k, bases, cpu) + index * SIZE_OF(k, timer_base);
	if (!old)
		return 0;
	/* A pointer until 4.2, the structure itself since. */
	old = percpu_addr(k, old, cpu);
	return error_drop(kernel_read_pointer(k, old, &at)) || !kernel_is_kernel_address(k, at) ? old : at;
}

const char *timer_base_name(struct kernel *k, unsigned index)
{
	/* BASE_STD, BASE_DEF; with CONFIG_NO_HZ_COMMON since 6.9 BASE_LOCAL, BASE_GLOBAL, BASE_DEF */
	static const char *const two[] = {"STD", "DEF"}, *const three[] = {"LOCAL", "GLOBAL", "DEF"};
	unsigned count = timer_bases(k);

	return count == 2 && index < 2 ? two[index] : count == 3 && index < 3 ? three[index] : "";
}

struct timer_walk {
	struct kernel *k;
	timer_visitor *visit;
	void *context;
	bool stop;
	struct error *error;
};

static bool visit_timer(struct timer_walk *w, uint64_t addr)
{
	struct object o;

	w->error = object_open(w->k, addr, S_timer_list, &o);
	if (w->error)
		return false;
	struct timer t = {.addr = addr, .expires = GET(w->k, &o, timer_list, expires), .function = GET(w->k, &o, timer_list, function)};
	w->stop = !w->visit(w->context, &t);
	return !w->stop;
}

/* An hlist: no way back to its head, so that its end is what bounds it. */
static struct error *walk_hlist(struct timer_walk *w, uint64_t head)
{
	uint64_t at, tortoise = 0, power = 1;

	TRY(kernel_read_pointer(w->k, head, &at));
	for (uint64_t n = 0; at; n++) {
		if (at == tortoise || n == TIMERS_MAX)
			return error_at(ERR_BAD_LIST, at, "list of timers loops: %" PRIx64, at);
		if (n == power) {
			tortoise = at;
			power *= 2;
			TRY(check_interrupt());
		}
		if (!visit_timer(w, at - OFFSET(w->k, timer_list, entry)))
			return w->error;
		TRY(kernel_read_pointer(w->k, at, &at));
	}
	return NULL;
}

static bool list_node(void *context, uint64_t node)
{
	struct timer_walk *w = context;

	return visit_timer(w, node - OFFSET(w->k, timer_list, entry));
}

static struct error *walk_heads(struct timer_walk *w, uint64_t base, enum member_id id, bool hlists)
{
	const struct member *m = &w->k->members[id];

	for (uint32_t i = 0; i < m->count && !w->stop; i++) {
		uint64_t head = base + m->offset + (uint64_t)i * m->stride;
		struct error *e = hlists ? walk_hlist(w, head) : list_for_each(w->k, head, list_node, w);

		if (!hlists && w->error) {
			error_free(e);
			e = w->error;
		}
		TRY(e);
	}
	return NULL;
}

struct error *timers_for_each(struct kernel *k, uint64_t base, timer_visitor *visit, void *context)
{
	static const enum member_id wheels[] = {M_tvec_base_tv1, M_tvec_base_tv2, M_tvec_base_tv3, M_tvec_base_tv4, M_tvec_base_tv5};
	struct timer_walk w = {k, visit, context, false, NULL};

	TRY(members_require(k, "timers", M_timer_list_entry, M_timer_list_expires, M_timer_list_function, MEMBER_NONE));
	if (HAS(k, timer_base, vectors) && symbol_addr(k, "timer_bases"))
		return walk_heads(&w, base, M_timer_base_vectors, true);
	for (size_t i = 0; i < sizeof(wheels) / sizeof(wheels[0]) && !w.stop; i++) {
		const struct member *m = &k->members[wheels[i]];
		/* hlists since 4.2 */
		TRY(walk_heads(&w, base, wheels[i], m->stride == k->arch->pointer_size));
	}
	return NULL;
}

/* ---- High-resolution timers ---- */

/* include/uapi/linux/time.h; the hard clocks, then those whose timers expire in softirq (4.16) */
static const char *clock_name(struct kernel *k, const struct object *o)
{
	static const struct {
		unsigned id;
		const char *name;
	} clocks[] = {{0, "ktime_get_real"}, {1, "ktime_get"}, {7, "ktime_get_boottime"}, {11, "ktime_get_clocktai"}};
	uint64_t get_time = GET(k, o, hrtimer_clock_base, get_time), id = GET(k, o, hrtimer_clock_base, clockid), offset;
	static char name[64];
	struct symbol symbol;

	if (get_time && symbol_at(k, get_time, &symbol, &offset) && !offset) {
		snprintf(name, sizeof(name), "%s", symbol.name);
		return name;
	}
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
		if (clocks[i].id == id)
			return clocks[i].name;
	return "";
}

bool hrtimer_clock(struct kernel *k, unsigned cpu, unsigned index, struct hrtimer_clock *out)
{
	const struct member *m = &k->members[M_hrtimer_cpu_base_clock_base];
	uint64_t bases = symbol_addr(k, "hrtimer_bases");
	struct object o;

	*out = (struct hrtimer_clock){0};
	if (!bases || !HAS(k, hrtimer_clock_base, root) || index >= m->count)
		return false;
	out->cpu_base = percpu_addr(k, bases, cpu);
	out->addr = out->cpu_base + m->offset + (uint64_t)index * m->stride;
	if (!object_try_open(k, out->addr, S_hrtimer_clock_base, &o))
		return false;
	out->name = clock_name(k, &o);
	out->offset = (int64_t)GET(k, &o, hrtimer_clock_base, offset);
	out->root = GET(k, &o, hrtimer_clock_base, root);
	return true;
}

static bool hrtimer_node(void *context, uint64_t node)
{
	struct timer_walk *w = context;
	struct timer t = {.addr = node - OFFSET(w->k, hrtimer, node)};
	struct object o;

	w->error = object_open(w->k, t.addr, S_hrtimer, &o);
	if (w->error)
		return false;
	t.expires = GET(w->k, &o, hrtimer, expires);
	t.soft_expires = GET(w->k, &o, hrtimer, softexpires);
	t.function = GET(w->k, &o, hrtimer, function);
	return w->visit(w->context, &t);
}

struct error *hrtimers_for_each(struct kernel *k, const struct hrtimer_clock *clock, timer_visitor *visit, void *context)
{
	struct timer_walk w = {k, visit, context, false, NULL};
	struct error *e;

	TRY(members_require(k, "high-resolution timers", M_hrtimer_node, M_hrtimer_expires, M_hrtimer_function, MEMBER_NONE));
	e = rbtree_for_each(k, clock->root, hrtimer_node, &w);
	if (w.error && e)
		error_free(e);
	return w.error ? w.error : e;
}

struct error *hrtimer_now(struct kernel *k, uint64_t *ns)
{
	unsigned hz = clock_hz(k);
	uint64_t jiffies;

	if (!hz)
		return error_new(ERR_UNSUPPORTED, "how many ticks a second has is not known");
	TRY(kernel_read_symbol(k, "jiffies_64", 8, &jiffies));
	/* INITIAL_JIFFIES: five minutes before the low 32 bits wrap (include/linux/jiffies.h) */
	*ns = (jiffies - (uint32_t)(-300 * (int64_t)hz)) * (1000000000ull / hz);
	return NULL;
}
