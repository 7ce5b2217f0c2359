/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ipcs: System V shared memory, semaphores, message queues.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/context.h"
#include "mm/ipc.h"

struct view {
	struct session *s;
	enum ipc_kind kind;
	bool details;
	const char *word; /* an id or address, or NULL */
	uint64_t id, addr;
	uint64_t there, shown, found;
	struct error *error;
};

#define ID_COLUMNS(struct_key, title, id)                                                                                \
	{struct_key, title, 16, '<', 0}, {"key", "KEY", 8, '<', 1}, {"id", id, 10, '<', 1}, {"uid", "UID", 5, '<', 1}, { \
		"perms", "PERMS", 5, '<', 1                                                                              \
	}
static const struct column shm_columns[] = {ID_COLUMNS("shmid_kernel", "SHMID_KERNEL", "SHMID"), {"bytes", "BYTES", 10, '<', 1},
					    {"nattch", "NATTCH", 6, '<', 1}, {"status", "STATUS", 0, '<', 1}};
static const struct column sem_columns[] = {ID_COLUMNS("sem_array", "SEM_ARRAY", "SEMID"), {"nsems", "NSEMS", 10, '<', 1}};
static const struct column msg_columns[] = {ID_COLUMNS("msg_queue", "MSG_QUEUE", "MSQID"), {"used_bytes", "USED-BYTES", 12, '<', 1},
					    {"messages", "MESSAGES", 12, '<', 1}};
static const struct {
	const char *key;
	const struct column *columns;
	size_t count;
} kinds[] = {[IPC_SEMAPHORES] = {"semaphores", sem_columns, 6},
	     [IPC_MESSAGES] = {"messages", msg_columns, 7},
	     [IPC_SHARED_MEMORY] = {"shared_memory", shm_columns, 8}};

static void print_cells(struct view *v, const struct ipc_resource *r)
{
	struct out *o = v->s->out;
	char text[32];

	out_cell_hex_pad(o, r->addr, 2 * v->s->kernel->arch->pointer_size);
	out_cell_hex_pad(o, r->key, 8);
	out_cell_sdec(o, r->id);
	out_cell_dec(o, r->uid);
	snprintf(text, sizeof(text), "%o", r->mode & 0777);
	out_cell_str(o, text);
	if (v->kind == IPC_SEMAPHORES) {
		out_cell_dec(o, r->count);
		return;
	}
	out_cell_dec(o, r->bytes);
	out_cell_dec(o, r->count);
	if (v->kind == IPC_SHARED_MEMORY) {
		snprintf(text, sizeof(text), "%s%s%s", r->mode & IPC_DEST ? "dest" : "", (r->mode & IPC_DEST) && (r->mode & IPC_LOCKED) ? " " : "",
			 r->mode & IPC_LOCKED ? "locked" : "");
		out_cell_str(o, text);
	}
}

static void print_details(struct view *v, const struct ipc_resource *r)
{
	struct out *o = v->s->out;
	struct ipc_pages pages;

	v->error = ipc_shm_pages(v->s->kernel, r, &pages);
	if (v->error)
		return;
	out_dec(o, "pages_allocated", "PAGES ALLOCATED/RESIDENT/SWAPPED: %" PRIu64, pages.allocated);
	out_dec(o, "pages_resident", "/%" PRIu64, pages.resident);
	out_dec(o, "pages_swapped", "/%" PRIu64 "\n", pages.swapped);
	out_hex(o, "inode", "INODE: %" PRIx64 "\n", r->inode);
}

static bool is_wanted(const struct view *v, const struct ipc_resource *r)
{
	return !v->word || (r->id >= 0 && v->id == (uint64_t)r->id) || v->addr == r->addr;
}

static bool count_resource(void *context, const struct ipc_resource *r)
{
	struct view *v = context;

	v->there += is_wanted(v, r);
	return true;
}

