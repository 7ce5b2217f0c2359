/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a task does. The bits of task_struct.__state and exit_state are preprocessor constants, in
 * no type information; the kernel's own table of their names (fs/proc/array.c, task_state_array)
 * tells which of their three orders an image has.
 */
#include <stdio.h>

#include "mm/task.h"

struct state_bit {
	uint32_t bit;
	const char *brief; /* for ps; NULL: says nothing there */
	const char *name;
};

/* include/linux/sched.h, since 4.14 (commit 06eb61844d84) */
static const struct state_bit states_since_4_14[] = {
	{0x0001, "IN", "TASK_INTERRUPTIBLE"},
	{0x0002, "UN", "TASK_UNINTERRUPTIBLE"},
	{0x0004, "ST", "TASK_STOPPED"},
	{0x0008, "TR", "TASK_TRACED"},
	{0x0040, "PA", "TASK_PARKED"},
	{0x0080, "DE", "TASK_DEAD"},
	{0x0100, NULL, "TASK_WAKEKILL"},
	{0x0200, "WA", "TASK_WAKING"},
	{0x0400, NULL, "TASK_NOLOAD"},
	{0x0800, "NE", "TASK_NEW"},
	{0x1000, "UN", "TASK_RTLOCK_WAIT"},
	{0x2000, NULL, "TASK_FREEZABLE"},
	{0x4000, NULL, "__TASK_FREEZABLE_UNSAFE"},
	{0x8000, "UN", "TASK_FROZEN"}, /* /proc reports both as disk sleep, too */
	{0x0010, "DE", "EXIT_DEAD"},
	{0x0020, "ZO", "EXIT_ZOMBIE"},
	{0, NULL, NULL}};

/* 2.6.33 to 4.13; before 3.14 EXIT_ZOMBIE and EXIT_DEAD stood the other way round */
static const struct state_bit states_before_4_14[] = {{0x0001, "IN", "TASK_INTERRUPTIBLE"},
						      {0x0002, "UN", "TASK_UNINTERRUPTIBLE"},
						      {0x0004, "ST", "TASK_STOPPED"},
						      {0x0008, "TR", "TASK_TRACED"},
						      {0x0040, "DE", "TASK_DEAD"},
						      {0x0080, NULL, "TASK_WAKEKILL"},
						      {0x0100, "WA", "TASK_WAKING"},
						      {0x0200, "PA", "TASK_PARKED"},
						      {0x0400, NULL, "TASK_NOLOAD"},
						      {0x0800, "NE", "TASK_NEW"},
						      {0x0010, "DE", "EXIT_DEAD"},
						      {0x0020, "ZO", "EXIT_ZOMBIE"},
						      {0, NULL, NULL}};
static const struct state_bit states_before_3_14[] = {{0x0001, "IN", "TASK_INTERRUPTIBLE"},
						      {0x0002, "UN", "TASK_UNINTERRUPTIBLE"},
						      {0x0004, "ST", "TASK_STOPPED"},
						      {0x0008, "TR", "TASK_TRACED"},
						      {0x0040, "DE", "TASK_DEAD"},
						      {0x0080, NULL, "TASK_WAKEKILL"},
						      {0x0100, "WA", "TASK_WAKING"},
						      {0x0200, "PA", "TASK_PARKED"},
						      {0x0010, "ZO", "EXIT_ZOMBIE"},
						      {0x0020, "DE", "EXIT_DEAD"},
						      {0, NULL, NULL}};

/* Before there was an exit_state (2.6.9) */
static const struct state_bit states_2_4[] = {{0x0001, "IN", "TASK_INTERRUPTIBLE"},
					      {0x0002, "UN", "TASK_UNINTERRUPTIBLE"},
					      {0x0004, "ZO", "TASK_ZOMBIE"},
					      {0x0008, "ST", "TASK_STOPPED"},
					      {0, NULL, NULL}};

/* Entry `index` of task_state_array begins with this letter ("S (sleeping)"). */
static bool array_letter(struct kernel *k, unsigned index, char letter)
{
	uint64_t array = symbol_addr(k, "task_state_array"), text;
	char name[4];
	if (!array ||
	    error_drop(kernel_read_pointer(k, array + index * k->arch->pointer_size, &text)))
		return false;
	return !error_drop(kernel_read_string(k, text, name, sizeof(name))) && name[0] == letter &&
	       name[1] == ' ';
}

