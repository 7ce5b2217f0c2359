/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "cmd/kmem.h"

struct kmem_options {
	char what; /* the one option that says what to show; 0: the addresses */
	const char *members;
	bool physical;
	struct kmem_slab_options slab;
};

static struct error *parse_options(int argc, char **argv, struct kmem_options *options,
				   int *operands)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "fFinzopm:gPcCsSrI:vVh"};
	int c;
	while ((c = next_option(&p))) {
		if (c == '?')
			return option_error(&p);
		if (c == 'P') {
			options->physical = true;
			continue;
		}
		if (c == 'I') {
			options->slab.ignore = p.argument;
			continue;
		}
		if (options->what)
			return usage_error("kmem", "-%c and -%c exclude each other", options->what,
					   c);
		options->what = (char)c;
		if (c == 'm')
			options->members = p.argument;
	}
	*operands = p.index;
	return NULL;
}

static struct error *for_each_word(struct session *s, int argc, char **argv, bool physical,
				   struct error *(*show)(struct session *, const char *, bool))
{
	for (int i = 0; i < argc; i++)
		TRY(show(s, argv[i], physical));
	return NULL;
}

/* "-S=0,2-3": which CPUs' slabs; leaves "-S". */
static struct error *take_cpus(struct session *s, int argc, char **argv, bool **cpus)
{
	static char plain[] = "-S";
	for (int i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strncmp(argv[i], "-S=", 3))
			continue;
		if (*cpus)
			return usage_error("kmem", "one -S= is enough: %s", argv[i]);
		if (!argv[i][3])
			return usage_error("kmem", "-S= needs CPUs");
		TRY(parse_cpus(s, argv[i] + 3, cpus));
		argv[i] = plain;
	}
	return NULL;
}

static struct error *run(struct session *s, int argc, char **argv, const bool *cpus)
{
	struct kmem_options options = {.slab.cpus = cpus};
	int first = 0;
	/* "-i=shared" is one word of crash's. */
	if (argc == 2 && !strcmp(argv[1], "-i=shared"))
		return kmem_info(s, true);
	TRY(parse_options(argc, argv, &options, &first));
	argc -= first;
	argv += first;
	if (argc && strchr("FinzocCVhr", options.what) && options.what)
		return usage_error("kmem", "-%c takes no address", options.what);
	if (options.slab.ignore && (!options.what || !strchr("sSr", options.what)))
		return usage_error("kmem", "-I goes with -s, -S or -r");
	switch (options.what) {
	case 's':
	case 'S':
		options.slab.objects = options.what == 'S';
		return kmem_slabs(s, &options.slab, argc, argv, options.physical);
	case 'r':
		return kmem_root_caches(s, &options.slab);
	case 'v':
		return argc ? for_each_word(s, argc, argv, options.physical, kmem_vmalloc) : kmem_vmalloc(s, NULL, false);
	case 'V':
		return kmem_counters(s);
	case 'h':
		return kmem_hstates(s);
	case 'f':
		return argc ? for_each_word(s, argc, argv, options.physical, kmem_free_address)
			    : kmem_free_areas(s, false);
	case 'F':
		return kmem_free_areas(s, true);
	case 'i':
		return kmem_info(s, false);
	case 'c':
	case 'C':
		return kmem_page_hash(s, options.what == 'C');
	case 'n':
		return kmem_nodes(s);
	case 'z':
		return kmem_zones(s);
	case 'o':
		return kmem_percpu_offsets(s);
	case 'p':
	case 'm':
		return kmem_pages(s, options.members, argc, argv, options.physical);
	case 'g':
		if (argc > 1)
			return usage_error("kmem", "-g takes one word");
		return kmem_flags(s, argc ? argv[0] : NULL);
	}
	if (!argc)
		return usage_error("kmem", "an option or an address is needed");
	return for_each_word(s, argc, argv, options.physical, kmem_address);
}

static struct error *run_kmem(struct session *s, int argc, char **argv)
{
	bool *cpus = NULL;
	struct error *e = take_cpus(s, argc, argv, &cpus);
	if (!e)
		e = run(s, argc, argv, cpus);
	free(cpus);
	return e;
}

