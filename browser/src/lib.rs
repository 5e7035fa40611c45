//! The pages tested in a real headless browser, and the driver for it.
//!
//! ```text
//! cargo test -p mit6824-browser                     # needs Chromium: the path in CHROMIUM, or one on PATH
//! LAB_SCREENSHOTS=/tmp/shots cargo test -p mit6824-browser      # keeps what the tests have seen
//! ```
//!
//! Without a browser each test says so loudly and passes. Every test has a browser of its own with a new, empty
//! profile, and takes both away.
//!
//! The driver speaks the Chrome DevTools Protocol, as JSON texts that end with a zero byte, over two pipes that the
//! browser inherits (`--remote-debugging-pipe`): no port, no WebSocket, and no browser that outlives its test, since
//! Chromium ends when the pipe is closed.
//!
//! | file | what it holds |
//! |---|---|
//! | `chromium` | the process and its pipes |
//! | `page` | a page: open, evaluate, keys, mouse, screenshots, what the console said |
//! | `image` | a screenshot's pixels |

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "no code of a run: it drives a process, on real threads and the real clock in both builds"
)]

mod chromium;
mod image;
mod page;

pub use chromium::Chromium;
pub use image::Image;
pub use page::{Looks, Page};
