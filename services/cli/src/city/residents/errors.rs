//! What goes wrong with a value on its way into a record.

use super::names;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use walbrook_domain::Day;

/// A letter added, left out, exchanged or transposed; never at the first place alone, where people look.
pub fn typo(rng: &mut ChaCha8Rng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 3 {
        return format!("{text}{}", letter(rng));
    }
    let place = rng.random_range(1..letters.len());
    match rng.random_range(0..4) {
        0 => letters.insert(place, letter(rng)),
        1 => drop(letters.remove(place)),
        2 => {
            let other = letter(rng);
            if let Some(here) = letters.get_mut(place) {
                *here = if *here == other { 'x' } else { other };
            }
        }
        _ => letters.swap(place - 1, place),
    }
    letters.into_iter().collect()
}

fn letter(rng: &mut ChaCha8Rng) -> char {
    char::from(b'a' + rng.random_range(0..26_u8))
}

/// The name as it sounds; the same where no rule applies.
pub fn phonetic(rng: &mut ChaCha8Rng, name: &str) -> String {
    const SOUNDS: [(&str, &str); 22] = [
        ("ph", "f"),
        ("ck", "k"),
        ("ee", "ea"),
        ("ea", "ee"),
        ("ie", "y"),
        ("y", "i"),
        ("sh", "sch"),
        ("th", "t"),
        ("ou", "u"),
        ("oo", "u"),
        ("kh", "k"),
        ("dh", "d"),
        ("ll", "l"),
        ("ss", "s"),
        ("tt", "t"),
        ("nn", "n"),
        ("mm", "m"),
        ("ow", "ou"),
        ("ei", "ie"),
        ("c", "k"),
        ("w", "v"),
        ("ai", "ay"),
    ];
    let fitting: Vec<&(&str, &str)> = SOUNDS
        .iter()
        .filter(|(written, _)| name.get(1..).is_some_and(|rest| rest.contains(written)))
        .collect();
    let Some((written, heard)) = fitting.get(rng.random_range(0..fitting.len().max(1))) else {
        return name.to_owned();
    };
    let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    format!("{first}{}", rest.replacen(written, heard, 1))
}

/// Another spelling from the lists, or the name as it sounds.
pub fn transliterated(rng: &mut ChaCha8Rng, name: &str) -> String {
    names::spelling(rng, name).unwrap_or_else(|| phonetic(rng, name))
}

/// Day and month exchanged; `None` where that is no other date.
pub fn swapped_date(day: Day) -> Option<Day> {
    let (year, month, of_month) = day.ymd();
    Day::from_ymd(year, of_month, month).filter(|swapped| *swapped != day)
}

/// One digit of the date another, and still a date.
pub fn date_digit(rng: &mut ChaCha8Rng, day: Day) -> Option<Day> {
    let (year, month, of_month) = day.ymd();
    for _ in 0..8 {
        let other = match rng.random_range(0..4) {
            0 => (year - year % 10 + rng.random_range(0..10), month, of_month),
            1 => (
                year - year / 10 % 10 * 10 + rng.random_range(0..10) * 10,
                month,
                of_month,
            ),
            2 => (year, month - month % 10 + rng.random_range(0..10), of_month),
            _ => (
                year,
                month,
                of_month - of_month % 10 + rng.random_range(0..10),
            ),
        };
        let date = Day::from_ymd(other.0, other.1, other.2).filter(|date| *date != day);
        if date.is_some() {
            return date;
        }
    }
    None
}

/// One or two years off, on the same day.
pub fn date_year(rng: &mut ChaCha8Rng, day: Day) -> Option<Day> {
    let (year, month, of_month) = day.ymd();
    let off = [-2, -1, 1, 2]
        .get(rng.random_range(0..4))
        .copied()
        .unwrap_or(1);
    Day::from_ymd(year + off, month, of_month)
}

/// 1 January of the year or of the next to it.
pub fn first_january(rng: &mut ChaCha8Rng, day: Day) -> Option<Day> {
    let off = [0, 0, 0, -1, 1]
        .get(rng.random_range(0..5))
        .copied()
        .unwrap_or(0);
    Day::from_ymd(day.ymd().0 + off, 1, 1)
}

/// One letter or digit another of its kind: still of the shape of a postcode.
pub fn postcode_typo(rng: &mut ChaCha8Rng, postcode: &str) -> String {
    let mut letters: Vec<char> = postcode.chars().collect();
    let places: Vec<usize> = letters
        .iter()
        .enumerate()
        .filter(|(_, c)| c.is_ascii_alphanumeric())
        .map(|(at, _)| at)
        .collect();
    let place = places
        .get(rng.random_range(0..places.len().max(1)))
        .copied()
        .unwrap_or(0);
    if let Some(here) = letters.get_mut(place) {
        *here = if here.is_ascii_digit() {
            char::from(b'0' + rng.random_range(0..10_u8))
        } else {
            char::from(b'A' + rng.random_range(0..26_u8))
        };
    }
    letters.into_iter().collect()
}
