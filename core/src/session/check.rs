//! What an event must look like. The engine, the outbox, the service and imports all refuse by these rules.

use super::{Event, EventKind};
use crate::error::{Code, Error, Result};
use crate::limits;

/// Which rule an event breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventFault {
    /// `event_id` is empty.
    IdMissing,
    /// An id is longer than [`limits::ID_BYTES`], holds a control character, or is an empty candidate.
    IdInvalid,
    /// `kind` is not a word of `a-z`, `0-9` and `_` that begins with a letter, of at most [`limits::KIND_BYTES`].
    KindInvalid,
    /// `time_ms` is before 1970 or after [`limits::LATEST_MS`].
    TimeOutOfRange,
    /// It names nothing that its kind is about.
    SubjectMissing,
    /// `value` is not finite, or a rating is not from 0 to 5.
    ValueOutOfRange,
    /// `context` has more than [`limits::CONTEXT_ENTRIES`], or a name or text above [`limits::CONTEXT_BYTES`].
    ContextTooLarge,
    /// `candidates` has more than [`limits::EVENT_CANDIDATES`].
    CandidatesTooMany,
}

type Checked = std::result::Result<(), (EventFault, String)>;

impl Event {
    /// Whether the engine can take it.
    ///
    /// # Errors
    /// `event_invalid` naming the field that is missing or exceeds its limit.
    pub fn check(&self) -> Result<()> {
        self.examine().map_err(|(_, detail)| Error::new(Code::EventInvalid, format!("{detail}.")))
    }

    /// [`Event::check`] for those who name their errors otherwise.
    ///
    /// # Errors
    /// The first rule it breaks, with the column and its value.
    pub fn examine(&self) -> std::result::Result<(), (EventFault, String)> {
        self.examine_lists()?;
        self.examine_ids()?;
        self.examine_kind()?;
        self.examine_values()
    }

    fn examine_lists(&self) -> Checked {
        let (entries, candidates) = (self.context.len(), self.candidates.len());
        if entries > limits::CONTEXT_ENTRIES {
            let detail = format!("`context` has {entries} entries, at most {}", limits::CONTEXT_ENTRIES);
            return Err((EventFault::ContextTooLarge, detail));
        }
        let mut texts = self.context.iter().flat_map(|(name, text)| [name, text]);
        if let Some(text) = texts.find(|text| text.len() > limits::CONTEXT_BYTES) {
            let (bytes, most) = (text.len(), limits::CONTEXT_BYTES);
            let detail = format!("`context` has a name or text of {bytes} bytes, at most {most}");
            return Err((EventFault::ContextTooLarge, detail));
        }
        if candidates > limits::EVENT_CANDIDATES {
            let detail = format!("`candidates` has {candidates} items, at most {}", limits::EVENT_CANDIDATES);
            return Err((EventFault::CandidatesTooMany, detail));
        }
        Ok(())
    }

    fn examine_ids(&self) -> Checked {
        if self.event_id.is_empty() {
            return Err((EventFault::IdMissing, "`event_id` is empty".into()));
        }
        if self.candidates.iter().any(String::is_empty) {
            return Err((EventFault::IdInvalid, "`candidates` has an empty id".into()));
        }
        let columns = [
            ("event_id", self.event_id.as_str()),
            ("user", &self.user),
            ("session", &self.session),
            ("item", &self.item),
            ("slate", self.slate.as_deref().unwrap_or_default()),
        ];
        let subjects = ["creator", "category"].map(|name| (name, self.context.get(name)));
        let subjects = subjects.into_iter().filter_map(|(name, id)| Some((name, id?.as_str())));
        let candidates = self.candidates.iter().map(|id| ("candidates", id.as_str()));
        let mut ids = columns.into_iter().chain(subjects).chain(candidates);
        ids.try_for_each(|(column, id)| {
            check_id(column, id).map_err(|detail| (EventFault::IdInvalid, detail))
        })
    }

    fn examine_kind(&self) -> Checked {
        let EventKind::Custom(kind) = &self.kind else { return Ok(()) };
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins = kind.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if begins && kind.len() <= limits::KIND_BYTES && kind.bytes().all(letter) {
            return Ok(());
        }
        let shown: String = kind.chars().take(limits::KIND_BYTES).collect();
        let most = limits::KIND_BYTES;
        let detail = format!("`kind` is {shown:?}, not a word of a-z, 0-9 and _ of at most {most} bytes");
        Err((EventFault::KindInvalid, detail))
    }

    fn examine_values(&self) -> Checked {
        if !(0..=limits::LATEST_MS).contains(&self.time_ms) {
            let detail = format!("`time_ms` is {}, allowed is 0 to {}", self.time_ms, limits::LATEST_MS);
            return Err((EventFault::TimeOutOfRange, detail));
        }
        if !self.has_subject() {
            let detail = format!("an event of kind `{}` names nothing it is about", self.kind.name());
            return Err((EventFault::SubjectMissing, detail));
        }
        let wrong = match (&self.kind, self.value) {
            (EventKind::Rating, Some(value)) => !(0.0..=5.0).contains(&value),
            (EventKind::Rating, None) => true,
            (_, value) => value.is_some_and(|value| !value.is_finite()),
        };
        if wrong {
            let wanted = if self.kind == EventKind::Rating { "a rating from 0 to 5" } else { "finite" };
            let shown = self.value.map_or("missing".to_owned(), |value| value.to_string());
            return Err((EventFault::ValueOutOfRange, format!("`value` is {shown}, not {wanted}")));
        }
        Ok(())
    }
}

/// Refuses an id that is longer than [`limits::ID_BYTES`] or holds a control character; an empty one passes.
///
/// # Errors
/// Says what is wrong with `column`.
pub fn check_id(column: &str, id: &str) -> std::result::Result<(), String> {
    if id.len() > limits::ID_BYTES {
        return Err(format!("`{column}` has {} bytes, at most {}", id.len(), limits::ID_BYTES));
    }
    if id.chars().any(char::is_control) {
        return Err(format!("`{column}` holds a control character"));
    }
    Ok(())
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
        assert!(refused(|event| event.candidates = vec!["b".into(); 1_001]).contains("1001"));
        assert!(refused(|event| event.candidates = vec![String::new()]).contains("candidates"));
        assert!(refused(|event| event.user = "a\nb".into()).contains("control character"));
        assert!(refused(|event| drop(event.context.insert("query".into(), "x".repeat(257)))).contains("257"));
        assert!(
            refused(|event| drop(event.context.insert("creator".into(), "x".repeat(129)))).contains("129")
        );
        for kind in ["", "Cheer", "x cheer", "9lives", &"x".repeat(65)] {
            assert!(refused(|event| event.kind = EventKind::Custom(kind.into())).contains("kind"), "{kind}");
        }
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
