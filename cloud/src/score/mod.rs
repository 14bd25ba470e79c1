//! The core's scorer on ONNX Runtime: what ranks packs at refresh time.

mod ort;
mod shared;
#[cfg(all(test, feature = "ranker"))]
mod tests_support;

pub use self::ort::OrtScorer;
pub(crate) use self::shared::{SharedScorer, candidates_at_once};
