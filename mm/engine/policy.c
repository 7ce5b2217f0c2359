/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "mm/engine/modern.h"
#include "mm/engine/policy.h"

static const char *const reuse_values[] = {
	[REUSE_BY_MAPCOUNT] = "mapcount", [REUSE_BY_COUNT] = "count", [REUSE_BY_EXCLUSIVE] = "exclusive"
};

bool policy_get(const struct engine *e, unsigned index, struct policy *out)
{
	if (!e->modern || index)
		return false;
	*out = (struct policy){ "reuse", "when a write-protected anonymous page is made writable, not copied", reuse_values,
				sizeof(reuse_values) / sizeof(reuse_values[0]), e->modern->reuse, e->modern->reuse_inferred };
	return true;
}

struct error *policy_set(struct engine *e, const char *name, const char *value)
{
	struct policy p;
	for (unsigned i = 0; policy_get(e, i, &p); i++) {
		if (strcmp(p.name, name))
			continue;
		for (unsigned v = 0; v < p.value_count; v++) {
			if (strcmp(p.values[v], value))
				continue;
			e->modern->reuse = (enum reuse_policy)v;
			return NULL;
		}
		return error_new(ERR_NOT_FOUND, "no such value of policy %s: %s", name, value);
	}
	return error_new(ERR_NOT_FOUND, "this kernel has no policy %s", name);
}
