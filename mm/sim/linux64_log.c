/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel says while it boots, in the ring that `dmesg` reads: records with descriptors (kernel/printk/printk_ringbuffer.c, since 5.10), or each record behind
 * its own header (struct printk_log). All numbers are those of the memory that was set up.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mm/sim/linux64.h"

struct log_writer {
	struct linux64 *m;
	uint64_t count, at; /* records, and bytes of text */
	uint64_t nanoseconds;
};

#define FINALIZED (2ull << 62) /* desc_finalized in state_var: kernel/printk/printk_ringbuffer.h */

static void add_record(struct log_writer *w, const char *text, size_t len, unsigned level)
{
	static const char rb[] = "printk_ringbuffer", d[] = "prb_desc", pi[] = "printk_info";
	struct linux64 *m = w->m;
	uint64_t ring = image_symbol(&m->image, "printk_rb_static"), buffer = image_symbol(&m->image, "__log_buf");
	uint64_t mask = (1ull << l64_get(m, ring, rb, "desc_ring.count_bits")) - 1, id = w->count++;
	uint64_t desc = l64_get(m, ring, rb, "desc_ring.descs") + (id & mask) * l64_size(m, d);
	uint64_t info = l64_get(m, ring, rb, "desc_ring.infos") + (id & mask) * l64_size(m, pi);
	/* A block starts with its descriptor's number, and is a multiple of a word long. */
	uint64_t size = (8 + len + 7) & ~7ull;
	l64_put(m, buffer + w->at, 8, id);
	memcpy(l64_bytes(m, buffer + w->at + 8), text, len);
	l64_set(m, desc, d, "state_var.counter", id | FINALIZED);
	l64_set(m, desc, d, "text_blk_lpos.begin", w->at);
	l64_set(m, desc, d, "text_blk_lpos.next", w->at + size);
	w->at += size;
	l64_set(m, info, pi, "seq", id);
	l64_set(m, info, pi, "ts_nsec", w->nanoseconds);
	l64_set(m, info, pi, "text_len", len);
	l64_set(m, info, pi, "level", level);
	l64_set(m, ring, rb, "desc_ring.head_id.counter", id);
	l64_set(m, ring, rb, "text_data_ring.head_lpos.counter", w->at);
}

static void add_old_record(struct log_writer *w, const char *text, size_t len, unsigned level)
{
	static const char s[] = "printk_log";
	struct linux64 *m = w->m;
	uint64_t at = image_symbol(&m->image, "__log_buf") + w->at;
	uint32_t header = l64_size(m, s), size = (uint32_t)((header + len + 3) & ~3ull);
	memcpy(l64_bytes(m, at + header), text, len);
	l64_set(m, at, s, "ts_nsec", w->nanoseconds);
	l64_set(m, at, s, "len", size);
	l64_set(m, at, s, "text_len", len);
	l64_set(m, at, s, "level", level);
	w->at += size;
	w->count++;
	l64_set_symbol(m, "log_next_seq", 8, w->count);
	l64_set_symbol(m, "log_next_idx", 4, w->at);
}

__attribute__((format(printf, 3, 4))) static void printk(struct log_writer *w, unsigned level, const char *format, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, format);
	int len = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(text))
		return;
	if (l64_has(w->m, "printk_ringbuffer", "desc_ring.descs"))
		add_record(w, text, (size_t)len, level);
	else
		add_old_record(w, text, (size_t)len, level);
}

static void print_zones(struct log_writer *w)
{
	struct linux64 *m = w->m;
	static const struct {
		const char *name;
		uint64_t start, end;
	} zones[] = { { "DMA   ", 1, 16u << 8 }, { "DMA32 ", 16u << 8, 4096u << 8 }, { "Normal", 4096u << 8, UINT64_MAX } };
	printk(w, 6, "Zone ranges:");
	for (unsigned n = 0; n < 3; n++) {
		uint64_t end = zones[n].end < m->max_pfn ? zones[n].end : m->max_pfn;
		if (zones[n].start < end)
			printk(w, 6, "  %s   [mem 0x%016" PRIx64 "-0x%016" PRIx64 "]", zones[n].name, zones[n].start << 12, (end << 12) - 1);
		else
			printk(w, 6, "  %s   empty", zones[n].name);
	}
	printk(w, 6, "Early memory node ranges");
	for (unsigned n = 0; n < m->nodes; n++) {
		if (!n)
			printk(w, 6, "  node   0: [mem 0x%016x-0x%016x]", 0x1000, 0x9efff);
		printk(w, 6, "  node %3u: [mem 0x%016" PRIx64 "-0x%016" PRIx64 "]", n, n ? m->node[n].start << 12 : 0x100000, (m->node[n].end << 12) - 1);
	}
}

static uint64_t kilobytes(const struct linux64 *m, const char *from, const char *to)
{
	return (image_symbol(&m->image, to) - image_symbol(&m->image, from)) >> 10;
}

void linux64_log(struct linux64 *m)
{
	struct log_writer w = { .m = m };
	const char *banner = (const char *)l64_bytes(m, image_symbol(&m->image, "linux_banner"));
	uint64_t total = l64_load(m, image_symbol(&m->image, l64_has(m, "pglist_data", "vm_stat") ? "_totalram_pages" : "totalram_pages"), 8), free = 0;
	printk(&w, 5, "%.*s", (int)strcspn(banner, "\n"), banner);
	printk(&w, 6, "Command line: nokaslr");
	printk(&w, 6, "BIOS-provided physical RAM map:");
	printk(&w, 6, "BIOS-e820: [mem 0x%016x-0x%016x] usable", 0, 0x9fbff);
	printk(&w, 6, "BIOS-e820: [mem 0x%016x-0x%016x] reserved", 0x9fc00, 0x9ffff);
	printk(&w, 6, "BIOS-e820: [mem 0x%016x-0x%016x] reserved", 0xf0000, 0xfffff);
	printk(&w, 6, "BIOS-e820: [mem 0x%016x-0x%016" PRIx64 "] usable", 0x100000, m->mem - 1);
	printk(&w, 6, "last_pfn = 0x%" PRIx64 " max_arch_pfn = 0x400000000", m->max_pfn);
	print_zones(&w);
	printk(&w, 6, "setup_percpu: NR_CPUS:%u nr_cpumask_bits:%u nr_cpu_ids:%u nr_node_ids:%u", l64_size(m, "cpumask") * 8, m->cpus, m->cpus,
	       m->nodes);
	printk(&w, 6, "Built %u zonelists, mobility grouping on.  Total pages: %" PRIu64, m->nodes, total);
	for (unsigned n = 0; n < m->nodes; n++)
		for (unsigned zone = 0; zone < ZONES64_MAX; zone++)
			free += (uint64_t)m->zone_stat[n][zone][0];
	w.nanoseconds = 4000000;
	printk(&w, 6, "Memory: %" PRIu64 "K/%" PRIu64 "K available (%" PRIu64 "K kernel code, %" PRIu64 "K rwdata, %" PRIu64 "K reserved)", free << 2,
	       (m->max_pfn - 1 - (0x100 - 0x9f)) << 2, kilobytes(m, "_text", "_etext"), kilobytes(m, "_sdata", "_edata"),
	       (m->max_pfn - 1 - (0x100 - 0x9f) - total) << 2);
	printk(&w, 6, "SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=%u, Nodes=%u", m->cpus, m->nodes);
	w.nanoseconds = 8000000;
	printk(&w, 6, "VFS: Mounted root (simfs filesystem) on device 8:1.");
}
