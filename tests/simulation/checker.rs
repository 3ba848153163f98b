//! Reads what the brokers wrote from its start, transaction by transaction, and says which promise is broken. It knows what was sent and what was
//! acknowledged when (P1, P5), what the rules say at each page's stamp (P8), what may stand (P9), and that everything of a transaction stands or
//! nothing (P6).

use crate::sources::{KINDS, Sent};
use crate::truth::Truth;
use crate::world::{Broken, PARTITIONS, World};
use crate::written::{Written, transactions};
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{Handle, Instant};
use walbrook_event::{ReleaseEnvelope, headers};
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{Record, topics};
use walbrook_policy::facts::Precedence;
use walbrook_policy::outcome::Outcome;
use walbrook_proto::audit::v1::{DecisionEntry, DecisionPage};
use walbrook_tests::shelf::Shelf;

macro_rules! hold {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err(format!($($words)*));
        }
    };
}

/// An entry: the agreement and its version, the reason, and the fields granted.
type Said = (Option<(String, u32)>, i32, u64);

/// Everything that must hold once the world is at rest.
///
/// # Errors
/// The first promise that is broken.
pub fn check(world: &World) -> Result<(), Broken> {
    let mut written = transactions(world)?;
    for number in 0..PARTITIONS {
        let of_p = written.remove(&number).unwrap_or_default();
        Walk::new(world, number).all(&of_p)?;
    }
    Ok(())
}

/// One p from its first page on.
struct Walk<'a> {
    world: &'a World,
    number: i32,
    truth: Truth,
    sent: BTreeMap<(usize, i64), &'a Sent>,
    by_handle: BTreeMap<Handle, Vec<&'a Sent>>,
    /// The first of each identity, by the pseudonyms of its handle and event.
    names: BTreeMap<(String, String), &'a Sent>,
    shelf: Shelf,
    sequence: i64,
    covered: [i64; 2],
    stamp: (i64, i64),
    decided_at: Instant,
    /// What the last page says of the queue.
    cursor: String,
    /// The last offset written to each shared partition.
    last: BTreeMap<i32, i64>,
}

impl<'a> Walk<'a> {
    fn new(world: &'a World, number: i32) -> Self {
        let mut sent = BTreeMap::new();
        let mut by_handle: BTreeMap<Handle, Vec<&Sent>> = BTreeMap::new();
        for one in &world.sources.sent {
            if one.partition == number {
                sent.insert((one.kind, one.offset), one);
                by_handle.entry(one.handle).or_default().push(one);
            }
        }
        let truth = Truth::new(world, number);
        let mut names = BTreeMap::new();
        for one in sent.values() {
            names.entry(truth.release_name(one)).or_insert(*one);
        }
        Self {
            world,
            number,
            truth,
            sent,
            by_handle,
            names,
            shelf: Shelf::default(),
            sequence: 0,
            covered: [0; 2],
            stamp: (0, 0),
            decided_at: Instant(0),
            cursor: "-".to_owned(),
            last: BTreeMap::new(),
        }
    }

    fn all(mut self, of_p: &[Written]) -> Result<(), Broken> {
        for written in of_p {
            self.transaction(written)
                .map_err(|broken| format!("p={} page {}: {broken}", self.number, self.sequence))?;
        }
        self.at_rest()
    }

    fn transaction(&mut self, written: &Written) -> Result<(), Broken> {
        let mut touched = BTreeSet::new();
        let mut permits = Vec::new();
        let mut retractions = 0;
        for page in &written.pages {
            touched.extend(self.head(page)?);
            if page.kind == "LIVE" {
                touched.extend(self.live(page, &mut permits)?);
            }
            for event in &page.redecided {
                let kind = kind(&event.topic)?;
                for entry in &event.entries {
                    let sent = self.sent_at(kind, event.offset)?;
                    self.permit(entry, sent, &mut permits)?;
                }
            }
            retractions += page.retractions.len();
        }
        crate::generations::of_transaction(written, self.truth.generation())?;
        self.pairing(&written.shared, permits, retractions)?;
        self.positions(written)?;
        for handle in touched {
            self.nothing_wrong_stands(handle)?;
        }
        self.nothing_stands_that_nothing_allowed()
    }

