//! The Segue backbone: catalogue in, signed packs out, events back.

pub mod candidates;
pub mod catalog;
pub mod commands;
pub mod evaluate;
pub mod events;
pub mod index;
pub mod keys;
pub mod packs;
pub mod progress;
pub mod refresh;
pub mod score;
pub mod towers;
