//! Who is believed: each way in which signed bytes can be wrong, and what is shown then.

use segue_core::pack::Pack;
use segue_core::trust::envelope::{self, Purpose};
use segue_core::trust::{PrivateKey, rotate, write_rotations};
use segue_core::{EventKind, limits, policies};
use serde_json::{Value, json};

use crate::vectors::{Book, Bytes, Step, Story, rules};
use crate::world::{self, EXPIRES_MS, NOW_MS, SUBJECT};

const RADIO: &[(&str, &[u8])] = &[("radio", policies::RADIO)];

fn stranger() -> PrivateKey {
    PrivateKey::from_seed([5; 32])
}

fn ready(story: &mut Story<'_>) {
    story.ready("radio", policies::RADIO, &world::items(12));
    story.event(EventKind::Like, 4);
}

fn pack() -> Vec<u8> {
    world::pack(&world::items(12), 1)
}

/// The pack with its payload changed and signed again.
fn resigned(change: impl FnOnce(&mut Pack)) -> Vec<u8> {
    let key = world::key();
    let payload = envelope::open(Purpose::Pack, &pack(), &key.public(), limits::PACK_BYTES);
    let mut pack: Pack =
        rmp_serde::from_slice(&payload.expect("the pack is sound")).expect("the payload is a pack");
    change(&mut pack);
    pack.seal(&key).expect("a pack can be written")
}

pub(super) fn tell(book: &mut Book) {
    packs(book);
    manifests(book);
    policies_and_keys(book);
}

/// A refused pack leaves the one before in use, in its own order, until a sound one comes.
fn refused(book: &mut Book, name: &str, about: &str, bytes: Vec<u8>) {
    book.tell(&format!("pack-{name}"), about, |story| {
        ready(story);
        story.pack(bytes);
        story.rank("radio", 4);
        story.pack(pack());
        story.rank("radio", 4);
    });
}

fn packs(book: &mut Book) {
    let sealed = pack();
    let mut flipped = sealed.clone();
    if let Some(last) = flipped.last_mut() {
        *last ^= 1;
    }
    let foreign = resigned(|_| {});
    let payload = envelope::open(Purpose::Pack, &foreign, &world::key().public(), limits::PACK_BYTES);
    let signed_by_stranger =
        envelope::seal(Purpose::Pack, payload.unwrap_or_default(), &stranger()).unwrap_or_default();
    refused(book, "truncated", "A pack cut short is refused.", sealed[..sealed.len() / 2].to_vec());
    refused(book, "flipped-bit", "A pack with one bit changed is refused.", flipped);
    refused(book, "signed-by-stranger", "A pack that somebody else signed is refused.", signed_by_stranger);
    let manifest = world::sealed_manifest(1, RADIO, None);
    refused(book, "is-a-manifest", "A manifest is not taken for a pack.", manifest);
    let other = world::pack_for(&world::items(12), 1, "user:grace");
    refused(book, "wrong-subject", "A pack made for somebody else is refused.", other);
    let newer = world::pack(&world::items(12), 2);
    refused(book, "wrong-generation", "A pack newer than the manifest is refused.", newer);
    let towers = resigned(|pack| pack.towers = "others".into());
    refused(
        book,
        "wrong-towers",
        "A pack whose vectors are not of the manifest's towers is refused.",
        towers,
    );
    let format = resigned(|pack| pack.format += 1);
    refused(book, "newer-format", "A pack of a newer format is told from a damaged one.", format);
    let contradicts = resigned(|pack| pack.scores.truncate(3));
    refused(
        book,
        "contradicts-itself",
        "A signed pack whose columns differ in length is refused.",
        contradicts,
    );
    book.tell("pack-too-large", "A pack above the size limit is refused before it is read.", |story| {
        ready(story);
        let bytes = Bytes::Zeros { zeros: limits::PACK_BYTES + 1 };
        story.step(Step::AcceptPack { bytes, subject: SUBJECT.into(), now_ms: NOW_MS });
        story.rank("radio", 4);
    });
    book.tell("pack-expired", "An expired pack is refused; one in use goes on and is stale.", |story| {
        ready(story);
        story.rank_with("radio", 4, |request| request.now_ms = EXPIRES_MS);
        let bytes = story.file(pack(), "pack");
        story.step(Step::AcceptPack { bytes, subject: SUBJECT.into(), now_ms: EXPIRES_MS });
        story.rank_with("radio", 4, |request| request.now_ms = EXPIRES_MS);
    });
}