    /// Number, stamp and time of a page.
    fn head(&mut self, page: &DecisionPage) -> Result<BTreeSet<Handle>, Broken> {
        hold!(
            page.sequence == self.sequence,
            "pages: {} where {} follows",
            page.sequence,
            self.sequence
        );
        self.sequence += 1;
        let stamp = (page.policy_next, page.links_next);
        hold!(
            stamp.0 >= self.stamp.0 && stamp.1 >= self.stamp.1,
            "positions: {stamp:?} after {:?}",
            self.stamp
        );
        self.stamp = stamp;
        let at = page.decided_at.unwrap_or_default();
        let at = Instant::from_seconds_nanos(at.seconds, at.nanos).unwrap_or(Instant(0));
        hold!(
            at >= self.decided_at,
            "decision time ran backwards, from {:?} to {at:?}",
            self.decided_at
        );
        self.decided_at = at;
        hold!(
            page.cursor_before == self.cursor,
            "queue: a page begins at {}, the one before ended at {}",
            page.cursor_before,
            self.cursor
        );
        self.cursor.clone_from(&page.cursor_after);
        Ok(self.truth.advance(stamp.0, stamp.1))
    }

    /// P5 and P8 for a stretch of events; whom they are about.
    fn live(
        &mut self,
        page: &DecisionPage,
        permits: &mut Vec<(i64, i64)>,
    ) -> Result<BTreeSet<Handle>, Broken> {
        let kind = kind(&page.raw_topic)?;
        hold!(
            page.first_offset == self.covered[kind],
            "pages of {}: offset {} where {} follows",
            page.raw_topic,
            page.first_offset,
            self.covered[kind]
        );
        let mut touched = BTreeSet::new();
        for offset in page.first_offset..=page.last_offset {
            let sent = self.sent_at(kind, offset)?;
            touched.insert(sent.handle);
            hold!(
                page.policy_next >= sent.policy_end,
                "P5: offset {offset} is decided at {} of control.policy; {} was acknowledged before it was accepted",
                page.policy_next,
                sent.policy_end
            );
            hold!(
                page.links_next >= sent.links_end,
                "P5: offset {offset} is decided at {} of control.links; {} was acknowledged before it was accepted",
                page.links_next,
                sent.links_end
            );
            let entries: Vec<&DecisionEntry> = page
                .entries
                .iter()
                .filter(|entry| {
                    (entry.first_offset..entry.first_offset + i64::from(entry.offset_count))
                        .contains(&offset)
                })
                .collect();
            self.event(page, sent, &entries, permits)?;
        }
        self.covered[kind] = page.last_offset + 1;
        Ok(touched)
    }

    /// P8: what the page says of an event is what the rules say.
    fn event(
        &self,
        page: &DecisionPage,
        sent: &Sent,
        entries: &[&DecisionEntry],
        permits: &mut Vec<(i64, i64)>,
    ) -> Result<(), Broken> {
        let precedence = self
            .truth
            .precedence(sent, &self.by_handle[&sent.handle], sent.offset);
        let said: Vec<Said> = entries
            .iter()
            .map(|entry| {
                let agreement = usize::try_from(entry.agreement_index)
                    .ok()
                    .and_then(|at| page.agreements.get(at))
                    .map(|named| (named.agreement_id.clone(), named.version));
                (agreement, entry.reason, entry.field_mask.cast_unsigned())
            })
            .collect();
        let demanded: Vec<_> = if precedence == Precedence::First {
            let decisions = self.truth.decide(sent, precedence, self.decided_at);
            decisions
                .iter()
                .map(|decision| {
                    let permitted = decision.outcome() == Outcome::Permit;
                    let agreement = decision
                        .agreement()
                        .zip(decision.version())
                        .map(|(id, version)| (id.to_string(), version.0));
                    let mask = if permitted { decision.field_mask } else { 0 };
                    (agreement, decision.reason.code(), mask)
                })
                .collect()
        } else {
            use walbrook_policy::outcome::Reason;
            let reason = match precedence {
                Precedence::Duplicate => Reason::Duplicate,
                Precedence::Conflicting => Reason::Conflicting,
                _ => Reason::Superseded,
            };
            vec![(None, reason.code(), 0)]
        };
        hold!(
            said == demanded,
            "P8: offset {} is decided {said:?}; at its stamp the rules say {demanded:?}",
            sent.offset
        );
        for entry in entries {
            self.permit(entry, sent, permits)?;
        }
        Ok(())
    }