static const struct state_bit *states(struct kernel *k)
{
	if (!HAS(k, task_struct, exit_state))
		return states_2_4;
	/* "P (parked)" came with the order of 4.14, "X (dead)" and "Z (zombie)" changed places
	 * in 3.14. */
	if (array_letter(k, 7, 'P') || k->members[M_task_struct_state].size == 4 ||
	    !strcmp(k->members[M_task_struct_pid_links].name, "pid_links"))
		return states_since_4_14;
	return array_letter(k, 5, 'Z') ? states_before_3_14 : states_before_4_14;
}

static uint32_t state_of(struct kernel *k, const struct task *t)
{
	return (uint32_t)(GET(k, &t->object, task_struct, state) |
			  GET(k, &t->object, task_struct, exit_state));
}

const char *task_state_short(struct kernel *k, const struct task *t)
{
	const struct state_bit *known = states(k);
	uint32_t state = state_of(k, t);
	const char *brief = NULL;
	uint32_t noload = 0;
	if (!state)
		return "RU";
	for (const struct state_bit *s = known; s->bit; s++) {
		if (!strcmp(s->name, "TASK_NOLOAD"))
			noload = s->bit;
		/* What ends a task says more than what it waited for. */
		if (state & s->bit && s->brief && (!brief || !strncmp(s->name, "EXIT", 4)))
			brief = s->brief;
	}
	if (brief && !strcmp(brief, "UN") && state & noload)
		return "ID";
	/* Both bits stand for the moment between exit and release. */
	return brief ? brief : "??";
}

void task_state_long(struct kernel *k, const struct task *t, char *buf, size_t size)
{
	uint32_t state = state_of(k, t), left = state;
	size_t len = 0;
	if (!state) {
		snprintf(buf, size, "TASK_RUNNING");
		return;
	}
	buf[0] = 0;
	for (const struct state_bit *s = states(k); s->bit; s++) {
		if (!(state & s->bit) || len >= size)
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "|" : "", s->name);
		left &= ~s->bit;
	}
	if (left && len < size)
		snprintf(buf + len, size - len, "%s0x%x", len ? "|" : "", left);
}

void task_full_name(struct kernel *k, const struct task *t, char *buf, size_t size)
{
	uint64_t name, kthread = GET(k, &t->object, task_struct, kthread);
	snprintf(buf, size, "%s", t->comm);
	if (!t->is_kernel || t->is_idle || !kthread || !HAS(k, kthread, full_name) ||
	    !kernel_is_kernel_address(k, kthread))
		return;
	if (error_drop(kernel_get(k, kthread, M_kthread_full_name, &name)) || !name)
		return;
	char full[64];
	if (error_drop(kernel_read_string(k, name, full, sizeof(full))))
		return;
	/* comm may have been changed since; the full name is kept only where it begins with comm.
	 */
	if (strlen(full) > strlen(t->comm) && !strncmp(full, t->comm, strlen(t->comm)))
		snprintf(buf, size, "%s", full);
}

bool task_capable(struct kernel *k, uint64_t task, unsigned capability)
{
	uint64_t cred, set, ns;
	/* In the task itself until 2.6.28. */
	if (HAS(k, task_struct, cap_effective))
		return !error_drop(kernel_get(k, task, M_task_struct_cap_effective, &set)) && set >> capability & 1;
	if (!HAS(k, cred, cap_effective))
		return true;
	if (error_drop(kernel_get(k, task, M_task_struct_cred, &cred)) ||
	    error_drop(kernel_read_u64(k, cred + OFFSET(k, cred, cap_effective), &set)))
		return false;
	/* Rights in a user namespace of one's own are none here. */
	if (HAS(k, cred, user_ns) && !error_drop(kernel_get(k, cred, M_cred_user_ns, &ns)) && ns != symbol_addr(k, "init_user_ns"))
		return false;
	return set >> capability & 1;
}
