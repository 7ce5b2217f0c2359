/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkfile, swapon, reclaim, pin: acts on the machine as a whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/act.h"
#include "mm/sim/programs.h"

/* ---- mkfile ---- */

#define LARGEST_FILE (1u << 30)

struct file_act {
	const char *path;
	unsigned char *bytes;
	uint64_t size;
};

static struct error *make(struct engine *e, void *context)
{
	struct file_act *a = context;

	return make_file(e, a->path, a->bytes, a->size);
}

static struct error *read_all(int fd, const char *path, struct file_act *a)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return error_new(ERR_IO, "not a regular file: %s", path);
	if (st.st_size > LARGEST_FILE)
		return error_new(ERR_IO, "larger than any file of the machine: %s", path);
	a->bytes = malloc((size_t)st.st_size + 1);
	if (!a->bytes)
		return error_new(ERR_NO_MEMORY, "out of memory");
	while (a->size < (uint64_t)st.st_size) {
		ssize_t n = read(fd, a->bytes + a->size, (size_t)st.st_size - a->size);

		if (n < 0 && errno != EINTR)
			return error_new(ERR_IO, "cannot read: %s: %s", path, strerror(errno));
		if (!n)
			break;
		if (n > 0)
			a->size += (uint64_t)n;
	}
	return NULL;
}

static struct error *read_host_file(const char *path, struct file_act *a)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct error *e;

	if (fd < 0)
		return error_new(ERR_IO, "cannot open: %s: %s", path, strerror(errno));
	e = read_all(fd, path, a);
	close(fd);
	return e;
}

static struct error *copy_program(const char *name, bool wide, struct file_act *a)
{
	const struct sim_program *program = sim_program_find(name, wide);

	if (!program)
		return error_new(ERR_NOT_FOUND, "no such program comes with mmscope: %s", name);
	a->size = (uint64_t)(program->end - program->bytes);
	a->bytes = malloc(a->size + 1);
	if (!a->bytes)
		return error_new(ERR_NO_MEMORY, "out of memory");
	memcpy(a->bytes, program->bytes, a->size);
	return NULL;
}

static struct error *file_content(struct option_parser *p, bool wide, struct file_act *a)
{
	const char *text = NULL, *size = NULL, *program = NULL;
	int c;

	while ((c = next_option(p))) {
		if (c == 't')
			text = p->argument;
		else if (c == 'z')
			size = p->argument;
		else if (c == 'p')
			program = p->argument;
		else
			return option_error(p);
	}
	int given = !!text + !!size + !!program;
	if (given > 1 || p->argc - p->index != 2 - given)
		return usage_error("mkfile", NULL);
	a->path = p->argv[p->index];
	if (!given)
		return read_host_file(p->argv[p->index + 1], a);
	if (program)
		return copy_program(program, wide, a);
	if (text)
		a->size = strlen(text);
	else
		TRY(parse_length(size, &a->size));
	if (a->size > LARGEST_FILE)
		return error_new(ERR_USAGE, "larger than any file of the machine: %s", size ? size : "the text");
	a->bytes = calloc(1, a->size + 1);
	if (!a->bytes)
		return error_new(ERR_NO_MEMORY, "out of memory");
	if (text)
		memcpy(a->bytes, text, a->size);
	return NULL;
}

static struct error *run_mkfile(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "t:z:p:"};
	struct file_act a = {0};
	struct error *e = file_content(&p, s->kernel->arch->pointer_size == 8, &a);

	if (!e)
		e = act_do(s, make, &a);
	if (!e) {
		out_str(s->out, "path", "%s: ", a.path);
		out_dec(s->out, "size", "%" PRIu64 " bytes\n", a.size);
	}
	free(a.bytes);
	return e;
}

/* ---- swapon, reclaim ---- */

static struct error *swap(struct engine *e, void *context)
{
	return sys_swapon(e, *(unsigned *)context);
}

static struct error *run_swapon(struct session *s, int argc, char **argv)
{
	uint64_t pages = 0, total;
	unsigned wanted;

	if (argc > 2)
		return usage_error(argv[0], NULL);
	if (argc == 2)
		TRY(parse_count(argv[1], &pages));
	if (pages > UINT32_MAX)
		return error_new(ERR_USAGE, "more pages than any swap has: %s", argv[1]);
	wanted = (unsigned)pages;
	TRY(act_do(s, swap, &wanted));
	TRY(kernel_read_symbol(s->kernel, "total_swap_pages", 4, &total));
	out_dec(s->out, "total_swap_pages", "swap: %" PRIu64 " pages\n", total);
	return NULL;
}

struct reclaim {
	unsigned wanted, freed;
};

static struct error *reclaim(struct engine *e, void *context)
{
	struct reclaim *r = context;

	return try_to_free_pages(e, r->wanted, &r->freed);
}

static struct error *run_reclaim(struct session *s, int argc, char **argv)
{
	uint64_t pages = 32; /* SWAP_CLUSTER_MAX */
	struct reclaim r = {0};

	if (argc > 2)
		return usage_error(argv[0], NULL);
	if (argc == 2)
		TRY(parse_count(argv[1], &pages));
	if (!pages || pages > UINT32_MAX)
		return error_new(ERR_USAGE, "not a number of pages: %s", argv[1]);
	r.wanted = (unsigned)pages;
	TRY(act_do(s, reclaim, &r));
	out_dec(s->out, "freed", "freed: %" PRIu64 " pages\n", r.freed);
	return NULL;
}

/* ---- pin ---- */

struct pin_act {
	enum pin_kind kind;
	uint64_t what, where;
	const char *cache;
};


static struct error *pin(struct engine *e, void *context)
{
	struct pin_act *a = context;

