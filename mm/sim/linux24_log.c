/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Linux 2.4.20 says while it boots, in the ring buffer that `dmesg` reads (kernel/printk.c): each line with its level before it. All numbers
 * are read back from the memory that was set up.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "mm/sim/linux24.h"

struct log_writer {
	struct kernel *k;
	uint64_t buffer, end;
	struct error *wrong; /* the first */
};

__attribute__((format(printf, 2, 3))) static void printk(struct log_writer *w, const char *format, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, format);
	int len = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (w->wrong || len < 0 || (size_t)len >= sizeof(text))
		return;
	w->wrong = kernel_write(w->k, w->buffer + w->end, text, (size_t)len);
	w->end += (uint64_t)len;
}

static uint64_t word(const struct log_writer *w, const char *symbol)
{
	uint64_t v;
	return error_drop(kernel_read_symbol(w->k, symbol, 4, &v)) ? 0 : v;
}

static void print_memory_map(struct log_writer *w)
{
	struct kernel *k = w->k;
	struct object table;
	printk(w, "<6>BIOS-provided physical RAM map:\n");
	if (!object_try_open(k, symbol_addr(k, "e820"), S_e820_table, &table))
		return;
	const struct member *m = &k->members[M_e820_table_entries];
	for (uint64_t i = 0; i < GET(k, &table, e820_table, nr_entries) && i < m->count; i++) {
		struct object entry = { table.bytes + m->offset + i * m->stride, 0, m->stride };
		uint64_t start = GET(k, &entry, e820_entry, addr);
		printk(w, "<4> BIOS-e820: %016" PRIx64 " - %016" PRIx64 " %s\n", start, start + GET(k, &entry, e820_entry, size),
		       GET(k, &entry, e820_entry, type) == 1 ? "(usable)" : "(reserved)");
	}
}

static void print_zones(struct log_writer *w)
{
	struct kernel *k = w->k;
	uint64_t total, size, node = symbol_addr(k, "contig_page_data");
	if (error_drop(kernel_get(k, node, M_pglist_data_node_present_pages, &total)))
		return;
	printk(w, "<4>On node 0 totalpages: %" PRIu64 "\n", total);
	for (unsigned zone = 0; zone < 3; zone++)
		if (!error_drop(kernel_get(k, node + OFFSET(k, pglist_data, node_zones) + zone * SIZE_OF(k, zone), M_zone_spanned_pages, &size)))
			printk(w, "<4>zone(%u): %" PRIu64 " pages.\n", zone, size);
}

/* A table of 1 << bits (or mask + 1) elements. */
static void print_table(struct log_writer *w, const char *name, uint64_t entries, unsigned element)
{
	unsigned order = 0;
	while ((uint64_t)LINUX24_PAGE_SIZE << order < entries * element && order < 20)
		order++;
	printk(w, "%s hash table entries: %" PRIu64 " (order: %u, %u bytes)\n", name, entries, order, LINUX24_PAGE_SIZE << order);
}

static uint64_t kilobytes(const struct log_writer *w, const char *from, const char *to)
{
	return (symbol_addr(w->k, to) - symbol_addr(w->k, from)) >> 10;
}

struct error *linux24_log(struct kernel *k, uint64_t free_pages, bool too_much)
{
	struct log_writer w = { .k = k, .buffer = symbol_addr(k, "log_buf") };
	uint64_t low = word(&w, "max_low_pfn"), high = word(&w, "totalhigh_pages"), total = word(&w, "totalram_pages");
	char banner[200];
	TRY(kernel_read_string(k, symbol_addr(k, "linux_banner"), banner, sizeof(banner)));
	printk(&w, "<4>%s", banner);
	print_memory_map(&w);
	/* find_max_low_pfn() of a build without HIGHMEM (arch/i386/kernel/setup.c) */
	if (too_much)
		printk(&w, "<4>Warning only %" PRIu64 "MB will be used.\n<4>Use a HIGHMEM enabled kernel.\n", low >> 8);
	if (symbol_addr(k, "pkmap_page_table") && word(&w, "pkmap_page_table"))
		printk(&w, "<5>%" PRIu64 "MB HIGHMEM available.\n", (word(&w, "highend_pfn") - word(&w, "highstart_pfn")) >> 8);
	printk(&w, "<5>%" PRIu64 "MB LOWMEM available.\n", low >> 8);
	print_zones(&w);
	printk(&w, "<4>Kernel command line: \n");
	printk(&w,
	       "<6>Memory: %" PRIu64 "k/%" PRIu64 "k available (%" PRIu64 "k kernel code, %" PRIu64 "k reserved, %" PRIu64
	       "k data, 0k init, %" PRIu64 "k highmem)\n",
	       free_pages << 2, word(&w, "max_mapnr") << 2, kilobytes(&w, "_text", "_etext"), (low + high - total) << 2,
	       kilobytes(&w, "_etext", "_edata"), high << 2);
	print_table(&w, "<6>Dentry cache", word(&w, "d_hash_mask") + 1, 8);
	print_table(&w, "<6>Inode cache", word(&w, "i_hash_mask") + 1, 8);
	print_table(&w, "<6>Mount-cache", word(&w, "hash_mask") + 1, 8);
	print_table(&w, "<4>Buffer-cache", word(&w, "bh_hash_mask") + 1, 4);
	print_table(&w, "<4>Page-cache", 1ull << (word(&w, "page_hash_bits") & 31), 4);
	if (w.wrong)
		return w.wrong;
	TRY(kernel_write_uint(k, symbol_addr(k, "log_end"), 4, w.end));
	return kernel_write_uint(k, symbol_addr(k, "logged_chars"), 4, w.end);
}
