//! The arithmetic of national numbers, as far as a gateway needs it: is it one at all.

/// Letters of a UPN's check, in the order of their values. I, O and S are not used.
const UPN_LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPQRTUVWXYZ";

/// The ten digits of an NHS number whose check digit holds (modulus 11), without the spaces or hyphens people write.
/// `None` when it is none, or a placeholder of ten equal digits.
#[must_use]
pub fn nhs_number(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-')
        .collect();
    let values = digits
        .chars()
        .map(|letter| letter.to_digit(10))
        .collect::<Option<Vec<u32>>>()?;
    let (check, first_nine) = values.split_last().filter(|_| values.len() == 10)?;
    let sum: u32 = first_nine
        .iter()
        .zip((2..=10).rev())
        .map(|(digit, weight)| digit * weight)
        .sum();
    let expected = match 11 - sum % 11 {
        11 => 0,
        // 10 is no digit: such a number is never issued, and no check digit equals it.
        other => other,
    };
    let placeholder = first_nine.iter().all(|digit| digit == check);
    (expected == *check && !placeholder).then_some(digits)
}

/// A unique pupil number whose check letter holds (weights 2 to 13, modulus 23), in capitals. The last place of a
/// temporary one is a letter with its place in the same alphabet as value.
#[must_use]
pub fn upn(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let (letter, rest) = code.as_bytes().split_first()?;
    if rest.len() != 12 {
        return None;
    }
    let mut sum = 0;
    for (at, byte) in rest.iter().enumerate() {
        let value = match byte {
            b'0'..=b'9' => usize::from(byte - b'0'),
            _ if at == 11 => UPN_LETTERS.iter().position(|known| known == byte)?,
            _ => return None,
        };
        sum += value * (at + 2);
    }
    (UPN_LETTERS.get(sum % 23) == Some(letter)).then_some(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nhs_numbers_of_the_test_range_hold() {
        assert_eq!(nhs_number("999 000 0018").as_deref(), Some("9990000018"));
        assert_eq!(nhs_number("999-000-0026").as_deref(), Some("9990000026"));
        for wrong in [
            "9990000019",
            "999000001",
            "99900000180",
            "9999999999",
            "999000001X",
            "",
        ] {
            assert_eq!(nhs_number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn upns_hold_by_their_letter() {
        // The worked example of python-stdnum's `stdnum.gb.upn`.
        assert_eq!(upn("B801200005001").as_deref(), Some("B801200005001"));
        assert_eq!(upn(" b801200005001 ").as_deref(), Some("B801200005001"));
        assert_eq!(upn("A801200005001"), None);
        assert_eq!(upn("B801200005011"), None);
        for odd in ["", "A", "B80120000500", "B80120000500?", "I801200005001"] {
            assert_eq!(upn(odd), None, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn one_wrong_digit_never_passes(serial in 999_000_000_u32..=999_999_999, at in 0_usize..10, by in 1_u8..10) {
            let right = (0..10).find_map(|check| nhs_number(&format!("{serial}{check}")));
            if let Some(right) = right {
                let mut digits = right.into_bytes();
                digits[at] = (digits[at] - b'0' + by) % 10 + b'0';
                let changed = String::from_utf8(digits).expect("digits");
                prop_assert_eq!(nhs_number(&changed), None);
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,20}") {
            let _ = (nhs_number(&text), upn(&text));
        }
    }
}
