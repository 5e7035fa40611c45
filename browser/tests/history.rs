//! Tests of the page of a history. The tests use the page as a person does.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests drive a browser: they use real threads and the real clock, even with sim"
)]

mod common;

use std::collections::HashSet;
use std::time::Instant;

use common::{MS, Workload, faults, small};
use labview::spacetime::Trace;
use mit6824_browser::{Looks, Page};
use porcupine::models::kv::{KvInput, KvModel, KvOutput, Operation};
use porcupine::visualization::{Bar, LastFit, Mark, MarkKind, Picture, PicturePart, Step};
use porcupine::{Options, Piece, Verdict, check, picture};

/// Five clients and eight keys. Two of the keys have a stale get, and there are faults of all kinds.
fn medium() -> Picture {
    let workload = Workload { clients: 5, keys: 8, each: 60, longest: 80 * MS };
    let picture = workload.picture("five clients, eight keys, unreliable network, partitions", &[2, 5]);
    Picture { marks: faults(1_700 * MS), ..picture }
}

/// The sizes of windows for which the page is made: a small and a large screen, and a telephone.
const SIZES: [(u32, u32); 3] = [(1280, 800), (1920, 1080), (390, 844)];

/// Opens a page and shows the whole run. Nothing is pinned.
fn open_whole(page: &mut Page, html: &str) {
    page.open(html);
    for key in ["Escape", "Escape", "f"] {
        page.press(key);
    }
    page.rest();
}

/// The middle of an operation's bar, as a place in the window.
fn place(page: &mut Page, op: usize) -> (f64, f64) {
    page.until("page.axis.glide === 0 || document.visibilityState === 'visible'");
    let x = page.number(&format!(
        "page.chart.canvas.getBoundingClientRect().x + (page.axis.x(page.recording.call[{op}]) + page.axis.x(page.recording.ret[{op}])) / 2"
    ));
    let y = page.number(&format!(
        "page.chart.canvas.getBoundingClientRect().y + page.rows.y(page.rows.laneOf[{op}]) + page.rows.bar / 2"
    ));
    (x, y)
}

/// The first and the last time that the chart shows, in ns.
fn view(page: &mut Page) -> (f64, f64) {
    (page.number("page.axis.from"), page.number("page.axis.to"))
}

fn click_on_operation(page: &mut Page, op: usize) {
    let at = place(page, op);
    page.click(at);
}

// ---- texts ----

#[test]
fn the_headline_says_what_was_found_and_the_pane_explains_it() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&small().to_html());
    assert_eq!(page.text("#headline"), "Not linearizable: key 'x', first error at 1.500\u{a0}s");
    assert_eq!(page.text("#title"), "a get that is late");
    let why = page.text("#why").replace(['\u{a0}', '\u{202f}'], " ");
    for said in [
        "No order fits all 8 operations of key 'x'",
        "The longest that fits has 5. It ends with get('x') -> 'c' by client 1, in the state c.",
        "get('x') -> 'ab' by client 2 must come before 1.500 s, when it returned.",
        "So one of these 2 calls, all made by then, must come next; but none of them can have happened in this state:",
        "get('x') -> 'ab' by client 0",
        "was last possible after get('x') -> 'ab' by client 2, in the state ab; then came put('x', 'c') by client 0.",
    ] {
        assert!(why.contains(said), "{said}\nis not in\n{why}");
    }
    let legend = page.text("#legend");
    for word in ["get", "put", "append", "partition", "restart"] {
        assert!(legend.contains(word), "{word} is not in {legend}");
    }
    page.screenshot("small");
    page.no_errors();
}

