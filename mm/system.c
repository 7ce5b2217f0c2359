/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "mm/system.h"
#include "mm/zone.h"

/* ---- Names ---- */

static void copy_name(struct kernel *k, const struct object *o, enum member_id id, char *to,
		      size_t size)
{
	size_t length;
	const unsigned char *text = object_bytes(k, o, id, &length);
	to[0] = 0;
	if (text)
		snprintf(to, size, "%.*s", (int)length, text);
}

struct error *system_names(struct kernel *k, struct system_names *out)
{
	memset(out, 0, sizeof(*out));
	uint64_t addr = symbol_addr(k, "init_uts_ns");
	if (addr)
		addr += OFFSET(k, uts_namespace, name);
	else
		addr = symbol_addr(k, "system_utsname");
	struct object o;
	if (!addr || !HAS_STRUCT(k, new_utsname))
		return error_new(ERR_UNSUPPORTED,
				 "this kernel's names (init_uts_ns) were not found");
	TRY(object_open(k, addr, S_new_utsname, &o));
	copy_name(k, &o, M_new_utsname_nodename, out->nodename, sizeof(out->nodename));
	copy_name(k, &o, M_new_utsname_release, out->release, sizeof(out->release));
	copy_name(k, &o, M_new_utsname_version, out->version, sizeof(out->version));
	copy_name(k, &o, M_new_utsname_machine, out->machine, sizeof(out->machine));
	return NULL;
}

/* ---- Processors ---- */

bool system_cpu_in(struct kernel *k, const char *mask, unsigned cpu)
{
	/* kernel/cpu.c: __cpu_online_mask (4.5), cpu_online_bits (2.6.28), cpu_online_map */
	static const char *const forms[] = {"__cpu_%s_mask", "cpu_%s_bits", "cpu_%s_map"};
	const unsigned word = k->arch->pointer_size;
	for (unsigned i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		char name[64];
		uint64_t value;
		snprintf(name, sizeof(name), forms[i], mask);
		uint64_t addr = symbol_addr(k, name);
		if (!addr)
			continue;
		if (error_drop(kernel_read_pointer(k, addr + cpu / (8 * word) * word, &value)))
			return false;
		return value >> (cpu % (8 * word)) & 1;
	}
	/* no masks: one processor */
	return cpu == 0;
}

unsigned system_cpus(struct kernel *k, const char *mask)
{
	unsigned n = 0;
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		n += system_cpu_in(k, mask, cpu);
	return n ? n : 1;
}

uint64_t system_cpu_khz(struct kernel *k)
{
	uint64_t khz;
	return error_drop(kernel_read_symbol(k, "cpu_khz", 4, &khz)) ? 0 : khz;
}

bool system_load(struct kernel *k, uint64_t hundredths[3])
{
	/* include/linux/sched/loadavg.h: 11 bits of fraction; shown with a half of a hundredth
	 * added (fs/proc/loadavg.c) */
	const uint64_t one = 1 << 11;
	uint64_t addr = symbol_addr(k, "avenrun");
	for (unsigned i = 0; i < 3; i++) {
		uint64_t v;
		if (!addr ||
		    error_drop(kernel_read_pointer(k, addr + i * k->arch->pointer_size, &v)))
			return false;
		v += one / 200;
		hundredths[i] = v / one * 100 + v % one * 100 / one;
	}
	return true;
}

const char *system_hypervisor(struct kernel *k)
{
	uint64_t value;
	struct type t = type_find(k, TYPE_ENUM, "x86_hypervisor_type");
	if (!type_valid(t) || error_drop(kernel_read_symbol(k, "x86_hyper_type", 4, &value)) ||
	    !value)
		return NULL;
	const char *name = enumerator_name(k, t, value);
	static const char prefix[] = "X86_HYPER_";
	if (name && !strncmp(name, prefix, strlen(prefix)))
		name += strlen(prefix);
	return name;
}

/* ---- Memory ---- */

struct error *system_memory(struct kernel *k, uint64_t *bytes)
{
	const uint64_t gb = 1ull << 30, near = 64ull << 20;
	*bytes = 0;
	TRY(nodes_open(k));
	for (size_t i = 0; i < nodes_count(k); i++)
		*bytes += nodes_get(k, i)->present_pages << k->arch->page_shift;
	uint64_t up = (*bytes + gb - 1) & -gb;
	if (up - *bytes <= near)
		*bytes = up;
	return NULL;
}

/* The table as an object, and how many entries of it are there. */
static size_t open_memory_map(struct kernel *k, struct object *table)
{
	uint64_t addr;
	if (!HAS(k, e820_table, entries) || !HAS(k, e820_entry, addr))
		return 0;
	/* a pointer since 4.12 (e820_table), the table itself before (e820) */
	if (error_drop(kernel_read_symbol(k, "e820_table", 0, &addr)))
		addr = symbol_addr(k, "e820");
	if (!addr || !object_try_open(k, addr, S_e820_table, table))
		return 0;
	const struct member *m = &k->members[M_e820_table_entries];
	uint64_t n = GET(k, table, e820_table, nr_entries);
	size_t room =
		m->stride && table->size > m->offset ? (table->size - m->offset) / m->stride : 0;
	return n < room ? n : room;
}

size_t system_memory_map_count(struct kernel *k)
{
	struct object table;
	return open_memory_map(k, &table);
}

bool system_memory_map(struct kernel *k, size_t index, struct memory_map_entry *out)
{
	struct object table;
	if (index >= open_memory_map(k, &table))
		return false;
	const struct member *m = &k->members[M_e820_table_entries];
	struct object entry = {table.bytes + m->offset + index * m->stride, 0, m->stride};
	out->start = GET(k, &entry, e820_entry, addr);
	out->end = out->start + GET(k, &entry, e820_entry, size);
	out->type = GET(k, &entry, e820_entry, type);
	return true;
}

