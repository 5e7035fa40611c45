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
use mit6824_browser::{Looks, Page};
use porcupine::models::kv::{KvInput, KvModel, KvOutput, Operation};
use porcupine::visualization::{Bar, LastFit, Mark, MarkKind, Picture, PicturePart, Step};
use porcupine::{Options, Verdict, check, picture};

/// Five clients and eight keys. Two of the keys have a stale get, and there are faults of all kinds.
fn medium() -> Picture {
    let workload = Workload { clients: 5, keys: 8, each: 60, longest: 80 * MS };
    let picture = workload.picture("five clients, eight keys, unreliable network, partitions", &[2, 5]);
    Picture { marks: faults(1_700 * MS), ..picture }
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

    let none = Picture { title: "nothing".into(), verdict: Verdict::Ok, parts: vec![], marks: vec![] };
    page.open(&none.to_html());
    assert_eq!(page.text("#headline"), "Linearizable: no operations");
    for key in ["e", "f", "+", "ArrowRight", ".", "o", "n", "Escape"] {
        page.press(key);
    }

    // A history whose check has kept no partial linearizations, and in which one client waits for ever.
    let bar = |client, call, ret, text: &str| Bar { client, call, ret, text: text.into() };
    let operations = vec![bar(0, 0, u64::MAX, "put('x', 'a')"), bar(1, 10 * MS, 20 * MS, "get('x') -> 'b'")];
    let bare = PicturePart {
        title: String::new(),
        verdict: Verdict::Illegal,
        initial: String::new(),
        operations,
        partials: vec![],
        last_fit: LastFit::Unknown,
    };
    let bare = Picture { title: "bare".into(), verdict: Verdict::Illegal, parts: vec![bare], marks: vec![] };
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
    page.open(&medium().to_html());
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
    page.open(&medium().to_html());
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
    page.open(&small().to_html());
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
    page.open(&medium().to_html());
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
    page.open(&medium().to_html());
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
    // If the fragment is empty or wrong, the page shows the whole run.
    for fragment in
        ["", "t=5-1&part=99999&op=-3", "t=a&part=x&op=1e9&y=%00", "%", "t=--", "op=1&order=77&q=%3Cimg%3E"]
    {
        page.eval(&format!("location.hash = '{fragment}'"));
        page.settle();
        assert_eq!(page.eval("page.axis.whole"), true, "{fragment}");
    }
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

// ---- appearance ----

#[test]
fn light_and_dark_at_all_sizes() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&medium().to_html());
    page.press("e");
    page.rest();
    let looks = Looks { one_colour: 90, dark: 90.0, light: 180.0 };
    for size in [(1920, 1080), (1440, 900), (900, 700), (420, 800)] {
        page.has_a_picture("size", size, &looks);
    }
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
        }
    });
    let mark = |text: &String| Mark { from: 0, to: Some(50 * MS), kind: MarkKind::Other, text: text.clone() };
    let picture = Picture {
        title: texts.concat(),
        verdict: Verdict::Illegal,
        parts: parts.collect(),
        marks: texts.iter().map(mark).collect(),
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
    let whole = pan(&mut page);
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
    for (view, (mean, longest)) in
        [("whole run", whole), ("a third", third), ("the error", close), ("whole run, one part bright", part)]
    {
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
