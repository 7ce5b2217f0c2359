/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/sim/machine.h"

#include <inttypes.h>
#include <string.h>

#include "mm/sim/linux24.h"
#include "mm/sim/linux64.h"

struct flavour {
	const char *name;
	uint64_t min, max; /* bytes of RAM, for each node */
	uint64_t step;	   /* which it is a multiple of */
	unsigned nodes, cpus; /* at most */
	struct error *(*boot)(const struct machine_options *options, struct vmcore *vc, struct kernel **k);
	const struct linux64_flavour *wide; /* those that linux64_boot() boots, instead */
};

static const struct flavour flavours[] = {
	{ "linux-2.4-i386", 16ull << 20, 4ull << 30, 4096, 1, 1, linux24_boot, NULL },
	{ "linux-3.19-x86_64", 128ull << 20, 64ull << 30, 4 << 20, NODES64_MAX, CPUS64_MAX, NULL, &linux319 },
	{ "linux-5.10-x86_64", 128ull << 20, 64ull << 30, 4 << 20, NODES64_MAX, CPUS64_MAX, NULL, &linux510 },
};

#define DEFAULT_MEM (512ull << 20)

static struct error *check_options(const struct flavour *f, struct machine_options *o)
{
	o->nodes = o->nodes ? o->nodes : 1;
	o->cpus = o->cpus ? o->cpus : 1;
	if (!o->mem)
		o->mem = o->nodes > 1 ? DEFAULT_MEM * 2 * o->nodes : DEFAULT_MEM;
	if (o->nodes > f->nodes || o->cpus > f->cpus)
		return error_new(ERR_USAGE, "%s has at most %u %s", f->name, o->nodes > f->nodes ? f->nodes : f->cpus,
				 o->nodes > f->nodes ? "nodes" : "CPUs");
	if (o->mem < f->min * o->nodes || o->mem > f->max || o->mem % f->step)
		return error_new(ERR_USAGE, "%s has from %" PRIu64 " MB to %" PRIu64 " MB of memory, in steps of %" PRIu64 " kB", f->name,
				 f->min * o->nodes >> 20, f->max >> 20, f->step >> 10);
	return NULL;
}

struct error *machine_boot(const char *flavour, const struct machine_options *options, struct vmcore **vc, struct kernel **k)
{
	struct machine_options o = options ? *options : (struct machine_options){ 0 };
	const struct flavour *f = NULL;
	*vc = NULL;
	*k = NULL;
	for (size_t i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++)
		if (!strcmp(flavours[i].name, flavour))
			f = &flavours[i];
	if (!f)
		return error_new(ERR_USAGE, "no such simulated machine: %s", flavour);
	TRY(check_options(f, &o));
	TRY(vmcore_new_ram(o.mem, vc));
	struct error *e = f->wide ? linux64_boot(f->wide, &o, *vc, k) : f->boot(&o, *vc, k);
	if (e) {
		kernel_close(*k);
		vmcore_close(*vc);
		*vc = NULL;
		*k = NULL;
	}
	return e;
}
