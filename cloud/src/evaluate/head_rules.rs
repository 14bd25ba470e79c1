//! What an event says to the ranker's heads `complete`, `skip` and `like`: the part `heads` of the label rules.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use segue_core::session::{Event, EventKind};
use serde::{Deserialize, Serialize};

/// The part of the file: rules for every surface, and what a surface has in their place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Heads {
    complete: Ends,
    like: Liked,
    #[serde(default)]
    surfaces: BTreeMap<String, Own>,
}

/// What a surface has of its own; each head's rules are replaced as a whole.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    complete: Option<Ends>,
    like: Option<Liked>,
}

/// Which events end a play, and how: `complete` is 1 or 0, and `skip` is the other one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    /// Kinds that end it well.
    well: Vec<String>,
    /// Kinds that break it off.
    badly: Vec<String>,
    /// A rating from here on ends it well, a lower one badly; without it ratings end nothing.
    rated_well_from: Option<f64>,
    /// Whether completions and skips that tell how much was played go by the surface's `played`, as the judge's do.
    #[serde(default)]
    by_played: bool,
}

/// Which events are a like.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Liked {
    kinds: Vec<String>,
    /// A rating from here on is one; without it none is.
    rated_from: Option<f64>,
}

/// The rules of one surface.
#[derive(Debug, Clone, Serialize)]
pub(super) struct HeadRules {
    complete: Ends,
    like: Liked,
}

impl Heads {
    /// Those of a surface.
    ///
    /// # Errors
    /// When for any surface a kind is said to be two things, or ratings are listed as a kind.
    pub(super) fn of(&self, surface: &str) -> anyhow::Result<HeadRules> {
        self.with(&Own::default()).check("heads")?;
        for (name, own) in &self.surfaces {
            self.with(own).check(&format!("heads.surfaces.{name}"))?;
        }
        Ok(self.surfaces.get(surface).map_or_else(|| self.with(&Own::default()), |own| self.with(own)))
    }

    fn with(&self, own: &Own) -> HeadRules {
        HeadRules {
            complete: own.complete.as_ref().unwrap_or(&self.complete).clone(),
            like: own.like.as_ref().unwrap_or(&self.like).clone(),
        }
    }
}

impl HeadRules {
    /// `place` is where the file says them.
    fn check(&self, place: &str) -> anyhow::Result<()> {
        let Ends { well, badly, .. } = &self.complete;
        if let Some(kind) = well.iter().find(|kind| badly.contains(kind)) {
            bail!("{place}: {kind:?} ends a play well and badly: take it out of one of the lists");
        }
        let rating = EventKind::Rating;
        let is_listed = well.iter().chain(badly).chain(&self.like.kinds).any(|kind| kind == rating.name());
        ensure!(
            !is_listed,
            "{place}: {:?} is in a list of kinds: set rated_well_from and rated_from in its place",
            rating.name()
        );
        Ok(())
    }

    /// 1 when the event ends a play well, 0 when it breaks it off; `played` tells the label of how much was played.
    pub(super) fn completed(&self, event: &Event, played: impl FnOnce() -> Option<i8>) -> Option<f32> {
        let ends = &self.complete;
        if event.kind == EventKind::Rating {
            let bound = ends.rated_well_from?;
            return event.value.map(|value| number(value >= bound));
        }
        if ends.by_played
            && matches!(event.kind, EventKind::Complete | EventKind::Skip)
            && let Some(label) = played()
        {
            return (label != 0).then(|| number(label > 0));
        }
        match (is_among(&ends.well, event), is_among(&ends.badly, event)) {
            (true, _) => Some(1.0),
            (_, true) => Some(0.0),
            _ => None,
        }
    }

    /// Whether the event is a like.
    pub(super) fn is_liked(&self, event: &Event) -> bool {
        if event.kind == EventKind::Rating {
            return event.value.zip(self.like.rated_from).is_some_and(|(value, bound)| value >= bound);
        }
        is_among(&self.like.kinds, event)
    }
}

fn is_among(kinds: &[String], event: &Event) -> bool {
    kinds.iter().any(|kind| kind == event.kind.name())
}

