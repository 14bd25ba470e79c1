//! Numbers that look random and are the same everywhere.

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): 64 well-mixed bits a step from a counter.
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// The numbers of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number from 0 to `below` - 1; 0 when `below` is 0.
    pub fn below(&mut self, below: usize) -> usize {
        (self.bits() % (below.max(1) as u64)) as usize
    }

    /// A number from -1 to 1.
    pub fn symmetric(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    /// One of `choices`; there has to be one.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut draws = Draws::new(1_234_567);
        assert_eq!(draws.bits(), 6_457_827_717_110_365_317);
        assert_eq!(draws.bits(), 3_203_168_211_198_807_973);
        assert!((0..1_000).all(|_| draws.symmetric().abs() <= 1.0 && draws.below(7) < 7));
    }
}
