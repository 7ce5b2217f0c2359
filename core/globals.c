/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/btf.h"
#include "core/globals.h"

#define ALTERNATIVES 4

static const struct {
	const char *name;
	const char *types[ALTERNATIVES];
} globals[] = {
#define GLOBAL(name, ...) {#name, {__VA_ARGS__}},
#include "core/globals.def"
#undef GLOBAL
};

#define COUNT (sizeof(globals) / sizeof(*globals))

const char *global_name(size_t index)
{
	return index < COUNT ? globals[index].name : NULL;
}

bool symbol_is_percpu(struct kernel *k, uint64_t addr)
{
	struct symbol start, end;

	return symbol_find(k, "__per_cpu_start", &start) && symbol_find(k, "__per_cpu_end", &end) &&
	       addr >= start.addr && addr < end.addr;
}

uint64_t symbol_next(struct kernel *k, uint64_t addr)
{
	const struct module *first = modules_count(k) ? modules_get(k, 0) : NULL;
	size_t low = 0,
	       high = first && first->symbol_count ? first->first_symbol : symbols_count(k);
	size_t end = high;
	struct symbol s;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (!symbols_get(k, middle, &s))
			return 0;
		if (s.addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < end && symbols_get(k, low, &s) ? s.addr : 0;
}

/* "T [*]": as many elements as fit before the next symbol. */
static bool parse_open_array(struct kernel *k, const char *name, const char *text, size_t len,
			     struct type *out)
{
	uint64_t addr = symbol_addr(k, name), end, size;
	struct type element;
	char buffer[128];

	if (len >= sizeof(buffer) || !addr)
		return false;
	snprintf(buffer, sizeof(buffer), "%.*s", (int)len, text);
	if (error_drop(type_parse(k, buffer, &element)))
		return false;
	end = symbol_next(k, addr);
	size = type_size(k, element);
	if (!size || end <= addr || (end - addr) / size > INT32_MAX)
		return false;
	*out = type_array_of(k, element, (end - addr) / size);
	return type_valid(*out);
}

static bool parse_type(struct kernel *k, const char *name, const char *text, struct type *out)
{
	const char *open = strstr(text, "[*]");

	if (open)
		return parse_open_array(k, name, text, open - text, out);
	return !error_drop(type_parse(k, text, out)) && type_kind_of(*out) != BTF_KIND_FWD;
}

bool global_type(struct kernel *k, const char *name, struct type *out)
{
	if (!k->types)
		return false;
	if (btf_unit_variable(&k->types->base, name, out))
		return true;
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(globals[i].name, name))
			continue;
		for (unsigned j = 0; j < ALTERNATIVES && globals[i].types[j]; j++)
			if (parse_type(k, name, globals[i].types[j], out))
				return true;
		return false;
	}
	return type_of_variable(k, name, out); /* a module's */
}
