/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmcore/error.h"

static struct error out_of_memory = {.code = ERR_NO_MEMORY, .message = "out of memory"};

static struct error *error_make(enum error_code code, uint64_t addr, const char *format, va_list ap)
{
	char text[1536];
	vsnprintf(text, sizeof(text), format, ap);
	size_t size = strlen(text) + 1;
	struct error *e = malloc(sizeof(*e) + size);
	if (!e)
		return &out_of_memory;
	e->code = code;
	e->addr = addr;
	memcpy(e->message, text, size);
	return e;
}

struct error *error_new(enum error_code code, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	struct error *e = error_make(code, 0, format, ap);
	va_end(ap);
	return e;
}

struct error *error_at(enum error_code code, uint64_t addr, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	struct error *e = error_make(code, addr, format, ap);
	va_end(ap);
	return e;
}

struct error *error_prefix(struct error *e, const char *format, ...)
{
	char prefix[512];
	va_list ap;
	if (!e || e == &out_of_memory)
		return e;
	va_start(ap, format);
	vsnprintf(prefix, sizeof(prefix), format, ap);
	va_end(ap);
	struct error *longer = error_at(e->code, e->addr, "%s: %s", prefix, e->message);
	error_free(e);
	return longer;
}

void error_free(struct error *e)
{
	if (e != &out_of_memory)
		free(e);
}

struct error *kernel_error(int kernel_errno, const char *format, ...)
{
	char text[512];
	const char *name = strerrorname_np(kernel_errno);
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return error_at(ERR_KERNEL, (uint64_t)kernel_errno, "%s: %s", name ? name : "error", text);
}
