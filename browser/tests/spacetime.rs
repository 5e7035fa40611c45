//! Tests of the page of a run. The tests use the page as a person does.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests drive a browser: they use real threads and the real clock, even with sim"
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;
use std::{env, fs, process};

use labrt::Run;
use labrt::time::Duration;
use labtest::raft::{Retry, Setup, make_config};
use labview::spacetime::{MOST_EVENTS, Trace, html};
use mit6824::raft::Raft;
use mit6824_browser::{Looks, Page};

/// The trace of a run that fails. The leader and one follower are cut off from the other servers. The test
/// expects that these two servers commit an entry. This fails, because only the other side of the partition
/// has a majority.
fn failing_run() -> Trace {
    let file: PathBuf = env::temp_dir().join(format!("mit6824-spacetime-{}.jsonl", process::id()));
    let run = Run {
        seed: 7,
        quiet: true,
        trace_file: Some(file.clone()),
        hints: Some(|_, _| vec!["usual reasons (paper 5.3):".to_owned(), "* One <b>reason</b>.".to_owned()]),
        identity: labrt::here!().with_test("a_partition_2b", false),
        ..Run::default()
    };
    let outcome = run.once(7, || {
        let cfg = make_config::<Raft>(Setup::of(5));
        cfg.begin("Test: a minority does not commit");
        cfg.one(1, 5, Retry::No);
        let old = cfg.check_one_leader();
        let [mate, others @ ..] = [1, 2, 3, 4].map(|n| cfg.after(old, n));
        cfg.partition(&[&[old, mate], &others]);
        let started = cfg.start(old, 100).expect("the old leader still leads");
        cfg.check_one_leader_among(&others);
        labrt::time::sleep(Duration::from_millis(300));
        cfg.crash1(others[0]);
        labrt::time::sleep(Duration::from_millis(50));
        assert!(
            cfg.applied(old, started.index).is_some(),
            "server {old} has not committed index {}",
            started.index
        );
    });
    assert!(outcome.failure.is_some(), "the run must fail");
    let trace = Trace::open(&file).expect("the trace can be read");
    fs::remove_file(&file).expect("the run has written the file");
    trace
}

/// Converts a place of the chart to a place in the window. `x` and `y` are JavaScript expressions.
fn place(page: &mut Page, x: &str, y: &str) -> (f64, f64) {
    let at = page.number(&format!("page.chart.canvas.getBoundingClientRect().x + {x}"));
    (at, page.number(&format!("page.chart.canvas.getBoundingClientRect().y + {y}")))
}

/// The number of the first message for which a JavaScript expression is true. In the expression, `m` is the
/// number of the message, and `f` has the columns of all messages.
fn message(page: &mut Page, wanted: &str) -> usize {
    let script =
        format!("(() => {{ const f = page.run.messages; return f.sent.findIndex((_, m) => {wanted}); }})()");
    let found = page.number(&script);
    assert!(found >= 0.0, "no message with {wanted}");
    found as usize
}

// ---- a failed run ----

/// The page has the usual reasons of the failure, and commands that repeat the run.
#[test]
fn the_page_has_hints_and_commands() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    assert_eq!(page.eval("document.querySelector('#why .reasons').textContent"), "One <b>reason</b>.");
    page.eval("document.querySelector('#why .commands button').click()");
    let replay = page.eval("document.querySelector('#why .commands code').textContent");
    let command = if labrt::is_sim() { "LAB_SEED=0x7 " } else { "LAB_SEED=random LAB_RUNS=1000 " };
    assert!(
        replay.as_str().is_some_and(|it| it.starts_with(command) && it.contains(" --exact a_partition_2b"))
    );
    // Only a run in virtual time can be repeated with a change.
    let line = r#"{"t":0,"kind":"run.begin","f.test":"x","f.replay":"LAB_SEED=0x7 LAB_EXPECT=12ab LAB_MONITOR=0 cargo test x"}"#;
    let events = [
        line,
        r#"{"t":5,"node":"S0","kind":"rpc.sent","id":1,"f.method":"Raft.AppendEntries","f.end":3,"f.nth":9,"f.to":"S1"}"#,
        r#"{"t":6,"node":"S1","kind":"rpc.delivered","id":1,"f.method":"Raft.AppendEntries"}"#,
        r#"{"t":7,"kind":"test.failed","f.thread":"body","f.message":"m"}"#,
    ];
    let trace = Trace::read(events.join("\n").as_bytes()).expect("a trace");
    page.open(&html(&trace, MOST_EVENTS));
    page.eval("page.pin(0)");
    page.settle();
    page.eval("[...document.querySelectorAll('#pinned .commands button')].find((b) => b.textContent === 'lost').click()");
    let command = page.eval("document.querySelector('#pinned .commands code').textContent");
    assert_eq!(command, "LAB_SEED=0x7 LAB_MONITOR=0 LAB_FATES=3.9=lost cargo test x");
}

#[test]
fn the_page_opens_at_the_failure_and_says_what_failed() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    assert_eq!(page.eval("page.run.kind(page.pinned)"), "test.failed");
    assert_eq!(
        page.eval(
            "page.axis.from < page.axis.places[page.run.failed] && page.axis.to > page.axis.places[page.run.failed]"
        ),
        true
    );
    let said = page.text("#headline");
    assert!(said.starts_with("Failed at ") && said.contains("has not committed index 2"), "{said}");
    assert_eq!(page.text("#title"), "a_partition_2b");
    let facts = page.text("#facts");
    assert!(facts.contains("5 servers") && facts.contains("seed 0x7"), "{facts}");
    // Shows the whole run, and then goes back to the failure with one key.
    page.press("f");
    page.rest();
    page.press("Escape");
    assert_eq!(page.eval("page.pinned"), -1);
    assert_eq!(page.eval("page.axis.whole"), true);
    page.press("e");
    page.rest();
    assert_eq!(page.eval("page.pinned === page.run.failed && !page.axis.whole"), true);
    // Checks the bands of the test's faults and the sides of the partition.
    let bands = page.eval("page.run.bands.filter((b) => b.to === null || page.run.t[b.to] > page.run.t[b.from]).map((b) => b.kind)");
    let bands: Vec<&str> =
        bands.as_array().expect("the value is a list").iter().filter_map(|b| b.as_str()).collect();
    assert!(bands.contains(&"partition") || bands.contains(&"cut"), "{bands:?}");
    assert!(bands.contains(&"crash"), "{bands:?}");
    page.screenshot("run-failed");
    page.no_errors();
}

#[test]
fn logs_roles_and_terms_are_those_of_the_moment() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    // The minority has an entry that is not committed. The leader of the minority still believes that it
    // leads, in an older term.
    let state = "(() => {
        const all = [...page.run.servers.keys()].map((lane) => page.run.state(lane, page.now));
        const leaders = all.filter((s) => s.alive && s.role === 3);
        const old = leaders.toSorted((a, b) => a.term - b.term)[0];
        return {
            servers: all.length,
            down: all.filter((s) => !s.alive).length,
            leaders: leaders.length,
            last: old.last, commit: old.commit, apply: old.apply,
            terms: page.run.entries(old, 1, 9).map((r) => [r.from, r.to, r.term === old.term]),
        };
    })()";
    let now = page.eval(state);
    assert_eq!((now["servers"].as_u64(), now["down"].as_u64()), (Some(5), Some(1)), "{now}");
    assert_eq!(
        (now["last"].as_u64(), now["commit"].as_u64(), now["apply"].as_u64()),
        (Some(2), Some(1), Some(1))
    );
    assert_eq!(
        now["terms"],
        serde_json::json!([[1, 2, true]]),
        "the minority's leader has two entries of its own term"
    );
    // With the pointer near the beginning of the run, the page shows no leader.
    page.press("f");
    page.rest();
    let early = place(&mut page, "page.columns.x(1) + 30", "page.axis.y(0) + 2");
    page.point(early);
    let leaders =
        "[...page.run.servers.keys()].filter((lane) => page.run.state(lane, page.now)?.role === 3).length";
    assert_eq!(page.eval(leaders), 0);
    assert!(page.text("#moment").starts_with("at the pointer"));
    page.no_errors();
}

