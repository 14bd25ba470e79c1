//! The recipes, by what they are about.

mod deltas;
mod events;
mod policy;
mod ranker;
mod reasons;
mod session;
mod trust;

use super::Book;

/// Every recipe.
#[must_use]
pub fn book() -> Book {
    let mut book = Book::default();
    trust::tell(&mut book);
    deltas::tell(&mut book);
    events::tell(&mut book);
    session::tell(&mut book);
    policy::tell(&mut book);
    ranker::tell(&mut book);
    reasons::tell(&mut book);
    book
}