#[test]
fn every_verdict_has_its_page() {
    let Some(mut page) = Page::new(1200, 800) else { return };
    let ok = Workload { clients: 3, keys: 4, each: 20, longest: 10 * MS }.picture("all is well", &[]);
    page.open(&ok.to_html());
    assert_eq!(page.text("#headline"), "Linearizable: an order fits all 60 operations");
    assert_eq!(page.eval("document.getElementById('error').hidden"), true);
    page.press("e");
    let whole = page.eval("page.axis.whole");
    assert_eq!(whole, true, "there is no error, so the whole run is in view");
    page.click_on("#parts button");
    assert!(page.text("#why").contains("An order fits all"), "{}", page.text("#why"));
    page.screenshot("ok");

    let mut unknown = ok.clone();
    unknown.verdict = Verdict::Unknown;
    unknown.parts[1].verdict = Verdict::Unknown;
    unknown.parts[1].partials[0].truncate(3);
    page.open(&unknown.to_html());
    assert_eq!(page.text("#headline"), "Undecided: the check was stopped before it knew about key 'b'");
    assert!(page.text("#why").contains("The search in key 'b' was stopped"), "{}", page.text("#why"));
    page.screenshot("unknown");

    let none = Picture { title: "nothing".into(), ..Picture::default() };
    page.open(&none.to_html());
    assert_eq!(page.text("#headline"), "Linearizable: no operations");
    for key in ["e", "f", "+", "ArrowRight", ".", "o", "n", "Escape"] {
        page.press(key);
    }

    // The check of this history has kept no partial linearizations. One client waits for ever.
    let bar = |client, call, ret, text: &str| Bar { client, call, ret, text: text.into() };
    let operations = vec![bar(0, 0, u64::MAX, "put('x', 'a')"), bar(1, 10 * MS, 20 * MS, "get('x') -> 'b'")];
    let bare = PicturePart { verdict: Verdict::Illegal, operations, ..PicturePart::default() };
    let bare =
        Picture { title: "bare".into(), verdict: Verdict::Illegal, parts: vec![bare], ..Picture::default() };
    page.open(&bare.to_html());
    assert_eq!(page.text("#headline"), "Not linearizable");
    let why = page.text("#why");
    assert!(why.contains("nothing is known about why") && !why.contains("cannot"), "{why}");
    page.press("e");
    assert_eq!(page.eval("page.chosen.pinned"), -1, "no error is known, so no operation is pinned");
    page.press("f");
    page.rest();
    click_on_operation(&mut page, 0);
    assert!(page.text("#pinned").contains("never"), "{}", page.text("#pinned"));
    page.screenshot("bare");

    // A history in which no operation can be the first.
    let history = [Operation {
        client: 1,
        input: KvInput::get("x"),
        call: 0,
        output: KvOutput::value("b"),
        ret: 10 * MS,
    }];
    let report = check(&KvModel, &history, &Options { partials: true, ..Options::default() });
    page.open(&picture(&KvModel, &history, &report, "a value from nowhere", vec![]).to_html());
    assert_eq!(page.text("#headline"), "Not linearizable: key 'x', first error at 0.010\u{a0}s");
    assert!(page.text("#why").contains("No order fits even one of them"), "{}", page.text("#why"));
    page.press("e");
    assert_eq!(page.eval("page.chosen.pinned"), 0);
    page.no_errors();
}

// ---- navigation ----

#[test]
fn the_first_error_needs_one_key_or_one_click() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    open_whole(&mut page, &medium().to_html());
    page.screenshot("medium");
    assert_eq!(page.eval("page.axis.whole"), true);
    let error = "page.recording.errors[0]";
    for way in ["key", "button"] {
        if way == "key" {
            page.press("e")
        } else {
            page.click_on("#error")
        }
        page.rest();
        assert_eq!(page.eval("page.axis.whole"), false, "{way}: the view has not moved");
        let seen = format!("page.axis.from < page.recording.call[{error}.op] && {error}.time < page.axis.to");
        assert_eq!(page.eval(&seen), true, "{way}: the error is out of view");
        assert_eq!(page.eval(&format!("page.chosen.pinned === {error}.op")), true, "{way}");
        assert!(page.text("#pinned").contains("First error"), "{}", page.text("#pinned"));
        page.screenshot("medium-error");
        page.press("Escape");
        page.press("Escape");
        page.press("f");
        page.rest();
        assert_eq!(page.eval("page.axis.whole && page.chosen.pinned < 0 && page.chosen.part < 0"), true);
    }
    page.press("]");
    page.press("]");
    assert_eq!(
        page.eval("page.chosen.pinned === page.recording.errors[1].op"),
        true,
        "the page has gone to the second error"
    );
    page.press("[");
    assert_eq!(
        page.eval("page.chosen.pinned === page.recording.errors[0].op"),
        true,
        "the page has gone back to the first error"
    );
    page.no_errors();
}

#[test]
fn wheel_drag_and_keys_move_the_view() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    open_whole(&mut page, &medium().to_html());
    let middle = (700.0, 350.0);
    let time_at = "page.axis.time(700 - page.chart.canvas.getBoundingClientRect().x)";

    // The wheel zooms. The time under the pointer stays at its place.
    let pointed = page.number(time_at);
    let whole = view(&mut page);
    page.wheel(middle, -300.0);
    page.wheel(middle, -300.0);
    let zoomed = view(&mut page);
    assert!(zoomed.1 - zoomed.0 < (whole.1 - whole.0) / 2.0, "{whole:?} {zoomed:?}");
    assert!((page.number(time_at) - pointed).abs() < 10_000.0, "the time under the pointer has moved");

    // A drag to the left moves the view to later times, by the same number of pixels.
    let scale = page.number("page.axis.scale");
    page.drag(middle, (600.0, 350.0));
    let dragged = view(&mut page);
    assert!((dragged.0 - zoomed.0 - 100.0 * scale).abs() < scale, "{zoomed:?} {dragged:?}");
    assert_eq!(page.eval("page.chosen.pinned"), -1, "a drag is not a click");

    page.press("ArrowRight");
    let later = view(&mut page);
    assert!(later.0 > dragged.0 && later.1 > dragged.1);
    page.press("ArrowLeft");
    assert!((view(&mut page).0 - dragged.0).abs() < 1.0);
    page.press("+");
    let closer = view(&mut page);
    assert!(closer.0 > dragged.0 && closer.1 < dragged.1);
    page.press("-");
    assert!((view(&mut page).0 - dragged.0).abs() < 1.0);

    // The strip above the chart shows the whole run. A drag in this strip chooses the time span for the
    // chart.
    page.press("f");
    page.rest();
    assert_eq!(page.eval("page.axis.whole"), true);
    let strip = page.number("page.overview.canvas.getBoundingClientRect().y") + 20.0;
    page.drag((500.0, strip), (600.0, strip));
    let chosen = page.number("page.overview.x(page.axis.to) - page.overview.x(page.axis.from)");
    assert!((chosen - 100.0).abs() < 1.0, "{chosen} pixels are shown");

    // The view never gets shorter than 100 ns, and never longer than the run.
    for _ in 0..80 {
        page.eval("page.axis.zoom(0.5)");
    }
    page.screenshot("medium-closest");
    let (from, to) = view(&mut page);
    assert!(to > from && to - from >= 99.0, "{from} {to}");
    page.eval("page.axis.zoom(1e12)");
    assert_eq!(page.eval("page.axis.whole"), true);
    page.no_errors();
}

