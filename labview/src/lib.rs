//! HTML pages for people: the parts that all pages share, and the page of a run. A *run* is one execution of
//! a test (see `labrt`).
//!
//! | module | content |
//! |---|---|
//! | [`page`] | the parts that all pages share: style, theme, axis of time, keys, search |
//! | [`spacetime`] | the page of a run: its trace as a space-time diagram |
//! | [`beside`] | two pages side by side in one window |
//!
//! The page of a history of operations is in the crate `porcupine`, together with the checker.

#![forbid(unsafe_code)]

pub mod beside;
pub mod page;
pub mod spacetime;