#[test]
fn steps_go_from_event_to_event_and_back() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    let failed = page.number("page.run.failed");
    // The message names one server. The step back from the failure goes to the last event of this server.
    let lane = page.number("page.run.failureAbout().lane");
    let own = page.number(&format!("page.run.lane.lastIndexOf({lane}, page.run.failed)"));
    page.press(",");
    assert_eq!((page.number("page.pinned"), page.number("page.run.lane[page.pinned]")), (own, lane));
    page.press("e");
    page.press("<");
    assert_eq!(page.number("page.pinned"), failed - 1.0);
    page.press(".");
    assert_eq!(page.number("page.pinned"), failed);
    page.press("<");
    page.click_on("#before");
    assert_eq!(page.number("page.pinned"), failed - 2.0);
    // Hides all kinds of events except one, and steps through the events that are shown.
    page.eval("page.filter.hiddenKinds = new Set(page.run.kinds.map((_, i) => i).filter((i) => page.run.kinds[i].name !== 'raft.role')); page.choices.apply()");
    page.press("e");
    page.press(",");
    assert_eq!(page.eval("page.run.kind(page.pinned)"), "raft.role");
    page.press("<");
    assert_ne!(page.eval("page.filter.shown[page.pinned]"), 1, "with Shift the key steps through all events");
    page.press("e");
    page.press("[");
    let kind = page.eval("page.run.kind(page.pinned)");
    let fault = kind.as_str().is_some_and(|kind| kind.starts_with("fault."));
    assert!(fault, "the landmark before the failure is the crash, not {kind}");
    page.press("]");
    assert_eq!(page.number("page.pinned"), failed);
    page.no_errors();
}

#[test]
fn a_filter_shows_only_what_was_chosen() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    let all = page.number("page.filter.count");
    let count = "page.filter.shown.reduce((sum, one) => sum + one, 0)";
    // Hides a server.
    page.click_on("#servers button");
    assert_eq!(page.eval("Number.isNaN(page.columns.middle[1])"), true, "the server's lane is hidden");
    let without = page.number(count);
    assert!(without < all && page.text("#shown").contains(" of "), "{without} of {all}");
    page.click_on("#servers button");
    assert_eq!(page.number(count), all);
    // Hides a type of messages. Its messages are not drawn. All other messages are still drawn.
    let votes = message(&mut page, "/RequestVote/.test(page.run.types[f.type[m]])");
    page.click_on("#types button");
    let hidden = page.eval("page.run.types[[...page.filter.hiddenTypes][0]]");
    assert_eq!(page.eval(&format!("page.filter.messageShown.every((on, m) => on === (page.run.types[page.run.messages.type[m]] === {hidden} ? 0 : 1))")), true);
    page.eval("page.filter.clear(); page.choices.apply()");
    // Shows only the events of one term.
    page.click_on("#term");
    page.write("2");
    page.until("page.filter.any");
    let terms = "page.run.termOf.every((term, e) => !page.filter.shown[e] || term === 2 || e === page.run.failed || page.run.id[e] >= 0)";
    assert_eq!(page.eval(terms), true);
    assert!(page.number(count) > 1.0 && page.number(count) < all);
    page.press("Escape");
    assert_eq!(page.number(count), all, "Esc in the field clears the filter");
    // Clears the filter with a key.
    page.eval("page.filter.hiddenTypes.add(0); page.choices.apply()");
    page.press("Escape");
    page.press("Escape");
    assert_eq!(page.eval("page.filter.any"), false);
    assert_eq!(page.eval(&format!("page.filter.messageShown[{votes}]")), 1);
    page.no_errors();
}

#[test]
fn a_message_is_followed_to_both_ends_and_to_what_it_caused() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    let m = message(&mut page, "/AppendEntries$/.test(page.run.types[f.type[m]]) && f.replied[m] >= 0");
    page.eval(&format!("page.visit(page.run.messages.sent[{m}]); page.zoomToPinned()"));
    page.rest();
    page.press("Escape");
    // Clicks the message's arrow at a place where nothing else is.
    let leg = format!("page.arrows.legsOf({m})[0]");
    let middle = |a: &str, b: &str| format!("({leg}.{a} * 0.7 + {leg}.{b} * 0.3)");
    let at = place(&mut page, &middle("x0", "x1"), &middle("y0", "y1"));
    page.click(at);
    assert_eq!(page.eval("page.message"), m, "a click on the arrow pins the message");
    let words = page.text("#pinned");
    for said in
        ["AppendEntries", "request: term", "delivered by", "answered by", "replied by", "In its course"]
    {
        assert!(words.contains(said), "{said} is not in\n{words}");
    }
    // Steps through all events of the message, from the first event until the first event comes again.
    page.eval(&format!("page.visit(page.run.ofId(page.run.messages.id[{m}])[0])"));
    let events = page.number(&format!("page.run.ofId(page.run.messages.id[{m}]).length")) as usize;
    let mut seen = Vec::new();
    for _ in 0..events {
        seen.push(page.eval("page.run.kind(page.pinned)").as_str().expect("the kind is a text").to_owned());
        page.press("o");
    }
    for kind in ["raft.request", "rpc.sent", "rpc.delivered", "raft.reply", "rpc.answered", "rpc.replied"] {
        assert!(seen.iter().any(|one| one == kind), "{kind} is not in {seen:?}");
    }
    assert_eq!(
        page.eval("page.run.kind(page.pinned)"),
        seen[0].as_str(),
        "the key goes from the last event to the first event"
    );
    let lanes = format!(
        "[page.run.lane[page.run.messages.sent[{m}]], page.run.lane[page.run.messages.delivered[{m}]]]"
    );
    let lanes = page.eval(&lanes);
    assert_ne!(lanes[0], lanes[1], "the two ends of the message are on different lanes");
    // An event that the message has caused has the message as its parent. A key leads from the event back to
    // the message.
    page.press("i");
    assert_eq!(page.eval(&format!("page.run.parent[page.pinned] === page.run.messages.id[{m}]")), true);
    page.press("u");
    assert_eq!(page.eval("page.message"), m);
    page.screenshot("run-message");
    page.no_errors();
}

#[test]
fn wheel_drag_and_keys_move_the_view() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    page.press("f");
    page.rest();
    let middle = place(&mut page, "500", "300");
    let under = "page.axis.time(300)";
    let (span, time) = (page.number("page.axis.span"), page.number(under));
    page.wheel(middle, -400.0);
    assert!(page.number("page.axis.span") < span * 0.7, "the wheel zooms");
    let moved = (page.number(under) - time).abs();
    assert!(
        moved < span * 0.01,
        "the wheel zooms around the pointer, but the time there has moved by {moved} ns"
    );
    let from = page.number("page.axis.from");
    page.drag(middle, (middle.0, middle.1 - 80.0));
    assert!(page.number("page.axis.from") > from, "a drag upwards shows later times");
    for (key, later) in [("ArrowDown", true), ("ArrowUp", false), ("d", true), ("a", false)] {
        let from = page.number("page.axis.from");
        page.press(key);
        assert_eq!(page.number("page.axis.from") > from, later, "{key}");
    }
    let span = page.number("page.axis.span");
    page.press("+");
    assert!(page.number("page.axis.span") < span);
    page.press("-");
    page.press("-");
    assert!(page.number("page.axis.span") > span);
    // The strip beside the chart shows the whole run. A drag in this strip chooses the time span for the
    // chart.
    page.press("f");
    page.rest();
    let strip = |share: f64| format!("page.overview.height * {share}");
    let x =
        "page.overview.canvas.getBoundingClientRect().x - page.chart.canvas.getBoundingClientRect().x + 20";
    let (a, b) = (place(&mut page, x, &strip(0.4)), place(&mut page, x, &strip(0.6)));
    page.drag(a, b);
    let share = page.number("page.axis.span / (page.axis.full.to - page.axis.full.from)");
    assert!((0.15..0.25).contains(&share), "{share} of the run");
    // A click at an empty place chooses only a time.
    page.press("Escape");
    page.press("Escape");
    let empty = place(&mut page, "page.columns.x(0) + 30", "page.axis.x(page.axis.from) + 40");
    page.click(empty);
    assert_eq!(page.eval("page.pinned"), -1);
    assert_eq!(
        page.eval("Math.abs(page.place - page.axis.time(page.axis.left + 40)) < 3 * page.axis.scale"),
        true
    );
    page.no_errors();
}

#[test]
fn a_search_visits_events_and_the_url_keeps_it() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    page.press("/");
    page.write("raft.role leader");
    page.until("page.search.matches.length > 0");
    page.press("Enter");
    assert_eq!(page.eval("page.run.field(page.pinned, 'role')"), "leader");
    page.rest();
    page.eval("page.filter.hiddenTypes.add(1); page.choices.apply(); page.fragment.write()");
    let state = "[page.pinned, Math.round(page.axis.from), Math.round(page.axis.to), page.search.query, [...page.filter.hiddenTypes]]";
    let (kept, url) = (page.eval(state), page.eval("location.href"));
    page.go("about:blank");
    page.go(url.as_str().expect("the value is a text"));
    page.settle();
    assert_eq!(page.eval(state), kept, "another window shows the same view");
    for nonsense in [
        "e=99999999",
        "t=5-1&e=-3&m=x",
        "lanes=a.b.999&types=%00",
        "%",
        "term=9-&key=%3Cimg%3E&q=%3Cscript%3E",
    ] {
        page.eval(&format!("location.hash = '{nonsense}'"));
        page.settle();
        assert_eq!(page.eval("page.pinned < page.run.size"), true, "{nonsense}");
    }
    page.no_errors();
}

