//! Rows on topics of organisations: each derived again from the disclosure it stands with, and each that left from the cause that took it away.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use walbrook_domain::{Day, Instant, Organisation, Pseudonym};
use walbrook_eventlog::{murmur2_partition, topics};
use walbrook_policy::read::{Delivered, delivered};
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_view::delivered::{Shape, Stated};
use walbrook_view::left::why;
use walbrook_view::query::Query;
use walbrook_view::reading::BookReading;
use walbrook_view::{Asked, Reading as _, View, Viewer};

use super::Reads;
use crate::log::Place;

/// The operation on record.
pub(super) const DELIVER: &str = "DELIVER";

/// What one disclosure says of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// A row with this hash, as a value with that one, kept until that day.
    Row(Vec<u8>, Vec<u8>, Option<Day>),
    /// It left, for this reason.
    Left(String),
}

/// What was disclosed on one partition of a topic, in the order of `audit.reads`.
#[derive(Debug, Default)]
pub(super) struct Disclosed {
    pub(super) by_partition: BTreeMap<(String, i32), Vec<Disclosure>>,
    /// Who stands, by topic and partition.
    pub(super) stands: BTreeMap<(String, i32), BTreeMap<Vec<u8>, Stood>>,
    /// When the first was put on record, by topic.
    pub(super) since: BTreeMap<String, Instant>,
}

/// Its id, and what it says of whom.
pub(super) type Disclosure = (String, BTreeMap<Vec<u8>, Said>);

/// What a disclosure says of one person, and the row that stands by it.
type OfPerson = (Vec<u8>, Said, Option<Stood>);

/// What rows of one disclosure share.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) place: Place,
    /// When it was put on record.
    pub(super) recorded_at: Instant,
    /// The instant its rows are stated for.
    pub(super) stated_at: Instant,
    pub(super) viewer: Viewer,
    pub(super) view: [u8; 32],
    /// Marks of disputed cells stand on what is below it.
    pub(super) reads_next: i64,
}

/// A row as it was disclosed last.
#[derive(Debug, Clone)]
pub(super) struct Stood {
    pub(super) of: Arc<Source>,
    pub(super) row: Vec<u8>,
    /// The events it rests on, 8 bytes each.
    pub(super) events: Vec<u8>,
    pub(super) until: Option<Day>,
}