    fn permit(
        &self,
        entry: &DecisionEntry,
        sent: &Sent,
        permits: &mut Vec<(i64, i64)>,
    ) -> Result<(), Broken> {
        if entry.outcome != Outcome::Permit.code() {
            return Ok(());
        }
        let named = (entry.key_prefix, entry.event_prefix);
        let demanded = self.truth.prefixes(sent);
        hold!(
            named == demanded,
            "P8: a permit of offset {} names other pseudonyms than follow",
            sent.offset
        );
        permits.push(named);
        Ok(())
    }

    /// P6, P7: the permits of a transaction are its releases, its retractions stand in it, and all of it stands in order.
    fn pairing(
        &mut self,
        shared: &[Record],
        mut permits: Vec<(i64, i64)>,
        listed: usize,
    ) -> Result<(), Broken> {
        let mut releases = Vec::new();
        let before = self.shelf.retractions;
        for record in shared {
            let last = self.last.entry(record.at.partition).or_insert(-1);
            hold!(
                record.offset > *last,
                "order: offset {} of {} follows {last}",
                record.offset,
                record.at
            );
            *last = record.offset;
            self.shelf.put(record);
            let about = record.headers.text(headers::TYPE).unwrap_or_default();
            if KINDS.iter().any(|(_, name)| *name == about) {
                let release =
                    ReleaseEnvelope::read(|name| record.headers.get(name)).expect("a release");
                let key: [u8; 8] = record.key.as_deref().expect("a key")[..8]
                    .try_into()
                    .expect("16 bytes");
                releases.push((i64::from_be_bytes(key), release.id.prefix().cast_signed()));
            }
        }
        permits.sort_unstable();
        releases.sort_unstable();
        hold!(
            permits == releases,
            "P6: {} permits and {} releases in one transaction do not pair",
            permits.len(),
            releases.len()
        );
        let found = self.shelf.retractions - before;
        hold!(
            found == listed,
            "P9: {listed} retractions are listed and {found} stand in the transaction"
        );
        Ok(())
    }

    /// The positions that a transaction commits are those its pages lead to.
    fn positions(&self, written: &Written) -> Result<(), Broken> {
        let mut links = None;
        for position in &written.positions {
            let topic = self.world.city.namespace.strip(&position.at.topic);
            let topic = topic.unwrap_or_default();
            if topic == topics::LINKS {
                links = Some(position);
            } else {
                let kind = kind(topic)?;
                hold!(
                    position.next_offset == self.covered[kind],
                    "positions: {} is committed for {topic}, its pages lead to {}",
                    position.next_offset,
                    self.covered[kind]
                );
            }
        }
        let links = links.ok_or("positions: control.links is not committed")?;
        let committed: Position = links
            .metadata
            .parse()
            .map_err(|error| format!("positions: {error}"))?;
        hold!(
            (committed.policy_next, links.next_offset) == self.stamp
                && committed.next_page == self.sequence,
            "positions: {committed:?} is committed, the pages lead to {:?}",
            self.stamp
        );
        Ok(())
    }

