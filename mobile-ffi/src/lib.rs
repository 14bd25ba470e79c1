//! The Segue engine for apps: one core, one thin door for Kotlin and Swift (UniFFI), one for C.
//!
//! Every function takes what it is given, asks the core and hands the answer back; nothing here decides about an order
//! or about what to send. Both doors lead to the same two objects:
//!
//! - [`Engine`] holds one person's pack, ranker, policies and session;
//! - [`Outbox`] holds the events that wait to be sent, in one file that survives a power cut.
//!
//! **Threads.** Both may be called from any thread at any time. Calls to one object take turns; [`Engine::rank`] with a
//! deadline answers `engine_busy` when its turn does not come in time, so that a thread which draws frames is never kept
//! longer than it said.
//!
//! **Failures.** Every call that can fail gives a [`SegueError`] with a stable code, the value that was wrong and the
//! remedy. A panic inside becomes the code `unexpected`; it neither ends the app nor locks the object.
//!
//! **Memory.** What is larger than `segue_core::limits` is refused with `too_large` before it is read. An object that
//! is let go of while another thread is inside of it goes when that call returns.

#[expect(unsafe_code, reason = "C hands over pointers")]
pub mod c;
mod disk;
mod engine;
mod error;
mod outbox;
mod record;
mod slate;
mod turns;

pub use engine::Engine;
pub use error::SegueError;
pub use outbox::{Answer, Lost, Next, Outbox, Outcome, Refusal};
pub use record::{
    Applied, Artefact, Event, Manifest, PackInfo, RankRequest, RankerArtefact, Refill, artefact_of,
    event_kinds,
};
pub use slate::{Place, Reason, Slate};

uniffi::setup_scaffolding!("segue");
