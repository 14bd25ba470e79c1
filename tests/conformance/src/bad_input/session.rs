//! What hosts hand over while a session runs: events and the bytes they kept of an earlier one.

use segue_core::{Event, EventKind};

use super::check_slate;
use crate::{kept, world};

/// Most events of one input that are applied: a longer one says nothing new and takes long.
const EVENTS: usize = 200;

/// A list of events as JSON.
pub fn events(data: &[u8]) {
    let Ok(events) = serde_json::from_slice::<Vec<Event>>(data) else { return };
    let mut engine = world::engine(12);
    for event in events.iter().take(EVENTS) {
        let before = engine.save_session().expect("a session can be saved");
        if engine.apply(event).is_err() {
            assert_eq!(
                engine.save_session().expect("a session can be saved"),
                before,
                "a refused event changed it"
            );
        }
    }
    check_slate(&mut engine, &world::request("radio", 12));
    let saved = engine.save_session().expect("a session can be saved");
    let mut restored = world::engine(12);
    restored.restore_session(&saved).expect("what was saved can be restored");
    let request = world::request("radio", 12);
    let lists = [&mut engine, &mut restored].map(|engine| format!("{:?}", engine.rank(&request)));
    assert_eq!(lists[0], lists[1], "a restored session ranks as the one that was saved");
}

/// A saved session, its checksum made to fit.
pub fn session(data: &[u8]) {
    let mut bytes = data.to_vec();
    kept::seal(&mut bytes);
    let mut engine = world::engine(12);
    if engine.restore_session(&bytes).is_err() {
        assert_eq!(engine.session().applied(), 0, "what was refused left something behind");
        return;
    }
    let saved = engine.save_session().expect("what was restored can be saved");
    engine.restore_session(&saved).expect("and restored again");
    for (at, kind) in [EventKind::Like, EventKind::Skip, EventKind::NotInterested].into_iter().enumerate() {
        let _ = engine.apply(&world::event(at, kind, &format!("item-{at:03}")));
        check_slate(&mut engine, &world::request("radio", 12));
    }
}
