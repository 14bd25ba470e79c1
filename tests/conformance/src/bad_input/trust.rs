//! Signed bytes: packs, manifests and key rotations; and what a host kept of whom it believes.

use segue_core::pack::{Pack, patch};
use segue_core::trust::envelope::{self, Purpose};
use segue_core::trust::{Manifest, PrivateKey};
use segue_core::{Code, Engine, EventKind, limits, policies};

use super::{check_slate, through_the_door};
use crate::kept;
use crate::world::{self, NOW_MS};

/// A pack, then a short session on whatever it holds.
pub fn pack(data: &[u8]) {
    let Some(bytes) = through_the_door(Purpose::Pack, data) else { return };
    // Subject and generation are taken from the pack itself, or nearly every input would stop at their check.
    let payload = envelope::open(Purpose::Pack, &bytes, &world::key().public(), limits::PACK_BYTES);
    let named = payload.ok().and_then(|payload| rmp_serde::from_slice::<Pack>(&payload).ok());
    let (generation, subject) =
        named.map_or((1, world::SUBJECT.to_owned()), |pack| (pack.generation, pack.subject));
    let mut engine = world::untouched();
    let manifest = world::sealed_manifest(generation, &[("radio", policies::RADIO)], None);
    if engine.accept_manifest(&manifest, NOW_MS).is_err() {
        return;
    }
    engine.accept_policy("radio", policies::RADIO).expect("the policy is sound");
    let Ok(pack) = engine.accept_pack(&bytes, &subject, NOW_MS) else { return };
    let first = pack.candidates().first().map(|candidate| candidate.item.clone()).unwrap_or_default();
    let kinds = [EventKind::Like, EventKind::Skip, EventKind::NotInterested];
    for (at, kind) in kinds.into_iter().enumerate() {
        check_slate(&mut engine, &world::request("radio", 20));
        let _ = engine.apply(&world::event(at, kind, &first));
    }
    check_slate(&mut engine, &world::request("radio", limits::PLACES));
}

/// A delta of the pack of six items. Whatever it makes, bytes that are no pack are not accepted as one.
pub fn pack_delta(data: &[u8]) {
    let Some(bytes) = through_the_door(Purpose::PackDelta, data) else { return };
    let base = world::pack(&world::items(6), 1);
    let Ok(made) = patch(&base, &bytes, &world::key().public()) else { return };
    assert!(made.len() <= limits::PACK_BYTES, "a delta made {} bytes", made.len());
    let again = [[1].as_slice(), &made].concat();
    pack(&again);
}

/// A manifest, then everything that leans on it.
pub fn manifest(data: &[u8]) {
    let Some(bytes) = through_the_door(Purpose::Manifest, data) else { return };
    let mut engine = world::untouched();
    let Ok(manifest) = engine.accept_manifest(&bytes, NOW_MS).cloned() else { return };
    let sealed =
        Manifest::verify(&manifest.seal(&world::key()).expect("it was read"), &world::key().public());
    assert_eq!(*sealed.expect("it was accepted"), manifest, "a manifest survives being written again");
    for surface in manifest.policies.keys() {
        let _ = engine.accept_policy(surface, policies::RADIO);
    }
    let _ = engine.accept_pack(&world::pack(&world::items(6), manifest.generation), world::SUBJECT, NOW_MS);
    for surface in manifest.policies.keys().take(4) {
        check_slate(&mut engine, &world::request(surface, 6));
    }
}

/// A list of key rotations. No bytes may lead to another key than one the trusted key signed for.
pub fn rotations(data: &[u8]) {
    let mut engine = world::untouched();
    let followed = engine.accept_rotations(data).unwrap_or(0);
    if followed == 0 {
        let manifest = world::sealed_manifest(1, &[], None);
        engine.accept_manifest(&manifest, NOW_MS).expect("the root is still trusted");
    }
    refuses_strangers(&mut engine);
}

/// What a host kept of whom it believes, its checksum made to fit. The storage may say which generation was the
/// newest, never who is to be believed.
pub fn trust(data: &[u8]) {
    let mut bytes = data.to_vec();
    kept::seal(&mut bytes);
    let mut engine = world::untouched();
    let before = engine.save_trust().expect("trust can be saved");
    let restored = engine.restore_trust(&bytes);
    let saved = engine.save_trust().expect("what was restored can be saved");
    if restored.is_err() {
        assert_eq!(saved, before, "what was refused left something behind");
    }
    let mut again = world::untouched();
    again.restore_trust(&saved).expect("what was saved can be restored");
    assert_eq!(again.save_trust().expect("and saved again"), saved, "trust survives being kept");
    refuses_strangers(&mut engine);
}

/// No bytes make the engine believe somebody whom nobody signed for.
fn refuses_strangers(engine: &mut Engine) {
    let stranger = PrivateKey::from_seed([5; 32]);
    let manifest = world::manifest(u64::MAX, &[], None).seal(&stranger).expect("a manifest can be written");
    let refused = engine.accept_manifest(&manifest, NOW_MS).expect_err("nobody signed for a stranger");
    assert!(matches!(refused.code(), Code::SignerUnknown | Code::SignatureInvalid), "{refused}");
}
