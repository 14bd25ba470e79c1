//! What an event must look like; the service refuses the same.

use super::{Event, EventKind};
use crate::error::{Code, Error, Result};
use crate::limits;

impl Event {
    /// Whether the engine can take it.
    ///
    /// # Errors
    /// `event_invalid` naming the field that is missing or exceeds its limit.
    pub fn check(&self) -> Result<()> {
        let sound = self.check_lengths().and_then(|()| self.check_values());
        sound.map_err(|detail| Error::new(Code::EventInvalid, detail))
    }

    fn check_lengths(&self) -> std::result::Result<(), String> {
        if self.event_id.is_empty() {
            return Err("event_id is empty.".into());
        }
        let ids = [&self.event_id, &self.item, &self.user, &self.session, self.kind.name()];
        let texts = self.context.iter().flat_map(|(name, text)| [name, text]);
        let ids = ids.into_iter().chain(self.slate.as_deref()).chain(texts.map(String::as_str));
        if let Some(id) = ids.into_iter().find(|id| id.len() > limits::ID_BYTES) {
            return Err(format!("an id or word of {} bytes, at most {}.", id.len(), limits::ID_BYTES));
        }
        if self.context.len() > limits::CONTEXT_ENTRIES || self.candidates.len() > limits::EVENT_CANDIDATES {
            let (context, candidates) = (self.context.len(), self.candidates.len());
            return Err(format!("a context of {context} entries, or {candidates} candidates."));
        }
        Ok(())
    }

    fn check_values(&self) -> std::result::Result<(), String> {
        if !(0..=limits::LATEST_MS).contains(&self.time_ms) {
            return Err(format!("time_ms is {}, allowed is 0 to {}.", self.time_ms, limits::LATEST_MS));
        }
        if !self.has_subject() {
            return Err(format!("an event of kind {:?} names nothing it is about.", self.kind.name()));
        }
        match (&self.kind, self.value) {
            (_, Some(value)) if !value.is_finite() => Err(format!("value is {value}.")),
            (EventKind::Rating, Some(value)) if (0.0..=5.0).contains(&value) => Ok(()),
            (EventKind::Rating, value) => Err(format!("a rating's value is 0 to 5, not {value:?}.")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Event)) -> String {
        let mut event = Event::new("1", "a", EventKind::Like, 1);
        event.check().unwrap();
        change(&mut event);
        let error = event.check().unwrap_err();
        assert_eq!(error.code(), Code::EventInvalid);
        error.detail().to_owned()
    }

    #[test]
    fn what_is_missing_or_out_of_range_is_named() {
        assert!(refused(|event| event.event_id.clear()).contains("event_id"));
        assert!(refused(|event| event.item.clear()).contains("like"));
        assert!(refused(|event| event.item = "x".repeat(129)).contains("129"));
        assert!(refused(|event| event.slate = Some("x".repeat(129))).contains("129"));
        assert!(refused(|event| event.time_ms = -1).contains("-1"));
        assert!(refused(|event| event.time_ms = i64::MAX).contains("time_ms"));
        assert!(refused(|event| event.value = Some(f64::NAN)).contains("NaN"));
        assert!(refused(|event| event.kind = EventKind::Rating).contains("rating"));
        assert!(refused(|event| event.candidates = vec![String::new(); 1_001]).contains("1001"));
    }

    #[test]
    fn a_wider_scope_may_do_without_an_item() {
        let mut event = Event::new("1", "", EventKind::NotInterested, 1);
        event.check().unwrap_err();
        event.context.insert("scope".into(), "creator".into());
        event.check().unwrap_err();
        event.context.insert("creator".into(), "ada".into());
        event.check().unwrap();
        Event::new("2", "", EventKind::Search, 1).check().unwrap();
    }
}
