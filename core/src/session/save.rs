//! The session as bytes, so that it survives the tab or the app.

use super::State;
use crate::error::{Code, Result};
use crate::limits;
use crate::saved::{self, Kind};

/// Version of the saved bytes.
const FORMAT: u16 = 4;
const KIND: Kind =
    Kind { mark: *b"sgse", format: FORMAT, limit: limits::SESSION_BYTES, damaged: Code::SessionDamaged };

impl State {
    /// The session as bytes, to be kept by the host.
    ///
    /// # Errors
    /// `session_damaged` when it cannot be written.
    pub fn save(&self) -> Result<Vec<u8>> {
        saved::write(&KIND, self)
    }

    /// The session that [`State::save`] wrote.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `session_damaged`.
    pub fn restore(bytes: &[u8]) -> Result<Self> {
        let state: Self = saved::read(&KIND, bytes)?;
        state.check().map_err(|detail| KIND.damaged(detail))?;
        Ok(state)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let counts = [
            (self.window.len(), limits::SESSION_EVENTS),
            (self.refused.len(), limits::SESSION_REFUSED),
            (self.space.len(), limits::ID_BYTES),
        ];
        if let Some((count, most)) = counts.iter().find(|(count, most)| count > most) {
            return Err(format!("{count} entries where at most {most} are kept."));
        }
        self.window.iter().try_for_each(super::Remembered::check)?;
        self.refused.iter().try_for_each(|refused| super::sums::check_vector(&refused.vector))?;
        self.taste.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::session::{Event, EventKind};

    fn session(events: i64) -> State {
        let feedback = Policy::from_json(crate::policies::RADIO).unwrap().feedback;
        let mut state = State::default();
        for at in 0..events {
            state.apply(&Event::new(at.to_string(), "a", EventKind::Like, at), None, &feedback).unwrap();
        }
        state
    }

    #[test]
    fn a_saved_session_is_restored_as_it_was_and_no_cut_or_change_of_a_byte_is() {
        let state = session(60);
        let bytes = state.save().unwrap();
        assert_eq!(State::restore(&bytes).unwrap(), state);
        for length in 0..bytes.len() {
            assert_eq!(State::restore(&bytes[..length]).unwrap_err().code(), Code::SessionDamaged);
        }
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 0x10;
            assert!(State::restore(&changed).is_err(), "byte {index}");
        }
    }
}
