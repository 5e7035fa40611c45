#!/usr/bin/env bash
# Measures this project and writes docs/performance.md: see `scripts/bench.sh --help`.
# You can call it from any folder.
set -euo pipefail
from=$PWD
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
cd "$root"

usage() {
    cat <<'END'
Measures this project, and beside it openraft and raft-rs, and writes the figures and the pictures of
docs/performance.md, or of a copy of this page (--out). The machine must have nothing else to do.

usage: scripts/bench.sh [OPTIONS]

  --only PIECES      only these pieces, separated by commas; the page keeps the other figures
  --labs LABS        only these labs of the piece course, separated by commas, for example lab2a,lab2b; the
                     table also has those labs that were measured before with the same commit
  --against COMMIT   also measure this older commit: the old and the new program take turns. The tables of the
                     page then have one more column, so use --out with it.
                     The programs of this commit measure the older one, so a very old commit may not build
  --rounds N         how often each measurement is repeated, 1 to 1000 (default: 5)
  --seconds N        how long one measurement takes, 1 to 60 (default: 2). Clients put and get for exactly this
                     time; a log gets 700,000 entries for each second, after a warm-up; the clients of the
                     sharded service work for this time before a group joins, and again for this time after
                     it. All other measurements have a fixed number of steps
  --out FOLDER       write a copy of the page and of its pictures to this folder, and leave docs as it is. Use
                     this for the figures of your machine. In the copy, pieces that you do not measure, and the
                     text, keep the figures of the project's machine
  --quick            only show that all works: one round, a build that is hardly optimized, and a page in a
                     temporary folder that is deleted at the end. This takes a few seconds after the build; the
                     first build takes minutes, because it has openraft and raft-rs, too
  --build            only build, so that a later call measures at once
  -h, --help         show this text

  piece    what it measures                                                  takes, after the build
  floor    the machine: hand-overs, a free lock, a small message, a copy     3 seconds
  kv       puts with 1 to 1,024 clients: ours and openraft                   3 minutes
  entries  entries of a log, without a service: ours and raft-rs             1 minute
  own      calls, latency, snapshots, gets, five servers, shards, a long log 3 minutes
  course   the course's tests on real threads: CPU and wall time of each lab 9 minutes
  seeds    the course's tests in virtual time: CPU of one run                2 minutes
  checker  histories with unknown results, recorded in three ways            10 seconds

The results are in out/bench/COMMIT, one file for each piece. A later call with the same commit replaces the
files of its pieces.
END
}

fail() {
    printf 'error: %s\n' "$*" >&2
    echo "see: scripts/bench.sh --help" >&2
    exit 2
}
say() { printf '\n=== %s (%s s so far)\n' "$*" "$SECONDS" >&2; }

all_pieces=(floor kv entries own course seeds checker)
all_labs=(lab2a lab2b lab2c lab2d lab3a lab3b lab4a lab4b)
pieces=()
labs=()
against=''
rounds=''
seconds=''
out=''
quick=''
only_build=''

# The words of a list with commas. Each must be one of the words that follow.
list() {
    local option=$1 text=$2 word
    shift 2
    local words
    IFS=, read -r -a words <<<"$text"
    [ ${#words[@]} -gt 0 ] || fail "$option: expected some of: $*"
    for word in "${words[@]}"; do
        case " $* " in
        *" $word "*) ;;
        *) fail "$option $text: \`$word\` is unknown; expected some of: $*" ;;
        esac
    done
    printf '%s\n' "${words[@]}"
}
number() {
    case $2 in
    '' | *[!0-9]* | ?????*) fail "$1 $2: expected a number from 1 to $3" ;;
    esac
    if [ "$2" -lt 1 ] || [ "$2" -gt "$3" ]; then fail "$1 $2: expected a number from 1 to $3"; fi
}

