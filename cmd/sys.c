/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/session.h"
#include "cmd/size.h"
#include "mm/clock.h"
#include "mm/log.h"
#include "mm/system.h"
#include "mm/task.h"

/* ---- sys ---- */

static void print_clock(struct session *s)
{
	struct out *o = s->out;
	int64_t now;
	uint64_t up;
	if (!error_drop(clock_realtime(s->kernel, &now))) {
		time_t t = now / 1000000000;
		struct tm tm;
		char text[64] = "";
		if (localtime_r(&t, &tm))
			strftime(text, sizeof(text), "%a %b %e %T %Z %Y", &tm);
		out_printf(o, "        DATE: %s\n", text);
		out_sdec(o, "date", NULL, t);
	}
	if (!error_drop(clock_uptime(s->kernel, &up))) {
		up /= 1000000000;
		out_printf(o, "      UPTIME: ");
		if (up >= 86400)
			out_printf(o, "%" PRIu64 " days, ", up / 86400);
		out_printf(o, "%02u:%02u:%02u\n", (unsigned)(up / 3600 % 24),
			   (unsigned)(up / 60 % 60), (unsigned)(up % 60));
		out_dec(o, "uptime", NULL, up);
	}
}

static void print_load(struct session *s)
{
	static const char *const key[] = {"load_1", "load_5", "load_15"};
	uint64_t load[3];
	if (!system_load(s->kernel, load))
		return;
	out_printf(s->out, "LOAD AVERAGE: ");
	for (unsigned i = 0; i < 3; i++)
		out_double(s->out, key[i], i < 2 ? "%.2f, " : "%.2f\n", load[i] / 100.0);
}

/* "1 GB", "1.5 GB", "512 MB" */
void format_size(uint64_t bytes, char *buf, size_t size)
{
	static const char *const unit[] = {"TB", "GB", "MB", "KB"};
	unsigned i = 0;
	while (i < 3 && bytes < 1ull << (40 - 10 * i))
		i++;
	unsigned shift = 40 - 10 * i;
	uint64_t tenths = (bytes * 10 + (1ull << (shift - 1))) >> shift;
	if (tenths % 10)
		snprintf(buf, size, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
			 unit[i]);
	else
		snprintf(buf, size, "%" PRIu64 " %s", tenths / 10, unit[i]);
}

static void print_names(struct session *s)
{
	struct out *o = s->out;
	struct system_names names;
	uint64_t khz = system_cpu_khz(s->kernel);
	if (error_drop(system_names(s->kernel, &names)))
		return;
	out_str(o, "nodename", "    NODENAME: %s\n", names.nodename);
	out_str(o, "release", "     RELEASE: %s\n", names.release);
	out_str(o, "version", "     VERSION: %s\n", names.version);
	out_str(o, "machine", "     MACHINE: %s", names.machine);
	if (khz)
		out_dec(o, "mhz", "  (%" PRIu64 " Mhz)", khz / 1000);
	out_printf(o, "\n");
}

static void print_cpus(struct session *s)
{
	unsigned online = system_cpus(s->kernel, "online"),
		 present = system_cpus(s->kernel, "present");
	/* crash counts those that are offline too */
	out_printf(s->out, "        CPUS: %u", present > online ? present : online);
	out_dec(s->out, "cpus", NULL, online);
	if (present > online)
		out_dec(s->out, "cpus_offline", " [OFFLINE: %" PRIu64 "]", present - online);
	out_printf(s->out, "\n");
}

static struct error *print_system(struct session *s)
{
	struct out *o = s->out;
	struct kernel *k = s->kernel;
	char text[512];
	size_t tasks;
	uint64_t memory;
	out_str(o, "kernel", "      KERNEL: %s\n",
		symbols_file(k) ? symbols_file(k) : "in the image");
	const char *path = vmcore_path(s->vmcore);
	out_str(o, "dumpfile", "    DUMPFILE: %s", *path ? path : "(none: a simulated machine)");
	out_bool(o, "partial", NULL, vmcore_is_partial(s->vmcore));
	out_printf(o, "%s\n", vmcore_is_partial(s->vmcore) ? "  [PARTIAL DUMP]" : "");
	print_cpus(s);
	print_clock(s);
	print_load(s);
	struct error *e = tasks_count(k, &tasks);
	if (!e)
		out_dec(o, "tasks", "       TASKS: %" PRIu64 "\n", tasks);
	print_names(s);
	struct error *e2 = system_memory(k, &memory);
	if (!e2) {
		format_size(memory, text, sizeof(text));
		out_printf(o, "      MEMORY: %s\n", text);
		out_dec(o, "memory", NULL, memory);
	}
	log_panic_message(k, text, sizeof(text));
	out_str(o, "panic", "       PANIC: \"%s\"\n", text);
	if (e) {
		error_free(e2);
		return e;
	}
	return e2;
}

/* ---- Its parts ---- */

