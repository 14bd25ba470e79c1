//! Reads the plain objects of a page field by field, so that a refusal names the field.

use std::collections::BTreeMap;

use js_sys::{Array, Object, Reflect};
use segue_core::{Code, Error, Result};
use wasm_bindgen::{JsCast as _, JsValue};

/// The largest whole number that JavaScript keeps exactly.
const LARGEST: f64 = 9_007_199_254_740_991.0;

/// An object from the page. A field that is `null` or `undefined` counts as left out.
pub(crate) struct Record<'a> {
    object: &'a JsValue,
    /// What a refusal is called: `event_invalid` or `request_invalid`.
    code: Code,
}

impl<'a> Record<'a> {
    /// # Errors
    /// With `code`, when the value is no object.
    pub(crate) fn new(object: &'a JsValue, code: Code) -> Result<Self> {
        let record = Self { object, code };
        if object.is_object() { Ok(record) } else { Err(record.refusal("this", object, "an object")) }
    }

    /// The refusal of an object without this field.
    pub(crate) fn missing(&self, name: &str) -> Error {
        Error::new(self.code, format!("{name} is missing."))
    }

    /// Text.
    ///
    /// # Errors
    /// When it is anything else.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        self.read(name, "text", JsValue::as_string)
    }

    /// Any number.
    ///
    /// # Errors
    /// When it is anything else.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>> {
        self.read(name, "a number", JsValue::as_f64)
    }

    /// A whole number that fits into `T`.
    ///
    /// # Errors
    /// When it is anything else: a fraction, not a number, negative where `T` is not.
    pub(crate) fn whole<T: TryFrom<i64>>(&self, name: &str) -> Result<Option<T>> {
        self.read(name, "a whole number in its range", |value| value.as_f64().and_then(whole))
    }

    /// True or false.
    ///
    /// # Errors
    /// When it is anything else.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.read(name, "true or false", JsValue::as_bool)
    }

    /// A list of texts, empty when left out.
    ///
    /// # Errors
    /// When it is anything else.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>> {
        let texts = self.read(name, "a list of texts", |value| {
            value.dyn_ref::<Array>()?.iter().map(|text| text.as_string()).collect()
        })?;
        Ok(texts.unwrap_or_default())
    }

    /// Texts by name, empty when left out; those that are `null` or `undefined` are left out too.
    ///
    /// # Errors
    /// When it is anything else.
    pub(crate) fn words(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let object = self.read(name, "an object of texts", |value| value.dyn_ref::<Object>().cloned())?;
        let entries = object.map(|object| Object::entries(&object)).unwrap_or_default();
        let mut words = BTreeMap::new();
        for entry in entries.iter().map(|entry| Array::from(&entry)) {
            let (key, value) = (entry.get(0).as_string().unwrap_or_default(), entry.get(1));
            if is_absent(&value) {
                continue;
            }
            let word =
                value.as_string().ok_or_else(|| self.refusal(&format!("{name}.{key}"), &value, "text"))?;
            words.insert(key, word);
        }
        Ok(words)
    }

    /// Refuses fields that nobody would read: a misspelt optional one would pass for left out.
    ///
    /// # Errors
    /// Naming the first field that is not among `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Result<()> {
        let fields = Object::keys(self.object.unchecked_ref::<Object>());
        let unknown =
            fields.iter().filter_map(|field| field.as_string()).find(|field| !known.contains(&&**field));
        let Some(unknown) = unknown else { return Ok(()) };
        Err(Error::new(self.code, format!("{unknown} is no field; there are {}.", known.join(", "))))
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        convert: impl Fn(&JsValue) -> Option<T>,
    ) -> Result<Option<T>> {
        // Only a getter of the page's own making can fail here.
        let value = Reflect::get(self.object, &name.into()).unwrap_or_default();
        if is_absent(&value) {
            return Ok(None);
        }
        convert(&value).map(Some).ok_or_else(|| self.refusal(name, &value, expected))
    }

    fn refusal(&self, name: &str, value: &JsValue, expected: &str) -> Error {
        let found = value.as_f64().map(|number| number.to_string());
        let found = found.or_else(|| value.js_typeof().as_string()).unwrap_or_default();
        Error::new(self.code, format!("{name} is {found}, expected {expected}."))
    }
}

/// A time of the page's clock, in milliseconds since 1970.
///
/// # Errors
/// `request_invalid` when it is no whole number of milliseconds after that.
pub(crate) fn time(now_ms: f64) -> Result<i64> {
    let time = whole(now_ms).filter(|time| (0..=segue_core::limits::LATEST_MS).contains(time));
    time.ok_or_else(|| Error::new(Code::RequestInvalid, format!("now_ms is {now_ms}.")))
}

fn whole<T: TryFrom<i64>>(number: f64) -> Option<T> {
    let exact = number.fract() == 0.0 && number.abs() <= LARGEST;
    exact.then_some(number as i64).and_then(|number| T::try_from(number).ok())
}

fn is_absent(value: &JsValue) -> bool {
    value.is_null() || value.is_undefined()
}
