//! What an organisation said of a person, kept once: packed for the record, and in the form in which it is compared. Versions of a record that say
//! the same share it.

use super::demographics::Stated;
use std::fmt;
use std::sync::{Arc, LazyLock};
use walbrook_domain::Day;
use walbrook_matching::Features;

/// The compared form of nothing.
static NOTHING: LazyLock<Features> = LazyLock::new(Features::default);

/// What was said; by default nothing. Cheap to clone.
#[derive(Clone, Default)]
pub struct Said(Option<Arc<Kept>>);

struct Kept {
    /// See [`pack`].
    packed: Box<[u8]>,
    features: Features,
}

/// Never shows what it holds.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Said(…)")
    }
}

impl PartialEq for Said {
    fn eq(&self, other: &Self) -> bool {
        self.is_shared_with(other) || self.packed() == other.packed()
    }
}

impl Eq for Said {}

impl Said {
    /// Keeps what was said.
    pub fn of(stated: &Stated) -> Self {
        Self(Some(Arc::new(Kept {
            packed: pack(stated).into(),
            features: stated.features(),
        })))
    }

    /// See [`pack`]; `None` when nothing was said.
    fn packed(&self) -> Option<&[u8]> {
        self.0.as_ref().map(|kept| &*kept.packed)
    }

    /// As it was said; `None` when nothing was. Made anew each time: for the log and for people, not for comparing.
    pub fn stated(&self) -> Option<Stated> {
        self.packed().and_then(unpack)
    }

    /// Whether the record was said to be restricted.
    pub fn is_restricted(&self) -> bool {
        self.packed()
            .and_then(<[u8]>::first)
            .is_some_and(|flags| flags & 1 == 1)
    }

    /// Whether exactly this was said.
    pub fn says(&self, stated: &Stated) -> bool {
        self.packed().is_some_and(|packed| packed == pack(stated))
    }

    /// The form in which it is compared.
    pub fn features(&self) -> &Features {
        self.0.as_ref().map_or(&NOTHING, |kept| &kept.features)
    }

    /// Whether the two are one: then they say the same.
    pub fn is_shared_with(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

/// A date where there is one, whether it is restricted, then each text behind its length.
fn pack(stated: &Stated) -> Vec<u8> {
    let Stated {
        given_name,
        family_name,
        birth_date,
        postcode,
        nhs_number,
        upn,
        la_child_id,
        restricted,
        email,
        town,
        uprn,
    } = stated;
    let texts = [
        given_name,
        family_name,
        postcode,
        nhs_number,
        upn,
        la_child_id,
        email,
        town,
        uprn,
    ];
    let length: usize = texts.iter().map(|text| text.len() + 1).sum();
    let mut packed = Vec::with_capacity(length + 6);
    packed.push(u8::from(*restricted) | u8::from(birth_date.is_some()) << 1);
    if let Some(day) = birth_date {
        packed.extend(day.0.to_le_bytes());
    }
    for text in texts {
        put_length(&mut packed, text.len());
        packed.extend(text.as_bytes());
    }
    packed
}

fn unpack(packed: &[u8]) -> Option<Stated> {
    let (flags, mut rest) = packed.split_first()?;
    let mut stated = Stated {
        restricted: flags & 1 == 1,
        ..Stated::default()
    };
    if flags & 2 == 2 {
        let (day, after) = rest.split_first_chunk::<4>()?;
        stated.birth_date = Some(Day(i32::from_le_bytes(*day)));
        rest = after;
    }
    for text in [
        &mut stated.given_name,
        &mut stated.family_name,
        &mut stated.postcode,
        &mut stated.nhs_number,
        &mut stated.upn,
        &mut stated.la_child_id,
        &mut stated.email,
        &mut stated.town,
        &mut stated.uprn,
    ] {
        let length = take_length(&mut rest)?;
        let (bytes, after) = rest.split_at_checked(length)?;
        *text = std::str::from_utf8(bytes).ok()?.to_owned();
        rest = after;
    }
    rest.is_empty().then_some(stated)
}

/// Seven bits a byte, least first; the eighth says that more follow.
fn put_length(out: &mut Vec<u8>, length: usize) {
    let mut left = length;
    while left >= 0x80 {
        out.push((left & 0x7F) as u8 | 0x80);
        left >>= 7;
    }
    out.push((left & 0x7F) as u8);
}

fn take_length(input: &mut &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        length |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn stated()(
            texts in prop::array::uniform9("\\PC{0,150}"),
            born in prop::option::of(-200_000_i32..200_000),
            restricted in any::<bool>(),
        ) -> Stated {
            let [given_name, family_name, postcode, nhs_number, upn, la_child_id, email, town, uprn] = texts;
            Stated { given_name, family_name, birth_date: born.map(Day), postcode, nhs_number, upn, la_child_id, restricted, email, town, uprn }
        }
    }

    proptest! {
        #[test]
        fn what_was_said_is_kept_exactly(one in stated(), other in stated()) {
            let said = Said::of(&one);
            prop_assert!(said.stated() == Some(one.clone()));
            prop_assert!(said.says(&one));
            prop_assert_eq!(said.says(&other), one == other);
            prop_assert_eq!(said == Said::of(&other), one == other);
            prop_assert!(said.features() == &one.features());
        }

        #[test]
        fn a_cut_packing_is_none(one in stated(), cut in 0_usize..40) {
            let packed = pack(&one);
            let cut = cut.min(packed.len() - 1);
            prop_assert!(unpack(&packed[..cut]).is_none());
        }
    }

    #[test]
    fn nothing_says_nothing() {
        let nothing = Said::default();
        assert!(nothing.stated().is_none());
        assert!(!nothing.says(&Stated::default()));
        assert!(nothing != Said::of(&Stated::default()));
        assert!(nothing.features() == &Features::default());
    }
}
