/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/machine.h"

#include <stdlib.h>
#include <string.h>

/* "512M", "1G", "65536K" or bytes. */
static bool parse_memory(const char *text, size_t len, uint64_t *bytes)
{
	char *end;
	unsigned shift = 0;
	if (*text < '0' || *text > '9')
		return false;
	*bytes = strtoull(text, &end, 10);
	if (end < text + len)
		switch (*end++) {
		case 'k':
		case 'K':
			shift = 10;
			break;
		case 'm':
		case 'M':
			shift = 20;
			break;
		case 'g':
		case 'G':
			shift = 30;
			break;
		default:
			return false;
		}
	/* More than any machine has, and little enough to be shifted. */
	if (end != text + len || *bytes >> (50 - shift))
		return false;
	*bytes <<= shift;
	return *bytes > 0;
}

struct error *parse_machine(const char *text, char *flavour, size_t size, struct machine_options *options)
{
	size_t len = strcspn(text, ",");
	if (!len || len >= size)
		return error_new(ERR_USAGE, "no such simulated machine: %.*s", (int)len, text);
	memcpy(flavour, text, len);
	flavour[len] = 0;
	*options = (struct machine_options){ 0 };
	for (text += len; *text; text += len) {
		text++;
		len = strcspn(text, ",");
		if (len > 4 && !memcmp(text, "mem=", 4) && parse_memory(text + 4, len - 4, &options->mem))
			continue;
		if (len == 10 && !memcmp(text, "highmem=on", 10))
			options->highmem = true;
		else if (len != 11 || memcmp(text, "highmem=off", 11))
			return error_new(ERR_USAGE, "no such property of a simulated machine: %.*s", (int)len, text);
	}
	return NULL;
}