static bool print_resource(void *context, const struct ipc_resource *r)
{
	struct view *v = context;
	struct out *o = v->s->out;

	if (!is_wanted(v, r))
		return true;
	v->found++;
	/* Each with a heading of its own, where more is said of it than a row. */
	if (v->details && v->shown) {
		out_text(o, "\n");
		out_heading(o, kinds[v->kind].columns, kinds[v->kind].count);
	}
	v->shown++;
	print_cells(v, r);
	if (v->details) {
		out_row_break(o);
		print_details(v, r);
	}
	out_row_end(o);
	return !v->error && !o->failed;
}

static struct error *show_kind(struct view *v, const struct task *t, enum ipc_kind kind, bool details)
{
	struct out *o = v->s->out;
	struct error *e;

	v->kind = kind;
	v->shown = 0;
	v->details = details;
	/* The headings of kinds in which there is no such one would only be in the way. */
	v->there = 0;
	TRY(ipc_for_each(v->s->kernel, t, kind, count_resource, v));
	if (v->word && !v->there)
		return NULL;
	out_table(o, kinds[kind].key, kinds[kind].columns, kinds[kind].count, true);
	e = ipc_for_each(v->s->kernel, t, kind, print_resource, v);
	out_table_end(o);
	if (!e && !v->shown)
		out_text(o, "(none allocated)\n");
	if (!e)
		out_text(o, "\n");
	if (v->error && e)
		error_free(e);
	return v->error ? v->error : e;
}

static struct error *run_ipcs(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "smMqn:"};
	struct view v = {.s = s};
	bool semaphores = false, memory = false, details = false, messages = false;
	const struct task *t;
	int option;

	TRY(context_task(s, &t));
	while ((option = next_option(&p))) {
		switch (option) {
		case 's':
			semaphores = true;
			break;
		case 'M':
			details = true;
			/* fall through */
		case 'm':
			memory = true;
			break;
		case 'q':
			messages = true;
			break;
		case 'n':
			TRY(context_select_one(s, p.argument, &t));
			break;
		default:
			return option_error(&p);
		}
	}
	if (p.index + 1 < argc)
		return usage_error(argv[0], "too many words: %s", argv[p.index + 1]);
	if (p.index < argc) {
		v.word = argv[p.index];
		TRY(parse_number(v.word, false, &v.id));
		TRY(parse_number(v.word, true, &v.addr));
	}
	/* The context may be dead, and have no namespaces left. */
	if (!GET(s->kernel, &t->object, task_struct, nsproxy))
		t = NULL;
	bool all = !semaphores && !memory && !messages;
	if (all || memory)
		TRY(show_kind(&v, t, IPC_SHARED_MEMORY, details));
	if (all || semaphores)
		TRY(show_kind(&v, t, IPC_SEMAPHORES, false));
	if (all || messages)
		TRY(show_kind(&v, t, IPC_MESSAGES, false));
	if (v.word && !v.found)
		return error_new(ERR_NOT_FOUND, "no such id or address: %s", v.word);
	return NULL;
}

COMMAND(ipcs) = {
	.name = "ipcs",
	.summary = "System V shared memory, semaphores and message queues",
	.synopsis = "[-s] [-m | -M] [-q] [-n pid | task] [ID | ADDR]",
	.help = "Lists what there is in the namespace of the context: the address of its structure, key, id, owner, rights, and of shared\n"
		"memory its bytes, how often it is attached, and whether it goes with the last one (dest) or is locked; of semaphores\n"
		"how many; of message queues the bytes and messages in them. With an ID or ADDR only that one.\n"
		"\n"
		"  -m  shared memory\n"
		"  -M  the same with pages (that it has room for, in memory, swapped out) and inode\n"
		"  -s  semaphores\n"
		"  -q  message queues\n"
		"  -n  the namespace of this task\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> ipcs\n"
		"    mmscope> ipcs -M -n 1\n",
	.options = "-s -m -M -q -n",
	.flags = CMD_NEEDS_KERNEL | CMD_TASK_ARGS,
	.run = run_ipcs,
};
