//! What is compared, and how alike two values can be.

/// What is compared. The order is that of the comparison: what is cheap to compare and says most comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Date of birth.
    Birth,
    /// UPRN and postcode.
    Place,
    /// E-mail address.
    Email,
    /// Town, where the two postcodes cannot be compared.
    Town,
    /// Family name.
    Family,
    /// Given name.
    Given,
    /// No field: that relatives look alike too. Stands in explanations only.
    Relatives,
}

/// How many fields there are.
pub const FIELDS: usize = 6;

/// The most levels one field has.
pub(crate) const MOST_LEVELS: usize = 8;

/// How alike two values are: a level's place among the levels of its field, from 0.
pub(crate) type Level = u8;

/// Nothing can be said: a value is missing or a placeholder.
pub(crate) const MISSING: Level = u8::MAX;

pub(crate) mod birth {
    use super::Level;
    pub(crate) const EXACT: Level = 0;
    pub(crate) const DIGIT: Level = 1;
    pub(crate) const SWAPPED: Level = 2;
    pub(crate) const YEAR: Level = 3;
    pub(crate) const WITHIN_MONTH: Level = 4;
    pub(crate) const WITHIN_YEAR: Level = 5;
    pub(crate) const WITHIN_TWELVE_YEARS: Level = 6;
    pub(crate) const DIFFERENT: Level = 7;
}

pub(crate) mod place {
    use super::Level;
    pub(crate) const UPRN: Level = 0;
    pub(crate) const POSTCODE: Level = 1;
    pub(crate) const SECTOR: Level = 2;
    pub(crate) const DISTRICT: Level = 3;
    pub(crate) const DIFFERENT: Level = 4;
}

pub(crate) mod email {
    use super::Level;
    pub(crate) const EXACT: Level = 0;
    pub(crate) const CLOSE: Level = 1;
    pub(crate) const MAILBOX: Level = 2;
    pub(crate) const NEAR: Level = 3;
    pub(crate) const DIFFERENT: Level = 4;
}

pub(crate) mod town {
    use super::Level;
    pub(crate) const EXACT: Level = 0;
    pub(crate) const CLOSE: Level = 1;
    pub(crate) const DIFFERENT: Level = 2;
}

/// Names. A family name has no `SWAPPED` and no `INITIAL`: a swap is counted once, with the given name.
pub(crate) mod name {
    use super::Level;
    pub(crate) const EXACT: Level = 0;
    pub(crate) const CLOSE: Level = 1;
    pub(crate) const PART: Level = 2;
    pub(crate) const NEAR: Level = 3;
    pub(crate) const FAMILY_DIFFERENT: Level = 4;
    pub(crate) const INITIAL: Level = 4;
    pub(crate) const SAME_INITIAL: Level = 5;
    pub(crate) const DIFFERENT: Level = 6;
    pub(crate) const SWAPPED: Level = 7;
}

impl Field {
    /// All, in order.
    pub const ALL: [Field; FIELDS] = [
        Field::Birth,
        Field::Place,
        Field::Email,
        Field::Town,
        Field::Family,
        Field::Given,
    ];

    /// The word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Field::Birth => "birth_date",
            Field::Place => "place",
            Field::Email => "email",
            Field::Town => "town",
            Field::Family => "family_name",
            Field::Given => "given_name",
            Field::Relatives => "relatives",
        }
    }

    /// Reads the word.
    pub fn read(text: &str) -> Option<Self> {
        let all = Field::ALL.into_iter().chain([Field::Relatives]);
        all.into_iter().find(|field| field.as_str() == text)
    }

    /// The word of one of its levels as the model file says it, for an answer that carries words.
    pub fn level(self, word: &str) -> Option<&'static str> {
        self.levels().iter().copied().find(|level| *level == word)
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Field::Birth => "date of birth",
            Field::Place => "address",
            Field::Email => "e-mail",
            Field::Town => "town",
            Field::Family => "family name",
            Field::Given => "given name",
            Field::Relatives => "relatives look alike too",
        }
    }

    /// The words of its levels, the surest first.
    pub const fn levels(self) -> &'static [&'static str] {
        match self {
            Field::Birth => &[
                "exact",
                "one_digit",
                "day_month_swapped",
                "year_off_by_one",
                "within_month",
                "within_year",
                "within_twelve_years",
                "different",
            ],
            Field::Place => &["uprn", "postcode", "sector", "district", "different"],
            Field::Email => &["exact", "close", "mailbox", "near", "different"],
            Field::Town => &["exact", "close", "different"],
            Field::Family => &["exact", "close", "part", "near", "different"],
            Field::Given => &[
                "exact",
                "close",
                "part",
                "near",
                "initial",
                "same_initial",
                "different",
                "swapped",
            ],
            Field::Relatives => &[],
        }
    }

    /// How many of the levels stand in order of their weight. A swap of names is rare between strangers and rare between records of one person:
    /// how it compares with the others is for the data to say.
    pub(crate) const fn ordered(self) -> usize {
        match self {
            Field::Given => 7,
            _ => self.levels().len(),
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// The level of each field, in the order of [`Field::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Levels(pub(crate) [Level; FIELDS]);

impl Levels {
    pub(crate) fn at(self, field: Field) -> Level {
        self.0.get(field.index()).copied().unwrap_or(MISSING)
    }

    pub(crate) fn set(&mut self, field: Field, level: Level) {
        if let Some(slot) = self.0.get_mut(field.index()) {
            *slot = level;
        }
    }

    /// The word of a field's level; `None` when nothing can be said.
    pub fn word(self, field: Field) -> Option<&'static str> {
        field.levels().get(usize::from(self.at(field))).copied()
    }
}
