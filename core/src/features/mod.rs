//! What a scorer sees: named features, in the order and with the transforms the schema states.
//!
//! What is fixed while a pack is in use (`candidate`) is told from what the session says about a candidate (`live`),
//! so that the first is computed once per pack, here and inside the ranker.

mod assemble;
mod calibration;
mod column;
mod live;
mod log;
mod schema;
mod session;
mod source;
mod transform;
mod vector;

pub use assemble::{Assembler, Inputs};
pub use calibration::Calibration;
pub use log::{FeatureLog, LoggedPlace};
pub use schema::{Feature, Head, HeadKind, Schema};
pub use source::{
    CANDIDATE, CONTEXT, CandidateSource, ContextSource, EVENT, EventSource, LIVE, LiveSource, Source,
};
pub use transform::{TRANSFORMS, Transform};
pub(crate) use vector::{normalise, similarity};
