#!/bin/sh
# Runs tests many times and keeps what failed: see `scripts/dstest.sh --help`.
# It works from any folder, on the tests of this repository, or with --root DIR on those of another project.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
export LAB_CALLED="$0"
exec cargo run --quiet --manifest-path "$root/Cargo.toml" --package mit6824-cli --no-default-features --bin lab -- \
    dstest --root "$root" "$@"
