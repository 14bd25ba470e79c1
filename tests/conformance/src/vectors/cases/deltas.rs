//! Packs as what changed: what a delta makes, and each way in which one can be of no use.

use segue_core::pack::write_delta;
use segue_core::trust::PrivateKey;
use segue_core::trust::envelope::{self, Purpose};
use segue_core::{limits, policies};

use crate::vectors::{Book, Bytes, Step, Story};
use crate::world;

/// The pack that the host keeps: the one of the cases with a ranker, from which hosts' own tests go on to the other.
fn base() -> Vec<u8> {
    world::pack(&world::items(16), 1)
}

/// That of the next generation, as in `session-new-pack`.
fn target() -> Vec<u8> {
    world::pack(&world::items(20), 2)
}

fn delta_by(key: &PrivateKey) -> Vec<u8> {
    write_delta(&base(), &target(), key).expect("a delta of small packs can be written")
}

/// The delta with its payload changed and signed again.
fn resigned(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let key = world::key();
    let payload = envelope::open(Purpose::PackDelta, &delta_by(&key), &key.public(), limits::PACK_BYTES);
    let mut payload = payload.expect("the delta is sound");
    change(&mut payload);
    envelope::seal(Purpose::PackDelta, payload, &key).expect("a payload can be signed")
}

fn patch(story: &mut Story<'_>, base: Vec<u8>, delta: Vec<u8>) {
    let (base, delta) = (story.file(base, "pack"), story.file(delta, "delta"));
    let target = story.file(target(), "pack");
    story.step(Step::PatchPack { base, delta, target });
}

pub(super) fn tell(book: &mut Book) {
    let sound = delta_by(&world::key());
    let radio: &[(&str, &[u8])] = &[("radio", policies::RADIO)];
    let about = "What changed makes the very pack that was signed, which is then accepted as any pack is.";
    book.tell("delta-followed", about, |story| {
        story.ready("radio", policies::RADIO, &world::items(16));
        patch(story, base(), sound.clone());
        story.pack(target());
        story.manifest(world::sealed_manifest(2, radio, None));
        story.pack(target());
    });
    book.tell("delta-refused", "Each delta of no use is refused, and makes nothing.", |story| {
        story.engine();
        patch(story, target(), sound.clone());
        patch(story, base(), sound[..sound.len() / 2].to_vec());
        let mut flipped = sound.clone();
        flipped[sound.len() / 2] ^= 1;
        patch(story, base(), flipped);
        patch(story, base(), delta_by(&PrivateKey::from_seed([5; 32])));
        patch(story, base(), target());
        patch(story, base(), resigned(newer_format));
        patch(story, base(), resigned(another_end));
        let (base_file, target_file) = (story.file(base(), "pack"), story.file(target(), "pack"));
        let delta = Bytes::Zeros { zeros: limits::PACK_BYTES + 1 };
        story.step(Step::PatchPack { base: base_file, delta, target: target_file });
        patch(story, base(), sound.clone());
    });
}

fn newer_format(payload: &mut [u8]) {
    let at = payload.windows(7).position(|window| window == b"format\x01").expect("a delta names its format");
    payload[at + 6] = 2;
}

/// The script comes last, so that it makes something else than what the delta names.
fn another_end(payload: &mut [u8]) {
    if let Some(last) = payload.last_mut() {
        *last ^= 1;
    }
}
