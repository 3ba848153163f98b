//! What the brokers wrote, by transaction.

use crate::generations::is_mark;
use crate::world::{Broken, World};
use std::collections::BTreeMap;
use walbrook_event::framing::unframe;
use walbrook_eventlog::{InputPosition, Record, chain, topics};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::records::PURPOSE;

/// One committed transaction of a p.
pub struct Written {
    pub id: u64,
    pub pages: Vec<DecisionPage>,
    pub shared: Vec<Record>,
    pub positions: Vec<InputPosition>,
}

/// Every transaction of each p, in order.
///
/// # Errors
/// When something stands outside of one, or without a page in it (P7).
pub fn transactions(world: &World) -> Result<BTreeMap<i32, Vec<Written>>, Broken> {
    let mut by_id: BTreeMap<u64, Vec<Record>> = BTreeMap::new();
    for generation in 1..=crate::copies::LAST {
        let shared = world.city.topic(&chain::topic(PURPOSE, generation));
        for (mut record, id) in world.log.committed_in_transactions(&shared) {
            let id = id.ok_or("a shared record stands outside of any transaction")?;
            if chain::copied_from(&record).is_none() && !is_mark(&record) {
                record.offset = chain::position(generation, record.offset);
                by_id.entry(id).or_default().push(record);
            }
        }
    }
    let positions: BTreeMap<u64, Vec<InputPosition>> =
        world.log.committed_positions().into_iter().collect();
    let mut all: BTreeMap<i32, Vec<Written>> = BTreeMap::new();
    let decisions = world.city.topic(topics::DECISIONS);
    for (record, id) in world.log.committed_in_transactions(&decisions) {
        let id = id.ok_or("a page stands outside of any transaction")?;
        let (_, body) = unframe(record.value.as_deref()).expect("framed");
        let page = DecisionPage::decode_exact(body).expect("a page");
        let of_p = all.entry(record.at.partition).or_default();
        if of_p.last().map(|written| written.id) != Some(id) {
            of_p.push(Written {
                id,
                pages: Vec::new(),
                shared: by_id.remove(&id).unwrap_or_default(),
                positions: positions.get(&id).cloned().unwrap_or_default(),
            });
        }
        of_p.last_mut().expect("just added").pages.push(page);
    }
    if !by_id.is_empty() {
        return Err("P7: shared records stand without a page in their transaction".to_owned());
    }
    Ok(all)
}
