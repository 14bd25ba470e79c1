//! Which coding a client is given.

use std::io;

use axum::http::{HeaderMap, header};

/// The level of zstd: some milliseconds for a pack.
const ZSTD_LEVEL: i32 = 6;
/// The quality of brotli, likewise.
const BROTLI_QUALITY: i32 = 5;
/// The window of brotli, as a power of two.
const BROTLI_WINDOW: i32 = 22;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Coding {
    Zstd,
    Brotli,
}

impl Coding {
    /// Its name in `Content-Encoding`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
        }
    }

    /// The content in this coding.
    pub(super) fn encode(self, mut plain: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Zstd => zstd::bulk::compress(plain, ZSTD_LEVEL),
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI_QUALITY,
                    lgwin: BROTLI_WINDOW,
                    size_hint: plain.len(),
                    ..Default::default()
                };
                let mut encoded = Vec::new();
                brotli::BrotliCompress(&mut plain, &mut encoded, &parameters)?;
                Ok(encoded)
            }
        }
    }
}

/// The coding that a request likes best, zstd before brotli; none where it accepts neither, or likes the plain content better.
pub(super) fn chosen(headers: &HeaderMap) -> Option<Coding> {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let liked: Vec<(&str, f32)> = lists.flat_map(|list| list.split(',')).filter_map(liked).collect();
    let of = |name: &str| {
        let found = liked.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.or_else(|| liked.iter().find(|(other, _)| *other == "*")).map(|(_, quality)| *quality)
    };
    let plain = liked.iter().find(|(name, _)| name.eq_ignore_ascii_case("identity"));
    let least = plain.map_or(0.0, |(_, quality)| *quality);
    let mut best = None;
    for coding in [Coding::Zstd, Coding::Brotli] {
        let quality = of(coding.name()).unwrap_or(0.0);
        if quality > 0.0 && quality >= least && best.is_none_or(|(_, other)| quality > other) {
            best = Some((coding, quality));
        }
    }
    best.map(|(coding, _)| coding)
}

/// A coding's name and how much it is liked, 0 to 1.
fn liked(entry: &str) -> Option<(&str, f32)> {
    let (name, quality) = match entry.split_once(';') {
        None => (entry, 1.0),
        Some((name, rest)) => {
            let value = rest.trim().strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?;
            (name, value.trim().parse().ok().filter(|quality| (0.0..=1.0).contains(quality))?)
        }
    };
    Some((name.trim(), quality)).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_coding_that_is_liked_best_is_chosen() {
        for (asked, coding) in [
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, br", Some(Coding::Brotli)),
            ("BR;q=0.9 , zstd;q=0.5", Some(Coding::Brotli)),
            ("br;q=0.5, zstd; q=0.50", Some(Coding::Zstd)),
            ("*", Some(Coding::Zstd)),
            ("*;q=0.3, zstd;q=0", Some(Coding::Brotli)),
            ("identity, br;q=0.5", None),
            ("identity;q=0.5, br;q=0.5", Some(Coding::Brotli)),
            ("br;q=0, zstd;q=0.000", None),
            ("gzip", None),
            ("br;q=2, zstd;level=3", None),
            ("", None),
        ] {
            let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(asked))].into_iter().collect();
            assert_eq!(chosen(&headers), coding, "{asked}");
        }
        assert_eq!(chosen(&HeaderMap::new()), None);
    }
}
