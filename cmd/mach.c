/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/session.h"
#include "cmd/size.h"
#include "mm/clock.h"
#include "mm/stacks.h"
#include "mm/system.h"
#include "mm/task.h"

/* Headings are set flush right before a colon, in crash's column. */
#define HEADING "%22s: "

static void fact_hex(struct session *s, const char *heading, const char *key, uint64_t value)
{
	out_printf(s->out, HEADING, heading);
	out_hex(s->out, key, "%" PRIx64 "\n", value);
}

static void fact_dec(struct session *s, const char *heading, const char *key, uint64_t value)
{
	out_printf(s->out, HEADING, heading);
	out_dec(s->out, key, "%" PRIu64 "\n", value);
}

static void print_stacks(struct session *s, const struct stack_kind *kind)
{
	struct out *o = s->out;
	char heading[64], lower[64];
	size_t n = 0;
	for (; kind->name[n] && n < 40; n++)
		lower[n] = kind->name[n] >= 'A' && kind->name[n] <= 'Z' ? kind->name[n] + 32
									: kind->name[n];
	strcpy(lower + n, "_stack_size");
	snprintf(heading, sizeof(heading), "%s STACK SIZE", kind->name);
	fact_dec(s, heading, lower, kind->size);
	snprintf(heading, sizeof(heading), "%s STACKS", kind->name);
	out_printf(o, "%22s:\n", heading);
	strcpy(lower + n, "_stacks");
	out_array_begin(o, lower);
	for (unsigned cpu = 0; cpu < s->kernel->cpus; cpu++) {
		uint64_t base;
		if (!stack_of_cpu(s->kernel, kind, cpu, &base))
			continue;
		uint64_t phys;
		bool there = kernel_try_vtop(s->kernel, base, &phys);
		snprintf(heading, sizeof(heading), "CPU %u", cpu);
		out_printf(o, HEADING, heading);
		out_object_begin(o, NULL);
		out_dec(o, "cpu", NULL, cpu);
		out_hex(o, "stack", "%" PRIx64, base);
		out_bool(o, "mapped", NULL, there);
		out_object_end(o);
		out_printf(o, "%s\n", there ? "" : " [unavailable]");
	}
	out_array_end(o);
}

static struct error *print_machine(struct session *s)
{
	struct kernel *k = s->kernel;
	struct out *o = s->out;
	char text[64];
	uint64_t memory, khz = system_cpu_khz(k);
	struct system_names names;
	const char *hypervisor = system_hypervisor(k);
	struct error *e = system_names(k, &names);
	out_printf(o, HEADING, "MACHINE TYPE");
	out_str(o, "machine", "%s\n",
		error_drop(e) || !*names.machine ? k->arch->name : names.machine);
	e = system_memory(k, &memory);
	if (!e) {
		format_size(memory, text, sizeof(text));
		out_printf(o, HEADING "%s\n", "MEMORY SIZE", text);
		out_dec(o, "memory", NULL, memory);
	}
	fact_dec(s, "CPUS", "cpus", system_cpus(k, "online"));
	if (hypervisor) {
		out_printf(o, HEADING, "HYPERVISOR");
		out_str(o, "hypervisor", "%s\n", hypervisor);
	}
	if (khz) {
		out_printf(o, HEADING, "PROCESSOR SPEED");
		out_dec(o, "mhz", "%" PRIu64 " Mhz\n", khz / 1000);
	}
	if (clock_hz(k))
		fact_dec(s, "HZ", "hz", clock_hz(k));
	fact_dec(s, "PAGE SIZE", "page_size", 1ull << k->arch->page_shift);
	out_printf(o, HEADING, "PAGE TABLES");
	out_str(o, "page_tables", "%s\n", k->geometry.name);
	fact_hex(s, "KERNEL VIRTUAL BASE", "page_offset", k->page_offset);
	fact_hex(s, "KERNEL VMALLOC BASE", "vmalloc_start", k->vmalloc_start);
	if (k->vmemmap)
		fact_hex(s, "KERNEL VMEMMAP BASE", "vmemmap", k->vmemmap);
	if (k->arch->kernel_map != k->page_offset)
		fact_hex(s, "KERNEL START MAP", "start_kernel_map", k->arch->kernel_map);
	fact_hex(s, "KERNEL MODULES BASE", "modules_start", k->modules_start);
	fact_dec(s, "KERNEL STACK SIZE", "stack_size", task_stack_size(k));
	struct stack_kind kind;
	for (unsigned i = 0; stack_kind(k, i, &kind); i++)
		print_stacks(s, &kind);
	return e;
}

