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
    of_several_who_put_at_once_one_is_there_whole(open);
    who_puts_is_not_overwritten_by_who_expected_what_was_there_before(open);
    keys_that_look_alike_are_different_values(open);
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

fn of_several_who_put_at_once_one_is_there_whole(open: &(dyn Fn() -> Box<dyn KeyValue> + Sync)) {
    let (barrier, keys) = (Barrier::new(RIVALS), ["race/a.json", "race/a.txt"]);
    // Of different lengths, so that parts of two show.
    let value = |rival: usize, round: usize| rival.to_string().repeat(100 * rival + round + 1).into_bytes();
    let put = |rival: usize| {
        let values = open();
        barrier.wait();
        for round in 0..ROUNDS {
            values.put(keys[rival % 2], &value(rival, round)).unwrap();
        }
    };
    let put = &put;
    std::thread::scope(|scope| (0..RIVALS).for_each(|rival| drop(scope.spawn(move || put(rival)))));
    for (place, key) in keys.iter().enumerate() {
        let found = open().get(key).unwrap().unwrap();
        let last = (place..RIVALS).step_by(2).map(|rival| value(rival, ROUNDS - 1));
        assert!(last.into_iter().any(|value| value == found), "{key} holds {} other bytes", found.len());
    }
}

/// One counts on by comparing while another puts what is no number at all: after that nobody counts on from a number.
fn who_puts_is_not_overwritten_by_who_expected_what_was_there_before(
    open: &(dyn Fn() -> Box<dyn KeyValue> + Sync),
) {
    for round in 0..ROUNDS {
        let (key, barrier) = (format!("put/{round}"), Barrier::new(2));
        open().put(&key, b"0").unwrap();
        let count_on = || {
            let values = open();
            barrier.wait();
            (0..8_u32).all(|number| {
                let (before, after) = (number.to_string(), (number + 1).to_string());
                values.compare_and_set(&key, Some(before.as_bytes()), after.as_bytes()).unwrap()
            })
        };
        std::thread::scope(|scope| {
            scope.spawn(count_on);
            barrier.wait();
            open().put(&key, b"stop").unwrap();
        });
        let found = open().get(&key).unwrap();
        assert_eq!(found.as_deref(), Some(b"stop".as_slice()), "put after {round}");
    }
}

fn keys_that_look_alike_are_different_values(open: &dyn Fn() -> Box<dyn KeyValue>) {
    let keys = ["alike/x", "alike/x.json", "alike/x.writing", "alike/x.lock", "alike/x.json.writing"];
    for key in keys {
        open().put(key, key.as_bytes()).unwrap();
    }
    for key in keys {
        assert_eq!(open().get(key).unwrap().as_deref(), Some(key.as_bytes()), "{key}");
    }
}

fn a_key_with_strange_parts_is_refused(open: &dyn Fn() -> Box<dyn KeyValue>) {
    for key in ["", "/a", "a/", "a//b", "../a", ".a", "a/.b"] {
        assert!(open().get(key).is_err(), "{key}");
        assert!(open().put(key, b"").is_err(), "{key}");
        assert!(open().compare_and_set(key, None, b"").is_err(), "{key}");
    }
}
