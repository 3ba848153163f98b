//! What a reader learns because two agreements meet in one view: nothing that either of them grants alone.
//!
//! Looked at for each reader and each person of whom the reader sees releases under two agreements or more. Four kinds are found:
//! - *joined*: one event released under both; the view shows the union of its fields on one line.
//! - *computed*: a column or rule of the view that needs fields of both.
//! - *same codes*: a field that is withheld from the reader, and another of the same code list about the same person that the other agreement shows.
//! - *by condition*: an event that one agreement releases always and the other only where a withheld field says so; what is missing tells the field.
//!
//! Only fields of third parties count: what an organisation itself sent teaches it nothing.

use std::collections::{BTreeMap, BTreeSet};

use walbrook_domain::{AgreementId, EventType, Organisation};
use walbrook_policy::state::AgreementBook;
use walbrook_view::View;

use super::readers::{Readable, Reader, Sight};
use super::tally::{Release, Tally};
use super::worlds::Worlds;

/// How it is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// One event's fields from both.
    Joined,
    /// A column or rule over fields of both.
    Computed,
    /// A withheld field has the same code list as one that is shown.
    SameCodes,
    /// Present under one and missing under the other.
    ByCondition,
}

impl How {
    /// The word in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            How::Joined => "joined",
            How::Computed => "computed",
            How::SameCodes => "same codes",
            How::ByCondition => "by condition",
        }
    }
}

/// One thing learnt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Learnt {
    /// The view and role.
    pub view: String,
    /// See `view`.
    pub role: String,
    /// How.
    pub how: How,
    /// What: an output of the view, or `event type.field`.
    pub what: String,
    /// The agreements that meet.
    pub agreements: Vec<AgreementId>,
    /// What it is learnt from.
    pub from: String,
}

/// For how many: readers' organisations, and rows over all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Who learns it.
    pub organisations: BTreeSet<Organisation>,
    /// People's rows it is learnt of, counted for each reader.
    pub rows: u64,
}

/// A release as a reader sees it.
struct Seen<'a> {
    release: &'a Release,
    mask: u64,
}

/// What is learnt in one world: `after` chooses which.
pub fn learnt(
    worlds: &Worlds,
    sights: &BTreeMap<Reader, Sight>,
    tally: &Tally,
    after: bool,
) -> BTreeMap<Learnt, Reach> {
    let book = if after {
        worlds.after.state().book()
    } else {
        worlds.before.state().book()
    };
    let mut found: BTreeMap<Learnt, Reach> = BTreeMap::new();
    for (reader, sight) in sights {
        let Some(view) = worlds.views.get(&reader.view) else {
            continue;
        };
        let fields = if after {
            &sight.fields
        } else {
            &sight.fields_before
        };
        for ((before, now), count) in &sight.rows {
            let seen = seen(if after { now } else { before }, fields, tally);
            for learnt in of_row(reader, view, book, &seen) {
                let reach = found.entry(learnt).or_default();
                reach.organisations.insert(reader.organisation.clone());
                reach.rows += count;
            }
        }
    }
    found
}

fn seen<'a>(numbers: &Readable, fields: &BTreeMap<u32, u64>, tally: &'a Tally) -> Vec<Seen<'a>> {
    numbers
        .iter()
        .filter_map(|number| {
            Some(Seen {
                release: tally.releases.get(*number)?,
                mask: *fields.get(number)?,
            })
        })
        .collect()
}