fn manifests(book: &mut Book) {
    book.tell("manifest-refused", "Each wrong manifest is refused and the one in force stays.", |story| {
        story.engine();
        let sound = world::sealed_manifest(5, RADIO, None);
        story.manifest(sound.clone());
        story.manifest(world::sealed_manifest(4, RADIO, None));
        story.manifest(world::manifest(6, RADIO, None).seal(&stranger()).unwrap_or_default());
        story.manifest(&sound[..sound.len() - 7]);
        story.manifest(pack());
        let mut newer = world::manifest(6, RADIO, None);
        newer.format += 1;
        story.manifest(newer.seal(&world::key()).unwrap_or_default());
        let nonsense = envelope::seal(Purpose::Manifest, b"\xc0".to_vec(), &world::key());
        story.manifest(nonsense.unwrap_or_default());
        let late = story.file(world::sealed_manifest(6, RADIO, None), "manifest");
        story.step(Step::AcceptManifest { bytes: late, now_ms: EXPIRES_MS });
        let zeros = Bytes::Zeros { zeros: limits::MANIFEST_BYTES + 1 };
        story.step(Step::AcceptManifest { bytes: zeros, now_ms: NOW_MS });
        story.pack(world::pack(&world::items(12), 5));
        story.policy("radio", policies::RADIO);
        story.rank("radio", 4);
    });
}

/// A policy that no reader accepts.
fn odd_policy(pointer: &str, value: Value) -> Vec<u8> {
    let mut policy = rules::neutral();
    *policy.pointer_mut(pointer).expect("the neutral policy has it") = value;
    serde_json::to_vec(&policy).expect("a value can be written")
}

fn policies_and_keys(book: &mut Book) {
    book.tell(
        "trust-kept",
        "What was trusted outlives the app: nothing older is believed after it.",
        |story| {
            let older = world::sealed_manifest(4, RADIO, None);
            story.engine();
            story.manifest(world::sealed_manifest(5, RADIO, None));
            story.step(Step::SaveTrust);
            story.engine();
            let damaged = story.file(*b"not what was kept", "trust");
            story.step(Step::RestoreTrust { bytes: Some(damaged) });
            let zeros = Bytes::Zeros { zeros: limits::TRUST_BYTES + 1 };
            story.step(Step::RestoreTrust { bytes: Some(zeros) });
            story.step(Step::RestoreTrust { bytes: None });
            story.manifest(older);
            story.manifest(world::sealed_manifest(5, RADIO, None));
        },
    );
    book.tell("policy-refused", "A refused policy leaves the pack's own order.", |story| {
        let newer = odd_policy("/format", json!(99));
        let out_of_range = odd_policy("/feedback/decay", json!(7.0));
        let named: [(&str, &[u8]); 4] = [
            ("radio", policies::RADIO),
            ("home", &newer),
            ("feed", &out_of_range),
            ("shop", policies::RADIO),
        ];
        story.engine();
        story.manifest(world::sealed_manifest(1, &named, None));
        story.policy("weekly", policies::RADIO);
        story.policy("radio", policies::SHOP);
        story.policy("home", newer.clone());
        story.policy("feed", out_of_range.clone());
        story.policy("shop", policies::RADIO);
        story.pack(pack());
        story.rank("radio", 4);
        story.rank("weekly", 4);
    });
    book.tell(
        "rotation-followed",
        "A new key that the old one signed is trusted, the old one no more.",
        |story| {
            let (old, new) = (world::key(), stranger());
            story.engine();
            let rotations = rotate(&old, &new, 1).and_then(|record| write_rotations(&[record]));
            let bytes = story.file(rotations.unwrap_or_default(), "rotations");
            story.step(Step::AcceptRotations { bytes });
            story.manifest(world::sealed_manifest(1, RADIO, None));
            story.manifest(world::manifest(1, RADIO, None).seal(&new).unwrap_or_default());
        },
    );
    book.tell("rotation-refused", "A new key that nobody trusted signed changes nothing.", |story| {
        let rotations = rotate(&stranger(), &PrivateKey::from_seed([6; 32]), 1);
        let rotations = rotations.and_then(|record| write_rotations(&[record])).unwrap_or_default();
        story.engine();
        let cut = story.file(&rotations[..rotations.len() / 2], "rotations");
        story.step(Step::AcceptRotations { bytes: cut });
        let bytes = story.file(rotations, "rotations");
        story.step(Step::AcceptRotations { bytes });
        story.manifest(world::sealed_manifest(1, RADIO, None));
    });
}
