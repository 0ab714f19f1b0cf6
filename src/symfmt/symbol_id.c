// SPDX-License-Identifier: MIT
/* See symbol_id.h. */
#include "symfmt/symbol_id.h"
#include "base/text.h"

struct symbol_id symbol_id_of(struct slice bytes)
{
	struct symbol_id id = {0};

	if (bytes.n > SYMBOL_ID_MAX)
		return id;
	id.n = bytes.n;
	if (id.n)
		memcpy(id.b, bytes.p, id.n);
	return id;
}

struct symbol_id symbol_id_of_guid(struct slice bytes)
{
	static const unsigned char from[16] = {3, 2, 1,  0,  5,  4,  7,  6,
					       8, 9, 10, 11, 12, 13, 14, 15};
	struct symbol_id id = {0};

	if (bytes.n != sizeof(from))
		return id;
	for (id.n = 0; id.n < sizeof(from); id.n++)
		id.b[id.n] = (unsigned char)bytes.p[from[id.n]];
	return id;
}

bool symbol_id_parse(struct slice hex, struct symbol_id *ret)
{
	struct symbol_id id = {0};

	if (hex.n == 0 || hex.n % 2 || hex.n / 2 > SYMBOL_ID_MAX)
		return false;
	for (; id.n < hex.n / 2; id.n++) {
		int high = hex_digit(hex.p[2 * id.n]), low = hex_digit(hex.p[2 * id.n + 1]);

		if (high < 0 || low < 0)
			return false;
		id.b[id.n] = (unsigned char)(high << 4 | low);
	}
	*ret = id;
	return true;
}

bool symbol_id_parse_split(struct slice first, struct slice others, struct symbol_id *ret)
{
	struct symbol_id one, id;

	if (first.n != 2 || !symbol_id_parse(first, &one) || !symbol_id_parse(others, &id) ||
	    id.n == SYMBOL_ID_MAX)
		return false;
	memmove(id.b + 1, id.b, id.n);
	id.b[0] = one.b[0];
	id.n++;
	*ret = id;
	return true;
}
