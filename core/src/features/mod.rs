//! What a scorer sees: named features, in the order and with the transforms the schema states.

mod assemble;
mod schema;
mod transform;
mod vector;

pub use assemble::{Assembler, Inputs};
pub use schema::{CandidateFeature, ContextFeature, EventFeature, Head, HeadKind, Schema};
pub use transform::Transform;
pub(crate) use vector::{normalise, similarity};
