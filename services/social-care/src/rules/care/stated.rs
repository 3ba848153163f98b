//! The rules on care, as they are told to people.

use walbrook_agency::Rule;

/// An end date without a reason, or the other way round.
pub static END_AND_REASON: Rule = Rule::query(
    "END_AND_REASON",
    "The day an episode ended and the reason it ceased are given together.",
    "SSDA903 guide: DEC and REC",
);

/// An episode of less than a day.
pub static UNDER_24_HOURS: Rule = Rule::query(
    "UNDER_24_HOURS",
    "The episode appears to have lasted less than 24 hours.",
    "SSDA903 rule 355",
);

/// Care before the Children Act 1989 was in force.
pub static BEFORE_CHILDREN_ACT: Rule = Rule::query(
    "BEFORE_CHILDREN_ACT",
    "No episode starts before 14 October 1991, when the Children Act 1989 came into force.",
    "SSDA903 rule 353",
);

/// A settled placement without a provider.
pub static PROVIDER_MISSING: Rule = Rule::query(
    "PROVIDER_MISSING",
    "A placement that is neither temporary nor of another kind (Z) names its provider.",
    "SSDA903 rule 148 and guide: PLACE_PROVIDER",
);

/// A provider where the return has none.
pub static PROVIDER_NOT_EXPECTED: Rule = Rule::query(
    "PROVIDER_NOT_EXPECTED",
    "A temporary move (T0 to T3) and a placement Z11 to Z14 name no provider.",
    "SSDA903 rule 178",
);

/// With parents, through a private or voluntary provider.
pub static PARENTS_PROVIDER: Rule = Rule::query(
    "PARENTS_PROVIDER",
    "A placement with the parents is provided by neither a private nor a voluntary body.",
    "SSDA903 rules 530 and 531",
);

/// With parents under a single period of accommodation.
pub static PARENTS_UNDER_SECTION_20: Rule = Rule::query(
    "PARENTS_UNDER_SECTION_20",
    "A child accommodated under section 20 cannot be placed with the parents.",
    "SSDA903 rule 378",
);

/// Care that begins with a temporary placement.
pub static STARTS_TEMPORARY: Rule = Rule::query(
    "STARTS_TEMPORARY",
    "A period of care cannot start with a temporary placement.",
    "SSDA903 rule 380",
);

/// Care that ends with a temporary placement.
pub static ENDS_TEMPORARY: Rule = Rule::query(
    "ENDS_TEMPORARY",
    "A period of care cannot end with a temporary placement.",
    "SSDA903 rule 381",
);

/// A short break in a temporary placement.
pub static SHORT_BREAK_TEMPORARY: Rule = Rule::query(
    "SHORT_BREAK_TEMPORARY",
    "A child on a short break cannot be in a temporary placement.",
    "SSDA903 rule 382",
);

/// A short break in a long-term foster placement.
pub static SHORT_BREAK_LONG_TERM: Rule = Rule::query(
    "SHORT_BREAK_LONG_TERM",
    "A child on a short break cannot be in a long-term foster placement.",
    "SSDA903 rule 384",
);

/// A distance for a short break.
pub static SHORT_BREAK_DISTANCE: Rule = Rule::query(
    "SHORT_BREAK_DISTANCE",
    "No distance is given for a short break.",
    "SSDA903 rule 398",
);

/// Adopted without having been placed for it.
pub static ADOPTED_NOT_PLACED: Rule = Rule::query(
    "ADOPTED_NOT_PLACED",
    "A child who is adopted was placed for adoption in the episode that ends.",
    "SSDA903 rule 390",
);

/// A legal status held longer than the law allows.
pub static STATUS_TOO_LONG: Rule = Rule::query(
    "STATUS_TOO_LONG",
    "Police protection lasts at most 72 hours, an emergency protection order and detention under PACE 21 days in the return's check, a child \
     assessment order 7 days, a short break 17 days.",
    "Children Act 1989 ss 43 to 46; SSDA903 rules 362 to 365",
);

/// A temporary move that lasts too long.
pub static TEMPORARY_TOO_LONG: Rule = Rule::query(
    "TEMPORARY_TOO_LONG",
    "A temporary stay lasts at most 6 weeks in hospital, 3 weeks on the carer's holiday and 7 days otherwise.",
    "SSDA903 rules 375, 376 and 379",
);

/// A distance below zero.
pub static DISTANCE_NEGATIVE: Rule = Rule::refuse(
    "DISTANCE_NEGATIVE",
    "A distance is 0 or more, in tenths of a mile.",
    "SSDA903 guide: PL_DISTANCE",
);

/// The return's mark for an unknown distance.
pub static DISTANCE_UNKNOWN: Rule = Rule::query(
    "DISTANCE_UNKNOWN",
    "999.9 miles stands for an unknown distance in the return; here it is left out.",
    "SSDA903 guide: PL_DISTANCE",
);

/// A criminal legal status below the age of criminal responsibility.
pub static STATUS_UNDER_10: Rule = Rule::query(
    "STATUS_UNDER_10",
    "A child under 10 is neither remanded, nor detained, nor sentenced.",
    "SSDA903 rule 358",
);

/// A placement for older children.
pub static TOO_YOUNG_FOR_PLACEMENT: Rule = Rule::query(
    "TOO_YOUNG_FOR_PLACEMENT",
    "The placement begins at 4 for a residential school, 10 for custody, 14 for employment, 15 for independent living and 16 for supported or \
     semi-independent accommodation.",
    "SSDA903 rules 370 to 374",
);

/// A reason to leave care that does not fit the age.
pub static LEAVES_AT_WRONG_AGE: Rule = Rule::query(
    "LEAVES_AT_WRONG_AGE",
    "Adoption comes before 18, independent living from 14 and adult social care from 16.",
    "SSDA903 rules 386, 387 and 389",
);

/// Looked after as an adult.
pub static ADULT_IN_CARE: Rule = Rule::query(
    "ADULT_IN_CARE",
    "Past the 18th birthday somebody is looked after only under section 20(5), in a children's home.",
    "SSDA903 rule 359",
);

/// A review far from the day it was due.
pub static REVIEW_FAR_FROM_DUE: Rule = Rule::query(
    "REVIEW_FAR_FROM_DUE",
    "A review is held within a year of the day it was due: one of the two dates may be mistyped.",
    "Care Planning, Placement and Case Review (England) Regulations 2010, reg 33",
);

/// How a child took part does not fit the age.
pub static PARTICIPATION_AGE: Rule = Rule::query(
    "PARTICIPATION_AGE",
    "The code PN0 is for children under 4 at the review, and for them alone.",
    "SSDA903 guide: REVIEW_CODE",
);

/// A visit far from the day it was due.
pub static VISIT_FAR_FROM_DUE: Rule = Rule::query(
    "VISIT_FAR_FROM_DUE",
    "A visit is made within a year of the day it was due: one of the two dates may be mistyped.",
    "Care Planning, Placement and Case Review (England) Regulations 2010, reg 28",
);

/// Seen alone, and not seen.
pub static ALONE_NOT_SEEN: Rule = Rule::query(
    "ALONE_NOT_SEEN",
    "A child who was seen alone was seen.",
    "Care Planning, Placement and Case Review (England) Regulations 2010, reg 29",
);

/// An order that ends on the day it begins.
pub static ORDER_WITHOUT_DURATION: Rule = Rule::query(
    "ORDER_WITHOUT_DURATION",
    "A deprivation of liberty order ends after the day it began.",
    "SSDA903 rule 702",
);
