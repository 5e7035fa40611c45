#!/bin/sh
# Makes the pictures of the README and of docs/design.md again. docs/demo.svg shows the screen of a live run.
# docs/page.png shows the page of a failed run, and docs/old-values.png the page of a history. For these two
# you need Chromium. The script also makes out/demo.png from docs/demo.svg.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
cd "$root"
mkdir -p out

LAB_REGENERATE=1 cargo test --quiet --package mit6824-cli --test demo the_screen_as_a_picture
echo "docs/demo.svg"

chromium=
for name in chromium chromium-browser google-chrome; do
    chromium=$(command -v "$name") && break
done
if [ -z "$chromium" ]; then
    echo "screenshots.sh: expected a chromium to make the others" >&2
    exit 1
fi
picture() { # size file page
    "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --virtual-time-budget=3000 \
        --window-size="$1" --screenshot="$2" "file://$root/$3" >/dev/null 2>&1
    echo "$2"
}

picture "$(sed -n '1s/.* width="\([0-9]*\)" height="\([0-9]*\)".*/\1,\2/p' docs/demo.svg)" out/demo.png docs/demo.svg

# This test must fail, because its Raft has a bug: it commits entries of older terms by counting replicas.
page=$(scripts/zoo.sh run commits-older-terms-by-counting --no-monitor --tests figure_8_to_the_letter |
    sed -n 's/^page: *//p')
[ -n "$page" ] || { echo "screenshots.sh: the test has made no page" >&2; exit 1; }
cp "$page" out/page.html
picture 1600,1000 docs/page.png out/page.html

# The leases of this test are not safe, because the clock of the leader is much too slow.
cargo test --quiet --features sim --test reads lease_clocks_beyond_the_bound >/dev/null
cp target/tmp/old-values.html out/old-values.html
picture 1400,700 docs/old-values.png out/old-values.html
