//! How inputs are broken.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Nothing grows beyond it: a gRPC message is refused above 4 MiB, a row of an importer as well.
const MOST_BYTES: usize = 256 * 1024;
/// Bytes that decoders stumble over: ends of ranges, length prefixes, a byte-order mark, Latin-1, quotes, brackets.
const SHARP: [&[u8]; 16] = [
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\x0f",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xe9",
    b"\"",
    b"\n",
    b"\r\n",
    b"[[[[[[[[",
    b"{\"a\":{\"a\":",
    b"<a><a><a>",
    b"-9223372036854775808",
];

/// One input: an item of the corpus, broken in one to eight ways.
#[must_use]
pub fn input(corpus: &[Vec<u8>], words: &[&[u8]], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut input = corpus.choose(rng).cloned().unwrap_or_default();
    for _ in 0..rng.random_range(1..=8) {
        once(&mut input, corpus, words, rng);
        input.truncate(MOST_BYTES);
    }
    input
}

fn once(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&[u8]], rng: &mut ChaCha8Rng) {
    let at = rng.random_range(0..=input.len());
    let to = rng.random_range(at..=input.len());
    match rng.random_range(0..10) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << rng.random_range(0..8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = rng.random();
            }
        }
        2 => input.truncate(at),
        3 => drop(input.drain(at..to)),
        4 => {
            let piece: Vec<u8> = input.iter().skip(at).take(to - at).copied().collect();
            insert(input, to, &piece);
        }
        5 => {
            let sharp = SHARP.choose(rng).copied().unwrap_or_default();
            insert(input, at, sharp);
        }
        6 => {
            let word = words.choose(rng).copied().unwrap_or_default();
            insert(input, at, word);
        }
        7 => {
            let other = corpus.choose(rng).map(Vec::as_slice).unwrap_or_default();
            let from = rng.random_range(0..=other.len());
            input.truncate(at);
            input.extend(other.iter().skip(from));
        }
        8 => {
            let bytes: Vec<u8> = (0..rng.random_range(1..16)).map(|_| rng.random()).collect();
            insert(input, at, &bytes);
        }
        _ => {
            // Nesting, and lists that never end.
            let most = rng.random_range(1..16);
            let piece: Vec<u8> = input.iter().skip(at).take(most).copied().collect();
            insert(input, at, &piece.repeat(1_000));
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let tail = input.split_off(at.min(input.len()));
    input.extend_from_slice(piece);
    input.extend(tail);
}