#[test]
fn light_and_dark_at_all_sizes() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    let looks = Looks { one_colour: 92, dark: 95.0, light: 175.0 };
    for size in [(1920, 1080), (1440, 900), (1280, 800), (900, 900), (390, 844)] {
        page.has_a_picture("run", size, &looks);
    }
    page.press("?");
    assert_eq!(page.eval("document.getElementById('help').open"), true);
    page.no_errors();
}

// ---- for a reader who did not write the code ----

/// The sizes at which the page must be usable: a laptop, a large screen, and a phone.
const SIZES: [(u32, u32); 3] = [(1280, 800), (1920, 1080), (390, 844)];

/// Opens a page at each size, with the light and the dark theme, and checks it.
fn at_each_size(name: &str, html: &str, mut check: impl FnMut(&mut Page, u32)) {
    let Some(mut page) = Page::new(1280, 800) else { return };
    for (width, height) in SIZES {
        for dark in [false, true] {
            page.resize(width, height);
            page.dark(dark);
            page.open(html);
            check(&mut page, width);
            page.screenshot(&format!("{name}-{width}-{}", if dark { "dark" } else { "light" }));
            let wide = page.number("document.documentElement.scrollWidth");
            assert!(wide <= f64::from(width), "{name} {width}: {wide} pixels wide");
        }
    }
    page.no_errors();
}

/// Makes a trace. Each text of `lines` has the JSON members of one event. The events are one millisecond
/// apart.
fn trace_of(lines: &[String]) -> Trace {
    let text: String =
        lines.iter().enumerate().map(|(i, line)| format!("{{\"t\":{}000000,{line}}}\n", i + 1)).collect();
    Trace::read(text.as_bytes()).expect("the trace can be read")
}

fn restored(server: u32, terms: &str, last: u64) -> String {
    format!(
        r#""node":"S{server}","kind":"raft.restore","f.term":5,"f.last_included_index":0,"f.last_included_term":0,"f.last":{last},"f.terms":"{terms}""#
    )
}

fn committed(server: u32, index: u64) -> String {
    format!(r#""node":"S{server}","kind":"raft.commit","f.index":{index},"f.term":5"#)
}

/// A text on a canvas, with its place.
struct Drawn {
    canvas: String,
    text: String,
    x: f64,
    y: f64,
}

/// All texts on the canvases of the page.
fn drawn(page: &mut Page) -> Vec<Drawn> {
    let script = "(() => {
        const said = [];
        const kind = CanvasRenderingContext2D.prototype;
        const real = kind.fillText;
        kind.fillText = function (text, x, y, ...rest) {
            const t = this.getTransform();
            said.push([this.canvas.id, text, t.a * x + t.c * y + t.e, t.b * x + t.d * y + t.f]);
            return real.call(this, text, x, y, ...rest);
        };
        page.draw();
        kind.fillText = real;
        return said;
    })()";
    let said = page.eval(script);
    let text = |value: &serde_json::Value| value.as_str().expect("the value is a text").to_owned();
    let number = |value: &serde_json::Value| value.as_f64().expect("the value is a number");
    let all = said.as_array().expect("the value is a list").iter();
    all.map(|one| Drawn {
        canvas: text(&one[0]),
        text: text(&one[1]),
        x: number(&one[2]),
        y: number(&one[3]),
    })
    .collect()
}

fn texts(page: &mut Page, canvas: &str) -> Vec<String> {
    drawn(page).into_iter().filter(|one| one.canvas == canvas).map(|one| one.text).collect()
}

#[test]
fn a_search_finds_the_words_that_the_page_draws() {
    let run = html(&failing_run(), MOST_EVENTS);
    let Some(mut page) = Page::new(1280, 800) else { return };
    page.open(&run);
    // A search for the text of an event finds this event. The same is true for each line that the pane shows
    // about a message.
    let missed = "(() => {
        const { run, filter } = page;
        const missed = [];
        for (let e = 0; e < run.size; e += 7) {
            const m = run.id[e] >= 0 ? run.messageOf[run.id[e]] : -1;
            const said = [shortText(run, e), `${run.lanes[run.lane[e]].name} ${shortText(run, e)}`, `${run.kind(e)}, ${run.cause(e)}`, formatTime(run.t[e])];
            if (m >= 0) said.push(messageText(run, m), fateOf(run, m), stepText(run, e));
            for (const [name, value] of run.fields(e)) said.push(`${name} ${valueText(value)}`, `${name}=${valueText(value)}`);
            for (const text of said) if (!run.find(text, filter.shown).includes(e)) missed.push([e, text]);
        }
        return missed;
    })()";
    assert_eq!(page.eval(missed), serde_json::json!([]));
    // The search also finds the headline, the mark of the failure, and the reason of many losses.
    let others = "[byId('headline').innerText, 'The test failed here', '9 lost: disabled'].map((text) => page.run.find(text, page.filter.shown)).map((found) => found.includes(page.run.failed) || found.length)";
    let others = page.eval(others);
    assert!(others[0] == true && others[1] == true && others[2].as_u64() > Some(8), "{others}");
    // The search finds a number only as a whole: `1` does not find `10`.
    assert_eq!(
        page.eval(
            "page.run.find('commits 1', page.filter.shown).every((e) => page.run.field(e, 'index') === 1)"
        ),
        true
    );
    at_each_size("run-search", &run, |page, width| {
        for words in ["votes for", "commits 1", "disabled", "leader T"] {
            page.press("/");
            page.eval("page.search.input.select()");
            page.write(words);
            page.press("Enter");
            // The view glides to the found event.
            page.rest();
            // The search begins at the match that is nearest to what was pinned.
            let found = page.text("#found");
            assert!(found.contains(" of ") && !found.starts_with("0"), "{words}: {found}");
            let on_screen = texts(page, "chart").join("\n");
            // Losses of one cause share one label. If this label is outside the view, the pane beside the
            // chart has the words.
            let aside = words == "disabled" && page.text("#pinned").contains(words);
            assert!(aside || on_screen.contains(words), "{width}: {words} is not in\n{on_screen}");
        }
        // After Enter, keys are commands. They do not go into the field.
        let query = page.eval("page.search.query");
        let (at, all) = ("page.search.at", page.number("page.search.matches.length"));
        let before = page.number(at);
        page.press("n");
        assert_eq!(page.number(at), (before + 1.0) % all);
        page.press("Enter");
        assert_eq!(page.number(at), (before + 2.0) % all);
        let pinned = page.number("page.pinned");
        page.press(",");
        assert_eq!(page.number("page.pinned"), pinned - 1.0);
        assert_eq!(page.eval("page.search.query"), query);
    });
}

#[test]
fn the_logs_open_where_they_differ_and_equal_entries_are_folded() {
    let lines = [
        restored(0, "1*3,3*49,5*8", 60),
        restored(1, "1*3,3*49,4*8", 60),
        restored(2, "1*3,3*49", 52),
        committed(0, 2),
        committed(0, 52),
        r#""kind":"test.failed","f.message":"one(1) failed to reach agreement""#.to_owned(),
    ];
    at_each_size("run-logs", &html(&trace_of(&lines), MOST_EVENTS), |page, width| {
        let place = "(() => {
            const { columns, shift } = page.logs.rows[0];
            const index = page.logs.focus.get(0);
            const column = columns.find((one) => one.from <= index && one.to >= index);
            const left = page.logs.left + column.x - shift;
            return [index, column.from === column.to, left >= page.logs.left, left + column.width <= page.logs.width];
        })()";
        assert_eq!(page.eval(place), serde_json::json!([53, true, true, true]));
        let said = texts(page, "logs");
        let folded = said.iter().filter(|text| *text == "term 3, 49 entries").count();
        // A narrow page has no space for everything.
        assert!(folded == 3 || width < 500, "{said:?}");
        assert!(said.iter().any(|text| text == "53"), "{said:?}");
        // With a pinned event, the logs show the index of the event. This index is not folded.
        page.press("/");
        page.write("commits 52");
        page.press("Enter");
        assert_eq!(page.eval(place), serde_json::json!([52, true, true, true]));
        assert!(texts(page, "logs").iter().any(|text| text == "term 3, 48 entries") || width < 500);
        page.press(",");
        assert_eq!(page.eval(place), serde_json::json!([2, true, true, true]));
        page.press("e");
    });
}