/* arch/x86/include/asm/e820/types.h; the firmware interface's own numbers */
const char *memory_map_type(uint32_t type)
{
	switch (type) {
	case 1:
		return "E820_RAM";
	case 2:
		return "E820_RESERVED";
	case 3:
		return "E820_ACPI";
	case 4:
		return "E820_NVS";
	case 5:
		return "E820_UNUSABLE";
	case 7:
		return "E820_PMEM";
	case 12:
		return "E820_PRAM";
	case 128:
		return "E820_RESERVED_KERN";
	case 0xefffffff:
		return "E820_SOFT_RESERVED";
	}
	return NULL;
}

/* ---- Taint ---- */

void system_taint_letters(uint64_t mask, char *letters, size_t size)
{
	/* by bit; a documented interface, to which bits are only added */
	static const char all[] = "PFSRMBUDAWCIOELKXTNJ";
	size_t n = 0;
	for (unsigned bit = 0; bit < 64 && n + 1 < size; bit++)
		if (mask >> bit & 1)
			letters[n++] = bit < sizeof(all) - 1 ? all[bit] : '?';
	letters[n] = 0;
}

struct error *system_taint(struct kernel *k, uint64_t *mask, char *letters, size_t size)
{
	if (error_drop(kernel_read_symbol(k, "tainted_mask", 0, mask)))
		TRY(kernel_read_symbol(k, "tainted", 4, mask));
	system_taint_letters(*mask, letters, size);
	return NULL;
}

/* ---- System calls ---- */

/* The address of the symbol after this one. */
static uint64_t next_symbol(struct kernel *k, const char *name)
{
	struct symbol symbol, other;
	size_t i;
	if (!symbol_find(k, name, &symbol) || !symbols_index(k, &symbol, &i))
		return 0;
	while (symbols_get(k, ++i, &other))
		if (other.addr > symbol.addr)
			return other.addr;
	return 0;
}

bool system_call(struct kernel *k, size_t number, uint64_t *function, const char **name)
{
	uint64_t table = symbol_addr(k, "sys_call_table"), offset;
	struct symbol symbol;
	if (!table ||
	    error_drop(kernel_read_pointer(k, table + number * k->arch->pointer_size, function)))
		return false;
	if (!symbol_at(k, *function, &symbol, &offset) || offset || !strchr("tTwW", symbol.type))
		return false;
	*name = symbol.name;
	return true;
}

size_t system_calls(struct kernel *k)
{
	uint64_t table = symbol_addr(k, "sys_call_table"), end = next_symbol(k, "sys_call_table"),
		 function;
	const char *name;
	size_t n = 0;
	/* the table may be followed by things without a symbol */
	while (table && n < 4096 && table + n * k->arch->pointer_size < end &&
	       system_call(k, n, &function, &name))
		n++;
	return n;
}

/* ---- DMI ---- */

bool system_dmi(struct kernel *k, unsigned field, const char **name, char *value, size_t size,
		bool *there)
{
	uint64_t table = symbol_addr(k, "dmi_ident"), addr;
	struct type t = type_find(k, TYPE_ENUM, "dmi_field");
	*value = 0;
	*there = false;
	if (!table || !type_valid(t))
		return false;
	*name = enumerator_name(k, t, field);
	if (!*name || !strcmp(*name, "DMI_STRING_MAX"))
		return false;
	if (error_drop(kernel_read_pointer(k, table + field * (uint64_t)k->arch->pointer_size,
					   &addr)) ||
	    !addr)
		return true;
	*there = !error_drop(kernel_read_string(k, addr, value, size));
	return true;
}

/* ---- Configuration ---- */

#define CONFIG_MAX (16u << 20)

static struct error *inflate_config(struct kernel *k, uint64_t addr, char *text, size_t *size)
{
	z_stream z = {.next_out = (unsigned char *)text, .avail_out = CONFIG_MAX};
	int result = inflateInit2(&z, 16 + MAX_WBITS); /* gzip */
	while (result == Z_OK) {
		unsigned char piece[512];
		struct error *e = kernel_read(k, addr, piece, sizeof(piece));
		if (e) {
			inflateEnd(&z);
			return e;
		}
		addr += sizeof(piece);
		z.next_in = piece;
		z.avail_in = sizeof(piece);
		result = inflate(&z, Z_NO_FLUSH);
		if (result == Z_BUF_ERROR && z.avail_out)
			result = Z_OK;
	}
	*size = z.total_out;
	inflateEnd(&z);
	if (result != Z_STREAM_END)
		return error_at(ERR_BAD_OBJECT, addr, "kernel_config_data is damaged at %" PRIx64,
				addr);
	return NULL;
}

struct error *system_config(struct kernel *k, char **text, size_t *size)
{
	static const char start[] = "IKCFG_ST";
	char magic[8];
	uint64_t addr = symbol_addr(k, "kernel_config_data");
	if (!addr)
		return error_new(ERR_UNSUPPORTED,
				 "kernel_config_data does not exist in this kernel");
	/* until 5.0 the marks around it were part of it */
	TRY(kernel_read(k, addr, magic, sizeof(magic)));
	if (!memcmp(magic, start, sizeof(magic)))
		addr += sizeof(magic);
	*text = malloc(CONFIG_MAX + 1);
	if (!*text)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *e = inflate_config(k, addr, *text, size);
	if (e) {
		free(*text);
		*text = NULL;
		return e;
	}
	(*text)[*size] = 0;
	return NULL;
}
