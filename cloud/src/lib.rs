#![doc = include_str!("../README.md")]

mod api;
pub mod app;
pub mod candidates;
pub mod catalog;
pub mod clock;
pub mod commands;
pub mod config;
pub mod display;
pub mod error;
pub mod evaluate;
pub mod events;
pub mod examples;
pub mod hash;
pub mod index;
pub mod keys;
pub mod live;
mod lock;
pub mod monitor;
pub mod packs;
pub mod progress;
pub mod refresh;
pub mod refresher;
pub mod score;
pub mod server;
pub mod state;
pub mod towers;
pub mod train;
