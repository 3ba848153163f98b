//! What was accepted before a version, or a party, was in force.

use super::*;
use crate::testing::{Log, Map, at, ground, org};
use proptest::prelude::*;
use walbrook_domain::control::{GroundKind, GroundState, Standing};
use walbrook_domain::{Day, EventType};

const CAMDEN: &str = "GSS:E09000007";
const DAY: i64 = 86_400_000_000;

/// A version of an agreement over rent arrears.
fn document(version: u32, fields: &str, backfill_from: Option<Day>) -> String {
    let backfill = backfill_from.map_or_else(String::new, |day| format!("backfill_from = {day}"));
    format!(
        r#"
id = "arrears"
version = {version}
title = "A test agreement"
summary = "Rent arrears, for a test."
purpose = "rough-sleeping"
kind = "sharing"
retention_days = 3650
processor = "the test"
[law]
gateways = ["ha1996-s213"]
article_6 = ["6(1)(c)", "6(1)(e)"]
[dpia]
reference = "T-1"
outcome = "low-residual-risk"
completed = 2020-01-01
[period]
effective = 2020-01-02
review = 2098-01-01
expiry = 2099-01-01
{backfill}
[[party]]
class = "london-authority"
role = "controller"
contact = "its data protection officer"
[[flow]]
class = "london-authority"
event = "housing.RentArrearsChanged"
fields = [{fields}]
precision = "day"
gateways = ["ha1996-s213"]
[flow.person]
consent = "not-needed"
national_opt_out = "does-not-apply"
age = "any"
restricted = "withhold"
minimum_match = "NO_MATCH"
[[reader]]
class = "london-authority"
role = "housing-options-officer"
view = "rough_sleeping_risk"
mode = "case"
scope = ["own-subjects"]
beyond_scope = "never"
"#
    )
}

const NARROW: &str = r#""landlord_type""#;
const WIDE: &str = r#""landlord_type", "arrears_pence""#;

struct Town(Log);

impl Town {
    fn new(fields: &str) -> Self {
        let mut town = Self(Log::new());
        town.version(1, fields, None);
        town
    }

    fn version(&mut self, version: u32, fields: &str, backfill_from: Option<Day>) {
        self.0
            .propose(&document(version, fields, backfill_from))
            .unwrap();
    }

    fn sign(&mut self, version: u32) {
        self.0.sign("arrears", version, CAMDEN).unwrap();
    }

    fn stand(&mut self, party: Option<&str>, standing: Standing) {
        self.0.stand("arrears", party, standing).unwrap();
    }

    /// Ten days pass.
    fn later(&mut self) -> Instant {
        self.0.clock = Instant(self.0.clock.0 + 10 * DAY);
        self.0.clock
    }

    /// The fields of an event that was accepted, and happened, then.
    fn fields(&self, accepted_at: Instant) -> Result<u32, Reason> {
        self.fields_of(accepted_at, accepted_at)
    }

    fn fields_of(&self, accepted_at: Instant, occurred_at: Instant) -> Result<u32, Reason> {
        let event_type: EventType = "housing.RentArrearsChanged".parse().unwrap();
        let organisation = org(CAMDEN);
        let event = EventFacts {
            event_type: &event_type,
            organisation: &organisation,
            event_id: EventId::new(uuid::Uuid::from_u128(1)),
            accepted_at,
            occurred_at,
            precision: Precision::Minute,
            precedence: Precedence::First,
            fields: &Map::default(),
        };
        let members = [OWN];
        let subject = Subject::Person(LinkFacts {
            handle: OWN,
            person: PersonId::new([9; 16]),
            status: LinkStatus::Match,
            restrictions: &[],
            adult_from: None,
            members: &members,
        });
        let now = Instant(self.0.clock.0 + DAY);
        let decided = decide(&event, &subject, &self.0.state, now, RULES_VERSION).unwrap();
        match decided.as_slice() {
            [one] if one.outcome() == Outcome::Permit => Ok(one.field_mask.count_ones()),
            [one] => Err(one.reason),
            _ => panic!("one agreement"),
        }
    }
}

#[test]
fn before_the_first_signature_nothing_was_granted() {
    let mut town = Town::new(WIDE);
    let before = town.later();
    town.sign(1);
    assert_eq!(town.fields(before), Err(Reason::AcceptedBeforeInForce));
    let after = town.later();
    assert_eq!(town.fields(after), Ok(2));
}

#[test]
fn a_narrower_version_narrows_and_a_wider_one_does_not_reach_back() {
    let mut town = Town::new(NARROW);
    town.sign(1);
    let first = town.later();
    town.version(2, WIDE, None);
    town.sign(2);
    let second = town.later();
    assert_eq!((town.fields(first), town.fields(second)), (Ok(1), Ok(2)));
    town.version(3, NARROW, None);
    town.sign(3);
    assert_eq!((town.fields(first), town.fields(second)), (Ok(1), Ok(1)));
    // Back to what the second granted: to what it had granted then.
    town.version(4, WIDE, None);
    town.sign(4);
    assert_eq!((town.fields(first), town.fields(second)), (Ok(1), Ok(2)));
}

