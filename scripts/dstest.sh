#!/bin/sh
# Runs tests many times and keeps the files of the runs that failed: see `scripts/dstest.sh --help`.
# You can call it from any folder. It runs the tests of this repository, or with --root DIR those of another
# project.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
export LAB_CALLED="$0"
case " $*" in *" --junit"*) features=junit ;; *) features= ;; esac
# The first build takes a while, so it shows its progress.
quiet=--quiet
[ -e "${CARGO_TARGET_DIR:-$root/target}/debug/lab" ] || quiet=
exec cargo run $quiet --manifest-path "$root/Cargo.toml" --package mit6824-cli --no-default-features \
    --features "$features" --bin lab -- dstest --root "$root" "$@"
