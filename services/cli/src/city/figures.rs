//! What the synthetic city is calibrated to, each figure with its source. Tests assert them on a large city within the tolerances stated there.
//!
//! The city is not a sample of London's nine million: it is the people whom services know. The shares of the groups below are therefore ours;
//! what happens within a group follows published figures.

/// A share of one: numerator in ten-thousandths, and where it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// In ten-thousandths.
    pub ten_thousandths: u32,
    /// Where the figure is from.
    pub source: &'static str,
}

impl Share {
    /// A share with its source.
    #[must_use]
    pub const fn new(ten_thousandths: u32, source: &'static str) -> Self {
        Self {
            ten_thousandths,
            source,
        }
    }

    /// As a probability.
    #[must_use]
    pub fn probability(self) -> f64 {
        f64::from(self.ten_thousandths) / 10_000.0
    }
}

const CHAIN_2324: &str = "CHAIN annual report 2023/24 (Greater London)";
const CHAIN_1718: &str = "CHAIN annual report 2017/18, support needs of those assessed";
const OURS: &str = "ours: the share of the people services know";

/// Adults met on the street by outreach.
pub const SLEEPING_ROUGH: Share = Share::new(1_000, OURS);
/// Adults with a social tenancy and arrears.
pub const IN_ARREARS: Share = Share::new(2_500, OURS);
/// Children looked after.
pub const LOOKED_AFTER: Share = Share::new(1_200, OURS);
/// Adults who applied to the council as homeless without having been met on the street.
pub const APPLIED_HOMELESS: Share = Share::new(500, OURS);

/// Of those seen, new in the year.
pub const FLOW: Share = Share::new(6_600, CHAIN_2324);
/// Of those seen, also seen in the year before.
pub const STOCK: Share = Share::new(2_000, CHAIN_2324);
/// Of new people, seen once.
pub const NEW_SEEN_ONCE: Share = Share::new(7_000, CHAIN_2324);
/// Of those seen, men.
pub const ROUGH_MALE: Share = Share::new(8_400, CHAIN_2324);
/// Of those seen, aged 26 to 55.
pub const ROUGH_AGED_26_TO_55: Share = Share::new(7_900, CHAIN_2324);
/// Of those assessed, with a mental-health need.
pub const NEED_MENTAL_HEALTH: Share = Share::new(5_000, CHAIN_1718);
/// Of those assessed, with an alcohol need.
pub const NEED_ALCOHOL: Share = Share::new(4_300, CHAIN_1718);
/// Of those assessed, with a drug need.
pub const NEED_DRUGS: Share = Share::new(4_000, CHAIN_1718);
/// Of missing incidents of looked-after children, those of children aged 16 and over.
pub const MISSING_AGED_16_PLUS: Share = Share::new(
    5_600,
    "DfE, children looked after 2024/25: 48,690 of 86,900 incidents",
);
/// Of children who enter care, those whose initial health assessment was done within 20 working days.
pub const HEALTH_ASSESSMENT_IN_TIME: Share =
    Share::new(6_000, "ours: in time is the majority, and far from all");
/// Of an organisation's records, those in which a name was mistyped (and which identity must not link by itself).
pub const MISTYPED: Share = Share::new(300, "ours");

/// The authorities of the city with their weight (people seen sleeping rough 2023/24 for Westminster, Lambeth, Croydon; ours for the rest).
pub const AUTHORITIES: [(&str, &str, u32); 5] = [
    ("E09000007", "NW1", 700),
    ("E09000008", "CR0", 449),
    ("E09000019", "N1", 400),
    ("E09000022", "SW9", 681),
    ("E09000033", "W2", 2_102),
];
