/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the random test of areas share: the image, its processes, and how a difference ends it. */
#ifndef TESTS_AREAS_H
#define TESTS_AREAS_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "mm/engine/areas_edit.h"

#define PAGE	   4096ull
#define WINDOW	   0x500000000000ull /* no process has anything here */
#define PAGES	   64u
#define MOST_TASKS 12u

extern struct kernel *k;
extern struct engine *e;
extern uint64_t seed, step;
extern char act[200];

#define bad(...)                                                                                                       \
	do {                                                                                                           \
		printf("areas: seed %" PRIu64 ", step %" PRIu64 ", after %s: ", seed, step, act);                          \
		printf(__VA_ARGS__);                                                                                   \
		printf("\n");                                                                                          \
		exit(1);                                                                                               \
	} while (0)

#define ok(call)                                                                                                       \
	do {                                                                                                           \
		struct error *ok_error_ = (call);                                                                      \
		if (ok_error_)                                                                                         \
			bad("%s: %s", #call, ok_error_->message);                                                      \
	} while (0)

unsigned pick(unsigned n);

/* Acts done in processes of the image, and by this process itself, are to come to the same. `check` holds all that the mm keeps of its areas against each other. */
struct host_process {
	uint64_t task, mm;
};
void run_against_host(const struct host_process *processes, unsigned count, uint64_t steps, void (*check)(uint64_t mm, bool deep));

#endif
