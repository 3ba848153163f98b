//! Predicates as text, such that reading it gives the same predicate again.

use super::{Literal, Operator, Predicate};
use std::fmt;

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Predicate::All(parts) => joined(f, parts, " and "),
            Predicate::Any(parts) => joined(f, parts, " or "),
            Predicate::Not(inner) => {
                f.write_str("not ")?;
                part(f, inner)
            }
            Predicate::Compare {
                field,
                operator,
                literal,
            } => write!(f, "{field} {operator} {literal}"),
            Predicate::In { field, literals } => {
                write!(f, "{field} in [")?;
                for (number, literal) in literals.iter().enumerate() {
                    if number > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{literal}")?;
                }
                f.write_str("]")
            }
            Predicate::Has { field, text } => {
                write!(f, "{field} has {}", Literal::Text(text.clone()))
            }
            Predicate::Present { field, present } => {
                write!(
                    f,
                    "{field} is {}",
                    if *present { "present" } else { "absent" }
                )
            }
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Predicate], word: &str) -> fmt::Result {
    for (number, one) in parts.iter().enumerate() {
        if number > 0 {
            f.write_str(word)?;
        }
        part(f, one)?;
    }
    Ok(())
}

/// A part of something larger: in brackets unless it binds tightest.
fn part(f: &mut fmt::Formatter<'_>, predicate: &Predicate) -> fmt::Result {
    match predicate {
        Predicate::All(_) | Predicate::Any(_) | Predicate::Not(_) => write!(f, "({predicate})"),
        _ => write!(f, "{predicate}"),
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Bool(value) => write!(f, "{value}"),
            Literal::Integer(value) => write!(f, "{value}"),
            // Texts hold no quotes or control characters (the reader refuses them), so one form of quoting is enough.
            Literal::Text(text) => write!(f, "\"{text}\""),
            Literal::Day(day) => write!(f, "{day}"),
        }
    }
}
