/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program that a test guest runs as its init: it makes processes of every kind (workload*.c),
 * then writes what the guest's own /proc says of them, before and after the host takes the dump
 * (collect.c).
 */
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A failed call of the machinery itself: said on the console; the guest then stops, and run-guest
 * with it. */
#define must(expression)                                       \
	({                                                     \
		__typeof__(expression) result_ = (expression); \
		if (result_ == (__typeof__(expression))-1)     \
			give_up(#expression);                  \
		result_;                                       \
	})
void give_up(const char *what) __attribute__((noreturn));

/* A number from init's environment (the kernel puts name=value words of its command line there). */
long parameter(const char *name, long otherwise);

/* Write text to a file of /proc, /sys or a cgroup. False, with errno, when the kernel does not have
 * it or refuses. */
int put(const char *path, const char *text);

/* A line to the host, and the host's next line waited for. */
void tell(const char *what, size_t number);
void hear(void);

/* Runs the programs of tests/oracle instead of all that follows (tests/oracle/agent.c). */
/* Swap to so many bytes of /dev/ram0, with the header included; nothing where there is no such device. */
void turn_swap_on(size_t bytes);
void oracle_serve(void) __attribute__((noreturn));

/* The same for the programs of tests/exec (tests/exec/agent.c). */
void exec_serve(void) __attribute__((noreturn));

/* ---- processes that stay as they are (workload.c) ---- */

/* Start all processes; returns when each is at rest, or gives up after a while. */
void start_workload(void);

/* Fork a process of this name that runs role(argument) and then rests. Returns its pid. */
int spawn(const char *name, void (*role)(long), long argument);

/* Count one more process or thread as one that will come to rest; spawn() does so by itself. */
void expect(int count);

/* Count this process or thread as ready, and wait for ever. */
void rest(void) __attribute__((noreturn));
void ready(void);

/* A policy of the kernel's numbers, with what belongs to it; times in milliseconds. */
void set_policy(int policy, int priority, long runtime_ms, long deadline_ms, long period_ms);

/* The roles that wait, and for which something waits (workload_waits.c); which one is in an IPC namespace of its own. */
void start_waiters(void);
extern int ipc_namespace_pid;

/* Tasks that run while the dump is taken, more than there are CPUs (workload_runs.c); whoever tells them to is before them all. */
void start_spinners(void);
void spinners_go(int go);

/* The roles that are about memory (workload_memory.c), and those that few kernels or processes have (workload_rare.c). */
void start_memory_roles(void);
void start_rare_memory(void);

/* Anonymous memory to be read and written, of MAP_PRIVATE or MAP_SHARED and other flags. */
char *anonymous(size_t size, int flags);
/* Into each step-th page a word that is nowhere else in the guest; each step-th page read. */
void sign(char *memory, size_t size, size_t step);
void read_all(const char *memory, size_t size, size_t step);
/* This process goes into a cgroup, by its path. */
void enter_group(const char *group);
/* Processes that change their memory, end and begin while the dump is taken (workload_churn.c), if the host wants any; to be told when. */
void start_churn(void);
void churn(int go);

/* Where in a page of this address the workload puts, and the collector reads, a word. */
static inline unsigned signature_offset(uintptr_t address)
{
	return (address >> 12) * 40 & 0xff8;
}

/* A word of the page for what changes between the samples: not the one that is compared. */
static inline int *changing_word(char *page)
{
	return (int *)(page + ((signature_offset((uintptr_t)page) + 8) & 0xff8));
}

/* Processes that touch memory when told to, after the dump (workload_faults.c); what came of it, NULL when it took too long. */
void start_faulters(void);
const void *faulters_act(size_t *size);

/* A process that gives memory up when told to, after the dump (workload_reclaim.c). */
void start_reclaimed(void);
const void *reclaimed_act(size_t *size);

/* ---- facts (collect.c) ---- */

/* The memory that guest and host share: a tar archive of facts is written to it. */
void open_channel(void);
char *channel_bytes(size_t *size);
void collect(int before);
/* Bytes of the archive, when complete. */
size_t channel_size(void);
/* Take the shared memory out of the guest's address space, so that it is not in the dump; put it
 * back. */
void hide_channel(int hidden);

#endif
