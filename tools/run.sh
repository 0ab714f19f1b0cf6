#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Serve with the binary that `make build` left. Without a configured store that is ./symbols, filled
# with a sample program when there is nothing in it; then say how to ask for a file of it.
set -eu
cd "$(dirname "$0")/.."

# setting NAME: its value as the server will see it, from the environment or else from .env
setting() {
	local value=${!1-}
	if [ -z "$value" ] && [ -f .env ]; then
		value=$(sed -n "s/^\(export \)\?$1=//p" .env | tail -n 1)
	fi
	echo "${value//[\"\']/}"
}

port=$(setting PORT)
port=${port:-5000}
if [ -z "$(setting STORES)$(setting S3_BUCKET)" ]; then
	[ -n "$(ls -A symbols 2>/dev/null)" ] || tools/make-samples.sh symbols >/dev/null
	sample=$(find symbols -mindepth 3 -maxdepth 3 -type f -iname '*.pdb' -printf '%P\n' |
		LC_ALL=C grep -m 1 '^[A-Za-z0-9./_-]*$' || true)
	[ -z "$sample" ] || cat <<-END
		Try, in another terminal:
		    curl --fail --silent --show-error http://localhost:$port/$sample | wc --bytes
	END
fi
cat <<END
The symbol path for a debugger (in WinDbg: .sympath ...):
    srv*C:\Symbols*http://$HOSTNAME:$port

END
exec build/pepto-symbol serve
