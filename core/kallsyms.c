/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/kallsyms.h"
#include "core/kernel.h"

/* Longest text that is taken for a symbol (KSYM_NAME_LEN is 128 or 512, include/linux/kallsyms.h). */
#define NAME_MAX_TEXT 2048

uint64_t kallsyms_address(const struct kallsyms *t, uint32_t i)
{
	if (t->encoding == KALLSYMS_ABSOLUTE)
		return load_uint(t->offsets + (size_t)i * t->pointer_size, t->pointer_size);

	uint32_t offset = load_uint(t->offsets + (size_t)i * 4, 4);
	uint64_t addr;
	if (t->encoding == KALLSYMS_RELATIVE)
		addr = t->relative_base + offset;
	else if (t->encoding == KALLSYMS_PLACE)
		addr = t->offsets_addr + 4ull * i + (int64_t)(int32_t)offset;
	else if ((int32_t)offset >= 0)
		addr = offset;
	else
		addr = t->relative_base - 1 - (int64_t)(int32_t)offset;
	return t->pointer_size == 4 ? (uint32_t)addr : addr;
}

bool kallsyms_check_tokens(struct kallsyms *t, const uint8_t *table, size_t size, const uint8_t *index)
{
	size_t at = 0;
	t->longest_token = 0;
	for (unsigned i = 0; i < 256; i++) {
		const uint8_t *end = at < size ? memchr(table + at, 0, size - at) : NULL;
		size_t length = end ? (size_t)(end - (table + at)) : 0;
		if (!end || length > 255 || load_uint(index + 2 * i, 2) != at)
			return false;
		t->token_index[i] = at;
		t->token_length[i] = length;
		if (length > t->longest_token)
			t->longest_token = length;
		at += length + 1;
	}
	t->token_table = table;
	return t->longest_token > 0;
}

/* The size of count names, or 0 when they do not fit; where every 256th of them stands, into marks. */
static size_t walk_names(const uint8_t *names, size_t size, uint32_t count, bool long_names, uint32_t *marks)
{
	size_t at = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (!(i & 255))
			marks[i >> 8] = at;
		if (at + 2 > size)
			return 0;
		size_t length = names[at++];
		if (length & 0x80 && long_names)
			length = (length & 0x7f) | (size_t)names[at++] << 7;
		if (!length || length > size - at)
			return 0;
		at += length;
	}
	return at;
}

static bool check_markers(const uint8_t *at, size_t size, unsigned width, const uint32_t *marks, size_t count)
{
	if (size / width < count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (load_uint(at + i * width, width) != marks[i])
			return false;
	return true;
}

bool kallsyms_check_names(struct kallsyms *t, const uint8_t *names, size_t size, uint64_t phys, uint32_t count)
{
	/* each takes two bytes at least, so this bounds what is allocated */
	if (!count || count > size / 2)
		return false;
	size_t nr_marks = ((size_t)count + 255) / 256;
	uint32_t *marks = malloc(nr_marks * sizeof(*marks));
	bool good = false;

	for (int kind = 0; marks && kind < 2 && !good; kind++) {
		size_t end = walk_names(names, size, count, kind == 0, marks);
		/* ALGN is 8 or 4; markers were longs until 4.20 */
		for (unsigned align = 4; end && align <= 8 && !good; align += 4) {
			size_t used = ((phys + end + align - 1) & -(uint64_t)align) - phys;
			if (used > size)
				continue;
			good = check_markers(names + used, size - used, 4, marks, nr_marks) ||
			       check_markers(names + used, size - used, 8, marks, nr_marks);
		}
		if (good) {
			t->names = names;
			t->names_size = end;
			t->long_names = kind == 0;
			t->count = count;
		}
	}
	free(marks);
	return good;
}

struct token {
	char text[31];
	uint8_t length;
};

struct error *kallsyms_decode(struct kallsyms *t)
{
	struct token tokens[256] = { 0 };
	for (unsigned i = 0; i < 256; i++) {
		tokens[i].length = t->token_length[i];
		size_t n = t->token_length[i] < sizeof(tokens[i].text) ? t->token_length[i] : sizeof(tokens[i].text);
		memcpy(tokens[i].text, t->token_table + t->token_index[i], n);
	}

	/* an upper bound, of which only what is written takes memory; the rest is given back below */
	size_t bound = t->names_size * t->longest_token + t->count + 512;
	if (bound > UINT32_MAX)
		return error_new(ERR_BAD_OBJECT, "kallsyms: %u names of %zu bytes with tokens of %u", t->count, t->names_size,
				 t->longest_token);
	uint32_t *text = malloc((size_t)t->count * sizeof(*text));
	char *arena = mmap(NULL, bound, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!text || arena == MAP_FAILED) {
		free(text);
		if (arena != MAP_FAILED)
			munmap(arena, bound);
		return error_new(ERR_NO_MEMORY, "kallsyms: out of memory");
	}

	const uint8_t *p = t->names;
	char *to = arena;
	for (uint32_t i = 0; i < t->count; i++) {
		size_t length = *p++;
		if (length & 0x80 && t->long_names)
			length = (length & 0x7f) | (size_t)*p++ << 7;
		const uint8_t *end = p + length;
		char *start = to;
		while (p < end) {
			const struct token *token = &tokens[*p];
			/* room is there: every byte of the names may become longest_token bytes, and 512 are to spare */
			memcpy(to, token->text, 16);
			if (__builtin_expect(token->length > 16, 0))
				memcpy(to, t->token_table + t->token_index[*p], token->length);
			to += token->length;
			p++;
		}
		size_t size = to - start;
		if (size < 2 || size > NAME_MAX_TEXT) {
			munmap(arena, bound);
			free(text);
			return error_new(ERR_BAD_OBJECT, "kallsyms: symbol %u has a name of %zu characters", i,
					 size ? size - 1 : 0);
		}
		*to++ = 0;
		text[i] = start - arena;
	}

	size_t used = (to - arena + 4095) & ~(size_t)4095;
	if (used < bound) {
		char *moved = mremap(arena, bound, used, 0);
		if (moved != MAP_FAILED)
			bound = used;
	}
	t->arena = arena;
	t->arena_size = bound;
	t->text = text;
	return NULL;
}

void kallsyms_free(struct kallsyms *t)
{
	if (t->arena)
		munmap(t->arena, t->arena_size);
	free(t->text);
	t->arena = NULL;
	t->text = NULL;
}
