//! Everything that decides a Segue ranking.

pub mod session;