#[test]
fn pointing_shows_a_tooltip_and_a_click_pins() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    open_whole(&mut page, &small().to_html());
    let at = place(&mut page, 3);
    page.point(at);
    let tip = page.text("#tooltip").replace('\u{a0}', " ");
    for told in
        ["put('x', 'c')", "client", "0.460 s", "0.900 s", "440 ms", "4 of 5", "state before", "ab", "c"]
    {
        assert!(tip.contains(told), "{told} is not in {tip}");
    }
    page.screenshot("small-tooltip");
    page.click(at);
    assert_eq!(page.eval("page.chosen.pinned"), 3);
    assert!(page.text("#pinned").contains("put('x', 'c')"));
    // The key `.` goes to the next operation of the order that the checker has found. After the last
    // operation of this order, the key goes to the operation that does not fit into the order.
    page.press(".");
    assert_eq!(page.eval("page.chosen.pinned"), 4);
    page.press(".");
    assert_eq!(page.eval("page.chosen.pinned"), 5);
    page.press(",");
    assert_eq!(page.eval("page.chosen.pinned"), 4);
    page.press("Escape");
    assert_eq!(page.eval("page.chosen.pinned"), -1);
    // The strip with the test's events has tooltips, too.
    let (x, y) = (place(&mut page, 4).0, page.number("page.chart.canvas.getBoundingClientRect().y") + 36.0);
    page.point((x, y));
    let tip = page.text("#tooltip");
    assert!(tip.contains("partition: servers 0 1 | server 2"), "{tip}");
    // A link in the text pins its operation.
    page.click_on("#why .next a");
    assert_eq!(page.eval("page.chosen.pinned"), 5);
    page.no_errors();
}

#[test]
fn a_search_finds_and_visits_operations() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&medium().to_html());
    page.press("/");
    page.write("put client 3");
    page.until("document.getElementById('found').textContent.endsWith('found')");
    let found = page.number("page.search.matches.length");
    assert!(found > 5.0, "{found} found");
    let right = "page.search.matches.every((op) => page.recording.client[op] === 3 && page.recording.texts[op].startsWith('put'))";
    assert_eq!(page.eval(right), true);
    page.press("Enter");
    assert_eq!(page.eval("page.chosen.pinned === page.search.matches[0]"), true);
    page.press("Enter");
    assert_eq!(page.eval("page.chosen.pinned === page.search.matches[1]"), true);
    page.screenshot("medium-search");
    assert_eq!(page.text("#found"), format!("2 of {found}"));
    page.press("Escape");
    assert_eq!(page.eval("page.search.matches.length"), 0);
    page.press("/");
    page.write("no client wrote this");
    page.until("document.getElementById('found').textContent === '0 found'");
    page.no_errors();
}

#[test]
fn a_chosen_part_is_not_dimmed() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    open_whole(&mut page, &medium().to_html());
    assert_eq!(page.eval("document.querySelectorAll('#parts button').length"), 8);
    let first = page.text("#parts button:first-child .sign");
    assert_eq!(first, "✕", "an illegal part comes first");
    let all = page.screenshot("medium-all").colours().len();
    page.click_on("#parts button:first-child");
    assert_eq!(page.eval("page.chosen.part === page.recording.errors[0].part"), true);
    let one = page.screenshot("medium-part");
    assert!(one.colours().len() > all / 4, "the dimmed picture is nearly empty");
    page.click_on("#parts button:first-child");
    assert_eq!(page.eval("page.chosen.part"), -1, "a second click chooses no part");
    page.click_on("#filter");
    page.write("'d'");
    assert_eq!(page.text("#parts .name"), "key 'd'");
    assert_eq!(page.eval("document.querySelectorAll('#parts button').length"), 1);
    page.no_errors();
}

