// SPDX-License-Identifier: MIT
/*
 * Little-endian numbers in and out of bytes, whatever their alignment and the machine's order.
 * Compilers make one instruction of each. The caller has checked that the bytes are there.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

static inline uint64_t load_le(const void *from, size_t n)
{
	const unsigned char *p = from;
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static inline uint16_t load_le16(const void *from)
{
	return (uint16_t)load_le(from, 2);
}

static inline uint32_t load_le32(const void *from)
{
	return (uint32_t)load_le(from, 4);
}

static inline uint64_t load_le64(const void *from)
{
	return load_le(from, 8);
}

static inline void store_le(void *to, uint64_t v, size_t n)
{
	unsigned char *p = to;

	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static inline void store_le16(void *to, uint16_t v)
{
	store_le(to, v, 2);
}

static inline void store_le32(void *to, uint32_t v)
{
	store_le(to, v, 4);
}
