//! What the lives of the city are calibrated to, each figure with its source: tests hold the generator to them within stated tolerances.
//!
//! A rate counts per person and year, a share per member of the group named. `domain.md` names the project's domain reference, whose figures
//! were looked up; a figure marked *from memory* is widely published and was not looked up again; *ours* is chosen, with its reason.

use crate::city::figures::Share;

/// People seen sleeping rough in a year, per Londoner.
pub const ROUGH_PER_LONDONER: Share = Share::new(
    15,
    "CHAIN 2024/25: 13,231 people (domain.md §1.1) of 8.9 million Londoners (from memory): 14.9 in 10,000",
);
/// Of the city's people, adults: what turns a rate per Londoner into one per adult.
pub const ADULTS: Share = Share::new(
    7_600,
    "the generator's own people; census 2021, London: 79 % (from memory)",
);
/// Of those seen, men.
pub const ROUGH_MALE: Share = Share::new(8_400, "CHAIN 2023/24 (domain.md §1.1)");
/// Of those seen, aged 26 to 55.
pub const ROUGH_AGED_26_TO_55: Share = Share::new(7_900, "CHAIN 2023/24 (domain.md §1.1)");
/// Of those seen, new.
pub const FLOW: Share = Share::new(6_600, "CHAIN 2023/24: 66 / 20 / 14 (domain.md §1.1)");
/// Of those seen, also seen in the year before.
pub const STOCK: Share = Share::new(2_000, "CHAIN 2023/24: 66 / 20 / 14 (domain.md §1.1)");
/// Of new people, seen once.
pub const NEW_SEEN_ONCE: Share = Share::new(7_000, "CHAIN 2023/24 (domain.md §1.1)");
/// Of those seen, more than ten times.
pub const SEEN_OVER_TEN_TIMES: Share = Share::new(600, "CHAIN 2021/22 (domain.md §1.1)");
/// Of those seen, on buses.
pub const SEEN_ON_BUSES: Share = Share::new(98, "CHAIN 2023/24: 118 of 11,993 (domain.md §1.1)");
/// Of those seen, in Westminster.
pub const SEEN_IN_WESTMINSTER: Share =
    Share::new(1_753, "CHAIN 2023/24: 2,102 of 11,993 (domain.md §1.1)");
/// Of those seen, with a mental-health need.
pub const NEED_MENTAL_HEALTH: Share = Share::new(5_000, "CHAIN 2017/18, assessed (domain.md §1.1)");
/// Of those seen, with an alcohol need.
pub const NEED_ALCOHOL: Share = Share::new(4_300, "CHAIN 2017/18, assessed (domain.md §1.1)");
/// Of those seen, with a drug need.
pub const NEED_DRUGS: Share = Share::new(4_000, "CHAIN 2017/18, assessed (domain.md §1.1)");
/// Of those seen, with all three needs.
pub const NEED_ALL_THREE: Share = Share::new(1_500, "CHAIN 2017/18, assessed (domain.md §1.1)");
/// Of those seen, with a history of prison.
pub const ROUGH_PRISON: Share = Share::new(
    3_300,
    "later CHAIN years: roughly a third (domain.md §1.1, from memory)",
);
/// Of those seen, with a history of care.
pub const ROUGH_CARE: Share = Share::new(
    1_000,
    "later CHAIN years: about one in ten (domain.md §1.1, from memory)",
);
/// Of those seen, with a history in the armed forces.
pub const ROUGH_FORCES: Share = Share::new(500, "CHAIN (domain.md §1.1)");
/// Of new people, from asylum support.
pub const NEW_FROM_ASYLUM_SUPPORT: Share = Share::new(1_700, "CHAIN 2023/24 (domain.md §1.1)");
/// Of new people, whose last settled home was rented from a private landlord.
pub const NEW_FROM_PRIVATE_RENT: Share = Share::new(2_300, "CHAIN 2024/25 (domain.md §1.1)");
/// Of those seen, helped into accommodation.
pub const HELPED_IN: Share = Share::new(
    3_650,
    "CHAIN 2023/24: 4,379 of 11,993 helped into accommodation (domain.md §1.1)",
);

/// Households that rent from a council or a registered provider.
pub const SOCIAL_RENT: Share = Share::new(2_300, "census 2021, London (from memory)");
/// Households that rent from a private landlord.
pub const PRIVATE_RENT: Share = Share::new(3_000, "census 2021, London (from memory)");
/// Of social tenancies, in arrears at some time of a year.
pub const IN_ARREARS: Share = Share::new(
    2_500,
    "ours: a quarter, the order of the English Housing Survey's households behind with rent",
);
/// Households in temporary accommodation at a time.
pub const TEMPORARY: Share =
    Share::new(200, "London Councils: one in fifty Londoners (from memory)");
/// Households that apply as homeless and are owed a duty, a year.
pub const OWED_A_DUTY: Share = Share::new(
    170,
    "H-CLIC 2023/24, London: about 62,000 of 3.6 million households (from memory)",
);
/// Of those owed a duty, the prevention duty first.
pub const PREVENTION_FIRST: Share = Share::new(
    4_500,
    "H-CLIC: somewhat more relief than prevention duties (from memory)",
);