static struct error *print_memory_map(struct session *s)
{
	static const struct column columns[] = {
		{"start", NULL, 16, '>', 0},
		{NULL, NULL, 1, '<', 1},
		{"end", NULL, 16, '>', 1},
		{"type", NULL, 0, '<', 2},
	};
	struct memory_map_entry entry;
	size_t n = system_memory_map_count(s->kernel);
	if (!n)
		return error_new(ERR_UNSUPPORTED, "this kernel keeps no e820 table");
	out_printf(s->out, "      PHYSICAL ADDRESS RANGE         TYPE\n");
	out_table(s->out, "memory_map", columns, 4, false);
	for (size_t i = 0; i < n && system_memory_map(s->kernel, i, &entry); i++) {
		const char *type = memory_map_type(entry.type);
		out_cell_hex_pad(s->out, entry.start, 16);
		out_cell_str(s->out, "-");
		out_cell_hex_pad(s->out, entry.end, 16);
		if (type)
			out_cell_str(s->out, type);
		else
			out_cell_printf(s->out, "type %u", entry.type);
		out_row_end(s->out);
	}
	out_table_end(s->out);
	return NULL;
}

/* struct cpuinfo_x86 of each CPU, by the command `struct`. */
static struct error *print_cpuinfo(struct session *s, const char *radix)
{
	struct kernel *k = s->kernel;
	struct symbol symbol;
	bool percpu = symbol_find(k, "cpu_info", &symbol);
	if (!percpu && !symbol_find(k, "cpu_data", &symbol) &&
	    !symbol_find(k, "boot_cpu_data", &symbol))
		return error_new(ERR_UNSUPPORTED, "this kernel's cpu_info was not found");
	if (!HAS_STRUCT(k, cpuinfo_x86))
		return error_new(ERR_UNSUPPORTED, "this kernel's types lack struct cpuinfo_x86");
	bool one = !strcmp(symbol.name, "boot_cpu_data");
	out_array_begin(s->out, "cpuinfo");
	for (unsigned cpu = 0; cpu < (one ? 1 : k->cpus); cpu++) {
		char addr[32], name[] = "struct", type[] = "cpuinfo_x86", option[8];
		char *words[5] = {name, type, addr};
		int n = 3;
		if (!one && !system_cpu_in(k, "present", cpu))
			continue;
		snprintf(addr, sizeof(addr), "%" PRIx64,
			 percpu ? percpu_addr(k, symbol.addr, cpu)
				: symbol.addr + cpu * (uint64_t)SIZE_OF(k, cpuinfo_x86));
		if (radix) {
			snprintf(option, sizeof(option), "%s", radix);
			words[1] = option;
			words[2] = type;
			words[3] = addr;
			n = 4;
		}
		out_object_begin(s->out, NULL);
		out_dec(s->out, "cpu", cpu ? "\nCPU %" PRIu64 ":\n" : "CPU %" PRIu64 ":\n", cpu);
		TRY(session_run(s, n, words));
		out_object_end(s->out);
	}
	out_array_end(s->out);
	return NULL;
}

static struct error *run_mach(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "mcxdo"};
	bool map = false, cpus = false;
	const char *radix = NULL;
	for (int c; (c = next_option(&p));) {
		switch (c) {
		case 'm':
			map = true;
			break;
		case 'c':
			cpus = true;
			break;
		case 'o':
			return error_new(ERR_UNSUPPORTED, "-o: a console of the firmware is in POWER machines only");
		case 'x':
			radix = "-x";
			break;
		case 'd':
			radix = "-d";
			break;
		default:
			return option_error(&p);
		}
	}
	if (p.index < argc)
		return usage_error(argv[0], NULL);
	if (map)
		return print_memory_map(s);
	return cpus ? print_cpuinfo(s, radix) : print_machine(s);
}

COMMAND(mach) = {
	.name = "mach",
	.summary = "the machine: memory map, processors, layout of the address space",
	.synopsis = "[-m | -c [-x | -d]]",
	.options = "-m -c -x -d -o",
	.flags = CMD_NEEDS_KERNEL | CMD_TYPELESS,
	.help = "Prints what the machine is, how the kernel laid out its half of the address "
		"space, and where each CPU's stacks for\n"
		"interrupts and exceptions start (lowest address).\n"
		"\n"
		"  -m   the physical memory as the firmware described it (e820), as far as the "
		"kernel kept it\n"
		"  -c   each CPU's struct cpuinfo_x86; -x and -d choose the radix\n"
		"\n"
		"  -o  is for POWER machines, and refused\n"
		"\n"
		"EXAMPLES\n"
		"  Which physical memory is there?\n"
		"\n"
		"    mmscope> mach -m\n",
	.run = run_mach,
};
