//! Values as people write them: in a file, a variable or a flag.

use std::net::ToSocketAddrs as _;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::expiry::LEAST;
use crate::refresh::parse_duration;

/// What a value became, or what to write instead.
pub(super) type Read<T> = Result<T, String>;

/// A whole number; `_` may group its digits.
pub(super) fn number(text: &str, range: RangeInclusive<u64>) -> Read<u64> {
    let digits = text.replace('_', "");
    digits.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        let (least, most) = range.into_inner();
        format!("write a whole number from {least} to {most}")
    })
}

/// Yes or no, as TOML writes them.
pub(super) fn truth(text: &str) -> Read<bool> {
    text.parse().map_err(|_| "write true or false".to_owned())
}

/// A time such as `30m`.
pub(super) fn time(text: &str) -> Read<Duration> {
    parse_duration(text).map_err(|_| "write a number and s, m, h or d, such as 30m".to_owned())
}

/// A time, or `none`.
pub(super) fn time_or_none(text: &str) -> Read<Option<Duration>> {
    if text == "none" {
        return Ok(None);
    }
    time(text).map(Some).map_err(|remedy| format!("{remedy}, or none"))
}

/// As [`time_or_none`], long enough for what reads received events after they came.
pub(super) fn time_of_keeping(text: &str) -> Read<Option<Duration>> {
    let time = time_or_none(text)?;
    match time {
        Some(time) if time < LEAST => Err(format!("write {} or more, or none", written(LEAST))),
        _ => Ok(time),
    }
}

/// A time as it is written.
pub(super) fn written(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(length, _)| seconds > 0 && seconds.is_multiple_of(*length));
    let (length, name) = unit.unwrap_or((1, "s"));
    format!("{}{name}", seconds / length)
}

/// As [`written`], or `none`.
pub(super) fn written_or_none(time: Option<Duration>) -> String {
    time.map_or_else(|| "none".to_owned(), written)
}

/// A path that is not empty.
pub(super) fn path(text: &str) -> Read<PathBuf> {
    match text {
        "" => Err("write a path".to_owned()),
        path => Ok(path.into()),
    }
}

/// One of an enumeration's words.
pub(super) fn word<T: ValueEnum>(text: &str) -> Read<T> {
    T::from_str(text, false).map_err(|_| {
        let words = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let words: Vec<String> = words.map(|word| word.get_name().to_owned()).collect();
        format!("write one of {}", words.join(", "))
    })
}

/// The word of an enumeration's value.
pub(super) fn word_of<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map_or_else(String::new, |word| word.get_name().to_owned())
}

/// An address with a port. A name is looked up only when the service listens.
pub(super) fn address(text: &str) -> Read<String> {
    let remedy = || "write an address and a port, such as 127.0.0.1:8787".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(remedy)?;
    let port: u16 = port.parse().map_err(|_| remedy())?;
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let is_address = (host.trim_matches(['[', ']']), port).to_socket_addrs().is_ok();
    if host.is_empty() || !(is_name || is_address) { Err(remedy()) } else { Ok(text.to_owned()) }
}

/// A header's name, in small letters.
pub(super) fn header(text: &str) -> Read<String> {
    let name = axum::http::HeaderName::from_bytes(text.as_bytes());
    name.map(|name| name.as_str().to_owned()).map_err(|_| "write a header's name".to_owned())
}

/// An address of plain HTTP.
pub(super) fn endpoint(text: &str) -> Read<String> {
    let uri: Option<axum::http::Uri> = text.parse().ok();
    let is_plain = uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
    is_plain.then(|| text.to_owned()).ok_or_else(|| {
        "write an address such as http://127.0.0.1:4318/v1/traces, of a collector beside the service"
            .to_owned()
    })
}

/// Web origins, separated by commas.
pub(super) fn origins(text: &str) -> Read<Vec<String>> {
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins.map(|origin| self::origin(origin).map(str::to_owned)).collect()
}

fn origin(text: &str) -> Read<&str> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains('/') && host.is_ascii());
    is_origin.then_some(text).ok_or_else(|| {
        format!("`{text}` is no web origin; write it as https://app.example.com, without a path")
    })
}

/// A filter of the log, such as `info` or `segue_cloud=debug`.
pub(super) fn filter(text: &str) -> Read<String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err("write error, warn, info, debug or trace, or a filter such as segue_cloud=debug".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_written() {
        assert_eq!(number("1_000", 1..=1_000), Ok(1_000));
        assert_eq!(number("0", 1..=9), Err("write a whole number from 1 to 9".to_owned()));
        for text in ["45s", "30m", "7d", "90m"] {
            assert_eq!(written(time(text).unwrap()), text);
        }
        assert_eq!(time_or_none("none"), Ok(None));
        assert!(time_or_none("soon").unwrap_err().ends_with("or none"));
        for good in ["127.0.0.1:0", "[::1]:80", "localhost:8787", "segue.internal:80"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["127.0.0.1", ":80", "a:b", "a:99999", "http://a:80"] {
            assert!(address(bad).is_err(), "{bad}");
        }
        assert_eq!(origins("https://a.example, http://b.example").unwrap().len(), 2);
        assert!(origins("https://a.example/path").unwrap_err().contains("a.example/path"));
        assert!(filter("segue_cloud=debug").is_ok() && filter("a=b=c").is_err() && filter("").is_err());
    }
}
