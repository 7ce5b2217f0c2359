/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/nearest.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* The number of letters to insert, delete, replace or swap to make b of a; words up to 31 letters. */
static unsigned distance(const char *a, const char *b)
{
	size_t m = strlen(a), n = strlen(b);
	unsigned d[33][33];

	if (m > 31 || n > 31)
		return 99;
	for (size_t i = 0; i <= m; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= n; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		for (size_t j = 1; j <= n; j++) {
			unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[m][n];
}

struct nearest nearest_to(const char *typed)
{
	return (struct nearest){typed, NULL, 3};
}

void nearest_try(struct nearest *n, const char *word)
{
	unsigned far = distance(n->typed, word);

	/* A word of which nothing would be left is not near. */
	if (far < n->best && far < strlen(word)) {
		n->best = far;
		n->word = word;
	}
}

/* Is "-x" among the blank-separated options? */
static char is_option(char letter, const char *known)
{
	for (const char *p = known; (p = strchr(p, '-')); p++)
		if (p[1] == letter && (p[2] == ' ' || !p[2]) && (p == known || p[-1] == ' '))
			return letter;
	return 0;
}

char nearest_letter(char typed, const char *known)
{
	/* Neighbours on the keyboard, most of them above, below and beside. */
	static const char *const rows[] = {"1234567890-", "qwertyuiop", "asdfghjkl;", "zxcvbnm,./"};
	char lower = (char)tolower((unsigned char)typed), other = isupper((unsigned char)typed) ? lower : (char)toupper((unsigned char)typed);

	if (!known || !isalnum((unsigned char)typed))
		return 0;
	if (other != typed && is_option(other, known))
		return other;
	for (size_t row = 1; row < 4; row++) {
		const char *at = strchr(rows[row], lower);
		if (!at)
			continue;
		char beside[2] = {at > rows[row] ? at[-1] : 0, at[1]};
		for (int i = 0; i < 2; i++)
			if (isalpha((unsigned char)beside[i]) && is_option(beside[i], known))
				return beside[i];
	}
	return 0;
}