	if (a->cache)
		TRY(kmem_cache_find(e, a->cache, &a->where));
	return pin_add(e, a->kind, a->what, a->where);
}

static const struct column pin_columns[] = {
	{"kind", "PIN", 5, '<', 0},
	{"what", "ADDRESS", 8, '>', 2},
	{"where", "FOR", 8, '<', 2},
};

static void print_pin(struct session *s, const struct object *pins, unsigned i)
{
	struct kernel *k = s->kernel;
	const struct member *m = &k->members[M_sim_pins_pin];
	const unsigned char *at = pins->bytes + m->offset + (size_t)i * m->stride;
	unsigned word = k->arch->pointer_size;
	uint64_t kind = load_uint(at + OFFSET(k, sim_pin, kind), 4), where = load_uint(at + OFFSET(k, sim_pin, where), word);
	struct object c;
	size_t len;
	const char *name = NULL;

	out_cell_str(s->out, kind == PIN_SLOT ? "slot" : "frame");
	out_cell_hex(s->out, load_uint(at + OFFSET(k, sim_pin, what), word));
	if (kind == PIN_SLOT && object_try_open(k, where, S_kmem_cache, &c))
		name = (const char *)object_bytes(k, &c, M_kmem_cache_name, &len);
	if (name)
		out_cell_printf(s->out, "%.*s", (int)strnlen(name, len), name);
	else
		out_cell_printf(s->out, "order %" PRIu64, where);
	out_row_end(s->out);
}

static struct error *list_pins(struct session *s)
{
	struct kernel *k = s->kernel;
	struct engine *e;
	struct object pins;

	TRY(engine_open(k, &e));
	if (!e->pins)
		return error_new(ERR_UNSUPPORTED, "the image has no pins (sim_pins)");
	TRY(object_open(k, e->pins, S_sim_pins, &pins));
	uint64_t count = GET(k, &pins, sim_pins, count);
	if (count > k->members[M_sim_pins_pin].count)
		return error_at(ERR_BAD_OBJECT, e->pins, "sim_pins is damaged: %" PRIu64 " pins", count);
	out_table(s->out, "pins", pin_columns, 3, true);
	for (unsigned i = 0; i < count; i++)
		print_pin(s, &pins, i);
	out_table_end(s->out);
	return NULL;
}

static struct error *run_pin(struct session *s, int argc, char **argv)
{
	struct pin_act a = {0};

	if (argc == 1)
		return list_pins(s);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "frame")) {
		a.kind = PIN_FRAME;
		TRY(parse_number(argv[2], true, &a.what));
		if (argc == 4)
			TRY(parse_count(argv[3], &a.where));
		if (a.what & (VMCORE_PAGE_SIZE - 1))
			return error_at(ERR_USAGE, a.what, "not a frame's address: %s", argv[2]);
		return act_do(s, pin, &a);
	}
	if (argc < 4 || strcmp(argv[1], "slot"))
		return usage_error("pin", NULL);
	a.kind = PIN_SLOT;
	a.cache = argv[2];
	for (int i = 3; i < argc; i++) {
		TRY(parse_number(argv[i], true, &a.what));
		TRY(act_do(s, pin, &a));
	}
	return NULL;
}

COMMAND(mkfile) = {
	.name = "mkfile",
	.summary = "a new file in the machine's file system",
	.synopsis = "PATH HOSTFILE | -t TEXT PATH | -z SIZE PATH | -p PROGRAM PATH",
	.options = "-t -z -p",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Makes a file with the bytes of a file of the host, with a text, or with so many zeroes (SIZE may\n"
		"  end in k, M or G). Directories that lack are made too. With -p the bytes are one of the programs\n"
		"  that come with mmscope, for the machine's processor: init, ld, stack_val, pair.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> mkfile -t hello /etc/motd\n"
		"    mmscope> mkfile -z 64k /tmp/data\n",
	.run = run_mkfile,
};

COMMAND(swapon) = {
	.name = "swapon",
	.summary = "turns the machine's swap on",
	.synopsis = "[PAGES]",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Swaps to the machine's swap partition: all of it or so many pages.\n"
		"\n"
		"EXAMPLES\n"
		"  The machine starts without swap in use:\n"
		"    mmscope> swapon\n"
		"    mmscope> kmem -i\n",
	.run = run_swapon,
};

COMMAND(reclaim) = {
	.name = "reclaim",
	.summary = "frees pages as the kernel does when memory is short",
	.synopsis = "[PAGES]",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Runs try_to_free_pages() for so many pages, 32 without a number: pages age, are unmapped, written\n"
		"  out and freed. Pages used lately stay for a round. Anonymous pages and shared memory go where swap is\n"
		"  on (swapon). On kernels with LRU lists of nodes, of memory cgroups on them, or of zones without such\n"
		"  groups; not where lists go by generations. Caches of slabs are not shrunk, and what is written is\n"
		"  written at once. On a dump the bytes of what goes to swap are kept beside it (see madvise).\n"
		"  \"kmem -V\" has what was counted.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> reclaim 64\n",
	.run = run_reclaim,
};

COMMAND(pin) = {
	.name = "pin",
	.summary = "says which frames and slab slots come next",
	.synopsis = "[frame ADDRESS [ORDER] | slot CACHE ADDRESS…]",
	.words = "frame slot",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  For scenarios: the next block of 2^ORDER frames that is allocated is the one at this physical\n"
		"  address; the next object of a slab cache is the one at this address. Pins of a kind are used first\n"
		"  in, first out; slabs that grow do not take pinned frames. A pin that cannot be had is an error of\n"
		"  the act that meets it. Without words, lists the pins that wait.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> pin frame 1f000000\n"
		"    mmscope> pin slot vm_area_struct dfaf5f00\n"
		"    mmscope> pin\n",
	.run = run_pin,
};
