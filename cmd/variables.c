/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The variables of "set": crash's, and a few more.
 */
#include "cmd/variables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/pager.h"
#include "mm/system.h"
#include "vmcore/vmcore.h"

struct variable {
	const char *name;
	/*
	 * Gives the value as text (at most `size` bytes), having changed it when `word` is not NULL. ERR_USAGE for a value that it cannot
	 * have.
	 */
	struct error *(*access)(struct session *s, const char *word, char *text, size_t size);
};

static struct error *bad_value(const char *word)
{
	return error_new(ERR_USAGE, "no such value: %s", word);
}

/* One of the words, by its number. */
static struct error *access_choice(unsigned *value, const char *const *words, unsigned count, const char *word, char *text, size_t size)
{
	unsigned i = 0;

	while (word && i < count && strcmp(words[i], word))
		i++;
	if (word && i == count)
		return bad_value(word);
	if (word)
		*value = i;
	snprintf(text, size, "%s", words[*value < count ? *value : 0]);
	return NULL;
}

static struct error *access_flag(bool *flag, const char *word, char *text, size_t size)
{
	static const char *const words[] = {"off", "on", "0", "1"};
	unsigned value = *flag;

	TRY(access_choice(&value, words, 4, word, text, size));
	*flag = value & 1;
	snprintf(text, size, "%s", words[*flag]);
	return NULL;
}

#define FLAG(name, member)                                                                                \
	static struct error *access_##name(struct session *s, const char *word, char *text, size_t size) \
	{                                                                                                 \
		return access_flag(&s->settings.member, word, text, size);                                \
	}
FLAG(json, json)
FLAG(silent, silent)
FLAG(print_array, print_array)
FLAG(null_stop, null_stop)
FLAG(core, core)
FLAG(redzone, redzone)
FLAG(refresh, refresh)

static struct error *access_scroll(struct session *s, const char *word, char *text, size_t size)
{
	static const char *const pagers[] = {[PAGER_LESS] = "less", [PAGER_MORE] = "more", [PAGER_CRASH] = "CRASHPAGER"};

	for (unsigned i = PAGER_LESS; word && i <= PAGER_CRASH; i++) {
		if (strcmp(word, pagers[i]))
			continue;
		if (i == PAGER_CRASH && !getenv("CRASHPAGER"))
			return error_new(ERR_USAGE, "the environment has no CRASHPAGER");
		s->settings.pager = i;
		s->settings.scroll = true;
		word = NULL;
	}
	TRY(access_flag(&s->settings.scroll, word, text, size));
	size_t n = strlen(text);
	snprintf(text + n, size - n, " (%s)", pager_name(s));
	return NULL;
}

static struct error *access_radix(struct session *s, const char *word, char *text, size_t size)
{
	if (word && (!strcmp(word, "16") || !strcmp(word, "0x10") || !strcmp(word, "hex")))
		s->settings.radix = 16;
	else if (word && (!strcmp(word, "10") || !strcmp(word, "dec")))
		s->settings.radix = 10;
	else if (word)
		return bad_value(word);
	s->settings.hex = s->settings.radix == 16;
	snprintf(text, size, "%s", s->settings.radix == 16 ? "16 (hex)" : "10 (decimal)");
	return NULL;
}

static struct error *access_number(unsigned *value, const char *word, char *text, size_t size)
{
	uint64_t number;

	if (word) {
		TRY(parse_count(word, &number));
		if (number > UINT32_MAX)
			return bad_value(word);
		*value = (unsigned)number;
	}
	snprintf(text, size, "%u", *value);
	return NULL;
}

static struct error *access_print_max(struct session *s, const char *word, char *text, size_t size)
{
	return access_number(&s->settings.print_max, word, text, size);
}

static struct error *access_edit(struct session *s, const char *word, char *text, size_t size)
{
	static const char *const words[] = {"emacs", "vi"};
	unsigned value = s->settings.vi;

	TRY(access_choice(&value, words, 2, word, text, size));
	s->settings.vi = value;
	return NULL;
}

static struct error *access_offline(struct session *s, const char *word, char *text, size_t size)
{
	static const char *const words[] = {"show", "hide"};
	unsigned value = s->settings.hide_offline;

	TRY(access_choice(&value, words, 2, word, text, size));
	s->settings.hide_offline = value;
	return NULL;
}

static struct error *access_color(struct session *s, const char *word, char *text, size_t size)
{
	static const char *const words[] = {[COLOUR_AUTO] = "auto", [COLOUR_ON] = "on", [COLOUR_OFF] = "off"};
	unsigned value = s->settings.colour;

	TRY(access_choice(&value, words, 3, word, text, size));
	s->settings.colour = value;
	return NULL;
}

static struct error *access_zero_excluded(struct session *s, const char *word, char *text, size_t size)
{
	bool zero = vmcore_zero_excluded(s->vmcore);

	TRY(access_flag(&zero, word, text, size));
	vmcore_set_zero_excluded(s->vmcore, zero);
	return NULL;
}

static struct error *access_error(struct session *s, const char *word, char *text, size_t size)
{
	static const char *const words[] = {[ERRORS_DEFAULT] = "default", [ERRORS_REDIRECT] = "redirect"};

