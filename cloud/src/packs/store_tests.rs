use super::super::ShardWriter;
use super::*;
use crate::stores::disk::fault;

/// Publishes a generation whose one pack says which content it is.
fn publish(store: &PackStore, content: &str) -> anyhow::Result<u64> {
    let mut staging = store.begin()?;
    staging.put_blob(format!("model of {content}").as_bytes())?;
    let mut shard = ShardWriter::create(staging.folder(), 0, 1)?;
    shard.push("user:a", content.as_bytes())?;
    shard.finish()?;
    let number = staging.number();
    staging.publish(content.as_bytes(), b"\x90", b"{}")?;
    Ok(number)
}

fn served(store: &PackStore) -> String {
    let generation = store.open_current().unwrap().unwrap();
    let pack = String::from_utf8(generation.get("user:a").unwrap().unwrap()).unwrap();
    assert_eq!(generation.manifest(), pack.as_bytes(), "manifest and packs are of one generation");
    let model = format!("model of {pack}");
    let hash = segue_core::trust::hash(model.as_bytes());
    assert_eq!(store.blob(&hash).unwrap().unwrap(), model.as_bytes());
    pack
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_new_store_serves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    assert_eq!(store.current().unwrap(), None);
    assert!(store.open_current().unwrap().is_none());
    assert!(store.blob("../../keys/signing.key").unwrap().is_none());
}

#[test]
fn wherever_a_run_is_killed_the_generation_before_it_is_served_and_the_next_run_clears_up() {
    let mut killed = 0;
    for operations in 0..100 {
        let data = tempfile::tempdir().unwrap();
        let store = PackStore::new(data.path());
        publish(&store, "first").unwrap();
        fault::after(Some(operations));
        let outcome = publish(&store, "second");
        fault::after(None);
        let after = served(&store);
        killed += usize::from(outcome.is_err());
        // The pointer alone decides: past its renaming the new one is served.
        assert_eq!(after == "second", store.current().unwrap() == Some(2), "operation {operations}");
        assert!(after == "second" || outcome.is_err());
        publish(&store, "third").unwrap();
        assert_eq!(served(&store), "third");
        let folders = names(&store.generations());
        assert!(folders.iter().all(|name| name.parse::<u64>().is_ok()), "left over: {folders:?}");
    }
    assert!((10..90).contains(&killed), "{killed} runs were killed");
}

#[test]
fn only_the_last_renaming_changes_what_is_served() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    publish(&store, "first").unwrap();
    let mut seen = Vec::new();
    for operations in 0..100 {
        fault::after(Some(operations));
        let _ = publish(&store, "second");
        fault::after(None);
        seen.push(served(&store));
        if seen.last().is_some_and(|content| content == "second") {
            break;
        }
    }
    assert!(seen.len() > 10 && seen[..seen.len() - 1].iter().all(|content| content == "first"), "{seen:?}");
}

#[test]
fn three_generations_and_their_blobs_are_kept() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    for content in ["one", "two", "three", "four", "five"] {
        publish(&store, content).unwrap();
    }
    assert_eq!(names(&store.generations()), ["3", "4", "5"].map(str::to_owned).into());
    assert_eq!(names(&store.root.join("blobs")).len(), 3);
}

#[test]
fn the_generation_in_force_stays_though_its_list_of_blobs_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    for content in ["one", "two"] {
        publish(&store, content).unwrap();
    }
    fs::remove_file(store.generations().join("2").join(ARTEFACTS)).unwrap();
    drop(store.begin().unwrap());
    assert_eq!(served(&store), "two");
    assert_eq!(publish(&store, "three").unwrap(), 3);
    assert_eq!(served(&store), "three");
    drop(store.begin().unwrap());
    assert_eq!(store.present().unwrap(), [1, 3], "it is in force no more");
}

#[test]
fn what_is_left_of_a_generation_is_present_and_not_kept() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    assert_eq!(store.present().unwrap(), Vec::<u64>::new());
    for content in ["one", "two"] {
        publish(&store, content).unwrap();
    }
    fs::remove_file(store.generations().join("1").join(ARTEFACTS)).unwrap();
    assert_eq!((store.kept().unwrap(), store.present().unwrap()), (vec![2], vec![1, 2]));
}

#[test]
fn an_open_generation_is_read_on_after_it_was_removed() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    publish(&store, "one").unwrap();
    let old = store.open_current().unwrap().unwrap();
    for content in ["two", "three", "four"] {
        publish(&store, content).unwrap();
    }
    assert!(!store.generations().join("1").exists());
    assert_eq!(old.get("user:a").unwrap().unwrap(), b"one");
}

#[test]
fn two_refreshes_at_once_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    let first = store.begin().unwrap();
    assert!(store.begin().unwrap_err().to_string().contains("another refresh"));
    drop(first);
    assert!(store.begin().is_ok());
}

#[test]
fn of_two_that_began_from_one_generation_the_second_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    publish(&store, "one").unwrap();
    let base = store.current().unwrap();
    publish(&store, "two").unwrap();
    let error = store.begin_after(base).unwrap_err().to_string();
    assert!(error.contains("generation 2 was published"), "{error}");
    assert!(store.begin_after(Some(2)).is_ok());
}

#[test]
fn a_pointer_that_was_moved_by_hand_is_not_moved_again() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    publish(&store, "one").unwrap();
    let staging = store.begin().unwrap();
    ShardWriter::create(staging.folder(), 0, 1).unwrap().finish().unwrap();
    fs::write(store.root.join(POINTER), "9\n").unwrap();
    assert!(staging.publish(b"", b"\x90", b"{}").unwrap_err().to_string().contains("the pointer moved"));
    assert_eq!(store.current().unwrap(), Some(9));
}

#[test]
fn as_many_generations_are_kept_as_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path()).keeping(2);
    for content in ["one", "two", "three"] {
        publish(&store, content).unwrap();
    }
    assert_eq!(store.kept().unwrap(), [2, 3]);
    assert!(store.open(1).unwrap().is_none());
    assert_eq!(store.open(2).unwrap().unwrap().manifest(), b"two");
}

#[test]
fn a_damaged_pointer_or_blob_is_named() {
    let data = tempfile::tempdir().unwrap();
    let store = PackStore::new(data.path());
    publish(&store, "one").unwrap();
    let mut staging = store.begin().unwrap();
    let artefact = staging.put_blob(b"policy").unwrap();
    fs::write(store.root.join("blobs").join(&artefact.hash), b"other").unwrap();
    assert!(store.blob(&artefact.hash).unwrap_err().to_string().contains("damaged"));
    staging.put_blob(b"policy").unwrap();
    assert_eq!(store.blob(&artefact.hash).unwrap().unwrap(), b"policy");
    // A link to itself cannot be read by anybody.
    let place = store.root.join("blobs").join(&artefact.hash);
    fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink(&place, &place).unwrap();
    assert!(store.blob(&artefact.hash).is_err());
    staging.put_blob(b"policy").unwrap();
    assert_eq!(store.blob(&artefact.hash).unwrap().unwrap(), b"policy");
    fs::write(store.root.join(POINTER), "seven").unwrap();
    assert!(store.current().unwrap_err().to_string().contains("`seven`"));
}
