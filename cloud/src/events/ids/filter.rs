//! What memory holds of a run: sixteen bits of each of its ids.
//!
//! Ids are hashes and lie evenly. The upper half of one, as a fraction of all there are, times the number of buckets, has the bucket in
//! front of the point; the sixteen bits behind the point are kept. Both grow with the id, so what is kept lies in the order
//! of the run, and whatever is found says where in the run to look: there is no index besides.

use std::ops::Range;

use crate::events::ledger::Fingerprint;

/// Ids of a bucket, on average. An id that never came is looked for on the disk when one of so many has its sixteen bits by
/// chance: one time in 2,048. What a bucket begins with is a bit more for each id.
const BUCKET: usize = 32;

/// Tells of nearly every id that is not in a run that it is not, and of the others where they may be.
#[derive(Debug)]
pub(super) struct Filter {
    buckets: usize,
    /// How many ids lie before each bucket, and before the end of the last.
    begins: Vec<u32>,
    /// The bits of each id.
    bits: Vec<u16>,
}

impl Filter {
    /// For so many ids at most.
    pub(super) fn new(ids: usize) -> Self {
        let buckets = ids.div_ceil(BUCKET).max(1);
        Self { buckets, begins: Vec::with_capacity(buckets + 1), bits: Vec::with_capacity(ids) }
    }

    /// Takes in an id above all before it.
    pub(super) fn push(&mut self, id: Fingerprint) {
        let (bucket, bits) = self.place(id);
        self.begin(bucket);
        self.bits.push(bits);
    }

    /// To be called behind the last id.
    pub(super) fn finish(&mut self) {
        self.begin(self.buckets);
    }

    /// Where in the run the id may be; nowhere, where that is empty.
    pub(super) fn places(&self, id: Fingerprint) -> Range<usize> {
        let (bucket, bits) = self.place(id);
        let (begin, end) = (self.begins[bucket] as usize, self.begins[bucket + 1] as usize);
        let bucket = &self.bits[begin..end];
        let first = bucket.partition_point(|other| *other < bits);
        let same = bucket[first..].iter().take_while(|other| **other == bits).count();
        begin + first..begin + first + same
    }

    /// Those up to this bucket that have not begun, begin here.
    fn begin(&mut self, bucket: usize) {
        if self.begins.len() <= bucket {
            // The largest run has a ninth of what 32 bits count.
            self.begins.resize(bucket + 1, self.bits.len() as u32);
        }
    }

    fn place(&self, id: Fingerprint) -> (usize, u16) {
        let product = (id >> 64) * self.buckets as u128;
        ((product >> 64) as usize, (product >> 48) as u16)
    }

    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.begins.capacity() * size_of::<u32>() + self.bits.capacity() * size_of::<u16>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::ledger::fingerprint;

    fn ids(count: usize) -> Vec<Fingerprint> {
        let mut ids: Vec<_> = (0..count).map(|number| fingerprint(&number.to_string())).collect();
        ids.sort_unstable();
        ids
    }

    fn filter(ids: &[Fingerprint]) -> Filter {
        let mut filter = Filter::new(ids.len());
        ids.iter().for_each(|id| filter.push(*id));
        filter.finish();
        filter
    }

    #[test]
    fn every_id_is_found_where_it_is_whatever_their_number() {
        for count in [0, 1, 31, 32, 33, 5_000] {
            let ids = ids(count);
            let filter = filter(&ids);
            for (at, id) in ids.iter().enumerate() {
                let places = filter.places(*id);
                assert!(places.contains(&at) && places.end <= count, "{at} of {count}: {places:?}");
            }
        }
    }

    #[test]
    fn the_least_and_the_greatest_of_all_ids_have_their_place() {
        let ends = [0, 1, Fingerprint::MAX - 1, Fingerprint::MAX];
        let filter = filter(&ends);
        assert_eq!(ends.map(|id| filter.places(id)), [0..2, 0..2, 2..4, 2..4]);
        assert!(filter.places(Fingerprint::MAX / 2).is_empty());
    }

    #[test]
    fn of_ids_that_never_came_hardly_any_is_looked_for() {
        let filter = filter(&ids(20_000));
        let others = (20_000..40_000).map(|number| fingerprint(&number.to_string()));
        let looked_for = others.filter(|id| !filter.places(*id).is_empty()).count();
        assert!(looked_for < 30, "{looked_for} of 20,000");
    }
}
