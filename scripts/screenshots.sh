#!/bin/sh
# Makes the pictures of the README again: docs/demo.svg, the screen of a live run, and docs/page.png, the page of a
# failed run, which needs Chromium. It also makes out/demo.png, to look at.
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

# The test fails, as it must: this Raft commits entries of older terms by counting replicas.
page=$(scripts/zoo.sh run commits-older-terms-by-counting --no-monitor --tests figure_8 |
    sed -n 's/^page: *//p')
[ -n "$page" ] || { echo "screenshots.sh: the test has made no page" >&2; exit 1; }
cp "$page" out/page.html
picture 1600,1000 docs/page.png out/page.html
