//! A refresh as on a graphics card, by the processor's provider: products of 16 bits, runs of the ranker that people share.

use std::collections::BTreeSet;

use segue_core::pack::VerifiedPack;
use segue_core::trust::Manifest;

use super::tests::root;
use super::*;
use crate::catalog::{Catalogue, generate};
use crate::index::Kind;
use crate::onnx::{self, Device, LIBRARY, Precision, Provider};
use crate::packs::PackStore;

const NOW: i64 = generate::START_MS + generate::DURATION_MS;
/// Of each hundred items of a pack, how many are in it by 16 bits, too, at least.
const SAME: usize = 98;

/// The packs of a few people by the demo's model, made on `device`, and what the report remarks.
fn packs(device: Device) -> (Vec<VerifiedPack>, Vec<String>) {
    let data = tempfile::tempdir().unwrap();
    let generated = generate::Options { tracks: 1_500, users: 40, seed: 5, truth: None };
    generate::run(&generated, data.path()).unwrap();
    let options = Options { index: Kind::Exact, now_ms: Some(NOW), ..Options::default() };
    let report = device.forced(|| run(data.path(), &options)).unwrap();
    assert_ne!(report.towers, "none");
    let generation = PackStore::new(data.path()).open_current().unwrap().unwrap();
    let root = root(data.path());
    let manifest = Manifest::verify(generation.manifest(), &root).unwrap();
    let people = Catalogue::load(data.path()).unwrap().users;
    let open = |subject: String| {
        let bytes = generation.get(&subject).unwrap().unwrap();
        VerifiedPack::open(&bytes, &root, &manifest, &subject, NOW).unwrap()
    };
    (people.iter().map(|user| open(format!("user:{}", user.user))).collect(), report.remarks)
}

#[test]
fn packs_by_products_of_16_bits_are_those_of_32_but_for_few_items() {
    if std::env::var_os(LIBRARY).is_none() {
        return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
    }
    let halves = Device { provider: Provider::Cpu, precision: Precision::Half };
    let ((wanted, _), (found, _)) = (packs(Device::PROCESSOR), packs(halves));
    assert_eq!(wanted.len(), found.len());
    let mut differ = 0;
    for (wanted, found) in wanted.iter().zip(&found) {
        let items = |pack: &VerifiedPack| {
            pack.candidates().iter().map(|one| one.item.clone()).collect::<BTreeSet<_>>()
        };
        let (wanted_items, found_items) = (items(wanted), items(found));
        let same = wanted_items.intersection(&found_items).count();
        assert_eq!(wanted_items.len(), found_items.len());
        assert!(100 * same >= SAME * wanted_items.len(), "{same} of {}", wanted_items.len());
        let scores = |pack: &VerifiedPack| pack.candidates().iter().map(|one| one.score).collect::<Vec<_>>();
        differ += usize::from(scores(wanted) != scores(found));
    }
    assert!(differ > 0, "both were made in 32 bits");
}

#[test]
fn a_card_that_fails_leaves_the_refresh_to_the_processor_and_the_report_says_so() {
    if std::env::var_os(LIBRARY).is_none() {
        return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
    }
    if onnx::provider() == Provider::Cuda {
        return crate::skipped::note("there is a card, and it works", "cargo xtask test without it");
    }
    let card = Device { provider: Provider::Cuda, precision: Precision::Half };
    let ((wanted, _), (found, remarks)) = (packs(Device::PROCESSOR), packs(card));
    let lists = |packs: &[VerifiedPack]| {
        let list = |pack: &VerifiedPack| pack.candidates().iter().map(|one| one.item.clone()).collect();
        packs.iter().map(list).collect::<Vec<Vec<String>>>()
    };
    assert_eq!(lists(&wanted), lists(&found));
    for what in ["item tower", "user tower", "ranker"] {
        let said = format!("the {what} went from cuda in 32 bits to cpu in 32 bits");
        assert!(remarks.iter().any(|remark| remark.contains(&said)), "{said}: {remarks:?}");
    }
    let exact = "exact search is left to the processor";
    assert!(remarks.iter().any(|remark| remark.contains(exact)), "{remarks:?}");
}
