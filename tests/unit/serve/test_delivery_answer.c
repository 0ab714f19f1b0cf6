// SPDX-License-Identifier: MIT
/* What an upload is answered, by what became of its files. */
#include "serve/delivery_answer.h"
#include "tap.h"

#include <stdlib.h>

static void test_status(void)
{
	/* s(tored) e(xists) c(onflict) r(efused) u(nknown) f(ailed) x: the store's fault, o(pen) */
	static const struct {
		const char *rows;
		int want;
	} rows[] = {
		{"", 422},   {"u", 422},  {"uu", 422}, {"s", 201},   {"se", 201},
		{"su", 201}, {"e", 200},  {"eu", 200}, {"c", 409},   {"sc", 409},
		{"r", 403},  {"sr", 403}, {"rc", 409}, {"f", 422},   {"sf", 422},
		{"cf", 422}, {"x", 503},  {"sx", 503}, {"cfx", 503}, {"so", 503},
	};
	static const char letters[] = "osecrufx";

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct delivery_rows r = {.n = 0};

		for (const char *p = rows[i].rows; *p; p++)
			delivery_row_set(delivery_row_add(&r, SLICE("a")),
					 (enum delivery_status)(strchr(letters, *p) - letters),
					 NULL);
		CHECK_INT(delivery_rows_status(&r), rows[i].want, rows[i].rows);
		delivery_rows_fini(&r);
	}
}

static void test_text(void)
{
	struct delivery_rows r = {.n = 0};
	struct delivery_row *row;
	struct buf out CLEANUP(buf_fini) = BUF_MAX(65536);

	row = delivery_row_add(&r, SLICE("bin/a \"b\".pdb"));
	row->key = xstrdup("a.pdb/K/a.pdb");
	delivery_row_set(row, DELIVERY_STORED, "");
	row = delivery_row_add(&r, SLICE("bin/a\xff.pdb"));
	delivery_row_set(row, DELIVERY_FAILED, "before");
	delivery_row_set(row, DELIVERY_REFUSED, "no \"UTF-8\"");
	row = delivery_row_add(&r, SLICE("again"));
	row->same_as = 1;
	row = delivery_row_add(&r, SLICE("and again"));
	row->same_as = 2;
	delivery_rows_settle(&r);
	delivery_tell(&r, "20261129-150717-3f9a12bc", NULL, &out);
	CHECK_SLICE(buf_slice(&out),
		    "{\"transaction\":\"20261129-150717-3f9a12bc\",\"files\":[\n"
		    "{\"name\":\"bin/a \\\"b\\\".pdb\",\"key\":\"a.pdb/K/a.pdb\","
		    "\"status\":\"stored\"},\n"
		    "{\"name\":\"bin/a\\\\u00ff.pdb\",\"status\":\"refused\","
		    "\"why\":\"no \\\"UTF-8\\\"\"},\n"
		    "{\"name\":\"again\",\"status\":\"exists\","
		    "\"why\":\"this upload has the same file twice\"},\n"
		    "{\"name\":\"and again\",\"status\":\"refused\","
		    "\"why\":\"no \\\"UTF-8\\\"\"}]}\n",
		    "what became of each");
	delivery_rows_fini(&r);
	buf_clear(&out);
	delivery_tell(&r, "", "out of \"room\"", &out);
	CHECK_SLICE(buf_slice(&out),
		    "{\"transaction\":null,\"error\":\"out of \\\"room\\\"\",\"files\":[]}\n",
		    "of an upload that came to nothing");
}

int main(void)
{
	test_status();
	test_text();
	return tap_done();
}
