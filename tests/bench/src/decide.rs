//! `decide.standard_us`: one event against its matching agreements by the compiled tables, with a million consents loaded; against the plain
//! specification of the same rules.
//!
//! Events and agreements are those of [`crate::wide`]: each event matches three of twelve agreements. Each of a million people has consented to one
//! of the three, which permits and rests on that consent; the second lacks a consent, and the predicate of the third, over the body, is false.
//! People come in random order, so that hardly a ground that is looked up is in the caches. Events are taken as the loop takes them: in batches that
//! have just been read, the grounds of the next `AHEAD` brought near before they are decided; the time includes that. The specification asks for
//! each event by itself. Every decision of a run is counted, and those of the first thousands are compared with the specification's.

use crate::figure::{Better, Figure, Reference, load_average};
use crate::wide::{self, Wide};
use crate::{Args, NoFigure, RUNS, demand};
use ed25519_dalek::{Signer, SigningKey};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_broker::control::registrar;
use walbrook_domain::control::{
    AgreementFact, AgreementProposed, AgreementSigned, ControlFact, ControlRecord, GroundFact,
    GroundKind, GroundState, PartyKey,
};
use walbrook_domain::{
    AgreementId, Day, EventId, EventType, Handle, Instant, LinkStatus, Organisation, PersonId,
    Precision,
};
use walbrook_event::Projection;
use walbrook_event::projection::{FieldRef, Layout};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_policy::facts::{EventFacts, FieldValue, Fields, LinkFacts, Precedence, Subject};
use walbrook_policy::state::ground_id;
use walbrook_policy::{Compiled, PolicyState, RULES_VERSION, Reason, Ruling, decide};
use walbrook_proto::avro::{AvroEvent, AvroRecord};
use walbrook_proto::social_care::v1::CareEpisode;

/// Its name.
pub const NAME: &str = "decide.standard_us";
/// People with a consent. It is the stated size, and short enough.
const PEOPLE: usize = 1_000_000;
/// Events of a run, those of a batch, and those whose grounds are brought near at once.
const EVENTS: usize = 400_000;
const BATCH: usize = 4_000;
const AHEAD: usize = 128;
/// Events of a run that the specification decides, and those that are compared.
const PLAIN: usize = 100_000;
const COMPARED: usize = 20_000;
/// The agreement that permits rests on a consent; see [`wide::agreements`].
const PERMITS: &str = "-open\"";

/// One event ready to be decided.
struct Told {
    organisation: Organisation,
    handle: [Handle; 1],
    id: EventId,
    occurred_at: Instant,
    body: Vec<u8>,
    layout: Layout,
}

/// Its fields where they stand in the body.
struct Seen<'a> {
    projection: &'a Projection,
    told: &'a Told,
}

impl Fields for Seen<'_> {
    fn value(&self, name: &str) -> FieldValue<'_> {
        let at = self.projection.fields().position(|field| field == name);
        at.map_or(FieldValue::Missing, |at| self.at(at, name))
    }

    fn at(&self, index: usize, _name: &str) -> FieldValue<'_> {
        let told = self.told;
        match self.projection.value(&told.body, &told.layout, index) {
            FieldRef::Null => FieldValue::Absent,
            FieldRef::Bool(flag) => FieldValue::Bool(flag),
            FieldRef::Int(number) => FieldValue::Integer(number),
            FieldRef::Text(text) => FieldValue::Text(text),
            FieldRef::Date(day) => FieldValue::Day(day),
            FieldRef::Instant(at) => FieldValue::Instant(at),
            FieldRef::Texts(texts) => FieldValue::TextList(texts.collect()),
            FieldRef::Missing => FieldValue::Missing,
        }
    }
}

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub fn run(args: &Args) -> Result<Figure, NoFigure> {
    let load = load_average();
    let wide = Wide::new(PEOPLE, args.seed)?;
    let (state, now) = state(&wide)?;
    let compiled = Compiled::new(&state);
    let projection = Projection::new(CareEpisode::SCHEMA, CareEpisode::SHARED_SCHEMA)?;
    let event_type: EventType = wide::EVENT_TYPE.parse()?;
    let bench = Bench {
        state: &state,
        compiled: &compiled,
        projection: &projection,
        event_type: &event_type,
        now,
    };
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for number in 1..=RUNS {
        let (table, plain) = bench.measure(&wide, u64::try_from(number)?)?;
        eprintln!("{NAME} run {number}: {table:.3} µs, the specification {plain:.3} µs");
        ours.push(table);
        peers.push(plain);
    }
    Ok(Figure {
        name: NAME,
        unit: "µs",
        better: Better::Lower,
        values: ours,
        reference: Some(Reference {
            name: "the specification, agreement by agreement",
            values: peers,
        }),
        workload_hash: wide.hash(),
        load_average: load,
    })
}