#[test]
fn the_url_keeps_the_view() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    open_whole(&mut page, &medium().to_html());
    page.press("/");
    page.write("append");
    page.until("document.getElementById('found').textContent.endsWith('found')");
    // The search field has the focus. So this key is typed into the field, and the page does not go to the
    // first error.
    page.press("e");
    assert_eq!(page.eval("page.chosen.pinned"), -1);
    page.eval("document.activeElement.blur()");
    page.press("e");
    page.rest();
    page.eval("page.fragment.write()");
    let state = "[page.axis.from, page.axis.to].map(Math.round).concat(page.chosen.part, page.chosen.pinned, page.search.query).join()";
    let (url, kept) = (page.eval("location.href"), page.eval(state));
    let url = url.as_str().expect("the value is a text");
    assert!(url.contains("#t="), "{url}");
    page.go("about:blank");
    page.go(url);
    page.settle();
    assert_eq!(page.eval(state), kept, "another window shows the same view");
    // If the fragment is empty or wrong, the page opens at the first error.
    for fragment in
        ["", "t=5-1&part=99999&op=-3", "t=a&part=x&op=1e9&y=%00&rows=p.p.9x", "%", "t=--&plot=a.b"]
    {
        page.eval("page.fragment.write(), location.hash = 't=whole'");
        page.settle();
        assert_eq!(page.eval("page.axis.whole && page.chosen.pinned < 0"), true, "before {fragment}");
        page.eval(&format!("page.fragment.write(), location.hash = '{fragment}'"));
        page.settle();
        let at_error = "!page.axis.whole && page.chosen.pinned === page.recording.errors[0].op";
        assert_eq!(page.eval(at_error), true, "{fragment}");
    }
    // An address that names only an operation shows this operation.
    page.eval("page.fragment.write(), location.hash = 'op=1&order=77&q=%3Cimg%3E'");
    page.settle();
    assert_eq!(page.eval("page.chosen.pinned"), 1);
    let seen =
        "page.axis.from < page.recording.call[1] && page.recording.ret[1] < page.axis.to && !page.axis.whole";
    assert_eq!(page.eval(seen), true);
    page.no_errors();
}

#[test]
fn all_orders_can_be_seen() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(
        &Workload { clients: 20, keys: 12, each: 250, longest: 80 * MS }.picture("a crowd", &[2]).to_html(),
    );
    let orders = page.number("page.recording.parts[page.explained].orders.length");
    assert!(orders > 1.0, "the example has only one order");
    page.press("o");
    assert_eq!(page.eval("page.chosen.order"), 1);
    assert!(page.text("#why").contains("order 2 of"), "{}", page.text("#why"));
    page.press("O");
    assert_eq!(page.eval("page.chosen.order"), 0);
    // An order has one point for each operation: the time at which the operation may have taken effect. The
    // point is between the call and the return of the operation. Along the order, the times never go down.
    let sound = "page.recording.parts.every((part) => part.orders.every((order) => {
        const { call, ret } = page.recording, at = order.points();
        return at.every((t, i) => t >= call[order.ops[i]] && t <= ret[order.ops[i]] && (i === 0 || t >= at[i - 1]));
    }))";
    assert_eq!(page.eval(sound), true);
    page.no_errors();
}

#[test]
fn the_page_opens_at_the_first_error() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    for size in SIZES {
        page.resize(size.0, size.1);
        page.open(&medium().to_html());
        let error = "page.recording.errors[0]";
        assert_eq!(page.eval(&format!("page.chosen.pinned === {error}.op")), true, "{size:?}");
        let seen = format!("page.axis.from < page.recording.call[{error}.op] && {error}.time < page.axis.to");
        assert_eq!(page.eval(&seen), true, "{size:?}: the error is out of view");
        assert_eq!(page.eval("page.axis.whole"), false, "{size:?}");
        let y = page.number(&format!("page.rows.y(page.rows.laneOf[{error}.op])"));
        assert!(y > 0.0 && y < page.number("page.chart.height"), "{size:?}: the row is out of view");
    }
    page.press("Escape");
    page.press("Escape");
    page.press("f");
    page.rest();
    page.eval("page.fragment.write()");
    let url = page.eval("location.href");
    let url = url.as_str().expect("the value is a text");
    assert!(url.ends_with("#t=whole"), "{url}");
    page.go("about:blank");
    page.go(url);
    assert_eq!(
        page.eval("page.axis.whole && page.chosen.pinned < 0"),
        true,
        "the address keeps the whole run"
    );
    page.no_errors();
}

/// The page's explanation of a history of one key. One client appends `<0>`, `<1>` and so on. Then another
/// client reads the value `read`.
fn explained(page: &mut Page, appends: usize, read: &str) -> String {
    let mut history: Vec<Operation> = (0..appends)
        .map(|at| Operation {
            client: 0,
            input: KvInput::append("x", format!("<{at}>").as_str()),
            call: at as u64 * 2 * MS,
            output: KvOutput::none(),
            ret: (at as u64 * 2 + 1) * MS,
        })
        .collect();
    let call = appends as u64 * 2 * MS;
    let (input, output) = (KvInput::get("x"), KvOutput::value(read));
    history.push(Operation { client: 1, input, call, output, ret: call + MS });
    let report = check(&KvModel, &history, &Options { partials: true, ..Options::default() });
    page.open(&picture(&KvModel, &history, &report, "appends", vec![]).to_html());
    page.text("#why p").replace(['\u{a0}', '\u{202f}'], " ")
}

