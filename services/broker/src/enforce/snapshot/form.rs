//! The form of a snapshot's file.
//!
//! The line that says the form; a head; of each raw topic its records; links; what stands; a hash over all of it. What the index and the other look-up
//! tables are is made again of these.

use super::piece::{In, Odd, Out, Words, read_list, write_list};
use super::{Snapshot, TopicSnapshot};
use crate::enforce::control_view::Setting;
use crate::enforce::flat::FlatMap;
use crate::enforce::links::Link;
use crate::enforce::partition::Partition;
use crate::enforce::stamp::Stamp;
use crate::enforce::standing::{HandleStanding, MadeFrom, Released, SubjectStanding};
use std::io::{self, Read, Write};
use std::sync::Arc;
use uuid::Uuid;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, Handle, Instant, Organisation, PersonId,
    Pseudonym, Purpose,
};
use walbrook_event::history::{Entry, Subject};
use walbrook_eventlog::{Namespace, topics};
use walbrook_policy::RULES_VERSION;
use walbrook_runtime::kept_file::{Hashed, read_text, text};

/// Another form has another number, and is not read.
const FORM: &[u8] = b"walbrook p 2\n";

/// Why a file is passed over.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be read, or not to its end.
    Input(io::Error),
    /// It is not of this p, or holds what cannot be.
    Content(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}

fn content<T>(problem: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Content(problem.into()))
}

/// Words that come in many places.
#[derive(Default)]
struct Dictionary {
    purposes: Words<Purpose>,
    agreements: Words<AgreementId>,
    organisations: Words<Organisation>,
}

/// Writes all but the hash.
///
/// # Errors
/// When the disk refuses.
pub fn write(out: &mut impl Write, of: &Snapshot, namespace: &Namespace) -> io::Result<()> {
    let mut words = Dictionary::default();
    out.write_all(FORM)?;
    text(out, &head(of, namespace))?;
    let heard = of.heard.iter();
    write_list(out, heard, |piece, ((purpose, organisation, kind), day)| {
        piece.text(purpose.as_str());
        piece.text(&organisation.to_string());
        piece.text(kind.as_str());
        piece.signed(day.0.into());
    })?;
    for topic in &of.topics {
        let mut before = (0, 0);
        write_list(out, topic.records.iter(), |piece, entry| {
            put_entry(piece, &mut words, &entry, &mut before);
        })?;
    }
    write_list(out, of.links.iter(), |piece, (handle, link)| {
        put_link(piece, &mut words, handle, link);
    })?;
    let standing = of.standing.iter();
    let standing = standing.filter(|(_, standing)| !standing.is_empty());
    write_list(out, standing, |piece, (handle, standing)| {
        put_standing(piece, &mut words, handle, standing);
    })
}

fn head(of: &Snapshot, namespace: &Namespace) -> Vec<u8> {
    let mut head = Out::default();
    head.text(&namespace.name(topics::DECISIONS));
    head.signed(of.number.into());
    head.number(RULES_VERSION.into());
    for number in [
        of.page_offset,
        of.last_decided_at.micros(),
        of.stamp.policy_next,
        of.stamp.links_next,
        of.stamp.next_page,
    ] {
        head.signed(number);
    }
    head.text(&of.stamp.cursor.to_string());
    head.text(&of.stamp.generations.to_string());
    head.number(of.topics.len() as u64);
    for topic in &of.topics {
        head.text(&topic.full);
        head.signed(topic.position);
    }
    head.into_bytes()
}

/// Reads a file of p into p.
///
/// # Errors
/// Why it is passed over.
pub fn read(
    input: impl Read,
    mut partition: Partition,
    setting: &Setting,
) -> Result<Partition, Fault> {
    let mut input = Hashed::new(input);
    let mut form = [0; FORM.len()];
    input.read_exact(&mut form)?;
    if form != *FORM {
        return content("is of another form than this build's");
    }
    let head = read_text(&mut input)?;
    read_head(&mut In::new(&head), &mut partition, setting)?;
    let mut words = Dictionary::default();
    read_list(&mut input, |piece| {
        let key = (piece.parsed()?, piece.parsed()?, piece.parsed()?);
        partition.heard.insert(key, take_day(piece)?);
        Ok(())
    })?;
    for topic in &mut partition.topics {
        let mut before = (0, 0);
        read_list(&mut input, |piece| {
            let entry = take_entry(piece, &mut words, &mut before)?;
            if entry.offset < topic.history.next_offset() || entry.offset >= topic.position {
                return Err(Odd);
            }
            topic.history.observe(entry);
            Ok(())
        })?;
        topic.history.seen_below(topic.position);
    }
    let links = &mut partition.links;
    read_list(&mut input, |piece| {
        let (handle, link) = take_link(piece, &mut words)?;
        links.restore(handle, link);
        Ok(())
    })?;
    links.applied_below(partition.stamp.links_next);
    let mut foreign = None;
    read_list(&mut input, |piece| {
        let (handle, standing) = take_standing(piece, &mut words)?;
        let person = partition.links.get(handle).ok_or(Odd)?.person;
        foreign = foreign
            .take()
            .or_else(|| foreign_key(&standing, person, setting));
        partition.standing.put(handle, standing);
        Ok(())
    })?;
    if !input.ends()? {
        return content("has another hash than it says: it is damaged");
    }
    match foreign {
        Some(purpose) => content(format!(
            "names a pseudonym of {purpose} that does not follow from link and key"
        )),
        None => Ok(partition),
    }
}

