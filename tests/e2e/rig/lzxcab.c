// SPDX-License-Identifier: MIT
/*
 * lzxcab.c: a cabinet as symstore.exe /compress makes them, LZX with a window of 2 MiB, for which
 * Debian has no tool.
 *
 *	lzxcab NAME <FILE >CABINET
 *
 * Greedy matches, and verbatim blocks of four frames, each with trees of its own: neither the best
 * that LZX can do nor all (no aligned or uncompressed blocks, no E8 translation), but every frame
 * looks back over the window. Sources of the formats: [MS-CAB], [MS-PATCH] 2.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WINDOW_BITS = 21,
	WINDOW = 1 << WINDOW_BITS,
	FRAME = 32768, /* what a CFDATA holds; no match crosses its end */
	BLOCK = 4 * FRAME,
	SLOTS = 50, /* of positions, for this window */
	MAIN = 256 + 8 * SLOTS,
	LENGTHS = 249,
	PRETREE = 20,
	MATCH_MIN = 4, /* LZX has 2, but shorter ones are not looked for */
	MATCH_MAX = 257,
	TRIES = 16,
	HASH_BITS = 17,
	NO_LENGTH = 0xffff,
};

/* A literal or a match: the symbols of both trees, and bits that follow as they are. */
struct token {
	uint16_t main, length, bytes;
	uint8_t footer_bits;
	uint32_t footer;
};

struct tree {
	uint8_t length[MAIN];
	uint32_t code[MAIN];
};

static uint8_t *in, *out;
static size_t in_size, out_size, data_at; /* data_at: CFDATA of the frame in the making */
static uint64_t bits;
static int bits_n;
static uint32_t newest[1 << HASH_BITS], older[WINDOW]; /* positions + 1, 0 = none */
static uint32_t last_offset = 1;
static struct tree main_tree, length_tree; /* of the block before */

static void die(const char *why)
{
	fprintf(stderr, "lzxcab: %s\n", why);
	exit(1);
}

static void put_le(size_t at, uint32_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[at + i] = (uint8_t)(value >> 8 * i);
}

/* Into words of 16 bits, the highest bit first. */
static void put_bits(uint32_t value, int n)
{
	bits = bits << n | value;
	for (bits_n += n; bits_n >= 16; out_size += 2) {
		bits_n -= 16;
		put_le(out_size, (uint32_t)(bits >> bits_n), 2);
	}
}

static void begin_frame(void)
{
	data_at = out_size;
	out_size += 8;
}

static void end_frame(size_t bytes)
{
	if (bits_n > 0)
		put_bits(0, 16 - bits_n);
	put_le(data_at, 0, 4); /* no checksum */
	put_le(data_at + 4, (uint32_t)(out_size - data_at - 8), 2);
	put_le(data_at + 6, (uint32_t)bytes, 2);
}

/* The lightest node that has not been taken, -1 for none. */
static int least(const uint32_t *weight, int n)
{
	int found = -1;

	for (int i = 0; i < n; i++)
		if (weight[i] > 0 && (found < 0 || weight[i] < weight[found]))
			found = i;
	return found;
}

/* Join the two lightest nodes below a new one; false when only one is left. */
static bool join(uint32_t *weight, int *parent, int node)
{
	int a = least(weight, node), b;
	uint32_t of_a = weight[a];

	weight[a] = 0;
	b = least(weight, node);
	if (b < 0)
		return false;
	weight[node] = of_a + weight[b];
	weight[b] = 0;
	parent[a] = parent[b] = node;
	return true;
}

/* Huffman's lengths for these counts, which are halved until none is over the limit. */
static void tree_lengths(const uint32_t *count, int n, int limit, uint8_t *length)
{
	uint32_t weight[2 * MAIN];
	int parent[2 * MAIN], depth[2 * MAIN], deepest = limit + 1;

	for (int shift = 0; deepest > limit; shift++) {
		int root = n - 1;

		for (int i = 0; i < n; i++)
			weight[i] = count[i] ? (count[i] >> shift) + 1 : 0;
		while (join(weight, parent, root + 1))
			root++;
		depth[root] = deepest = 0;
		for (int i = root - 1; i >= 0; i--) {
			if (i < n && count[i] == 0)
				continue;
			depth[i] = depth[parent[i]] + 1;
			deepest = depth[i] > deepest ? depth[i] : deepest;
		}
		for (int i = 0; i < n; i++)
			length[i] = (uint8_t)(count[i] ? depth[i] : 0);
	}
}

