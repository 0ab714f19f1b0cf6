# shellcheck shell=bash
# Completion of pepto-symbol for bash. Made by tools/settings.py.
_pepto_symbol() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=''

	if [ "${COMP_WORDS[1]}" = key ] && [ "$COMP_CWORD" -gt 1 ]; then
		case $prev,$cur in
		--case,*) words='lower symstore' ;;
		*,-*) words='--json --case --help' ;;
		*) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi
	case $prev in
	pepto-symbol | */pepto-symbol) words='serve key add ls check get verify rm expire find export help --help --version' ;;
	help) words='settings key add ls check get verify rm expire find export' ;;
	--s3-bucket) return ;;
	--path-prefix) return ;;
	--store) return ;;
	--listen-address) return ;;
	--port) return ;;
	--tls-port) return ;;
	--tls-cert) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--tls-key) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--trusted-proxies) return ;;
	--base-path) return ;;
	--public-url) return ;;
	--page) words='on off' ;;
	--admin-address) return ;;
	--auth-tokens) return ;;
	--auth-tokens-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--tls-client-ca) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--tls-client) words='optional require' ;;
	--serve-any-path) words='on off' ;;
	--cors) words='on off' ;;
	--upload-tokens) return ;;
	--upload-tokens-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--upload-max-size) return ;;
	--upload-unpacked-max) return ;;
	--upload-parallel) return ;;
	--cache-control) return ;;
	--outage) words='503 404' ;;
	--decode-max) return ;;
	--max-object-size) return ;;
	--serve-cab) words='on off' ;;
	--verify-keys) words='on off' ;;
	--request-budget) return ;;
	--try-timeout) return ;;
	--connect-timeout) return ;;
	--stall-timeout) return ;;
	--max-transfers) return ;;
	--max-questions) return ;;
	--stream-buffer) return ;;
	--cache-dir) return ;;
	--cache-size) return ;;
	--cache-min-free) return ;;
	--cache-fresh) return ;;
	--miss-ttl) return ;;
	--miss-entries) return ;;
	--index-names-max) return ;;
	--s3-price) return ;;
	--fetch-parallel) return ;;
	--fetch-block) return ;;
	--max-fills) return ;;
	--max-fill-waiters) return ;;
	--admin-token) return ;;
	--notify-token) return ;;
	--slow-fetch) words='on off' ;;
	--max-connections) return ;;
	--max-header-size) return ;;
	--header-timeout) return ;;
	--idle-timeout) return ;;
	--min-send-rate) return ;;
	--threads) return ;;
	--drain-timeout) return ;;
	--log-level) words='debug info warn error' ;;
	--log-format) words='logfmt json' ;;
	--access-log) words='on off' ;;
	*)
		words='--s3-bucket --path-prefix --store --listen-address --port --tls-port --tls-cert --tls-key --trusted-proxies --base-path --public-url --page --admin-address --auth-tokens --auth-tokens-file --tls-client-ca --tls-client --serve-any-path --cors --upload-tokens --upload-tokens-file --upload-max-size --upload-unpacked-max --upload-parallel --cache-control --outage --decode-max --max-object-size --serve-cab --verify-keys --request-budget --try-timeout --connect-timeout --stall-timeout --max-transfers --max-questions --stream-buffer --cache-dir --cache-size --cache-min-free --cache-fresh --miss-ttl --miss-entries --index-names-max --s3-price --fetch-parallel --fetch-block --max-fills --max-fill-waiters --admin-token --notify-token --slow-fetch --max-connections --max-header-size --header-timeout --idle-timeout --min-send-rate --threads --drain-timeout --log-level --log-format --access-log --check --help --version'
		[ "${COMP_WORDS[1]}" != find ] || words="--keys --json $words"
		case ${COMP_WORDS[1]},$cur in
		ls,* | check,-*) words="--json $words" ;;
		add,-*) words="--exclude --strict --case --compress --level --jobs --product --version --comment --source --keep-until --dry-run --force --resume --json $words" ;;
		verify,*) words="--all --full --json $words" ;;
		get,-*) words="--json --output $words" ;;
		check,* | get,* | add,*) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
		rm,*) words="--dry-run --json $words" ;;
		expire,*) words="--keep-last --older-than --product --dry-run --json $words" ;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _pepto_symbol pepto-symbol
