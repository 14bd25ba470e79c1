//! Sums that lose weight with each later event.

use serde::{Deserialize, Serialize};

use super::Remembered;
use crate::limits;

/// The session's age, in e-folds: each event that says something about taste adds `-ln(decay)`.
pub(super) type Age = f64;

/// A sum and the age it was last touched at; it is brought up to date when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Decayed {
    value: f32,
    age: Age,
}

impl Decayed {
    pub(super) fn at(self, age: Age) -> f32 {
        self.value * libm::exp(self.age - age) as f32
    }

    pub(super) fn add(&mut self, strength: f32, age: Age) {
        *self = Self { value: self.at(age) + strength, age };
    }

    pub(super) fn is_sound(&self, now: Age) -> bool {
        is_sound(self.value) && (0.0..=now).contains(&self.age)
    }
}

/// What a row of events says about taste.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    /// Decayed sums of the vectors of what was liked and of what was refused.
    pub(super) interest: Vec<f32>,
    pub(super) aversion: Vec<f32>,
    pub(super) age: Age,
    /// How many events said something.
    pub(super) told: u64,
}

impl Sums {
    pub(super) fn add(&mut self, event: &Remembered) {
        self.told = self.told.saturating_add(1);
        self.age -= libm::log(f64::from(event.decay));
        for sum in [&mut self.interest, &mut self.aversion] {
            sum.iter_mut().for_each(|value| *value *= event.decay);
        }
        if event.vector.is_empty() {
            return;
        }
        let sum = if event.strength > 0.0 { &mut self.interest } else { &mut self.aversion };
        sum.resize(event.vector.len(), 0.0);
        sum.iter_mut().zip(&event.vector).for_each(|(sum, value)| *sum += event.strength.abs() * value);
    }

    pub(super) fn forget_vectors(&mut self) {
        self.interest.clear();
        self.aversion.clear();
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !self.age.is_finite() || self.age < 0.0 {
            return Err(format!("the session's age is {}.", self.age));
        }
        check_vector(&self.interest).and_then(|()| check_vector(&self.aversion))
    }
}

pub(super) fn check_vector(vector: &[f32]) -> Result<(), String> {
    if vector.len() <= limits::PACK_DIMENSION && vector.iter().all(|value| is_sound(*value)) {
        return Ok(());
    }
    Err(format!("a vector of {} entries is too long or too large.", vector.len()))
}

/// Far above what packs and policies can lead to, and still finite when squared and summed.
fn is_sound(value: f32) -> bool {
    value.abs() <= 1e18
}
