/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vmcoreinfo.h"

bool vmcoreinfo_string(const struct vmcoreinfo *v, const char *key, char *buf, size_t size)
{
	size_t key_len = strlen(key);
	for (const char *line = v->text; line && *line;) {
		const char *end = strchrnul(line, '\n');
		if ((size_t)(end - line) > key_len && !memcmp(line, key, key_len) &&
		    line[key_len] == '=') {
			const char *value = line + key_len + 1;
			size_t len = (size_t)(end - value);
			if (len >= size)
				len = size - 1;
			memcpy(buf, value, len);
			buf[len] = 0;
			return true;
		}
		line = *end ? end + 1 : end;
	}
	return false;
}

bool vmcoreinfo_symbol(const struct vmcoreinfo *v, const char *name, uint64_t *value)
{
	char key[128], text[64], *end;
	snprintf(key, sizeof(key), "SYMBOL(%s)", name);
	if (!vmcoreinfo_string(v, key, text, sizeof(text)))
		return false;
	errno = 0;
	*value = strtoull(text, &end, 16);
	return end != text && !*end && !errno;
}

bool vmcoreinfo_number(const struct vmcoreinfo *v, const char *name, int64_t *value)
{
	char key[128], text[64], *end;
	snprintf(key, sizeof(key), "NUMBER(%s)", name);
	if (!vmcoreinfo_string(v, key, text, sizeof(text)))
		return false;
	errno = 0;
	*value = strtoll(text, &end, 0);
	return end != text && !*end && !errno;
}
