#![doc = include_str!("../README.md")]

mod admission;
mod api;
pub mod app;
pub mod auth;
pub mod backup;
pub mod candidates;
pub mod catalog;
pub mod clock;
pub mod commands;
pub mod config;
pub mod consumers;
pub mod dead_letters;
mod deadline;
pub mod display;
pub mod doctor;
pub mod editorial;
mod encoding;
pub mod erasure;
pub mod error;
pub mod evaluate;
pub mod events;
pub mod examples;
pub mod export;
pub mod hash;
pub mod index;
pub mod jobs;
pub mod keys;
pub mod live;
mod lock;
pub mod monitor;
mod near;
pub mod packs;
pub mod progress;
pub mod refresh;
pub mod score;
pub mod served;
pub mod server;
#[cfg(test)]
#[path = "../tests/support/skipped.rs"]
mod skipped;
pub mod state;
pub mod tls;
pub mod towers;
pub mod train;
pub mod training_log;
pub mod weekly;
pub mod workshop;
