//! The judge, tested with this project's layers: it finds what is wrong with services, and tells how servers stand.

mod kv;
mod looks;
