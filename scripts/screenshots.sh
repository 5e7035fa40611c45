#!/bin/sh
# Makes the pictures of the guide anew: docs/demo.svg, the screen of a live run; and out/demo.png, to look at, if
# there is a Chromium.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
cd "$root"
LAB_REGENERATE=1 cargo test --quiet --release --package mit6824-cli --test demo the_screen_as_a_picture
echo "docs/demo.svg"
for chromium in chromium chromium-browser google-chrome; do
    command -v "$chromium" >/dev/null || continue
    mkdir -p out
    size=$(sed -n '1s/.* width="\([0-9]*\)" height="\([0-9]*\)".*/\1,\2/p' docs/demo.svg)
    "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size="$size" \
        --screenshot=out/demo.png "file://$root/docs/demo.svg" >/dev/null 2>&1
    echo "out/demo.png"
    break
done
