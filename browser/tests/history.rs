//! The page of a history, as a person uses it.

mod common;

use common::{MS, Workload, faults, small};
use mit6824_browser::Page;

/// Five clients and eight keys, two of them broken, with faults.
const WORKLOAD: Workload = Workload { clients: 5, keys: 8, each: 60, longest: 80 * MS };

#[test]
fn shots() {
    let Some(mut page) = Page::new(1440, 900) else { return };
    page.open(&small().to_html());
    page.screenshot("small-light");
    println!("{:?}", page.errors());
    page.press("e");
    std::thread::sleep(std::time::Duration::from_millis(400));
    page.screenshot("small-error");
    page.dark(true);
    page.press("f");
    std::thread::sleep(std::time::Duration::from_millis(400));
    page.screenshot("small-dark");
    page.dark(false);
    let mut picture = WORKLOAD.picture("five clients, eight keys, unreliable network, partitions", &[2, 5]);
    picture.marks = faults(3000 * MS);
    page.open(&picture.to_html());
    page.screenshot("medium-light");
    page.press("e");
    std::thread::sleep(std::time::Duration::from_millis(400));
    page.screenshot("medium-error-light");
    page.point((700.0, 262.0));
    page.screenshot("medium-hover");
    page.press("?");
    page.screenshot("medium-help");
    page.click_on("#help-close");
    page.press("/");
    page.write("put client 3");
    page.press("Enter");
    std::thread::sleep(std::time::Duration::from_millis(400));
    page.press("Enter");
    std::thread::sleep(std::time::Duration::from_millis(400));
    page.screenshot("medium-search");
    page.press("Escape");
    page.resize(900, 700);
    page.screenshot("medium-900");
    page.resize(420, 800);
    page.screenshot("medium-420");
    page.resize(1440, 900);

    page.dark(true);
    page.screenshot("medium-error-dark");
    page.press("Escape");
    page.press("Escape");
    page.press("f");
    std::thread::sleep(std::time::Duration::from_millis(400));
    page.screenshot("medium-dark");
    page.dark(false);
    let mut picture = Workload { clients: 20, keys: 12, each: 250, longest: 80 * MS }
        .picture("20 clients, 5,000 operations", &[2, 5]);
    picture.marks = faults(12000 * MS);
    page.open(&picture.to_html());
    page.screenshot("large-light");
    page.press("e");
    std::thread::sleep(std::time::Duration::from_millis(400));
    page.screenshot("large-error-light");
    println!("{:?}", page.errors());
}
