//! What the agreements let one viewer read, as a view asks for it; and the answer from the agreements on record.

use crate::facts::Contribution;
use crate::model::View;
use crate::state::Person;
use std::sync::{Arc, OnceLock};
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventType, Instant, Organisation, Precision,
};
use walbrook_policy::agreement::{BeyondScope, Delivery, Mode};
use walbrook_policy::class::Who;
use walbrook_policy::read::{self, Admission, ContributionFacts, HandleFacts, SubjectFacts};
use walbrook_policy::state::AgreementBook;

/// Who reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The reader's organisation, from the token.
    pub organisation: Organisation,
    /// The role acted in: one of the token's.
    pub role: String,
    /// The token's `sub`.
    pub reader: String,
}

/// What one agreement, as it stands now, still grants of a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Bit i: field i of the event's schema.
    pub fields: u64,
    /// The finest time.
    pub precision: Precision,
}

/// How a source named by an entitling agreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// Signed and in force.
    InForce,
    /// Named, not signed.
    NotSigned,
    /// Suspended, terminated, expired or not yet in force.
    Stopped,
}

/// A source of an event type under one of the viewer's agreements. Ordered by event type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The event type.
    pub event_type: EventType,
    /// The organisation, or those of a class that have not signed.
    pub who: Who,
    /// How it stands.
    pub standing: Standing,
    /// Fields granted from it; 0 when it is not in force.
    pub fields: u64,
}

impl Source {
    /// Whether it is in force and this organisation.
    pub fn is_heard(&self, organisation: &Organisation) -> bool {
        self.standing == Standing::InForce && self.who.includes(organisation)
    }
}

/// The agreements as they stand at an instant, asked for one viewer and one view.
pub trait Reading {
    /// The role the viewer acts in.
    fn role(&self) -> &str;

    /// Agreements that name this viewer for this view and are in force for it, by id, with the version.
    fn entitlements(&self) -> Vec<(AgreementId, AgreementVersion)>;

    /// Whether a person is within an entitling agreement's reach, restrictions included; `in_area`: whether they are in the reader's area, asked
    /// only where that decides.
    fn admits(
        &self,
        agreement: &AgreementId,
        person: &Person<'_>,
        in_area: &dyn Fn() -> bool,
    ) -> Admission;

    /// Whether a place lies in the reader's area.
    fn holds_area(&self, place: &str) -> bool {
        let _ = place;
        false
    }

    /// When the agreements are asked; `None`: at the row's own time.
    fn asked_at(&self) -> Option<Instant> {
        None
    }

    /// What an entitling agreement still grants of a person's contribution; `None`: nothing.
    fn grant(&self, person: &Person<'_>, contribution: &Contribution) -> Option<Grant>;

    /// Every source that an entitling agreement names, with what it grants; those of one event type together, types ascending.
    fn sources(&self) -> &[Source];

    /// Whether an entitling agreement lets its reader break the glass: the same whoever is asked about.
    fn may_break_glass(&self) -> bool {
        false
    }
}

/// The answer from the agreements on record.
pub struct BookReading<'b> {
    book: &'b AgreementBook,
    entitled: Vec<read::Entitlement>,
    /// Worked out when they are first asked for: hundreds, where many bodies have signed.
    sources: OnceLock<Arc<[Source]>>,
    role: String,
    organisation: Organisation,
    asked_at: Instant,
    today: Day,
}

impl<'b> BookReading<'b> {
    /// For a viewer of a view's rows, at the wall clock's `now`: entitlement, retention and end dates go by it, never by the row's stated time.
    pub fn new(book: &'b AgreementBook, viewer: &Viewer, view: &View, now: Instant) -> Self {
        Self::in_mode(book, viewer, view, Mode::Case, now)
    }

    /// The same in case or cohort mode: an agreement that names the viewer for one of them says nothing of the other.
    pub fn in_mode(
        book: &'b AgreementBook,
        viewer: &Viewer,
        view: &View,
        mode: Mode,
        now: Instant,
    ) -> Self {
        Self::by(book, viewer, view, (mode, Delivery::Calls), now)
    }

    /// For the organisation's own topic of a view: only what agreements deliver there.
    pub fn delivered(book: &'b AgreementBook, viewer: &Viewer, view: &View, now: Instant) -> Self {
        Self::by(book, viewer, view, (Mode::Case, Delivery::Topic), now)
    }

    fn by(
        book: &'b AgreementBook,
        viewer: &Viewer,
        view: &View,
        (mode, by): (Mode, Delivery),
        now: Instant,
    ) -> Self {
        let asked = read::Viewer {
            organisation: &viewer.organisation,
            reader: &viewer.reader,
            role: &viewer.role,
            purpose: &view.purpose,
            view: &view.name,
            mode,
        };
        let entitled = read::entitlements_by(book, &asked, by, now);
        Self {
            book,
            entitled,
            sources: OnceLock::new(),
            role: viewer.role.clone(),
            organisation: viewer.organisation.clone(),
            asked_at: now,
            today: now.london_day(),
        }
    }

    /// Every source, to be held on to: for as long as the agreements and the day are the same, they are the same for everybody in the role.
    pub fn shared_sources(&self) -> Arc<[Source]> {
        Arc::clone(self.sources.get_or_init(|| self.worked_out()))
    }

    /// The same with sources that an equal reading has worked out. Nobody who is not entitled is told of any.
    #[must_use]
    pub fn with_sources(self, sources: Arc<[Source]>) -> Self {
        if !self.entitled.is_empty() {
            // Nothing was asked of it yet; otherwise what it has is the same.
            let _ = self.sources.set(sources);
        }
        self
    }

