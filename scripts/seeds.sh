#!/usr/bin/env bash
# Runs every suite with many seeds in virtual time, in pieces. Goes on where the last call has stopped.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
called=$0
cd "$root"
all_suites=(lab2a lab2b lab2c lab2d lab3a lab3b lab4a lab4b strict2 partition strict3 strict4 shards rsm)
table=docs/seeds.tsv

usage() {
    cat <<END
Run every suite with many seeds in virtual time, in pieces, and note each piece that passed in $table

Usage: $called [--to SEEDS] [--piece SEEDS] [--minutes MINUTES] [SUITE...]

Each suite starts with seed 1. A call goes on with the first seed that is not in the table, so it may be stopped at any
time: only the piece that runs then is lost. A piece with a failure is not noted, and ends the call with exit code 1.
The suites take turns. The programs are built with the release profile.

  SUITE...           only these suites [default: ${all_suites[*]}]
  --to SEEDS         how many seeds each suite gets in the end [default: 10000]
  --piece SEEDS      how many seeds one piece has [default: 500]
  --minutes MINUTES  after this time, begin no new piece [default: no limit]
  -h, --help         print this help
END
}
fail() {
    echo "error: $1 (try \`$called --help\`)" >&2
    exit 2
}
# Checks that $2 is a number from 1 to 9,999,999. $1 is the name of the option.
number() {
    [[ $2 =~ ^[1-9][0-9]{0,6}$ ]] || fail "$1 $2: expected a number from 1 to 9999999"
}

to=10000 piece=500 minutes='' suites=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    --to | --piece | --minutes)
        [ $# -gt 1 ] || fail "$1: expected a value"
        number "$1" "$2"
        declare "${1#--}=$2"
        shift
        ;;
    *)
        case " ${all_suites[*]} " in
        *" $1 "*) suites+=("$1") ;;
        *) fail "unknown argument \`$1\`; the suites are ${all_suites[*]}" ;;
        esac
        ;;
    esac
    shift
done
[ ${#suites[@]} -gt 0 ] || suites=("${all_suites[@]}")

commit=$(git rev-parse --short HEAD) || fail "the table names the commit, so this must be a git repository"
# Documents do not change what runs.
[ -z "$(git status --porcelain -- . ':!docs')" ] ||
    fail "the table names the commit, so commit these changes first: $(git status --porcelain -- . ':!docs' | head -n 3)"
[ -e "$table" ] || printf 'suite\tfirst seed\tseeds\ttests\tCPU seconds\tcommit\n' >"$table"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Prints the first seed of the suite $1 that is not in the table.
next_seed() {
    awk -F '\t' -v suite="$1" '$1 == suite { last = $2 + $3 - 1 > last ? $2 + $3 - 1 : last } END { print last + 1 }' "$table"
}

while :; do
    left=''
    for suite in "${suites[@]}"; do
        first=$(next_seed "$suite")
        [ "$first" -le "$to" ] || continue
        if [ -n "$minutes" ] && [ "$SECONDS" -ge $((minutes * 60)) ]; then
            echo "stopped after $minutes minutes; the next call goes on with seed $first of $suite"
            exit 0
        fi
        left=1
        seeds=$((to - first + 1 < piece ? to - first + 1 : piece))
        echo "$suite: seeds $first to $((first + seeds - 1)) of $to"
        # The limit of a run counts the machine's time, and other programs may want the cores, too.
        if ! scripts/dstest.sh --sim --release -t 900 -n "$seeds" --seed "$first" "$suite" >"$scratch/report"; then
            cat "$scratch/report"
            exit 1
        fi
        runs=$(sed -n 's/^0 of \([0-9]*\) failed.*/\1/p' "$scratch/report")
        cpu=$(sed -n 's/^\([0-9.]*\) CPU seconds.*/\1/p' "$scratch/report")
        [ -n "$runs" ] && [ -n "$cpu" ] || {
            cat "$scratch/report"
            echo "error: dstest did not say how many runs there were and how long they took" >&2
            exit 1
        }
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$suite" "$first" "$seeds" "$((runs / seeds))" "$cpu" "$commit" >>"$table"
    done
    [ -n "$left" ] || break
done
echo "each of these suites has passed with $to seeds: ${suites[*]}"
