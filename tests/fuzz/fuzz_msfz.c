// SPDX-License-Identifier: MIT
/*
 * MSFZ: what expands is an MSF of the promised size, with streams of the same sizes and the same
 * identity.
 */
#include "base/buf.h"
#include "symfmt/msf.h"
#include "symfmt/msfz.h"

#define OUTPUT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err on_size(void *ud, int64_t size, struct error *e)
{
	struct buf *b = ud;

	ASSERT(size > 0 && (size_t)size <= OUTPUT_MAX && b->n == 0);
	b->max = (size_t)size;
	return OK;
}

static enum err on_write(void *ud, struct slice bytes, struct error *e)
{
	ASSERT(bytes.n > 0);
	buf_add(ud, bytes);
	ASSERT(!buf_failed(ud));
	return OK;
}

static void compare(const struct source *msfz, const struct source *msf)
{
	struct msfz *z CLEANUP(msfz_free_p) = NULL;
	struct pdb_facts a, b;
	struct error e;
	struct msf m;
	enum err err;

	ASSERT(msfz_open(msfz, &z, &e) == OK && msf_open(msf, &m, &e) == OK);
	ASSERT(msfz_streams(z) == m.streams);
	for (uint32_t i = 0; i < MIN(m.streams, 64U); i++) {
		struct msf_stream s;

		ASSERT(msf_stream_open(&m, i, &s, &e) == OK);
		ASSERT(msfz_stream_size(z, i) == (s.is_nil ? MSF_NIL : s.size));
	}
	err = msfz_read_facts(msfz, &a, &e);
	ASSERT(pdb_read_facts(msf, &b, &e) == err);
	ASSERT(err || (a.dbi_age == b.dbi_age && a.has_guid == b.has_guid &&
		       memcmp(&a.guid, &b.guid, sizeof(a.guid)) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {(const char *)data, size}, expanded;
	struct source msfz = source_of(&bytes), msf;
	struct buf out CLEANUP(buf_fini) = BUF_MAX(0);
	struct msfz_sink sink = {on_size, on_write, &out, OUTPUT_MAX};
	struct error e = {0};

	if (msfz_expand(&msfz, &sink, &e)) {
		ASSERT(e.code == ERR_CORRUPT || e.code == ERR_LIMIT || e.code == ERR_NOMEM);
		ASSERT(e.msg[0]);
		return 0;
	}
	expanded = buf_slice(&out);
	ASSERT(expanded.n == out.max);
	msf = source_of(&expanded);
	compare(&msfz, &msf);
	return 0;
}