impl Reads<'_> {
    /// Holds one disclosure against what follows from the log.
    pub(super) fn delivered(
        &mut self,
        place: &Place,
        (read, recorded_at): (&ReadRecord, Instant),
        view: &View,
        (book, viewer): (&walbrook_policy::state::AgreementBook, &Viewer),
        query: &Query,
    ) {
        let reading = BookReading::delivered(book, viewer, view, query.read_at);
        let topic = read.topic.clone().unwrap_or_default();
        let number = read.topic_partition.unwrap_or(-1);
        let expected = plain(&view.name, &viewer.organisation).unwrap_or_default();
        if topic != expected || read.reader != topic {
            let found = "another topic or reader";
            self.report
                .differ("delivery", place, format!("rows on {expected}"), found);
        }
        let of = (&view.purpose, view.name.as_str());
        let today = query.read_at.london_day();
        let granted = match delivered(book, &viewer.organisation, of, today) {
            Some(Delivered::To(role)) => Some(role),
            Some(Delivered::TwoRoles) | None => None,
        };
        let only = |word: &str| {
            let mut reasons = read.left_reasons.iter();
            read.answered.is_empty() && !read.left.is_empty() && reasons.all(|why| why == word)
        };
        let given_up = match granted {
            // A view without a file is delivered to nobody, whatever agreements say.
            _ if only(why::VIEW_REMOVED) && read.reason == why::VIEW_REMOVED => {
                read.role.is_empty()
            }
            None => only(why::GRANT_ENDED),
            Some(_) => false,
        };
        if !given_up {
            self.entitled(place, read, &reading);
            if granted.as_ref() != Some(&read.role) {
                self.report.differ(
                    "delivery",
                    place,
                    "the one role that agreements in force deliver to",
                    "another, or none",
                );
            }
        }
        let parallel = read.left.len() == read.left_reasons.len()
            && read.answered.len() == read.value_sha256.len();
        let known = |why: &String| why::ALL.contains(&why.as_str());
        if !parallel || !read.left_reasons.iter().all(known) {
            let expected = "a value of each row and a known reason for each that left";
            self.report.differ("delivery", place, expected, "others");
        }
        let [applied] = read.applied.as_slice() else {
            let expected = "one partition, applied";
            self.report
                .differ("delivery", place, expected, read.applied.len());
            return;
        };
        if applied.partition != number {
            let expected = "rows on the partition they were computed from";
            self.report.differ("delivery", place, expected, number);
        }
        let of = Of {
            place,
            read,
            recorded_at,
            viewer,
            given_up,
        };
        self.delivered_rows(&of, (view, &reading), query);
    }

    fn delivered_rows(
        &mut self,
        of: &Of<'_>,
        (view, reading): (&View, &BookReading<'_>),
        query: &Query,
    ) {
        let (place, read) = (of.place, of.read);
        let calendar = self.calendar.clone();
        let disputes = std::sync::Arc::clone(&self.disputes);
        self.marked_in_time(place, read, query.read_at);
        let instant = |at: &Option<prost_types::Timestamp>| {
            let at = at.as_ref()?;
            Instant::from_seconds_nanos(at.seconds, at.nanos)
        };
        let evaluated_at = instant(&read.evaluated_at);
        let (at, through) = match (evaluated_at, instant(&read.grounds_applied_through)) {
            (Some(at), Some(through)) => (at, through),
            (Some(at), None) if read.answered.is_empty() => (at, Instant(0)),
            _ => {
                let expected = "the instants its rows are stated for and rest on";
                self.report.differ("delivery", place, expected, "none");
                return;
            }
        };
        let asked = Asked {
            view,
            reading,
            evaluated_at: at,
            case_named: false,
            glass_broken: false,
            disputes: Some(disputes.marks(read.reads_next)),
            calendar: &calendar,
        };
        if let Err(problem) = self.folds.move_to(read, &view.purpose) {
            let expected = "applied offsets of the view's own topic";
            self.report.differ("delivery", place, expected, problem);
            return;
        }
        let shape = Shape::new(view, &read.role, &walbrook_view::file::catalogue()).ok();
        let agreements = reading.entitlements();
        let key = (
            read.topic.clone().unwrap_or_default(),
            read.topic_partition.unwrap_or(-1),
        );
        let partitions = self.log.partitions(&topics::shared(view.purpose.as_str()));
        let source = Arc::new(Source {
            place: place.clone(),
            recorded_at: of.recorded_at,
            stated_at: at,
            viewer: of.viewer.clone(),
            view: view.sha256,
            reads_next: read.reads_next,
        });
        let mut said = Vec::new();
        for (answered, value) in read.answered.iter().zip(&read.value_sha256) {
            self.row(place, &asked, answered);
            let person = Pseudonym::try_from(answered.person_pseudonym.as_slice()).ok();
            let until = person.and_then(|person| self.folds.keep_until(reading, &person));
            let body = person.and_then(|person| {
                let row = self.folds.row(&asked, &person)?;
                let stated = Stated {
                    at,
                    through,
                    agreements: &agreements,
                    read_id: &read.read_id,
                    keep_until: until,
                };
                Some(shape.as_ref()?.body(&row, &stated))
            });
            let follows = body.is_some_and(|body| Sha256::digest(body).as_slice() == value);
            let here = murmur2_partition(&answered.person_pseudonym, partitions) == key.1;
            if !follows || !here {
                let expected = "the value that follows from the row, on the person's partition";
                self.report.differ("delivery", place, expected, "another");
            }
            let row = Said::Row(answered.row_sha256.clone(), value.clone(), until);
            let stood = Stood {
                of: Arc::clone(&source),
                row: answered.row_sha256.clone(),
                events: answered.events.clone(),
                until,
            };
            said.push((answered.person_pseudonym.clone(), row, Some(stood)));
        }
        if !of.given_up {
            self.left(place, read, &asked);
        }
        for (person, word) in read.left.iter().zip(&read.left_reasons) {
            let stood = self.disclosed.stands.get(&key);
            let stood = stood.and_then(|stands| stands.get(person));
            let until = (stood.and_then(|stood| stood.until), query.read_at);
            let follows = Pseudonym::try_from(person.as_slice()).ok();
            let follows = follows.and_then(|person| self.folds.left(&asked, &person, until));
            // Of somebody whose row stands nothing follows, and that was said.
            let other = follows.filter(|follows| follows != word);
            if let Some(follows) = other.filter(|_| !of.given_up) {
                let expected = format!("a row that left for {follows}");
                self.report
                    .differ("delivery", place, expected, "another reason");
            }
            said.push((person.clone(), Said::Left(word.clone()), None));
        }
        let since = self.disclosed.since.entry(key.0.clone());
        since.or_insert(of.recorded_at);
        self.disclose(place, read, (key, said));
    }

    /// Puts what a disclosure says beside those before it.
    fn disclose(
        &mut self,
        place: &Place,
        read: &ReadRecord,
        (key, said): ((String, i32), Vec<OfPerson>),
    ) {
        let stands = self.disclosed.stands.entry(key.clone()).or_default();
        let list = self.disclosed.by_partition.entry(key).or_default();
        let count = said.len();
        let mut whole = BTreeMap::new();
        for (person, what, stood) in said {
            let stood = match stood {
                Some(stood) => {
                    stands.insert(person.clone(), stood);
                    true
                }
                None => stands.remove(&person).is_some(),
            };
            if !stood {
                let expected = "a tombstone for somebody whose row stands";
                let found = "one whose row does not";
                self.report.differ("delivery", place, expected, found);
            }
            whole.insert(person, what);
        }
        let twice = whole.len() != count || list.iter().any(|one| one.0 == read.read_id);
        list.push((read.read_id.clone(), whole));
        if twice {
            let expected = "each person once, in a disclosure of its own id";
            self.report.differ("delivery", place, expected, "twice");
        }
    }
}

/// Which disclosure.
struct Of<'a> {
    place: &'a Place,
    read: &'a ReadRecord,
    recorded_at: Instant,
    viewer: &'a Viewer,
    /// Nothing is delivered any more: everything leaves, whatever its rows would say.
    given_up: bool,
}

/// The topic of an organisation and view.
fn plain(view: &str, organisation: &Organisation) -> Option<String> {
    let scheme = organisation.scheme().as_str();
    topics::view(view, (scheme, organisation.code()))
}
