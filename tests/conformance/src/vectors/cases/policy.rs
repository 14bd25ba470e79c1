//! One case per rule of a policy: the list is another one than with the rule off.

use segue_core::EventKind;
use serde_json::{Value, json};

use crate::vectors::{Book, Step, Story, rules};
use crate::world::{self, Item};

/// A rule, what it is set to, and the session that shows it.
struct Rule {
    name: &'static str,
    about: &'static str,
    changes: Vec<(&'static str, Value)>,
    session: fn(&mut Story<'_>),
}

pub(super) fn tell(book: &mut Book) {
    let rules = [feedback(), linear(), list(), queue(), search(), exploration(), seen(), refill()];
    for rule in rules.into_iter().flatten() {
        // What a rule leans on is on in both, so that the rule alone makes the difference.
        let (leaning, own) = rule.changes.split_at(rule.changes.len() - 1);
        let (policy, without) = (rules::changed(&rule.changes), rules::changed(leaning));
        let tell = |story: &mut Story<'_>, policy: &[u8]| {
            story.ready("radio", policy, &items());
            (rule.session)(story);
            story.rank("radio", 10);
            if rule.name.starts_with("refill") {
                story.step(Step::Refill { now_ms: world::NOW_MS });
            }
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
    let rule = |name, about, change| Rule { name, about, changes: vec![change], session: nothing };
    vec![
        rule(
            "diversity",
            "A list is more than its best item again and again.",
            ("/list/diversity", json!(0.5)),
        ),
        rule("calibration", "A list keeps to the profile's categories.", ("/list/calibration", json!(2.0))),
        rule("fresh-boost", "What is two days young goes up.", ("/list/fresh/boost", json!(0.6))),
        rule(
            "popularity-penalty",
            "What everybody knows goes down.",
            ("/list/popularity/penalty", json!(0.8)),
        ),
        rule(
            "creator-spacing",
            "Places lie between two items of one creator.",
            ("/list/creator/spacing", json!(3)),
        ),
        rule(
            "creator-in-a-row",
            "Not too many of one creator in a row.",
            ("/list/creator/in_a_row", json!(1)),
        ),
        rule("creator-share", "No creator takes more than its share.", ("/list/creator/share", json!(0.1))),
        rule(
            "category-spacing",
            "Places lie between two items of one category.",
            ("/list/category/spacing", json!(2)),
        ),
        rule(
            "category-in-a-row",
            "Not too many of one category in a row.",
            ("/list/category/in_a_row", json!(1)),
        ),
        rule(
            "category-share",
            "No category takes more than its share.",
            ("/list/category/share", json!(0.25)),
        ),
        rule(
            "pinned-item",
            "A place can be given to an item.",
            ("/list/pins", json!([{ "place": 1, "item": "item-015" }])),
        ),
        rule(
            "pinned-source",
            "A place can be given to the best of a source.",
            ("/list/pins", json!([{ "place": 2, "source": "promoted" }])),
        ),
        rule(
            "variety",
            "Chance among the first places.",
            ("/variety", json!({ "temperature": 0.4, "places": 4 })),
        ),
        Rule {
            name: "fresh-hours",
            about: "How young is young is the policy's.",
            changes: vec![("/list/fresh/boost", json!(0.6)), ("/list/fresh/hours", json!(5_000.0))],
            session: nothing,
        },
        Rule {
            name: "popularity-above",
            about: "The penalty can spare what is not that popular.",
            changes: vec![("/list/popularity/penalty", json!(0.8)), ("/list/popularity/above", json!(0.7))],
            session: nothing,
        },
    ]
}

/// Searching looks ahead, which shows where the best first place does not lead to the best list.
fn search() -> Vec<Rule> {
    let wide = [
        ("/list/diversity", json!(0.9)),
        ("/list/search/settled", json!(1.0)),
        ("/list/search/beams", json!(16)),
    ];
    let with = |change| wide.clone().into_iter().chain([change]).collect();
    vec![
        Rule {
            name: "search-beams",
            about: "Several lists side by side find a better one than the best first place does.",
            changes: wide.to_vec(),
            session: nothing,
        },
        Rule {
            name: "search-settled",
            about: "When all lists are about equally good, fewer are kept.",
            changes: with(("/list/search/settled", json!(0.05))),
            session: nothing,
        },
        Rule {
            name: "search-continue",
            about: "When few go on, the first places count most.",
            changes: with(("/list/search/continue", json!(0.3))),
            session: nothing,
        },
    ]
}

fn exploration() -> Vec<Rule> {
    let share = || ("/exploration/share", json!([{ "share": 0.4 }]));
    vec![
        Rule {
            name: "exploration-share",
            about: "A share of the places tries what is little known, with exact propensities.",
            changes: vec![share()],
            session: nothing,
        },
        Rule {
            name: "exploration-share-by-interactions",
            about: "The share depends on how much is known of the person.",
            changes: vec![("/exploration/share", json!([{ "below": 5, "share": 0.5 }, { "share": 0.1 }]))],
            session: nothing,
        },
        Rule {
            name: "exploration-epsilon",
            about: "The best mean, now and then any.",
            changes: vec![
                share(),
                ("/exploration/method", json!({ "rule": "epsilon_greedy", "epsilon": 0.3 })),
            ],
            session: nothing,
        },
        Rule {
            name: "exploration-ucb",
            about: "The highest upper bound.",
            changes: vec![share(), ("/exploration/method", json!({ "rule": "ucb", "width": 2.0 }))],
            session: nothing,
        },
        Rule {
            name: "exploration-by-category",
            about: "What is known of a category counts for its items.",
            changes: vec![share(), ("/exploration/arms", json!("category"))],
            session: nothing,
        },
    ]
}

/// Without it the next list would begin with the creator just played.
fn queue() -> Vec<Rule> {
    vec![Rule {
        name: "queue",
        about: "Caps go on from what was played.",
        changes: vec![("/list/creator/spacing", json!(3)), ("/list/queue", json!(true))],
        session: |story| story.event(EventKind::Complete, 0),
    }]
}

fn seen() -> Vec<Rule> {
    let rule = |name, about, change| Rule { name, about, changes: vec![("/seen", change)], session: nothing };
    vec![
        Rule {
            name: "seen-never",
            about: "What was seen before never comes again, until nothing else is left.",
            changes: vec![("/seen", json!({ "rule": "never" }))],
            session: |story| story.event(EventKind::Complete, 3),
        },
        rule("seen-window", "What was seen lately does not come.", json!({ "rule": "window", "days": 20 })),
        Rule {
            name: "seen-fatigue",
            about: "What tired comes again when it does no more.",
            changes: vec![("/seen", json!({ "rule": "fatigue", "half_life_hours": 24.0, "most": 0.01 }))],
            session: |story| story.event(EventKind::Complete, 3),
        },
    ]
}

/// When the host is told to fetch the next pack.
fn refill() -> Vec<Rule> {
    let rule = |name, about, leaning: Vec<_>, change, session| Rule {
        name,
        about,
        changes: leaning.into_iter().chain([change]).collect(),
        session,
    };
    let strengths = vec![("/feedback/strengths", json!({ "like": 1.0 }))];
    vec![
        rule("refill-few", "Few are left.", vec![], ("/refill/min_left", json!(30)), |story| {
            (0..10).for_each(|at| story.event(EventKind::Complete, at));
        }),
        rule("refill-drifted", "The mood left the pack.", strengths, ("/refill/drift", json!(0.1)), likes),
        rule(
            "refill-expiring",
            "The end is near.",
            vec![],
            ("/refill/before_expiry_ms", json!(1_800_000)),
            nothing,
        ),
    ]
}

/// Eighteen items: some were seen before, some are promoted, some young, and of each something is known.
fn items() -> Vec<Item> {
    let mut items = world::items(18);
    for (at, item) in items.iter_mut().enumerate() {
        let columns = [
            ("age_days", if at % 5 == 4 { 1.0 } else { 40.0 + 20.0 * at as f32 }),
            ("last_seen_days", if at % 3 == 1 { 2.0 + at as f32 } else { 4_000.0 }),
            ("promoted", if at == 11 { 1.0 } else { 0.0 }),
            ("explore_successes", (at % 4) as f32 * 3.0),
            ("explore_failures", (at % 6) as f32 * 2.0),
        ];
        let known = |(name, _): &(String, f32)| columns.iter().all(|(column, _)| column != name);
        item.columns.retain(known);
        item.columns.extend(columns.map(|(name, value)| (name.to_owned(), value)));
    }
    items
}
