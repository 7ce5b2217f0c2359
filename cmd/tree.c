/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree: what stands in a red-black tree, an XArray or radix tree, or a maple tree.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/session.h"
#include "cmd/typed_object.h"
#include "mm/maple.h"
#include "mm/rbtree.h"
#include "mm/xarray.h"

enum tree_type { TREE_RBTREE, TREE_XARRAY, TREE_MAPLE };

struct tree_request {
	struct session *s;
	enum tree_type type;
	uint64_t start;
	uint64_t root_offset, node_offset; /* -r, -o */
	bool is_node, sorted, positions, nodes; /* -N -l -p -v */
	bool has_node_offset;
	unsigned radix;
	struct shown_objects shown;
	uint64_t entries;
	struct tree_path path; /* of an XArray */
	struct maple_watch watch;
	struct error *error; /* of a visitor */
};

/* ---- An entry ---- */

/* "root/0/3", "root/l/r". */
static void show_position(struct tree_request *r, const struct tree_path *path, bool has_index, uint64_t index)
{
	struct out *o = r->s->out;
	char text[8 + 4 * TREE_PATH_MAX];
	int n = snprintf(text, sizeof(text), "root");

	for (unsigned i = 0; i < path->depth; i++) {
		if (r->type == TREE_RBTREE)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "/%c", "lr"[path->slot[i]]);
		else
			n += snprintf(text + n, sizeof(text) - (size_t)n, "/%u", path->slot[i]);
	}
	out_text(o, "  ");
	if (has_index)
		out_dec(o, "index", "index: %" PRIu64 "  ", index);
	out_str(o, "position", "position: %s\n", text);
}

static bool show_entry(struct tree_request *r, uint64_t entry, const struct tree_path *path, bool has_index, uint64_t index)
{
	struct out *o = r->s->out;

	r->entries++;
	out_object_begin(o, NULL);
	out_hex(o, "entry", "%" PRIx64 "\n", entry);
	if (r->positions && path)
		show_position(r, path, has_index, index);
	else if (has_index)
		out_dec(o, "index", NULL, index);
	if (!r->error)
		r->error = shown_objects_show(&r->shown, o, entry);
	out_object_end(o);
	if (!r->error && o->failed)
		r->error = check_interrupt();
	return !r->error;
}

/* ---- The three kinds of trees ---- */

static bool visit_rb(void *context, uint64_t node, const struct tree_path *path)
{
	struct tree_request *r = context;

	return show_entry(r, node - r->node_offset, path, false, 0);
}

static bool visit_rb_sorted(void *context, uint64_t node)
{
	return visit_rb(context, node, NULL);
}

static bool visit_xarray(void *context, uint64_t index, uint64_t entry)
{
	struct tree_request *r = context;

	return show_entry(r, entry, &r->path, true, index);
}

static bool visit_maple(void *context, uint64_t first, uint64_t last, uint64_t entry)
{
	struct tree_request *r = context;
	struct out *o = r->s->out;

	if (!r->nodes) {
		r->path = r->watch.path;
		return show_entry(r, entry, &r->path, true, r->path.depth ? r->path.slot[r->path.depth - 1] : 0);
	}
	out_object_begin(o, NULL);
	out_printf(o, "%*s", 2 * (int)r->watch.path.depth, "");
	out_hex(o, "first", "%" PRIx64, first);
	out_hex(o, "last", "-%" PRIx64, last);
	out_hex(o, "entry", ": %" PRIx64 "\n", entry);
	out_object_end(o);
	if (o->failed)
		r->error = check_interrupt();
	return !r->error;
}

static void visit_maple_node(void *context, const struct maple_node_facts *node)
{
	struct tree_request *r = context;
	struct out *o = r->s->out;

	out_object_begin(o, NULL);
	out_printf(o, "%*s", 2 * (int)r->watch.path.depth, "");
	out_hex(o, "first", "%" PRIx64, node->min);
	out_hex(o, "last", "-%" PRIx64, node->max);
	out_hex(o, "node", ": node %" PRIx64, node->addr);
	out_dec(o, "depth", " depth %" PRIu64, r->watch.path.depth);
	out_dec(o, "type", " type %" PRIu64, node->type);
	out_hex(o, "parent", " parent %" PRIx64 "\n", node->parent);
	out_object_end(o);
}

/* The pointer at the root: the first member of an rb_root (cached or not). */
static struct error *find_top(const struct tree_request *r, uint64_t *top)
{
	struct kernel *k = r->s->kernel;
	const uint64_t root = r->start + r->root_offset;

	*top = root;
	if (r->is_node)
		return NULL;
	switch (r->type) {
	case TREE_XARRAY:
		TRY(members_require(k, "XArrays and radix trees", M_xarray_head, MEMBER_NONE));
		return kernel_get(k, root, M_xarray_head, top);
	case TREE_MAPLE:
		TRY(members_require(k, "maple trees", M_maple_tree_ma_root, MEMBER_NONE));
		return kernel_get(k, root, M_maple_tree_ma_root, top);
	case TREE_RBTREE:
		break;
	}
	return kernel_read_pointer(k, root, top);
}

static struct error *walk(struct tree_request *r)
{
	struct kernel *k = r->s->kernel;
	uint64_t top = 0;