/// Attendances at emergency departments, per person and year.
pub const ED_ATTENDANCES: Share = Share::new(
    4_600,
    "NHS England 2023/24: 26 million attendances of 57 million people (from memory)",
);
/// Emergency stays in hospital, per person and year.
pub const INPATIENT_SPELLS: Share = Share::new(
    1_100,
    "NHS England 2023/24: 6.4 million emergency admissions of 57 million people (from memory)",
);
/// Changes of GP practice, per person and year.
pub const GP_CHANGES: Share = Share::new(1_250, "ours: one in eight Londoners moves in a year");
/// Referrals to mental-health services, per person and year.
pub const MENTAL_HEALTH_REFERRALS: Share = Share::new(
    650,
    "NHS England 2023/24: 3.8 million people in contact, 6.6 % (from memory)",
);
/// New treatments for drugs or alcohol, per adult and year.
pub const SUBSTANCE_TREATMENTS: Share = Share::new(
    33,
    "OHID 2023/24: about 145,000 adults newly in treatment of 44 million (from memory)",
);

/// Releases from police custody, per adult and year.
pub const CUSTODY_RELEASES: Share = Share::new(
    200,
    "ours: the order of 140,000 arrests a year of 7 million adults (from memory)",
);
/// Of releases, of somebody without an address.
pub const RELEASED_WITHOUT_ADDRESS: Share = Share::new(500, "ours: one in twenty");
/// Vulnerability notices about adults, per adult and year.
pub const ADULT_NOTICES: Share = Share::new(150, "ours");
/// Vulnerability notices about children, per child and year.
pub const CHILD_NOTICES: Share = Share::new(500, "ours: about as many as referrals to social care");

/// Children looked after at a time, of all children.
pub const LOOKED_AFTER: Share = Share::new(
    51,
    "England 67 in 10,000: 81,770 on 31 March 2025 (domain.md §2.6); London's rate is three quarters of it, 51 (from memory)",
);
/// Children who start to be looked after in a year, of those looked after at a time.
pub const CARE_ENTRIES: Share = Share::new(
    4_100,
    "DfE 2025: 34,450 ceased and about as many started, of 81,770 (explore-education-statistics)",
);
/// Of looked-after children, boys.
pub const CARE_BOYS: Share = Share::new(5_600, "DfE 2025 (explore-education-statistics)");
/// Missing incidents, per looked-after child and year.
pub const MISSING_INCIDENTS: Share = Share::new(
    10_600,
    "DfE 2024/25: 86,900 incidents, 81,770 children (domain.md §2.6)",
);
/// Of missing incidents, those of children aged 16 and over.
pub const MISSING_AGED_16_PLUS: Share =
    Share::new(5_600, "DfE 2024/25: 48,690 of 86,900 (domain.md §2.6)");
/// Of missing incidents, those of children under ten.
pub const MISSING_UNDER_TEN: Share = Share::new(
    18,
    "DfE 2024/25: 86,900 less 48,690 and 38,060 (domain.md §2.6)",
);
/// Of looked-after children, those with a missing incident in a year.
pub const CHILDREN_MISSING: Share = Share::new(1_100, "DfE: about one in nine (from memory)");
/// Changes of placement, per looked-after child and year.
pub const PLACEMENT_MOVES: Share = Share::new(
    5_500,
    "DfE: 10 % have three or more placements in a year (from memory); ours beyond that",
);
/// Of initial health assessments, done within 20 working days.
pub const HEALTH_ASSESSMENT_IN_TIME: Share =
    Share::new(6_000, "ours: in time is the majority, and far from all");
/// Referrals to children's social care, per child and year.
pub const REFERRALS: Share = Share::new(
    520,
    "DfE 2023/24: 621,880 of 12 million children (from memory)",
);
/// People aged 18 to 24 who left care.
pub const CARE_LEAVERS: Share = Share::new(
    120,
    "DfE: about 48,000 care leavers of 17 to 21 among 3.4 million (from memory)",
);
/// Of care leavers with whom the authority is in touch, without a home (S2, V2, W2).
pub const LEAVERS_HOMELESS: Share = Share::new(250, "DfE: a few in a hundred (from memory)");

/// Where people are met, with how many in 2023/24. The four authorities and the two special areas are published; the rest is spread over the
/// other authorities.
pub const PUBLISHED_AREAS: [(&str, u32); 6] = [
    ("E09000033", 2_102),
    ("E09000022", 681),
    ("E09000008", 449),
    ("E09000020", 226),
    ("BUS", 118),
    ("UNDERGROUND", 14),
];
/// All people seen in 2023/24 (CHAIN, domain.md §1.1).
pub const SEEN: u32 = 11_993;

/// Of ten thousand records of a service, how many have a birth date with day and month exchanged, before what the kind of service adds: the
/// stated rate of [`super::super::residents::rates`].
pub const SWAPPED_DATE: super::super::residents::rates::Rate =
    super::super::residents::rates::SWAPPED_DATE;
