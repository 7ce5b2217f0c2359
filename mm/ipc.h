/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * System V IPC: shared memory, semaphores, message queues of a namespace (ipc/util.h, ipc/shm.c, ipc/sem.c, ipc/msg.c).
 */
#ifndef MM_IPC_H
#define MM_IPC_H

#include "core/kernel.h"
#include "mm/task.h"

/* By their place in ipc_namespace.ids (ipc/util.h: IPC_SEM_IDS …). */
enum ipc_kind { IPC_SEMAPHORES, IPC_MESSAGES, IPC_SHARED_MEMORY };

struct ipc_resource {
	uint64_t addr; /* sem_array, msg_queue, shmid_kernel */
	uint32_t key;
	int32_t id;
	uint32_t uid, mode;
	/* semaphores: how many; messages: bytes and messages queued; shared memory: bytes, how often attached, its inode */
	uint64_t bytes, count, inode;
};
#define IPC_DEST   01000 /* of mode: goes when the last one detaches (include/uapi/linux/shm.h) */
#define IPC_LOCKED 02000

typedef bool ipc_visitor(void *context, const struct ipc_resource *r);
/* Those of the task's namespace (NULL: the first one), by index. ERR_UNSUPPORTED, ERR_BAD_LIST. */
struct error *ipc_for_each(struct kernel *k, const struct task *t, enum ipc_kind kind, ipc_visitor *visit, void *context) MUST_CHECK;

/* Pages of a segment: what it has room for, what is in memory, what is swapped out. */
struct ipc_pages {
	uint64_t allocated, resident, swapped;
};
struct error *ipc_shm_pages(struct kernel *k, const struct ipc_resource *r, struct ipc_pages *out) MUST_CHECK;

#endif
