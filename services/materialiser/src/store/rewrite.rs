//! Pages are written anew when most of what is on them stands no more: some people at a time behind the newest pages, and when everyone is there the
//! old ones go. What changes meanwhile is on pages behind, so at any moment all pages in order say what stands.

use super::page::Page;
use super::{Store, StoreError, page_key, word_key};
use walbrook_domain::Pseudonym;
use walbrook_view::Partition;

/// Changes that may be on pages beside what stands, and pages that there may be, whatever stands.
const SLACK: u64 = 20_000;
/// Items written anew in one batch: more than a batch of records changes in a partition, so that it comes to an end.
const AT_ONCE: usize = 8_192;

/// How far pages are written anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anew {
    /// The first page that stays.
    from: u64,
    /// Everyone up to this person is done.
    person: Option<Pseudonym>,
}

impl Store {
    /// Writes some of a partition's pages anew when that is due. `state` is what stands after the last commit.
    ///
    /// # Errors
    /// When the disk fails; nothing is lost then.
    pub fn tidy(&self, partition: i32, state: &Partition) -> Result<(), StoreError> {
        let mut all = self.pages.lock();
        let pages = self.known(&mut all, partition)?;
        let stands = u64::try_from(state.held()).unwrap_or(u64::MAX);
        // Of records that come one by one each has a page: a start would look for as many.
        let is_due = pages.changes() > stands.saturating_mul(2).saturating_add(SLACK)
            || pages.count() > (stands / 16).saturating_add(SLACK);
        let Some(anew) = pages.anew.or_else(|| {
            is_due.then(|| Anew {
                from: pages.next(),
                person: None,
            })
        }) else {
            return Ok(());
        };
        let mut page = Page::new();
        if anew.person.is_none() {
            for (key, value) in state.heard() {
                page.put(&key, &value);
            }
        }
        let (mut written, mut last) = (0, anew.person);
        let mut is_done = true;
        for (person, items) in state.items_after(anew.person) {
            if written >= AT_ONCE {
                is_done = false;
                break;
            }
            written += items.len();
            for (key, value) in items {
                page.put(&key, &value);
            }
            last = Some(person);
        }
        let mut batch = self.database.batch();
        let (number, head) = (pages.next(), (pages.next_offset, page.changes()));
        let bytes = page.closed(pages.next_offset);
        batch.insert(&self.items, page_key(partition, number), bytes);
        if is_done {
            for gone in pages.below(anew.from) {
                batch.remove(&self.items, page_key(partition, gone));
            }
        }
        let written = batch.commit();
        written.map_err(|source| self.disk("write", source))?;
        pages.add(number, head);
        pages.anew = (!is_done).then_some(Anew {
            person: last,
            ..anew
        });
        if is_done {
            pages.drop_below(anew.from);
        }
        Ok(())
    }

    /// Writes a partition of which nothing stands here yet.
    pub(super) fn write(
        &self,
        partition: i32,
        next_offset: i64,
        state: &Partition,
    ) -> Result<(), StoreError> {
        let mut all = self.pages.lock();
        let pages = self.known(&mut all, partition)?;
        let everyone = state.items_after(None).flat_map(|(_, items)| items);
        let mut items = state.heard().chain(everyone).peekable();
        let mut batch = self.database.batch();
        for (key, value) in state.words() {
            batch.insert(&self.items, word_key(partition, &key), value);
        }
        loop {
            let mut page = Page::new();
            while let Some((key, value)) = items.next_if(|_| !page.is_full()) {
                page.put(&key, &value);
            }
            let (number, head) = (pages.next(), (next_offset, page.changes()));
            batch.insert(
                &self.items,
                page_key(partition, number),
                page.closed(next_offset),
            );
            let full = std::mem::replace(&mut batch, self.database.batch());
            full.commit().map_err(|source| self.disk("write", source))?;
            pages.add(number, head);
            if items.peek().is_none() {
                return Ok(());
            }
        }
    }
}
