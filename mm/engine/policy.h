/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules that leave no trace in a kernel's types and symbols, or only an indirect one: inferred when the engine is opened, and settable, since the inference may be wrong for a
 * kernel that somebody has changed.
 */
#ifndef MM_ENGINE_POLICY_H
#define MM_ENGINE_POLICY_H

#include "mm/engine/engine.h"

struct policy {
	const char *name, *decides;
	const char *const *values;
	unsigned value_count;
	unsigned value, inferred; /* which of them */
};

/* The policies of this kernel, 0 … ; false behind the last. 2.4's has none. */
bool policy_get(const struct engine *e, unsigned index, struct policy *out);
/* Until the image is closed. ERR_NOT_FOUND for a name or value that there is not. */
struct error *policy_set(struct engine *e, const char *name, const char *value) MUST_CHECK;

#endif
