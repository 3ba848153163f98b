//! A live page: what it states of each raw record against what follows for it, and the releases its permits demand.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use walbrook_domain::Instant;
use walbrook_event::history;
use walbrook_proto::audit::v1::{DecisionEntry, DecisionPage};

use crate::causes::SUPERSEDED;
use crate::control::Verdict;
use crate::demanded::{Key, What};
use crate::derive::{Derived, Stated, derive, release};
use crate::log::Place;
use crate::pseudonyms::Subject;
use crate::raw::{Raw, Slot};
use crate::report::Checked;
use crate::standing::Stood;
use crate::walk::Walk;

impl Walk<'_, '_> {
    /// Holds a live page against its raw records.
    pub(crate) fn live(&mut self, page: &DecisionPage, place: &Place, now: Instant) {
        let mut stated = self.expand(page, place);
        let mut retractions = page.retractions.clone();
        // Supersessions stand where their event does; anything else before all events.
        let rest: Vec<_> = retractions
            .extract_if(.., |retraction| retraction.reason != SUPERSEDED)
            .collect();
        self.retract(&rest, place, now);
        self.subjects(&page.subjects, place, now);
        let Some(raw) = self.raws.remove(&page.raw_topic) else {
            self.shared.report.differ(
                "page",
                place,
                "a raw topic",
                crate::log::printable(&page.raw_topic),
            );
            return;
        };
        for slot in raw.range(page.first_offset, page.last_offset) {
            self.shared.report.count(Checked::RawRecords, 1);
            let entries = stated.remove(&slot.offset).unwrap_or_default();
            let at = Place::new(&page.raw_topic, self.number, slot.offset);
            self.slot(page, place, now, (&raw, slot, slot.offset, &at), &entries);
            self.supersede(&raw, slot, &mut retractions, (place, &at), now);
        }
        self.raws.insert(page.raw_topic.clone(), raw);
        for offset in stated.keys() {
            self.shared.report.differ(
                "page",
                place,
                "entries about its own offsets",
                format!("one about {offset}"),
            );
        }
        for _ in retractions {
            self.shared.report.differ(
                "retraction",
                place,
                "a supersession that demands it",
                "none",
            );
        }
        self.heartbeats(page, place, now);
    }