/// A purpose under which something stands that is not of this person under this process's key.
fn foreign_key(standing: &HandleStanding, person: PersonId, setting: &Setting) -> Option<Purpose> {
    let mut known: Option<(&Purpose, Option<Pseudonym>)> = None;
    let releases = standing.releases.iter();
    let releases = releases.map(|((purpose, _, _), released)| (purpose, released.key));
    let subjects = standing.subjects.iter();
    let subjects = subjects.map(|(purpose, subject)| (purpose, subject.key));
    releases.chain(subjects).find_map(|(purpose, key)| {
        let own = match known {
            Some((same, own)) if same == purpose => own,
            _ => setting.keys.get(purpose).map(|of| of.person(person)),
        };
        known = Some((purpose, own));
        (own != Some(key)).then(|| purpose.clone())
    })
}

fn read_head(head: &mut In<'_>, partition: &mut Partition, setting: &Setting) -> Result<(), Fault> {
    let odd = |Odd| Fault::Input(Odd.into());
    if head.text().map_err(odd)? != setting.namespace.name(topics::DECISIONS) {
        return content("is of another namespace");
    }
    if head.signed().map_err(odd)? != i64::from(partition.number) {
        return content("is of another partition");
    }
    if head.number().map_err(odd)? != u64::from(RULES_VERSION) {
        return content("was made by a build with other rules");
    }
    partition.page_offset = Some(head.signed().map_err(odd)?);
    partition.last_decided_at = Instant(head.signed().map_err(odd)?);
    partition.stamp = Stamp {
        policy_next: head.signed().map_err(odd)?,
        links_next: head.signed().map_err(odd)?,
        next_page: head.signed().map_err(odd)?,
        cursor: head.parsed().map_err(odd)?,
        generations: head.parsed().map_err(odd)?,
    };
    let count = head.count().map_err(odd)?;
    for topic in &mut partition.topics {
        if head.text().map_err(odd)? != &*topic.full {
            return content("has other raw topics than are pinned");
        }
        topic.position = head.signed().map_err(odd)?;
    }
    if count != partition.topics.len() || !head.is_empty() {
        return content("has other raw topics than are pinned");
    }
    Ok(())
}

const OF_A_PLACE: u8 = 1;
const CORRECTS: u8 = 2;

fn put_entry(piece: &mut Out, words: &mut Dictionary, entry: &Entry, before: &mut (i64, i64)) {
    let place = matches!(entry.subject, Subject::Key(_));
    let corrects = entry.supersedes.is_some();
    piece.raw(&[(u8::from(place) * OF_A_PLACE) | (u8::from(corrects) * CORRECTS)]);
    piece.signed(entry.offset.wrapping_sub(before.0));
    piece.signed(entry.accepted_at_micros.wrapping_sub(before.1));
    *before = (entry.offset, entry.accepted_at_micros);
    piece.word(&mut words.organisations, &entry.organisation);
    match &entry.subject {
        Subject::Handle(handle) => piece.raw(handle.as_bytes()),
        Subject::Key(key) => piece.text(key),
    }
    piece.raw(entry.event.as_bytes());
    piece.raw(&entry.content_hash);
    if let Some(earlier) = &entry.supersedes {
        piece.raw(earlier.as_bytes());
    }
}

fn take_event(piece: &mut In<'_>) -> Result<EventId, Odd> {
    Ok(EventId::new(Uuid::from_bytes(piece.bytes()?)))
}

fn take_day(piece: &mut In<'_>) -> Result<Day, Odd> {
    Ok(Day(i32::try_from(piece.signed()?).map_err(|_| Odd)?))
}

fn take_entry(
    piece: &mut In<'_>,
    words: &mut Dictionary,
    before: &mut (i64, i64),
) -> Result<Entry, Odd> {
    let [flags] = piece.bytes()?;
    let offset = before.0.wrapping_add(piece.signed()?);
    let accepted_at_micros = before.1.wrapping_add(piece.signed()?);
    *before = (offset, accepted_at_micros);
    Ok(Entry {
        offset,
        accepted_at_micros,
        organisation: piece.word(&mut words.organisations)?,
        subject: if flags & OF_A_PLACE == 0 {
            Subject::Handle(Handle::new(piece.bytes()?))
        } else {
            Subject::Key(piece.text()?.into())
        },
        event: take_event(piece)?,
        content_hash: piece.bytes()?,
        supersedes: match flags & CORRECTS {
            0 => None,
            _ => Some(take_event(piece)?),
        },
    })
}

