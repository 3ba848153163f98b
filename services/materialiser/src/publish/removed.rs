//! Rows of a view that nobody computes any more. Its file was taken out of the folder: nothing would notice a withdrawal, an agreement's end or a
//! retention for them again, so they leave the topics, each with a reason of its own, and on record. They come back when the file does.

use super::PublishError;
use super::topic::plain;
use super::turn::{Key, MOST_WRITTEN, Now, Owned, Publisher};
use super::write::{DELIVER, on_topic, stamped};
use super::{LEFT, lane::why};
use crate::book::Known as Agreements;
use crate::clock::timestamp;
use walbrook_domain::Pseudonym;
use walbrook_domain::control::PinKind;
use walbrook_eventlog::{NewRecord, topics};
use walbrook_policy::agreement::Delivery;
use walbrook_proto::audit::v1::{AppliedOffset, ReadRecord};
use walbrook_view::query::Query;

impl Publisher {
    /// Whether agreements of this purpose delivered the view once, and no file here computes it.
    pub(super) fn is_removed(&self, agreements: &Agreements, view: &str) -> bool {
        if self.board.view(view).is_some() {
            return false;
        }
        let histories = agreements.book.agreements();
        let mut editions = histories.flat_map(|(_, history)| history.editions());
        editions.any(|edition| {
            let mut readers = edition.agreement.readers.iter();
            edition.agreement.purpose == self.purpose
                && readers.any(|one| one.view == view && one.delivery == Delivery::Topic)
        })
    }

    /// Takes everything off the topics of such views, in the partitions held.
    pub(super) fn empty_removed(&self, owned: &mut Owned, now: &Now) -> Result<(), PublishError> {
        for key in owned.known.clone() {
            if !self.is_removed(&now.agreements, &key.0) {
                owned.emptied.retain(|place| place.0 != key);
                continue;
            }
            for number in owned.numbers.clone() {
                let place = (key.clone(), number);
                if !owned.emptied.contains(&place) && self.empty(owned, now, &place)? {
                    owned.lanes.remove(&place);
                    owned.emptied.insert(place);
                }
            }
        }
        Ok(())
    }

    /// Empties one partition; false when it is to be tried again.
    fn empty(
        &self,
        owned: &mut Owned,
        now: &Now,
        (key, number): &(Key, i32),
    ) -> Result<bool, PublishError> {
        let (view, organisation) = key;
        let pins = &now.agreements.pins;
        let (Some(plain), Some(pin)) =
            (plain(view, organisation), pins.get(PinKind::ViewFile, view))
        else {
            return Ok(true);
        };
        let standing = self.open(owned, (key, *number), &plain)?;
        let people: Vec<Pseudonym> = standing.into_keys().collect();
        let writer = (view.clone(), *number);
        for some in people.chunks(MOST_WRITTEN) {
            let record = ReadRecord {
                read_id: uuid::Uuid::new_v4().to_string(),
                reader: plain.clone(),
                organisation: organisation.to_string(),
                purpose: self.purpose.to_string(),
                view: view.clone(),
                operation: DELIVER.to_owned(),
                outcome: "REFUSED".to_owned(),
                reason: why::VIEW_REMOVED.to_owned(),
                view_sha256: pin.sha256.to_vec(),
                pins_epoch: pins.epoch(),
                // Nothing of the view's state was looked at: there is none.
                applied: vec![AppliedOffset {
                    topic: topics::shared(self.purpose.as_str()),
                    partition: *number,
                    next_offset: 0,
                }],
                agreements_next: now.agreements.next_offset,
                evaluated_at: Some(timestamp(now.at)),
                query: Query {
                    read_at: now.at,
                    ..Query::one()
                }
                .to_string(),
                topic: Some(plain.clone()),
                topic_partition: Some(*number),
                left: some.iter().map(|one| one.as_bytes().to_vec()).collect(),
                left_reasons: vec![why::VIEW_REMOVED.to_owned(); some.len()],
                ..ReadRecord::default()
            };
            let at = self.topics.at(&plain, *number);
            let tombstone = |person: &Pseudonym| {
                let headers = stamped(view, now.at, &record.read_id).with(LEFT, why::VIEW_REMOVED);
                on_topic(&at, person, None, headers)
            };
            let mut records: Vec<NewRecord> = some.iter().map(tombstone).collect();
            records.push(self.audit.read_record(&record, now.at)?);
            let ready = || self.is_newest(now) && self.is_removed(&now.agreements, view);
            match self.write(owned, &writer, records, ready) {
                Ok(true) => self.metrics.delivered(&plain, 0, some.len()),
                Ok(false) => return Ok(false),
                Err(error) => {
                    owned.lose(&writer);
                    return Err(error.into());
                }
            }
        }
        if !people.is_empty() {
            let rows = people.len();
            tracing::warn!(
                topic = plain,
                partition = *number,
                rows,
                "no file computes the view any more: its rows were taken off the topic"
            );
        }
        Ok(true)
    }
}