/* A tree needs two leaves to be one; the codes go up by length, then by symbol. */
static void tree_make(uint32_t *count, int n, int limit, struct tree *t)
{
	uint32_t code = 0;
	int used = 0;

	for (int i = 0; i < n; i++)
		used += count[i] > 0;
	for (int i = 0; used < 2; i++) {
		used += count[i] == 0;
		count[i] += count[i] == 0;
	}
	tree_lengths(count, n, limit, t->length);
	for (int length = 1; length <= limit; length++, code <<= 1)
		for (int i = 0; i < n; i++)
			if (t->length[i] == length)
				t->code[i] = code++;
}

static void tree_put(const struct tree *t, int symbol)
{
	put_bits(t->code[symbol], t->length[symbol]);
}

/* Lengths from..to as differences from those of the block before, runs of zeros as such. */
static void tree_send(const struct tree *t, const struct tree *before, int from, int to)
{
	struct {
		uint8_t symbol, extra, extra_bits;
	} list[MAIN];
	uint32_t count[PRETREE] = {0};
	struct tree pretree;
	int n = 0;

	for (int i = from, run; i < to; i += run, n++) {
		int most = to - i < 51 ? to - i : 51;

		for (run = 0; run < most && t->length[i + run] == 0; run++)
			;
		if (run < 4) {
			run = 1;
			list[n].symbol = (uint8_t)((before->length[i] - t->length[i] + 17) % 17);
			list[n].extra_bits = 0;
		} else {
			list[n].symbol = run < 20 ? 17 : 18;
			list[n].extra = (uint8_t)(run - (run < 20 ? 4 : 20));
			list[n].extra_bits = run < 20 ? 4 : 5;
		}
		count[list[n].symbol]++;
	}
	tree_make(count, PRETREE, 15, &pretree);
	for (int i = 0; i < PRETREE; i++)
		put_bits(pretree.length[i], 4);
	for (int i = 0; i < n; i++) {
		tree_put(&pretree, list[i].symbol);
		if (list[i].extra_bits)
			put_bits(list[i].extra, list[i].extra_bits);
	}
}

static void send_block(const struct token *tokens, size_t n, size_t from, size_t bytes)
{
	uint32_t main_count[MAIN] = {0}, length_count[LENGTHS] = {0};
	struct tree main_before = main_tree, length_before = length_tree;
	size_t at = from;

	for (size_t i = 0; i < n; i++) {
		main_count[tokens[i].main]++;
		if (tokens[i].length != NO_LENGTH)
			length_count[tokens[i].length]++;
	}
	tree_make(main_count, MAIN, 16, &main_tree);
	tree_make(length_count, LENGTHS, 16, &length_tree);
	begin_frame();
	if (from == 0)
		put_bits(0, 1); /* no E8 translation */
	put_bits(1, 3);         /* verbatim */
	put_bits((uint32_t)bytes >> 8, 16);
	put_bits(bytes & 0xff, 8);
	tree_send(&main_tree, &main_before, 0, 256);
	tree_send(&main_tree, &main_before, 256, MAIN);
	tree_send(&length_tree, &length_before, 0, LENGTHS);
	for (size_t i = 0; i < n; i++) {
		if (at > from && at % FRAME == 0) {
			end_frame(FRAME);
			begin_frame();
		}
		tree_put(&main_tree, tokens[i].main);
		if (tokens[i].length != NO_LENGTH)
			tree_put(&length_tree, tokens[i].length);
		put_bits(tokens[i].footer, tokens[i].footer_bits);
		at += tokens[i].bytes;
	}
	end_frame((at - 1) % FRAME + 1);
}

static uint32_t hash(size_t at)
{
	uint32_t word;

	memcpy(&word, in + at, sizeof(word));
	return word * 2654435761u >> (32 - HASH_BITS);
}

static void remember(size_t at)
{
	uint32_t *place = &newest[hash(at)];

	older[at % WINDOW] = *place;
	*place = (uint32_t)at + 1;
}

