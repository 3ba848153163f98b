//! Small values in a piece of a snapshot's file, and lists in as many pieces as they need.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::str::FromStr;
use walbrook_runtime::kept_file::{read_text, text};

/// A piece is written when it has so many bytes: nobody holds the whole file in memory.
const PIECE: usize = 64 << 10;

/// What is read cannot have been written.
#[derive(Debug)]
pub struct Odd;

impl From<Odd> for io::Error {
    fn from(_: Odd) -> Self {
        io::ErrorKind::InvalidData.into()
    }
}

/// A piece being written.
#[derive(Default)]
pub struct Out(Vec<u8>);

impl Out {
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A number, seven bits a byte.
    pub fn number(&mut self, mut number: u64) {
        loop {
            let low = u8::try_from(number & 0x7f).unwrap_or(0);
            number >>= 7;
            if number == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }

    /// A number of either sign; near zero is short.
    pub fn signed(&mut self, number: i64) {
        self.number((number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned());
    }

    /// A text with its length.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.raw(text.as_bytes());
    }

    /// A word, whole where it comes for the first time.
    pub fn word<T: Ord + Clone + ToString>(&mut self, words: &mut Words<T>, word: &T) {
        if let Some(number) = words.numbers.get(word) {
            return self.number(*number);
        }
        words
            .numbers
            .insert(word.clone(), words.numbers.len() as u64 + 1);
        self.number(0);
        self.text(&word.to_string());
    }
}

/// A piece being read.
pub struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    /// The whole piece.
    pub const fn new(piece: &'a [u8]) -> Self {
        Self(piece)
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many bytes.
    pub fn raw(&mut self, count: usize) -> Result<&'a [u8], Odd> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Odd)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// So many bytes, known beforehand.
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Odd> {
        self.raw(N)?.try_into().map_err(|_| Odd)
    }

    /// A number.
    pub fn number(&mut self) -> Result<u64, Odd> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = u64::from(self.bytes::<1>()?[0]);
            number |= (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Odd)
    }

    /// A number that counts something of this piece.
    pub fn count(&mut self) -> Result<usize, Odd> {
        let count = usize::try_from(self.number()?).map_err(|_| Odd)?;
        if count > self.0.len() {
            return Err(Odd);
        }
        Ok(count)
    }

    /// A number of either sign.
    pub fn signed(&mut self) -> Result<i64, Odd> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// A text.
    pub fn text(&mut self) -> Result<&'a str, Odd> {
        let count = self.count()?;
        std::str::from_utf8(self.raw(count)?).map_err(|_| Odd)
    }

    /// A text that means something.
    pub fn parsed<T: FromStr>(&mut self) -> Result<T, Odd> {
        self.text()?.parse().map_err(|_| Odd)
    }

    /// A word.
    pub fn word<T: Clone + FromStr>(&mut self, words: &mut Words<T>) -> Result<T, Odd> {
        match usize::try_from(self.number()?)
            .map_err(|_| Odd)?
            .checked_sub(1)
        {
            Some(number) => words.known.get(number).cloned().ok_or(Odd),
            None => {
                let word: T = self.parsed()?;
                words.known.push(word.clone());
                Ok(word)
            }
        }
    }
}

/// Words that come often, each written once. What is read is shared as it was.
#[derive(Debug)]
pub struct Words<T> {
    numbers: BTreeMap<T, u64>,
    known: Vec<T>,
}

impl<T> Default for Words<T> {
    fn default() -> Self {
        Self {
            numbers: BTreeMap::new(),
            known: Vec::new(),
        }
    }
}

/// Writes a list.
///
/// # Errors
/// When the disk refuses.
pub fn write_list<T>(
    out: &mut impl Write,
    list: impl Iterator<Item = T>,
    mut put: impl FnMut(&mut Out, T),
) -> io::Result<()> {
    let mut piece = Out::default();
    for one in list {
        put(&mut piece, one);
        if piece.0.len() >= PIECE {
            text(out, &piece.0)?;
            piece.0.clear();
        }
    }
    if !piece.0.is_empty() {
        text(out, &piece.0)?;
    }
    // An empty piece ends the list.
    text(out, &[])
}

/// Reads a list.
///
/// # Errors
/// When it cannot be read, or `take` finds something odd.
pub fn read_list(
    input: &mut impl Read,
    mut take: impl FnMut(&mut In<'_>) -> Result<(), Odd>,
) -> io::Result<()> {
    loop {
        let piece = read_text(input)?;
        if piece.is_empty() {
            return Ok(());
        }
        let mut rest = In::new(&piece);
        while !rest.is_empty() {
            take(&mut rest)?;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::{In, Out, Words};

    #[test]
    fn numbers_and_words_come_back() {
        let numbers = [0, 1, -1, 63, -64, 64, 300, i64::MAX, i64::MIN];
        let words = ["one", "other", "one", "third", "other"].map(str::to_owned);
        let (mut out, mut known) = (Out::default(), Words::default());
        for number in numbers {
            out.signed(number);
            out.number(number.cast_unsigned());
        }
        for word in &words {
            out.word(&mut known, word);
        }
        let (mut input, mut known) = (In::new(&out.0), Words::<String>::default());
        for number in numbers {
            assert_eq!(input.signed().unwrap(), number);
            assert_eq!(input.number().unwrap(), number.cast_unsigned());
        }
        for word in &words {
            assert_eq!(input.word(&mut known).unwrap(), *word);
        }
        assert!(input.is_empty());
        assert!(input.number().is_err() && In::new(&[0xff; 12]).number().is_err());
        assert!(In::new(&[9, b'a']).text().is_err());
    }
}
