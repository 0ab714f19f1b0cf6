// SPDX-License-Identifier: MIT
/*
 * file.ptr: a text file that lies in a symbol store in place of a file and says where that is.
 * Source: symbol-storage-format of the Windows debugger documentation; tags known to symsrv.dll.
 *
 *	\\server\share\foo.pdb		a path, without more
 *	PATH:\\server\share\foo.pdb	the same
 *	MSG: text			no file: a message for the user
 *
 * Pure.
 */
#pragma once
#include "base/buf.h"

#define POINTER_MAX ((size_t)4096) /* bytes; a longer file points nowhere */

/*
 * The path below root, with slashes, appended to out: where root is "\\server\share\symbols" and
 * the file points to "\\SERVER\share\symbols\builds\7\foo.pdb", that is "builds/7/foo.pdb". Slashes
 * and backslashes are the same, several are as one but at the front, letters of root match in any
 * case, a root ends at a segment. UTF-8 (a byte order mark is skipped) and UTF-16LE with its mark
 * are read; the first line counts. False, with nothing appended: it points elsewhere, or nowhere,
 * or has a "..", or control bytes, or root is empty. buf_failed(out) is the caller's to ask.
 */
bool pointer_target(struct slice file, struct slice root, struct buf *out);
