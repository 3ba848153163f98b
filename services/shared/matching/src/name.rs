//! Names as they are compared: without case, accents, spaces and punctuation; placeholders are no names.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words that stand in a name field when the name is not known (birth notifications, unaccompanied arrivals, outreach contacts).
/// A name that holds one of them as a word says nothing about who it is.
const PLACEHOLDERS: [&str; 29] = [
    "ANON",
    "ANONYMOUS",
    "BABY",
    "BOY",
    "CHILD",
    "DECEASED",
    "DUMMY",
    "FEMALE",
    "GIRL",
    "INFANT",
    "MALE",
    "MISSING",
    "NA",
    "NAME",
    "NEWBORN",
    "NIL",
    "NK",
    "NONAME",
    "NONE",
    "NOTKNOWN",
    "REFUSED",
    "TBA",
    "TBC",
    "TEST",
    "TRIPLET",
    "TWIN",
    "UNBORN",
    "UNKNOWN",
    "WITHHELD",
];

/// A name that says something: at least two letters, no placeholder.
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    joined: String,
    words: Vec<String>,
}

impl Name {
    /// Reads a name; `None` when nothing comparable is left: empty, one letter, or a placeholder (`Baby`, `Twin 1`, `Not known`, `XXX`).
    pub fn read(text: &str) -> Option<Self> {
        let words = words(text);
        let joined = words.concat();
        let letters = joined.chars().count();
        let one_letter = joined
            .chars()
            .next()
            .is_none_or(|first| joined.chars().all(|c| c == first));
        let placeholder = |word: &str| PLACEHOLDERS.contains(&word);
        if letters < 2 || one_letter || placeholder(&joined) || words.iter().any(|w| placeholder(w))
        {
            return None;
        }
        Some(Self { joined, words })
    }

    /// The letters, as compared exactly.
    pub fn joined(&self) -> &str {
        &self.joined
    }

    /// Its words, in order.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether two names may be the same name written twice: equal, one a beginning of the other (`Liz` is not, `Sam` of `Samuel` is), a shared
    /// part of a double name, or a typing error or two.
    pub fn near(&self, other: &Self) -> bool {
        let (short, long) = if self.joined.len() <= other.joined.len() {
            (&self.joined, &other.joined)
        } else {
            (&other.joined, &self.joined)
        };
        let letters = short.chars().count();
        if letters >= 3 && long.starts_with(short.as_str()) {
            return true;
        }
        let shared = |word: &&String| word.chars().count() >= 3 && other.words.contains(word);
        if short == long || self.words.iter().any(|word| shared(&word)) {
            return true;
        }
        let allowed = if letters <= 5 { 1 } else { 2 };
        strsim::osa_distance(short, long) <= allowed
    }
}

/// Upper-case words of letters. Apostrophes join (`O'Brien`), everything else that is no letter parts.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        if matches!(c, '\'' | '\u{2019}' | '`') {
            continue;
        }
        if !c.is_alphabetic() {
            words.push(String::new());
            continue;
        }
        if let Some(word) = words.last_mut() {
            match c {
                // Letters that do not decompose.
                'ø' | 'Ø' => word.push('O'),
                'ł' | 'Ł' => word.push('L'),
                'đ' | 'Đ' | 'ð' | 'Ð' => word.push('D'),
                'æ' | 'Æ' => word.push_str("AE"),
                'œ' | 'Œ' => word.push_str("OE"),
                'þ' | 'Þ' => word.push_str("TH"),
                'ı' => word.push('I'),
                _ => word.extend(c.to_uppercase()),
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
