/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/typed.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/context.h"

/* ---- Memory ---- */

struct error *memory_open(struct session *s, enum memory_kind kind, struct memory *out)
{
	const struct task *t;

	*out = (struct memory){.s = s, .kind = kind, .fd = -1};
	if (kind == MEMORY_USER) {
		TRY(context_task(s, &t));
		if (!t->mm)
			return error_new(ERR_NOT_FOUND,
					 "no user address space: pid %u is a kernel thread",
					 t->pid);
		out->mm = t->mm;
	} else if (kind == MEMORY_FILE) {
		const char *path = vmcore_path(s->vmcore);

		if (!path || (out->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
			return error_new(ERR_IO, "%s: %s", path ? path : "no dump file",
					 path ? strerror(errno) : "");
	}
	return NULL;
}

void memory_close(struct memory *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

static struct error *read_file(const struct memory *m, uint64_t offset, void *buffer, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(m->fd, (char *)buffer + got, len - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_at(ERR_IO, offset, "%s: offset %" PRIx64, strerror(errno),
					offset);
		if (!n)
			return error_at(ERR_TRUNCATED, offset + got,
					"beyond the file's end: offset %" PRIx64, offset + got);
		got += (size_t)n;
	}
	return NULL;
}

struct error *memory_read(void *memory, uint64_t addr, void *buffer, size_t len)
{
	const struct memory *m = memory;
	const char *why = NULL;
	size_t got;

	switch (m->kind) {
	case MEMORY_FILE:
		return read_file(m, addr, buffer, len);
	case MEMORY_USER:
		TRY(mm_read_user(m->s->kernel, m->mm, addr, buffer, len, &got, &why));
		if (got < len)
			return error_at(ERR_NOT_MAPPED, addr + got, "%s: user address %" PRIx64,
					why ? why : "not mapped", addr + got);
		return NULL;
	case MEMORY_KERNEL:
		break;
	}
	return kernel_read(m->s->kernel, addr, buffer, len);
}

struct error *cpus_parse(struct session *s, const char *spec, unsigned **list, size_t *count)
{
	bool *wanted = NULL;
	struct error *e = parse_cpus(s, spec, &wanted);

	*list = e ? NULL : calloc(s->kernel->cpus, sizeof(**list));
	*count = 0;
	if (!e && !*list)
		e = error_new(ERR_NO_MEMORY, "out of memory");
	for (unsigned cpu = 0; !e && cpu < s->kernel->cpus; cpu++)
		if (wanted[cpu])
			(*list)[(*count)++] = cpu;
	free(wanted);
	return e;
}

struct value_format typed_format(const struct session *s, unsigned radix)
{
	return (struct value_format){.radix = radix			? radix
					      : s->settings.radix == 16 ? 16
									: 10,
				     .array_lines = s->settings.print_array,
				     .null_stop = s->settings.null_stop,
				     .max_elements = s->settings.print_max};
}