fn number(is: bool) -> f32 {
    f32::from(u8::from(is))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::evaluate::LabelRules;

    const WELL: Option<f32> = Some(1.0);
    const BADLY: Option<f32> = Some(0.0);

    /// What each kind says of the end of a play, and whether it is a like, by the rules that ship; a rating without a value.
    const SHIPPED: [(EventKind, Option<f32>, bool); 23] = [
        (EventKind::Impression, None, false),
        (EventKind::Play, None, false),
        (EventKind::Progress, None, false),
        (EventKind::Complete, WELL, false),
        (EventKind::Skip, BADLY, false),
        (EventKind::Stop, None, false),
        (EventKind::Like, None, true),
        (EventKind::Unlike, None, false),
        (EventKind::Dislike, BADLY, false),
        (EventKind::Rating, None, false),
        (EventKind::NotInterested, BADLY, false),
        (EventKind::Save, None, true),
        (EventKind::AddToCollection, None, true),
        (EventKind::Share, None, false),
        (EventKind::Follow, None, false),
        (EventKind::Unfollow, None, false),
        (EventKind::AddToCart, None, false),
        (EventKind::Purchase, WELL, true),
        (EventKind::Click, WELL, false),
        (EventKind::Search, None, false),
        (EventKind::Replay, None, false),
        (EventKind::Seek, None, false),
        (EventKind::Restore, None, false),
    ];

    fn event(kind: EventKind) -> Event {
        Event::new("e", "a", kind, 0)
    }

    fn rated(value: f64) -> Event {
        Event { value: Some(value), ..event(EventKind::Rating) }
    }

    fn said(rules: &LabelRules, event: &Event) -> (Option<f32>, bool) {
        (rules.completed(event), rules.is_liked(event))
    }

    #[test]
    fn every_kind_says_on_every_surface_what_the_models_that_ship_learned() {
        assert_eq!(SHIPPED.map(|(kind, ..)| kind), EventKind::KNOWN);
        for surface in ["radio", "weekly", "home", "feed", "shop", "one of my own"] {
            let rules = LabelRules::of(surface).unwrap();
            for (kind, completed, liked) in SHIPPED {
                for played_ms in [None, Some(1_000), Some(50_000), Some(100_000)] {
                    let event = Event { played_ms, total_ms: Some(100_000), ..event(kind.clone()) };
                    assert_eq!(said(&rules, &event), (completed, liked), "{surface} {kind:?} {played_ms:?}");
                }
            }
            let custom = event(EventKind::Custom("waved".into()));
            assert_eq!(said(&rules, &custom), (None, false));
            assert_eq!(
                [0.0, 3.9, 4.0, 4.9, 5.0].map(|value| said(&rules, &rated(value))),
                [(BADLY, false), (BADLY, false), (WELL, false), (WELL, false), (WELL, true)]
            );
        }
    }

    #[test]
    fn a_surface_has_what_it_says_itself_and_else_what_all_have() {
        let rules = |surface| {
            LabelRules::changed(surface, |file| {
                file["heads"]["surfaces"] = json!({ "feed": { "like": { "kinds": ["share", "waved"] } } });
            })
            .unwrap()
        };
        let (feed, radio) = (rules("feed"), rules("radio"));
        let liked = |rules: &LabelRules| {
            let kinds = [EventKind::Share, EventKind::Like, EventKind::Custom("waved".into())];
            (kinds.map(|kind| rules.is_liked(&event(kind))), rules.is_liked(&rated(5.0)))
        };
        assert_eq!(liked(&feed), ([true, false, true], false));
        assert_eq!(liked(&radio), ([false, true, false], true));
        assert_eq!(feed.completed(&event(EventKind::Skip)), BADLY);
    }

    #[test]
    fn where_it_is_asked_for_a_play_ends_as_the_judge_says_of_how_much_was_played() {
        let rules = LabelRules::changed("radio", |file| {
            file["heads"]["complete"]["by_played"] = json!(true);
        })
        .unwrap();
        let of = |kind: EventKind, seconds: Option<u64>| {
            let played_ms = seconds.map(|seconds| seconds * 1_000);
            rules.completed(&Event { played_ms, total_ms: Some(200_000), ..event(kind) })
        };
        assert_eq!([10, 150, 190].map(|at| of(EventKind::Skip, Some(at))), [BADLY, None, WELL]);
        assert_eq!(of(EventKind::Complete, Some(10)), BADLY);
        assert_eq!([of(EventKind::Skip, None), of(EventKind::Complete, None)], [BADLY, WELL]);
        assert_eq!(of(EventKind::Click, Some(10)), WELL);
    }

    #[test]
    fn rules_that_contradict_themselves_are_refused() {
        let refused = |change: &dyn Fn(&mut serde_json::Value)| {
            format!("{:#}", LabelRules::changed("radio", change).unwrap_err())
        };
        let twice = refused(&|file| file["heads"]["complete"]["well"] = json!(["skip"]));
        assert!(twice.contains("\"skip\" ends a play well and badly"), "{twice}");
        let listed = refused(&|file| file["heads"]["like"]["kinds"] = json!(["rating"]));
        assert!(listed.contains("rated_from"), "{listed}");
    }
}
