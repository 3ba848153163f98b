//! The small typed language over event fields, used by agreements and view files alike.
//!
//! ```text
//! stage = "EVICTED" and not (arrears_pence < 100_000)
//! a4_accommodation in ["ROUGH_SLEEPING", "NO_FIXED_ABODE"] or grounds has "8"
//! completed_on is absent and requested_on >= 2026-05-01
//! ```
//! A comparison with a field that is absent, missing or of another type *fails*; failing is neither true nor false, and
//! only `and` with something false, or `or` with something true, takes it away. So no negation turns an unknown into a grant.

mod parse;
mod resolved;
mod text;

use crate::catalogue::{EventShape, FieldKind};
use crate::facts::{FieldValue, Fields};
use std::cmp::Ordering;
use walbrook_domain::Day;

pub use parse::PredicateError;
pub use resolved::Resolved;

/// What a predicate says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be answered.
    Failed,
}

/// A predicate. Shown as text that reads back to the same predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// All of them (two or more).
    All(Vec<Predicate>),
    /// Any of them (two or more).
    Any(Vec<Predicate>),
    /// Not it.
    Not(Box<Predicate>),
    /// `field op literal`.
    Compare {
        /// The field.
        field: String,
        /// How.
        operator: Operator,
        /// With what.
        literal: Literal,
    },
    /// `field in [literal, …]`.
    In {
        /// The field.
        field: String,
        /// One or more, all of one type.
        literals: Vec<Literal>,
    },
    /// `field has "text"`: a list of texts holds this one.
    Has {
        /// The field.
        field: String,
        /// The text.
        text: String,
    },
    /// `field is present` or `field is absent`: the one question an absent field answers.
    Present {
        /// The field.
        field: String,
        /// True for `is present`.
        present: bool,
    },
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Operator {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Operator::Equal => ordering.is_eq(),
            Operator::NotEqual => ordering.is_ne(),
            Operator::Less => ordering.is_lt(),
            Operator::LessOrEqual => ordering.is_le(),
            Operator::Greater => ordering.is_gt(),
            Operator::GreaterOrEqual => ordering.is_ge(),
        }
    }

    const fn orders(self) -> bool {
        !matches!(self, Operator::Equal | Operator::NotEqual)
    }
}

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Literal {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Text in double or single quotes.
    Text(String),
    /// A date, `2026-05-01`. An instant compares by its London day.
    Day(Day),
}

/// A fault of a predicate against an event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct TypeFault {
    /// The field.
    pub field: String,
    /// What is wrong.
    pub problem: String,
}

impl Predicate {
    /// Reads a predicate.
    ///
    /// # Errors
    /// When the text is not of the language; the error says where (byte, from 0) and what was expected.
    pub fn parse(text: &str) -> Result<Self, PredicateError> {
        parse::parse(text)
    }

    /// Evaluates it.
    pub fn evaluate(&self, fields: &dyn Fields) -> Verdict {
        match self {
            Predicate::All(parts) => fold(parts, fields, Verdict::True, Verdict::False),
            Predicate::Any(parts) => fold(parts, fields, Verdict::False, Verdict::True),
            Predicate::Not(inner) => match inner.evaluate(fields) {
                Verdict::True => Verdict::False,
                Verdict::False => Verdict::True,
                Verdict::Failed => Verdict::Failed,
            },
            Predicate::Compare {
                field,
                operator,
                literal,
            } => match compare(&fields.value(field), literal) {
                Some(ordering) => Verdict::from(operator.holds(ordering)),
                None => Verdict::Failed,
            },
            Predicate::In { field, literals } => {
                let value = fields.value(field);
                let answers = literals.iter().map(|literal| compare(&value, literal));
                answers.fold(Verdict::False, |so_far, answer| match (so_far, answer) {
                    (Verdict::Failed, _) | (_, None) => Verdict::Failed,
                    (_, Some(Ordering::Equal)) => Verdict::True,
                    (so_far, Some(_)) => so_far,
                })
            }
            Predicate::Has { field, text } => match fields.value(field) {
                FieldValue::TextList(texts) => Verdict::from(texts.contains(&text.as_str())),
                _ => Verdict::Failed,
            },
            Predicate::Present { field, present } => match fields.value(field) {
                FieldValue::Missing => Verdict::Failed,
                FieldValue::Absent => Verdict::from(!present),
                _ => Verdict::from(*present),
            },
        }
    }

