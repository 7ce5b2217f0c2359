/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/kallsyms.h"
#include "core/kernel.h"

/* Longest text that is taken for a symbol (KSYM_NAME_LEN is 128 or 512, include/linux/kallsyms.h).
 */
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

bool kallsyms_check_tokens(struct kallsyms *t, const uint8_t *table, size_t size,
			   const uint8_t *index)
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

/* The size of count names, or 0 when they do not fit; where every 256th of them stands, into marks.
 */
static size_t walk_names(const uint8_t *names, size_t size, uint32_t count, bool long_names,
			 uint32_t *marks)
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

static bool check_markers(const uint8_t *at, size_t size, unsigned width, const uint32_t *marks,
			  size_t count)
{
	if (size / width < count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (load_uint(at + i * width, width) != marks[i])
			return false;
	return true;
}

bool kallsyms_check_names(struct kallsyms *t, const uint8_t *names, size_t size, uint64_t phys,
			  uint32_t count)
{
	/* each takes two bytes at least, so this bounds what is allocated */
	if (!count || count > size / 2)
		return false;
	size_t nr_marks = ((size_t)count + 255) / 256;
	uint32_t *marks = malloc(nr_marks * sizeof(*marks));

	for (int kind = 0; marks && kind < 2; kind++) {
		size_t end = walk_names(names, size, count, kind == 0, marks);
		/* ALGN is 8 or 4; markers were longs until 4.20 */
		for (unsigned align = 4; end && align <= 8; align += 4) {
			size_t used = ((phys + end + align - 1) & -(uint64_t)align) - phys;
			for (unsigned width = 4; used <= size && width <= 8; width += 4) {
				if (!check_markers(names + used, size - used, width, marks,
						   nr_marks))
					continue;
				t->names = names;
				t->names_size = end;
				t->names_phys = phys;
				t->long_names = kind == 0;
				t->count = count;
				t->markers_end = used + nr_marks * width;
				free(t->marks);
				t->marks = marks;
				return true;
			}
		}
	}
	free(marks);
	return false;
}

/* ---- Names ---- */

/* The name that starts at `at`: its tokens, how many, and where the next one starts. */
static const uint8_t *name_at(const struct kallsyms *t, uint32_t at, size_t *length, uint32_t *next)
{
	const uint8_t *p = t->names + at;
	*length = *p++;
	if (*length & 0x80 && t->long_names)
		*length = (*length & 0x7f) | (size_t)*p++ << 7;
	*next = p + *length - t->names;
	return p;
}

static uint32_t name_start(const struct kallsyms *t, uint32_t i)
{
	if (i == t->next)
		return t->next_at;
	uint32_t at = t->marks[i >> 8];
	size_t length;
	for (unsigned skip = i & 255; skip; skip--)
		name_at(t, at, &length, &at);
	return at;
}

/* Decodes symbol i into text, cut to NAME_MAX_TEXT, with a NUL; its length, type letter included.
 */
static size_t decode(struct kallsyms *t, uint32_t i, char text[NAME_MAX_TEXT + 1])
{
	size_t length, size = 0;
	const uint8_t *p = name_at(t, name_start(t, i), &length, &t->next_at);
	t->next = i + 1;
	for (const uint8_t *end = p + length; p < end; p++) {
		size_t n = t->token_length[*p];
		if (n > NAME_MAX_TEXT - size)
			break;
		memcpy(text + size, t->token_table + t->token_index[*p], n);
		size += n;
	}
	text[size] = 0;
	return size;
}

struct kallsyms_block {
	struct kallsyms_block *next;
	size_t used;
	char text[(64 << 10) - 2 * sizeof(size_t)];
};

static const char *symbol_text(struct kallsyms *t, uint32_t i)
{
	if (t->text[i])
		return t->text[i];
	char text[NAME_MAX_TEXT + 1];
	size_t size = decode(t, i, text);
	struct kallsyms_block *b = t->blocks;
	if (!b || sizeof(b->text) - b->used < size + 2) {
		b = malloc(sizeof(*b));
		if (!b)
			return "?\0";
		b->next = t->blocks;
		b->used = 0;
		t->blocks = b;
	}
	char *to = b->text + b->used;
	memcpy(to, text, size + 1);
	/* so that there is always a name after the letter */
	to[size + 1] = 0;
	b->used += size + 2;
	t->text[i] = to;
	return to;
}

const char *kallsyms_name(struct kallsyms *t, uint32_t i)
{
	return symbol_text(t, i) + 1;
}

char kallsyms_type(struct kallsyms *t, uint32_t i)
{
	return *symbol_text(t, i);
}

/* ---- By name ---- */

static uint32_t seq_at(const uint8_t *seqs, uint32_t rank)
{
	const uint8_t *p = seqs + 3 * (size_t)rank;
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static int compare(struct kallsyms *t, const char *name, uint32_t i)
{
	char text[NAME_MAX_TEXT + 1];
	decode(t, i, text);
	return strcmp(name, text + (*text != 0));
}

#define SAMPLES 64

/* Is this an order of names? Numbers of symbols all of it, and ascending where it is tried. */
static bool is_order(struct kallsyms *t, const uint8_t *seqs)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t seq = seq_at(seqs, i);
		if (seq >= t->count)
			return false;
		sum += seq;
	}
	if (sum != (uint64_t)t->count * (t->count - 1) / 2)
		return false;
	for (uint32_t step = t->count / SAMPLES + 1, i = 0; i + 1 < t->count; i += step) {
		char text[NAME_MAX_TEXT + 1];
		decode(t, seq_at(seqs, i), text);
		if (compare(t, text + (*text != 0), seq_at(seqs, i + 1)) > 0)
			return false;
	}
	return true;
}

