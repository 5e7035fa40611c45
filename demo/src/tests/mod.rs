//! What is shown, of servers that are made up.

mod lines;
mod news;
mod room;
mod samples;
mod screen;
