#!/bin/sh
# Shows a trace as a page, a space-time diagram of the run: see `scripts/trace.sh --help`.
#   LAB_TRACE=run.jsonl cargo test --features sim --test lab2b basic_agree_2b; scripts/trace.sh run.jsonl
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
export LAB_CALLED="$0"
# The first build takes a while, so it shows its progress.
quiet=--quiet
[ -e "${CARGO_TARGET_DIR:-$root/target}/debug/lab" ] || quiet=
exec cargo run $quiet --manifest-path "$root/Cargo.toml" --package mit6824-cli --no-default-features \
    --features trace --bin lab -- trace "$@"
