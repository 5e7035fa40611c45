//! The layer by itself, with a machine that only counts.
