//! The tables of the return.

/// A table of the return (DfE, SSDA903 guide; the file names are those of the open validator).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Who the children are.
    Header,
    /// Episodes of care.
    Episodes,
    /// Reviews held.
    Reviews,
    /// Health outcomes.
    Oc2,
    /// Care leavers.
    Oc3,
    /// Missing periods.
    Missing,
    /// Deprivation of liberty orders.
    DoLo,
    /// Unaccompanied asylum seekers.
    Uasc,
    /// Adoption.
    Ad1,
    /// Placed for adoption.
    PlacedAdoption,
    /// Previous permanence.
    PreviousPermanence,
    /// Social workers.
    SocialWorkers,
}

impl Table {
    /// Every table, in the order in which they are read.
    pub const ALL: [Table; 12] = [
        Table::Header,
        Table::Episodes,
        Table::Reviews,
        Table::Oc2,
        Table::Oc3,
        Table::Missing,
        Table::DoLo,
        Table::Uasc,
        Table::Ad1,
        Table::PlacedAdoption,
        Table::PreviousPermanence,
        Table::SocialWorkers,
    ];

    /// The file's name in a folder.
    pub const fn file(self) -> &'static str {
        match self {
            Table::Header => "header.csv",
            Table::Episodes => "episodes.csv",
            Table::Reviews => "reviews.csv",
            Table::Oc2 => "oc2.csv",
            Table::Oc3 => "oc3.csv",
            Table::Missing => "missing.csv",
            Table::DoLo => "DoLo.csv",
            Table::Uasc => "uasc.csv",
            Table::Ad1 => "ad1.csv",
            Table::PlacedAdoption => "placed_for_adoption.csv",
            Table::PreviousPermanence => "previous_permanence.csv",
            Table::SocialWorkers => "sw_episodes.csv",
        }
    }

    /// Its name in accounts and event ids, whatever form the return has.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Header => "header",
            Table::Episodes => "episodes",
            Table::Reviews => "reviews",
            Table::Oc2 => "oc2",
            Table::Oc3 => "oc3",
            Table::Missing => "missing",
            Table::DoLo => "dolo",
            Table::Uasc => "uasc",
            Table::Ad1 => "ad1",
            Table::PlacedAdoption => "placed_for_adoption",
            Table::PreviousPermanence => "previous_permanence",
            Table::SocialWorkers => "sw_episodes",
        }
    }

    /// The table of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Columns without which a file is not this table.
    pub const fn needed(self) -> &'static [&'static str] {
        match self {
            Table::Header => &["CHILD", "DOB", "UPN"],
            Table::Episodes => &["CHILD", "DECOM", "RNE", "LS", "CIN", "PLACE"],
            Table::Reviews => &["CHILD", "REVIEW", "REVIEW_CODE"],
            Table::Oc2 => &["CHILD", "SDQ_SCORE"],
            Table::Oc3 => &["CHILD", "IN_TOUCH"],
            Table::Missing => &["CHILD", "MISSING", "MIS_START"],
            Table::DoLo => &["CHILD", "DOLO_START"],
            _ => &["CHILD"],
        }
    }

    /// Whether a folder without it is no return.
    pub const fn is_needed(self) -> bool {
        matches!(self, Table::Header | Table::Episodes)
    }

    /// Why no event is made of its rows; none where one is.
    pub const fn not_mapped(self) -> Option<&'static str> {
        match self {
            Table::Uasc => Some(
                "no event type: immigration status is special-category data that no agreement shares; the authority's own system holds it",
            ),
            Table::Ad1 | Table::PlacedAdoption | Table::PreviousPermanence => Some(
                "no event type: adoption and earlier permanence stay with the responsible authority; the placement codes A3 to A6 of the episode are told",
            ),
            Table::SocialWorkers => Some(
                "no event type: which worker holds the case names a person at work; visits are told as SocialWorkerVisit by the case system",
            ),
            _ => None,
        }
    }
}
