#!/bin/sh
# Shows log lines in one column per server: see `scripts/dslogs.sh --help`.
#   LAB_LOG=all cargo test --test lab2a initial_election_2a 2>&1 | scripts/dslogs.sh
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
export LAB_CALLED="$0"
# The first build takes a while, so it shows its progress.
quiet=--quiet
[ -e "${CARGO_TARGET_DIR:-$root/target}/debug/lab" ] || quiet=
exec cargo run $quiet --manifest-path "$root/Cargo.toml" --package mit6824-cli --no-default-features --bin lab -- dslogs "$@"