#[test]
fn a_version_reaches_back_as_far_as_the_parties_signed() {
    let mut town = Town::new(NARROW);
    let unsigned = town.later();
    town.sign(1);
    let early = town.later();
    let late = town.later();
    town.version(2, WIDE, Some(late.london_day()));
    town.sign(2);
    assert_eq!(town.fields(early), Ok(1), "before the day");
    assert_eq!(town.fields(late), Ok(2), "on the day");
    assert_eq!(
        town.fields_of(late, early),
        Ok(1),
        "accepted on the day, and happened before"
    );
    town.version(3, WIDE, Some(unsigned.london_day()));
    town.sign(3);
    assert_eq!(town.fields(unsigned), Ok(2), "nothing was in force then");
    // A version without the day no longer reaches back.
    town.version(4, WIDE, None);
    town.sign(4);
    assert_eq!(town.fields(unsigned), Err(Reason::AcceptedBeforeInForce));
    assert_eq!(town.fields(early), Ok(1));
}

#[test]
fn what_was_accepted_under_a_suspension_stays_untold_when_it_is_lifted() {
    let mut town = Town::new(WIDE);
    town.sign(1);
    let before = town.later();
    town.stand(None, Standing::Suspended);
    let meanwhile = town.later();
    assert_eq!(town.fields(before), Err(Reason::Suspended));
    town.stand(None, Standing::InForce);
    let after = town.later();
    assert_eq!((town.fields(before), town.fields(after)), (Ok(2), Ok(2)));
    assert_eq!(town.fields(meanwhile), Err(Reason::AcceptedBeforeInForce));
    town.version(2, WIDE, Some(meanwhile.london_day()));
    town.sign(2);
    assert_eq!(town.fields(meanwhile), Ok(2), "unless the parties say so");
}

#[test]
fn a_party_that_comes_back_brings_what_it_shared_and_nothing_it_did_not() {
    let mut town = Town::new(WIDE);
    town.sign(1);
    let before = town.later();
    town.stand(Some(CAMDEN), Standing::Terminated);
    let away = town.later();
    assert_eq!(town.fields(before), Err(Reason::Terminated));
    town.sign(1);
    assert_eq!(town.fields(before), Ok(2));
    assert_eq!(town.fields(away), Err(Reason::AcceptedBeforeInForce));
}

/// What happens to the agreement between events.
#[derive(Debug, Clone)]
enum Act {
    Amend { wide: bool },
    Suspend,
    Resume,
    Leave,
    SignAgain,
    Ground(GroundState),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        any::<bool>().prop_map(|wide| Act::Amend { wide }),
        Just(Act::Suspend),
        Just(Act::Resume),
        Just(Act::Leave),
        Just(Act::SignAgain),
        prop::sample::select(vec![GroundState::On, GroundState::Off]).prop_map(Act::Ground),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever is said later without reaching back: an event is never told more of than when it was accepted.
    #[test]
    fn nothing_later_widens_what_was_told_of_an_event(acts in prop::collection::vec(any_act(), 1..12), wide in any::<bool>()) {
        let mut town = Town::new(if wide { WIDE } else { NARROW });
        town.sign(1);
        let (mut version, mut holds) = (1, 0);
        let mut accepted: Vec<(Instant, Result<u32, Reason>)> = Vec::new();
        for act in acts {
            // Many acts are not legal where they come; what the log refuses changes nothing.
            match act {
                Act::Amend { wide } => {
                    version += 1;
                    town.version(version, if wide { WIDE } else { NARROW }, None);
                    let _ = town.0.sign("arrears", version, CAMDEN);
                }
                Act::Suspend => drop(town.0.stand("arrears", None, Standing::Suspended)),
                Act::Resume => drop(town.0.stand("arrears", None, Standing::InForce)),
                Act::Leave => drop(town.0.stand("arrears", Some(CAMDEN), Standing::Terminated)),
                Act::SignAgain => drop(town.0.sign("arrears", version, CAMDEN)),
                Act::Ground(state) => {
                    if town.0.ground(ground(OWN, GroundKind::SafetyHold, state, holds + 1)).is_ok() {
                        holds += 1;
                    }
                }
            }
            let now = town.later();
            // A hold denies for a while and grants nothing: what could be told is looked at without it.
            let mut unheld = Town(town.0.clone());
            if holds > 0 {
                let _ = unheld.0.ground(ground(OWN, GroundKind::SafetyHold, GroundState::Off, holds + 1));
            }
            accepted.push((now, unheld.fields(now)));
            for (at, then) in &accepted {
                match (town.fields(*at), then) {
                    (Ok(now), Ok(then)) => prop_assert!(now <= *then),
                    (Ok(_), Err(_)) => prop_assert!(false, "told of an event that nothing covered when it was accepted"),
                    (Err(_), _) => {}
                }
            }
        }
    }
}

#[test]
fn days_are_londons() {
    // 00:30 British Summer Time on the day itself is still the day before in UTC.
    let mut town = Town::new(NARROW);
    town.0.clock = at("2026-06-09T23:30:00Z");
    let early = town.0.clock;
    let day = early.london_day();
    town.version(2, WIDE, Some(day));
    town.later();
    town.sign(2);
    assert_eq!(town.fields(early), Ok(2));
    assert_eq!(
        town.fields(Instant(early.0 - 3_600_000_000)),
        Err(Reason::AcceptedBeforeInForce)
    );
}