struct Bench<'a> {
    state: &'a PolicyState,
    compiled: &'a Compiled,
    projection: &'a Projection,
    event_type: &'a EventType,
    now: Instant,
}

impl Bench<'_> {
    fn with<T>(&self, told: &Told, what: impl FnOnce(&EventFacts<'_>, &Subject<'_>) -> T) -> T {
        let seen = Seen {
            projection: self.projection,
            told,
        };
        let event = EventFacts {
            event_type: self.event_type,
            organisation: &told.organisation,
            event_id: told.id,
            accepted_at: self.now,
            occurred_at: told.occurred_at,
            precision: Precision::Day,
            precedence: Precedence::First,
            fields: &seen,
        };
        let [handle] = told.handle;
        let subject = Subject::Person(LinkFacts {
            handle,
            person: PersonId::new(handle.to_bytes()),
            status: LinkStatus::Match,
            restrictions: &[],
            adult_from: None,
            members: &told.handle,
        });
        what(&event, &subject)
    }

    /// µs an event by the tables, and by the specification. Each batch is read just before it is decided, which is not in the time.
    fn measure(&self, wide: &Wide, run: u64) -> Result<(f64, f64), NoFigure> {
        let (mut tables, mut plainly) = (Duration::ZERO, Duration::ZERO);
        let mut events = wide.events(run, EVENTS + PLAIN + COMPARED);
        let mut batch = |count: usize| {
            let some = events.by_ref().take(count);
            some.map(|event| told(wide, &event, self.projection))
                .collect::<Result<Vec<_>, NoFigure>>()
        };
        self.compare(&batch(COMPARED)?)?;
        let mut counted = Counted::default();
        for _ in 0..EVENTS / BATCH {
            tables += self.tables(&batch(BATCH)?, &mut counted)?;
        }
        demand(counted.is_of(EVENTS), || {
            format!("of {EVENTS} events: {counted:?}")
        })?;
        for _ in 0..PLAIN / BATCH {
            plainly += self.plainly(&batch(BATCH)?)?;
        }
        Ok((micros(tables, EVENTS), micros(plainly, PLAIN)))
    }

    fn tables(&self, batch: &[Told], counted: &mut Counted) -> Result<Duration, NoFigure> {
        let began = Monotonic::now();
        for some in batch.chunks(AHEAD) {
            let handles = some.iter().flat_map(|told| &told.handle);
            counted.with_grounds += self.state.grounds().warm(handles);
            for told in some {
                self.with(told, |event, subject| {
                    self.compiled.decide(
                        event,
                        subject,
                        self.state,
                        self.now,
                        RULES_VERSION,
                        |ruling| match ruling.reason {
                            Reason::Permitted => counted.permitted += 1,
                            Reason::ConsentMissing => counted.without_consent += 1,
                            Reason::PredicateFalse => counted.false_predicates += 1,
                            _ => counted.others += 1,
                        },
                    )
                })?;
            }
        }
        Ok(began.elapsed())
    }

    /// The same by the specification.
    fn plainly(&self, batch: &[Told]) -> Result<Duration, NoFigure> {
        let mut decisions = 0;
        let began = Monotonic::now();
        for told in batch {
            decisions += self
                .with(told, |event, subject| {
                    decide(event, subject, self.state, self.now, RULES_VERSION)
                })?
                .len();
        }
        let took = began.elapsed();
        demand(decisions == 3 * batch.len(), || {
            format!("the specification made {decisions} decisions")
        })?;
        Ok(took)
    }

    fn compare(&self, some: &[Told]) -> Result<(), NoFigure> {
        for told in some {
            let same = self.with(told, |event, subject| {
                let plain = decide(event, subject, self.state, self.now, RULES_VERSION)?;
                let mut expected = plain.iter().map(Ruling::from);
                let mut same = true;
                self.compiled.decide(
                    event,
                    subject,
                    self.state,
                    self.now,
                    RULES_VERSION,
                    |ruling| {
                        same &= expected.next() == Some(ruling);
                    },
                )?;
                Ok::<_, walbrook_policy::UnknownRules>(same && expected.next().is_none())
            })?;
            demand(same, || {
                "the tables say something else than the specification".to_owned()
            })?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn micros(took: Duration, count: usize) -> f64 {
    took.as_secs_f64() * 1e6 / count as f64
}

fn told(wide: &Wide, event: &wide::Event, projection: &Projection) -> Result<Told, NoFigure> {
    let (handle, organisation) = wide
        .subject(event)
        .ok_or_else(|| NoFigure("an event is about nobody".to_owned()))?;
    let body = event.body()?;
    Ok(Told {
        organisation: organisation.clone(),
        handle: [handle],
        id: event.id(),
        occurred_at: event.occurred().start(),
        layout: projection.layout(&body)?,
        body,
    })
}

/// What was decided.
#[derive(Debug, Default)]
struct Counted {
    permitted: usize,
    without_consent: usize,
    false_predicates: usize,
    others: usize,
    with_grounds: usize,
}

impl Counted {
    /// Of each event one permit and two denials, for different reasons; each about somebody with a ground.
    fn is_of(&self, events: usize) -> bool {
        self.others == 0
            && [
                self.permitted,
                self.without_consent,
                self.false_predicates,
                self.with_grounds,
            ] == [events; 4]
    }
}

/// A control plane's state under construction: each record an instant after the one before.
struct Log {
    state: PolicyState,
    clock: Instant,
}

impl Log {
    fn say(&mut self, fact: ControlFact) -> Result<(), NoFigure> {
        self.clock = Instant(self.clock.0 + 1);
        let record = ControlRecord {
            offset: self.state.next_offset(),
            appended_at: self.clock,
            idempotency_key: String::new(),
            fact,
        };
        self.state.apply(&record)?;
        Ok(())
    }
}

/// Twelve agreements signed by all their parties, and a consent of everybody to the one that permits.
fn state(wide: &Wide) -> Result<(PolicyState, Instant), NoFigure> {
    let today = crate::town::today();
    let mut log = Log {
        state: PolicyState::new(Arc::new(registrar::catalogue(&[])?)),
        clock: today.plus(-20).start(),
    };
    let mut keys: Vec<(Organisation, SigningKey)> = Vec::new();
    let mut permitting = Vec::new();
    for (document, parties) in wide::agreements() {
        let permits = document.contains(PERMITS);
        let document = if permits {
            document.replace("consent = \"not-objected\"", "consent = \"required\"")
        } else {
            document
        };
        let agreement = Agreement::read(&document)
            .map_err(|faults| NoFigure(format!("an agreement cannot be read: {faults}")))?;
        propose(&mut log, &agreement)?;
        for party in parties {
            let party: Organisation = party.parse()?;
            if !keys.iter().any(|(known, _)| *known == party) {
                keys.push((party.clone(), key(&mut log, &party)?));
            }
            let signing = keys.iter().find(|(known, _)| *known == party);
            let (_, signing) = signing.ok_or_else(|| NoFigure("a party has no key".to_owned()))?;
            sign(&mut log, &agreement, party, signing)?;
        }
        if permits {
            permitting.push((parties.first().copied().unwrap_or_default(), agreement.id));
        }
    }
    let stated = today.plus(-1).start();
    for (handle, organisation) in wide.everyone() {
        let source = organisation.to_string();
        let agreement = permitting.iter().find(|(council, _)| *council == source);
        let (_, agreement) =
            agreement.ok_or_else(|| NoFigure(format!("nothing permits the events of {source}")))?;
        log.say(consent(handle, organisation, agreement.clone(), stated))?;
    }
    Ok((log.state, today.plus(0).start()))
}

fn propose(log: &mut Log, agreement: &Agreement) -> Result<(), NoFigure> {
    let text = agreement.canonical_text();
    log.say(ControlFact::Agreement(AgreementFact::Proposed(
        AgreementProposed {
            agreement: agreement.id.clone(),
            version: agreement.version,
            text_sha256: sha256(&text),
            text,
            by_organisation: "GSS:E12000007".parse()?,
            by: "bench".to_owned(),
        },
    )))
}

fn key(log: &mut Log, party: &Organisation) -> Result<SigningKey, NoFigure> {
    let signing = SigningKey::from_bytes(&sha256(&party.to_string()));
    log.say(ControlFact::Agreement(AgreementFact::PartyKey(PartyKey {
        organisation: party.clone(),
        key_id: "k1".to_owned(),
        public_key: signing.verifying_key().to_bytes(),
        active: true,
    })))?;
    Ok(signing)
}

fn sign(
    log: &mut Log,
    agreement: &Agreement,
    party: Organisation,
    key: &SigningKey,
) -> Result<(), NoFigure> {
    let hash = sha256(&agreement.canonical_text());
    log.say(ControlFact::Agreement(AgreementFact::Signed(
        AgreementSigned {
            agreement: agreement.id.clone(),
            version: agreement.version,
            signature: key.sign(&hash).to_bytes(),
            party,
            key_id: "k1".to_owned(),
            text_sha256: hash,
        },
    )))
}

fn consent(
    handle: Handle,
    organisation: &Organisation,
    agreement: AgreementId,
    stated_at: Instant,
) -> ControlFact {
    let limited = Some(&agreement);
    ControlFact::Ground(GroundFact {
        ground_id: ground_id(&handle, GroundKind::Consent, None, limited, None),
        version: 1,
        handle,
        kind: GroundKind::Consent,
        state: GroundState::Given,
        purpose: None,
        agreement: Some(agreement),
        event: None,
        not_after: None::<Day>,
        chosen_authority: None,
        stated_at,
        by_organisation: organisation.clone(),
        by: "bench".to_owned(),
    })
}
