// SPDX-License-Identifier: MIT
/* Flights of what is made of an object: the files of these tests, and how they are taken. */
#pragma once
#include "forms_rig.h"
#include "maker_rig.h"

#define KEY      "foo.dll/5F3759DF8000/foo.dl_"
#define TEXT_N   300000
#define EXPANDED "\"v1-expanded\""
#define PLAIN    "\"v1-plain\""

/* A text, and what stores make of it: of the last one no cabinet or gzip is short. */
static struct buf text, gz, cab, members, noise, noise_cab;

__attribute__((unused)) static void make_files(void)
{
	text = gz = cab = members = noise = noise_cab = FORMS_BUF;
	forms_text(&text, TEXT_N);
	forms_gzip(&gz, buf_slice(&text));
	forms_cab(&cab, buf_slice(&text));
	forms_gzip(&members, SLICE("ten bytes "));
	forms_gzip(&members, buf_slice(&text));
	forms_noise(&noise, TEXT_N);
	forms_cab(&noise_cab, buf_slice(&noise));
	ASSERT(gz.n <= (size_t)OBJECT_SMALL && noise_cab.n > (size_t)OBJECT_SMALL);
}

__attribute__((unused)) static void free_files(void)
{
	struct buf *all[] = {&text, &gz, &cab, &members, &noise, &noise_cab};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_fini(all[i]);
}

__attribute__((unused)) static void take(struct cache_rig *r, enum form form, struct passenger *p)
{
	ASSERT(rig_take_form(r, KEY, form, p) == SEATED);
}

__attribute__((unused)) static bool told_found(struct cache_rig *r, struct passenger *p)
{
	return SOON(r, p->told) && p->told == 1 && p->result == FETCH_FOUND;
}
