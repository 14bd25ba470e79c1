//! Numbers that look random and are the same everywhere: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

/// What the generator adds to its counter from one number to the next.
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes the bits of a number until nothing of it is to be seen.
pub(crate) fn scramble(number: u64) -> u64 {
    let number = number.wrapping_add(STEP);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        assert_eq!(scramble(1_234_567), 6_457_827_717_110_365_317);
        assert_eq!(scramble(1_234_567_u64.wrapping_add(STEP)), 3_203_168_211_198_807_973);
    }
}
