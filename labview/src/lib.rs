//! Pages for people: what all pages share, and the page of a run.
//!
//! | module | what it holds |
//! |---|---|
//! | [`page`] | what the pages have in common: look, theme, axis, keys, search |
//! | [`spacetime`] | the page of a run: its trace as a space-time diagram |
//!
//! The page of a history of operations is in the crate `porcupine`, with the checker.

#![forbid(unsafe_code)]

pub mod page;
pub mod spacetime;