	TRY(find_top(r, &top));
	switch (r->type) {
	case TREE_RBTREE:
		if (r->sorted)
			return rbtree_for_each(k, top, visit_rb_sorted, r);
		return rbtree_for_each_down(k, top, visit_rb, r);
	case TREE_XARRAY:
		/* A node's address without its mark, as people read it off elsewhere. */
		if (r->is_node && !(top & 3))
			top |= strcmp(k->structs[S_xa_node].name, "radix_tree_node") ? 2 : 1;
		return xarray_for_each_path(k, top, &r->path, visit_xarray, r);
	case TREE_MAPLE:
		break;
	}
	if (r->nodes) {
		r->watch.node = visit_maple_node;
		r->watch.empty = true;
		if (!r->is_node)
			out_printf(r->s->out, "maple_tree(%" PRIx64 ") root %" PRIx64 "\n\n", r->start + r->root_offset, top);
	}
	return maple_for_each_watched(k, top, &r->watch, visit_maple, r);
}

/* ---- Words ---- */

static struct error *parse_type(const char *text, enum tree_type *type)
{
	static const struct {
		const char *name;
		size_t least; /* letters that tell it from the others */
		enum tree_type type;
	} types[] = {{"rbtree", 2, TREE_RBTREE}, {"radix", 2, TREE_XARRAY}, {"xarray", 1, TREE_XARRAY}, {"maple", 1, TREE_MAPLE}};
	const size_t len = strlen(text);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (len >= types[i].least && !strncmp(text, types[i].name, len)) {
			*type = types[i].type;
			return NULL;
		}
	}
	return error_new(ERR_USAGE, "no such type of tree (rbtree, xarray, radix, maple): %s", text);
}

static struct error *parse_tree(struct tree_request *r, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "t:r:o:s:S:lpxdvN"};
	const char *start = NULL;

	for (int option;;) {
		option = next_option(&p);
		if (!option && p.index >= argc)
			break;
		switch (option) {
		case 0:
			if (start)
				return usage_error(argv[0], "too many words: %s", argv[p.index]);
			start = argv[p.index++];
			break;
		case 't':
			TRY(parse_type(p.argument, &r->type));
			break;
		case 'r':
			TRY(parse_offset(r->s, p.argument, &r->root_offset));
			break;
		case 'o':
			TRY(parse_offset(r->s, p.argument, &r->node_offset));
			r->has_node_offset = true;
			break;
		case 's':
		case 'S':
			TRY(shown_objects_add(&r->shown, argv[0], p.argument));
			break;
		case 'l':
			r->sorted = true;
			break;
		case 'p':
			r->positions = true;
			break;
		case 'x':
		case 'd':
			r->radix = option == 'x' ? 16 : 10;
			break;
		case 'v':
			r->nodes = true;
			break;
		case 'N':
			r->is_node = true;
			break;
		default:
			return option_error(&p);
		}
	}
	if (!start)
		return usage_error(argv[0], "the root of a tree is needed");
	TRY(parse_address(r->s, start, &r->start));
	if (!r->start)
		return error_new(ERR_USAGE, "no tree stands at address 0: %s", start);
	if (r->type != TREE_RBTREE && (r->sorted || r->has_node_offset))
		return usage_error(argv[0], "-l and -o are for red-black trees");
	if (r->type != TREE_MAPLE && r->nodes)
		return usage_error(argv[0], "-v is for maple trees");
	if (r->sorted && r->positions)
		return usage_error(argv[0], "-l and -p exclude each other");
	return NULL;
}

static struct error *run_tree(struct session *s, int argc, char **argv)
{
	struct tree_request r = {.s = s};

	TRY(parse_tree(&r, argc, argv));
	struct error *e = shown_objects_open(s, &r.shown, r.radix);
	if (!e) {
		out_array_begin(s->out, "entries");
		e = walk(&r);
		if (r.error) {
			error_free(e);
			e = r.error;
		}
		out_array_end(s->out);
	}
	shown_objects_free(&r.shown);
	return e;
}

COMMAND(tree) = {
	.name = "tree",
	.summary = "what stands in a red-black tree, XArray, radix tree or maple tree",
	.synopsis = "[-t rbtree | xarray | radix | maple] [-r OFFSET] [-o OFFSET] [-s STRUCT[.MEMBER[,MEMBER]…]]…\n"
		    "[-x | -d] [-l | -p] [-v] [-N] START",
	.options = "-t -r -o -s -S -x -d -l -p -v -N",
	.flags = CMD_NEEDS_KERNEL | CMD_STRUCT_ARGS | CMD_SYMBOL_ARGS,
	.help = "DESCRIPTION\n"
		"  Prints the address of each structure in a tree. START is the tree's root (rb_root, xarray, radix_tree_root,\n"
		"  maple_tree).\n"
		"\n"
		"  -t  the type of tree; rbtree by default. xarray and radix are the same: what the kernel has\n"
		"  -r  START is a structure that has the root at this OFFSET, in bytes or as STRUCT.MEMBER\n"
		"  -o  where the rb_node lies within each structure of a red-black tree\n"
		"  -N  START is a node of the tree, not its root: of maple trees with the type in its low bits, as other\n"
		"      nodes refer to it\n"
		"  -s  what to show of each structure: all, or members; more than one -s may be given. -S is the same\n"
		"  -l  a red-black tree from left to right; by default each node before its left and then its right\n"
		"  -p  where each stands: root/l/r is right of the left of the root; in the others the slots, and the\n"
		"      index\n"
		"  -v  a maple tree's nodes and all of its ranges, the empty too\n"
		"  -x, -d  numbers in hexadecimal, in decimal\n"
		"\n"
		"EXAMPLES\n"
		"  Areas of the kernel's own page tables, by address:\n"
		"    mmscope> tree -l -o vmap_area.rb_node -s vmap_area.va_start,va_end -x vmap_area_root\n"
		"  Interrupts:\n"
		"    mmscope> tree -t xarray -p irq_desc_tree\n",
	.run = run_tree,
};
