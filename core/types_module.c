/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BTF of loaded modules: a split BTF over the kernel's. The kernel keeps a copy of each in its list
 * btf_modules (kernel/bpf/btf.c); struct module's own btf_data points into a section that is gone
 * once the module runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/btf.h"
#include "core/interrupt.h"

#define MAX_MODULES    4096
#define MAX_MODULE_BTF (64u << 20)

/* Opens `len` bytes at addr as one more unit; a damaged one is left out. */
static void add_unit(struct types *t, const char *name, uint64_t addr, uint64_t len)
{
	struct btf_unit *bigger, u = {0};
	void *bytes;

	if (!addr || len < sizeof(struct btf_header) || len > MAX_MODULE_BTF ||
	    t->module_count >= MAX_MODULES)
		return;
	bytes = malloc(len);
	if (!bytes)
		return;
	if (error_drop(kernel_read(t->k, addr, bytes, len)) ||
	    error_drop(btf_unit_open(&u, &t->base, bytes, len))) {
		free(bytes);
		return;
	}
	free(bytes);
	snprintf(u.module, sizeof(u.module), "%s", name);
	bigger = realloc(t->modules, (t->module_count + 1) * sizeof(*bigger));
	if (!bigger) {
		btf_unit_close(&u);
		return;
	}
	t->modules = bigger;
	t->modules[t->module_count++] = u;
}

/* struct btf of the kernel: its bytes, and over which base its ids count. */
static void add_kernel_btf(struct types *t, uint64_t btf)
{
	struct kernel *k = t->k;
	struct object o;
	size_t len;
	const unsigned char *name;
	char text[64] = "";

	if (!object_try_open(k, btf, S_btf, &o))
		return;
	/* Ids that count over something else than this BTF (a distilled base that was not
	 * relocated) would name wrong types. */
	if (HAS(k, btf, start_id) && GET(k, &o, btf, start_id) != btf__type_cnt(t->base.btf))
		return;
	name = object_bytes(k, &o, M_btf_name, &len);
	if (name)
		snprintf(text, sizeof(text), "%.*s",
			 (int)(len < sizeof(text) ? len : sizeof(text) - 1), name);
	add_unit(t, text, GET(k, &o, btf, data), GET(k, &o, btf, data_size));
}

void types_load_modules(struct types *t)
{
	struct kernel *k = t->k;
	uint64_t head, at;
	struct object o;

	if (t->modules_loaded)
		return;
	t->modules_loaded = true;
	if (!k->symbols)
		return;
	head = symbol_addr(k, "btf_modules");
	if (head && HAS_STRUCT(k, btf) && HAS(k, btf, data) && HAS(k, btf_module, btf) &&
	    !error_drop(kernel_read_pointer(k, head, &at))) {
		for (unsigned i = 0; i < MAX_MODULES && at && at != head && !interrupted(); i++) {
			if (!object_try_open(k, at - OFFSET(k, btf_module, list), S_btf_module, &o))
				break;
			add_kernel_btf(t, GET(k, &o, btf_module, btf));
			at = GET(k, &o, btf_module, next);
		}
	}
	if (t->module_count)
		return;
	for (size_t i = 0; i < modules_count(k); i++) {
		const struct module *m = modules_get(k, i);

		if (m)
			add_unit(t, m->name, m->btf_data, m->btf_size);
	}
}
