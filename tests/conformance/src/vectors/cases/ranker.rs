//! With a ranker: what it says, how the policy weighs it, how it can be wrong, and when the time is up.

use segue_core::{EventKind, policies};
use serde_json::{Value, json};

use crate::ranker;
use crate::vectors::{Book, Story, rules};
use crate::world::{self, Item};

fn items() -> Vec<Item> {
    world::items(16)
}

fn listen(story: &mut Story<'_>) {
    story.event(EventKind::Like, 5);
    story.event_with(EventKind::Skip, 1, |event| event.played_ms = Some(2_000));
}

pub(super) fn tell(book: &mut Book) {
    book.tell("ranker-session", "A ranker sees what happened in the session.", |story| {
        story.ready_with_ranker(policies::RADIO, &items(), ranker::model(), ranker::schema());
        story.rank("radio", 8);
        listen(story);
        story.rank("radio", 8);
    });
    book.unlike(vec![], |story| {
        story.ready_with_ranker(policies::RADIO, &items(), ranker::model(), ranker::schema());
        story.rank("radio", 8);
    });
    utility(book);
    absent(book);
    refused(book);
    useless(book);
    late(book);
}

/// What a rule is set to, the last change being the rule itself.
type Changes = Vec<(&'static str, Value)>;

/// A term of the utility, or what goes on, is the policy's.
fn utility(book: &mut Book) {
    for (name, about, changes) in weighed() {
        let without = rules::changed(&changes[..changes.len() - 1]);
        let policy = rules::changed(&changes);
        let tell = |story: &mut Story<'_>, policy: &[u8]| {
            story.ready_with_ranker(policy, &items(), ranker::model(), ranker::schema());
            listen(story);
            story.rank("radio", 10);
        };
        book.tell(&format!("ranker-{name}"), about, |story| tell(story, &policy));
        book.unlike(rules::differences(&policy, &without), |story| tell(story, &without));
    }
}

/// Names, sentences and changes of the cases about the utility.
fn weighed() -> [(&'static str, &'static str, Changes); 6] {
    let terms = || ("/utility", json!([{ "head": "next", "weight": 1.0, "function": "identity" }]));
    let strengths = || ("/feedback/strengths", json!({ "like": 1.0 }));
    let second = |function: &str| {
        json!([
            { "head": "next", "weight": 1.0, "function": "identity" },
            { "head": "skip", "weight": 2.0, "function": function }
        ])
    };
    let looks_ahead = [
        strengths(),
        terms(),
        ("/list/diversity", json!(0.9)),
        ("/list/search/settled", json!(1.0)),
        ("/list/search/beams", json!(16)),
        ("/list/search/continue_head", json!("complete")),
    ];
    [
        (
            "head",
            "Which heads count is the policy's.",
            vec![strengths(), terms(), ("/utility/0/head", json!("like"))],
        ),
        (
            "weight",
            "How much a head counts is the policy's.",
            vec![strengths(), terms(), ("/utility/0/weight", json!(-1.0))],
        ),
        (
            "identity",
            "A head can count as it is.",
            vec![("/utility", second("logit")), ("/utility/1/function", json!("identity"))],
        ),
        (
            "logit",
            "A head can count by its odds.",
            vec![("/utility", second("identity")), ("/utility/0/function", json!("logit"))],
        ),
        (
            "log-one-plus",
            "A head can count by its logarithm.",
            vec![("/utility", second("identity")), ("/utility/1/function", json!("log_one_plus"))],
        ),
        ("continue-head", "Whether the person goes on can be a head's guess.", looks_ahead.to_vec()),
    ]
}

fn absent(book: &mut Book) {
    book.tell(
        "ranker-absent",
        "Until the ranker that the manifest names is there, the pack's own order shows.",
        |story| {
            let (model, schema) = (ranker::model(), ranker::schema());
            story.engine();
            story.manifest(world::sealed_manifest(1, &[("radio", policies::RADIO)], Some((&model, &schema))));
            story.policy("radio", policies::RADIO);
            story.pack(world::pack(&items(), 1));
            listen(story);
            story.rank("radio", 6);
            story.ranker(model, schema);
            story.rank("radio", 6);
        },
    );
}

/// Each wrong ranker is refused by its own code; the pack's own order shows until a sound one comes.
fn refused(book: &mut Book) {
    let (model, schema) = (ranker::model(), ranker::schema());
    let unknown = ranker::finished(ranker::logits(), "Cosh");
    let cut = model[..model.len() / 2].to_vec();
    let changed = |pointer: &str, value: Value| {
        let mut schema: Value = serde_json::from_slice(&schema).unwrap_or_default();
        schema[pointer] = value;
        serde_json::to_vec(&schema).unwrap_or_default()
    };
    let no_source = changed("context", json!([{ "name": "mood", "source": "mood" }]));
    let narrow = changed("live", json!([]));
    let newer = changed("format", json!(99));
    let others = changed("towers", json!("others"));
    let rankers = [
        (&unknown, &schema),
        (&cut, &schema),
        (&model, &no_source),
        (&model, &narrow),
        (&model, &newer),
        (&model, &others),
        (&model, &schema),
    ];
    book.tell("ranker-refused", "Each wrong ranker is refused, and a sound one taken after it.", |story| {
        story.engine();
        for ((model, schema), generation) in rankers.into_iter().zip(1..) {
            let ranker = Some((model.as_slice(), schema.as_slice()));
            story.manifest(world::sealed_manifest(generation, &[("radio", policies::RADIO)], ranker));
            story.policy("radio", policies::RADIO);
            story.pack(world::pack(&items(), generation));
            story.ranker(b"another".to_vec(), schema.clone());
            story.ranker(model.clone(), schema.clone());
            story.rank("radio", 4);
        }
    });
}

/// Scores that are no numbers, and a policy with nothing to weigh.
fn useless(book: &mut Book) {
    book.tell("ranker-no-numbers", "Scores that are no numbers leave the pack's own order.", |story| {
        let model = ranker::finished(ranker::logits(), "Sqrt");
        story.ready_with_ranker(policies::RADIO, &items(), model, ranker::schema());
        story.rank("radio", 6);
    });
    book.tell(
        "ranker-not-weighed",
        "A policy that weighs no head of the ranker leaves the pack's own order.",
        |story| {
            story.ready_with_ranker(&rules::changed(&[]), &items(), ranker::model(), ranker::schema());
            story.rank("radio", 6);
        },
    );
}

/// The host's time runs out before, while and after the ranker works.
fn late(book: &mut Book) {
    book.tell("deadline-ranker", "When the time is up, the best list so far is shown.", |story| {
        story.ready_with_ranker(policies::RADIO, &world::items(140), ranker::model(), ranker::schema());
        listen(story);
        for units in [0, 1, 2, 3, 6, 100] {
            story.rank_within("radio", 8, units);
        }
    });
    book.tell("deadline-linear", "The same where no ranker was trained.", |story| {
        story.ready("radio", policies::RADIO, &items());
        listen(story);
        for units in [0, 1, 4, 100] {
            story.rank_within("radio", 8, units);
        }
    });
}
