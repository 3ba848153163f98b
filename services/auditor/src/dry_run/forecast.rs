//! The answer, ready for a terminal or as JSON. People are numbers here.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;
use walbrook_domain::{EventType, Organisation, PersonId};
use walbrook_policy::agreement::Kind;
use walbrook_policy::class::{Class, Who};

use super::Asked;
use super::inference::{How, learnt};
use super::people::People;
use super::readers::{FieldsSeen, sights};
use super::tally::Tally;
use super::worlds::Worlds;

/// What would change.
#[derive(Debug, Clone, Serialize)]
pub struct Forecast {
    /// The proposal.
    pub agreement: String,
    /// Its version.
    pub version: u32,
    /// The version on record before it.
    pub previous_version: Option<u32>,
    /// Whether exactly this text is on record already.
    pub on_record: bool,
    /// Its title.
    pub title: String,
    /// `sharing`, `matching` or `open`.
    pub kind: String,
    /// Its purpose.
    pub purpose: String,
    /// Whether nothing is released for this purpose now.
    pub purpose_is_new: bool,
    /// The first day looked at; absent: all of the log.
    pub since: Option<String>,
    /// Who is taken to have signed.
    pub signatories: Vec<String>,
    /// How much was replayed.
    pub replayed: Replayed,
    /// What would have been shared, by event type and kind of source.
    pub flows: Vec<FlowChange>,
    /// People about whom something would be released.
    pub people: PeopleChange,
    /// Who would see more, or less.
    pub readers: Vec<ReaderChange>,
    /// What becomes inferable because two agreements meet in one view, and is not now.
    pub inferable: Vec<Inferable>,
    /// What signing does to what stands on the log already.
    pub at_once: AtOnceChange,
    /// About whom something would be released for this purpose for the first time: for a caller that can make pseudonyms of them.
    #[serde(skip)]
    pub newly_shared: BTreeSet<PersonId>,
}

/// How much was replayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Raw records read.
    pub records: u64,
    /// Events decided twice.
    pub events: u64,
    /// Events that the proposal has a flow for.
    pub concerned: u64,
    /// Records that stand in quarantine or cannot be decided.
    pub unreadable: u64,
}

/// One event type from one kind of source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowChange {
    /// The event type.
    pub event_type: String,
    /// A class of organisations, or one organisation.
    pub source: String,
    /// How many organisations of it sent such events.
    pub organisations: u64,
    /// Such events.
    pub events: u64,
    /// Released as things are, under this agreement.
    pub released_before: u64,
    /// Released under the proposal.
    pub released_after: u64,
    /// People they are about.
    pub people: u64,
    /// Fields newly released under this agreement that nobody releases for this purpose now.
    pub fields_new_to_purpose: Vec<String>,
    /// Fields newly released under this agreement that another agreement of the purpose releases already.
    pub fields_new_here: Vec<String>,
    /// Fields no longer released under this agreement.
    pub fields_no_longer: Vec<String>,
    /// Fields as before.
    pub fields_as_before: Vec<String>,
    /// Why the others would be withheld.
    pub withheld: Vec<Withheld>,
}

/// Why events would be withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// The reason's word.
    pub reason: String,
    /// One sentence.
    pub sentence: String,
    /// How many events.
    pub events: u64,
}

/// People.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PeopleChange {
    /// About whom the proposal would release something.
    pub under_agreement: u64,
    /// Of these, people about whom nothing is released for this purpose now.
    pub new_to_purpose: u64,
    /// About whom nothing would be released for this purpose any more.
    pub no_longer: u64,
}

/// One reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReaderChange {
    /// The organisation.
    pub organisation: String,
    /// The role, view and mode.
    pub role: String,
    /// See `role`.
    pub view: String,
    /// See `role`.
    pub mode: String,
    /// Whether the organisation may read so now, and whether it could.
    pub entitled_before: bool,
    /// See `entitled_before`.
    pub entitled_after: bool,
    /// People within its scope of whom it sees something now.
    pub people_before: u64,
    /// The same under the proposal.
    pub people_after: u64,
    /// People of whom it sees nothing now.
    pub people_new: u64,
    /// People of whom it would see nothing any more.
    pub people_no_longer: u64,
    /// Fields it would see and does not see now.
    pub fields_new: Vec<String>,
    /// Fields it would not see any more.
    pub fields_no_longer: Vec<String>,
    /// Whether it could look beyond its scope with a case reference.
    pub with_case_reference: bool,
}

/// Something that becomes inferable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inferable {
    /// The view and role.
    pub view: String,
    /// See `view`.
    pub role: String,
    /// How.
    pub how: How,
    /// What: an output of the view, an event, or `event.field`.
    pub what: String,
    /// From what.
    pub from: String,
    /// The agreements that meet.
    pub agreements: Vec<String>,
    /// How many organisations learn it.
    pub organisations: u64,
    /// Of how many people's rows, over all of them.
    pub rows: u64,
}

/// At once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AtOnceChange {
    /// Past events that would be released, or released with more fields.
    pub released: u64,
    /// People of these.
    pub released_people: u64,
    /// Past events that would be taken back, or lose fields.
    pub narrowed: u64,
    /// People of these.
    pub narrowed_people: u64,
}

