//! A request, free of the platform it came in by.

use std::collections::BTreeMap;

/// A request without its body, which is read only of those who are let in.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// `GET`, `POST`, ... in capitals.
    pub method: String,
    /// The path, `/api/v1/next`.
    pub path: String,
    /// The decoded query; of a name that comes twice the last one.
    pub query: BTreeMap<String, String>,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The country that the platform saw the visitor in, two capital letters.
    pub country: Option<String>,
    /// How likely a person is behind it by the platform's account, 1 (a bot) to 99.
    pub bot_score: Option<u32>,
    /// The client's address.
    pub client: String,
}

impl Call {
    /// A header, empty where it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A cookie's value.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.header("cookie").split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(found, _)| *found == name).map(|(_, value)| value).next()
    }

    /// Whether `If-None-Match` names this content.
    #[must_use]
    pub fn has(&self, hash: &str) -> bool {
        self.header("if-none-match").split(',').any(|tag| {
            let tag = tag.trim();
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            tag == "*" || opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(hash)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Call {
        Call { headers: [(name.to_owned(), value.to_owned())].into(), ..Call::default() }
    }

    #[test]
    fn a_cookie_is_found_among_others_and_not_by_its_beginning() {
        let call = with("cookie", "a=1; segue=x=y; segueb=2");
        assert_eq!(call.cookie("segue"), Some("x=y"));
        assert_eq!(call.cookie("seg"), None);
    }

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_strong() {
        assert!(with("if-none-match", "\"x\", W/\"abc\"").has("abc"));
        assert!(with("if-none-match", "*").has("abc"));
        assert!(!with("if-none-match", "\"abcd\"").has("abc"));
    }
}