#[test]
fn the_page_says_what_is_missing_or_twice_or_in_the_wrong_order() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    let all = |n: usize, but: &[usize]| -> String {
        (0..n).filter(|at| !but.contains(at)).map(|at| format!("<{at}>")).collect()
    };
    let append = |at: usize| format!("append('x', '<{at}>') by client 0");
    // After 100 appends, the value is so long that the history has only its beginning and its end.
    for n in [5, 100] {
        let last = n - 1;
        for (read, told) in [
            (all(n, &[last]), format!("The value lacks its end: {} is missing.", append(last))),
            (
                all(n, &[last, n - 2]),
                format!("The value lacks its end: {} and {} are missing.", append(n - 2), append(last)),
            ),
            (
                all(n, &[2]),
                format!(
                    "In the value, {} is missing, although {} is there, which comes later.",
                    append(2),
                    append(3)
                ),
            ),
            (all(n, &[]) + "<2>", format!("In the value, {} is there twice.", append(2))),
            (
                all(n, &[1, 2]).replacen("<0>", "<0><2><1>", 1),
                format!("In the value, {} stands before {}.", append(2), append(1)),
            ),
        ] {
            let said = explained(&mut page, n, &read);
            assert!(said.contains(&told), "{n}: {told}\nis not in\n{said}");
        }
    }
    // The operations in the sentence are links.
    page.eval("document.querySelector('#why p:first-of-type a:last-of-type').click()");
    assert_eq!(page.eval("page.chosen.pinned"), 1);
    page.no_errors();
}

// ---- latencies and rates ----

#[test]
fn latencies_and_rates_are_shown_over_time_by_client_and_by_key() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    open_whole(&mut page, &medium().to_html());
    page.click_on("#show-plots");
    assert_eq!(page.eval("getComputedStyle(document.getElementById('chart')).display"), "none");
    let all = page.screenshot("plots-all").colours();
    assert!(all.len() > 100, "only {} colours", all.len());
    // The rates agree with the operations: the sum over all steps is the number of operations.
    let sum = "(() => { const { all, step } = page.plots.rates(page.plots.rows[0]);
        return Math.round(all.reduce((a, b) => a + b) * step / 1e9); })()";
    assert_eq!(page.number(sum), page.number("page.recording.size"));
    // A longer latency is drawn higher. If a latency is ten times as long, it is always drawn the same
    // distance higher.
    let y = |page: &mut Page, ns: f64| page.number(&format!("page.plots.y({ns}, page.plots.place(0))"));
    let (a, b, c) = (y(&mut page, 1e6), y(&mut page, 1e7), y(&mut page, 1e8));
    assert!(a > b && ((a - b) - (b - c)).abs() < 0.01, "{a} {b} {c}");

    // Points at an operation, and pins it.
    let at = page.eval(
        "(() => { const box = page.plots.canvas.getBoundingClientRect(), { call, ret } = page.recording, op = 7;
        return [box.x + page.axis.x(call[op]), box.y + page.plots.y(ret[op] - call[op], page.plots.place(0))]; })()",
    );
    let at = (at[0].as_f64().expect("a number"), at[1].as_f64().expect("a number"));
    page.point(at);
    let op = page.number("page.hover");
    assert!(op >= 0.0 && page.text("#tooltip").contains("took"), "{}", page.text("#tooltip"));
    page.click(at);
    assert_eq!(page.number("page.chosen.pinned"), op);

    page.click_on("[data-grouping=client]");
    assert_eq!(
        page.eval("page.plots.rows.map((row) => row.name).join()"),
        "client 0,client 1,client 2,client 3,client 4"
    );
    page.screenshot("plots-client");
    page.click_on("[data-grouping=part]");
    assert_eq!(page.number("page.plots.rows.length"), 8.0);
    assert_eq!(page.eval("page.plots.rows[0].name"), "key 'a'");
    page.wheel_alt((700.0, 500.0), 200.0);
    assert!(page.number("page.plots.scroll") > 0.0, "eight rows need more room than there is");
    page.screenshot("plots-key");
    // Shows only one client and only one key.
    page.eval("document.getElementById('plot-client').value = '3', document.getElementById('plot-client').dispatchEvent(new Event('change'))");
    page.eval("document.getElementById('plot-part').value = '2', document.getElementById('plot-part').dispatchEvent(new Event('change'))");
    page.settle();
    let right = "page.plots.rows.length === 1 && page.plots.rows[0].byCall.every((op) => page.recording.client[op] === 3 && page.recording.partOf[op] === 2)";
    assert_eq!(page.eval(right), true);
    // The address of the page keeps these choices.
    page.eval("page.fragment.write()");
    let url = page.eval("location.href");
    let url = url.as_str().expect("the value is a text");
    page.go("about:blank");
    page.go(url);
    assert_eq!(page.eval(right), true, "{url}");
    assert_eq!(page.eval("page.view"), "plots");
    // The time axis is the same in both views.
    page.press("+");
    let before = view(&mut page);
    page.press("l");
    assert_eq!(view(&mut page), before);
    assert_eq!(page.eval("page.view"), "operations");
    page.no_errors();
}

// ---- rows, measuring, legend, small screens ----

/// The middle of the name of a row, as a place in the window.
fn name_of(page: &mut Page, row: usize) -> (f64, f64) {
    let y = page.number(&format!(
        "page.chart.canvas.getBoundingClientRect().y + page.rows.y(page.rows.firsts[{row}]) + page.rows.bar / 2"
    ));
    (page.number("page.chart.canvas.getBoundingClientRect().x") + 40.0, y)
}