COMMAND(kmem) = {
	.name = "kmem",
	.summary = "kernel memory",
	.synopsis = "[[-s | -S | -S=CPUS | -r] [CACHE | list | ADDR] [-I CACHE[,CACHE]…]]\n"
		    "[-v | -V | -h | -c | -C | -f | -F | -i[=shared] | -n | -z | -o | -p | -m MEMBER[,MEMBER]]\n"
		    "[-g [FLAGS]] [[-P] ADDR…]",
	.options = "-s -S -r -I -v -V -h -c -C -f -F -i -n -z -o -p -m -g -P",
	.flags = CMD_NEEDS_KERNEL | CMD_SYMBOL_ARGS,
	.help = "DESCRIPTION\n"
		"  Shows how the kernel's memory is used.\n"
		"\n"
		"  -s  slab caches: the size of an object, objects in use and in all, slabs, the size of a slab. What\n"
		"      CPUs keep free for themselves counts as free; /proc/slabinfo counts it as active\n"
		"  -S  their slabs, and every object: [in use] or free, and then whether on a CPU's own list or sheaf\n"
		"      (cpu N cache) or in a node's barn. Slabs of CPUs, their partial slabs, those on the nodes' lists,\n"
		"      and full ones, which stand on no list: the page array has them. What was found is compared with\n"
		"      what the nodes count. -S=CPUS (0,2-3): only these CPUs' slabs\n"
		"      With a name: that cache; with an address: its slab, and with -s its object alone; list: names\n"
		"  -r  each root cache with its children, of kernels that have slab_root_caches (4.11 to 5.8)\n"
		"  -I  caches to leave out\n"
		"  -v  areas of the vmalloc space; with an address the one that it is in\n"
		"  -V  the counters of zones, nodes, NUMA and events, each summed up for the machine\n"
		"  -h  huge page sizes: pages free and in all\n"
		"  -c  the hash of the page cache, as kernels before 2.6 have it: walked, and compared with\n"
		"      page_cache_size\n"
		"  -C  the same, with every page\n"
		"  -f  the buddy allocator's free lists: blocks and pages of each order and "
		"migrate\n"
		"      type, walked and checked against the zones' counters\n"
		"  -F  the same, with the first page of every block\n"
		"  -i  memory in numbers; -i=shared also counts frames with several references\n"
		"  -n  nodes, zones and memory sections; the state of a section is P present,\n"
		"      M has a mem_map, O online, E early, D of a device\n"
		"  -z  zones with their watermarks and counters\n"
		"  -o  what is added to a per-CPU symbol for each CPU\n"
		"  -p  every struct page: its address, the frame, mapping, index, reference count, "
		"flags\n"
		"  -m  every struct page with the members asked for; counts in decimal, all else "
		"in\n"
		"      hexadecimal\n"
		"  -g  the page flags and their bits, or those set in FLAGS\n"
		"  -P  the addresses that follow are physical\n"
		"\n"
		"  With an address after -f, -p or -m: only the page that it belongs to. An "
		"address is that of a\n"
		"  struct page, any other kernel virtual address, or a physical one.\n"
		"\n"
		"  With an address alone: what it is. Symbol, slab object and its cache, free "
		"page, vmalloc\n"
		"  area, task or its stack, page-table page, user page; then its struct page.\n"
		"\n"
		"EXAMPLES\n"
		"  Memory in numbers:\n"
		"    mmscope> kmem -i\n"
		"  A slab cache, and its objects:\n"
		"    mmscope> kmem -s vm_area_struct\n"
		"    mmscope> kmem -S vm_area_struct | head -20\n"
		"  The areas of the vmalloc space, the first few:\n"
		"    mmscope> kmem -v | head -5\n"
		"  The struct page of a physical address:\n"
		"    mmscope> kmem -p 100000\n"
		"  What stands at an address:\n"
		"    mmscope> kmem init_task\n"
		"  Two members of every struct page, the first few:\n"
		"    mmscope> kmem -m flags,_refcount | head -5\n",
	.run = run_kmem,
};
