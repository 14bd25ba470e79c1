//! The core's scorer on ONNX Runtime: what ranks packs at refresh time.

mod ort;

pub use self::ort::OrtScorer;
