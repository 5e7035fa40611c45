//! Tests of the demo. Most of them use invented servers.

mod ends;
mod lines;
mod news;
mod room;
mod samples;
mod screen;
