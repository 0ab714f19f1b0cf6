#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make C of the files of src/web/, for Meson:  embed.py OUT.c PAGE.html FILE...

Each file stands in it as it is and as gzip, with an ETag made of its content; the page, which the
server fills in, as it is. The same files give the same C (no time, no names of folders).
"""

import hashlib
import sys
import zlib
from pathlib import Path

TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def gzip(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def array(name, data):
    rows = (",".join(map(str, data[i:i + 24])) for i in range(0, len(data), 24))
    return f"static const unsigned char {name}[] = {{\n" + ",\n".join(rows) + "};\n"


def bytes_of(name):
    return f"{{(const char *){name}, sizeof({name})}}"


def main(out, page, *files):
    parts = ['#include "serve/web.h"\n\n', array("page", Path(page).read_bytes()),
             f"const struct slice web_page = {bytes_of('page')};\n"]
    rows = []
    for i, path in enumerate(map(Path, sorted(files))):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()[:32]
        parts += [array(f"plain_{i}", data), array(f"gzip_{i}", gzip(data))]
        rows.append(f'\t{{"{path.name}", "{TYPES[path.suffix]}", '
                    f"{bytes_of(f'plain_{i}')}, {bytes_of(f'gzip_{i}')},\n"
                    f'\t "\\"{digest}\\"", "\\"{digest}-gz\\""}},\n')
    parts += ["const struct web_file web_files[] = {\n", *rows, "};\n",
              "const size_t web_files_n = ARRAY_LEN(web_files);\n"]
    Path(out).write_text("".join(parts))


if __name__ == "__main__":
    main(*sys.argv[1:])