/// Draws the answer up.
pub fn answer(asked: &Asked, worlds: &Worlds, people: &People, tally: &Tally) -> Forecast {
    let proposal = &worlds.proposal;
    let sights = sights(worlds, people, tally, asked.now);
    let after = learnt(worlds, &sights, tally, true);
    let before = learnt(worlds, &sights, tally, false);
    let readers = sights.iter().map(|(reader, sight)| {
        let (more, less) = sight.changed_fields(tally);
        ReaderChange {
            organisation: reader.organisation.to_string(),
            role: reader.role.clone(),
            view: reader.view.clone(),
            mode: reader.mode.to_owned(),
            entitled_before: sight.entitled.0,
            entitled_after: sight.entitled.1,
            people_before: sight.people_before(),
            people_after: sight.people_after(),
            people_new: sight.people_new(),
            people_no_longer: sight.people_lost(),
            fields_new: dotted(&more),
            fields_no_longer: dotted(&less),
            with_case_reference: sight.with_case_reference,
        }
    });
    let inferable = after
        .into_iter()
        .filter(|(learnt, _)| !before.contains_key(learnt))
        .map(|(learnt, reach)| Inferable {
            view: learnt.view,
            role: learnt.role,
            how: learnt.how,
            what: learnt.what,
            from: learnt.from,
            agreements: learnt.agreements.iter().map(ToString::to_string).collect(),
            organisations: size(reach.organisations.len()),
            rows: reach.rows,
        });
    let newly_shared = newly_shared(tally);
    Forecast {
        agreement: proposal.id.to_string(),
        version: proposal.version.0,
        previous_version: worlds.previous.map(|version| version.0),
        on_record: worlds.on_record,
        title: proposal.title.clone(),
        kind: proposal.kind.as_str().to_owned(),
        purpose: proposal.purpose.to_string(),
        purpose_is_new: matches!(proposal.kind, Kind::Sharing)
            && tally.held.values().all(|held| held.before.is_empty()),
        since: asked.since.map(|day| day.to_string()),
        signatories: worlds.signatories.iter().map(ToString::to_string).collect(),
        replayed: Replayed {
            records: tally.records,
            events: tally.events,
            concerned: tally.concerned,
            unreadable: tally.unreadable,
        },
        flows: flows(tally),
        people: people_change(tally, &newly_shared),
        readers: readers.collect(),
        inferable: inferable.collect(),
        at_once: AtOnceChange {
            released: tally.at_once.released,
            released_people: size(tally.at_once.released_people.len()),
            narrowed: tally.at_once.narrowed,
            narrowed_people: size(tally.at_once.narrowed_people.len()),
        },
        newly_shared,
    }
}

fn newly_shared(tally: &Tally) -> BTreeSet<PersonId> {
    let held = tally.held.iter();
    held.filter(|(_, held)| held.before.is_empty() && !held.after.is_empty())
        .map(|(person, _)| *person)
        .collect()
}

fn people_change(tally: &Tally, newly_shared: &BTreeSet<PersonId>) -> PeopleChange {
    let under: HashSet<&PersonId> = tally.flows.values().flat_map(|flow| &flow.people).collect();
    let no_longer = tally
        .held
        .values()
        .filter(|held| !held.before.is_empty() && held.after.is_empty());
    PeopleChange {
        under_agreement: size(under.len()),
        new_to_purpose: size(newly_shared.len()),
        no_longer: size(no_longer.count()),
    }
}

/// The kind of source an organisation is, for a table of few lines.
fn kind_of(organisation: &Organisation) -> String {
    Class::of(organisation).map_or_else(
        || Who::Organisation(organisation.clone()).to_string(),
        |class| class.as_str().to_owned(),
    )
}

/// Flows of one event type and kind of source, added up.
#[derive(Default)]
struct Sum<'t> {
    organisations: u64,
    change: [u64; 3],
    before: u64,
    after: u64,
    elsewhere: u64,
    withheld: BTreeMap<walbrook_policy::Reason, u64>,
    people: HashSet<&'t PersonId>,
}

fn flows(tally: &Tally) -> Vec<FlowChange> {
    let mut sums: BTreeMap<(EventType, String), Sum<'_>> = BTreeMap::new();
    for ((event_type, source), flow) in &tally.flows {
        let sum = sums
            .entry((event_type.clone(), kind_of(source)))
            .or_default();
        sum.organisations += 1;
        let [events, released_before, released_after] = &mut sum.change;
        *events += flow.events;
        *released_before += flow.released_before;
        *released_after += flow.released_after;
        sum.before |= flow.mask_before;
        sum.after |= flow.mask_after;
        sum.elsewhere |= flow.mask_elsewhere;
        for (reason, count) in &flow.withheld {
            *sum.withheld.entry(*reason).or_default() += count;
        }
        sum.people.extend(&flow.people);
    }
    sums.into_iter()
        .map(|((event_type, source), sum)| {
            let names = |mask| fields(&event_type, mask);
            let gained = sum.after & !sum.before;
            let [events, released_before, released_after] = sum.change;
            FlowChange {
                source,
                organisations: sum.organisations,
                events,
                released_before,
                released_after,
                people: size(sum.people.len()),
                fields_new_to_purpose: names(gained & !sum.elsewhere),
                fields_new_here: names(gained & sum.elsewhere),
                fields_no_longer: names(sum.before & !sum.after),
                fields_as_before: names(sum.before & sum.after),
                withheld: sum
                    .withheld
                    .into_iter()
                    .map(|(reason, events)| Withheld {
                        reason: reason.to_string(),
                        sentence: reason.sentence().to_owned(),
                        events,
                    })
                    .collect(),
                event_type: event_type.to_string(),
            }
        })
        .collect()
}

/// The names of a mask's fields.
pub fn fields(event_type: &EventType, mask: u64) -> Vec<String> {
    let names = walbrook_proto::event(event_type.as_str()).map_or(&[][..], |info| info.fields);
    (0u32..64)
        .zip(names)
        .filter(|(bit, _)| mask & (1 << bit) != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

fn dotted(seen: &FieldsSeen) -> Vec<String> {
    seen.iter()
        .flat_map(|(event_type, mask)| {
            fields(event_type, *mask)
                .into_iter()
                .map(move |field| format!("{event_type}.{field}"))
        })
        .collect()
}

fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