#[test]
fn rows_are_pinned_and_moved() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    let crowd = Workload { clients: 40, keys: 3, each: 20, longest: 20 * MS };
    open_whole(&mut page, &crowd.picture("forty clients", &[]).to_html());
    // A click on a name pins the row: the row moves to the top, and stays there.
    let name = name_of(&mut page, 5);
    page.click(name);
    assert_eq!(page.eval("page.rows.shown.slice(0, 3).join()"), "5,0,1");
    let y = page.number("page.rows.y(page.rows.firsts[5])");
    for _ in 0..10 {
        page.press("ArrowDown");
    }
    assert!(page.number("page.rows.scroll") > 100.0);
    assert_eq!(page.number("page.rows.y(page.rows.firsts[5])"), y, "a pinned row does not scroll");
    assert_eq!(page.eval("page.rows.hidden(page.rows.firsts[0])"), true, "other rows scroll behind it");
    page.screenshot("rows-pinned");
    // A click at the place of the pinned row finds the operations of this row.
    let op = page.number("page.rows.lanes[page.rows.firsts[5]].ops[3]") as usize;
    click_on_operation(&mut page, op);
    assert_eq!(page.number("page.chosen.pinned") as usize, op);
    // A drag of a name moves the row.
    for _ in 0..10 {
        page.press("ArrowUp");
    }
    let (from, to) = (name_of(&mut page, 2), name_of(&mut page, 4));
    page.drag(from, to);
    assert_eq!(page.eval("page.rows.shown.slice(0, 6).join()"), "5,0,1,3,4,2");
    assert_eq!(page.eval("page.axis.whole"), true, "the view has not moved");
    // A key pins and unpins rows, too.
    page.press("P");
    assert_eq!(page.eval("page.rows.pins.size"), 0, "the key unpins the row of the pinned operation");
    page.press("P");
    page.eval("page.fragment.write()");
    let url = page.eval("location.href");
    let url = url.as_str().expect("the value is a text");
    let shown = page.eval("page.rows.shown.join()");
    page.go("about:blank");
    page.go(url);
    assert_eq!(page.eval("page.rows.shown.join()"), shown, "the address keeps the rows: {url}");
    assert_eq!(page.eval("[...page.rows.pins].join()"), "5");
    page.no_errors();
}

#[test]
fn long_names_of_clients_are_not_cut() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    let mut picture = small();
    for bar in &mut picture.parts[0].operations {
        bar.client += 4_000_000_000;
    }
    page.open(&picture.to_html());
    let room = page.number("page.axis.left") - 26.0;
    page.eval("page.chart.context.font = page.theme.colour('font-label-strong')");
    let need = page.number("page.chart.context.measureText('client 4000000002').width");
    assert!(need <= room, "the name needs {need} pixels and has {room}");
    page.screenshot("long-names");
    page.no_errors();
}

#[test]
fn a_span_of_time_is_measured() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    open_whole(&mut page, &medium().to_html());
    let before = view(&mut page);
    page.drag_with_shift((500.0, 450.0), (700.0, 450.0));
    let length = page.number("page.measured.to - page.measured.from");
    let scale = page.number("page.axis.scale");
    assert!((length - 200.0 * scale).abs() < scale, "{length} ns, and a pixel is {scale} ns");
    assert_eq!(view(&mut page), before, "the drag does not move the view");
    page.screenshot("measured");
    page.press("l");
    page.screenshot("measured-plots");
    page.press("l");
    page.press("Escape");
    assert_eq!(page.eval("page.measured"), serde_json::Value::Null);
    // With the ruler, each drag measures. This works without a keyboard.
    page.click_on("#ruler");
    page.drag((500.0, 450.0), (600.0, 450.0));
    assert!((page.number("page.measured.to - page.measured.from") - 100.0 * scale).abs() < scale);
    page.press("m");
    page.drag((500.0, 450.0), (600.0, 450.0));
    assert!(page.eval("page.axis.whole") == true && page.eval("page.ruler") == false);
    page.no_errors();
}

#[test]
fn the_legend_has_everything_that_is_drawn() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    let mut picture = medium();
    picture.parts[0].operations[0].ret = u64::MAX;
    page.open(&picture.to_html());
    let legend = page.text("#legend");
    for word in [
        "get",
        "put",
        "append",
        "too near to tell apart",
        "takes effect",
        "has no place",
        "could come next",
        "never returned",
        "other keys",
        "pinned",
        "found by the search",
        "network",
        "partition",
        "crash",
        "restart",
        "configuration",
        "failure",
        "other",
    ] {
        assert!(legend.contains(word), "{word} is not in {legend}");
    }
    page.no_errors();
}

#[test]
fn on_a_telephone_the_controls_fold() {
    let Some(mut page) = Page::new(390, 844) else { return };
    page.open(&medium().to_html());
    let shown = "[...document.querySelectorAll('.controls > *')].filter((one) => one.getClientRects().length > 0).map((one) => one.id).join()";
    assert_eq!(page.eval(shown), "error,more");
    page.screenshot("telephone");
    page.click_on("#more");
    let all = page.eval(shown);
    for id in ["next-error", "ruler", "theme", "help-button"] {
        assert!(all.as_str().is_some_and(|all| all.contains(id)), "{id} is not in {all}");
    }
    page.screenshot("telephone-open");
    page.click_on("#show-plots");
    page.click_on("#more");
    page.screenshot("telephone-plots");
    assert_eq!(page.eval(shown), "error,more");
    assert!(page.number("document.getElementById('legend').getClientRects().length") > 0.0);
    page.resize(1280, 800);
    assert_eq!(page.eval("document.getElementById('more').getClientRects().length"), 0);
    page.no_errors();
}

