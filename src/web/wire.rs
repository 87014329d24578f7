//! A document on its way from `JSON.parse` to the core: `flatten` in `src/js/view.ts` writes it out value by value, as
//! numbers and one text, which is many times faster than asking for each value from here.
//!
//! A value that is zero or above is that number; the others stand for what is no such number. Strings follow each
//! other in the text, with a NUL between two.

use alloc::borrow::Cow;

use crate::list::read::{Address, Entry, Header, Scalar};

const FALSE: f64 = -2.0;
const TRUE: f64 = -3.0;
const TEXT: f64 = -4.0;
/// An array, an object, a number below zero or none; a URL that the platform cannot parse.
const GARBAGE: f64 = -5.0;
/// In the place of a URL: the entry is no object.
const NO_OBJECT: f64 = -6.0;
/// In the place of a URL: the application does not allow it.
const FORBIDDEN: f64 = -7.0;

/// Reads values in the order in which they were written.
pub(super) struct Wire<'a> {
    numbers: core::slice::Iter<'a, f64>,
    text: &'a str,
}

impl<'a> Wire<'a> {
    pub(super) fn new(numbers: &'a [f64], text: &'a str) -> Self {
        Self {
            numbers: numbers.iter(),
            text,
        }
    }

    fn scalar(&mut self) -> Scalar<'a> {
        match self.numbers.next() {
            Some(&number) if number >= 0.0 => Scalar::Number(number),
            Some(&FALSE) => Scalar::Bool(false),
            Some(&TRUE) => Scalar::Bool(true),
            Some(&TEXT) => Scalar::Text(self.string()),
            Some(&GARBAGE) => Scalar::Nested,
            _ => Scalar::Absent,
        }
    }

    /// The standard library's search is made for longer texts, and is larger.
    fn string(&mut self) -> &'a str {
        let end = self.text.bytes().take_while(|&byte| byte != 0).count();
        let string = self.text.get(..end).unwrap_or_default();
        self.text = self.text.get(end + 1..).unwrap_or_default();
        string
    }

    pub(super) fn header(&mut self) -> Header<'a> {
        Header {
            version: self.scalar(),
            age: self.scalar(),
            ttl: self.scalar(),
            retry_after: self.scalar(),
            heartbeat: self.scalar(),
        }
    }
}

/// The entries, each with all of its values.
impl<'a> Iterator for Wire<'a> {
    type Item = Option<Entry<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = *self.numbers.as_slice().first()?;
        let entry = Entry {
            url: match self.scalar() {
                _ if first == FORBIDDEN => Address::Forbidden,
                Scalar::Text(url) => Address::Absolute(Cow::Borrowed(url)),
                Scalar::Nested => Address::Unparsable,
                _ => Address::Missing,
            },
            id: self.scalar(),
            available: self.scalar(),
            users: self.scalar(),
            priority: self.scalar(),
            capacity: self.scalar(),
            weight: self.scalar(),
            draining: self.scalar(),
            connect_rate: self.scalar(),
            rank: self.scalar(),
        };
        Some((first != NO_OBJECT).then_some(entry))
    }
}
