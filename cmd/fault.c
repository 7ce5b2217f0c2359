/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fault: a process touches an address; what the kernel does then, and why.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/act.h"
#include "mm/engine/modern.h"

struct fault_act {
	uint64_t task, addr;
	enum fault_access access;
	enum fault_result result;
	bool faulted;
	struct fault_report report;
	char why[160];
};

static struct error *take(struct engine *e, void *context)
{
	struct fault_act *a = context;
	struct error *failure;

	e->report = &a->report;
	failure = touch_user(e, a->task, a->addr, a->access, &a->faulted, &a->result, a->why, sizeof(a->why));
	e->report = NULL;
	return failure;
}

static const char *result_name(const struct fault_act *a)
{
	static const char *const names[] = {
		[FAULT_MINOR] = "minor fault", [FAULT_MAJOR] = "major fault", [FAULT_SIGSEGV] = "SIGSEGV",
		[FAULT_SIGBUS] = "SIGBUS",     [FAULT_OOM] = "out of memory",
	};

	return a->faulted ? names[a->result] : "no fault";
}

/* For people, what each outcome means. */
static const char *describe(enum fault_outcome outcome)
{
	static const char *const texts[OUTCOME_COUNT] = {
		[OUTCOME_NONE] = "the entry allows the access",
		[OUTCOME_ZERO] = "the zero page is mapped, write-protected",
		[OUTCOME_NEW] = "a new page, cleared",
		[OUTCOME_HUGE_ZERO] = "the huge zero page is mapped, write-protected",
		[OUTCOME_HUGE_NEW] = "a new huge page, cleared",
		[OUTCOME_HUGE_REUSE] = "the huge page is made writable",
		[OUTCOME_HUGE_SPLIT] = "the huge mapping is split, and one page copied",
		[OUTCOME_CACHED] = "a page of the page cache is mapped",
		[OUTCOME_COPY_FILE] = "a private copy of a page of the file",
		[OUTCOME_SHARED] = "a page of the page cache is mapped, writable",
		[OUTCOME_FILE_READ] = "the file is read",
		[OUTCOME_SHMEM_NEW] = "a new page of shared memory",
		[OUTCOME_SPECIAL] = "a page of the kernel's own mapping",
		[OUTCOME_DRIVER] = "a driver's handler is called",
		[OUTCOME_SWAP_CACHE] = "the page comes back from the swap cache",
		[OUTCOME_SWAP_READ] = "the page is read back from swap",
		[OUTCOME_COPY] = "the page is copied",
		[OUTCOME_REUSE] = "the page is made writable",
		[OUTCOME_SHARED_DIRTY] = "the shared page is made writable, and dirty",
		[OUTCOME_NUMA] = "a NUMA hint: the page is mapped again",
		[OUTCOME_SPURIOUS] = "the entry is good already",
		[OUTCOME_WAIT] = "it waits for the page",
		[OUTCOME_USERFAULT] = "userfaultfd is told",
		[OUTCOME_HUGETLB] = "hugetlbfs handles it",
		[OUTCOME_SIGSEGV] = "the signal SIGSEGV",
		[OUTCOME_SIGBUS] = "the signal SIGBUS",
		[OUTCOME_OOM] = "out of memory",
	};

	return texts[outcome];
}

static void print_result(struct session *s, const struct fault_act *a)
{
	struct out *o = s->out;

	out_hex(o, "address", "%" PRIx64 ": ", a->addr);
	out_str(o, "result", "%s", result_name(a));
	if (a->faulted && *a->why && a->result >= FAULT_SIGSEGV)
		out_str(o, "why", ": %s", a->why);
	out_text(o, "\n");
	out_array_begin(o, "outcomes");
	for (unsigned i = 0; i < a->report.count; i++) {
		out_printf(o, "  %-12s %s\n", fault_outcome_name(a->report.outcome[i]), describe(a->report.outcome[i]));
		out_str(o, NULL, NULL, fault_outcome_name(a->report.outcome[i]));
	}
	out_array_end(o);
	if (*a->report.refused)
		out_str(o, "refused", "  not done: %s\n", a->report.refused);
	if (a->report.explain)
		out_text(o, "  nothing was changed\n");
}

static struct error *run_fault(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "c:rwxn"};
	struct fault_act a = {.access = ACCESS_READ};
	const char *word = NULL;
	bool traced = s->acts.trace;
	struct error *failure;
	int c;

	while ((c = next_option(&p))) {
		if (c == 'c')
			word = p.argument;
		else if (c == '?')
			return option_error(&p);
		else if (c == 'n')
			a.report.explain = true;
		else
			a.access = c == 'w' ? ACCESS_WRITE : c == 'x' ? ACCESS_EXEC : ACCESS_READ;
	}
	if (argc - p.index != 1)
		return usage_error("fault", NULL);
	TRY(parse_address(s, argv[p.index], &a.addr));
	TRY(act_fault_task(s, word, &a.task));
	s->acts.trace = true;
	failure = a.report.explain ? act_explain(s, take, &a) : act_do_faults(s, take, &a);
	s->acts.trace = traced;
	if (!failure)
		print_result(s, &a);
	return failure;
}

COMMAND(fault) = {
	.name = "fault",
	.summary = "what the kernel does when a process touches an address, and why",
	.synopsis = "[-c pid | task] [-r | -w | -x] [-n] ADDR",
	.options = "-c -r -w -x -n",
	.flags = CMD_NEEDS_KERNEL,
	.help = "DESCRIPTION\n"
		"  The current context, or the task given with -c, reads (-r, also without an option), writes (-w)\n"
		"  or executes (-x) at the address. Printed are the kernel functions that the fault goes through,\n"
		"  each with its decision and the values that it was taken on, and what it comes to. On a dump as on\n"
		"  a simulated machine the fault is taken: entries, pages, lists and counters change as the kernel\n"
		"  would change them (in memory only, never in the file); \"diff\" shows how, \"undo\" takes it back.\n"
		"\n"
		"  -n  only explain: nothing is changed\n"
		"\n"
		"  What memory alone does not hold, such as a page that would be read from a disk, is said, and\n"
		"  without -n is an error that leaves nothing changed. Locks are taken as free, and the fault runs on the CPU that\n"
		"  the task ran on last.\n"
		"\n"
		"EXAMPLES\n"
		"  What happens when process 1 reads its first page?\n"
		"    mmscope> fault -c 1 -n -r 400000\n"
		"  An address that nobody maps:\n"
		"    mmscope> fault -c 1 -n -w 10\n",
	.run = run_fault,
};
