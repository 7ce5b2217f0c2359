/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The word that a mistyped one was meant to be. */
#ifndef CMD_NEAREST_H
#define CMD_NEAREST_H

struct nearest {
	const char *typed;
	const char *word; /* the nearest so far that is near enough; NULL: none */
	unsigned best;
};
struct nearest nearest_to(const char *typed);
void nearest_try(struct nearest *n, const char *word);

/* The letter of the option that was meant by one that is not among `known` ("-a -b --long"); 0 when none is near. */
char nearest_letter(char typed, const char *known);

#endif
