//! Answers as the messages of `view/v1`.

mod why;

pub use why::{bases, explained};

use crate::answer::Answer;
use crate::clock::timestamp;
use crate::compute::NO_AGREEMENT;
use walbrook_domain::Day;
use walbrook_proto::common::v1::Date;
use walbrook_proto::view::v1 as proto;
use walbrook_view::model::Unit;
use walbrook_view::row::{self, Cell, Row};
use walbrook_view::{Freshness, Known, Value, View};

fn date(day: Day) -> Option<Date> {
    Date::from_days(day.0)
}

/// What an answer rests on. A reader that knows how everything stands is not told it again.
pub fn facts(answer: &Answer, view: &View, role: &str, known: &[u8]) -> proto::AnswerFacts {
    let stood = answer.stood.as_deref();
    let is_known = stood.is_some_and(|stood| stood.id == known);
    let told = stood.filter(|_| !is_known);
    proto::AnswerFacts {
        read_id: answer.read_id.clone(),
        evaluated_at: Some(timestamp(answer.evaluated_at)),
        grounds_applied_through: Some(timestamp(answer.grounds_applied_through)),
        sources: told.map_or_else(Vec::new, |stood| stood.lines.iter().map(source).collect()),
        withheld: match stood {
            None => vec![NO_AGREEMENT.to_owned()],
            Some(_) => told.map_or_else(Vec::new, |stood| stood.withheld.clone()),
        },
        view: (!is_known).then(|| shape(view, role)),
        standing: stood.map_or_else(Vec::new, |stood| stood.id.to_vec()),
        break_glass: answer.glass.as_ref().map(|held| proto::BreakGlass {
            read_id: held.read_id.clone(),
            reason: held.reason.clone(),
            expires_at: Some(timestamp(held.until)),
        }),
    }
}

/// The view's own words, as far as a role sees its columns.
pub fn shape(view: &View, role: &str) -> proto::ViewShape {
    let seen = view.visibility.of(role);
    let columns = view.columns.iter().enumerate();
    let columns = columns.filter(|(at, _)| seen.column(*at));
    let columns = columns.map(|(_, column)| proto::Column {
        name: column.output.clone(),
        label: column.label.clone(),
        meaning: column.meaning.clone(),
        unit: column.unit.map_or("", Unit::word).to_owned(),
        codes: column.codes.clone().unwrap_or_default(),
        listed: column.listed,
    });
    let sources = view.silent_after_days.iter().map(|(event_type, days)| {
        let label = view.source_labels.get(event_type);
        proto::SourceLabel {
            event_type: event_type.to_string(),
            label: label.map_or_else(|| event_type.to_string(), String::clone),
            silent_after_days: *days,
        }
    });
    let not_yet = view.not_yet.iter().map(|one| proto::NotYet {
        label: one.label.clone(),
        meaning: one.meaning.clone(),
    });
    proto::ViewShape {
        title: view.title.clone(),
        columns: columns.collect(),
        sources: sources.collect(),
        not_yet: not_yet.collect(),
    }
}

/// How a source stands.
pub fn source(source: &Freshness) -> proto::SourceFreshness {
    stands(source.clone())
}

fn stands(source: Freshness) -> proto::SourceFreshness {
    proto::SourceFreshness {
        organisation: source.source.unwrap_or_default(),
        event_type: source.event_type.to_string(),
        last_heard_on: source.last_heard_on.and_then(date),
        statement: source.statement,
    }
}

/// A row: its words become the message's.
pub fn row(row: Row) -> proto::Row {
    proto::Row {
        pseudonym: row.pseudonym.as_bytes().to_vec(),
        cells: row.cells.into_iter().map(cell).collect(),
        reasons: row
            .reasons
            .into_iter()
            .map(|reason| proto::Reason {
                rule_id: reason.rule_id,
                sentence: reason.sentence,
                points_hundredths: reason.points_hundredths,
            })
            .collect(),
        points_hundredths: row.points_hundredths,
        band: row.band,
        sources: row.sources.into_iter().map(stands).collect(),
    }
}

fn cell(cell: Cell) -> proto::Cell {
    use proto::cell::Value as Shown;
    let value = match cell.known {
        Known::Nothing => None,
        Known::Value(Value::Bool(flag)) => Some(Shown::Flag(flag)),
        Known::Value(Value::Int(number)) => Some(Shown::Number(number)),
        Known::Value(Value::Day(day)) => date(day).map(Shown::Date),
        Known::Value(Value::Instant(at)) => Some(Shown::Instant(timestamp(at))),
        Known::Value(Value::Text(text)) => Some(Shown::Text(text.into())),
        Known::Value(value @ Value::Texts(_)) => Some(Shown::Text(row::words(&value))),
        other => other.words().map(Shown::NotKnown),
    };
    proto::Cell {
        column: cell.column,
        value,
        disputed: cell.disputed,
    }
}
