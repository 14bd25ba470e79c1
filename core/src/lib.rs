//! Everything that decides a Segue ranking.

pub mod error;
pub mod limits;
pub mod pack;
pub mod session;
pub mod trust;

pub use error::{Code, Error, Result};
