/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/ipc.h"

#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/xarray.h"

struct ipc_walk {
	struct kernel *k;
	enum ipc_kind kind;
	ipc_visitor *visit;
	void *context;
	struct error *error;
};

static void read_one(struct kernel *k, enum ipc_kind kind, const struct object *o, struct ipc_resource *r)
{
	uint64_t file;

	switch (kind) {
	case IPC_SEMAPHORES:
		r->count = GET(k, o, sem_array, nsems);
		break;
	case IPC_MESSAGES:
		r->bytes = GET(k, o, msg_queue, cbytes);
		r->count = GET(k, o, msg_queue, qnum);
		break;
	case IPC_SHARED_MEMORY:
		r->bytes = GET(k, o, shmid_kernel, segsz);
		r->count = GET(k, o, shmid_kernel, nattch);
		file = GET(k, o, shmid_kernel, file);
		if (!file || error_drop(kernel_get(k, file, M_file_f_inode, &r->inode)))
			r->inode = 0;
		break;
	}
}

/* The entry leads to the kern_ipc_perm in it. */
static bool visit_entry(void *context, uint64_t index, uint64_t entry)
{
	static const struct {
		enum struct_id type;
		enum member_id perm;
	} kinds[] = {[IPC_SEMAPHORES] = {S_sem_array, M_sem_array_perm},
		     [IPC_MESSAGES] = {S_msg_queue, M_msg_queue_perm},
		     [IPC_SHARED_MEMORY] = {S_shmid_kernel, M_shmid_kernel_perm}};
	struct ipc_walk *w = context;
	struct kernel *k = w->k;
	struct object o, perm;
	struct ipc_resource r = {.addr = entry - k->members[kinds[w->kind].perm].offset};

	w->error = object_open(k, entry, S_kern_ipc_perm, &perm);
	if (!w->error)
		w->error = object_open(k, r.addr, kinds[w->kind].type, &o);
	if (w->error)
		return false;
	if (GET(k, &perm, kern_ipc_perm, deleted))
		return true;
	r.key = (uint32_t)GET(k, &perm, kern_ipc_perm, key);
	r.id = (int32_t)GET(k, &perm, kern_ipc_perm, id);
	r.uid = (uint32_t)GET(k, &perm, kern_ipc_perm, uid);
	r.mode = (uint32_t)GET(k, &perm, kern_ipc_perm, mode);
	read_one(k, w->kind, &o, &r);
	return w->visit(w->context, &r);
}

/* IDRs until 4.10 are layers of their own (lib/idr.c): the lowest has layer 0. */
static struct error *walk_layers(struct ipc_walk *w, uint64_t at, unsigned depth)
{
	struct kernel *k = w->k;
	const struct member *ary = &k->members[M_idr_layer_ary];
	struct object o;
	bool lowest;

	if (!at)
		return NULL;
	if (depth > 8)
		return error_at(ERR_BAD_LIST, at, "IDR is too deep: %" PRIx64, at);
	TRY(check_interrupt());
	TRY(object_open(k, at, S_idr_layer, &o));
	lowest = !GET(k, &o, idr_layer, layer);
	for (uint32_t i = 0; i < ary->count && ary->offset + (i + 1) * ary->stride <= o.size; i++) {
		uint64_t entry = load_uint(o.bytes + ary->offset + i * ary->stride, ary->stride);
		if (entry && lowest && !visit_entry(w, i, entry))
			return NULL;
		if (entry && !lowest)
			TRY(walk_layers(w, entry, depth + 1));
	}
	return NULL;
}

static struct error *namespace_of(struct kernel *k, const struct task *t, uint64_t *out)
{
	uint64_t proxy = t ? GET(k, &t->object, task_struct, nsproxy) : 0;

	*out = 0;
	if (proxy && HAS(k, nsproxy, ipc_ns))
		TRY(kernel_get(k, proxy, M_nsproxy_ipc_ns, out));
	if (!*out)
		*out = symbol_addr(k, "init_ipc_ns");
	return *out ? NULL : error_new(ERR_UNSUPPORTED, "no System V IPC is known in this kernel");
}

struct error *ipc_for_each(struct kernel *k, const struct task *t, enum ipc_kind kind, ipc_visitor *visit, void *context)
{
	struct ipc_walk w = {k, kind, visit, context, NULL};
	const struct member *ids = &k->members[M_ipc_namespace_ids];
	struct error *e;
	uint64_t ns, at, root;

	TRY(namespace_of(k, t, &ns));
	TRY(members_require(k, "System V IPC", M_ipc_namespace_ids, M_kern_ipc_perm_mode, M_shmid_kernel_segsz, M_sem_array_nsems,
			    M_msg_queue_qnum, MEMBER_NONE));
	at = ns + ids->offset + kind * (uint64_t)ids->stride;
	if (kind >= ids->count)
		return error_new(ERR_UNSUPPORTED, "no System V IPC is known in this kernel");
	if (HAS(k, ipc_ids, top)) {
		e = kernel_get(k, at, M_ipc_ids_top, &root);
		if (!e)
			e = walk_layers(&w, root, 0);
	} else {
		TRY(members_require(k, "System V IPC", M_ipc_ids_idr, MEMBER_NONE));
		e = kernel_get(k, at, M_ipc_ids_idr, &root);
		if (!e)
			e = xarray_for_each(k, root, visit_entry, &w);
	}
	if (w.error && e)
		error_free(e);
	return w.error ? w.error : e;
}

struct error *ipc_shm_pages(struct kernel *k, const struct ipc_resource *r, struct ipc_pages *out)
{
	uint64_t mapping, page = 1ull << k->arch->page_shift;

	*out = (struct ipc_pages){.allocated = (r->bytes + page - 1) / page};
	if (!r->inode)
		return NULL;
	TRY(kernel_get(k, r->inode, M_inode_i_mapping, &mapping));
	if (mapping)
		TRY(kernel_get(k, mapping, M_address_space_nrpages, &out->resident));
	if (HAS(k, shmem_inode_info, swapped))
		TRY(kernel_get(k, r->inode - OFFSET(k, shmem_inode_info, vfs_inode), M_shmem_inode_info_swapped, &out->swapped));
	return NULL;
}
