/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * overcommit: how much memory the kernel promises, and what governs that.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/act.h"
#include "mm/engine/overcommit.h"
#include "mm/meminfo.h"

struct change {
	bool wanted[OVERCOMMIT_SYSCTLS];
	uint64_t value[OVERCOMMIT_SYSCTLS];
};

static struct error *change(struct engine *e, void *context)
{
	const struct change *c = context;

	for (int i = 0; i < OVERCOMMIT_SYSCTLS; i++)
		if (c->wanted[i])
			TRY(overcommit_sysctl_write(e, (enum overcommit_sysctl)i, c->value[i]));
	return NULL;
}

static struct error *show(struct session *s)
{
	struct kernel *k = s->kernel;
	struct meminfo m;
	uint64_t value;

	TRY(meminfo_read(k, &m));
	for (int i = 0; i < OVERCOMMIT_SYSCTLS; i++) {
		const char *name = overcommit_sysctl_name((enum overcommit_sysctl)i);

		if (!overcommit_sysctl_read(k, (enum overcommit_sysctl)i, &value))
			continue;
		out_printf(s->out, "%21s: %" PRIu64 "\n", name, value);
		out_dec(s->out, name, NULL, value);
	}
	if (m.has_commit_limit) {
		out_dec(s->out, "commit_limit", "         CommitLimit: %" PRIu64 " pages\n", m.commit_limit);
		out_dec(s->out, "committed", "        Committed_AS: %" PRIu64 " pages\n", m.committed);
	}
	return NULL;
}

struct question {
	uint64_t mm, pages;
};

static struct error *promise(struct engine *e, void *context)
{
	const struct question *q = context;

	return overcommit_promise(e, q->mm, q->pages);
}

/* What the decision is taken on is the answer, so the trace is shown whether it is on or not. */
static struct error *ask(struct session *s, const char *word, uint64_t length)
{
	struct question q = {.pages = (length + VMCORE_PAGE_SIZE - 1) >> VMCORE_PAGE_SHIFT};
	bool trace = s->acts.trace;
	struct error *refused;
	uint64_t task;

	TRY(act_task(s, word, &task));
	TRY(act_mm(s, task, &q.mm));
	s->acts.trace = true;
	refused = act_explain(s, promise, &q);
	s->acts.trace = trace;
	if (refused && refused->code != ERR_KERNEL)
		return refused;
	out_str(s->out, "answer", "%s\n", refused ? refused->message : "promised");
	error_free(refused);
	return NULL;
}

static struct error *run_overcommit(struct session *s, int argc, char **argv)
{
	static const char options[] = "mrkau"; /* in the order of enum overcommit_sysctl */
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "m:r:k:a:u:p:c:"};
	const char *word = NULL, *length = NULL;
	struct change c = {0};
	uint64_t bytes;
	bool any = false;
	int option;

	while ((option = next_option(&p))) {
		const char *at = strchr(options, option);

		if (option == '?')
			return option_error(&p);
		if (option == 'c') {
			word = p.argument;
		} else if (option == 'p') {
			length = p.argument;
		} else if (at) {
			any = c.wanted[at - options] = true;
			TRY(parse_count(p.argument, &c.value[at - options]));
		}
	}
	if (p.index != argc || (word && !length))
		return usage_error(argv[0], NULL);
	if (length)
		TRY(parse_length(length, &bytes));
	if (any)
		TRY(act_do(s, change, &c));
	return length ? ask(s, word, bytes) : show(s);
}

COMMAND(overcommit) = {
	.name = "overcommit",
	.summary = "how much memory the kernel promises",
	.synopsis = "[-m MODE] [-r PERCENT] [-k KBYTES] [-a KBYTES] [-u KBYTES] [-p LENGTH [-c pid | task]]",
	.options = "-m -r -k -a -u -p -c",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  Shows the sysctls of vm.overcommit_memory that this kernel has, what it may promise at most in\n"
		"  mode 2 (CommitLimit), and what it has promised (Committed_AS). Options set them as a write to\n"
		"  /proc/sys/vm does:\n"
		"\n"
		"  -m  the mode: 0 promises what is sensible, 1 anything, 2 up to the limit\n"
		"  -r  the limit is so many percent of memory, and all swap\n"
		"  -k  the limit is so many kilobytes, and all swap\n"
		"  -a  so many kilobytes are for CAP_SYS_ADMIN alone (admin_reserve_kbytes)\n"
		"  -u  a process leaves a thirty-second part of its size, so many kilobytes at most\n"
		"      (user_reserve_kbytes)\n"
		"\n"
		"  -p  changes no more: would the kernel promise that much to the task? With the values that it\n"
		"      decides by.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> overcommit\n"
		"    mmscope> overcommit -p 1G -c 1\n"
		"    mmscope> overcommit -m 1 -p 1G -c 1\n",
	.run = run_overcommit,
};
