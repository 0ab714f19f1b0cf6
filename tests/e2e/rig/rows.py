# SPDX-License-Identifier: MIT
"""The rows of the conformance table, and what of it does not apply, each with its reason."""

ROWS = {f"C{n:02}" for n in range(1, 80)}
LATER = {
    "C41": "the server answers with the file, never with a redirect",
}
# why a store is not asked in another case than it was filled in
NO_CATALOG = "keys of a bucket are found in lower case and as asked; any case needs a catalog"
