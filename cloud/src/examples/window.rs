//! What became of something that was shown, once it was waited for: the one rule of the training log and of what the ranker
//! learns from.
//!
//! What was shown and not taken up is refused only when [`LABEL_HOURS`] are over. What was taken up later than its list, but
//! within them, is no negative: it has the label of what came of it (delayed feedback: Chapelle, "Modeling Delayed Feedback in
//! Display Advertising", 2014). What was shown so late that the window ends after what is known says nothing yet.

use std::collections::{BTreeMap, HashMap};

use segue_core::session::{Event, EventKind};

use super::arrays::Labels;
use super::sample::{self, Outcome};
use crate::catalog::Catalogue;
use crate::evaluate::LabelRules;
use crate::training_log::{HOUR_MS, LABEL_HOURS};

const WINDOW_MS: i64 = LABEL_HOURS * HOUR_MS;

/// Who did something: a person, or a session of nobody.
pub(crate) type Who<'a> = (&'a str, &'a str);

/// Who did this.
pub(crate) fn who(event: &Event) -> Who<'_> {
    if event.user.is_empty() { ("", &event.session) } else { (&event.user, "") }
}

/// An item that somebody saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    who: Who<'a>,
    slate: Option<&'a str>,
    item: &'a str,
    time_ms: i64,
}

impl<'a> Shown<'a> {
    /// The item of an event, seen when it happened.
    pub(crate) fn of(event: &'a Event) -> Self {
        Self { who: who(event), slate: event.slate.as_deref(), item: &event.item, time_ms: event.time_ms }
    }
}

/// What was seen, as impressions tell, each item at its own first sight. What stood further down than anybody scrolled to, or was
/// only drawn, is not among it. `events` are in the order of time.
pub(super) fn seen<'a>(events: impl Iterator<Item = &'a Event>) -> BTreeMap<&'a str, Shown<'a>> {
    let mut seen = BTreeMap::new();
    for event in events.filter(|event| event.kind == EventKind::Impression) {
        seen.entry(event.item.as_str()).or_insert(Shown::of(event));
    }
    seen
}

/// Events about items, by who did it.
pub(crate) struct Followed<'a>(HashMap<(Who<'a>, &'a str), Vec<&'a Event>>);

impl<'a> Followed<'a> {
    /// Reads events in any order.
    pub(crate) fn new(all: impl Iterator<Item = &'a Event>) -> Self {
        let mut events: HashMap<(Who<'_>, &str), Vec<&Event>> = HashMap::new();
        for event in all.filter(|event| !event.item.is_empty()) {
            events.entry((who(event), &event.item)).or_default().push(event);
        }
        events.values_mut().for_each(|events| events.sort_by_key(|event| event.time_ms));
        Self(events)
    }

    /// What followed within the label window from the same list, or without a word of any list, oldest first.
    pub(crate) fn of(&self, shown: Shown<'_>) -> Vec<&'a Event> {
        let window = shown.time_ms..=shown.time_ms.saturating_add(WINDOW_MS);
        let all = self.0.get(&(shown.who, shown.item)).map_or(&[][..], Vec::as_slice);
        let is_about = |event: &&&Event| {
            let same_list = event.slate.is_none() || event.slate.as_deref() == shown.slate;
            same_list && window.contains(&event.time_ms) && event.kind != EventKind::Impression
        };
        all.iter().filter(is_about).copied().collect()
    }
}

/// What a silence about something shown comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Silence {
    /// It was waited for and not taken up.
    Refused,
    /// It was taken up later than its list.
    Late(Outcome),
    /// It is not known yet.
    Young,
}

impl Silence {
    /// The labels instead of those of a silent place.
    fn labels(self) -> Labels {
        let unknown = f32::NAN;
        match self {
            // Nothing was played, so nothing was broken off.
            Self::Refused => [0.0, unknown, 0.0, 0.0, unknown],
            // It did well, but it was not the next.
            Self::Late([complete, skip, like]) => [complete, skip, like, unknown, unknown],
            Self::Young => [unknown; 5],
        }
    }
}

/// How many silent places there were of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Waited {
    /// Not taken up while it was waited for.
    pub(super) refused: usize,
    /// Taken up later than the list.
    pub(super) late: usize,
    /// Shown too late to know.
    pub(super) young: usize,
}

