/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit (mm/audit/) of a machine that a test has acted on: nothing is found; what is, is printed. */
#ifndef TESTS_UNIT_SOUND_H
#define TESTS_UNIT_SOUND_H

#include "mm/audit/audit.h"
#include "mm/state.h"
#include "mm/zone.h"
#include "tests/unit/small_machine.h"

static inline void check_sound(struct machine *m)
{
	struct audit_options o = { .limit = 3 };
	struct audit_report report;
	mm_state_forget(m->k);
	ok(audit_run(m->k, &o, &report));
	for (unsigned rule = 0; rule < AUDIT_RULE_COUNT; rule++)
		for (size_t i = 0; i < report.rule[rule].line_count; i++)
			if (report.rule[rule].lines[i]->kind == AUDIT_FINDING)
				print_message("%s\n", report.rule[rule].lines[i]->text);
	assert_int_equal(audit_findings(&report), 0);
	audit_report_free(&report);
	ok(nodes_open(m->k));
}

#endif