fn put_link(piece: &mut Out, words: &mut Dictionary, handle: Handle, link: &Link) {
    piece.raw(handle.as_bytes());
    piece.word(&mut words.organisations, &link.organisation);
    piece.raw(link.person.as_bytes());
    piece.text(&link.status.to_string());
    piece.signed(link.score_ten_thousandths.into());
    piece.number(link.restrictions.len() as u64);
    for restriction in &link.restrictions {
        piece.text(&restriction.to_string());
    }
    put_last(piece, link.adult_from);
    piece.number(link.members.len() as u64);
    for member in &link.members {
        piece.raw(member.as_bytes());
    }
}

fn take_link(piece: &mut In<'_>, words: &mut Dictionary) -> Result<(Handle, Link), Odd> {
    let handle = Handle::new(piece.bytes()?);
    let link = Link {
        organisation: piece.word(&mut words.organisations)?,
        person: PersonId::new(piece.bytes()?),
        status: piece.parsed()?,
        score_ten_thousandths: i32::try_from(piece.signed()?).map_err(|_| Odd)?,
        restrictions: {
            let count = piece.count()?;
            (0..count)
                .map(|_| piece.parsed())
                .collect::<Result<_, _>>()?
        },
        adult_from: take_last(piece)?,
        members: {
            let count = piece.count()?;
            let member = |_| Ok(Handle::new(piece.bytes()?));
            (0..count).map(member).collect::<Result<_, _>>()?
        },
    };
    Ok((handle, link))
}

fn put_last(piece: &mut Out, day: Option<Day>) {
    piece.raw(&[u8::from(day.is_some())]);
    if let Some(day) = day {
        piece.signed(day.0.into());
    }
}

fn take_last(piece: &mut In<'_>) -> Result<Option<Day>, Odd> {
    match piece.bytes()? {
        [0] => Ok(None),
        _ => take_day(piece).map(Some),
    }
}

fn put_standing(
    piece: &mut Out,
    words: &mut Dictionary,
    handle: Handle,
    standing: &HandleStanding,
) {
    piece.raw(handle.as_bytes());
    piece.number(standing.releases.len() as u64);
    for ((purpose, agreement, event), released) in &standing.releases {
        piece.word(&mut words.purposes, purpose);
        piece.word(&mut words.agreements, agreement);
        piece.raw(event.as_bytes());
        piece.raw(released.key.as_bytes());
        piece.raw(released.local_event.as_bytes());
        piece.number(released.version.0.into());
        piece.number(released.mask);
        put_last(piece, released.not_after);
    }
    piece.number(standing.subjects.len() as u64);
    for (purpose, subject) in &standing.subjects {
        piece.word(&mut words.purposes, purpose);
        piece.raw(subject.key.as_bytes());
        piece.raw(&subject.body_sha256);
    }
}

fn take_standing(
    piece: &mut In<'_>,
    words: &mut Dictionary,
) -> Result<(Handle, HandleStanding), Odd> {
    let handle = Handle::new(piece.bytes()?);
    let release = |piece: &mut In<'_>, words: &mut Dictionary| {
        let name = (
            piece.word(&mut words.purposes)?,
            piece.word(&mut words.agreements)?,
            take_event(piece)?,
        );
        let released = Released {
            key: Pseudonym::new(piece.bytes()?),
            local_event: take_event(piece)?,
            version: AgreementVersion(u32::try_from(piece.number()?).map_err(|_| Odd)?),
            mask: piece.number()?,
            not_after: take_last(piece)?,
        };
        Ok((name, released))
    };
    let count = piece.count()?;
    let releases = (0..count)
        .map(|_| release(piece, words))
        .collect::<Result<FlatMap<_, _>, _>>()?;
    let count = piece.count()?;
    let subject = |_| {
        let purpose = piece.word(&mut words.purposes)?;
        let standing = SubjectStanding {
            key: Pseudonym::new(piece.bytes()?),
            body_sha256: piece.bytes()?,
        };
        Ok((purpose, standing))
    };
    let subjects = (0..count)
        .map(subject)
        .collect::<Result<FlatMap<_, _>, _>>()?;
    Ok((
        handle,
        HandleStanding {
            releases,
            subjects,
            made_from: MadeFrom::default(),
        },
    ))
}

impl TopicSnapshot {
    /// Of a raw topic.
    pub(super) fn new(
        full: &Arc<str>,
        position: i64,
        records: &walbrook_event::history::Records,
    ) -> Self {
        Self {
            full: Arc::clone(full),
            position,
            records: records.clone(),
        }
    }
}