impl Waited {
    /// Adds another part's.
    pub(super) fn add(&mut self, other: Self) {
        self.refused += other.refused;
        self.late += other.late;
        self.young += other.young;
    }
}

/// What is known of the time after something was shown.
pub(super) struct Window<'a> {
    followed: Followed<'a>,
    rules: &'a LabelRules,
    end_ms: i64,
}

impl<'a> Window<'a> {
    /// Of a catalogue's training events; none where times mean nothing.
    pub(super) fn of(catalogue: &'a Catalogue, rules: &'a LabelRules) -> Option<Self> {
        let events = || catalogue.training_events().map(|index| &catalogue.events[index]);
        let last = events().map(|event| event.time_ms).max().filter(|_| catalogue.dataset.timed)?;
        let end_ms = catalogue.split.rule.trained_until_ms().unwrap_or(last);
        Some(Self { followed: Followed::new(events()), rules, end_ms })
    }

    /// What the silence about this place comes to; none where something was said that is neither.
    pub(super) fn silence(&self, shown: Shown<'_>) -> Option<Silence> {
        let events = self.followed.of(shown);
        let named = events.iter().map(|event| (event.item.as_str(), *event));
        let outcomes = sample::outcomes(named, self.rules);
        match outcomes.get(shown.item) {
            Some(outcome) if outcome[0] > 0.5 || outcome[2] > 0.5 => Some(Silence::Late(*outcome)),
            None if !events.is_empty() => None,
            _ if shown.time_ms.saturating_add(WINDOW_MS) > self.end_ms => Some(Silence::Young),
            _ => Some(Silence::Refused),
        }
    }

    /// Gives the silent ones of these places the labels that are due; `seen` says when a place's item was seen, if it was.
    pub(super) fn wait<'b, T>(
        &self,
        places: &mut [(T, Labels)],
        seen: impl Fn(&T) -> Option<Shown<'b>>,
    ) -> Waited {
        let mut waited = Waited::default();
        for (place, labels) in places.iter_mut().filter(|(_, labels)| is_silent(labels)) {
            let Some(silence) = seen(place).and_then(|shown| self.silence(shown)) else { continue };
            match silence {
                Silence::Refused => waited.refused += 1,
                Silence::Late(_) => waited.late += 1,
                Silence::Young => waited.young += 1,
            }
            let [.., seconds] = *labels;
            *labels = silence.labels();
            if silence == Silence::Refused {
                // That nothing was played may be told.
                labels[4] = seconds;
            }
        }
        waited
    }
}

