#!/bin/sh
# Builds this repository with a known mistake and shows which tests find it: see `scripts/zoo.sh --help`.
# You can call it from any folder.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
export LAB_CALLED="$0"
# The first build takes a while, so it shows its progress.
quiet=--quiet
[ -e "${CARGO_TARGET_DIR:-$root/target}/debug/lab" ] || quiet=
exec cargo run $quiet --manifest-path "$root/Cargo.toml" --package mit6824-cli --no-default-features \
    --features zoo --bin lab -- zoo --root "$root" "$@"
