//! Who would see what of how many: every reader that the agreements name, before and after, by the policy crate's own answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use walbrook_domain::{Day, EventType, Instant, Organisation, PersonId};
use walbrook_policy::agreement::Mode;
use walbrook_policy::read::{
    Admission, ContributionFacts, Entitlement, HandleFacts, SubjectFacts, Viewer, entitlements,
};
use walbrook_policy::state::AgreementBook;

use super::people::People;
use super::tally::{Held, Release, Tally};
use super::worlds::Worlds;

/// A reader: an organisation in a role, of a view, in a mode.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reader {
    /// The role.
    pub role: String,
    /// The view.
    pub view: String,
    /// `case` or `cohort`.
    pub mode: &'static str,
    /// The organisation.
    pub organisation: Organisation,
}

/// What a reader may read of somebody within its scope: kinds of release by number.
pub type Readable = BTreeSet<u32>;

/// What a reader sees, before and after.
#[derive(Debug, Default)]
pub struct Sight {
    /// How many people within scope have these kinds readable (before, after).
    pub rows: BTreeMap<(Readable, Readable), u64>,
    /// Fields of each kind of release that the reader may see, as the agreements would be.
    pub fields: BTreeMap<u32, u64>,
    /// The same as they are.
    pub fields_before: BTreeMap<u32, u64>,
    /// Whether anything beyond scope may be asked for with a case reference.
    pub with_case_reference: bool,
    /// Whether the reader is entitled at all, before and after.
    pub entitled: (bool, bool),
}

impl Sight {
    fn people(&self, sees: impl Fn(&Readable, &Readable) -> bool) -> u64 {
        let rows = self.rows.iter();
        rows.filter(|((before, after), _)| sees(before, after))
            .map(|(_, count)| count)
            .sum()
    }

    /// People of whom the reader sees anything, as things are.
    pub fn people_before(&self) -> u64 {
        self.people(|before, _| !before.is_empty())
    }

    /// The same, as they would be.
    pub fn people_after(&self) -> u64 {
        self.people(|_, after| !after.is_empty())
    }

    /// People of whom the reader sees nothing now and would see something.
    pub fn people_new(&self) -> u64 {
        self.people(|before, after| before.is_empty() && !after.is_empty())
    }

    /// People of whom the reader would see nothing any more.
    pub fn people_lost(&self) -> u64 {
        self.people(|before, after| !before.is_empty() && after.is_empty())
    }

    /// Fields by event type that would be seen of somebody and are not seen of anybody now; and the other way round.
    pub fn changed_fields(&self, tally: &Tally) -> (FieldsSeen, FieldsSeen) {
        let union = |fields: &BTreeMap<u32, u64>,
                     of: &dyn Fn(&(Readable, Readable)) -> Readable| {
            let mut seen = FieldsSeen::new();
            for number in self.rows.keys().flat_map(of) {
                let (Some(release), Some(mask)) = (tally.releases.get(number), fields.get(&number))
                else {
                    continue;
                };
                *seen.entry(release.event_type.clone()).or_default() |= mask;
            }
            seen
        };
        let before = union(&self.fields_before, &|(before, _)| before.clone());
        let after = union(&self.fields, &|(_, after)| after.clone());
        (without(&after, &before), without(&before, &after))
    }
}

/// Field masks by event type.
pub type FieldsSeen = BTreeMap<EventType, u64>;

fn without(these: &FieldsSeen, those: &FieldsSeen) -> FieldsSeen {
    these
        .iter()
        .map(|(event, mask)| {
            (
                event.clone(),
                mask & !those.get(event).copied().unwrap_or(0),
            )
        })
        .filter(|(_, mask)| *mask != 0)
        .collect()
}

/// Every reader that any version in either world names, with what it sees.
pub fn sights(
    worlds: &Worlds,
    people: &People,
    tally: &Tally,
    now: Instant,
) -> BTreeMap<Reader, Sight> {
    let mut facts: HashMap<PersonId, Vec<HandleFacts>> = HashMap::new();
    for person in tally.held.keys() {
        facts.insert(
            *person,
            handle_facts(*person, people, tally, worlds, now.london_day()),
        );
    }
    let organisations = worlds.organisations(people);
    let mut sights = BTreeMap::new();
    for (role, view, mode) in named(worlds) {
        for organisation in &organisations {
            let viewer = Viewer {
                organisation,
                reader: "dry-run",
                role: &role,
                purpose: &worlds.proposal.purpose,
                view: &view,
                mode,
            };
            let before = Looker::new(worlds.before.state().book(), &viewer, tally, now);
            let after = Looker::new(worlds.after.state().book(), &viewer, tally, now);
            if before.entitled.is_empty() && after.entitled.is_empty() {
                continue;
            }
            let reader = Reader {
                role: role.clone(),
                view: view.clone(),
                mode: mode.as_str(),
                organisation: organisation.clone(),
            };
            sights.insert(reader, sight(&before, &after, tally, &facts));
        }
    }
    sights
}

