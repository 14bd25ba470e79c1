//! What one language saved every other restores: all save the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use segue_conformance::vectors::{self, Bytes, Step};
use segue_core::{Engine, Event, EventKind, Request};

/// Where the tests of the other languages leave what they saved; `cargo xtask test` sets it.
const FOLDER: &str = "SEGUE_STATES";

fn given(bytes: &Bytes) -> Vec<u8> {
    match bytes {
        Bytes::File(name) => vectors::read_shared(name),
        Bytes::Zeros { zeros } => vec![0; *zeros],
    }
}

/// The engine of the case that every language's tests open, and the case's request.
fn opened() -> (Engine, Request) {
    let (case, _) = vectors::load("ranker-head");
    let Some(Step::NewEngine { root }) = case.steps.first() else { panic!("the case begins with an engine") };
    let mut engine = Engine::new(root).unwrap();
    for step in &case.steps {
        match step {
            Step::AcceptManifest { bytes, now_ms } => {
                drop(engine.accept_manifest(&given(bytes), *now_ms).unwrap().clone())
            }
            Step::AcceptPolicy { surface, bytes } => engine.accept_policy(surface, &given(bytes)).unwrap(),
            #[cfg(feature = "ranker")]
            Step::AcceptRanker { model, schema } => {
                engine.accept_ranker(&given(model), &given(schema)).unwrap()
            }
            Step::AcceptPack { bytes, subject, now_ms } => {
                assert!(
                    !engine.accept_pack(&given(bytes), subject, *now_ms).unwrap().candidates().is_empty()
                );
            }
            Step::Rank { request, .. } => return (engine, request.clone()),
            _ => {}
        }
    }
    panic!("the case asks for no list")
}

/// What lies in the folder, by language: session and trust.
fn saved_in(folder: &Path) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let read = |language: &str, kind: &str| fs::read(folder.join(format!("{language}.{kind}")));
    let languages = ["rust", "kotlin", "c", "swift", "browser"].into_iter();
    languages
        .filter_map(|name| Some((name.to_owned(), read(name, "session").ok()?, read(name, "trust").unwrap())))
        .collect()
}

#[test]
fn every_language_saves_the_same_bytes_and_they_restore() {
    let (mut engine, request) = opened();
    let first =
        engine.rank(&Request { seed: 1, count: 8, ..request.clone() }).unwrap().places[0].item.clone();
    engine.apply(&Event::new("e1", first, EventKind::Like, request.now_ms)).unwrap();
    let (session, trust) = (engine.save_session().unwrap(), engine.save_trust().unwrap());
    let expected = engine.rank(&request).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = std::env::var_os(FOLDER).map_or_else(|| folder.path().to_owned(), PathBuf::from);
    fs::write(folder.join("rust.session"), &session).unwrap();
    fs::write(folder.join("rust.trust"), &trust).unwrap();
    for (language, theirs, their_trust) in saved_in(&folder) {
        assert_eq!((&theirs, &their_trust), (&session, &trust), "{language}");
        let (mut engine, _) = opened();
        engine.restore_trust(&their_trust).unwrap();
        engine.restore_session(&theirs).unwrap();
        assert_eq!(engine.rank(&request).unwrap(), expected, "{language}");
    }
}
