//! Where the rounds begin: what is usual, before the records are asked.

use crate::level::{FIELDS, Field};
use crate::model::{BILLION, FieldModel, MATCH, Parameters, Trained};

/// A field with fewer pairs in which both records have it is not compared.
pub(super) const FEWEST_PAIRS: u64 = 50;

/// Distributions in ten-millionths over the levels of a field: (m, u, r).
const fn usual(field: Field) -> &'static [(u64, u64, u64)] {
    match field {
        Field::Birth => &[
            (9_300_000, 400, 200_000),
            (300_000, 6_000, 200_000),
            (100_000, 400, 10_000),
            (50_000, 700, 20_000),
            (60_000, 20_000, 20_000),
            (60_000, 250_000, 60_000),
            (60_000, 2_200_000, 3_490_000),
            (70_000, 7_522_500, 6_000_000),
        ],
        Field::Place => &[
            (4_000_000, 20, 5_000_000),
            (3_000_000, 100, 3_500_000),
            (300_000, 2_000, 100_000),
            (700_000, 20_000, 200_000),
            (2_000_000, 9_977_880, 1_200_000),
        ],
        Field::Email => &[
            (7_500_000, 5, 1_000_000),
            (600_000, 30, 100_000),
            (300_000, 100, 50_000),
            (300_000, 1_000, 50_000),
            (1_300_000, 9_998_865, 8_800_000),
        ],
        Field::Town => &[
            (8_000_000, 800_000, 9_000_000),
            (1_000_000, 50_000, 300_000),
            (1_000_000, 9_150_000, 700_000),
        ],
        Field::Family => &[
            (8_500_000, 30_000, 8_000_000),
            (800_000, 40_000, 500_000),
            (200_000, 20_000, 300_000),
            (150_000, 100_000, 100_000),
            (350_000, 9_810_000, 1_100_000),
        ],
        Field::Given => &[
            (8_300_000, 60_000, 60_000),
            (700_000, 60_000, 100_000),
            (300_000, 30_000, 50_000),
            (200_000, 150_000, 200_000),
            (50_000, 10_000, 10_000),
            (100_000, 800_000, 900_000),
            (300_000, 8_889_000, 8_670_000),
            (50_000, 1_000, 10_000),
        ],
        Field::Relatives => &[],
    }
}

/// The usual distribution of a field, in billionths.
pub(super) fn field(field: Field) -> FieldModel {
    let scale = BILLION / 10_000_000;
    FieldModel {
        m: usual(field).iter().map(|(m, _, _)| m * scale).collect(),
        u: usual(field).iter().map(|(_, u, _)| u * scale).collect(),
        r: usual(field).iter().map(|(_, _, r)| r * scale).collect(),
    }
}

/// The first model: usual distributions for the fields that the records have.
pub(super) fn parameters(
    name: &str,
    version: u32,
    trained: Trained,
    has: impl Fn(Field) -> bool,
) -> Parameters {
    let mut fields: [Option<FieldModel>; FIELDS] = Default::default();
    for (slot, of) in fields.iter_mut().zip(Field::ALL) {
        *slot = has(of).then(|| field(of));
    }
    Parameters {
        name: name.to_owned(),
        version,
        others_millionths: 1_000_000,
        // Families are told by their addresses: where none is compared, they cannot be told from one person.
        relatives_millionths: if has(Field::Place) { 2_000_000 } else { 0 },
        least_records: trained.records,
        trained,
        automatic: MATCH,
        automatic_precision: 0,
        floor: 1_000,
        pseudo_records: 200,
        rarest_name: 50_000,
        crowded_postcode: 250,
        crowded_uprn: 60,
        crowded_email: 25,
        fields,
    }
}