while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
    -h | --help)
        usage
        exit 0
        ;;
    --quick) quick=1 && continue ;;
    --build) only_build=1 && continue ;;
    --only | --labs | --against | --out | --rounds | --seconds) [ $# -gt 0 ] || fail "$option: expected a value" ;;
    *) fail "unknown argument \`$option\`" ;;
    esac
    case $option in
    --only)
        chosen=$(list --only "$1" "${all_pieces[@]}") || exit
        mapfile -t pieces <<<"$chosen"
        ;;
    --labs)
        chosen=$(list --labs "$1" "${all_labs[@]}") || exit
        mapfile -t labs <<<"$chosen"
        ;;
    --against) against=$1 ;;
    --out)
        case $1 in
        '' | -*) fail "--out $1: expected a folder" ;;
        /*) out=$1 ;;
        *) out=$from/$1 ;;
        esac
        ;;
    --rounds) number --rounds "$1" 1000 && rounds=$1 ;;
    --seconds) number --seconds "$1" 60 && seconds=$1 ;;
    esac
    shift
done
if [ ${#pieces[@]} = 0 ]; then
    if [ -n "$quick" ]; then pieces=(floor kv entries); else pieces=("${all_pieces[@]}"); fi
fi
if [ ${#labs[@]} = 0 ]; then
    labs=("${all_labs[@]}")
else
    case " ${pieces[*]} " in
    *" course "*) ;;
    *) fail "--labs: it chooses the labs of the piece course, and --only leaves this piece out" ;;
    esac
fi
if [ -n "$against" ]; then
    older=$(git rev-parse --short --verify --quiet "$against^{commit}") || fail "--against $against: there is no such commit"
    against=$older
fi
if [ -n "$out" ]; then
    [ -z "$quick" ] || fail "--out: it cannot be used with --quick, which keeps no page"
    [ ! -e "$out" ] || [ -d "$out" ] || fail "--out $out: expected a folder, and this is none"
    mkdir -p -- "$out" 2>/dev/null || fail "--out $out: expected a folder that can be made"
    out=$(CDPATH='' cd -- "$out" && pwd)
    [ "$out" != "$root/docs" ] || fail "--out $out: expected another folder than docs"
    attempt=$(mktemp -p "$out" 2>/dev/null) || fail "--out $out: expected a folder in which you may write"
    rm -- "$attempt"
fi

scratch=$(mktemp -d)
old=$scratch/old
cleanup() {
    if [ -d "$old" ]; then git worktree remove --force "$old" || true; fi
    rm -rf "$scratch"
}
trap cleanup EXIT

# The name of what is measured. The page and the pictures do not count as changes.
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain -- . ':!docs/performance*' 2>/dev/null)" ] || commit+=-changed
processor=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1 | tr -s ' ')
note="Commit $commit, $(LC_ALL=C date -u '+%-d %B %Y'), $(nproc) logical CPUs (${processor:-unknown processor})."
[ -z "$against" ] || note+=" The older commit is $against."
# The load average of the last minute, before this script does any work.
load=$(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo unknown)
if [ -z "$only_build" ] && [ "$load" != unknown ] && awk -v load="$load" 'BEGIN { exit !(load > 0.5) }'; then
    echo "warning: the load average is $load: other programs use this machine, so the figures may be wrong" >&2
fi

results=$root/out/bench/$commit
page=$root/docs/performance.md
pictures=$root/docs
profile=release
if [ -n "$quick" ]; then
    results=$scratch/results
    mkdir -p "$scratch/docs"
    out=$scratch/docs
    profile=dev
    : "${rounds:=1}" "${seconds:=1}"
fi
if [ -n "$out" ]; then
    page=$out/performance.md
    pictures=$out
    # With --only, a page from an earlier call keeps its other figures. In a new copy, links lead to this project.
    if [ ! -f "$page" ]; then
        cp docs/performance*.svg "$out"
        {
            head -n 1 docs/performance.md
            printf '\n**This is a copy.** Only these pieces are from the machine on which it was made:\n\n'
            printf '<!-- end of the pieces -->\n\n'
            printf "All other tables and pictures, and the text, have the figures of the machine of the project's authors.\n"
            tail -n +2 docs/performance.md | sed -E "s@\]\(([a-z/-]+\.(md|tsv))@](file://$root/docs/\1@g"
        } >"$page"
    fi
fi
: "${rounds:=5}" "${seconds:=2}"
mkdir -p "$results"

# Builds the program that measures, from a copy of this project: $1 is the copy, $2 is the file for the program.
# All copies use the same folder for what is built, so that the crates of others are built once.
target=${CARGO_TARGET_DIR:-$root/target}
build_peers() {
    (cd "$1" && CARGO_TARGET_DIR=$target cargo build --profile "$profile" "${@:3}" --manifest-path benches/peers/Cargo.toml) ||
        return 1
    cp "$target/${profile/#dev/debug}/peers" "$2"
}
# The sentences under the heading of a table. $1 is the piece. Only some pieces have rounds and rates.
note_of() {
    local how='' words="$rounds rounds"
    [ "$rounds" != 1 ] || words="1 round"
    case $1 in
    kv | entries | own) how="$words, $seconds s for each rate. " ;;
    floor | checker) how="$words. " ;;
    course) how="Each lab was measured once. " ;;
    esac
    echo "$note ${how}Load average before the run: $load."
}
# Adds a piece to the list at the top of the copy. A later measurement of a piece replaces its line.
name_in_copy() {
    local line="* \`$1\`: commit $commit, $(LC_ALL=C date -u '+%-d %B %Y')"
    sed -i -e "/^\* \`$1\`: commit /d" -e "s@^<!-- end of the pieces -->@$line\n&@" "$page"
}
measure() {
    local piece=$1 arguments=()
    say "$piece"
    [ -z "$quick" ] || arguments+=(--clients '1,8')
    case $piece in
    floor | checker) ;;
    *) [ -z "$against" ] || arguments+=(--before "$scratch/peers-before") ;;
    esac
    "$scratch/peers" "$piece" --rounds "$rounds" --seconds "$seconds" --json "$results/$piece.json" "${arguments[@]}"
}

# Runs dstest, and prints the CPU seconds and the seconds of the wall. If it fails, its output goes to stderr.
dstest() {
    local text output
    output=$(mktemp -p "$scratch")
    scripts/dstest.sh "$@" >"$output" || {
        cat "$output" >&2
        return 1
    }
    text=$(sed -n 's/^\([0-9.]*\) CPU seconds, \([0-9.]*\) s wall$/\1 \2/p' "$output")
    [ -n "$text" ] || {
        cat "$output" >&2
        echo "error: dstest did not say how long it took" >&2
        return 1
    }
    echo "$text"
}
# Measures one lab on real threads: one test after the other, as with Go.
lab() {
    local lab=$1 cpu wall times
    times=$(dstest -n 1 -p 1 "$lab")
    read -r cpu wall <<<"$times"
    echo "$lab: $cpu s of CPU, $wall s" >&2
    printf '{"piece":"course","what":"%s","values":{"cpu_s":%s,"wall_s":%s}}\n' "$lab" "$cpu" "$wall" >"$results/course-$lab.json"
}
course() {
    local lab pid pids=()
    # The tests of labs 2 and 4 sleep most of the time, so these labs run at the same time. Lab 3 computes.
    for lab in "${labs[@]}"; do
        case $lab in lab3*) continue ;; esac
        say "$lab on real threads"
        lab "$lab" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    for lab in "${labs[@]}"; do
        case $lab in lab3*) ;; *) continue ;; esac
        say "$lab on real threads"
        lab "$lab"
    done
}
seeds() {
    local lab runs suites cpu wall times
    for lab in "lab2 200 lab2a lab2b lab2c lab2d" "lab3 10 lab3a lab3b" "lab4 50 lab4a lab4b"; do
        read -r lab runs suites <<<"$lab"
        [ -z "$quick" ] || runs=2
        say "$lab in virtual time"
        # shellcheck disable=SC2086 # one text names several suites
        times=$(dstest --sim -n "$runs" -t 600 $suites)
        read -r cpu wall <<<"$times"
        echo "$lab: $cpu s of CPU for $runs runs, $wall s" >&2
        cpu=$(awk -v cpu="$cpu" -v runs="$runs" 'BEGIN { printf "%.4f", cpu / runs }')
        printf '{"piece":"seeds","what":"%s","values":{"cpu_s":%s,"runs":%s}}\n' "$lab" "$cpu" "$runs"
    done >"$results/seeds.json"
}

peers_needed=''
for piece in "${pieces[@]}"; do
    case $piece in course | seeds) ;; *) peers_needed=1 ;; esac
done
say "build"
cargo build --quiet --package mit6824-experiments --bin performance
writer=$target/debug/performance
if [ -n "$peers_needed" ]; then
    if [ -n "$against" ]; then
        say "build the older commit $against"
        git worktree add --quiet --detach "$old" "$against"
        # The program that measures is the same. Only what it measures is older.
        rm -rf "$old/benches"
        cp -r benches "$old/benches"
        rm -rf "$old/benches/peers/target"
        sed -i 's|^exclude = .*|exclude = ["benches/peers", "examples"]|' "$old/Cargo.toml"
        build_peers "$old" "$scratch/peers-before" || {
            echo "error: --against $against: the programs of this commit cannot measure that one" >&2
            exit 1
        }
        say "build this commit"
    fi
    build_peers "$root" "$scratch/peers" --locked
fi
[ -z "$only_build" ] || exit 0

for piece in "${pieces[@]}"; do
    case $piece in
    course)
        course
        files=("$results"/course-*.json)
        ;;
    seeds)
        seeds
        files=("$results/seeds.json")
        ;;
    *)
        measure "$piece"
        files=("$results/$piece.json")
        ;;
    esac
    "$writer" --page "$page" --pictures "$pictures" --note "$(note_of "$piece")" "${files[@]}"
    [ -z "$out" ] || name_in_copy "$piece"
done
say "done: ${pieces[*]}"
if [ -z "$out" ]; then git --no-pager diff --stat -- docs >&2 || true; elif [ -z "$quick" ]; then say "the page is $page"; fi
