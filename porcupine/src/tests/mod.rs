//! Tests of the checker.

mod limits;
mod oracle;
mod partials;
mod rules;
mod support;
mod unknown;
