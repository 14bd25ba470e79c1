//! Hashes as every format writes them: lower-case hexadecimal digits.

use std::fmt::Write as _;

/// Two digits for each byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a text from outside may be a SHA-256.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_64_lower_case_digits() {
        assert_eq!(hex(&[0, 0xab, 9]), "00ab09");
        assert!(is_sha256(&hex(&[0xab; 32])));
        for other in ["", "ab", &"AB".repeat(32), &"g".repeat(64), &"ab".repeat(33), &"é".repeat(32)] {
            assert!(!is_sha256(other), "{other}");
        }
    }
}
