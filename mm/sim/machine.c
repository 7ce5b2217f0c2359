/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/sim/machine.h"

#include <inttypes.h>
#include <string.h>

#include "mm/sim/linux24.h"

struct flavour {
	const char *name;
	uint64_t min, max; /* bytes of RAM */
	struct error *(*boot)(const struct machine_options *options, struct vmcore *vc, struct kernel **k);
};

static const struct flavour flavours[] = {
	{ "linux-2.4-i386", 16ull << 20, 4ull << 30, linux24_boot },
};

#define DEFAULT_MEM (512ull << 20)
#define FRAME	    4096u

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
	if (!o.mem)
		o.mem = DEFAULT_MEM;
	if (o.mem < f->min || o.mem > f->max || o.mem % FRAME)
		return error_new(ERR_USAGE, "%s has from %" PRIu64 " MB to %" PRIu64 " MB of memory, in frames of 4 kB", f->name, f->min >> 20,
				 f->max >> 20);
	TRY(vmcore_new_ram(o.mem, vc));
	struct error *e = f->boot(&o, *vc, k);
	if (e) {
		kernel_close(*k);
		vmcore_close(*vc);
		*vc = NULL;
		*k = NULL;
	}
	return e;
}
