//! Segue at the edge: a Cloudflare Worker that re-ranks region packs for people without an account.
//!
//! A request becomes a [`call::Call`]; [`service`] answers it with an [`answer::Answer`]. On the way it finds out who
//! asks ([`visitor`]), has an engine with the pack of that [`region`] ([`supply`] brings it, [`shelf`] keeps it),
//! takes up the session that the request carries ([`session`], sealed by [`seal`]), applies events ([`rows`]), ranks, and
//! hands the events on to the cloud ([`forward`]). For pages that run the engine themselves it is what the cloud is to
//! them: it has everyone's pack and takes events in. None of this knows the platform: what it needs of it is a
//! [`host::Host`]. [`glue`] is that host on Cloudflare, and the only part that is not tested natively.
//! `docs/EDGE.md` is for those who deploy it.

pub mod answer;
pub mod bundle;
pub mod call;
mod download;
mod events;
pub mod forward;
pub mod glue;
pub mod host;
pub mod isolate;
mod lists;
pub mod privacy;
pub mod problem;
pub mod region;
pub mod rows;
pub mod seal;
pub mod service;
pub mod session;
pub mod settings;
pub mod shelf;
mod shown;
mod supplies;
pub mod supply;
pub mod visitor;

#[cfg(test)]
mod tests;

/// The engine's binding for JavaScript: the golden vectors run on it inside the runtime.
pub use segue_wasm::Engine;