static void print_call(struct session *s, size_t number, const char *name, uint64_t function)
{
	out_object_begin(s->out, NULL);
	out_dec(s->out, "number", s->settings.radix == 16 ? "%3" PRIx64 "  " : "%3" PRIu64 "  ",
		number);
	out_str(s->out, "name", "%s\n", name);
	out_hex(s->out, "address", NULL, function);
	out_object_end(s->out);
}

static struct error *print_calls(struct session *s, const char *which)
{
	uint64_t number = 0, function;
	const char *name;
	size_t n = system_calls(s->kernel), found = 0;
	if (!n)
		return error_new(ERR_UNSUPPORTED, "this kernel's sys_call_table was not found");
	bool numbered = which && !error_drop(parse_number(which, false, &number)) &&
			*which >= '0' && *which <= '9';
	if (numbered && number >= n)
		return error_new(ERR_USAGE, "no such system call: %s (there are %zu)", which, n);
	out_array_begin(s->out, "system_calls");
	for (size_t i = numbered ? number : 0; i < (numbered ? number + 1 : n); i++) {
		if (!system_call(s->kernel, i, &function, &name))
			break;
		if (which && !numbered && !strstr(name, which))
			continue;
		if (!found++)
			out_printf(s->out, "NUM  SYSTEM CALL\n");
		print_call(s, i, name, function);
	}
	out_array_end(s->out);
	return found ? NULL : error_new(ERR_NOT_FOUND, "no such system call: %s", which);
}

static struct error *print_taint(struct session *s)
{
	uint64_t mask;
	char letters[65];
	TRY(system_taint(s->kernel, &mask, letters, sizeof(letters)));
	out_hex(s->out, "tainted_mask", "TAINTED_MASK: %" PRIx64 "  ", mask);
	out_str(s->out, "letters", "%s\n", letters);
	return NULL;
}

static struct error *print_dmi(struct session *s)
{
	const char *name;
	char value[256];
	bool there, any = false;
	for (unsigned i = 0; system_dmi(s->kernel, i, &name, value, sizeof(value), &there); i++) {
		if (!there)
			continue;
		char key[64];
		size_t n = 0;
		for (; name[n] && n < sizeof(key) - 1; n++)
			key[n] = name[n] >= 'A' && name[n] <= 'Z' ? name[n] + 32 : name[n];
		key[n] = 0;
		out_printf(s->out, "%25s: ", name);
		out_str(s->out, key, "%s\n", value);
		any = true;
	}
	return any ? NULL : error_new(ERR_UNSUPPORTED, "this kernel has no DMI strings");
}

static struct error *print_config(struct session *s)
{
	char *text;
	size_t size;
	TRY(system_config(s->kernel, &text, &size));
	if (out_json(s->out)) {
		out_str(s->out, "config", NULL, text);
	} else {
		out_text(s->out, text);
		if (size && text[size - 1] != '\n')
			out_printf(s->out, "\n");
	}
	free(text);
	return NULL;
}

static struct error *run_sys(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "cti"};
	bool calls = false, taint = false, dmi = false;
	for (int c; (c = next_option(&p));) {
		switch (c) {
		case 'c':
			calls = true;
			break;
		case 't':
			taint = true;
			break;
		case 'i':
			dmi = true;
			break;
		default:
			return option_error(&p);
		}
	}
	const char *word = p.index < argc ? argv[p.index] : NULL;
	if (argc - p.index > 1)
		return usage_error(argv[0], NULL);
	if (calls)
		return print_calls(s, word);
	if (word && strcmp(word, "config"))
		return usage_error(argv[0], "what is \"%s\"?", word);
	if (word)
		return print_config(s);
	if (taint)
		return print_taint(s);
	return dmi ? print_dmi(s) : print_system(s);
}

COMMAND(sys) = {
	.name = "sys",
	.summary = "the system: release, time, load, memory, why it crashed",
	.synopsis = "[-c [NAME | NUMBER] | -t | -i | config]",
	.options = "-c -t -i config",
	.flags = CMD_NEEDS_KERNEL | CMD_TYPELESS,
	.help = "Prints what the system is and how it was when the image was taken. PANIC is the "
		"line of the kernel's log that\n"
		"says why it crashed; empty when it did not.\n"
		"\n"
		"  -c               the system call table: number and function of each call\n"
		"  -c NAME|NUMBER   the calls whose function's name contains NAME, or the one of "
		"that number\n"
		"  -t               the kernel's taint mask and the letters of its bits\n"
		"  -i               what the firmware says of the machine (DMI)\n"
		"  config           the kernel's configuration, where it carries it "
		"(CONFIG_IKCONFIG)\n"
		"\n"
		"EXAMPLES\n"
		"  What is this?\n"
		"\n"
		"    mmscope> sys\n"
		"\n"
		"  The calls about memory maps:\n"
		"\n"
		"    mmscope> sys -c mmap\n",
	.run = run_sys,
};
