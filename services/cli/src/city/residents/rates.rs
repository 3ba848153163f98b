//! How often what goes wrong, each with its reasoning. None of these is published for London; they are ours, chosen so that each kind of error
//! that record linkage knows is there often enough to be measured among 20,000 records and no kind decides the result alone.

/// A rate and why it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Of ten thousand records that can have it.
    pub ten_thousandths: u32,
    /// The reasoning.
    pub why: &'static str,
}

const fn rate(ten_thousandths: u32, why: &'static str) -> Rate {
    Rate {
        ten_thousandths,
        why,
    }
}

/// A letter added, left out, exchanged or transposed in a name.
pub const TYPO: Rate = rate(
    180,
    "one to two in a hundred names that a clerk types, the order that generators of linkage data take",
);
/// A name written as it sounds.
pub const PHONETIC: Rate = rate(
    150,
    "names taken down by ear: at a counter, in a custody suite, on the telephone",
);
/// Another Latin spelling of a name that is at home in another script.
pub const TRANSLITERATED: Rate = rate(
    900,
    "every office transliterates anew unless it copies a passport",
);
/// A nickname for the registered name, where the name has one.
pub const NICKNAME: Rate = rate(
    600,
    "services that meet people, not papers, write what somebody is called",
);
/// Given and family name in each other's field.
pub const SWAPPED_NAMES: Rate = rate(70, "a form filled in wrongly");
/// The same where the family name stands first at home.
pub const SWAPPED_FAMILY_FIRST: Rate =
    rate(500, "the form asks in an order that is not the person's");
/// Day and month exchanged; only for dates whose day can be a month.
pub const SWAPPED_DATE: Rate = rate(
    120,
    "dates read month first by software or by people used to it",
);
/// One digit of the birth date another.
pub const DATE_DIGIT: Rate = rate(120, "a mistyped digit, of eight");
/// The year one or two off.
pub const DATE_YEAR: Rate = rate(60, "an age asked for and counted back");
/// 1 January of the right year, or of one off.
pub const FIRST_JANUARY: Rate = rate(100, "only the year was known, and the system demands a day");
/// No birth date.
pub const NO_BIRTH_DATE: Rate = rate(150, "not asked for, or refused");
/// No given name, or a word that stands for none.
pub const NO_GIVEN_NAME: Rate = rate(40, "a report about somebody whose first name nobody knew");
/// No postcode.
pub const NO_POSTCODE: Rate = rate(400, "the form was sent without; the address is free text");
/// ZZ99: no fixed abode or not known.
pub const NO_FIXED_ABODE: Rate = rate(60, "somebody between addresses");
/// One character of the postcode another.
pub const POSTCODE_TYPO: Rate = rate(120, "seven characters, checked against no address file");
/// The address before the last move.
pub const OLD_ADDRESS: Rate = rate(
    4_500,
    "of those who moved in the year (about one in eight Londoners), most offices have not heard of it",
);
/// The name before marriage.
pub const NAME_BEFORE: Rate = rate(
    2_500,
    "of women who took a partner's name within reach of the records",
);
/// E-mail known to the office, of those who have one.
pub const EMAIL_HELD: Rate = rate(
    4_500,
    "contact by e-mail is offered by half of the services",
);
/// One character of the e-mail address another.
pub const EMAIL_TYPO: Rate = rate(250, "typed from paper, longer than a name");
/// Another address of the same person.
pub const EMAIL_OTHER: Rate = rate(800, "people have two, and change them");
/// UPRN held by a service that keeps an address file (housing).
pub const UPRN_HELD: Rate = rate(8_500, "landlords key by property");
/// UPRN held by another service.
pub const UPRN_MATCHED: Rate = rate(2_500, "address matching after the fact, where it succeeds");
/// The UPRN of the property next door.
pub const UPRN_NEIGHBOUR: Rate = rate(150, "address matching takes the wrong flat");
/// No town.
pub const NO_TOWN: Rate = rate(2_500, "an optional line of the address");
/// The NHS number of somebody else.
pub const NUMBER_OF_ANOTHER: Rate = rate(
    15,
    "a number copied from a relative's letter or the wrong record on the screen",
);
/// The mother's NHS number on a newborn's record.
pub const NUMBER_OF_MOTHER: Rate = rate(150, "before the baby has one");
/// NHS number held by a health trust, of those who have one.
pub const NUMBER_IN_HEALTH: Rate = rate(9_300, "traced at registration");
/// NHS number held by children's social care.
pub const NUMBER_IN_CARE: Rate = rate(5_500, "asked for at the health assessment");
/// NHS number held by any other service.
pub const NUMBER_ELSEWHERE: Rate = rate(300, "a referral letter quoted it");

/// All, for the table that documents them and the test that finds each in the records.
pub const ALL: [(&str, Rate); 28] = [
    ("typo", TYPO),
    ("phonetic", PHONETIC),
    ("transliterated", TRANSLITERATED),
    ("nickname", NICKNAME),
    ("swapped-names", SWAPPED_NAMES),
    ("swapped-family-first", SWAPPED_FAMILY_FIRST),
    ("swapped-date", SWAPPED_DATE),
    ("date-digit", DATE_DIGIT),
    ("date-year", DATE_YEAR),
    ("first-january", FIRST_JANUARY),
    ("no-birth-date", NO_BIRTH_DATE),
    ("no-given-name", NO_GIVEN_NAME),
    ("no-postcode", NO_POSTCODE),
    ("no-fixed-abode", NO_FIXED_ABODE),
    ("postcode-typo", POSTCODE_TYPO),
    ("old-address", OLD_ADDRESS),
    ("name-before", NAME_BEFORE),
    ("email-held", EMAIL_HELD),
    ("email-typo", EMAIL_TYPO),
    ("email-other", EMAIL_OTHER),
    ("uprn-held", UPRN_HELD),
    ("uprn-matched", UPRN_MATCHED),
    ("uprn-neighbour", UPRN_NEIGHBOUR),
    ("no-town", NO_TOWN),
    ("number-of-another", NUMBER_OF_ANOTHER),
    ("number-of-mother", NUMBER_OF_MOTHER),
    ("number-in-health", NUMBER_IN_HEALTH),
    ("number-in-care", NUMBER_IN_CARE),
];
