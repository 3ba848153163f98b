//! Headers of a record, in one buffer.
//!
//! A record has a dozen headers. As a list of names and values each of its own they took two allocations and fifty atomic counts a record, from
//! the log to the log again, and that was felt more than everything that is decided about it.

use bytes::{BufMut, Bytes};
use std::fmt;

/// A header: a name and bytes. Names may repeat in Kafka; ours never do, and the first one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Name, for example `ce_id`.
    pub name: &'a str,
    /// Value; text headers are UTF-8.
    pub value: &'a [u8],
}

/// Headers in the order they stand on the record: of each the lengths of name and value (4 bytes, little-endian), the name, the value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Bytes);

/// Appends a header to a buffer that becomes [`Headers`] as a whole.
pub fn pack(out: &mut impl BufMut, name: &str, value: &[u8]) {
    out.put_u32_le(length(name.as_bytes()));
    out.put_u32_le(length(value));
    out.put_slice(name.as_bytes());
    out.put_slice(value);
}

/// Bytes that a header takes in the buffer.
pub const fn packed_length(name: &str, value: &[u8]) -> usize {
    8 + name.len() + value.len()
}

fn length(bytes: &[u8]) -> u32 {
    // No record of Kafka's is as long as that.
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Name and value as they are packed.
type Packed<'a> = (&'a [u8], &'a [u8]);

/// The first header of a packed list, and the rest of it.
fn first(packed: &[u8]) -> Option<(Packed<'_>, &[u8])> {
    let (lengths, rest) = packed.split_first_chunk::<8>()?;
    let lengths = u64::from_le_bytes(*lengths);
    let (name, value) = (lengths & u64::from(u32::MAX), lengths >> 32);
    let (name, rest) = rest.split_at_checked(usize::try_from(name).ok()?)?;
    let (value, rest) = rest.split_at_checked(usize::try_from(value).ok()?)?;
    Some(((name, value), rest))
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// Headers that were [packed](pack) one after another; what is not whole at the end is no header.
    pub const fn packed(buffer: Bytes) -> Self {
        Self(buffer)
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a header.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        let mut packed = Vec::with_capacity(self.0.len() + packed_length(name, value));
        packed.extend_from_slice(&self.0);
        pack(&mut packed, name, value);
        self.0 = packed.into();
    }

    /// Gives a header another value, in its place; one that is not there is added.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let mut packed = Vec::with_capacity(self.0.len() + packed_length(name, value.as_ref()));
        let mut is_set = false;
        for header in self.iter() {
            if header.name == name && !is_set {
                pack(&mut packed, name, value.as_ref());
                is_set = true;
            } else {
                pack(&mut packed, header.name, header.value);
            }
        }
        if !is_set {
            pack(&mut packed, name, value.as_ref());
        }
        self.0 = packed.into();
    }

    /// Keeps what `keeps` says.
    pub fn retain(&mut self, mut keeps: impl FnMut(Header<'_>) -> bool) {
        *self = self
            .iter()
            .filter(|header| keeps(*header))
            .map(|header| (header.name, header.value))
            .collect();
    }

    /// The first header of that name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut packed = &*self.0;
        while let Some(((found, value), rest)) = first(packed) {
            if found == name.as_bytes() {
                return Some(value);
            }
            packed = rest;
        }
        None
    }

    /// The first header of that name as text; `None` when it is missing or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = Header<'_>> {
        let mut packed = &*self.0;
        std::iter::from_fn(move || {
            let ((name, value), rest) = first(packed)?;
            packed = rest;
            // Packed from text.
            let name = std::str::from_utf8(name).unwrap_or_default();
            Some(Header { name, value })
        })
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut packed = Vec::with_capacity(512);
        for (name, value) in pairs {
            pack(&mut packed, name.as_ref(), value.as_ref());
        }
        Self(packed.into())
    }
}

/// Names only: a value may be about a person.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|header| header.name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &Headers) -> Vec<&str> {
        headers.iter().map(|header| header.name).collect()
    }

    #[test]
    fn headers_stand_in_their_order_and_the_first_of_a_name_counts() {
        let mut headers = Headers::new().with("a", "1").with("", "").with("b", [0xff]);
        headers.push("a", String::from("2"));
        assert_eq!(names(&headers), ["a", "", "b", "a"]);
        assert_eq!(headers.get("a"), Some(&b"1"[..]));
        assert_eq!(headers.text(""), Some(""));
        assert_eq!(headers.get("b"), Some(&[0xff][..]));
        assert_eq!(headers.text("b"), None);
        assert_eq!(headers.get("c"), None);
        let same: Headers = headers.iter().map(|one| (one.name, one.value)).collect();
        assert_eq!(same, headers);
    }

    #[test]
    fn a_header_is_set_in_its_place_or_at_the_end() {
        let mut headers: Headers = [("a", "1"), ("b", "2")].into_iter().collect();
        headers.set("a", "long");
        headers.set("c", "3");
        assert_eq!(names(&headers), ["a", "b", "c"]);
        assert_eq!(headers.text("a"), Some("long"));
        headers.retain(|header| header.name != "b");
        assert_eq!(names(&headers), ["a", "c"]);
    }

    #[test]
    fn what_is_not_whole_is_no_header() {
        let mut packed = Vec::new();
        pack(&mut packed, "name", b"value");
        for end in 0..packed.len() {
            let headers = Headers::packed(Bytes::copy_from_slice(&packed[..end]));
            assert_eq!(headers.iter().count(), 0);
        }
        assert_eq!(Headers::packed(packed.into()).text("name"), Some("value"));
    }
}