	if (word) {
		FILE *file = NULL;
		bool named = strcmp(word, words[ERRORS_DEFAULT]) && strcmp(word, words[ERRORS_REDIRECT]);

		if (named && !(file = fopen(word, "ae")))
			return error_new(ERR_IO, "cannot be written: %s", word);
		if (file)
			fclose(file);
		free(s->settings.error_file);
		s->settings.error_file = named ? strdup(word) : NULL;
		s->settings.errors = named ? ERRORS_FILE : strcmp(word, words[ERRORS_DEFAULT]) ? ERRORS_REDIRECT : ERRORS_DEFAULT;
	}
	snprintf(text, size, "%s", s->settings.error_file ? s->settings.error_file : words[s->settings.errors == ERRORS_REDIRECT]);
	return NULL;
}

/* ---- Variables of crash's that have one value here ---- */

static struct error *access_fixed(const char *value, const char *why, const char *word, char *text, size_t size)
{
	snprintf(text, size, "%s", value);
	if (word && strcmp(word, value))
		return error_new(ERR_UNSUPPORTED, "%s: it is always %s", why, value);
	return NULL;
}

static struct error *access_hash(struct session *s, const char *word, char *text, size_t size)
{
	return access_fixed("on", "a list that runs into itself is always found", word, text, size);
}

static struct error *access_gdb(struct session *s, const char *word, char *text, size_t size)
{
	return access_fixed("off", "there is no gdb within", word, text, size);
}

static struct error *access_unwind(struct session *s, const char *word, char *text, size_t size)
{
	return access_fixed("on", "bt goes by the kernel's own unwind tables", word, text, size);
}

static struct error *access_console(struct session *s, const char *word, char *text, size_t size)
{
	return access_fixed("(not assigned)", "there is no debugging output to send there", word, text, size);
}

static struct error *access_debug(struct session *s, const char *word, char *text, size_t size)
{
	return access_fixed("0", "there is no debugging output", word, text, size);
}

static struct error *access_scope(struct session *s, const char *word, char *text, size_t size)
{
	if (word && strcmp(word, "0"))
		return error_new(ERR_UNSUPPORTED, "types are the kernel's, by name, wherever one stands in its text: it is always 0");
	snprintf(text, size, "0 (not set)");
	return NULL;
}

static struct error *access_namelist(struct session *s, const char *word, char *text, size_t size)
{
	if (word)
		return error_new(ERR_UNSUPPORTED, "a file with symbols or types stands on the command line, beside the dump");
	snprintf(text, size, "(symbols and types are the image's own, or from files of the command line)");
	return NULL;
}

static struct error *access_dumpfile(struct session *s, const char *word, char *text, size_t size)
{
	const char *path = vmcore_path(s->vmcore);

	if (word)
		return error_new(ERR_UNSUPPORTED, "the dump stands on the command line");
	snprintf(text, size, "%s", *path ? path : "(none: a simulated machine)");
	return NULL;
}

static const struct variable variables[] = {
	{"scroll", access_scroll},
	{"radix", access_radix},
	{"refresh", access_refresh},
	{"print_max", access_print_max},
	{"print_array", access_print_array},
	{"console", access_console},
	{"debug", access_debug},
	{"core", access_core},
	{"hash", access_hash},
	{"silent", access_silent},
	{"edit", access_edit},
	{"namelist", access_namelist},
	{"dumpfile", access_dumpfile},
	{"unwind", access_unwind},
	{"zero_excluded", access_zero_excluded},
	{"null-stop", access_null_stop},
	{"gdb", access_gdb},
	{"scope", access_scope},
	{"offline", access_offline},
	{"redzone", access_redzone},
	{"error", access_error},
	{"json", access_json},
	{"color", access_color},
};
#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

static const struct variable *variable_find(const char *name)
{
	for (size_t i = 0; i < VARIABLES; i++) {
		if (!strcmp(variables[i].name, name))
			return &variables[i];
	}
	return NULL;
}

bool variable_is(const char *name)
{
	return variable_find(name) != NULL;
}

const char *variable_name(size_t index)
{
	return index < VARIABLES ? variables[index].name : NULL;
}

static struct error *show(struct session *s, const struct variable *v, const char *word, int width)
{
	char text[512], key[32];

	TRY(error_prefix(v->access(s, word, text, sizeof(text)), "%s", v->name));
	/* crash's wording, which differs in the table of all */
	if (!width && v->access == access_radix)
		out_text(s->out, "output ");
	out_printf(s->out, "%*s: ", width, v->name);
	snprintf(key, sizeof(key), "%s", v->name);
	for (char *p = key; (p = strchr(p, '-'));)
		*p = '_';
	out_str(s->out, key, "%s\n", text);
	return NULL;
}

struct error *variable_set(struct session *s, const char *name, const char *word)
{
	const struct variable *v = variable_find(name);

	return v ? show(s, v, word, 0) : error_new(ERR_USAGE, "no such variable: %s", name);
}

struct error *variables_show(struct session *s)
{
	for (size_t i = 0; i < VARIABLES; i++)
		TRY(show(s, &variables[i], NULL, 14));
	return NULL;
}

struct error *variable_shown_cpus(struct session *s, const char *text, bool **out)
{
	TRY(parse_cpus(s, text, out));
	for (unsigned cpu = 0; s->settings.hide_offline && cpu < s->kernel->cpus; cpu++)
		(*out)[cpu] &= system_cpu_in(s->kernel, "online", cpu);
	return NULL;
}
