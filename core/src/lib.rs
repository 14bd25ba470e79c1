//! Everything that decides a Segue ranking: packs, session, features, scoring, policy.
//!
//! A host holds one [`Engine`]. It hands over the signed bytes it fetched, then events as they happen, and asks for
//! a list after each. There is no I/O, no clock and no randomness in here: the same pack, ranker, policy, context,
//! events, time and seed give the same list on every host.
//!
//! ```
//! use segue_core::{Engine, Event, EventKind, Request};
//!
//! # fn run(root: &str, manifest: &[u8], policy: &[u8], model: &[u8], schema: &[u8], pack: &[u8], now_ms: i64) -> segue_core::Result<()> {
//! let mut engine = Engine::new(root)?;
//! engine.accept_manifest(manifest, now_ms)?;
//! engine.accept_policy("radio", policy)?;
//! # #[cfg(feature = "tract")]
//! engine.accept_ranker(model, schema)?;
//! engine.accept_pack(pack, "user:ada", now_ms)?;
//! engine.apply(&Event::new("e1", "track-7", EventKind::Skip, now_ms))?;
//! let request = Request { surface: "radio".into(), count: 12, now_ms, seed: 1, context: [].into(), log_features: false };
//! for place in engine.rank(&request)?.places {
//!     println!("{} {} - {}", place.position, place.item, place.text);
//! }
//! # Ok(())
//! # }
//! ```

pub mod budget;
pub mod engine;
pub mod error;
pub mod features;
pub mod limits;
pub mod outbox;
pub mod pack;
pub mod policies;
pub mod policy;
pub mod reason;
mod saved;
pub mod score;
pub mod session;
pub mod trust;

pub use budget::Budget;
pub use engine::{Engine, Order, Place, Refill, RefillReason, Request, Slate};
pub use error::{Code, Error, Result};
pub use reason::{Reason, ReasonCode};
pub use session::{Applied, Event, EventKind};
