//! What every [`KeyValue`] must do.

use std::sync::Barrier;

use super::super::KeyValue;

/// How many compare at once.
const RIVALS: usize = 4;
/// How often each of them counts on.
const ROUNDS: usize = 25;

/// Runs the suite.
///
/// # Panics
/// When the store breaks a promise of its contract.
pub fn check(open: &(dyn Fn() -> Box<dyn KeyValue> + Sync)) {
    what_was_put_is_there_whole_after_a_restart(open);
    a_value_is_set_only_over_the_expected_one(open);
    of_several_who_expect_the_same_one_succeeds(open);
    a_key_with_strange_parts_is_refused(open);
}

fn what_was_put_is_there_whole_after_a_restart(open: &dyn Fn() -> Box<dyn KeyValue>) {
    assert_eq!(open().get("a").unwrap(), None);
    let large: Vec<u8> = (0..300_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    for value in [b"first".to_vec(), large, Vec::new(), b"\0\xff\n".to_vec()] {
        open().put("a", &value).unwrap();
        open().put("deep/er/a", b"other").unwrap();
        assert_eq!(open().get("a").unwrap(), Some(value));
    }
    assert_eq!(open().get("deep/er/a").unwrap().as_deref(), Some(b"other".as_slice()));
    assert_eq!(open().get("deep/er").ok().flatten(), None);
}

fn a_value_is_set_only_over_the_expected_one(open: &dyn Fn() -> Box<dyn KeyValue>) {
    let values = open();
    assert!(!values.compare_and_set("pointer", Some(b"1"), b"2").unwrap());
    assert_eq!(values.get("pointer").unwrap(), None);
    assert!(values.compare_and_set("pointer", None, b"1").unwrap());
    assert!(!values.compare_and_set("pointer", None, b"9").unwrap());
    assert!(!values.compare_and_set("pointer", Some(b"1\n"), b"9").unwrap());
    assert!(values.compare_and_set("pointer", Some(b"1"), b"2").unwrap());
    assert_eq!(open().get("pointer").unwrap().as_deref(), Some(b"2".as_slice()));
}

fn of_several_who_expect_the_same_one_succeeds(open: &(dyn Fn() -> Box<dyn KeyValue> + Sync)) {
    open().put("count", b"0").unwrap();
    let barrier = Barrier::new(RIVALS);
    let count_on = || {
        let values = open();
        barrier.wait();
        for _ in 0..ROUNDS {
            loop {
                let before = values.get("count").unwrap().unwrap();
                let number: usize = String::from_utf8(before.clone()).unwrap().parse().unwrap();
                let after = (number + 1).to_string();
                if values.compare_and_set("count", Some(&before), after.as_bytes()).unwrap() {
                    break;
                }
            }
        }
    };
    std::thread::scope(|scope| (0..RIVALS).for_each(|_| drop(scope.spawn(count_on))));
    let counted = (RIVALS * ROUNDS).to_string();
    assert_eq!(open().get("count").unwrap().as_deref(), Some(counted.as_bytes()));
}

fn a_key_with_strange_parts_is_refused(open: &dyn Fn() -> Box<dyn KeyValue>) {
    for key in ["", "/a", "a/", "a//b", "../a", ".a", "a/.b"] {
        assert!(open().get(key).is_err(), "{key}");
        assert!(open().put(key, b"").is_err(), "{key}");
        assert!(open().compare_and_set(key, None, b"").is_err(), "{key}");
    }
}
