mod bad_input;
mod group;
mod machine;
mod service;
