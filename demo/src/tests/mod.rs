//! Tests of what is shown, with invented servers.

mod ends;
mod lines;
mod news;
mod room;
mod samples;
mod screen;