    /// P9: of a handle that a transaction touched nothing stands that must not.
    fn nothing_wrong_stands(&self, handle: Handle) -> Result<(), Broken> {
        let pseudonym = self.truth.handle_pseudonym(handle);
        let mut standing = self
            .shelf
            .contributions
            .iter()
            .filter(|((_, of, _, _), _)| *of == pseudonym)
            .peekable();
        if standing.peek().is_none() {
            return Ok(());
        }
        let may = self.may_stand(handle);
        for (name, (key, _)) in standing {
            hold!(
                may.get(name) == Some(key) || self.truth.is_hidden(&name.3),
                "P9: a release under {} of a touched handle stands and must not",
                name.3
            );
        }
        Ok(())
    }

    /// P9: by the control records that are carried out, an agreement was in force for the source when what stands under it was accepted. What views hide
    /// now must hold this, too: they show it again once an agreement is resumed.
    fn nothing_stands_that_nothing_allowed(&self) -> Result<(), Broken> {
        for (_, handle, event, agreement) in self.shelf.contributions.keys() {
            let sent = self.names.get(&(handle.clone(), event.clone()));
            let sent = sent.ok_or("P8: a release of an event that nobody sent")?;
            hold!(
                self.truth.was_in_force(agreement, sent),
                "P9: the release of offset {} under {agreement} stands, which was not in force when it was accepted",
                sent.offset
            );
        }
        Ok(())
    }

    fn may_stand(&self, handle: Handle) -> BTreeMap<walbrook_tests::shelf::Name, String> {
        let Some(events) = self.by_handle.get(&handle) else {
            return BTreeMap::new();
        };
        let below = self.covered[events[0].kind];
        self.truth.may_stand(events, below, self.decided_at)
    }

    /// Everything is decided, and what stands is exactly what may.
    fn at_rest(&mut self) -> Result<(), Broken> {
        self.truth.advance(i64::MAX, i64::MAX);
        let count = |kind: usize| {
            let of_kind = self.sent.keys().filter(|(of, _)| *of == kind);
            i64::try_from(of_kind.count()).expect("few")
        };
        hold!(
            self.covered == [count(0), count(1)],
            "p={}: {:?} is decided of {:?}",
            self.number,
            self.covered,
            [count(0), count(1)]
        );
        hold!(
            self.cursor == "-",
            "at rest p={} has a queue: {}",
            self.number,
            self.cursor
        );
        let mut demanded = BTreeMap::new();
        for handle in self.by_handle.keys() {
            demanded.extend(self.may_stand(*handle));
        }
        let standing: BTreeMap<_, _> = self
            .shelf
            .contributions
            .iter()
            .map(|(name, (key, _))| (name.clone(), key.clone()))
            .collect();
        hold!(
            standing == demanded,
            "at rest {} releases of p={} stand, {} are demanded",
            standing.len(),
            self.number,
            demanded.len()
        );
        self.subjects_at_rest()
    }

    /// One subject record for each handle that has an event, under its person's pseudonym.
    fn subjects_at_rest(&self) -> Result<(), Broken> {
        let standing: BTreeMap<String, &String> = self
            .shelf
            .subjects
            .iter()
            .map(|((_, of), key)| (of.clone(), key))
            .collect();
        hold!(
            standing.len() == self.shelf.subjects.len(),
            "a handle has two subject records"
        );
        for handle in self.by_handle.keys() {
            let found = standing.get(&self.truth.handle_pseudonym(*handle));
            let demanded = self.truth.person_pseudonym(*handle);
            hold!(
                found.map(|key| key.as_str()) == Some(demanded.as_str()),
                "a handle's subject record does not stand under its person"
            );
        }
        Ok(())
    }

    fn sent_at(&self, kind: usize, offset: i64) -> Result<&'a Sent, Broken> {
        self.sent
            .get(&(kind, offset))
            .copied()
            .ok_or_else(|| format!("a page speaks of offset {offset} of {}", KINDS[kind].0))
    }
}

fn kind(topic: &str) -> Result<usize, Broken> {
    KINDS
        .iter()
        .position(|(name, _)| *name == topic)
        .ok_or_else(|| format!("a page speaks of {topic}"))
}
