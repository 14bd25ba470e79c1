//! What every [`ObjectStore`] must do.

use std::sync::Barrier;

use super::super::{ObjectStore, Put};

/// How many put at once.
const RIVALS: usize = 4;

/// Runs the suite.
///
/// # Panics
/// When the store breaks a promise of its contract.
pub fn check(open: &(dyn Fn() -> Box<dyn ObjectStore> + Sync)) {
    an_object_is_put_once_and_stays_as_it_is(open);
    a_files_content_becomes_an_object(open);
    parts_are_read_and_none_beyond_the_end(open);
    what_is_put_and_deleted_shows_in_lists_at_once(open);
    of_several_who_put_at_once_one_succeeds(open);
    what_is_unfinished_goes_and_what_is_there_stays(open);
    a_key_with_strange_parts_is_refused(open);
    delete_all(&*open());
}

fn delete_all(objects: &dyn ObjectStore) {
    objects.delete_all(&objects.list("").unwrap()).unwrap();
    assert!(objects.list("").unwrap().is_empty());
}

fn an_object_is_put_once_and_stays_as_it_is(open: &dyn Fn() -> Box<dyn ObjectStore>) {
    assert_eq!(open().get("a/b").unwrap(), None);
    assert_eq!(open().put_if_absent("a/b", b"first").unwrap(), Put::New);
    assert_eq!(open().put_if_absent("a/b", b"second").unwrap(), Put::Exists);
    assert_eq!(open().get("a/b").unwrap().as_deref(), Some(b"first".as_slice()));
    open().delete("a/b").unwrap();
    open().delete("a/b").unwrap();
    assert_eq!(open().get("a/b").unwrap(), None);
    assert_eq!(open().put_if_absent("a/b", b"").unwrap(), Put::New);
    assert_eq!(open().get("a/b").unwrap().as_deref(), Some(b"".as_slice()));
}

fn a_files_content_becomes_an_object(open: &dyn Fn() -> Box<dyn ObjectStore>) {
    let folder = std::env::temp_dir().join(format!("segue-suite-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("shard");
    std::fs::write(&file, b"packs").unwrap();
    assert_eq!(open().put_file_if_absent("files/1", &file).unwrap(), Put::New);
    assert_eq!(open().put_file_if_absent("files/1", &file).unwrap(), Put::Exists);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(open().get("files/1").unwrap().as_deref(), Some(b"packs".as_slice()));
}

fn parts_are_read_and_none_beyond_the_end(open: &dyn Fn() -> Box<dyn ObjectStore>) {
    open().put_if_absent("parts", b"0123456789").unwrap();
    let object = open().open("parts").unwrap().unwrap();
    assert_eq!(object.length(), 10);
    for (offset, length) in [(0, 10), (0, 1), (3, 4), (9, 1), (10, 0)] {
        let mut part = vec![0; length];
        object.get_range(offset as u64, &mut part).unwrap();
        assert_eq!(part, &b"0123456789"[offset..offset + length]);
    }
    assert!(object.get_range(9, &mut [0; 2]).is_err());
    assert!(object.get_range(11, &mut [0]).is_err());
    assert!(open().open("nothing").unwrap().is_none());
}

fn what_is_put_and_deleted_shows_in_lists_at_once(open: &dyn Fn() -> Box<dyn ObjectStore>) {
    let objects = open();
    for key in ["l/2/b", "l/10/a", "l/2/a", "l2/a"] {
        objects.put_if_absent(key, key.as_bytes()).unwrap();
    }
    let list = |prefix: &str| open().list(prefix).unwrap();
    assert_eq!(list("l/"), ["l/10/a", "l/2/a", "l/2/b"]);
    assert_eq!(list("l/2"), ["l/2/a", "l/2/b"]);
    assert_eq!(list("l"), ["l/10/a", "l/2/a", "l/2/b", "l2/a"]);
    assert!(list("nobody/").is_empty());
    objects.delete("l/2/a").unwrap();
    assert_eq!(list("l/2/"), ["l/2/b"]);
    objects.put_if_absent("l/2/deep/c", b"c").unwrap();
    let some = ["l/2/b", "l/2/deep/c", "l/2/deep/nothing", "l/10/a"].map(str::to_owned);
    objects.delete_all(&some).unwrap();
    assert_eq!(list("l"), ["l2/a"]);
    objects.delete_all(&some).unwrap();
    objects.delete_all(&[]).unwrap();
}

fn of_several_who_put_at_once_one_succeeds(open: &(dyn Fn() -> Box<dyn ObjectStore> + Sync)) {
    for round in 0..10 {
        let (key, barrier) = (format!("race/{round}"), Barrier::new(RIVALS));
        let put = |rival: usize| {
            let (objects, content) = (open(), rival.to_string().repeat(10_000));
            barrier.wait();
            (objects.put_if_absent(&key, content.as_bytes()).unwrap() == Put::New).then_some(content)
        };
        let won: Vec<String> = std::thread::scope(|scope| {
            let rivals: Vec<_> = (0..RIVALS).map(|rival| scope.spawn(move || put(rival))).collect();
            rivals.into_iter().filter_map(|rival| rival.join().unwrap()).collect()
        });
        assert_eq!(won.len(), 1);
        assert_eq!(open().get(&key).unwrap().as_deref(), Some(won[0].as_bytes()));
    }
}

fn what_is_unfinished_goes_and_what_is_there_stays(open: &dyn Fn() -> Box<dyn ObjectStore>) {
    let before = open().list("").unwrap();
    open().clear_unfinished().unwrap();
    open().clear_unfinished().unwrap();
    assert_eq!(open().list("").unwrap(), before);
    assert_eq!(open().put_if_absent("after", b"1").unwrap(), Put::New);
}

fn a_key_with_strange_parts_is_refused(open: &dyn Fn() -> Box<dyn ObjectStore>) {
    for key in ["", "/a", "a/", "a//b", "../a", ".a", "a/.b"] {
        assert!(open().get(key).is_err(), "{key}");
        assert!(open().open(key).is_err(), "{key}");
        assert!(open().put_if_absent(key, b"").is_err(), "{key}");
        assert!(open().delete(key).is_err(), "{key}");
    }
}