    fn worked_out(&self) -> Arc<[Source]> {
        let entitled = self.entitled.iter();
        let mut sources: Vec<Source> = entitled
            .flat_map(|one| sources_of(self.book, one, self.asked_at))
            .collect();
        sources.sort();
        sources.dedup();
        sources.into()
    }

    fn entitlement(&self, agreement: &AgreementId) -> Option<&read::Entitlement> {
        self.entitled
            .iter()
            .find(|one| one.agreement() == agreement)
    }
}

impl BookReading<'_> {
    /// The first day after today on which what the agreements grant of a person may change although nobody changes an agreement; never too
    /// late, sometimes too early. Rows are to be looked at again from the start of that day, by the wall clock.
    pub fn turns_on(&self, person: &Person<'_>) -> Option<Day> {
        let chosen = person
            .subjects()
            .filter_map(|(_, facts)| Some(facts.chosen_until?.plus(1)));
        let contributions = person.contributions().flat_map(|one| {
            let entitled = self.entitlement(&one.key.agreement);
            let facts = self.facts(person, &one);
            entitled.map_or_else(Vec::new, |entitled| {
                entitled.turning_days(self.book, &facts)
            })
        });
        contributions
            .chain(chosen)
            .filter(|day| *day > self.today)
            .min()
    }

    /// The last day on which anything of a person may be kept, if nothing new comes; `None`: nothing of them may be shown.
    pub fn keep_until(&self, person: &Person<'_>) -> Option<Day> {
        let last = person.contributions().filter_map(|one| {
            let entitled = self.entitlement(&one.key.agreement)?;
            entitled.keep_until(self.book, &self.facts(person, &one))
        });
        last.max()
    }

    /// What the agreements ask of a contribution.
    fn facts<'c>(
        &self,
        person: &Person<'c>,
        contribution: &'c Contribution,
    ) -> ContributionFacts<'c> {
        // Its own handle's subject record, which was written with it: another handle's may be a moment older or newer.
        let chosen_authority = person
            .subject(&contribution.key.handle)
            .and_then(|facts| facts.chosen_on(self.today));
        ContributionFacts {
            agreement: &contribution.key.agreement,
            version: contribution.version,
            source: &contribution.source,
            event_type: &contribution.event_type,
            occurred_on: contribution.occurred_at.london_day(),
            precision: contribution.precision,
            not_after: contribution.not_after,
            chosen_authority,
        }
    }
}

fn sources_of(book: &AgreementBook, one: &read::Entitlement, now: Instant) -> Vec<Source> {
    let today = now.london_day();
    let Some(history) = book.agreement(one.agreement()) else {
        return Vec::new();
    };
    let source = |line: read::SourceLine| {
        let (standing, fields) = match &line.source {
            Who::Class(_) => (Standing::NotSigned, 0),
            Who::Organisation(organisation) => match history.in_force(organisation, today) {
                Ok((edition, _)) => {
                    let facts = ContributionFacts {
                        agreement: one.agreement(),
                        version: edition.version(),
                        source: organisation,
                        event_type: &line.event_type,
                        occurred_on: today,
                        precision: Precision::Instant,
                        not_after: None,
                        chosen_authority: Some(one.organisation()),
                    };
                    let readable = one.readable(book, &facts);
                    (
                        Standing::InForce,
                        readable.map_or(0, |grant| grant.field_mask),
                    )
                }
                Err(_) => match book.party_state(history, organisation, today).word {
                    "NOT_SIGNED" => (Standing::NotSigned, 0),
                    _ => (Standing::Stopped, 0),
                },
            },
        };
        Source {
            event_type: line.event_type,
            who: line.source,
            standing,
            fields,
        }
    };
    one.sources(book).into_iter().map(source).collect()
}

impl Reading for BookReading<'_> {
    fn role(&self) -> &str {
        &self.role
    }

    fn entitlements(&self) -> Vec<(AgreementId, AgreementVersion)> {
        self.entitled
            .iter()
            .map(|one| (one.agreement().clone(), one.version()))
            .collect()
    }

    fn admits(
        &self,
        agreement: &AgreementId,
        person: &Person<'_>,
        in_area: &dyn Fn() -> bool,
    ) -> Admission {
        let handles: Vec<HandleFacts> = person
            .subjects()
            .map(|(_, facts)| HandleFacts {
                organisation: facts.organisation.clone(),
                responsible_authority: facts.responsible_authority.clone(),
                chosen_authority: facts.chosen_on(self.today).cloned(),
                restricted: !facts.restrictions.is_empty(),
            })
            .collect();
        self.entitlement(agreement)
            .map_or(Admission::Outside, |one| {
                one.admits(&SubjectFacts(&handles), in_area)
            })
    }

    fn holds_area(&self, place: &str) -> bool {
        read::lies_in(&self.organisation, place)
    }

    fn asked_at(&self) -> Option<Instant> {
        Some(self.asked_at)
    }

    fn grant(&self, person: &Person<'_>, contribution: &Contribution) -> Option<Grant> {
        let facts = self.facts(person, contribution);
        let readable = self
            .entitlement(&contribution.key.agreement)?
            .readable(self.book, &facts)
            .ok()?;
        Some(Grant {
            fields: readable.field_mask,
            precision: readable.precision,
        })
    }

    fn sources(&self) -> &[Source] {
        self.sources.get_or_init(|| self.worked_out())
    }

    fn may_break_glass(&self) -> bool {
        self.entitled
            .iter()
            .any(|one| one.reader().beyond_scope == BeyondScope::BreakGlass)
    }
}
