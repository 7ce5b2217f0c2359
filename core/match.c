/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/match.h"

#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"
#include "core/kernel.h"
#include "core/progress.h"

/* What is looked through between two looks at Ctrl-C; small enough for several patterns to find it in the cache. */
#define STRETCH (128ul << 10)

#if defined(__x86_64__) && defined(__gnu_linux__)
/* The widest vectors of the machine that it runs on. */
#define FOR_EACH_MACHINE __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define FOR_EACH_MACHINE
#endif

typedef uint8_t bytes32 __attribute__((vector_size(32)));
typedef uint16_t words16 __attribute__((vector_size(32)));
typedef uint32_t words32 __attribute__((vector_size(32)));
typedef uint64_t words64 __attribute__((vector_size(32)));

struct error *match_begin(struct matcher *m)
{
	m->longest = m->carried = 0;
	for (unsigned i = 0; !m->size && i < m->count; i++)
		if (m->lengths[i] > m->longest)
			m->longest = m->lengths[i];
	m->carry = m->longest ? malloc(2 * m->longest) : NULL;
	return m->longest && !m->carry ? error_new(ERR_NO_MEMORY, "out of memory") : NULL;
}

void match_end(struct matcher *m)
{
	free(m->carry);
	m->carry = NULL;
}

/* ---- Words ---- */

#define BLOCK 128 /* bytes looked at together */

#define ANY(vector) (((words64)(vector))[0] | ((words64)(vector))[1] | ((words64)(vector))[2] | ((words64)(vector))[3])

/* How many of the blocks from p on hold none of the words. */
#define SKIP(name, type, vectors)                                                                                       \
	FOR_EACH_MACHINE static size_t name(const struct matcher *m, const unsigned char *p, size_t blocks)             \
	{                                                                                                               \
		vectors care = (type)~m->mask - (vectors){};                                                               \
		for (size_t done = 0; done < blocks; done++, p += BLOCK) {                                              \
			vectors v[BLOCK / 32], hit = {};                                                                \
			memcpy(v, p, BLOCK);                                                                            \
			for (unsigned i = 0; i < m->count; i++) {                                                       \
				vectors want = (type)m->words[i] - (vectors){};                                         \
				for (unsigned j = 0; j < BLOCK / 32; j++)                                               \
					hit |= (vectors)(((v[j] ^ want) & care) == 0);                                  \
			}                                                                                               \
			if (ANY(hit))                                                                                   \
				return done;                                                                            \
		}                                                                                                       \
		return blocks;                                                                                          \
	}
SKIP(skip16, uint16_t, words16)
SKIP(skip32, uint32_t, words32)
SKIP(skip64, uint64_t, words64)

static size_t skip(const struct matcher *m, const unsigned char *p, size_t blocks)
{
	return m->size == 2 ? skip16(m, p, blocks) : m->size == 4 ? skip32(m, p, blocks) : skip64(m, p, blocks);
}

static bool look_at(const struct matcher *m, uint64_t addr, const unsigned char *p, size_t len)
{
	for (size_t at = 0; at + m->size <= len; at += m->size) {
		uint64_t found = load_uint(p + at, m->size);
		for (unsigned i = 0; i < m->count; i++)
			if (!((found ^ m->words[i]) & ~m->mask) && !m->visit(m->context, addr + at, i, found))
				return false;
	}
	return true;
}

static bool match_words(struct matcher *m, uint64_t addr, const unsigned char *p, size_t len)
{
	uint64_t odd = -addr & (m->size - 1);

	if (odd >= len)
		return true;
	addr += odd;
	p += odd;
	len -= odd;
	while (len >= BLOCK && !interrupted()) {
		size_t blocks = (len < STRETCH ? len : STRETCH) / BLOCK, none = skip(m, p, blocks);
		if (none < blocks && !look_at(m, addr + none * BLOCK, p + none * BLOCK, BLOCK))
			return false;
		size_t done = (none < blocks ? none + 1 : none) * BLOCK;
		addr += done;
		p += done;
		len -= done;
		progress_at(progress.done + done);
	}
	return !interrupted() && look_at(m, addr, p, len);
}

/* ---- Strings ---- */

/*
 * The first place in [at, end) where the string begins; `end` when there is none. All of the bytes up to end + its length - 1 can be
 * read. Places where its first and its last byte stand right are looked at closer.
 */
