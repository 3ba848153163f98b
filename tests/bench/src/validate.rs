//! `validate.median_us`: every check of one event at the door, from the sender's rights to the last rule of its type, and nothing of what follows them. The
//! events are the city's, of all agencies, in their order. A test of the gateway's crate counts that none of it allocates.

use crate::figure::{Better, Figure, load_average, median};
use crate::{Args, NoFigure, RUNS, demand, town};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};
use walbrook_agency::Schedules;
use walbrook_agency::conformance::Checks;
use walbrook_cli::publish::{Body, Outgoing};
use walbrook_domain::Organisation;
use walbrook_domain::control::{PublicationSchedule, ScheduleEntry};
use walbrook_health::Health;
use walbrook_housing::Housing;
use walbrook_police::Police;
use walbrook_proto::{health, housing, police, social_care};
use walbrook_runtime::callers::{EventPatterns, Principal, role};
use walbrook_social_care::SocialCare;

/// Its name.
pub const NAME: &str = "validate.median_us";
/// People of the city: short form, stated size.
const PEOPLE: (usize, usize) = (20_000, 100_000);

/// One event as its agency takes it.
enum Event {
    Police(police::v1::Event),
    Health(health::v1::Event),
    Housing(housing::v1::Event),
    SocialCare(social_care::v1::Event),
}

/// Runs it.
///
/// # Errors
/// When an event of the city would not be accepted.
pub fn run(args: &Args) -> Result<Figure, NoFigure> {
    let load = load_average();
    let people = if args.full { PEOPLE.1 } else { PEOPLE.0 };
    let city = town::city(people, args.seed).events.into_iter();
    let events: Vec<(String, Event)> = city.filter_map(|told| typed(told.event)).collect();
    let mut senders: BTreeMap<&str, Checks> = BTreeMap::new();
    for (organisation, _) in &events {
        if !senders.contains_key(organisation.as_str()) {
            senders.insert(organisation, checks(organisation)?);
        }
    }
    let mut values = Vec::new();
    for number in 0..=RUNS {
        let mut took = Vec::with_capacity(events.len());
        let mut accepted = 0;
        for (organisation, event) in &events {
            let Some(checks) = senders.get(organisation.as_str()) else {
                continue;
            };
            let now = now();
            let started = Instant::now();
            accepted += usize::from(black_box(accept(checks, black_box(event), now)));
            took.push(started.elapsed().as_secs_f64() * 1e6);
        }
        demand(accepted == events.len() && accepted > 1_000, || {
            format!("{accepted} of {} events would be accepted", events.len())
        })?;
        let middle = median(&took).unwrap_or_default();
        took.sort_by(f64::total_cmp);
        let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
        eprintln!("{NAME} run {number}: median {middle:.3} µs, p99 {p99:.3} µs of {accepted}");
        if number > 0 {
            values.push(middle);
        }
    }
    Ok(Figure {
        name: NAME,
        unit: "µs",
        better: Better::Lower,
        values,
        reference: None,
        workload_hash: town::hash(people, args.seed),
        load_average: load,
    })
}

fn accept(checks: &Checks, event: &Event, now: walbrook_domain::Instant) -> bool {
    match event {
        Event::Police(event) => checks.accept::<Police>(event, now),
        Event::Health(event) => checks.accept::<Health>(event, now),
        Event::Housing(event) => checks.accept::<Housing>(event, now),
        Event::SocialCare(event) => checks.accept::<SocialCare>(event, now),
    }
}

/// An event about a person, as its agency's service gets it.
fn typed(event: Outgoing) -> Option<(String, Event)> {
    let head = Some(event.head);
    let typed = match event.body {
        Body::Police(body) => Event::Police(police::v1::Event {
            head,
            body: Some(body),
        }),
        Body::Health(body) => Event::Health(health::v1::Event {
            head,
            body: Some(body),
        }),
        Body::Housing(body) => Event::Housing(housing::v1::Event {
            head,
            body: Some(body),
        }),
        Body::SocialCare(body) => Event::SocialCare(social_care::v1::Event {
            head,
            body: Some(body),
        }),
        _ => return None,
    };
    Some((event.organisation, typed))
}

/// The checks of an organisation that may send and publishes everything.
fn checks(organisation: &str) -> Result<Checks, NoFigure> {
    let id: Organisation = organisation.parse()?;
    let schedules = Schedules::default();
    let mut entries = Vec::new();
    for event in walbrook_proto::records()
        .iter()
        .filter_map(|info| info.event)
    {
        entries.push(ScheduleEntry {
            event_type: event.event_type.parse()?,
            controller: id.clone(),
            reason: "the organisation's own duty".to_owned(),
            retention_days: 30,
        });
    }
    schedules.take(&PublicationSchedule {
        version: 1,
        entries,
        by_organisation: id.clone(),
        by: "bench".to_owned(),
        organisation: id,
    });
    let principal = Principal {
        organisation: organisation.to_owned(),
        subject: "bench".to_owned(),
        roles: vec![role::PRODUCER.to_owned()],
        events: EventPatterns::new(vec!["*".to_owned()]),
        token_id: "bench".to_owned(),
        expires_at: SystemTime::now() + Duration::from_secs(3_600),
    };
    Ok(Checks::of(principal, &schedules)?)
}

fn now() -> walbrook_domain::Instant {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    walbrook_domain::Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
