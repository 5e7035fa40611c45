mod group;
mod service;