#[test]
fn long_logs_open_in_the_middle_and_can_be_moved() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    let terms = |other: u32| {
        let terms: Vec<String> = (1..=200).map(|i| if i == 100 { other } else { i }.to_string()).collect();
        terms.join(",")
    };
    let lines = [restored(0, &terms(100), 200), restored(1, &terms(99), 200)];
    page.open(&html(&trace_of(&lines), MOST_EVENTS));
    let seen = "(() => { const { columns } = page.logs.rows[0]; return [columns[0].from, columns[columns.length - 1].to]; })()";
    let first = page.eval(seen);
    assert!(first[0].as_u64() < Some(100) && first[1].as_u64() > Some(100), "{first}");
    let at = "page.logs.canvas.getBoundingClientRect()";
    let (x, y) = (page.number(&format!("{at}.x + 400")), page.number(&format!("{at}.y + 30")));
    page.drag((x, y), (x - 100.0, y));
    let moved = page.eval(seen);
    assert_eq!(moved[0].as_u64(), first[0].as_u64().map(|index| index + 4), "a cell has 25 pixels");
    page.no_errors();
}

#[test]
fn the_axis_by_events_separates_what_happens_in_microseconds() {
    let run = html(&failing_run(), MOST_EVENTS);
    at_each_size("run-axis", &run, |page, width| {
        assert_eq!(page.eval("page.axis.mode"), "events", "a failed run opens with the axis by events");
        assert!(page.text("#by-events").contains("events"));
        // The ends of an arrow are more than a row apart, and the marks of a server do not share a row.
        let apart = "(() => {
            page.draw();
            const { arrows, axis, run, filter, chart } = page;
            const rows = axis.width / (axis.span / ROW);
            const arrow = arrows.legs.filter((leg) => !leg.lost && leg.y1 > leg.y0).map((leg) => (leg.y1 - leg.y0) / rows);
            const last = new Map();
            let marks = Infinity;
            for (let e = 0; e < run.size; e += 1) {
                if (!filter.shown[e] || chart.quiet[run.kindOf[e]]) continue;
                const before = last.get(run.lane[e]);
                if (before !== undefined) marks = Math.min(marks, (axis.y(e) - axis.y(before)) / rows);
                last.set(run.lane[e], e);
            }
            return [arrow.length > 0 ? Math.min(...arrow) : 9, marks, rows];
        })()";
        let apart = page.eval(apart);
        let value = |i: usize| apart[i].as_f64().expect("the value is a number");
        assert!(value(0) > 1.2 && value(1) > 0.99 && value(2) > 12.0, "{apart}");
        // Keys zoom around the pinned event.
        page.press(",");
        page.press(",");
        let y = page.number("page.axis.y(page.pinned)");
        for key in ["+", "+", "-", "-", "-"] {
            page.press(key);
            let now = page.number("page.axis.y(page.pinned)");
            assert!((now - y).abs() < 1.5, "{width} {key}: the pin has moved from {y} to {now}");
        }
        // The wheel zooms around the pointer.
        let middle = place(page, "page.columns.x(1) + 20", "200");
        let before = page.number("page.axis.time(200)");
        page.wheel(middle, -300.0);
        let scale = page.number("page.axis.scale");
        assert!((page.number("page.axis.time(200)") - before).abs() < 2.0 * scale);
        // The address of the page keeps the choice of the axis. When the axis changes, the pinned event stays
        // where it is.
        for (button, mode) in [("#by-time", "time"), ("#by-events", "events")] {
            page.press("e");
            page.rest();
            // On a phone the controls are folded.
            page.eval(&format!("unfold(document.querySelector('{button}'))"));
            page.rest();
            let y = page.number("page.axis.y(page.pinned)");
            page.click_on(button);
            assert_eq!(page.eval("page.axis.mode"), mode);
            assert!((page.number("page.axis.y(page.pinned)") - y).abs() < 2.0, "{width} {mode}");
            page.eval("page.fragment.write()");
            let state = "[page.axis.mode, Math.round(page.axis.from), Math.round(page.axis.to), page.pinned]";
            let (kept, url) = (page.eval(state), page.eval("location.href"));
            page.go("about:blank");
            page.go(url.as_str().expect("the value is a text"));
            assert_eq!(page.eval(state), kept);
        }
        page.press("x");
        assert_eq!(page.eval("page.axis.mode"), "time");
        page.press("x");
        page.press("e");
        page.rest();
    });
    // A filter takes the rows of the hidden events away. The pinned event stays where it is.
    let Some(mut page) = Page::new(1280, 800) else { return };
    page.open(&run);
    page.press("[");
    page.rest();
    let (y, long) = (page.number("page.axis.y(page.pinned)"), page.number("page.axis.full.to"));
    page.eval("page.filter.hiddenTypes = new Set(page.run.types.keys()); page.choices.apply()");
    assert!((page.number("page.axis.y(page.pinned)") - y).abs() < 1.0);
    assert!(page.number("page.axis.full.to") < long * 0.8, "hidden messages need no rows");
    page.no_errors();
}

