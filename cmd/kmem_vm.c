/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kmem -v, -V, -h: the vmalloc space, the machine's counters, huge page sizes.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/kmem.h"
#include "mm/vmalloc.h"
#include "mm/zone.h"

/* ---- -v ---- */

void kmem_vmalloc_begin(struct session *s)
{
	static const struct column columns[] = {
		{"vmap_area", "VMAP_AREA", 16, '^', 0}, {"vm_struct", "VM_STRUCT", 16, '^', 2}, {"start", "ADDRESS RANGE", 16, '>', 2},
		{"end", "", 16, '<', 0},		{"size", "SIZE", 9, '>', 1},
	};
	out_table(s->out, "vmalloc", columns, 5, true);
}

void kmem_vmalloc_row(struct session *s, const struct vmalloc_area *area)
{
	out_cell_hex(s->out, area->addr);
	out_cell_hex(s->out, area->vm);
	out_cell_hex(s->out, area->start);
	if (!out_json(s->out))
		out_cell_printf(s->out, " - %" PRIx64, area->end);
	else
		out_cell_hex(s->out, area->end);
	out_cell_dec(s->out, area->end - area->start);
	out_row_end(s->out);
}

static bool print_area(void *context, const struct vmalloc_area *area)
{
	struct session *s = context;
	/* As crash: areas that only hold addresses (vm_map_ram(), those being freed lazily) have no vm_struct. */
	if (area->vm)
		kmem_vmalloc_row(s, area);
	return !s->out->failed;
}

struct error *kmem_vmalloc(struct session *s, const char *word, bool physical)
{
	struct vmalloc_area area;
	bool found = true;
	if (word) {
		uint64_t addr;
		TRY(parse_address(s, word, &addr));
		if (physical)
			return error_new(ERR_USAGE, "the vmalloc space is searched by virtual addresses: -P %s", word);
		TRY(vmalloc_at(s->kernel, addr, &area, &found));
		if (!found)
			return error_at(ERR_NOT_FOUND, addr, "in no vmalloc area: %s", word);
	}
	kmem_vmalloc_begin(s);
	struct error *e = NULL;
	if (word)
		kmem_vmalloc_row(s, &area);
	else
		e = vmalloc_for_each(s->kernel, print_area, s);
	out_table_end(s->out);
	return e;
}

/* ---- -V ---- */

#define EVENTS_MAX 4096

static void print_counter(struct session *s, unsigned width, const char *name, int64_t value)
{
	out_printf(s->out, "%*s: ", (int)width, name);
	out_sdec(s->out, name, "%" PRId64 "\n", value);
}

static void print_group(struct session *s, const char *key, const char *title, enum vmstat_group group)
{
	const char *name;
	int64_t value;
	if (!vmstat_name(s->kernel, group, 0) || !vmstat_of(s->kernel, group, 0, &value))
		return;
	out_printf(s->out, "  %s:\n", title);
	out_object_begin(s->out, key);
	for (size_t i = 0; (name = vmstat_name(s->kernel, group, i)) && vmstat_of(s->kernel, group, i, &value); i++)
		print_counter(s, 26, name, value);
	out_object_end(s->out);
	out_text(s->out, "\n");
}

/* The enumerators of an enum in their order but for the last, which counts them; per CPU at `symbol`, or one for all. */
static void print_events(struct session *s, const char *key, const char *title, const char *symbol, const char *enumeration, bool percpu, unsigned width)
{
	struct kernel *k = s->kernel;
	struct type t = type_find(k, TYPE_ENUM, enumeration);
	uint64_t at = symbol_addr(k, symbol), word;
	const char *name, *next;
	int64_t index, following;
	if (!at || !type_valid(t))
		return;
	out_printf(s->out, "  %s:\n", title);
	out_object_begin(s->out, key);
	for (size_t i = 0; i < EVENTS_MAX && enumerator_at(t, i, &name, &index) && enumerator_at(t, i + 1, &next, &following); i++) {
		if (index < 0 || index >= EVENTS_MAX)
			continue;
		if (percpu)
			print_counter(s, width, name, vmstat_event(k, at, index));
		else if (!error_drop(kernel_read_pointer(k, at + (uint64_t)index * k->arch->pointer_size, &word)))
			print_counter(s, width, name, (int64_t)word);
	}
	out_object_end(s->out);
	out_text(s->out, "\n");
}