FOR_EACH_MACHINE
static size_t find_string(const unsigned char *p, size_t at, size_t end, const char *string, size_t length)
{
	bytes32 first = (uint8_t)string[0] - (bytes32){}, last = (uint8_t)string[length - 1] - (bytes32){};

	for (; end - at >= 64; at += 64) {
		bytes32 a[2], b[2], hit[2];
		memcpy(a, p + at, 64);
		memcpy(b, p + at + length - 1, 64);
		hit[0] = (bytes32)((a[0] == first) & (b[0] == last));
		hit[1] = (bytes32)((a[1] == first) & (b[1] == last));
		if (!ANY(hit[0] | hit[1]))
			continue;
		for (unsigned i = 0; i < 64; i++)
			if (hit[i / 32][i % 32] && !memcmp(p + at + i, string, length))
				return at + i;
	}
	for (; at < end; at++)
		if (p[at] == (uint8_t)string[0] && !memcmp(p + at, string, length))
			return at;
	return end;
}

/* All strings that begin in [at, end), in order, of len bytes. */
static bool match_stretch(struct matcher *m, uint64_t addr, const unsigned char *p, size_t at, size_t end, size_t len)
{
	size_t next[MATCH_MAX_PATTERNS], ends[MATCH_MAX_PATTERNS];

	for (unsigned i = 0; i < m->count; i++) {
		size_t room = len >= m->lengths[i] ? len - m->lengths[i] + 1 : 0;
		ends[i] = room < end ? room : end;
		next[i] = ends[i] > at ? find_string(p, at, ends[i], m->strings[i], m->lengths[i]) : ends[i];
	}
	for (;;) {
		unsigned first = m->count;
		for (unsigned i = 0; i < m->count; i++)
			if (next[i] < ends[i] && (first == m->count || next[i] < next[first]))
				first = i;
		if (first == m->count) {
			progress_at(progress.done + end - at);
			return !interrupted();
		}
		if (interrupted() || !m->visit(m->context, addr + next[first], first, 0))
			return false;
		next[first] = find_string(p, next[first] + 1, ends[first], m->strings[first], m->lengths[first]);
	}
}

/* The strings that begin in what was carried over and end in the first bytes of this piece. */
static bool match_across(struct matcher *m, const unsigned char *p, size_t len)
{
	size_t carried = m->carried, more = len < m->longest - 1 ? len : m->longest - 1;
	uint64_t start = m->carry_end - carried;

	memcpy(m->carry + carried, p, more);
	for (size_t at = 0; at < carried; at++)
		for (unsigned i = 0; i < m->count; i++) {
			size_t end = at + m->lengths[i];
			if (end > carried && end <= carried + more && !memcmp(m->carry + at, m->strings[i], m->lengths[i]) &&
			    !m->visit(m->context, start + at, i, 0))
				return false;
		}
	return true;
}

/* Keeps the end of the piece; where it is short, what was kept before stays in front. */
static void carry_over(struct matcher *m, uint64_t addr, const unsigned char *p, size_t len)
{
	size_t keep = m->longest - 1;

	if (len >= keep) {
		memcpy(m->carry, p + len - keep, keep);
		m->carried = keep;
	} else {
		/* match_across() has put it behind already, when it follows. */
		size_t all = m->carried + len, drop = all > keep ? all - keep : 0;
		memcpy(m->carry + m->carried, p, len);
		memmove(m->carry, m->carry + drop, all - drop);
		m->carried = all - drop;
	}
	m->carry_end = addr + len;
}

static bool match_strings(struct matcher *m, uint64_t addr, const unsigned char *p, size_t len)
{
	if (m->carried && m->carry_end != addr)
		m->carried = 0;
	if (m->carried && !match_across(m, p, len))
		return false;
	for (size_t at = 0; at < len; at += STRETCH)
		if (!match_stretch(m, addr, p, at, len - at < STRETCH ? len : at + STRETCH, len))
			return false;
	carry_over(m, addr, p, len);
	return true;
}

bool match_piece(struct matcher *m, uint64_t addr, const unsigned char *bytes, size_t len)
{
	return m->size ? match_words(m, addr, bytes, len) : match_strings(m, addr, bytes, len);
}
