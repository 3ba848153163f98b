//! A predicate with its fields found: places in the event type's schema order instead of names.

use super::{Literal, Operator, Predicate, Verdict, compare};
use crate::catalogue::EventShape;
use crate::facts::{FieldValue, Fields};
use std::cmp::Ordering;

/// A predicate resolved against an event type. It answers as the predicate does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved(Node);

/// A field: its place, and its name for readers that know fields by name only. `None`: the type has no such field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    index: Option<usize>,
    name: Box<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    Compare(Place, Operator, Literal),
    In(Place, Box<[Literal]>),
    Has(Place, Box<str>),
    Present(Place, bool),
}

impl Predicate {
    /// The predicate over one event type's fields.
    pub fn resolve(&self, shape: &EventShape) -> Resolved {
        Resolved(node(self, shape))
    }
}

fn node(predicate: &Predicate, shape: &EventShape) -> Node {
    let place = |field: &str| Place {
        index: shape
            .field(field)
            .and_then(|(bit, _)| usize::try_from(bit).ok()),
        name: field.into(),
    };
    let nodes = |parts: &[Predicate]| parts.iter().map(|part| node(part, shape)).collect();
    match predicate {
        Predicate::All(parts) => Node::All(nodes(parts)),
        Predicate::Any(parts) => Node::Any(nodes(parts)),
        Predicate::Not(inner) => Node::Not(Box::new(node(inner, shape))),
        Predicate::Compare {
            field,
            operator,
            literal,
        } => Node::Compare(place(field), *operator, literal.clone()),
        Predicate::In { field, literals } => Node::In(place(field), literals.as_slice().into()),
        Predicate::Has { field, text } => Node::Has(place(field), text.as_str().into()),
        Predicate::Present { field, present } => Node::Present(place(field), *present),
    }
}

impl Place {
    fn value<'a>(&self, fields: &'a dyn Fields) -> FieldValue<'a> {
        self.index
            .map_or(FieldValue::Missing, |index| fields.at(index, &self.name))
    }
}

impl Resolved {
    /// Evaluates it. Nothing is allocated unless a list is compared as a whole, which no well-typed predicate does.
    pub fn evaluate(&self, fields: &dyn Fields) -> Verdict {
        self.0.evaluate(fields)
    }
}

impl Node {
    fn evaluate(&self, fields: &dyn Fields) -> Verdict {
        match self {
            Node::All(parts) => fold(parts, fields, Verdict::True, Verdict::False),
            Node::Any(parts) => fold(parts, fields, Verdict::False, Verdict::True),
            Node::Not(inner) => match inner.evaluate(fields) {
                Verdict::True => Verdict::False,
                Verdict::False => Verdict::True,
                Verdict::Failed => Verdict::Failed,
            },
            Node::Compare(place, operator, literal) => {
                match compare(&place.value(fields), literal) {
                    Some(ordering) => Verdict::from(operator.holds(ordering)),
                    None => Verdict::Failed,
                }
            }
            Node::In(place, literals) => {
                let value = place.value(fields);
                let mut answer = Verdict::False;
                for literal in literals {
                    match compare(&value, literal) {
                        None => return Verdict::Failed,
                        Some(Ordering::Equal) => answer = Verdict::True,
                        Some(_) => {}
                    }
                }
                answer
            }
            Node::Has(place, text) => place
                .index
                .and_then(|index| fields.has(index, &place.name, text))
                .map_or(Verdict::Failed, Verdict::from),
            Node::Present(place, wanted) => place
                .index
                .and_then(|index| fields.present(index, &place.name))
                .map_or(Verdict::Failed, |present| Verdict::from(present == *wanted)),
        }
    }
}

/// Kleene's and/or, as for the predicate itself.
fn fold(parts: &[Node], fields: &dyn Fields, neutral: Verdict, decisive: Verdict) -> Verdict {
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
