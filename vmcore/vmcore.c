/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An image's life and its lookups; reading stands in access.c, writing in overlay.c, each format in
 * its own file. */
#include "vmcore/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What lookups meet before the first segment was found. */
static const struct segment nowhere = {.presence = NOT_IN_IMAGE};

struct error *image_grow(void *array, size_t count, size_t element)
{
	void **p = array;

	if (count & (count - 1))
		return NULL; /* room is always a power of two */
	void *more = realloc(*p, (count ? 2 * count : 1) * element);
	if (!more)
		return out_of_memory();
	*p = more;
	return NULL;
}

struct error *image_reserve(struct vmcore *vc, uint64_t size, void **out)
{
	TRY(image_grow(&vc->mappings, vc->nr_mappings, sizeof(*vc->mappings)));
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return error_new(ERR_NO_MEMORY, "cannot reserve %#lx bytes of address space: %s",
				 size, strerror(errno));
	vc->mappings[vc->nr_mappings++] = (struct mapping){map, size};
	*out = map;
	return NULL;
}

struct error *image_set_ranges(struct vmcore *vc)
{
	for (size_t i = 0; i < vc->nr_segments; i++) {
		const struct segment *s = &vc->segments[i];
		if (vc->nr_ranges && vc->ranges[vc->nr_ranges - 1].end == s->start) {
			vc->ranges[vc->nr_ranges - 1].end = s->end;
			continue;
		}
		TRY(image_grow(&vc->ranges, vc->nr_ranges, sizeof(*vc->ranges)));
		vc->ranges[vc->nr_ranges++] = (struct range){s->start, s->end};
	}
	return NULL;
}

const struct vmcore_flat *vmcore_flat(const struct vmcore *vc)
{
	return &vc->flat;
}

const struct segment *image_find(struct vmcore *vc, uint64_t phys)
{
	const struct segment **near = &vc->near[(phys >> 21) % NEAR_SEGMENTS];
	const struct segment *s = *near;

	if (phys >= s->start && phys < s->end)
		return vc->last = s;
	size_t low = 0, high = vc->nr_segments;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		s = &vc->segments[middle];
		if (s->end <= phys)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == vc->nr_segments || phys < vc->segments[low].start)
		return NULL;
	return vc->last = *near = &vc->segments[low];
}

struct error *image_missing(struct vmcore *vc, uint64_t phys, enum presence why)
{
	switch (why) {
	case EXCLUDED:
		return error_at(ERR_EXCLUDED, phys, "page excluded by makedumpfile: %lx", phys);
	case TRUNCATED:
		return error_at(ERR_TRUNCATED, phys, "beyond the dump file's end: %lx", phys);
	case DAMAGED:
		return error_at(ERR_DAMAGED, phys, "page is damaged in the dump file: %lx", phys);
	case LACKS_MEMORY:
		return out_of_memory();
	default:
		return error_at(ERR_NOT_IN_IMAGE, phys, "not in the image: %lx", phys);
	}
}

static void forget_lookups(struct vmcore *vc)
{
	vc->last = &nowhere;
	for (size_t i = 0; i < NEAR_SEGMENTS; i++)
		vc->near[i] = &nowhere;
}

void image_replace_segments(struct vmcore *vc, struct segment *segments, size_t count)
{
	free(vc->segments);
	vc->segments = segments;
	vc->nr_segments = count;
	forget_lookups(vc);
}

static struct vmcore *image_new(const char *path)
{
	struct vmcore *vc = calloc(1, sizeof(*vc));
	if (!vc)
		return NULL;
	vc->path = strdup(path);
	vc->block_size = VMCORE_PAGE_SIZE;
	vc->flat.kept_page = VMCORE_NO_PAGE;
	forget_lookups(vc);
	if (vc->path)
		return vc;
	free(vc);
	return NULL;
}

