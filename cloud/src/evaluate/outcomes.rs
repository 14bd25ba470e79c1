//! What became of an item in a session, in the words of the ranker's heads.

use std::collections::BTreeMap;

use segue_core::features::{Head, HeadKind};
use segue_core::session::{Event, EventKind};

use super::LabelRules;
use super::heads::WATCH_SECONDS;
use crate::catalog::{Catalogue, SessionLog};
use crate::examples;

/// What became of the items of one session.
pub(super) struct Outcomes<'a> {
    catalogue: &'a Catalogue,
    session: &'a SessionLog,
    played: BTreeMap<u32, [f32; 3]>,
}

impl<'a> Outcomes<'a> {
    pub(super) fn new(catalogue: &'a Catalogue, session: &'a SessionLog, rules: &LabelRules) -> Self {
        Self { catalogue, session, played: examples::outcomes(catalogue, session, rules) }
    }

    /// What `head` should have said of an item that the session is about: of `complete`, `skip`, `like` and of a head named
    /// after a kind of event whether it came, of `watch_seconds` how long the item was played at most. None where the log
    /// does not tell, or the head is about something else, as `next` is about whole lists.
    pub(super) fn of(&self, head: &Head, item: u32) -> Option<f32> {
        let played = |place: usize| self.played.get(&item).map(|outcome| outcome[place]);
        match (head.kind, head.name.as_str()) {
            (HeadKind::Probability, "complete") => played(0),
            (HeadKind::Probability, "skip") => played(1),
            (HeadKind::Probability, "like") => played(2),
            (HeadKind::Probability, name) => self.came(name, item),
            (HeadKind::Amount, WATCH_SECONDS) => self.seconds(item),
            (HeadKind::Amount, _) => None,
        }
    }

    fn came(&self, kind: &str, item: u32) -> Option<f32> {
        let is_kind = EventKind::KNOWN.iter().any(|known| known.name() == kind);
        let came = || self.about(item).any(|event| event.kind.name() == kind);
        is_kind.then(|| f32::from(u8::from(came())))
    }

    fn seconds(&self, item: u32) -> Option<f32> {
        let played = self.about(item).filter_map(|event| event.played_ms).max();
        played.map(|milliseconds| milliseconds as f32 / 1_000.0)
    }

    fn about(&self, item: u32) -> impl Iterator<Item = &'a Event> + use<'a> {
        let (catalogue, session) = (self.catalogue, self.session);
        let events = session.events.iter().map(|event| *event as usize);
        let about = events.filter(move |event| catalogue.event_items[*event] == Some(item));
        about.map(move |event| &catalogue.events[event])
    }
}

#[cfg(test)]
mod tests {
    use segue_core::features::Calibration;

    use super::*;
    use crate::towers::samples;

    fn of(outcomes: &Outcomes<'_>, name: &str, kind: HeadKind) -> Option<f32> {
        outcomes.of(&Head { name: name.into(), kind, calibration: Calibration::None }, 0)
    }

    #[test]
    fn each_head_is_held_to_what_it_is_about() {
        let mut catalogue = samples::catalogue();
        let mut skip = samples::event("skip", 0, 0, 500);
        skip.kind = EventKind::Skip;
        skip.played_ms = Some(12_000);
        let mut save = samples::event("save", 0, 0, 600);
        save.kind = EventKind::Save;
        catalogue.events.clear();
        catalogue.add_events(vec![skip, save]);
        let sessions = catalogue.sessions();
        let rules = LabelRules::of("radio").unwrap();
        let outcomes = Outcomes::new(&catalogue, &sessions[0], &rules);
        let said = |name| of(&outcomes, name, HeadKind::Probability);
        assert_eq!(
            ["skip", "complete", "like", "save", "share"].map(said),
            [1.0, 0.0, 1.0, 1.0, 0.0].map(Some)
        );
        assert_eq!([said("next"), said("watch_seconds")], [None, None]);
        assert_eq!(of(&outcomes, WATCH_SECONDS, HeadKind::Amount), Some(12.0));
        assert_eq!(of(&outcomes, "spend", HeadKind::Amount), None);
        let own = LabelRules::changed("radio", |file| {
            file["heads"]["complete"]["well"] = vec!["skip"].into();
            file["heads"]["complete"]["badly"] = vec!["stop"].into();
            file["heads"]["like"]["kinds"] = vec!["like"].into();
        });
        let outcomes = Outcomes::new(&catalogue, &sessions[0], &own.unwrap());
        let said = |name| of(&outcomes, name, HeadKind::Probability);
        assert_eq!(["skip", "complete", "like"].map(said), [0.0, 1.0, 0.0].map(Some));
    }
}
