//! What holds of the rules that ship and of files of one's own.

use super::*;

fn played(kind: EventKind, seconds: u64, total: Option<u64>) -> Event {
    let mut event = Event::new("e", "a", kind, 0);
    event.played_ms = Some(seconds * 1_000);
    event.total_ms = total.map(|total| total * 1_000);
    event
}

fn grade(surface: &str, event: &Event) -> i8 {
    LabelRules::of(surface).unwrap().grade(event)
}

#[test]
fn each_surface_has_its_own_idea_of_a_completion_and_of_a_skip() {
    let half = played(EventKind::Skip, 100, Some(200));
    let most = played(EventKind::Skip, 190, Some(200));
    let start = played(EventKind::Skip, 10, Some(200));
    assert_eq!([&start, &half, &most].map(|event| grade("radio", event)), [-1, 0, 1]);
    assert_eq!([&start, &half, &most].map(|event| grade("feed", event)), [-1, 0, 0]);
    assert_eq!([&start, &half, &most].map(|event| grade("home", event)), [-1, 0, 1]);
}

#[test]
fn without_a_length_only_seconds_count_and_without_either_the_kind() {
    assert_eq!(grade("radio", &played(EventKind::Skip, 10, None)), -1);
    assert_eq!(grade("radio", &played(EventKind::Complete, 100, None)), 0);
    assert_eq!(grade("radio", &Event::new("e", "a", EventKind::Complete, 0)), 1);
    assert_eq!(grade("shop", &played(EventKind::Skip, 10, Some(20))), -1);
}

#[test]
fn ratings_and_gestures_have_their_weights() {
    let rated = |value| {
        let mut event = Event::new("e", "a", EventKind::Rating, 0);
        event.value = Some(value);
        grade("home", &event)
    };
    assert_eq!([1.0, 2.0, 3.0, 4.0, 5.0].map(rated), [-1, -1, 0, 1, 2]);
    let of = |kind| grade("shop", &Event::new("e", "a", kind, 0));
    assert_eq!([of(EventKind::Purchase), of(EventKind::Like), of(EventKind::Click)], [3, 2, 1]);
    assert_eq!([of(EventKind::Dislike), of(EventKind::Stop), of(EventKind::Impression)], [-1, 0, 0]);
}

#[test]
fn a_late_skip_is_less_of_a_skip_than_an_early_one() {
    let rules = LabelRules::of("radio").unwrap();
    let skip = |seconds, total| rules.skip(&played(EventKind::Skip, seconds, total));
    assert_eq!(
        [skip(2, Some(200)), skip(170, Some(200)), skip(2, None), skip(130, None)],
        [1.0, 0.0, 1.0, 0.0]
    );
    assert!(skip(100, Some(200)) < skip(30, Some(200)) && skip(30, Some(200)) < 1.0);
    assert_eq!(rules.skip(&Event::new("e", "a", EventKind::Skip, 0)), 1.0);
    assert_eq!([skip(1, Some(3)), skip(3, Some(3))], [1.0, 0.0], "what is shorter than the beginning");
    let shop = LabelRules::of("shop").unwrap();
    assert_eq!(shop.skip(&played(EventKind::Skip, 190, Some(200))), 1.0);
}

#[test]
fn a_data_folder_goes_by_its_own_rules_and_by_those_that_are_named_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let weight = |own: Option<&Path>| {
        let rules = LabelRules::of_data(folder.path(), own, "shop").unwrap();
        rules.grade(&Event::new("e", "a", EventKind::Click, 0))
    };
    let write = |name: &str, weight: u8| {
        let mut file: serde_json::Value = serde_json::from_slice(SHIPPED).unwrap();
        file["kinds"]["click"] = weight.into();
        std::fs::write(folder.path().join(name), file.to_string()).unwrap();
    };
    assert_eq!(weight(None), 1);
    write(LabelRules::FILE, 2);
    assert_eq!(weight(None), 2);
    write("another.json", 3);
    assert_eq!(weight(Some(&folder.path().join("another.json"))), 3);
}

