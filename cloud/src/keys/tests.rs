use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn store(data: &Path) -> KeyStore {
    KeyStore::with_environment(data, Environment::default())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_makes_a_private_file_and_a_root_key_once() {
    let data = tempfile::tempdir().unwrap();
    let store = store(data.path());
    assert!(!store.exist());
    let (keys, made) = store.load_or_init().unwrap();
    assert!(made && store.exist());
    assert_eq!(mode(&data.path().join("keys")), 0o700);
    assert_eq!(mode(&data.path().join("keys/signing.key")), 0o600);
    assert_eq!(store.root().unwrap().unwrap(), keys.signing().public());
    assert!(store.init().unwrap_err().to_string().contains("segue keys rotate"));
    let (again, made) = store.load_or_init().unwrap();
    assert!(!made);
    assert_eq!(again.signing().public(), keys.signing().public());
}

#[test]
fn a_key_that_others_can_read_is_refused_and_told_apart_from_a_damaged_one() {
    let data = tempfile::tempdir().unwrap();
    let store = store(data.path());
    store.init().unwrap();
    let path = data.path().join("keys/signing.key");
    for open in [0o640, 0o604, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        assert!(store.load().unwrap_err().to_string().contains("chmod 600"));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "secret but no key").unwrap();
    let message = format!("{:#}", store.load().unwrap_err());
    assert!(message.contains("no private key") && !message.contains("secret but"));
}

#[test]
fn after_a_rotation_old_clients_follow_from_the_same_root() {
    let data = tempfile::tempdir().unwrap();
    let store = store(data.path());
    let first = store.init().unwrap();
    let second = store.rotate().unwrap();
    let third = store.rotate().unwrap();
    assert_eq!(third.rotations(), 2);
    assert_eq!(third.root(), first.root());
    assert_ne!(second.signing().public(), third.signing().public());
    assert_eq!(mode(&data.path().join("keys/signing.key")), 0o600);
    let mut client = Trust::new(first.root().clone()).unwrap();
    assert_eq!(client.accept_rotations(&third.rotation_list().unwrap()).unwrap(), 2);
    assert_eq!(*client.key(), third.signing().public());
}

#[test]
fn a_rotation_killed_before_its_record_is_undone_and_after_it_is_finished() {
    let data = tempfile::tempdir().unwrap();
    let store = store(data.path());
    let first = store.init().unwrap();
    let next = store.create_key(&store.next_path()).unwrap();
    assert_eq!(store.load().unwrap().signing().public(), first.signing().public());
    assert!(!store.next_path().exists());

    files::write_private(&store.next_path(), &next).unwrap();
    let record = rotate(first.signing(), &next, 1).unwrap();
    fs::write(store.rotation_path(1), record).unwrap();
    assert_eq!(store.load().unwrap().signing().public(), next.public());
    assert!(!store.next_path().exists());
}

#[test]
fn reading_the_keys_never_undoes_a_rotation_that_is_going_on() {
    let data = tempfile::tempdir().unwrap();
    let store = store(data.path());
    store.init().unwrap();
    std::thread::scope(|scope| {
        let rotating = scope.spawn(|| (0..20).for_each(|_| drop(store.rotate().unwrap())));
        while !rotating.is_finished() {
            store.load().unwrap();
        }
    });
    assert_eq!(store.load().unwrap().rotations(), 20);
}

#[test]
fn of_two_first_refreshes_at_once_one_makes_the_keys_and_both_use_them() {
    for _ in 0..20 {
        let data = tempfile::tempdir().unwrap();
        let store = store(data.path());
        let barrier = std::sync::Barrier::new(2);
        let first_use = || {
            barrier.wait();
            store.load_or_init().unwrap()
        };
        let ((one, one_made), (other, other_made)) = std::thread::scope(|scope| {
            let other = scope.spawn(first_use);
            (first_use(), other.join().unwrap())
        });
        assert!(one_made != other_made);
        assert_eq!(one.signing().public(), other.signing().public());
    }
}

#[test]
fn a_killed_init_is_completed_by_the_next() {
    let data = tempfile::tempdir().unwrap();
    let store = store(data.path());
    files::create_private_folder(&store.folder).unwrap();
    let key = store.create_key(&store.key_path()).unwrap();
    assert_eq!(store.init().unwrap().signing().public(), key.public());
}

#[test]
fn a_key_from_the_environment_needs_no_file_and_its_value_is_never_shown() {
    let data = tempfile::tempdir().unwrap();
    let (key, next) = ("11".repeat(32), "22".repeat(32));
    let with = |key: &str, next: Option<&str>| {
        let environment = Environment { key: Some(key.into()), next: next.map(str::to_owned) };
        KeyStore::with_environment(data.path(), environment)
    };
    let keys = with(&key, None).init().unwrap();
    assert!(keys.from_environment() && !data.path().join("keys/signing.key").exists());
    assert!(!format!("{keys:?}").contains(&key));
    assert!(with(&key, None).rotate().unwrap_err().to_string().contains(NEXT_KEY_VARIABLE));
    with(&key, Some(&next)).rotate().unwrap();
    assert!(with(&key, None).load().unwrap_err().to_string().contains("put the right key back"));
    assert_eq!(with(&next, None).load().unwrap().rotations(), 1);
    let message = format!("{:#}", with("abc", None).load().unwrap_err());
    assert!(message.contains(KEY_VARIABLE) && !message.contains("abc"));
}