/// What is learnt from one person's releases.
fn of_row(reader: &Reader, view: &View, book: &AgreementBook, seen: &[Seen<'_>]) -> Vec<Learnt> {
    let agreements: BTreeSet<&AgreementId> =
        seen.iter().map(|one| &one.release.agreement).collect();
    if agreements.len() < 2 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut add = |how, what: String, agreements: [&AgreementId; 2], from: String| {
        let mut agreements = agreements.map(Clone::clone).to_vec();
        agreements.sort();
        found.push(Learnt {
            view: reader.view.clone(),
            role: reader.role.clone(),
            how,
            what,
            agreements,
            from,
        });
    };
    for (at, a) in seen.iter().enumerate() {
        for b in seen.iter().skip(at + 1) {
            if a.release.agreement == b.release.agreement {
                continue;
            }
            let pair = [&a.release.agreement, &b.release.agreement];
            for (x, y) in [(a, b), (b, a)] {
                if x.release.source == reader.organisation {
                    continue;
                }
                same_codes(x, y, seen, |what, from| {
                    add(How::SameCodes, what, pair, from);
                });
                by_condition(x, y, seen, book, |what, from| {
                    add(How::ByCondition, what, pair, from);
                });
            }
            if a.release.source != reader.organisation {
                joined(a, b, |what, from| add(How::Joined, what, pair, from));
            }
        }
    }
    for (output, pair, from) in computed(reader, view, seen) {
        add(How::Computed, output, [&pair.0, &pair.1], from);
    }
    found.sort();
    found.dedup();
    found
}

fn names(event_type: &EventType, mask: u64) -> Vec<&'static str> {
    let fields = walbrook_proto::event(event_type.as_str()).map_or(&[][..], |info| info.fields);
    (0u32..)
        .zip(fields)
        .filter(|(bit, _)| *bit < 64 && mask & (1 << bit) != 0)
        .map(|(_, name)| *name)
        .collect()
}

/// Both release the same events, and each shows a field that the other does not.
fn joined(a: &Seen<'_>, b: &Seen<'_>, mut add: impl FnMut(String, String)) {
    let same = a.release.source == b.release.source && a.release.event_type == b.release.event_type;
    let (only_a, only_b) = (a.mask & !b.mask, b.mask & !a.mask);
    if !same || only_a == 0 || only_b == 0 {
        return;
    }
    let event = &a.release.event_type;
    let side = |one: &Seen<'_>, mask| {
        format!(
            "{} under {}",
            names(event, mask).join(", "),
            one.release.agreement
        )
    };
    add(
        event.to_string(),
        format!("{} beside {}", side(a, only_a), side(b, only_b)),
    );
}

