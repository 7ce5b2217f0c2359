/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers into text, inline: output by the million rows spends its time here.
 */
#ifndef CORE_DIGITS_H
#define CORE_DIGITS_H

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline unsigned hex_length(uint64_t value)
{
	return (67u - (unsigned)__builtin_clzll(value | 1)) / 4;
}

/* Writes `digits` (1 … 16) digits; may touch 16 bytes. */
#ifdef __SSE2__
static inline char *put_hex_digits(char *p, uint64_t value, unsigned digits)
{
	const __m128i nibble = _mm_set1_epi8(15);
	__m128i bytes, x, letters;

	bytes = _mm_cvtsi64_si128((long long)__builtin_bswap64(value << (64 - 4 * digits)));
	x = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(bytes, 4), nibble),
			      _mm_and_si128(bytes, nibble));
	letters = _mm_and_si128(_mm_cmpgt_epi8(x, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
	x = _mm_add_epi8(_mm_add_epi8(x, _mm_set1_epi8('0')), letters);
	_mm_storeu_si128((__m128i *)p, x);
	return p + digits;
}
#else
static inline char *put_hex_digits(char *p, uint64_t value, unsigned digits)
{
	value <<= 64 - 4 * digits;
	for (unsigned i = 0; i < digits; i++, value <<= 4)
		p[i] = "0123456789abcdef"[value >> 60];
	return p + digits;
}
#endif

/* In lower-case hexadecimal, at least `digits` digits; returns the end. May touch 16 bytes. */
static inline char *put_hex(char *p, uint64_t value, unsigned digits)
{
	unsigned length = hex_length(value);

	if (length < digits)
		length = digits > 16 ? 16 : digits;
	return put_hex_digits(p, value, length);
}

/* In hexadecimal without leading zeroes, right-aligned in `width` (at most 16) characters. May
 * touch 32 bytes. */
static inline char *put_hex_right(char *p, uint64_t value, unsigned width)
{
	unsigned length = hex_length(value);

	if (length < width) {
		memset(p, ' ', 16);
		p += width - length;
	}
	return put_hex_digits(p, value, length);
}

/* ---- Decimal ---- */

static const char decimal_pairs[201] =
	"0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
	"4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
	"828384858687888990919293949596979899";

static inline unsigned dec_length(uint64_t value)
{
	static const uint64_t powers[20] = {
		0ull,
		10ull,
		100ull,
		1000ull,
		10000ull,
		100000ull,
		1000000ull,
		10000000ull,
		100000000ull,
		1000000000ull,
		10000000000ull,
		100000000000ull,
		1000000000000ull,
		10000000000000ull,
		100000000000000ull,
		1000000000000000ull,
		10000000000000000ull,
		100000000000000000ull,
		1000000000000000000ull,
		10000000000000000000ull,
	};
	unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
	unsigned guess =
		bits * 1233 >> 12; /* bits · log10(2): the length less one, or one more than that */

	return guess + (value >= powers[guess]);
}

/* Writes `length` digits, no byte more: what dec_length() gave for the value. */
static inline char *put_dec_digits(char *p, uint64_t value, unsigned length)
{
	char *end = p + length, *q = end;

	while (value >= 100) {
		q -= 2;
		memcpy(q, decimal_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10)
		memcpy(q - 2, decimal_pairs + value * 2, 2);
	else
		q[-1] = (char)('0' + value);
	return end;
}

#endif
