//! Tests of the pages in a real headless browser, and the driver for the browser.
//!
//! ```text
//! cargo test -p mit6824-browser                     # needs Chromium: the path in CHROMIUM, or one on PATH
//! LAB_SCREENSHOTS=/tmp/shots cargo test -p mit6824-browser      # keeps the screenshots of the tests
//! ```
//!
//! If there is no browser, each test prints a clearly visible line, and passes. Every test has a browser of
//! its own with a new, empty profile. When the test ends, it ends the browser and deletes the profile.
//!
//! The driver speaks the Chrome DevTools Protocol. Its messages are JSON texts that end with a zero byte.
//! They go through two pipes that the browser inherits (`--remote-debugging-pipe`). So the driver needs no
//! port and no WebSocket. No browser outlives its test, because Chromium ends when the pipe is closed.
//!
//! | file | content |
//! |---|---|
//! | `chromium` | the process and its pipes |
//! | `page` | a page: opening it, evaluating expressions, keys, mouse, screenshots, messages of the console |
//! | `image` | the pixels of a screenshot |

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this crate drives a browser: it uses real threads and the real clock, even with sim"
)]

mod chromium;
mod image;
mod page;

pub use chromium::Chromium;
pub use image::Image;
pub use page::{Looks, Page};
