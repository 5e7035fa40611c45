//! What is shown, of servers that are made up.

mod ends;
mod lines;
mod news;
mod room;
mod samples;
mod screen;