    /// The entries of a live page by offset; runs are unrolled.
    fn expand<'p>(
        &mut self,
        page: &'p DecisionPage,
        place: &Place,
    ) -> BTreeMap<i64, Vec<&'p DecisionEntry>> {
        let mut stated: BTreeMap<i64, Vec<&DecisionEntry>> = BTreeMap::new();
        let mut last = (i64::MIN, String::new());
        for entry in &page.entries {
            let agreement = usize::try_from(entry.agreement_index)
                .ok()
                .and_then(|at| page.agreements.get(at));
            let this = (
                entry.first_offset,
                agreement
                    .map(|named| named.agreement_id.clone())
                    .unwrap_or_default(),
            );
            let run = entry.offset_count > 1 && entry.agreement_index >= 0;
            let inside = entry.first_offset >= page.first_offset
                && entry.offset_count >= 1
                && entry.first_offset + i64::from(entry.offset_count) <= page.last_offset + 1;
            if this < last || run || !inside {
                self.shared.report.differ(
                    "page",
                    place,
                    "entries in the order of offset and agreement",
                    "another order or extent",
                );
                continue;
            }
            last = this;
            for offset in entry.first_offset..entry.first_offset + i64::from(entry.offset_count) {
                stated.entry(offset).or_default().push(entry);
            }
        }
        stated
    }

    /// Holds what a page states of one raw record against what follows for it.
    pub(crate) fn slot(
        &mut self,
        page: &DecisionPage,
        place: &Place,
        now: Instant,
        at: (&Raw, &Slot, i64, &Place),
        entries: &[&DecisionEntry],
    ) {
        let (raw, slot, below, where_) = at;
        let counted = if page.kind == "LIVE" {
            Checked::Decisions
        } else {
            Checked::Redecisions
        };
        let found: Vec<Stated> = entries
            .iter()
            .filter_map(|entry| Stated::of_entry(entry, &page.agreements))
            .collect();
        let (expected, verdicts): (Vec<Stated>, Vec<Verdict>) =
            match derive(&mut self.control, &self.links, raw, slot, below, now) {
                Derived::Decided(mut verdicts) => {
                    // What stands unchanged is neither written nor stated again.
                    verdicts
                        .retain(|verdict| page.kind == "LIVE" || !self.stands_so(verdict, slot));
                    (
                        verdicts
                            .iter()
                            .map(|verdict| self.stated(verdict, slot))
                            .collect(),
                        verdicts,
                    )
                }
                Derived::Unreadable(rule) => {
                    if page.kind == "LIVE" {
                        self.shared.quarantine.insert(
                            (where_.topic().to_owned(), self.number, slot.offset),
                            (rule.as_str(), now),
                        );
                    }
                    (vec![Stated::unreadable()], Vec::new())
                }
                Derived::NoLink => {
                    self.shared.report.differ(
                        "decision",
                        where_,
                        "a link before its decision",
                        format!("none at the stamp of page {place}"),
                    );
                    return;
                }
                Derived::NoRules => {
                    self.shared.report.differ(
                        "decision",
                        where_,
                        "decision rules that are pinned and known to this build",
                        "none",
                    );
                    return;
                }
            };
        self.shared.report.count(counted, expected.len() as u64);
        if found != expected {
            let words = |stated: &[Stated]| {
                stated
                    .iter()
                    .map(Stated::words)
                    .collect::<Vec<_>>()
                    .join("; ")
            };
            self.shared.report.differ(
                "decision",
                where_,
                words(&expected),
                format!("{} on page {place}", words(&found)),
            );
        }
        for verdict in verdicts.iter().filter(|verdict| verdict.grant.is_some()) {
            self.permit(verdict, slot, where_, (place, now), entries, page);
        }
    }

    /// Whether exactly what a verdict grants stands already.
    fn stands_so(&self, verdict: &Verdict, slot: &Slot) -> bool {
        let (Some(grant), Some((agreement, version)), Ok(event), Some(topic)) = (
            verdict.grant,
            &verdict.agreement,
            &slot.event,
            self.target(verdict, slot),
        ) else {
            return false;
        };
        let (history::Subject::Handle(handle), Some(purpose)) =
            (&event.subject, topic.strip_prefix("shared."))
        else {
            return false;
        };
        let name = (purpose.to_owned(), agreement.clone(), event.envelope.id);
        let person = self.links.get(*handle).map(|link| link.person);
        let mut releases = self.standing.releases(*handle);
        releases.any(|(of, stood)| {
            *of == name
                && Some(stood.person) == person
                && stood.version == *version
                && stood.mask == grant.mask
                && stood.not_after == grant.not_after.map(|day| day.0)
        })
    }

    /// What a page must state of a verdict. An area's event has no person to be released to, so nothing is: the permit grants no field.
    fn stated(&self, verdict: &Verdict, slot: &Slot) -> Stated {
        let mut stated = Stated::of_verdict(verdict);
        if self.target(verdict, slot).is_none() {
            (stated.mask, stated.not_after) = (0, None);
        }
        stated
    }

    /// The topic a permit's release goes to.
    fn target(&self, verdict: &Verdict, slot: &Slot) -> Option<String> {
        let (agreement, version) = verdict.agreement.as_ref()?;
        let topic = self.control.topic(agreement, *version)?;
        let person = matches!(
            slot.event.as_ref().ok()?.subject,
            history::Subject::Handle(_)
        );
        (person == topic.starts_with("shared.")).then_some(topic)
    }

    /// Demands the release of a permit, paired with the page's entry by agreement.
    fn permit(
        &mut self,
        verdict: &Verdict,
        slot: &Slot,
        raw: &Place,
        at: (&Place, Instant),
        entries: &[&DecisionEntry],
        page: &DecisionPage,
    ) {
        let (place, now) = at;
        let (Ok(event), Some(topic)) = (&slot.event, self.target(verdict, slot)) else {
            return;
        };
        let Some(schema) = self.control.event_schema(event.schema_id) else {
            return;
        };
        let Some((agreement, version)) = &verdict.agreement else {
            return;
        };
        let paired = entries.iter().find(|entry| {
            Stated::of_entry(entry, &page.agreements)
                .is_some_and(|stated| stated.agreement == Some((agreement.to_string(), version.0)))
        });
        // A permit that the page does not state was reported; nothing is demanded of the topic because of it.
        let Some(entry) =
            paired.filter(|entry| entry.outcome == walbrook_policy::Outcome::Permit.code())
        else {
            return;
        };
        let Some(mut release) = release(event, &schema, verdict, &self.links, raw.clone()) else {
            self.shared
                .report
                .differ("release", raw, "a body that can be projected", "none");
            return;
        };
        let mask = verdict.grant.map_or(0, |grant| grant.mask);
        let said = (&event.envelope.event_type, event.body.as_slice());
        if let Some((name, record)) = self.control.carried(&topic, said, &schema.fields, mask) {
            (release.shared_name, release.body_sha256) = (name, Sha256::digest(record).into());
        }
        let (key_prefix, event_prefix) = (
            entry.key_prefix.cast_unsigned(),
            entry.event_prefix.cast_unsigned(),
        );
        if let (Some(handle), Some(person), Some(purpose)) = (
            release.handle,
            release.person,
            topic.strip_prefix("shared."),
        ) {
            let report = &mut *self.shared.report;
            self.shared.pseudonyms.prefix(
                purpose,
                Subject::Person(person),
                key_prefix,
                place,
                report,
            );
            let subject = Subject::Event(release.organisation.clone(), handle, release.event);
            self.shared
                .pseudonyms
                .prefix(purpose, subject, event_prefix, place, report);
            let stood = Stood {
                key_prefix,
                event_prefix,
                person,
                version: *version,
                mask: verdict.grant.map_or(0, |grant| grant.mask),
                not_after: release.not_after.map(|day| day.0),
                raw: (raw.topic().to_owned(), slot.offset),
            };
            self.standing.put(
                handle,
                (purpose.to_owned(), agreement.clone(), release.event),
                stood,
            );
        }
        let key = Key::Release(key_prefix, event_prefix, agreement.to_string());
        self.demand(&topic, key, place, now, What::Release(Box::new(release)));
    }
}
