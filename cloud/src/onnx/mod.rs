//! ONNX Runtime: its library, what computes, and the graphs of ONNX that are written here.

pub mod card;
mod halves;
pub(crate) mod message;
pub(crate) mod parts;
mod runtime;

pub use card::{Card, Precision};
pub use runtime::{Device, LIBRARY, Provider, provider, runtime, session};
pub(crate) use runtime::{plain, remarks, session_on};
