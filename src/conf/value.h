// SPDX-License-Identifier: MIT
/*
 * The notations of settings: pure parsers of one value each. All want the whole slice, ignore
 * ASCII case, and leave *ret untouched when they return false.
 */
#pragma once
#include "base/slice.h"

/* on off true false yes no 1 0 */
bool value_parse_bool(struct slice s, bool *ret);
/* Bytes: 45056, 44k, 44KiB; k m g t with or without iB, powers of 1024; plain B for bytes. */
bool value_parse_size(struct slice s, uint64_t *ret);
/* Nanoseconds, never above INT64_MAX: 500ms, 8s, 2m, 1h; a plain number is seconds. */
bool value_parse_time(struct slice s, uint64_t *ret_ns);
/* The place of s in "debug|info|warn", from 0. */
bool value_parse_choice(struct slice s, const char *choices, unsigned *ret);
/*
 * host:port, the host empty (all addresses), a name, an IPv4 address or an IPv6 address in
 * brackets. ret_host is a part of s, without the brackets.
 */
bool value_parse_address(struct slice s, struct slice *ret_host, uint16_t *ret_port);
/* 0 to 65535; off: -1. */
bool value_parse_port(struct slice s, int32_t *ret);
/* http:// or https://, a host, and nothing that does not belong into a URL. */
bool value_is_url(struct slice s);
/* A line of text: no control bytes. */
bool value_is_line(struct slice s);
