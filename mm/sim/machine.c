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
/* What i386's large pages map: the direct map ends at a multiple of it. */
#define MEM_STEP (4ull << 20)

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
	if (o.mem < f->min || o.mem > f->max || o.mem % MEM_STEP)
		return error_new(ERR_USAGE, "%s has from %" PRIu64 " MB to %" PRIu64 " MB of memory, in steps of 4 MB", f->name, f->min >> 20,
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
