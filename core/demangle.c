/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/demangle.h"

#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

char *demangle_rust(const char *symbol)
{
	return strncmp(symbol, "_R", 2) && strncmp(symbol, "_ZN", 3) ? NULL : rust_demangle(symbol, DMGL_NO_OPTS);
}
