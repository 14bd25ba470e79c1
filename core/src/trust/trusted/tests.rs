//! Every refusal of the trust rules.

use super::*;
use crate::trust::{PrivateKey, rotate, write_rotations};

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed([seed; 32])
}

fn sealed(generation: u64, key: &PrivateKey) -> Vec<u8> {
    let manifest = Manifest {
        format: Manifest::FORMAT,
        generation,
        created_ms: 0,
        expires_ms: 1_000,
        towers: "none".into(),
        ranker: None,
        policies: [].into(),
    };
    manifest.seal(key).unwrap()
}

fn list(records: &[(u8, u8, u64)]) -> Vec<u8> {
    let record = |&(old, new, sequence): &(u8, u8, u64)| rotate(&key(old), &key(new), sequence).unwrap();
    write_rotations(&records.iter().map(record).collect::<Vec<_>>()).unwrap()
}

fn trusting(seed: u8) -> Trust {
    Trust::new(key(seed).public()).unwrap()
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn an_older_generation_and_an_expired_one_are_refused() {
    let mut trust = trusting(7);
    assert_eq!(code(trust.manifest()), Code::ManifestMissing);
    trust.accept_manifest(&sealed(5, &key(7)), 0).unwrap();
    assert_eq!(code(trust.accept_manifest(&sealed(4, &key(7)), 0)), Code::GenerationOlder);
    assert_eq!(code(trust.accept_manifest(&sealed(6, &key(7)), 1_000)), Code::ManifestExpired);
    assert_eq!((trust.manifest().unwrap().generation, trust.generation()), (5, 5));
}

#[test]
fn what_a_stranger_signed_what_was_damaged_and_what_is_too_long_is_refused() {
    let mut trust = trusting(7);
    assert_eq!(code(trust.accept_manifest(&sealed(1, &key(8)), 0)), Code::SignerUnknown);
    assert_eq!(code(trust.accept_manifest(b"no envelope", 0)), Code::EnvelopeDamaged);
    assert_eq!(code(trust.accept_manifest(&vec![0; limits::MANIFEST_BYTES + 1], 0)), Code::TooLarge);
    assert_eq!(code(trust.accept_rotations(&vec![0; limits::ROTATIONS_BYTES + 1])), Code::TooLarge);
    assert_eq!(code(trust.accept_rotations(b"no list")), Code::EnvelopeDamaged);
    assert_eq!(trust.generation(), 0);
}

#[test]
fn a_rotation_signed_by_old_and_new_is_followed_and_then_the_old_key_is_refused() {
    let mut trust = trusting(1);
    assert_eq!(trust.accept_rotations(&list(&[(1, 2, 1)])).unwrap(), 1);
    assert_eq!(trust.key(), &key(2).public());
    assert_eq!(code(trust.accept_manifest(&sealed(1, &key(1)), 0)), Code::SignerUnknown);
    assert_eq!(trust.accept_rotations(&list(&[(1, 2, 1)])).unwrap(), 0, "it was followed before");
}

#[test]
fn a_rotation_nobody_trusted_signed_changes_nothing() {
    let mut trust = trusting(1);
    assert_eq!(trust.accept_rotations(&list(&[(3, 2, 1)])).unwrap(), 0);
    assert_eq!(trust.key(), &key(1).public());
}

#[test]
fn a_rotation_that_the_new_key_did_not_sign_is_refused() {
    let mut rotations = rotation::read(&list(&[(1, 2, 1), (1, 3, 1)])).unwrap();
    rotations[0].signature_new = rotations[1].signature_new.clone();
    let bytes = rmp_serde::to_vec_named(&rotations).unwrap();
    let mut trust = trusting(1);
    assert_eq!(code(trust.accept_rotations(&bytes)), Code::SignatureInvalid);
    assert_eq!(trust.key(), &key(1).public());
}

#[test]
fn a_key_that_was_given_up_is_not_returned_to_by_an_old_rotation() {
    let mut trust = trusting(1);
    trust.accept_rotations(&list(&[(1, 2, 2)])).unwrap();
    assert_eq!(trust.accept_rotations(&list(&[(2, 1, 1)])).unwrap(), 0);
    assert_eq!(trust.key(), &key(2).public());
}

#[test]
fn a_new_key_begins_anew_with_its_generations() {
    let mut trust = trusting(1);
    trust.accept_manifest(&sealed(u64::MAX, &key(1)), 0).unwrap();
    trust.accept_rotations(&list(&[(1, 2, 1)])).unwrap();
    trust.accept_manifest(&sealed(3, &key(2)), 0).unwrap();
    assert_eq!(code(trust.accept_manifest(&sealed(2, &key(2)), 0)), Code::GenerationOlder);
}

#[test]
fn after_a_restart_an_older_generation_and_the_old_key_are_still_refused() {
    let mut before = trusting(1);
    before.accept_rotations(&list(&[(1, 2, 1), (2, 3, 2)])).unwrap();
    before.accept_manifest(&sealed(5, &key(3)), 0).unwrap();
    let kept = before.save().unwrap();
    let mut after = trusting(1);
    after.restore(&kept).unwrap();
    assert_eq!(code(after.accept_manifest(&sealed(4, &key(3)), 0)), Code::GenerationOlder);
    assert_eq!(code(after.accept_manifest(&sealed(6, &key(1)), 0)), Code::SignerUnknown);
    after.accept_manifest(&sealed(5, &key(3)), 0).unwrap();
    assert_eq!(after.save().unwrap(), kept);
}

#[test]
fn restoring_never_lowers_what_is_trusted() {
    let mut trust = trusting(1);
    trust.accept_manifest(&sealed(2, &key(1)), 0).unwrap();
    let early = trust.save().unwrap();
    trust.accept_manifest(&sealed(6, &key(1)), 0).unwrap();
    trust.restore(&early).unwrap();
    assert_eq!(trust.generation(), 6);
    trust.accept_rotations(&list(&[(1, 2, 1)])).unwrap();
    trust.restore(&early).unwrap();
    assert_eq!((trust.key(), trust.generation()), (&key(2).public(), 0));
}

#[test]
fn kept_trust_of_another_root_forged_or_damaged_is_refused() {
    let mut stranger = trusting(2);
    stranger.accept_rotations(&list(&[(2, 3, 1)])).unwrap();
    let kept = stranger.save().unwrap();
    let mut trust = trusting(1);
    assert_eq!(code(trust.restore(&kept)), Code::TrustDamaged);
    let rotations = stranger.chain.followed.clone();
    let forged = Kept { root: ByteBuf::from(key(1).public().to_bytes()), rotations, generation: 9 };
    assert_eq!(code(trust.restore(&saved::write(&KEPT, &forged).unwrap())), Code::TrustDamaged);
    for length in 0..kept.len() {
        assert_eq!(code(stranger.restore(&kept[..length])), Code::TrustDamaged);
    }
    for index in 0..kept.len() {
        let mut changed = kept.clone();
        changed[index] ^= 1;
        assert!(stranger.restore(&changed).is_err(), "byte {index}");
    }
    assert_eq!((trust.key(), trust.generation()), (&key(1).public(), 0));
}
