#!/usr/bin/env bash
# Runs suites with many seeds in virtual time, in pieces. Goes on where the last call has stopped.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
called=$0
cd "$root"
all_suites=(lab2a lab2b lab2c lab2d lab3a lab3b lab4a lab4b strict2 partition strict3 strict4 shards rsm)
# These suites are about options of this project's Raft. Their numbers of seeds are noted by hand.
other_suites=(partial transfer options reads)
table=docs/seeds.tsv
page=docs/tests.md

usage() {
    cat <<END
Run suites with many seeds in virtual time, in pieces, and note each piece that passed

Usage: $called [--to SEEDS] [--piece SEEDS] [--minutes MINUTES] [SUITE...]

The pieces are noted in $table, and the number of seeds of each suite in the table of $page. Commit both files.
The first seed of each suite is 1. A call goes on with the first seed that is not noted, so you may stop it at any time:
only the piece that runs then is lost. A piece with a failure is not noted, and ends the call with exit code 1. The
suites take turns. The programs are built with the release profile. Each note names the commit, so all changes outside
docs must be committed before a call. A piece is not noted if sources change while it runs.

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

# Is the word $1 one of the words after it?
has() {
    case " ${*:2} " in
    *" $1 "*) ;;
    *) return 1 ;;
    esac
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
        if has "$1" "${all_suites[@]}"; then
            suites+=("$1")
        elif has "$1" "${other_suites[@]}"; then
            fail "this script does not run $1, only ${all_suites[*]}; use scripts/dstest.sh for $1"
        elif [[ $1 == --*=* ]]; then
            fail "unknown argument \`$1\`; expected \`${1%%=*} ${1#*=}\`"
        else
            fail "unknown argument \`$1\`; expected an option or some of these suites: ${all_suites[*]}"
        fi
        ;;
    esac
    shift
done
[ ${#suites[@]} -gt 0 ] || suites=("${all_suites[@]}")

# What is measured: the commit, and the files that differ from it. Documents do not change what runs.
sources() { git rev-parse --short HEAD && git status --porcelain -- . ':!docs'; }
commit=$(sources) || fail "the notes name the commit, so this must be a git repository"
changed=$(sed 1d <<<"$commit")
if [ -n "$changed" ]; then
    printf 'error: the notes name the commit, so commit these changes first:\n%s\n' "$changed" >&2
    exit 2
fi
[ -e "$table" ] || printf 'suite\tfirst seed\tseeds\ttests\tCPU seconds\tcommit\n' >"$table"
exec 9<"$table"
flock --nonblock 9 || fail "another call of this script is running"

# Prints the first seed of the suite $1 that is not in the table.
next_seed() {
    awk -F '\t' -v suite="$1" '
        $1 == suite && $2 != last + 1 { print "error: '"$table"' has no seed " last + 1 " of " suite " before line " NR > "/dev/stderr"; exit bad = 2 }
        $1 == suite { last += $3 }
        END { if (!bad) print last + 1 }' "$table"
}
for suite in "${suites[@]}"; do next_seed "$suite" >/dev/null || exit; done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
piece_now=''
trap 'echo "stopped; the next call goes on with $piece_now"; exit 130' INT TERM

while :; do
    left=''
    for suite in "${suites[@]}"; do
        first=$(next_seed "$suite")
        [ "$first" -le "$to" ] || continue
        if [ -n "$minutes" ] && [ "$SECONDS" -ge $((minutes * 60)) ]; then
            echo "the time is over; the next call goes on with seed $first of $suite"
            exit 0
        fi
        left=1
        seeds=$((to - first + 1 < piece ? to - first + 1 : piece))
        piece_now="seed $first of $suite"
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
        [ "$(sources)" = "$commit" ] || {
            echo "error: the sources changed while this piece ran, so it is not noted" >&2
            exit 1
        }
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$suite" "$first" "$seeds" "$((runs / seeds))" "$cpu" "$commit" >>"$table"
        passed=$(sed -E ':a; s/([0-9])([0-9]{3})($|,)/\1,\2\3/; ta' <<<$((first + seeds - 1)))
        sed -i -E "s/^(\| \`$suite\`:.*\| )[^|]*( \|)\$/\1$passed seeds\2/" "$page"
        echo "$suite: passed and noted, $cpu s of CPU"
    done
    [ -n "$left" ] || break
done
echo "each of these suites has passed with $to seeds or more: ${suites[*]} (at the commits in docs/seeds.tsv)"