/// Roles, views and modes that the purpose's agreements name, in either world.
fn named(worlds: &Worlds) -> Vec<(String, String, Mode)> {
    let mut named: BTreeMap<(String, String, &'static str), Mode> = BTreeMap::new();
    for control in [&worlds.before, &worlds.after] {
        for (_, history) in control.state().book().agreements() {
            for edition in history.editions() {
                if edition.agreement.purpose != worlds.proposal.purpose {
                    continue;
                }
                for reader in &edition.agreement.readers {
                    let key = (
                        reader.role.clone(),
                        reader.view.clone(),
                        reader.mode.as_str(),
                    );
                    named.insert(key, reader.mode);
                }
            }
        }
    }
    named
        .into_iter()
        .map(|((role, view, _), mode)| (role, view, mode))
        .collect()
}

/// One reader in one world.
struct Looker {
    entitled: Vec<Entitlement>,
    /// Readable fields of each kind of release, with the entitlement that says so.
    readable: BTreeMap<u32, (usize, u64)>,
}

impl Looker {
    fn new(book: &AgreementBook, viewer: &Viewer<'_>, tally: &Tally, now: Instant) -> Self {
        let entitled = entitlements(book, viewer, now);
        let today = now.london_day();
        let mut readable = BTreeMap::new();
        for number in 0.. {
            let Some(release) = tally.releases.get(number) else {
                break;
            };
            for (at, one) in entitled.iter().enumerate() {
                if let Some(mask) = mask(one, book, release, today) {
                    readable.insert(number, (at, mask));
                }
            }
        }
        Self { entitled, readable }
    }

    /// Kinds of release that the reader may see of a person within its scope.
    fn sees(&self, held: &BTreeSet<u32>, subject: &SubjectFacts<'_>) -> Readable {
        if self.readable.is_empty() {
            return Readable::new();
        }
        let inside: Vec<bool> = self
            .entitled
            .iter()
            // Where somebody is follows from a view's rows, which are not computed here: nobody is counted by area.
            .map(|one| one.admits(subject, &|| false) == Admission::Inside)
            .collect();
        held.iter()
            .copied()
            .filter(|number| {
                let by = self.readable.get(number).map(|(by, _)| *by);
                by.is_some_and(|by| inside.get(by) == Some(&true))
            })
            .collect()
    }

    fn fields(&self) -> BTreeMap<u32, u64> {
        self.readable
            .iter()
            .map(|(number, (_, mask))| (*number, *mask))
            .collect()
    }
}

/// Fields of a fresh release of this kind that an entitlement shows.
fn mask(one: &Entitlement, book: &AgreementBook, release: &Release, today: Day) -> Option<u64> {
    let facts = ContributionFacts {
        chosen_authority: Some(one.organisation()),
        agreement: &release.agreement,
        version: release.version,
        source: &release.source,
        event_type: &release.event_type,
        occurred_on: today,
        precision: release.precision,
        not_after: None,
    };
    let readable = one.readable(book, &facts).ok()?;
    Some(readable.field_mask & release.mask).filter(|mask| *mask != 0)
}

fn sight(
    before: &Looker,
    after: &Looker,
    tally: &Tally,
    facts: &HashMap<PersonId, Vec<HandleFacts>>,
) -> Sight {
    use walbrook_policy::agreement::BeyondScope;
    let mut sight = Sight {
        fields: after.fields(),
        fields_before: before.fields(),
        with_case_reference: after
            .entitled
            .iter()
            .any(|one| one.reader().beyond_scope == BeyondScope::CaseReference),
        entitled: (!before.entitled.is_empty(), !after.entitled.is_empty()),
        ..Sight::default()
    };
    let nothing = Vec::new();
    for (person, held) in &tally.held {
        let handles = facts.get(person).unwrap_or(&nothing);
        let subject = SubjectFacts(handles);
        let Held {
            before: old,
            after: new,
        } = held;
        let row = (before.sees(old, &subject), after.sees(new, &subject));
        if !row.0.is_empty() || !row.1.is_empty() {
            *sight.rows.entry(row).or_default() += 1;
        }
    }
    sight
}

/// What subject records say of a person's handles, links and grounds as they stand.
fn handle_facts(
    person: PersonId,
    people: &People,
    tally: &Tally,
    worlds: &Worlds,
    today: Day,
) -> Vec<HandleFacts> {
    let grounds = worlds.before.state().grounds();
    people
        .handles(person)
        .filter_map(|(handle, link)| {
            // An erased record has no subject record.
            let facts = grounds.subject(&handle, &link.members, &worlds.proposal.purpose)?;
            let chosen = facts
                .choice
                .as_ref()
                .filter(|choice| choice.until.is_none_or(|until| today <= until));
            Some(HandleFacts {
                organisation: link.organisation.clone(),
                responsible_authority: (tally.in_care.contains(&handle)
                    && link.organisation.is_london_authority())
                .then(|| link.organisation.clone()),
                chosen_authority: chosen.map(|choice| choice.authority.clone()),
                restricted: facts.restrictions(&link.restrictions).next().is_some(),
            })
        })
        .collect()
}
