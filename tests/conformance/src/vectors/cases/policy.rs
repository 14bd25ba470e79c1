//! One case per rule of a policy: the list is another one than with the rule off.

use segue_core::EventKind;
use serde_json::{Value, json};

use crate::vectors::{Book, Story, rules};
use crate::world;

/// A rule, what it is set to, and the session that shows it.
struct Rule {
    name: &'static str,
    about: &'static str,
    changes: Vec<(&'static str, Value)>,
    session: fn(&mut Story<'_>),
}

pub(super) fn tell(book: &mut Book) {
    for rule in feedback().into_iter().chain(linear()).chain(list()) {
        // What a rule leans on is on in both, so that the rule alone makes the difference.
        let (leaning, own) = rule.changes.split_at(rule.changes.len() - 1);
        let (policy, without) = (rules::changed(&rule.changes), rules::changed(leaning));
        let tell = |story: &mut Story<'_>, policy: &[u8]| {
            story.ready("radio", policy, &world::items(18));
            (rule.session)(story);
            story.rank("radio", 10);
        };
        assert_eq!(own.len(), 1, "{} changes nothing", rule.name);
        book.tell(&format!("policy-{}", rule.name), rule.about, |story| tell(story, &policy));
        book.unlike(rules::differences(&policy, &without), |story| tell(story, &without));
    }
}

fn likes(story: &mut Story<'_>) {
    story.event(EventKind::Like, 7);
    story.event(EventKind::Like, 3);
}

fn skips(story: &mut Story<'_>) {
    story.event_with(EventKind::Skip, 0, |event| event.played_ms = Some(3_000));
    story.event_with(EventKind::Skip, 4, |event| event.played_ms = Some(60_000));
}

fn nothing(_: &mut Story<'_>) {}

fn feedback() -> Vec<Rule> {
    let interest = || ("/linear/interest_similarity", json!(0.8));
    let strengths = || ("/feedback/strengths", json!({ "like": 1.0 }));
    let steps = json!([{ "below_ms": 5_000, "strength": -1.0 }, { "strength": -0.2 }]);
    vec![
        Rule {
            name: "feedback-strengths",
            about: "What a kind of event says is the policy's.",
            changes: vec![interest(), strengths()],
            session: likes,
        },
        Rule {
            name: "feedback-decay",
            about: "Older events weigh less.",
            changes: vec![interest(), strengths(), ("/feedback/decay", json!(0.3))],
            session: likes,
        },
        Rule {
            name: "feedback-skip",
            about: "A skip counts by how much was played.",
            changes: vec![("/linear/aversion_similarity", json!(-0.8)), ("/feedback/skip", steps)],
            session: skips,
        },
        Rule {
            name: "not-interested-similarity",
            about: "What lies close to a refused item goes too.",
            changes: vec![("/feedback/not_interested_similarity", json!(0.8))],
            session: |story| story.event(EventKind::NotInterested, 2),
        },
    ]
}

fn linear() -> Vec<Rule> {
    let weight = |name, about, change, session| Rule {
        name,
        about,
        changes: vec![
            ("/feedback/strengths", json!({ "like": 1.0 })),
            ("/feedback/skip", json!([{ "strength": -1.0 }])),
            change,
        ],
        session,
    };
    vec![
        weight(
            "linear-user-similarity",
            "Near the profile comes first.",
            ("/linear/user_similarity", json!(1.0)),
            nothing,
        ),
        weight(
            "linear-refresh-score",
            "The profile's own order can be left aside.",
            ("/linear/refresh_score", json!(-1.0)),
            nothing,
        ),
        weight(
            "linear-popularity",
            "A number of the pack counts.",
            ("/linear/column:popularity", json!(0.7)),
            nothing,
        ),
        weight(
            "linear-interest",
            "Near what was liked comes first.",
            ("/linear/interest_similarity", json!(0.8)),
            likes,
        ),
        weight(
            "linear-aversion",
            "Near what was skipped goes down.",
            ("/linear/aversion_similarity", json!(-0.8)),
            skips,
        ),
        weight(
            "linear-creator",
            "More of a creator who did well.",
            ("/linear/creator_affinity", json!(0.5)),
            likes,
        ),
        weight(
            "linear-category",
            "More of a category that did well.",
            ("/linear/category_affinity", json!(0.5)),
            likes,
        ),
        weight(
            "linear-impressions",
            "What was shown often goes down.",
            ("/linear/impressions", json!(-0.5)),
            |story| {
                story.event(EventKind::Impression, 0);
            },
        ),
    ]
}

fn list() -> Vec<Rule> {
    vec![
        Rule {
            name: "diversity",
            about: "A list is more than its best item again and again.",
            changes: vec![("/list/diversity", json!(0.5))],
            session: nothing,
        },
        Rule {
            name: "creator-spacing",
            about: "Places lie between two items of one creator.",
            changes: vec![("/list/creator/spacing", json!(3))],
            session: nothing,
        },
        Rule {
            name: "category-in-a-row",
            about: "Not too many of one category in a row.",
            changes: vec![("/list/category/in_a_row", json!(1))],
            session: nothing,
        },
        Rule {
            name: "category-share",
            about: "No category takes more than its share.",
            changes: vec![("/list/category/share", json!(0.25))],
            session: nothing,
        },
    ]
}
