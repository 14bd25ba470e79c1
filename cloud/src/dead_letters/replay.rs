//! Taking dead letters in again.

use std::path::Path;

use serde::Serialize;

use super::letter::Letter;
use super::lines::{list, put};
use crate::auth::Caller;
use crate::catalog::Event;
use crate::clock::now_ms;
use crate::erasure::Erased;
use crate::events::{Batch, EventStore, Limits, Senders, validate};

/// What became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Events that are in the log now, or can be read there again.
    pub taken_in: usize,
    /// Events whose id was in the log already.
    pub duplicates: usize,
    /// Events that are refused still; they stay.
    pub refused: usize,
}

/// Takes every dead letter in again, by the rules of now; what is refused stays, with the reason of now. The service
/// must not be running.
///
/// # Errors
/// When the event store is in use or cannot be written; the letters are as they were then.
pub async fn replay(data: &Path) -> anyhow::Result<Replayed> {
    let store = EventStore::open(data, Limits::default())?;
    let erased = Erased::read(data)?;
    let (mut replayed, mut batch, mut left) = (Replayed::default(), Vec::new(), Vec::new());
    for letter in list(data)?.into_iter().filter(|letter| !letter.names(&erased)) {
        match again(letter, &erased) {
            Again::Row(row) => batch.push(*row),
            Again::Readable => replayed.taken_in += 1,
            Again::Refused(letter) => left.push(*letter),
        }
    }
    for rows in batch {
        let outcome = store.append(rows).await?;
        replayed.taken_in += outcome.accepted as usize;
        replayed.duplicates += outcome.duplicates as usize;
    }
    replayed.refused = left.len();
    // What was taken in twice, after a kill between these two, is a duplicate.
    put(data, &left)?;
    if replayed.taken_in > 0 {
        forget_counters(data)?;
    }
    Ok(replayed)
}

enum Again {
    Row(Box<Batch>),
    Readable,
    Refused(Box<Letter>),
}

fn again(letter: Letter, erased: &Erased) -> Again {
    if letter.number.is_some() {
        return match serde_json::from_value::<Event>(letter.event.clone()) {
            Ok(_) => Again::Readable,
            Err(error) => Again::Refused(Box::new(Letter { detail: error.to_string(), ..letter })),
        };
    }
    let senders = Senders { caller: &Caller::Everybody, erased, key: None };
    let (batch, rejects) = validate(vec![letter.event.clone()], senders, 0, now_ms());
    match rejects.into_iter().next() {
        None => Again::Row(Box::new(batch)),
        Some(reject) => {
            let (code, detail) = (reject.code.to_owned(), reject.detail);
            Again::Refused(Box::new(Letter { code, detail, refused_ms: now_ms(), ..letter }))
        }
    }
}

/// What was passed over is counted with everything before it.
fn forget_counters(data: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(crate::consumers::state_file(data)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
