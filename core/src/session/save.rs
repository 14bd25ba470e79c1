//! The session as bytes, so that it survives the tab or the app.

use serde::{Deserialize, Serialize};

use super::State;
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::trust::FormatOnly;

/// Version of the saved bytes.
const FORMAT: u16 = 1;

#[derive(Serialize)]
struct Saved<'a> {
    format: u16,
    state: &'a State,
}

#[derive(Deserialize)]
struct Restored {
    state: State,
}

impl State {
    /// The session as MessagePack.
    ///
    /// # Errors
    /// `session_damaged` when it cannot be written.
    pub fn save(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(&Saved { format: FORMAT, state: self })
            .map_err(|error| Error::new(Code::SessionDamaged, format!("{error}.")))
    }

    /// The session that [`State::save`] wrote.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `session_damaged`.
    pub fn restore(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > limits::SESSION_BYTES {
            return Err(Error::new(Code::TooLarge, format!("a session of {} bytes.", bytes.len())));
        }
        let damaged = |error| Error::new(Code::SessionDamaged, format!("{error}."));
        let FormatOnly { format } = rmp_serde::from_slice(bytes).map_err(damaged)?;
        if format != FORMAT {
            let detail = format!("a session of format {format}, this version reads {FORMAT}.");
            return Err(Error::new(Code::FormatUnknown, detail));
        }
        let Restored { state } = rmp_serde::from_slice(bytes).map_err(damaged)?;
        state.check().map_err(|detail| Error::new(Code::SessionDamaged, detail))?;
        Ok(state)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let vectors = self.remembered.iter().map(|event| &event.vector).chain(&self.refused);
        for vector in vectors.chain([&self.interest, &self.aversion]) {
            if vector.len() > limits::PACK_DIMENSION || vector.iter().any(|value| !value.is_finite()) {
                return Err(format!("a vector of {} entries is too long or not finite.", vector.len()));
            }
        }
        let counts = [
            (self.remembered.len(), limits::SESSION_EVENTS),
            (self.refused.len(), limits::SESSION_EVENTS),
            (self.event_ids.len(), limits::SESSION_EVENT_IDS),
            (self.items.len(), limits::SESSION_ENTRIES),
            (self.creators.len(), limits::SESSION_ENTRIES),
            (self.categories.len(), limits::SESSION_ENTRIES),
        ];
        match counts.iter().find(|(count, most)| count > most) {
            Some((count, most)) => Err(format!("{count} entries where at most {most} are kept.")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::session::{Event, EventKind};

    #[test]
    fn a_saved_session_is_restored_as_it_was_and_no_cut_panics() {
        let feedback = Policy::from_json(crate::policies::RADIO).unwrap().feedback;
        let mut state = State::default();
        for at in 0..60 {
            state.apply(&Event::new(at.to_string(), "a", EventKind::Like, at), None, &feedback).unwrap();
        }
        let bytes = state.save().unwrap();
        assert_eq!(State::restore(&bytes).unwrap(), state);
        for length in 0..bytes.len() {
            assert!(State::restore(&bytes[..length]).is_err());
        }
    }
}
