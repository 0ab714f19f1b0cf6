// SPDX-License-Identifier: MIT
/* Expanding SZDD by libmspack, which writes byte by byte and ends where the input does; szdd.h. */
#include "codec/szdd.h"
#include "base/bytes.h"
#include "codec/mspack_run.h"

/* The magic, and where the length stands behind it. */
static const struct {
	struct slice magic;
	size_t length_at;
} headers[] = {
	{{SZDD_MAGIC, SZDD_MAGIC_SIZE}, 10},
	{{SZDD_QBASIC, SZDD_MAGIC_SIZE}, 8},
};

bool szdd_begins(struct slice head)
{
	return slice_starts(head, headers[0].magic) || slice_starts(head, headers[1].magic);
}

enum sniff szdd_sniff(struct slice head, int64_t *ret_size, struct error *e)
{
	struct slice begin = slice_head(head, SZDD_MAGIC_SIZE);

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		if (!slice_starts(headers[i].magic, begin))
			continue;
		if (i == 0 && head.n > 8 && head.p[8] != 'A')
			break;
		if (head.n < headers[i].length_at + 4)
			return SNIFF_MORE;
		*ret_size = load_le32(head.p + headers[i].length_at);
		return SNIFF_OK;
	}
	err_set(e, ERR_CORRUPT, "not SZDD");
	return SNIFF_BAD;
}

static enum err state_length(struct codec_run *run, int64_t *ret)
{
	char head[SZDD_HEADER_SIZE];
	size_t n = 0;
	enum err err = codec_read(run, 0, head, sizeof(head), &n);

	if (err)
		return err;
	switch (szdd_sniff((struct slice){head, n}, ret, run->e)) {
	case SNIFF_OK: return codec_state_size(run, *ret);
	case SNIFF_MORE: return err_set(run->e, ERR_CORRUPT, "SZDD: cut off");
	case SNIFF_BAD: break;
	}
	return ERR_CORRUPT;
}

static enum err expand(struct mspack_run *m, struct msszdd_decompressor *d)
{
	struct msszddd_header *file = d->open(d, "");
	int status = file ? d->extract(d, file, "") : d->last_error(d);

	if (file)
		d->close(d, file);
	return status == MSPACK_ERR_OK ? mspack_run_flush(m) : mspack_run_failed(m, "SZDD", status);
}

enum err szdd_decode(struct codec_run *run)
{
	struct mspack_run *m CLEANUP(free_p) = NULL;
	struct msszdd_decompressor *d;
	int64_t length = 0;
	enum err err = state_length(run, &length);

	if (err)
		return err;
	m = xnew(struct mspack_run);
	mspack_run_init(m, run);
	d = mspack_create_szdd_decompressor(&m->system);
	if (!d)
		return err_set(run->e, ERR_NOMEM, "SZDD: no memory");
	err = expand(m, d);
	mspack_destroy_szdd_decompressor(d);
	if (!err && run->written != length)
		err = err_set(run->e, ERR_CORRUPT, "SZDD: %lld bytes in place of %lld",
			      (long long)run->written, (long long)length);
	return err;
}