void vmcore_close(struct vmcore *vc)
{
	if (!vc)
		return;
	overlay_free(vc);
	if (vc->ops && vc->ops->close)
		vc->ops->close(vc);
	for (size_t i = 0; vc->cache && i < CACHED_BLOCKS; i++)
		free(vc->cache[i].bytes);
	free(vc->cache);
	for (size_t i = 0; i < vc->nr_mappings; i++)
		munmap(vc->mappings[i].address, vc->mappings[i].size);
	free(vc->mappings);
	notes_free(vc);
	file_close(vc->file);
	free(vc->segments);
	free(vc->ranges);
	free(vc->path);
	free(vc);
}

/* The image is one segment, all of it in place. */
static struct error *set_flat_memory(struct vmcore *vc, uint64_t start, uint64_t size, void *bytes)
{
	vc->segments = calloc(1, sizeof(*vc->segments));
	if (!vc->segments)
		return out_of_memory();
	vc->segments[0] = (struct segment){.start = start, .end = start + size, .bytes = bytes};
	vc->nr_segments = 1;
	vc->flat.bytes = bytes;
	vc->flat.size = start ? 0 : size;
	return image_set_ranges(vc);
}

static struct error *raw_open(struct vmcore *vc, uint64_t phys_offset)
{
	uint64_t size = file_size(vc->file);

	if (size > UINT64_MAX - phys_offset)
		return error_new(ERR_USAGE,
				 "%s: raw RAM at %#lx would reach beyond the address space",
				 vc->path, phys_offset);
	strcpy(vc->format, "raw RAM");
	return set_flat_memory(vc, phys_offset, size, file_direct(vc->file, 0, size));
}

static struct error *open_format(struct vmcore *vc, const struct vmcore_options *options)
{
	TRY(file_open(vc->path, &vc->file));
	if (elf_probe(vc->file))
		return elf_open(vc);
	if (kdump_probe(vc->file))
		return kdump_open(vc);
	if (options && options->raw && !file_is_flattened(vc->file))
		return raw_open(vc, options->phys_offset);
	return error_new(ERR_FORMAT, "not a memory image: %s", vc->path);
}

struct error *vmcore_open(const char *path, const struct vmcore_options *options,
			  struct vmcore **out)
{
	struct vmcore *vc = image_new(path);
	struct error *e;

	*out = NULL;
	if (!vc)
		return out_of_memory();
	e = open_format(vc, options);
	if (e)
		vmcore_close(vc);
	else
		*out = vc;
	return e;
}

bool vmcore_probe(const char *path)
{
	struct file *f;
	if (error_drop(file_open(path, &f)))
		return false;
	bool known = elf_probe(f) || kdump_probe(f);
	file_close(f);
	return known;
}

struct error *vmcore_new_ram(uint64_t size, struct vmcore **out)
{
	struct vmcore *vc = image_new("");
	struct error *e;
	void *ram;

	*out = NULL;
	if (!vc)
		return out_of_memory();
	e = size ? image_reserve(vc, size, &ram) : error_new(ERR_USAGE, "a machine without memory");
	/* Fewer translations to be held by the processor that acts on it; only an advice. */
	if (!e)
		madvise(ram, size, MADV_HUGEPAGE);
	if (!e)
		e = set_flat_memory(vc, 0, size, ram);
	strcpy(vc->format, "RAM");
	if (e)
		vmcore_close(vc);
	else
		*out = vc;
	return e;
}

const char *vmcore_format(const struct vmcore *vc)
{
	return vc->format;
}

const char *vmcore_path(const struct vmcore *vc)
{
	return vc->path;
}

uint64_t vmcore_file_size(const struct vmcore *vc)
{
	return vc->file ? file_host_size(vc->file) : 0;
}

int vmcore_machine(const struct vmcore *vc)
{
	return vc->machine;
}

bool vmcore_is_partial(const struct vmcore *vc)
{
	return vc->partial;
}

bool vmcore_range(const struct vmcore *vc, size_t index, uint64_t *start, uint64_t *end)
{
	if (index >= vc->nr_ranges)
		return false;
	*start = vc->ranges[index].start;
	*end = vc->ranges[index].end;
	return true;
}

uint64_t vmcore_max_phys(const struct vmcore *vc)
{
	return vc->nr_ranges ? vc->ranges[vc->nr_ranges - 1].end : 0;
}