struct error *kmem_counters(struct session *s)
{
	struct kernel *k = s->kernel;
	TRY(nodes_open(k));
	if (!symbol_addr(k, "vm_zone_stat") && !symbol_addr(k, "vm_stat") && !symbol_addr(k, "vm_event_states"))
		return error_new(ERR_UNSUPPORTED, "this kernel has neither vm_stat, vm_zone_stat nor vm_event_states");
	bool one = symbol_addr(k, "vm_stat");
	print_group(s, "vm_zone_stat", one ? "VM_STAT" : "VM_ZONE_STAT", VMSTAT_ZONE);
	if (!one)
		print_group(s, "vm_node_stat", "VM_NODE_STAT", VMSTAT_NODE);
	print_events(s, "vm_numa_stat", "VM_NUMA_STAT", symbol_addr(k, "vm_numa_event") ? "vm_numa_event" : "vm_numa_stat", "numa_stat_item", false, 26);
	print_events(s, "vm_event_states", "VM_EVENT_STATES", "vm_event_states", "vm_event_item", true, 29);
	return NULL;
}

/* ---- -h ---- */

/* HUGE_MAX_HSTATE is 2 on x86, 4 at most anywhere (arch/…/include/asm/page.h). */
#define HSTATES_MAX 16

static const char *human_size(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {"", "KB", "MB", "GB", "TB"};
	unsigned unit = 0;
	while (bytes >= 1024 && unit < 4) {
		bytes >>= 10;
		unit++;
	}
	snprintf(buf, size, "%" PRIu64 "%s", bytes, units[unit]);
	return buf;
}

static void hstate_row(struct session *s, const struct object *h)
{
	struct kernel *k = s->kernel;
	uint64_t order = GET(k, h, hstate, order);
	char size[32], name[33] = "";
	size_t room;
	const unsigned char *bytes = object_bytes(k, h, M_hstate_name, &room);
	if (order > 40)
		return;
	if (bytes)
		snprintf(name, sizeof(name), "%.*s", (int)(room < 32 ? room : 32), (const char *)bytes);
	uint64_t each = 1ull << (order + k->arch->page_shift);
	out_cell_hex(s->out, h->addr);
	out_cell_dec_as(s->out, each, human_size(each, size, sizeof(size)));
	out_cell_dec(s->out, GET(k, h, hstate, free_huge_pages));
	out_cell_dec(s->out, GET(k, h, hstate, nr_huge_pages));
	out_cell_str(s->out, name);
	out_row_end(s->out);
}

struct error *kmem_hstates(struct session *s)
{
	static const struct column columns[] = {
		{"hstate", "HSTATE", 16, '^', 0}, {"size", "SIZE", 6, '>', 2},	{"free", "FREE", 6, '>', 2},
		{"total", "TOTAL", 6, '>', 2},	  {"name", "NAME", 0, '<', 2},
	};
	struct kernel *k = s->kernel;
	uint64_t table = symbol_addr(k, "hstates"), count;
	if (!table || !HAS_STRUCT(k, hstate))
		return error_new(ERR_UNSUPPORTED, "this kernel has no hstates");
	TRY(kernel_read_symbol(k, "hugetlb_max_hstate", 4, &count));
	if (count > HSTATES_MAX)
		return error_new(ERR_BAD_OBJECT, "hugetlb_max_hstate is damaged: %" PRIu64, count);
	out_table(s->out, "hstates", columns, 5, true);
	for (uint64_t i = 0; i < count; i++) {
		struct object h;
		if (object_try_open(k, table + i * SIZE_OF(k, hstate), S_hstate, &h))
			hstate_row(s, &h);
	}
	out_table_end(s->out);
	return NULL;
}