/// Fields of the same event that anything this reader sees shows.
fn shown(event_type: &EventType, source: &Organisation, seen: &[Seen<'_>]) -> u64 {
    seen.iter()
        .filter(|one| one.release.event_type == *event_type && one.release.source == *source)
        .fold(0, |mask, one| mask | one.mask)
}

/// A field of `x`'s event that is withheld, and one of `y`'s, of another event type, from the same code list.
fn same_codes(x: &Seen<'_>, y: &Seen<'_>, seen: &[Seen<'_>], mut add: impl FnMut(String, String)) {
    let (of_x, of_y) = (&x.release.event_type, &y.release.event_type);
    if of_x == of_y {
        return;
    }
    let codes = |event: &EventType| {
        let info = walbrook_proto::event(event.as_str()).and_then(|info| info.event);
        info.map_or(&[][..], |event| event.codes)
    };
    let shown_x = names(of_x, shown(of_x, &x.release.source, seen));
    let shown_y = names(of_y, y.mask);
    for (withheld, list) in codes(of_x) {
        if shown_x.contains(withheld) {
            continue;
        }
        for (granted, other) in codes(of_y) {
            if list == other && shown_y.contains(granted) {
                add(
                    format!("{of_x}.{withheld}"),
                    format!("{of_y}.{granted}, of the same code list ({list})"),
                );
            }
        }
    }
}

/// `x`'s event is released only where a withheld field says so, and `y` shows the same event without that condition.
fn by_condition(
    x: &Seen<'_>,
    y: &Seen<'_>,
    seen: &[Seen<'_>],
    book: &AgreementBook,
    mut add: impl FnMut(String, String),
) {
    let same = x.release.source == y.release.source && x.release.event_type == y.release.event_type;
    if !same {
        return;
    }
    let predicate_of = |one: &Seen<'_>| {
        let edition = book.edition(&one.release.agreement, one.release.version)?;
        let (flow, _) = edition.flow(&one.release.source, &one.release.event_type)?;
        flow.conditions.predicate.clone()
    };
    let Some(predicate) = predicate_of(x) else {
        return;
    };
    let other = predicate_of(y);
    let event = &x.release.event_type;
    let known = names(event, shown(event, &x.release.source, seen));
    for field in predicate.fields() {
        let also = other
            .as_ref()
            .is_some_and(|other| other.fields().contains(&field));
        if !known.contains(&field) && !also {
            add(
                format!("{event}.{field}"),
                format!(
                    "whether it comes under both: {} asks for {predicate}",
                    x.release.agreement
                ),
            );
        }
    }
}

/// What a row's output needs: fields by event type.
type Needs = BTreeMap<EventType, u64>;

/// Columns and rules that no one agreement gives all the fields of, and two do.
fn computed(
    reader: &Reader,
    view: &View,
    seen: &[Seen<'_>],
) -> Vec<(String, (AgreementId, AgreementId), String)> {
    let mut found = Vec::new();
    for (output, needs) in outputs(view) {
        if needs.len() < 2 {
            continue;
        }
        let gives = |agreements: &[&AgreementId], event: &EventType, mask: u64| {
            seen.iter().any(|one| {
                agreements.contains(&&one.release.agreement)
                    && one.release.event_type == *event
                    && one.mask & mask == mask
            })
        };
        let all = |agreements: &[&AgreementId]| {
            needs
                .iter()
                .all(|(event, mask)| gives(agreements, event, *mask))
        };
        let agreements: BTreeSet<&AgreementId> =
            seen.iter().map(|one| &one.release.agreement).collect();
        let agreements: Vec<&AgreementId> = agreements.into_iter().collect();
        if agreements.iter().any(|one| all(&[*one])) {
            continue;
        }
        let third_party = seen.iter().any(|one| {
            one.release.source != reader.organisation && needs.contains_key(&one.release.event_type)
        });
        for (at, a) in agreements.iter().enumerate() {
            for b in agreements.iter().skip(at + 1) {
                if third_party && all(&[*a, *b]) {
                    let from: Vec<String> = needs
                        .iter()
                        .map(|(event, mask)| match names(event, *mask).join(", ") {
                            fields if fields.is_empty() => event.to_string(),
                            fields => format!("{event} ({fields})"),
                        })
                        .collect();
                    let pair = ((*a).clone(), (*b).clone());
                    found.push((output.clone(), pair, from.join(" and ")));
                }
            }
        }
    }
    found
}

/// The outputs of a view with what each needs; a flag and a rule need what the features they read need.
fn outputs(view: &View) -> Vec<(String, Needs)> {
    let mut of_feature: BTreeMap<&str, Needs> = BTreeMap::new();
    for feature in &view.features {
        let mut needs = Needs::new();
        for select in feature.kind.selects() {
            *needs.entry(select.event_type.clone()).or_default() |= select.mask();
        }
        let read = together(feature.kind.outputs_read().into_iter(), &of_feature);
        for (event, mask) in read {
            *needs.entry(event).or_default() |= mask;
        }
        of_feature.insert(&feature.name, needs);
    }
    let rules = view.rules.iter().map(|rule| {
        (
            format!("rule {}", rule.id),
            together(rule.when.names(), &of_feature),
        )
    });
    let features = of_feature
        .iter()
        .map(|(name, needs)| ((*name).to_owned(), needs.clone()));
    features.chain(rules).collect()
}

/// What several outputs need together. An output may be a part of a feature: `initial_health_due` of `initial_health`.
fn together<'a>(names: impl Iterator<Item = &'a str>, of_feature: &BTreeMap<&str, Needs>) -> Needs {
    let mut needs = Needs::new();
    for name in names {
        let feature = of_feature
            .iter()
            .filter(|(feature, _)| {
                name == **feature
                    || name
                        .strip_prefix(**feature)
                        .is_some_and(|rest| rest.starts_with('_'))
            })
            .max_by_key(|(feature, _)| feature.len());
        for (event, mask) in feature.into_iter().flat_map(|(_, needs)| needs) {
            *needs.entry(event.clone()).or_default() |= mask;
        }
    }
    needs
}

#[cfg(test)]
mod tests;