/* The first rank whose name is not less. */
static uint32_t lower_bound(struct kallsyms *t, const char *name)
{
	uint32_t low = 0, high = t->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (compare(t, name, seq_at(t->seqs, middle)) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The hash is a polynomial of the characters modulo 2^64, so that a name's is made from those of
 * its tokens, and names need not be decoded for it.
 */
#define BASE 0x9e3779b97f4a7c15

struct token_hash {
	uint64_t hash, power; /* BASE to the length */
};

static struct token_hash hash_text(const uint8_t *text, size_t length)
{
	struct token_hash h = {0, 1};
	for (size_t i = 0; i < length; i++) {
		h.hash = h.hash * BASE + text[i];
		h.power *= BASE;
	}
	return h;
}

static uint32_t spread(uint64_t hash)
{
	hash ^= hash >> 32;
	return hash * 0xff51afd7ed558ccd >> 32;
}

struct error *kallsyms_use_hash(struct kallsyms *t)
{
	t->seqs = NULL;
	struct token_hash whole[256], tail[256];
	for (unsigned i = 0; i < 256; i++) {
		const uint8_t *text = t->token_table + t->token_index[i];
		whole[i] = hash_text(text, t->token_length[i]);
		tail[i] =
			t->token_length[i] ? hash_text(text + 1, t->token_length[i] - 1) : whole[i];
	}
	for (t->hash_size = 1024; t->hash_size < t->count + t->count / 4ull;)
		t->hash_size *= 2;
	t->hash = calloc(t->hash_size, sizeof(*t->hash));
	if (!t->hash)
		return error_new(ERR_NO_MEMORY, "out of memory");
	uint32_t at = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		size_t length;
		const uint8_t *p = name_at(t, at, &length, &at), *end = p + length;
		/* the first character is the type */
		uint64_t hash = tail[*p].hash;
		while (++p < end)
			hash = hash * whole[*p].power + whole[*p].hash;
		uint32_t h = spread(hash);
		size_t slot = h & (t->hash_size - 1);
		while (t->hash[slot])
			slot = (slot + 1) & (t->hash_size - 1);
		t->hash[slot] = (uint64_t)h << 32 | (i + 1);
	}
	return NULL;
}

bool kallsyms_find(struct kallsyms *t, const char *name, unsigned n, uint32_t *i)
{
	if (t->seqs) {
		/* equal names stand in the order of their addresses */
		uint64_t rank = (uint64_t)lower_bound(t, name) + n;
		if (rank >= t->count || compare(t, name, seq_at(t->seqs, rank)))
			return false;
		*i = seq_at(t->seqs, rank);
		return true;
	}
	uint32_t h = spread(hash_text((const uint8_t *)name, strlen(name)).hash);
	for (size_t slot = h & (t->hash_size - 1); t->hash[slot];
	     slot = (slot + 1) & (t->hash_size - 1)) {
		uint32_t at = (uint32_t)t->hash[slot] - 1;
		if (t->hash[slot] >> 32 != h || compare(t, name, at) || n--)
			continue;
		*i = at;
		return true;
	}
	return false;
}

struct error *kallsyms_prepare(struct kallsyms *t, const uint8_t *const seqs[4])
{
	t->next = UINT32_MAX;
	t->text = calloc(t->count, sizeof(*t->text));
	if (!t->text)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < t->count; i += 256) {
		char text[NAME_MAX_TEXT + 1];
		size_t size = decode(t, i, text);
		if (size < 2 || size >= NAME_MAX_TEXT || !isalpha((unsigned char)text[0]) ||
		    !isgraph((unsigned char)text[1]))
			return error_new(ERR_BAD_OBJECT, "kallsyms: symbol %u has no name: damaged",
					 i);
	}
	for (unsigned i = 0; i < 4 && !t->seqs; i++)
		if (seqs[i] && is_order(t, seqs[i]))
			t->seqs = seqs[i];
	return t->seqs ? NULL : kallsyms_use_hash(t);
}

void kallsyms_free(struct kallsyms *t)
{
	while (t->blocks) {
		struct kallsyms_block *b = t->blocks;
		t->blocks = b->next;
		free(b);
	}
	free(t->text);
	free(t->hash);
	free(t->marks);
	t->text = NULL;
	t->hash = NULL;
	t->marks = NULL;
}
