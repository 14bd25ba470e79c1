//! A ranker and its feature schema.
pub fn model(_data: &[u8]) {}
