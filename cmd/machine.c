/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/machine.h"

#include <stdlib.h>
#include <string.h>

#include "mm/sim/programs.h"

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

/* "NAME=N" with N from 1 to 9999. */
static bool parse_small(const char *text, size_t len, const char *name, unsigned *value)
{
	size_t n = strlen(name);
	char *end;
	if (len <= n || len > n + 4 || memcmp(text, name, n) || text[n] < '1' || text[n] > '9')
		return false;
	*value = (unsigned)strtoul(text + n, &end, 10);
	return end == text + len;
}

struct error *parse_machine(const char *text, char *flavour, size_t size, struct machine_options *options, bool *scenario)
{
	size_t len = strcspn(text, ",");
	if (!len || len >= size)
		return error_new(ERR_USAGE, "no such simulated machine: %.*s", (int)len, text);
	memcpy(flavour, text, len);
	flavour[len] = 0;
	*options = (struct machine_options){ 0 };
	*scenario = true;
	for (text += len; *text; text += len) {
		text++;
		len = strcspn(text, ",");
		if (len > 4 && !memcmp(text, "mem=", 4) && parse_memory(text + 4, len - 4, &options->mem))
			continue;
		if (parse_small(text, len, "nodes=", &options->nodes) || parse_small(text, len, "cpus=", &options->cpus))
			continue;
		if (len == 11 && !memcmp(text, "scenario=on", 11))
			*scenario = true;
		else if (len == 12 && !memcmp(text, "scenario=off", 12))
			*scenario = false;
		else if (len == 10 && !memcmp(text, "highmem=on", 10))
			options->highmem = true, options->nohighmem = false;
		else if (len == 11 && !memcmp(text, "highmem=off", 11))
			options->nohighmem = true, options->highmem = false;
		else
			return error_new(ERR_USAGE, "no such property of a simulated machine: %.*s", (int)len, text);
	}
	return NULL;
}

#define SCENARIO_MEM (512ull << 20)

static void run_lines(struct session *s, const char *text, size_t len, bool pins)
{
	const char *end = text + len;
	while (text < end && !s->quit) {
		size_t n = (size_t)((const char *)memchr(text, '\n', (size_t)(end - text)) - text);
		char line[1024];
		if (n < sizeof(line) && (pins || n < 4 || memcmp(text, "pin ", 4))) {
			memcpy(line, text, n);
			line[n] = '\0';
			session_run_line(s, line);
		}
		text += n + 1;
	}
}

struct error *machine_scenario(struct session *s, const char *flavour, const struct machine_options *options)
{
	size_t len;
	const char *text = sim_scenario(flavour, &len);
	struct out *out = s->out;
	bool json = s->settings.json;
	/* The last line ends with a newline: run_lines() counts on it. */
	if (!text || !len || text[len - 1] != '\n')
		return NULL;
	s->out = out_memory(OUT_TEXT);
	s->settings.json = false;
	run_lines(s, text, len, (!options->mem || options->mem == SCENARIO_MEM) && !options->highmem);
	out_free(s->out);
	s->out = out;
	s->settings.json = json;
	s->task = 0;
	if (s->acts.last_act)
		TRY(vmcore_forget(s->vmcore));
	s->acts.last_act = false;
	return NULL;
}
