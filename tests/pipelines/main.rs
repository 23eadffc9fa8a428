//! Several tools together: the pipelines of the pages, the services, swatch, and faults on the way.

mod bounds;
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod exports;
mod faults;
mod flood;
mod lists;
mod main_job;
mod mistakes;
mod month;
mod pages;
mod pipeline_key;
mod service;
mod status;
mod swatch;
mod systems;
mod tables;
