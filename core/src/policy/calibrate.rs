//! Calibrated categories (Steck, RecSys 2018): a list that is spread over categories as the person's profile is.
//!
//! The divergence is that of Kullback and Leibler, from the profile `p` to the list's shares `q`, where `q` is mixed
//! with a little of `p` so that a category without a place does not make it infinite.

use super::traits::NOBODY;

/// How much of the profile is mixed into the list's shares.
const MIXED: f32 = 0.01;

/// How far one list is from the profile.
#[derive(Debug, Clone)]
pub(crate) struct Calibration {
    counts: Vec<u16>,
    /// Categories that have a place.
    touched: Vec<u32>,
    places: u32,
    divergence: f32,
    /// The divergence with one more place that has no category.
    empty: f32,
    /// What a place of each category takes away from the divergence; not a number until it is asked for.
    gains: Vec<f32>,
}

impl Calibration {
    /// A list without places.
    pub(crate) fn empty(profile: &[f32]) -> Self {
        let mut calibration = Self {
            counts: vec![0; profile.len()],
            touched: Vec::new(),
            places: 0,
            divergence: -libm::logf(MIXED),
            empty: 0.0,
            gains: vec![f32::NAN; profile.len()],
        };
        calibration.look_ahead(profile);
        calibration
    }

    /// What a place of `category` takes away from the divergence.
    pub(crate) fn gain(&mut self, profile: &[f32], category: u32) -> f32 {
        let plain = self.divergence - self.empty;
        let at = category as usize;
        let (Some(gain), Some(&wanted)) = (self.gains.get_mut(at), profile.get(at)) else { return plain };
        if gain.is_nan() {
            let count = self.counts.get(at).copied().unwrap_or(0);
            let ratio = mixed(count + 1, self.places + 1, wanted) / mixed(count, self.places + 1, wanted);
            *gain = plain + wanted * libm::logf(ratio);
        }
        *gain
    }

    /// More than any place can take away.
    pub(crate) fn most(&self, largest_share: f32) -> f32 {
        let ratio = mixed(1, self.places + 1, largest_share) / mixed(0, self.places + 1, largest_share);
        self.divergence - self.empty
            + if largest_share > 0.0 { largest_share * libm::logf(ratio) } else { 0.0 }
    }

    /// Adds a place of `category`.
    pub(crate) fn add(&mut self, profile: &[f32], category: u32) {
        self.divergence -= self.gain(profile, category);
        self.places += 1;
        if let Some(count) = self.counts.get_mut(category as usize).filter(|_| category != NOBODY) {
            *count += 1;
            if *count == 1 {
                self.touched.push(category);
            }
        }
        self.look_ahead(profile);
    }

    /// A category without a place adds `-ln(MIXED)` times its share, so only those with one need a logarithm.
    fn look_ahead(&mut self, profile: &[f32]) {
        self.gains.fill(f32::NAN);
        self.empty = -libm::logf(MIXED);
        for &category in &self.touched {
            let at = category as usize;
            let (Some(&wanted), Some(&count)) = (profile.get(at), self.counts.get(at)) else { continue };
            self.empty -= wanted * libm::logf(mixed(count, self.places + 1, wanted) / (MIXED * wanted));
        }
    }
}

/// The share of a category that has `count` of `places`, with a little of the profile mixed in.
fn mixed(count: u16, places: u32, wanted: f32) -> f32 {
    (1.0 - MIXED) * f32::from(count) / places as f32 + MIXED * wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divergence(profile: &[f32], list: &[u32]) -> f32 {
        let share = |category: usize| {
            let count = list.iter().filter(|&&other| other as usize == category).count();
            mixed(count as u16, list.len() as u32, profile[category])
        };
        (0..profile.len()).map(|at| profile[at] * libm::logf(profile[at] / share(at))).sum()
    }

    #[test]
    fn the_divergence_kept_place_by_place_is_that_of_the_whole_list() {
        let profile = [0.5, 0.3, 0.2];
        let list = [0, 1, 0, NOBODY, 2, 0, 0];
        let mut calibration = Calibration::empty(&profile);
        for (at, &category) in list.iter().enumerate() {
            let most = calibration.most(0.5);
            assert!((0..3).all(|category| calibration.gain(&profile, category) <= most + 1e-6));
            calibration.add(&profile, category);
            assert!((calibration.divergence - divergence(&profile, &list[..=at])).abs() < 1e-4);
        }
    }
}