    /// Checks every field and type against an event type.
    pub fn check(&self, shape: &EventShape) -> Vec<TypeFault> {
        let mut faults = Vec::new();
        self.check_into(shape, &mut faults);
        faults
    }

    /// The fields it reads, in the order of the text, each once.
    pub fn fields(&self) -> Vec<&str> {
        let mut fields = Vec::new();
        self.fields_into(&mut fields);
        fields
    }

    fn fields_into<'a>(&'a self, fields: &mut Vec<&'a str>) {
        match self {
            Predicate::All(parts) | Predicate::Any(parts) => {
                for part in parts {
                    part.fields_into(fields);
                }
            }
            Predicate::Not(inner) => inner.fields_into(fields),
            Predicate::Compare { field, .. }
            | Predicate::In { field, .. }
            | Predicate::Has { field, .. }
            | Predicate::Present { field, .. } => {
                if !fields.contains(&field.as_str()) {
                    fields.push(field);
                }
            }
        }
    }

    fn check_into(&self, shape: &EventShape, faults: &mut Vec<TypeFault>) {
        match self {
            Predicate::All(parts) | Predicate::Any(parts) => {
                for part in parts {
                    part.check_into(shape, faults);
                }
            }
            Predicate::Not(inner) => inner.check_into(shape, faults),
            Predicate::Compare {
                field,
                operator,
                literal,
            } => {
                if let Some(kind) = kind_of(shape, field, faults) {
                    if !literal.fits(kind) {
                        faults.push(fault(
                            field,
                            format!("is {kind:?}, compared with {literal}"),
                        ));
                    } else if operator.orders() && !literal.ordered() {
                        faults.push(fault(field, format!("{literal} has no order")));
                    }
                }
            }
            Predicate::In { field, literals } => {
                if let Some(kind) = kind_of(shape, field, faults) {
                    for literal in literals.iter().filter(|literal| !literal.fits(kind)) {
                        faults.push(fault(
                            field,
                            format!("is {kind:?}, compared with {literal}"),
                        ));
                    }
                }
            }
            Predicate::Has { field, .. } => {
                if let Some(kind) = kind_of(shape, field, faults)
                    && kind != FieldKind::TextList
                {
                    faults.push(fault(field, format!("is {kind:?}; `has` asks a list")));
                }
            }
            Predicate::Present { field, .. } => {
                kind_of(shape, field, faults);
            }
        }
    }
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Verdict::True } else { Verdict::False }
    }
}

impl Literal {
    fn fits(&self, kind: FieldKind) -> bool {
        matches!(
            (self, kind),
            (Literal::Bool(_), FieldKind::Bool)
                | (Literal::Integer(_), FieldKind::Integer)
                | (Literal::Text(_), FieldKind::Text)
                | (Literal::Day(_), FieldKind::Day | FieldKind::Instant)
        )
    }

    const fn ordered(&self) -> bool {
        matches!(self, Literal::Integer(_) | Literal::Day(_))
    }
}

fn fault(field: &str, problem: String) -> TypeFault {
    TypeFault {
        field: field.to_owned(),
        problem,
    }
}

fn kind_of(shape: &EventShape, field: &str, faults: &mut Vec<TypeFault>) -> Option<FieldKind> {
    let found = shape.field(field).map(|(_, field)| field.kind);
    if found.is_none() {
        faults.push(fault(
            field,
            format!("{} has no such field", shape.event_type),
        ));
    }
    found
}

fn compare(value: &FieldValue<'_>, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (FieldValue::Bool(a), Literal::Bool(b)) => Some(a.cmp(b)),
        (FieldValue::Integer(a), Literal::Integer(b)) => Some(a.cmp(b)),
        (FieldValue::Text(a), Literal::Text(b)) => Some((*a).cmp(b.as_str())),
        (FieldValue::Day(a), Literal::Day(b)) => Some(a.cmp(b)),
        (FieldValue::Instant(a), Literal::Day(b)) => Some(a.london_day().cmp(b)),
        _ => None,
    }
}

/// Kleene's and/or: `decisive` settles it, otherwise a failure remains a failure.
fn fold(parts: &[Predicate], fields: &dyn Fields, neutral: Verdict, decisive: Verdict) -> Verdict {
    let mut answer = neutral;
    for part in parts {
        let verdict = part.evaluate(fields);
        if verdict == decisive {
            return decisive;
        }
        if verdict == Verdict::Failed {
            answer = Verdict::Failed;
        }
    }
    answer
}

#[cfg(test)]
mod tests;
