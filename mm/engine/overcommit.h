/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sysctls that say how much memory may be promised (vm.overcommit_memory …).
 */
#ifndef MM_OVERCOMMIT_H
#define MM_OVERCOMMIT_H

#include "mm/engine/engine.h"

enum overcommit_sysctl {
	SYSCTL_OVERCOMMIT_MEMORY, /* 0: what is sensible, 1: anything, 2: up to a limit */
	SYSCTL_OVERCOMMIT_RATIO,  /* the limit: so many percent of memory, and all swap */
	SYSCTL_OVERCOMMIT_KBYTES, /* or, when not 0, so much, and all swap */
	SYSCTL_ADMIN_RESERVE,	  /* kbytes of it for CAP_SYS_ADMIN only */
	SYSCTL_USER_RESERVE,	  /* kbytes of it that one process may leave at most */
	OVERCOMMIT_SYSCTLS
};

/* "overcommit_memory", … */
const char *overcommit_sysctl_name(enum overcommit_sysctl which);
/* False when this kernel has it not. */
bool overcommit_sysctl_read(struct kernel *k, enum overcommit_sysctl which, uint64_t *value);
/* As a write to /proc/sys/vm does it. EINVAL; ERR_UNSUPPORTED when this kernel has it not. */
struct error *overcommit_sysctl_write(struct engine *e, enum overcommit_sysctl which, uint64_t value) MUST_CHECK;

/* Would the kernel promise so many pages more to this mm (mmap, brk, fork …)? ENOMEM when not; else they are promised. */
struct error *overcommit_promise(struct engine *e, uint64_t mm, uint64_t pages) MUST_CHECK;

#endif
