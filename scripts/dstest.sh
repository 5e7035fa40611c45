#!/bin/sh
# Runs tests many times and keeps what failed: see `scripts/dstest.sh --help`.
# Works from any folder; a folder given with -o is relative to yours.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
exec cargo run --quiet --release --manifest-path "$root/Cargo.toml" --package mit6824-cli --no-default-features --bin lab -- \
    dstest --root "$root" "$@"
