// SPDX-License-Identifier: MIT
/* See codec_run.h: limits, promises, input piece by piece. */
#include "codec/codec_run.h"

enum err codec_state_size(struct codec_run *run, int64_t decoded)
{
	const struct codec_io *io = run->io;

	if (decoded > io->max_output)
		return err_set(run->e, ERR_LIMIT, "decoded length %lld is beyond %lld",
			       (long long)decoded, (long long)io->max_output);
	if (run->promised != CODEC_SIZE_UNKNOWN && run->promised != decoded)
		return err_set(run->e, ERR_CORRUPT, "decoded length %lld, but %lld was promised",
			       (long long)decoded, (long long)run->promised);
	if (!io->size)
		return OK;
	run->promised = decoded;
	return io->size(io->ud, decoded, run->e);
}

enum err codec_write(struct codec_run *run, struct slice bytes)
{
	const struct codec_io *io = run->io;
	int64_t n = (int64_t)bytes.n;

	if (n == 0)
		return OK;
	if (n > io->max_output - run->written)
		return err_set(run->e, ERR_LIMIT, "decodes to more than %lld bytes",
			       (long long)io->max_output);
	if (run->promised != CODEC_SIZE_UNKNOWN && n > run->promised - run->written)
		return err_set(run->e, ERR_CORRUPT, "decodes to more than the %lld bytes promised",
			       (long long)run->promised);
	run->written += n;
	return io->write(io->ud, bytes, run->e);
}

enum err codec_read(struct codec_run *run, int64_t offset, void *to, size_t n, size_t *ret_n)
{
	size_t got = 0;

	while (got < n) {
		size_t more = 0;
		enum err err = run->io->read(run->io->ud, offset + (int64_t)got, (char *)to + got,
					     n - got, &more, run->e);

		if (err)
			return err;
		if (more == 0)
			break;
		got += more;
	}
	*ret_n = got;
	return OK;
}

enum err codec_input_want(struct codec_input *in, size_t want)
{
	const struct codec_io *io = in->run->io;

	if (codec_input_left(in) >= want)
		return OK;
	memmove(in->p, in->p + in->at, codec_input_left(in));
	in->n -= in->at;
	in->at = 0;
	while (in->n < want) {
		size_t more = 0;
		enum err err = io->read(io->ud, in->next, in->p + in->n, sizeof(in->p) - in->n,
					&more, in->run->e);

		if (err)
			return err;
		if (more == 0)
			break;
		in->n += more;
		in->next += (int64_t)more;
	}
	return OK;
}