#[test]
fn a_file_of_ones_own_is_read_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.json");
    std::fs::write(&path, SHIPPED).unwrap();
    assert!(LabelRules::read(&path, "radio").is_ok());
    let mut older: serde_json::Value = serde_json::from_slice(SHIPPED).unwrap();
    older.as_object_mut().unwrap().remove("heads");
    std::fs::write(&path, older.to_string()).unwrap();
    let older = LabelRules::read(&path, "radio").unwrap();
    let said = older.completed(&Event::new("e", "a", EventKind::Skip, 0));
    assert_eq!(said, Some(0.0), "a file without heads has those that ship");
    std::fs::write(&path, r#"{"format":9}"#).unwrap();
    assert!(LabelRules::read(&path, "radio").unwrap_err().to_string().contains("mine.json"));
}

/// Why the rules that ship are refused once something in them is changed.
fn refused(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.json");
    let mut file: serde_json::Value = serde_json::from_slice(SHIPPED).unwrap();
    change(&mut file);
    std::fs::write(&path, file.to_string()).unwrap();
    format!("{:#}", LabelRules::read(&path, "radio").unwrap_err())
}

#[test]
fn a_file_of_another_version_is_told_apart_from_a_damaged_one() {
    let newer = refused(|file| {
        file["format"] = 2.into();
        file["taste"] = serde_json::json!({ "a part": "of a later version" });
    });
    for said in ["mine.json", "it has format 2, this program reads 1", "start a segue that reads it"] {
        assert!(newer.contains(said), "{newer}");
    }
    assert!(refused(|file| file["format"] = 0.into()).contains("it has format 0"));
    let damaged = refused(|file| file["taste"] = 1.into());
    assert!(damaged.contains("taste") && !damaged.contains("format 1"), "{damaged}");
}

#[test]
fn rules_of_every_surface_are_looked_at_whichever_is_in_use() {
    let text = refused(|file| {
        file["heads"]["surfaces"] = serde_json::json!({ "feed": { "like": { "kinds": ["rating"] } } });
    });
    assert!(text.contains("heads.surfaces.feed") && text.contains("rated_from"), "{text}");
}

#[cfg(unix)]
#[test]
fn rules_of_ones_own_that_cannot_be_read_are_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join(LabelRules::FILE)).unwrap();
    let text = format!("{:#}", LabelRules::of_data(folder.path(), None, "radio").unwrap_err());
    assert!(text.contains("cannot read") && text.contains(LabelRules::FILE), "{text}");
}

#[test]
fn rules_have_a_hash_of_what_they_say_and_not_of_how_it_is_written() {
    let shipped = LabelRules::of("radio").unwrap().hash().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.json");
    let file: serde_json::Value = serde_json::from_slice(SHIPPED).unwrap();
    std::fs::write(&path, serde_json::to_string_pretty(&file).unwrap()).unwrap();
    assert_eq!(LabelRules::read(&path, "radio").unwrap().hash().unwrap(), shipped);
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        LabelRules::changed("radio", change).unwrap().hash().unwrap()
    };
    assert_eq!(
        changed(&|file| file["played"]["feed"] = serde_json::json!([])),
        shipped,
        "of another surface"
    );
    assert_ne!(changed(&|file| file["kinds"]["click"] = 2.into()), shipped);
    assert_ne!(changed(&|file| file["rating"]["liked_from"] = 4.5.into()), shipped);
    assert_ne!(changed(&|file| file["played"]["radio"] = serde_json::json!([])), shipped);
    assert_ne!(changed(&|file| file["skips"] = serde_json::json!({})), shipped);
    assert_ne!(changed(&|file| file["heads"]["like"]["kinds"] = serde_json::json!(["share"])), shipped);
}