/* The longest of some matches; its length, 0 for none. */
static size_t find(size_t at, size_t most, uint32_t *ret_offset)
{
	size_t best = MATCH_MIN - 1;
	uint32_t place = newest[hash(at)];

	for (int i = 0; i < TRIES && place > 0 && at - (place - 1) < WINDOW - 3; i++) {
		const uint8_t *old = in + place - 1;
		size_t n = 0;

		while (n < most && old[n] == in[at + n])
			n++;
		if (n > best) {
			best = n;
			*ret_offset = (uint32_t)(at - (place - 1));
		}
		place = older[(place - 1) % WINDOW];
	}
	return best < MATCH_MIN ? 0 : best;
}

/* The slot of a position, and the bits that it leaves open. */
static uint16_t position_slot(uint32_t offset, struct token *t)
{
	uint32_t base = 0, formatted = offset + 2;
	uint16_t slot = 0;

	if (offset == last_offset)
		return 0;
	for (;; slot++) {
		int extra = slot < 4 ? 0 : slot < 36 ? slot / 2 - 1 : 17;

		if (formatted - base < 1u << extra) {
			t->footer_bits = (uint8_t)extra;
			t->footer = formatted - base;
			return slot;
		}
		base += 1u << extra;
	}
}

static struct token make_token(size_t at, size_t most)
{
	struct token t = {.main = in[at], .length = NO_LENGTH, .bytes = 1};
	uint32_t offset = 0;
	size_t length = most < MATCH_MIN ? 0 : find(at, most, &offset);

	if (length > 0) {
		size_t head = length - 2 < 7 ? length - 2 : 7;

		t.main = (uint16_t)(256 + position_slot(offset, &t) * 8 + head);
		t.length = (uint16_t)(head == 7 ? length - 9 : NO_LENGTH);
		t.bytes = (uint16_t)length;
		last_offset = offset;
	}
	return t;
}

static void compress(void)
{
	struct token *tokens = calloc(BLOCK, sizeof(*tokens));

	if (!tokens)
		die("no memory");
	for (size_t from = 0; from < in_size; from += BLOCK) {
		size_t end = in_size - from < BLOCK ? in_size : from + BLOCK, n = 0;

		for (size_t at = from; at < end; n++) {
			size_t frame_end = at - at % FRAME + FRAME;
			size_t most = (frame_end < end ? frame_end : end) - at;

			tokens[n] = make_token(at, most < MATCH_MAX ? most : MATCH_MAX);
			for (size_t stop = at + tokens[n].bytes; at < stop; at++)
				if (at + 4 <= in_size)
					remember(at);
		}
		send_block(tokens, n, from, end - from);
	}
	free(tokens);
}

static void read_all(void)
{
	size_t room = 1 << 20, n = 0;

	do {
		room *= 2;
		in = realloc(in, room);
		if (!in)
			die("no memory");
		n = fread(in + in_size, 1, room - in_size, stdin);
		in_size += n;
	} while (in_size == room);
	if (in_size == 0 || in_size > (size_t)65535 * FRAME)
		die("empty, or too long for a cabinet");
}

static void write_head(const char *name, size_t head_size)
{
	size_t name_at = 36 + 8 + 16;

	memcpy(out, "MSCF", 4);
	put_le(8, (uint32_t)out_size, 4);
	put_le(16, 36 + 8, 4); /* offset of CFFILE */
	put_le(24, 0x0103, 2); /* version 1.3 */
	put_le(26, 1, 2);      /* folders */
	put_le(28, 1, 2);      /* files */
	put_le(36, (uint32_t)head_size, 4);
	put_le(40, (uint32_t)((in_size + FRAME - 1) / FRAME), 2);
	put_le(42, WINDOW_BITS << 8 | 3, 2);
	put_le(44, (uint32_t)in_size, 4);
	put_le(54, (2026 - 1980) << 9 | 11 << 5 | 22, 2); /* date */
	put_le(58, 0x20, 2);                              /* attribute: archive */
	memcpy(out + name_at, name, head_size - name_at);
}

int main(int argc, char **argv)
{
	size_t head_size;

	if (argc != 2)
		die("usage: lzxcab NAME <FILE >CABINET");
	read_all();
	/* A frame of literals is not much longer than what it holds; the trees are. */
	out = calloc(1, in_size + (in_size / FRAME + 1) * 4096 + 4096);
	if (!out)
		die("no memory");
	out_size = head_size = 36 + 8 + 16 + strlen(argv[1]) + 1;
	compress();
	write_head(argv[1], head_size);
	if (fwrite(out, 1, out_size, stdout) != out_size || fflush(stdout) != 0)
		die("cannot write");
	return 0;
}