/// Whether nothing was said of a candidate that is not known to be the right one. An impression may say that nothing was played.
fn is_silent([complete, skip, like, next, seconds]: &Labels) -> bool {
    let said = [complete, skip, like].into_iter().any(|label| !label.is_nan()) || *seconds > 0.0;
    (*next < 0.5 || next.is_nan()) && !said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Rule;
    use crate::towers::samples;

    const NAN: f32 = f32::NAN;

    /// What user 0 did with item 1 so many hours after a list was shown at 0; what is known ends after `known_hours`.
    fn catalogue(known_hours: i64, later: &[(EventKind, i64, Option<&str>)]) -> Catalogue {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        let mut events = vec![shown(0)];
        for (at, (kind, hours, slate)) in later.iter().enumerate() {
            let mut event = samples::event(&format!("later-{at}"), 0, 1, hours * HOUR_MS);
            (event.kind, event.slate) = (kind.clone(), slate.map(str::to_owned));
            events.push(event);
        }
        catalogue.add_events(events);
        catalogue.divide(Rule::Time { boundary_ms: known_hours * HOUR_MS });
        catalogue
    }

    /// The event that tells of the list.
    fn shown(item: usize) -> Event {
        let mut event = samples::event("shown", 0, item, 0);
        (event.kind, event.slate) = (EventKind::Impression, Some("list".into()));
        event
    }

    fn rules() -> LabelRules {
        LabelRules::of("radio").unwrap()
    }

    fn silence(known_hours: i64, later: &[(EventKind, i64, Option<&str>)]) -> Option<Silence> {
        silence_in(&catalogue(known_hours, later))
    }

    fn silence_in(catalogue: &Catalogue) -> Option<Silence> {
        Window::of(catalogue, &rules()).unwrap().silence(Shown::of(&shown(1)))
    }

    #[test]
    fn what_was_not_taken_up_is_refused_only_when_the_window_is_over() {
        assert_eq!(silence(25, &[]), Some(Silence::Refused));
        assert_eq!(silence(23, &[]), Some(Silence::Young));
    }

    #[test]
    fn what_is_taken_up_late_is_no_negative_and_too_late_changes_nothing() {
        let complete = |hours, slate| [(EventKind::Complete, hours, slate)];
        let late = Some(Silence::Late([1.0, 0.0, 0.0]));
        assert_eq!(silence(100, &complete(20, None)), late);
        assert_eq!(silence(100, &complete(20, Some("list"))), late);
        assert_eq!(silence(22, &complete(20, None)), late, "what came is known before the window is over");
        assert_eq!(silence(100, &complete(30, None)), Some(Silence::Refused));
        assert_eq!(silence(100, &complete(20, Some("another"))), Some(Silence::Refused));
    }

    #[test]
    fn what_comes_after_the_boundary_is_not_looked_at() {
        let mut catalogue = catalogue(10, &[(EventKind::Complete, 20, None)]);
        assert_eq!(silence_in(&catalogue), Some(Silence::Young));
        // Nor where the session began before it.
        catalogue.events.iter_mut().for_each(|event| event.session = "one".into());
        catalogue.divide(catalogue.split.rule);
        assert!(catalogue.held_out.iter().all(|held_out| !held_out));
        assert_eq!(silence_in(&catalogue), Some(Silence::Young));
    }

    #[test]
    fn a_play_that_ended_neither_way_is_left_as_it_was() {
        assert_eq!(silence(100, &[(EventKind::Stop, 1, None)]), None);
        assert_eq!(silence(100, &[(EventKind::Skip, 1, None)]), Some(Silence::Refused));
    }

    #[test]
    fn only_silent_places_change_and_all_of_them_are_counted() {
        let catalogue = catalogue(100, &[(EventKind::Complete, 20, None)]);
        let rules = rules();
        let window = Window::of(&catalogue, &rules).unwrap();
        let said = [0.0, 1.0, 0.0, 0.0, NAN];
        let silent = [NAN, NAN, NAN, 0.0, NAN];
        let mut places =
            [("i1", silent), ("i2", silent), ("i3", said), ("i4", [NAN, NAN, NAN, 1.0, NAN]), ("i5", silent)];
        let list = [1, 2, 3, 4].map(shown);
        let seen = seen(list.iter());
        let waited = window.wait(&mut places, |item| seen.get(*item).copied());
        assert_eq!(waited, Waited { refused: 1, late: 1, young: 0 });
        assert!(places[0].1[0] > 0.5 && places[0].1[3].is_nan());
        assert_eq!((places[1].1[0], places[1].1[3]), (0.0, 0.0));
        assert!(places[1].1[1].is_nan() && places[3].1[0].is_nan());
        assert_eq!(places[2].1[1], 1.0);
        assert!(places[4].1[0].is_nan(), "nobody saw it");
    }

    #[test]
    fn each_item_is_waited_for_from_its_own_first_sight_on() {
        let catalogue = catalogue(30, &[]);
        let mut list = [1, 2, 1].map(shown);
        list[1].time_ms = 10 * HOUR_MS;
        list[2].time_ms = 20 * HOUR_MS;
        let seen = seen(list.iter());
        let mut places = ["i1", "i2"].map(|item| (item, [NAN, NAN, NAN, 0.0, 0.0]));
        let rules = rules();
        let window = Window::of(&catalogue, &rules).unwrap();
        let waited = window.wait(&mut places, |item| seen.get(*item).copied());
        assert_eq!(waited, Waited { refused: 1, late: 0, young: 1 });
        assert_eq!(places[0].1[4], 0.0, "nothing of it was played, as its impression tells");
        assert!(places[1].1.iter().all(|label| label.is_nan()));
    }

    #[test]
    fn without_a_clock_nothing_is_waited_for() {
        let mut catalogue = catalogue(100, &[]);
        catalogue.dataset.timed = false;
        assert!(Window::of(&catalogue, &rules()).is_none());
    }
}