/// S0 is disconnected, so all its heartbeats are lost. S1 loses one message, and reaches S2 with another.
fn losing_run() -> Trace {
    let mut lines: Vec<String> = (0..5).map(|server| restored(server, "1", 1)).collect();
    lines.push(r#""node":"S0","kind":"fault.disconnect""#.to_owned());
    let mut id = 10;
    let mut sent = |lines: &mut Vec<String>, from: u32, to: u32, lost: &str| {
        id += 1;
        lines.push(format!(
            r#""node":"S{from}","kind":"rpc.sent","id":{id},"f.method":"Raft.AppendEntries","f.to":"S{to}""#
        ));
        if lost.is_empty() {
            lines.push(format!(r#""node":"S{to}","kind":"rpc.delivered","id":{id}"#));
        } else {
            lines.push(format!(r#""node":"S{from}","kind":"rpc.failed","id":{id},"cause":"{lost}""#));
        }
    };
    for _ in 0..6 {
        (1..5).for_each(|to| sent(&mut lines, 0, to, "disabled"));
    }
    sent(&mut lines, 1, 4, "unreliable request");
    sent(&mut lines, 1, 4, "");
    sent(&mut lines, 3, 0, "unreliable request");
    lines.push(r#""kind":"test.failed","f.message":"no leader""#.to_owned());
    trace_of(&lines)
}

#[test]
fn a_lost_message_ends_between_two_lanes_and_many_losses_are_said_once() {
    at_each_size("run-lost", &html(&losing_run(), MOST_EVENTS), |page, width| {
        page.press("f");
        page.rest();
        let crosses = "(() => {
            const { arrows, columns, run } = page;
            const lost = arrows.legs.filter((leg) => leg.lost);
            const bars = columns.order.map((lane) => columns.x(lane));
            return {
                lost: lost.length,
                faint: lost.filter((leg) => leg.faint).length,
                near: Math.min(...lost.flatMap((leg) => bars.map((bar) => Math.abs(bar - leg.x1)))),
                right: lost.every((leg) => {
                    const target = columns.x(run.messages.to[leg.m]);
                    return Math.abs(target - leg.x1) <= 41 && Math.sign(target - leg.x1) === Math.sign(target - leg.x0);
                }),
            };
        })()";
        let crosses = page.eval(crosses);
        assert_eq!((crosses["lost"].as_u64(), crosses["faint"].as_u64()), (Some(26), Some(24)));
        assert!(crosses["near"].as_f64() >= Some(20.0), "{width}: a cross is on a bar: {crosses}");
        assert_eq!(crosses["right"], true, "a lost message ends just before its target");
        let said: Vec<String> =
            texts(page, "chart").into_iter().filter(|text| text.contains("lost: ")).collect();
        let count = |what: &str| said.iter().filter(|text| *text == what).count();
        assert_eq!(count("24 lost: disabled"), 1, "{said:?}");
        assert!(count("lost: unreliable request") == 2 || width < 500, "{said:?}");
    });
}

#[test]
fn the_failure_is_said_once_as_a_sentence_about_the_state() {
    let conflict = [
        restored(0, "1,3", 2),
        restored(3, "1,1", 2),
        restored(4, "1,1", 2),
        committed(0, 2),
        committed(3, 2),
        r#""kind":"test.failed","f.thread":"reader-3","f.message":"apply error: commit index=2 server=3 1 != server=0 2 (at a.rs:4)""#.to_owned(),
    ];
    let message = [
        restored(0, "1", 1),
        r#""kind":"test.failed","f.message":"assertion `left == right` failed: server 1 must lead\n  left: 1\n right: 2 (at tests/x.rs:5)""#.to_owned(),
    ];
    for (name, lines, sentence, more) in [
        ("run-said", &conflict[..], "index 2: S0 has term 3, S3 has term 1", "commit index=2 server=3 1"),
        ("run-line", &message[..], "server 1 must lead", "left: 1\n right: 2 (at tests/x.rs:5)"),
    ] {
        at_each_size(name, &html(&trace_of(lines), MOST_EVENTS), |page, width| {
            let body = page.text("body");
            assert_eq!(body.matches(sentence).count(), 1, "{body}");
            assert!(!body.contains(more) && !body.contains("\\n"), "{body}");
            let cut = "(() => { const h = byId('headline'); return h.scrollHeight > h.clientHeight + 1 && getComputedStyle(h).overflow === 'hidden'; })()";
            assert_eq!(page.eval(cut), false, "the headline is cut off");
            // The first view already shows the failure, so there is no button that leads to it.
            assert_eq!(page.eval("byId('error').offsetParent"), serde_json::Value::Null);
            // On a phone, the pane is below the picture.
            page.eval("document.querySelector('#why summary').scrollIntoView()");
            page.click_on("#why summary");
            page.eval("scrollTo(0, 0)");
            let why = page.text("#why");
            assert!(why.contains(more) && !why.contains("\\n"), "{why}");
            // The failure is named in the picture, and this text is not cut off at the end of the run.
            for key in ["f", "e"] {
                page.press(key);
                page.rest();
                let label = drawn(page).into_iter().find(|one| one.text == "The test failed here");
                let label = label.expect("the failure is named in the picture");
                let (right, foot) = (page.number("page.chart.width"), page.number("page.chart.height"));
                assert!(
                    label.x > 0.0 && label.x + 130.0 < right && label.y > 36.0 && label.y + 8.0 < foot,
                    "{width} {key}: {} {}",
                    label.x,
                    label.y
                );
            }
            // When the failure is not pinned, the button leads back to it.
            page.press("Escape");
            assert_eq!(page.eval("byId('error').offsetParent !== null"), true);
            page.click_on("#error");
            page.rest();
            assert_eq!(page.eval("page.pinned === page.run.failed && byId('error').hidden"), true);
        });
    }
}

#[test]
fn held_links_and_slow_servers_have_bands() {
    let mut lines: Vec<String> = (0..3).map(|server| restored(server, "1", 1)).collect();
    lines.push(r#""kind":"fault.hold","f.from":"S0","f.to":"S1","f.holds":"requests""#.to_owned());
    lines.push(r#""node":"S2","kind":"fault.slow","f.longest_us":30000"#.to_owned());
    lines.extend((1..20).map(|_| committed(0, 1)));
    lines.push(r#""kind":"fault.release","f.from":"S0","f.to":"S1""#.to_owned());
    lines.extend((1..20).map(|_| committed(1, 1)));
    lines.push(r#""kind":"fault.heal""#.to_owned());
    lines.push(committed(0, 1));
    at_each_size("run-bands", &html(&trace_of(&lines), MOST_EVENTS), |page, width| {
        for axis in ["time", "events"] {
            assert_eq!(page.eval("page.axis.mode"), axis);
            page.press("f");
            page.rest();
            // The events have the same texts as the bands, so the places are compared, too.
            let left = page.number("page.columns.left");
            let bar = page.number("page.columns.x(3)");
            let said = drawn(page);
            let bands = said.iter().filter(|one| one.text == "S0 → S1 holds requests" && one.x < left);
            assert_eq!(bands.count(), 2, "one band until the release, and one after it");
            let slow = said.iter().filter(|one| one.text == "slow: up to 30 ms" && one.x > bar + 17.0);
            // On a phone, the lane of S2 is not in view.
            assert!(slow.count() == 1 || width < 500, "{width} {axis}: the slow server has no band");
            page.press("x");
        }
        assert!(page.text("#legend").contains("slow") || width < 640);
        // A click on the band pins the fault.
        let at = place(page, "SCALE + 8", "page.axis.y(5)");
        page.click(at);
        assert_eq!(page.eval("page.run.kind(page.pinned)"), "fault.hold");
    });
}

// ---- the walkthroughs of docs/spacetime.md ----

/// A step of a walkthrough: what the reader does, and the texts that the page shows after this.
struct Step {
    does: String,
    sees: Vec<String>,
}

/// The texts in backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The walkthroughs of the document: for each trace, its steps. A walkthrough begins with a command that
/// names a trace in `docs/walkthroughs/`. Its steps are the rows of the table after this command.
fn walkthroughs(document: &str) -> Vec<(String, Vec<Step>)> {
    let mut walks: Vec<(String, Vec<Step>)> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        if let Some((_, rest)) = line.split_once("scripts/trace.sh docs/walkthroughs/") {
            let file = rest.split_whitespace().next().expect("the command names a file");
            walks.push((file.to_owned(), Vec::new()));
            inside = true;
        } else if line.starts_with('#') {
            inside = false;
        } else if let Some(row) = line.strip_prefix("| ").filter(|_| inside) {
            let (does, sees) = row.split_once(" | ").expect("a row has two cells");
            if does != "do" && !does.starts_with("--") {
                let step = Step { does: does.to_owned(), sees: quoted(sees) };
                walks.last_mut().expect("the table is in a walkthrough").1.push(step);
            }
        }
    }
    walks
}

/// Does what the step says: opens the page, presses keys, types texts.
fn act(page: &mut Page, does: &str) {
    let times = if does.contains("twice") { 2 } else { 1 };
    for part in does.split(", then ") {
        let Some(text) = quoted(part).first().cloned() else {
            assert_eq!(part, "open the page", "this test does not know how to do this");
            continue;
        };
        if part.contains("type ") {
            page.write(&text);
            page.until("page.search.asked === page.search.query");
            continue;
        }
        assert!(part.contains("press "), "this test does not know how to do this: {part}");
        for _ in 0..times {
            // The document writes letters as they are on the keyboard.
            let key = if text.chars().count() == 1 { text.to_lowercase() } else { text.clone() };
            page.press(&key);
        }
    }
    page.rest();
}

/// Everything that can be read on the page: the texts of the document, and the texts of the canvases.
fn readable(page: &mut Page) -> String {
    let canvases = drawn(page).into_iter().map(|one| one.text).collect::<Vec<_>>().join("\n");
    let plain = |text: String| text.replace(['\u{a0}', '\u{202f}'], " ");
    plain(format!("{}\n{canvases}", page.text("body")))
}

#[test]
fn the_walkthroughs_of_the_document_lead_to_what_they_say() {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let document = fs::read_to_string(docs.join("spacetime.md")).expect("the document can be read");
    let walks = walkthroughs(&document);
    assert_eq!(walks.len(), 3, "the document has three walkthroughs");
    let Some(mut page) = Page::new(1280, 800) else { return };
    for (file, steps) in walks {
        let trace = Trace::open(docs.join("walkthroughs").join(&file)).expect("the trace can be read");
        let made = html(&trace, MOST_EVENTS);
        assert!(steps.len() > 2, "{file}: only {} steps", steps.len());
        // The pane at the right is as high as the window. A reader must scroll in it. On a phone, the pane is
        // below the chart.
        for size in [(1280, 800), (1920, 1080)] {
            page.resize(size.0, size.1);
            page.open(&made);
            for Step { does, sees } in &steps {
                act(&mut page, does);
                let read = readable(&mut page);
                assert!(!sees.is_empty(), "{file}: the step \"{does}\" says nothing about the page");
                for text in sees {
                    assert!(read.contains(text.as_str()), "{file}: {does}: {text} is not in\n{read}");
                }
            }
        }
    }
    page.no_errors();
}

// ---- clients and the checker's verdict ----

#[test]
fn operations_and_the_verdict_are_on_their_lanes() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    let lines = [
        r#""t":0,"kind":"run.begin","f.test":"clients","f.seed":"1","f.clock":"real","f.lost":12"#,
        r#""t":1000000,"kind":"client.call","id":1,"f.client":0,"f.op":"put","f.key":"x","f.value":"new""#,
        r#""t":1100000,"kind":"rpc.sent","id":2,"parent":1,"f.method":"KVServer.Put","f.to":"S1""#,
        r#""t":1500000,"node":"S1","kind":"rpc.delivered","id":2"#,
        r#""t":1600000,"node":"S1","kind":"raft.append","parent":2,"f.first":40,"f.last":40,"f.terms":"3""#,
        r#""t":2000000,"node":"S1","kind":"rpc.answered","id":2"#,
        r#""t":2500000,"kind":"rpc.replied","id":2"#,
        r#""t":3000000,"kind":"client.return","id":1,"f.client":0,"f.result":"""#,
        r#""t":4000000,"kind":"client.call","id":3,"f.client":1,"f.op":"get","f.key":"x","f.value":"""#,
        r#""t":6000000,"kind":"client.return","id":3,"f.client":1,"f.result":"old""#,
        r#""t":6500000,"kind":"client.call","id":4,"f.client":1,"f.op":"get","f.key":"y","f.value":"""#,
        r#""t":7000000,"kind":"check.verdict","f.verdict":"illegal","f.operations":2,"f.key":"x","f.client":1,"f.called":4000003"#,
        r#""t":7000000,"kind":"test.failed","f.thread":"body","f.message":"history is not linearizable""#,
    ];
    let text: String = lines.iter().map(|line| format!("{{{line}}}\n")).collect();
    page.open(&html(&Trace::read(text.as_bytes()).expect("the trace can be read"), MOST_EVENTS));
    let why = page.text("#why");
    assert!(why.contains("the history is not linearizable"), "{why}");
    assert!(why.contains("No place is left for get(x) → old of client 1"), "{why}");
    // The key E goes to this operation, and then to the failure.
    for kind in ["client.return", "test.failed", "client.return"] {
        assert_eq!(page.eval("page.run.kind(page.pinned)"), kind);
        page.press("e");
        page.rest();
    }
    assert!(page.text("#facts").contains("12 earlier events not here"));
    // A click on the bar of an operation pins it.
    page.press("f");
    page.rest();
    let lane = "page.run.lanes.findIndex((lane) => lane.name === 'client 1')";
    let at = place(&mut page, &format!("page.columns.x({lane})"), "page.axis.x(page.axis.placeOf(5e6))");
    page.click(at);
    assert!(page.text("#pinned").starts_with("get(x) → old"), "{}", page.text("#pinned"));
    // Keys lead from an event of a server to the message and the operation that caused it.
    page.eval("page.visit(page.run.lane.findIndex((_, e) => page.run.kind(e) === 'raft.append'))");
    page.settle();
    assert!(page.text("#pinned").contains("Caused by"), "{}", page.text("#pinned"));
    page.press("u");
    assert_eq!(page.eval("page.run.kind(page.pinned)"), "rpc.delivered");
    page.press("u");
    assert_eq!(page.eval("page.run.kind(page.pinned)"), "client.call");
    // If a key is chosen, the page shows the operations on this key. It also shows everything that happened
    // on all servers during these operations.
    page.click_on("#key");
    page.write("y");
    assert_eq!(
        page.eval("[...page.filter.shown].flatMap((on, e) => (on ? [page.run.kind(e)] : []))"),
        serde_json::json!(["client.call", "test.failed"])
    );
    page.press("Escape");
    page.click_on("#key");
    page.write("x");
    let shown = page.eval("[...page.filter.shown].flatMap((on, e) => (on ? [page.run.kind(e)] : []))");
    let shown: Vec<&str> =
        shown.as_array().expect("the value is a list").iter().filter_map(|kind| kind.as_str()).collect();
    assert!(shown.contains(&"raft.append") && shown.contains(&"rpc.sent"), "{shown:?}");
    page.screenshot("run-clients");
    page.no_errors();
}

// ---- what is in the messages, the logs and the saves ----

/// A put that a leader replicates. The trace says what is in the command, in the request and in the save.
fn telling_run() -> Trace {
    let lines = [
        r#""t":1,"kind":"run.begin","f.test":"t_3a","f.seed":"1","f.clock":"virtual""#,
        r#""t":1,"node":"S0","kind":"raft.restore","f.term":0,"f.last_included_index":0,"f.last_included_term":0,"f.last":0,"f.terms":"","f.commands":"""#,
        r#""t":1,"node":"S1","kind":"raft.restore","f.term":0,"f.last_included_index":0,"f.last_included_term":0,"f.last":0,"f.terms":"","f.commands":"""#,
        r#""t":2,"node":"S0","kind":"raft.role","cause":"election timeout","f.role":"candidate","f.term":1"#,
        r#""t":3,"node":"S0","kind":"raft.role","cause":"votes of a majority","f.role":"leader","f.term":1"#,
        r#""t":10,"kind":"client.call","id":1,"f.client":2,"f.op":"put","f.key":"k","f.value":"v""#,
        r#""t":11,"kind":"rpc.sent","id":2,"parent":1,"f.method":"KVServer.PutAppend","f.to":"S0","f.args":"Put k=v ~2f01c4#7""#,
        r#""t":20,"node":"S0","kind":"rpc.delivered","id":2,"f.method":"KVServer.PutAppend""#,
        r#""t":20,"node":"S0","kind":"command.text","parent":2,"f.command":"00c0ffee","f.text":"PutAppend Put k=v ~2f01c4#7""#,
        r#""t":20,"node":"S0","kind":"raft.append","parent":2,"f.first":1,"f.last":1,"f.terms":"1","f.commands":"00c0ffee""#,
        r#""t":20,"node":"S0","kind":"persister.save","parent":2,"f.bytes":9"#,
        r#""t":20,"node":"S0","kind":"raft.saved","parent":2,"f.term":1,"f.last_included_index":0,"f.last":1,"f.voted_for":0"#,
        r#""t":21,"node":"S0","kind":"raft.request","id":3,"f.rpc":"AppendEntries","f.term":1,"f.leader":0,"f.prev_log_index":0,"f.prev_log_term":0,"f.entries":1,"f.terms":"1","f.commands":"00c0ffee","f.leader_commit":0"#,
        r#""t":21,"node":"S0","kind":"rpc.sent","id":3,"f.method":"Raft.AppendEntries","f.to":"S1""#,
        r#""t":30,"node":"S1","kind":"rpc.delivered","id":3,"f.method":"Raft.AppendEntries""#,
        r#""t":30,"node":"S1","kind":"raft.append","parent":3,"f.first":1,"f.last":1,"f.terms":"1","f.commands":"00c0ffee""#,
        r#""t":30,"node":"S1","kind":"rpc.answered","id":3"#,
        r#""t":40,"node":"S0","kind":"rpc.replied","id":3"#,
        r#""t":40,"node":"S0","kind":"raft.progress","parent":3,"f.peer":1,"f.next_index":2,"f.match_index":1"#,
        r#""t":41,"node":"S0","kind":"raft.commit","parent":3,"f.index":1,"f.term":1"#,
        r#""t":42,"node":"S0","kind":"raft.apply","parent":3,"f.index":1"#,
        r#""t":43,"node":"S0","kind":"rpc.reply","id":2,"f.reply":"ok""#,
        r#""t":43,"node":"S0","kind":"rpc.answered","id":2"#,
        r#""t":50,"kind":"rpc.replied","id":2"#,
        r#""t":50,"kind":"client.return","id":1,"f.client":2,"f.result":"""#,
        r#""t":60,"node":"S0","kind":"raft.commit","f.index":0,"f.term":1"#,
        r#""t":70,"kind":"test.failed","f.thread":"body","f.message":"get wrong value""#,
    ];
    let text: String = lines.iter().map(|line| format!("{{{line}}}\n")).collect();
    Trace::read(text.as_bytes()).expect("the trace can be read")
}

#[test]
fn the_page_says_what_is_in_commands_messages_and_saves() {
    at_each_size("run-telling", &html(&telling_run(), MOST_EVENTS), |page, width| {
        let visit = |page: &mut Page, kind: &str, nth: usize| {
            page.eval(&format!(
                "page.visit([...page.run.t.keys()].filter((e) => page.run.kind(e) === '{kind}')[{nth}])"
            ));
            page.rest();
        };
        visit(page, "raft.append", 0);
        let on_chart = texts(page, "chart").join("\n");
        assert!(on_chart.contains("+1: Put k=v c2#7"), "{width}: {on_chart}");
        let pane = page.text("#pinned");
        assert!(pane.contains("PutAppend client 2 → S0: Put k=v c2#7"), "{width}: {pane}");
        visit(page, "raft.apply", 0);
        let pane = page.text("#pinned");
        for text in ["applies 1: Put k=v c2#7", "matchIndex 1, nextIndex 2", "vote for S0, log to 1"] {
            assert!(pane.contains(text), "{width}: {text} is not in\n{pane}");
        }
        // The log shows the command, if there is space.
        let log = texts(page, "logs").join("\n");
        assert!(log.contains("1 Put k=v c2#7") || width < 640, "{log}");
        // A commit index that goes back is marked.
        visit(page, "raft.commit", 1);
        assert!(texts(page, "chart").iter().any(|text| text == "commits 0, BACK from 1"));
        // The key U goes from a reply to its request, and then to what made the sender send it.
        visit(page, "rpc.replied", 0);
        let mut seen = Vec::new();
        for _ in 0..2 {
            page.press("u");
            page.rest();
            seen.push(page.eval("page.run.kind(page.pinned)").as_str().unwrap_or_default().to_owned());
        }
        assert_eq!(seen, ["rpc.sent", "raft.append"]);
        page.press("e");
        page.rest();
    });
}

#[test]
fn a_search_begins_at_words_and_compares_capital_letters() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    page.open(&html(&telling_run(), MOST_EVENTS));
    let mut found = |text: &str| {
        let kinds =
            page.eval(&format!("page.run.find('{text}', page.filter.shown).map((e) => page.run.kind(e))"));
        let kinds = kinds.as_array().expect("the value is a list").clone();
        kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(found("Deliver"), Vec::<String>::new(), "no request has this name");
    assert!(found("deliver").iter().all(|kind| kind == "rpc.delivered"));
    assert_eq!(found("deliver").len(), 2);
    assert_eq!(found("elivered"), Vec::<String>::new(), "no word begins so");
    assert!(found("append").iter().any(|kind| kind == "rpc.replied"), "`PutAppend` has two words");
    assert_eq!(found("no vote for S9"), Vec::<String>::new());
    // All events of a message have its name. The search visits the message once.
    page.press("/");
    page.write("PutAppend client");
    page.until("page.search.matches.length > 0");
    assert_eq!(
        page.eval("page.search.matches.map((e) => page.run.kind(e))"),
        serde_json::json!(["rpc.sent"])
    );
    page.no_errors();
}

#[test]
fn the_failure_leads_to_the_events_that_it_is_about() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    // The message names a server and an index. This server has stored the entry, but has not committed it.
    page.open(&html(&failing_run(), MOST_EVENTS));
    let (server, index) = (
        page.text("#headline")
            .split("server ")
            .nth(1)
            .and_then(|rest| rest.chars().next())
            .expect("a server"),
        page.number("page.run.failureAbout().names.index"),
    );
    let about = page.text("#pinned");
    assert!(about.contains(&format!("The failure is about index {index}, S{server}")), "{about}");
    page.press("u");
    let said = page.eval("drawnText(page.run, page.pinned)");
    assert_eq!(said, format!("S{server} +{index}: 100"));
    // A message of a key: the last operations on it, and then the answer.
    page.open(&html(&telling_run(), MOST_EVENTS));
    page.eval("page.run.values[page.run.values.indexOf('get wrong value')] = 'get wrong value, key k: wanted 1 byte'");
    page.press("e");
    page.press("u");
    assert_eq!(page.eval("page.run.kind(page.pinned)"), "client.return");
    page.press("u");
    assert_eq!(page.eval("page.run.kind(page.pinned)"), "rpc.answered");
    // A click on an event of the list goes there.
    page.eval("page.pin(page.run.failed)");
    page.settle();
    let first = page.number("page.run.failureAbout().events[0]");
    page.click_on("#pinned .around li a");
    assert_eq!(page.number("page.pinned"), first);
    page.no_errors();
}

#[test]
fn decisions_say_their_reasons() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    let all = "Array.from({ length: page.run.size }, (_, e) => shortText(page.run, e)).join('\\n')";
    let all = page.eval(all).as_str().expect("a text").to_owned();
    for wanted in ["of 5 votes", ": its log 0/0, own 0/0", "commits 1: on S"] {
        assert!(all.contains(wanted), "{wanted} is not in\n{all}");
    }
    // A leader has the votes of a majority.
    let votes = all.lines().filter_map(|line| line.strip_suffix(" of 5 votes"));
    let counts: Vec<&str> = votes.filter_map(|line| line.split(": ").nth(1)).collect();
    assert!(counts.iter().all(|n| ["3", "4", "5"].contains(n)), "{counts:?}");
    // A leader says which servers have the entry. Three of five are a majority.
    let copies =
        all.lines().filter(|line| line.starts_with("commits 1: on ")).map(|line| line.matches('S').count());
    assert!(copies.clone().count() > 0 && copies.clone().all(|n| n >= 3), "{:?}", copies.collect::<Vec<_>>());
    page.no_errors();
}

#[test]
fn the_help_opens_at_its_top_and_lists_wrap() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    page.press("?");
    assert_eq!(page.eval("byId('help').open && byId('help').scrollTop === 0"), true);
    page.click_on("#help-close");
    let wide = "[...document.querySelectorAll('#around li')].filter((li) => li.getBoundingClientRect().right > innerWidth || li.scrollWidth > li.clientWidth + 1).length";
    assert_eq!(page.number(wide), 0.0, "no line runs off the edge");
    let around = page.text("#around");
    assert!(around.contains(" s") || around.contains("\u{a0}s") || around.contains("\u{202f}s"), "{around}");
    page.no_errors();
}

#[test]
fn with_many_servers_the_groups_that_matter_are_unfolded() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    let restored = |(group, server): (u32, u32)| {
        let terms = if group == 102 && server > 0 { "2,4" } else { "2*2" };
        format!(
            r#""node":"G{group}S{server}","kind":"raft.restore","f.term":4,"f.last_included_index":0,"f.last_included_term":0,"f.last":2,"f.terms":"{terms}""#
        )
    };
    let places = (100..104).flat_map(|group| (0..3).map(move |server| (group, server)));
    let mut lines: Vec<String> = places.map(restored).collect();
    lines.push(r#""node":"G101S1","kind":"raft.commit","f.index":2,"f.term":4"#.to_owned());
    lines.push(r#""kind":"test.failed","f.message":"G103S2 has not answered""#.to_owned());
    page.open(&html(&trace_of(&lines), MOST_EVENTS));
    let rows = "[...new Set(page.logs.rows.map(({ lane }) => page.run.lanes[lane].group))]";
    assert_eq!(page.eval(rows), serde_json::json!([103]), "the group of the failure");
    let folded = texts(&mut page, "logs").join("\n");
    assert!(folded.contains("▸ G100") && folded.contains("3 equal logs, term 4, 2 entries"), "{folded}");
    assert!(folded.contains("3 logs, which differ at index 2"), "{folded}");
    let height = page.number("byId('logs').clientHeight");
    page.press("[");
    page.eval("page.visit(page.run.failed - 1)");
    page.rest();
    assert_eq!(page.eval(rows), serde_json::json!([101, 103]), "the pinned event and the failure");
    assert_eq!(page.number("byId('logs').clientHeight"), height, "the picture does not move");
    let (x, y) = (
        page.number("byId('logs').getBoundingClientRect().x + 40"),
        page.number("byId('logs').getBoundingClientRect().y + page.logs.lines[0].y + 8"),
    );
    page.click((x, y));
    page.rest();
    assert_eq!(page.eval(rows), serde_json::json!([100, 101, 103]), "a click unfolds a group");
    page.no_errors();
}

#[test]
fn a_list_below_the_field_has_the_nearest_matches() {
    let Some(mut page) = Page::new(1280, 800) else { return };
    page.open(&html(&failing_run(), MOST_EVENTS));
    page.press("/");
    page.write("votes for");
    page.until("!byId('hits').hidden && byId('hits').children.length > 0");
    let nearest = page.text("#hits .now");
    assert!(
        nearest.starts_with(|c: char| c.is_ascii_digit()) && nearest.contains("votes for S"),
        "{nearest}"
    );
    page.press("Enter");
    assert_eq!(page.eval("byId('hits').hidden"), true);
    let pinned = page.eval("drawnText(page.run, page.pinned)");
    assert!(pinned.as_str().is_some_and(|words| words.contains("votes for")), "{pinned}");
    assert_eq!(page.eval("page.run.isDrawn(page.pinned)"), true);
    // The arrows mark another match, and Enter goes to the marked one.
    page.press("/");
    page.write("commits 1");
    page.until("page.search.asked === 'commits 1'");
    let marked = page.number("page.search.mark");
    page.press("ArrowUp");
    page.press("Enter");
    assert_ne!(page.number("page.search.at"), marked);
    // A click goes to the match that was clicked.
    page.press("/");
    page.write("T1");
    page.until("page.search.asked === 'T1'");
    page.click_on("#hits li:first-child");
    assert_eq!(page.eval("page.pinned >= 0 && byId('hits').hidden"), true);
    // The words of the picture come before the other data: each commit has a term, but does not draw it.
    page.eval("page.search.set('term 1')");
    assert_eq!(
        page.eval("page.search.matches.slice(0, page.search.firsts).every((e) => page.run.isDrawn(e))"),
        true
    );
    assert_eq!(page.eval("page.search.firsts > 0 && page.search.firsts < page.search.matches.length"), true);
    // A text in quotes has whole words.
    let mut count = |text: &str| page.number(&format!("page.run.find({text:?}, page.filter.shown).length"));
    assert!(count("commit 1") > 0.0);
    assert!(count("\"commits 1\"") > 0.0);
    assert_eq!(count("\"commi\""), 0.0);
    assert!(count("S1 \"commits 1\"") < count("\"commits 1\""));
    // The number of the matches does not lie on the text of the field.
    assert_eq!(
        page.eval("parseFloat(getComputedStyle(page.search.input).paddingRight) > byId('found').offsetWidth"),
        true
    );
    page.no_errors();
}

#[test]
fn the_controls_fold_on_a_phone() {
    let Some(mut page) = Page::new(390, 844) else { return };
    page.open(&html(&telling_run(), MOST_EVENTS));
    let seen = "[...document.querySelectorAll('.controls > *')].filter((it) => it.offsetWidth > 0).length";
    assert_eq!(page.number(seen), 1.0, "only the button for the others is shown");
    page.click_on("#more");
    assert!(page.number(seen) > 5.0);
    page.no_errors();
}

// ---- hostile texts, and traces with almost no events ----

#[test]
fn hostile_texts_are_only_text() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    let hostile = [
        "</script><img src=x onerror=window.harm=1>",
        "<!--<script>",
        "__proto__",
        "'\"`${window.harm=1}`\\",
        "\u{202e}\u{0}\u{2028}",
    ];
    let mut text = String::new();
    for (t, harm) in hostile.iter().enumerate() {
        let harm = serde_json::to_string(harm).expect("a text is JSON");
        writeln!(text, "{{\"t\":{t},\"node\":{harm},\"kind\":{harm},\"cause\":{harm},\"id\":{},\"parent\":{},\"f.__proto__\":{harm},{harm}:{harm}}}", t + 1, t + 1).expect("a String takes everything");
        writeln!(
            text,
            "{{\"t\":{t},\"kind\":\"client.call\",\"id\":9,\"f.client\":0,\"f.op\":{harm},\"f.key\":{harm}}}"
        )
        .expect("a String takes everything");
        writeln!(
            text,
            "{{\"t\":{t},\"kind\":\"rpc.sent\",\"id\":{},\"f.method\":{harm},\"f.to\":{harm}}}",
            t + 20
        )
        .expect("a String takes everything");
    }
    writeln!(
        text,
        "{{\"t\":9,\"kind\":\"test.failed\",\"f.message\":{}}}",
        serde_json::to_string(&hostile.concat()).expect("a text is JSON")
    )
    .expect("a String takes everything");
    page.open(&html(&Trace::read(text.as_bytes()).expect("the trace can be read"), MOST_EVENTS));
    for _ in 0..20 {
        page.press(",");
    }
    page.press("/");
    page.write("</script>");
    page.until("page.search.matches.length > 0");
    page.press("Enter");
    assert_eq!(page.eval("window.harm === undefined"), true, "a text was executed");
    assert_eq!(page.eval("document.querySelectorAll('img, svg').length"), 0, "a text became markup");
    page.no_errors();
}

#[test]
fn a_run_with_almost_no_events_has_a_page() {
    let Some(mut page) = Page::new(1000, 700) else { return };
    page.open(&html(
        &Trace::read(&b"{\"t\":5,\"kind\":\"x\"}\n"[..]).expect("the trace can be read"),
        MOST_EVENTS,
    ));
    for key in
        ["e", "f", "+", ".", ",", "o", "u", "i", "z", "[", "]", "n", "ArrowDown", "ArrowRight", "Escape"]
    {
        page.press(key);
    }
    assert_eq!(page.text("#headline"), "A run");
    page.no_errors();
}

// ---- many events ----

/// A run of 100,000 events, with five servers, the leader's messages to all of them, and ten clients.
fn many() -> String {
    let mut text = String::from(
        "{\"t\":0,\"kind\":\"run.begin\",\"f.test\":\"many\",\"f.seed\":\"1\",\"f.clock\":\"virtual\",\"f.lost\":0}\n",
    );
    let mut line = |t: u64, rest: String| {
        writeln!(text, "{{\"t\":{t},\"thread\":1,{rest}}}").expect("a String takes everything")
    };
    for server in 0..5 {
        line(
            0,
            format!(
                r#""node":"S{server}","kind":"raft.restore","f.term":0,"f.last_included_index":0,"f.last_included_term":0,"f.last":0,"f.terms":"""#
            ),
        );
    }
    let (mut t, mut id, mut index) = (1_000, 1, 0);
    for round in 0..3_400 {
        let (leader, term) = (round / 700 % 5, round / 700 + 1);
        if round % 700 == 0 {
            line(
                t,
                format!(
                    r#""node":"S{leader}","kind":"raft.role","cause":"won","f.role":"leader","f.term":{term}"#
                ),
            );
        }
        index += 1;
        let client = round % 10;
        let op = id;
        line(
            t,
            format!(
                r#""kind":"client.call","id":{op},"f.client":{client},"f.op":"put","f.key":"k{}","f.value":"{round}""#,
                round % 7
            ),
        );
        line(
            t,
            format!(
                r#""node":"S{leader}","kind":"raft.append","parent":{op},"f.first":{index},"f.last":{index},"f.terms":"{term}""#
            ),
        );
        id += 1;
        for peer in (0..5).filter(|&peer| peer != leader) {
            t += 100_000;
            line(
                t,
                format!(
                    r#""node":"S{leader}","kind":"rpc.sent","id":{id},"parent":{op},"f.method":"Raft.AppendEntries","f.to":"S{peer}""#
                ),
            );
            line(t + 20_000, format!(r#""node":"S{peer}","kind":"rpc.delivered","id":{id}"#));
            line(
                t + 20_000,
                format!(
                    r#""node":"S{peer}","kind":"raft.append","parent":{id},"f.first":{index},"f.last":{index},"f.terms":"{term}""#
                ),
            );
            line(t + 30_000, format!(r#""node":"S{peer}","kind":"rpc.answered","id":{id}"#));
            line(t + 60_000, format!(r#""node":"S{leader}","kind":"rpc.replied","id":{id}"#));
            line(
                t + 60_000,
                format!(r#""node":"S{leader}","kind":"raft.commit","f.index":{index},"f.term":{term}"#),
            );
            line(t + 60_000, format!(r#""node":"S{leader}","kind":"raft.apply","f.index":{index}"#));
            id += 1;
        }
        line(t + 80_000, format!(r#""kind":"client.return","id":{op},"f.client":{client},"f.result":"""#));
        t += 80_000;
    }
    text
}

#[test]
fn a_hundred_thousand_events() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    let text = many();
    let start = Instant::now();
    let trace = Trace::read(text.as_bytes()).expect("the trace can be read");
    let read = start.elapsed();
    let start = Instant::now();
    let made = html(&trace, MOST_EVENTS);
    let written = start.elapsed();
    let opened = page.open(&made);
    page.until("page.painted > 0");
    let (events, paint) = (page.number("page.run.size"), page.number("page.painted"));
    assert!(events > 100_000.0, "{events} events");
    println!(
        "{events} events: {:.1} MB read in {read:.1?}, page of {:.1} MB made in {written:.1?}, opened in {opened:.1?}, first paint after {paint:.0} ms",
        text.len() as f64 / 1e6,
        made.len() as f64 / 1e6
    );
    let frames = "(() => {
        const times = [];
        for (let i = 0; i < 30; i += 1) {
            const start = performance.now();
            page.axis.pan(i % 2 === 0 ? 37 : -36);
            page.draw();
            times.push(performance.now() - start);
        }
        return [times.reduce((a, b) => a + b) / times.length, Math.max(...times)];
    })()";
    page.press("f");
    page.rest();
    assert!(page.screenshot("run-many").colours().len() > 100);
    for (view, zoom) in
        [("whole run", 1.0), ("a tenth", 0.1), ("a thousandth", 0.01), ("ten thousandth", 0.1)]
    {
        page.eval(&format!("page.axis.zoom({zoom})"));
        let times = page.eval(frames);
        let (mean, longest) = (
            times[0].as_f64().expect("the value is a number"),
            times[1].as_f64().expect("the value is a number"),
        );
        println!("  a frame of {view}: {mean:.1} ms, at most {longest:.1} ms");
        assert!(mean < 1000.0, "{view}: {mean} ms a frame");
    }
    page.screenshot("run-many-close");
    // Measures the same with the axis by events. The first view is around the event in the middle.
    page.press("x");
    for (view, zoom) in [("usual rows", 1.0), ("ten times the rows", 10.0), ("the whole run", 1e9)] {
        page.eval(&format!("page.axis.zoom({zoom})"));
        let times = page.eval(frames);
        let mean = times[0].as_f64().expect("the value is a number");
        println!("  a frame by events, {view}: {mean:.1} ms");
        assert!(mean < 1000.0, "by events, {view}: {mean} ms a frame");
    }
    page.press("x");
    page.press("/");
    page.write("raft.commit S3");
    page.until("page.search.matches.length > 100");
    let apply = "(() => { const start = performance.now(); page.filter.term = '2'; page.choices.apply(); page.draw(); return performance.now() - start; })()";
    println!("  a filter: {:.0} ms", page.number(apply));
    page.no_errors();
}
