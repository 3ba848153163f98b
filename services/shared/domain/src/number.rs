//! The arithmetic of national numbers: is it one at all. The domain reference §4 has the rules.

/// Letters of a UPN's check, in the order of their values. I, O and S are not used.
const UPN_LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPQRTUVWXYZ";

/// The ten digits of an NHS number whose check digit holds (modulus 11), without the spaces or hyphens people write.
/// `None` when it is none, or a placeholder of ten equal digits.
#[must_use]
pub fn nhs_number(text: &str) -> Option<String> {
    nhs_digits(text).map(|digits| {
        digits
            .iter()
            .map(|digit| char::from(b'0' + digit))
            .collect()
    })
}

/// Whether a text is an NHS number, as [`nhs_number`] says; allocates nothing.
#[must_use]
pub fn is_nhs_number(text: &str) -> bool {
    nhs_digits(text).is_some()
}

fn nhs_digits(text: &str) -> Option<[u8; 10]> {
    let mut digits = [0; 10];
    let mut places = digits.iter_mut();
    for letter in text.chars() {
        if !letter.is_whitespace() && letter != '-' {
            *places.next()? = u8::try_from(letter.to_digit(10)?).ok()?;
        }
    }
    if places.next().is_some() {
        return None;
    }
    let (check, first_nine) = digits.split_last()?;
    let sum: u32 = first_nine
        .iter()
        .zip((2..=10).rev())
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum();
    let expected = match 11 - sum % 11 {
        11 => 0,
        // 10 is no digit: such a number is never issued, and no check digit equals it.
        other => other,
    };
    let placeholder = first_nine.iter().all(|digit| digit == check);
    (expected == u32::from(*check) && !placeholder).then_some(digits)
}

/// A unique pupil number whose check letter holds (weights 2 to 13, modulus 23), in capitals. The last place of a
/// temporary one is a letter with its place in the same alphabet as value.
#[must_use]
pub fn upn(text: &str) -> Option<String> {
    is_upn(text).then(|| text.trim().to_ascii_uppercase())
}

/// Whether a text is a UPN, as [`upn`] says; allocates nothing.
#[must_use]
pub fn is_upn(text: &str) -> bool {
    upn_letter(text.trim().as_bytes()).unwrap_or(false)
}

/// Whether the check letter holds; `None` where there are not twelve places behind it that count.
fn upn_letter(code: &[u8]) -> Option<bool> {
    let (letter, rest) = code.split_first()?;
    if rest.len() != 12 {
        return None;
    }
    let mut sum = 0;
    for (at, byte) in rest.iter().map(u8::to_ascii_uppercase).enumerate() {
        let value = match byte {
            b'0'..=b'9' => usize::from(byte - b'0'),
            _ if at == 11 => UPN_LETTERS.iter().position(|known| *known == byte)?,
            _ => return None,
        };
        sum += value * (at + 2);
    }
    Some(UPN_LETTERS.get(sum % 23) == Some(&letter.to_ascii_uppercase()))
}

/// A [`upn`] that stays with its pupil. A temporary one, with a letter at its end, is no ground to link by: another school
/// may give the same child another one.
#[must_use]
pub fn permanent_upn(text: &str) -> Option<String> {
    upn(text).filter(|code| {
        code.bytes()
            .last()
            .is_some_and(|last| last.is_ascii_digit())
    })
}

/// Most digits of a unique property reference number.
const UPRN_DIGITS: usize = 12;

/// A unique property reference number as text without leading zeros: up to twelve digits, not all zero. Files hold it as a number or as a text, so
/// leading zeros and a `.0` after it mean nothing. One in powers of ten is none: a spreadsheet has cut its digits off.
#[must_use]
pub fn uprn(text: &str) -> Option<String> {
    uprn_digits(text).map(str::to_owned)
}

/// Whether a text is a UPRN, as [`uprn`] says; allocates nothing.
#[must_use]
pub fn is_uprn(text: &str) -> bool {
    uprn_digits(text).is_some()
}

fn uprn_digits(text: &str) -> Option<&str> {
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, rest)) => {
            let nothing = !rest.is_empty() && rest.bytes().all(|digit| digit == b'0');
            nothing.then_some(whole)?
        }
        None => text,
    };
    let digits = whole.trim_start_matches('0');
    let shaped = (1..=UPRN_DIGITS).contains(&digits.len());
    (shaped && digits.bytes().all(|digit| digit.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests;
