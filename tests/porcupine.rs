//! The checker on recorded histories.

use mit6824::models::{kv::KvModel, kv_log};
use mit6824::porcupine::{Options, check_events};
use std::fs;

#[test]
fn t() {
    let dir = std::env::var("PORCUPINE_DATA").unwrap();
    for e in fs::read_dir(dir).unwrap() {
        let p = e.unwrap().path();
        if p.extension().is_none_or(|e| e != "txt") {
            continue;
        }
        let events = kv_log::parse(&fs::read_to_string(&p).unwrap()).unwrap();
        for partials in [false, true] {
            let o =
                Options { limit: Some(std::time::Duration::from_secs(20)), partials, ..Options::default() };
            let r = check_events(&KvModel, &events, &o).unwrap();
            println!(
                "{} {:?} {:?} {:?} steps {:?} partials {:?}",
                p.display(),
                r.verdict,
                r.why_unknown,
                r.took,
                r.parts.iter().map(|p| p.steps).collect::<Vec<_>>(),
                r.parts.iter().map(|p| p.partials.len()).collect::<Vec<_>>()
            );
        }
    }
}