// ---- the page of the run ----

#[test]
fn the_pages_of_a_run_and_of_its_history_link_to_each_other() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    let dir = std::env::temp_dir().join(format!("mit6824-linked-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("the test can make a folder");
    let picture = Picture { beside_run: true, ..small() };
    picture.write(dir.join("t-7-history.html")).expect("the folder can be written");
    // Makes the events of a run from the calls and returns of the same history.
    let bars = &picture.parts[0].operations;
    let mut events: Vec<(u64, String)> = Vec::new();
    for (id, bar) in bars.iter().enumerate() {
        let client = bar.client;
        let line =
            |kind: &str, more: &str| format!(r#""kind":"client.{kind}","id":{id},"f.client":{client}{more}"#);
        events.push((bar.call, line("call", r#","f.op":"get","f.key":"x""#)));
        events.push((bar.ret, line("return", "")));
    }
    events.sort();
    let blocked = &bars[5];
    let end = 2200 * MS;
    let (client, called) = (blocked.client, blocked.call);
    events.push((end, format!(r#""kind":"check.verdict","f.verdict":"illegal","f.key":"x","f.client":{client},"f.called":{called}"#)));
    events.push((end, r#""kind":"test.failed","f.message":"history is not linearizable""#.to_owned()));
    let lines: String =
        events.iter().map(|(t, event)| format!("{{\"t\":{t},\"thread\":1,{event}}}\n")).collect();
    let mut trace = Trace::read(lines.as_bytes()).expect("the trace is good");
    trace.history = true;
    std::fs::write(dir.join("t-7.html"), labview::spacetime::html(&trace, 1000))
        .expect("the folder can be written");

    // The page of the run opens at the operation that fits nowhere into the order, although the run ends much
    // later.
    page.go(&format!("file://{}", dir.join("t-7.html").display()));
    page.rest();
    let pinned = "page.run.t[page.pinned]";
    assert_eq!(page.number(pinned), blocked.ret as f64);
    page.screenshot("run-of-a-history");
    page.click_on("#history");
    page.until("location.pathname.endsWith('t-7-history.html') && window.page?.painted > 0");
    assert_eq!(page.number("page.chosen.pinned"), 5.0, "the page of the history opens at the same operation");
    // From each operation of the history a link leads to the same operation in the run.
    page.press(",");
    let op = page.number("page.chosen.pinned") as usize;
    assert_ne!(op, 5);
    let same = "document.querySelector('#pinned a.button').href === document.getElementById('run').href";
    assert_eq!(page.eval(same), true);
    page.click_on("#run");
    page.until("location.pathname.endsWith('t-7.html') && window.page?.painted > 0");
    page.rest();
    assert_eq!(page.number(pinned), bars[op].ret as f64);
    page.no_errors();
    std::fs::remove_dir_all(dir).expect("the test has made this folder");
}

// ---- appearance ----

#[test]
fn light_and_dark_at_all_sizes() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&medium().to_html());
    page.press("e");
    page.rest();
    let looks = Looks { one_colour: 90, dark: 90.0, light: 180.0 };
    for size in SIZES.into_iter().chain([(900, 700)]) {
        page.has_a_picture("size", size, &looks);
    }
    page.press("l");
    for size in SIZES {
        page.has_a_picture("plots", size, &looks);
    }
    page.press("l");
    // The theme that the reader chooses has priority over the theme of the system.
    page.resize(1440, 900);
    page.dark(true);
    page.press("t");
    assert!(page.screenshot("switched").brightness() > 180.0);
    page.dark(false);
    page.click_on("#theme");
    assert!(page.screenshot("switched-back").brightness() < 90.0);
    page.press("?");
    assert_eq!(page.eval("document.getElementById('help').open"), true);
    page.screenshot("help");
    page.press("e");
    page.click_on("#help-close");
    assert_eq!(page.eval("document.getElementById('help').open"), false);
    page.no_errors();
}

// ---- hostile texts ----

#[test]
fn hostile_texts_are_only_text() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    let hostile = [
        "</script><img src=x onerror=window.harm=1><script>window.harm=1</script>",
        "<!--<script>",
        "'\"`${window.harm=1}`\\",
        "\u{0}\u{1}\u{8}\n\r\t\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{feff}\u{200b}",
        "<svg onload=window.harm=1>",
        "javascript:window.harm=1",
        "__proto__",
        "constructor",
        "😀e\u{301}漢字",
        "",
    ];
    let mut texts: Vec<String> = hostile.iter().map(ToString::to_string).collect();
    texts.push("</script>".repeat(120_000));
    let parts = texts.iter().enumerate().map(|(i, text)| {
        let call = i as u64 * 10 * MS;
        let bar = |client, at: u64| Bar {
            client,
            call: call + at * MS,
            ret: call + (at + 4) * MS,
            text: text.clone(),
        };
        PicturePart {
            title: text.clone(),
            verdict: Verdict::Illegal,
            initial: text.clone(),
            operations: vec![bar(0, 0), bar(u32::MAX, 5)],
            partials: vec![vec![Step { bar: 0, state: text.clone() }]],
            last_fit: LastFit::After(0),
            difference: vec![Piece::Text(text.clone()), Piece::Operation(1)],
        }
    });
    let mark = |text: &String| Mark { from: 0, to: Some(50 * MS), kind: MarkKind::Other, text: text.clone() };
    let picture = Picture {
        title: texts.concat(),
        verdict: Verdict::Illegal,
        parts: parts.collect(),
        marks: texts.iter().map(mark).collect(),
        beside_run: true,
    };
    page.open(&picture.to_html());
    page.screenshot("hostile");
    assert_eq!(page.eval("page.recording.size"), 2 * texts.len());
    for (i, text) in texts.iter().enumerate() {
        assert_eq!(page.eval(&format!("page.recording.texts[{}]", 2 * i)), **text, "the text has changed");
        page.press("]");
        page.rest();
        let op = page.number("page.chosen.pinned") as usize;
        let at = place(&mut page, op);
        page.point(at);
    }
    page.screenshot("hostile-pinned");
    page.eval("document.querySelectorAll('.more').forEach((button) => button.click())");
    page.press("/");
    page.write("</script>");
    page.until("page.search.matches.length > 0");
    page.press("Enter");
    assert_eq!(page.eval("window.harm === undefined"), true, "a text was executed");
    assert_eq!(page.eval("document.querySelectorAll('img, svg').length"), 0, "a text became markup");
    page.no_errors();
}

// ---- many operations ----

/// Draws the page while the view moves, and returns the mean and the longest time of a frame, in ms.
fn pan(page: &mut Page) -> (f64, f64) {
    let script = "(() => {
        const times = [];
        for (let i = 0; i < 40; i += 1) {
            const start = performance.now();
            page.axis.pan(i % 2 === 0 ? 37 : -36);
            page.draw();
            times.push(performance.now() - start);
        }
        return [times.reduce((a, b) => a + b) / times.length, Math.max(...times)];
    })()";
    let times = page.eval(script);
    (times[0].as_f64().expect("the value is a number"), times[1].as_f64().expect("the value is a number"))
}

fn many_operations(clients: u32, keys: usize, each: usize, name: &str) {
    let Some(mut page) = Page::new(1440, 900) else { return };
    let n = clients as usize * each;
    let start = Instant::now();
    let picture = Workload { clients, keys, each, longest: 20 * MS }.picture("many operations", &[3]);
    let checked = start.elapsed();
    let start = Instant::now();
    let length = picture.parts.iter().flat_map(|part| &part.operations).map(|bar| bar.ret).max().unwrap_or(0);
    let html = Picture { marks: faults(length), ..picture }.to_html();
    let written = start.elapsed();
    let opened = page.open(&html);
    page.until("page.painted > 0");
    let paint = page.number("page.painted");
    assert_eq!(page.eval("page.recording.size"), n);
    assert!(page.screenshot(name).colours().len() > 100);
    println!(
        "{n} operations: checked {checked:.1?}, page of {:.1} MB made in {written:.1?}, opened in {opened:.1?}, first paint after {paint:.0} ms",
        html.len() as f64 / 1e6
    );
    page.press("f");
    page.rest();
    let whole = pan(&mut page);
    page.press("l");
    let plots = pan(&mut page);
    page.eval("page.plots.grouping = 'client'");
    let by_client = pan(&mut page);
    page.screenshot(&format!("{name}-plots"));
    page.press("l");
    page.eval("page.axis.zoom(0.3)");
    let third = pan(&mut page);
    page.press("e");
    page.rest();
    let close = pan(&mut page);
    page.screenshot(&format!("{name}-error"));
    page.eval("page.axis.fit()");
    page.rest();
    let part = pan(&mut page);
    page.screenshot(&format!("{name}-part"));
    let views = [
        ("whole run", whole),
        ("a third", third),
        ("the error", close),
        ("whole run, one part bright", part),
        ("latencies and rates", plots),
        ("latencies and rates by client", by_client),
    ];
    for (view, (mean, longest)) in views {
        println!("  a frame of {view}: {mean:.1} ms, at most {longest:.1} ms");
    }
    // Now the whole run is in view, so the bars are very narrow. But the picture still shows the operations.
    let drawn: HashSet<[u8; 3]> = page.screenshot(name).colours().into_keys().collect();
    assert!(drawn.len() > 50);
    page.press("/");
    page.write("get");
    page.until("page.search.matches.length > 1000");
    let searched = pan(&mut page);
    println!("  with {} matches: {:.1} ms", page.number("page.search.matches.length"), searched.0);
    page.no_errors();
}

#[test]
fn five_thousand_operations_of_twenty_clients() {
    many_operations(20, 12, 250, "many-5000");
}

#[test]
fn a_hundred_thousand_operations() {
    many_operations(20, 60, 5_000, "many-100000");
}
