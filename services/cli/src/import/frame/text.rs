//! Text as files hold it: UTF-8, with or without a byte-order mark, or Windows-1252 (and so Latin-1) from a spreadsheet of old.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The rule that a row in another encoding breaks.
pub const RULE: &str = "ENCODING_NOT_UTF8";
/// What it says.
pub const SENTENCE: &str =
    "the text is not UTF-8; it was read as Windows-1252: save the file as UTF-8";

/// What Windows-1252 has from 0x80 to 0x9F; the five places it leaves empty are what Latin-1 has there.
const WINDOWS: [char; 32] = [
    '\u{20AC}', '\u{81}', '\u{201A}', '\u{0192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{02C6}', '\u{2030}', '\u{0160}', '\u{2039}', '\u{0152}', '\u{8D}', '\u{017D}', '\u{8F}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{02DC}', '\u{2122}', '\u{0161}', '\u{203A}', '\u{0153}', '\u{9D}', '\u{017E}', '\u{0178}',
];

fn windows_1252(byte: u8) -> char {
    let place = usize::from(byte).wrapping_sub(0x80);
    WINDOWS
        .get(place)
        .copied()
        .unwrap_or_else(|| char::from(byte))
}

/// Bytes as text: UTF-8 where they are, otherwise Windows-1252. The second says that they were not UTF-8.
#[must_use]
pub fn decode(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (
            Cow::Owned(bytes.iter().copied().map(windows_1252).collect()),
            true,
        ),
    }
}

/// Whether a file that starts so is UTF-16, which is refused as a whole.
#[must_use]
pub fn is_utf16(start: &[u8]) -> bool {
    start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff")
}

/// The UTF-8 byte-order mark.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// A reader that gives UTF-8 whatever it reads: each byte that fits into no UTF-8 character is one of Windows-1252. It skips a byte-order mark.
#[derive(Debug)]
pub struct Utf8<R> {
    inner: BufReader<R>,
    /// Converted, not yet handed out.
    ready: Vec<u8>,
    handed: usize,
    started: bool,
    converted: Arc<AtomicBool>,
}

impl<R: Read> Utf8<R> {
    /// Around a reader.
    pub fn new(inner: R) -> Self {
        Self {
            inner: BufReader::new(inner),
            ready: Vec::new(),
            handed: 0,
            started: false,
            converted: Arc::default(),
        }
    }

    /// Becomes true with the first byte that was not UTF-8; who takes it with `swap` sees each occurrence once.
    #[must_use]
    pub fn converted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.converted)
    }

    /// The reader below.
    pub fn get_mut(&mut self) -> &mut R {
        self.inner.get_mut()
    }

    fn convert(&mut self) -> Result<()> {
        self.ready.clear();
        self.handed = 0;
        if !self.started {
            self.started = true;
            if self.inner.fill_buf()?.starts_with(MARK) {
                self.inner.consume(MARK.len());
            }
        }
        let taken = {
            let bytes = self.inner.fill_buf()?;
            let valid = match std::str::from_utf8(bytes) {
                Ok(_) => bytes.len(),
                Err(error) => error.valid_up_to(),
            };
            self.ready
                .extend_from_slice(bytes.get(..valid).unwrap_or_default());
            valid
        };
        self.inner.consume(taken);
        if taken == 0 {
            self.convert_one()?;
        }
        Ok(())
    }

    /// The next character stands across two buffers, or is none of UTF-8.
    fn convert_one(&mut self) -> Result<()> {
        let mut held = Vec::with_capacity(4);
        while held.len() < 4 {
            let Some(byte) = self.next_byte()? else { break };
            held.push(byte);
            match std::str::from_utf8(&held) {
                Ok(_) => {
                    self.ready.append(&mut held);
                    return Ok(());
                }
                // More bytes may complete it.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => break,
            }
        }
        if held.is_empty() {
            return Ok(());
        }
        self.converted.store(true, Ordering::Relaxed);
        // Whatever follows the bytes that fit nowhere may be good text again: those that are no ASCII are converted one by one.
        for byte in held {
            let mut space = [0; 4];
            let character = windows_1252(byte).encode_utf8(&mut space);
            self.ready.extend_from_slice(character.as_bytes());
        }
        Ok(())
    }

    fn next_byte(&mut self) -> Result<Option<u8>> {
        let byte = self.inner.fill_buf()?.first().copied();
        if byte.is_some() {
            self.inner.consume(1);
        }
        Ok(byte)
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(into.len());
        for (to, from) in into.iter_mut().zip(ready) {
            *to = *from;
        }
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Utf8<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.handed >= self.ready.len() {
            self.convert()?;
        }
        Ok(self.ready.get(self.handed..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.handed += count;
    }
}
