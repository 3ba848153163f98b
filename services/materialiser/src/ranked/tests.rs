//! A list by kept ranks is the list worked out whole, whatever came, left, was heard or turned by time.

use super::*;
use proptest::prelude::*;
use walbrook_domain::*;
use walbrook_policy::Catalogue;
use walbrook_policy::class::Who;
use walbrook_policy::read::Admission;
use walbrook_policy::state::Pins;
use walbrook_view::condition::Condition;
use walbrook_view::order::Order;
use walbrook_view::page;
use walbrook_view::{
    Contribution, ContributionKey, Grant, Input, Reading, Retraction, Source, Standing,
    SubjectFacts, Value,
};

const CONTACT: &str = "housing.RoughSleepingContact";
const COUNCIL: &str = "GSS:E09000007";
const MINUTE: i64 = 60_000_000;

/// Everything of one agreement, about everybody.
struct Open(Vec<Source>);

impl Reading for Open {
    fn role(&self) -> &str {
        "housing-options-officer"
    }

    fn entitlements(&self) -> Vec<(AgreementId, AgreementVersion)> {
        vec![("one".parse().unwrap(), AgreementVersion(1))]
    }

    fn admits(&self, _: &AgreementId, _: &Person<'_>, _: &dyn Fn() -> bool) -> Admission {
        Admission::Inside
    }

    fn grant(&self, _: &Person<'_>, contribution: &Contribution) -> Option<Grant> {
        Some(Grant {
            fields: u64::MAX,
            precision: contribution.precision,
        })
    }

    fn sources(&self) -> &[Source] {
        &self.0
    }
}

/// Read once: a property test asks for it again and again.
fn view() -> View {
    static READ: std::sync::OnceLock<View> = std::sync::OnceLock::new();
    READ.get_or_init(read_view).clone()
}

fn read_view() -> View {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/views/rough_sleeping_risk.toml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let catalogue = walbrook_view::file::catalogue();
    walbrook_view::file::read(path, &text, &catalogue).unwrap()
}

fn agreements() -> Agreements {
    Agreements {
        book: AgreementBook::new(Arc::new(Catalogue::new(Vec::new()))),
        pins: Pins::default(),
        view_files: Default::default(),
        next_offset: 1,
    }
}

/// A person's pseudonym; people stand in both partitions.
fn person(n: u8) -> Pseudonym {
    Pseudonym::new([n; 16])
}

fn handle(n: u8) -> HandlePseudonym {
    HandlePseudonym::new([n; 16])
}

#[derive(Debug, Clone)]
enum Step {
    /// Somebody is met, so many minutes from now, bedded down or not.
    Met(u8, u8, i64, bool),
    /// What stands of somebody falls, the subject record with it or not.
    Fallen(u8, bool),
    Known(u8),
    Heard(i32),
    Minutes(i64),
    /// Pages of so many rows, in one of some orders, of those for whom one of some conditions holds.
    List(u32, usize, bool, usize),
    Agreed,
}

/// More of them than are kept at once.
const COLUMNS: [&str; 12] = [
    "points_hundredths",
    "band",
    "contacts_7d",
    "contacts_28d",
    "contacts_365d",
    "bedded_down_28d",
    "bedded_down_365d",
    "days_since_contact",
    "street_status",
    "arrears_pence",
    "housing_concern_days",
    "transport_365d",
];

const CONDITIONS: [&str; 5] = [
    "contacts_28d > 0",
    "contacts_28d >= 2 and points_hundredths >= 100",
    "band = \"HIGH\" or contacts_28d = 1",
    "not (contacts_28d = 1)",
    "points_hundredths >= 1",
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6u8, 0..4u8, -90_000..120i64, any::<bool>())
            .prop_map(|(who, event, minutes, down)| Step::Met(who, event, minutes, down)),
        1 => (0..6u8, any::<bool>()).prop_map(|(who, too)| Step::Fallen(who, too)),
        3 => (0..6u8).prop_map(Step::Known),
        1 => (-3..1i32).prop_map(Step::Heard),
        3 => (0..90i64).prop_map(Step::Minutes),
        1 => (600..3_000i64).prop_map(Step::Minutes),
        4 => (1..4u32, 0..COLUMNS.len() + 4, any::<bool>(), 0..CONDITIONS.len() + 2)
            .prop_map(|(limit, column, down, only)| Step::List(limit, column, down, only)),
        1 => Just(Step::Agreed),
    ]
}

struct World {
    shelf: Arc<Shelf>,
    view: View,
    now: Instant,
    agreements: Agreements,
    reading: Open,
}

impl World {
    fn new() -> Self {
        let source = |event_type: &EventType| Source {
            who: Who::Organisation(COUNCIL.parse().unwrap()),
            event_type: event_type.clone(),
            standing: Standing::InForce,
            fields: u64::MAX,
        };
        let view = view();
        Self {
            shelf: Arc::new(Shelf::new(
                "shared.rough-sleeping".into(),
                vec![Held::default(), Held::default()],
            )),
            reading: Open(view.needs().keys().map(source).collect()),
            view,
            now: "2026-05-05".parse::<Day>().unwrap().start(),
            agreements: agreements(),
        }
    }

    fn apply(&self, n: u8, input: Input) {
        let (number, held) = self.shelf.of(&person(n)).unwrap();
        let (mut held, mut changes) = (held.write(), Vec::new());
        held.state.apply(input, &mut changes);
        held.next_offset += 1;
        self.shelf.mark(number, &changes);
    }

    fn met(&self, (who, event, minutes, down): (u8, u8, i64, bool)) -> Input {
        let info = walbrook_proto::event(CONTACT).unwrap();
        let number = |name: &str| {
            let at = info.fields.iter().position(|field| *field == name);
            u8::try_from(at.unwrap()).unwrap()
        };
        let at = Instant(self.now.0 + minutes * MINUTE);
        Input::Release(Contribution {
            person: person(who),
            key: ContributionKey {
                handle: handle(who),
                event: EventId::new(uuid::Uuid::from_bytes([event; 16])),
                agreement: "one".parse().unwrap(),
            },
            version: AgreementVersion(1),
            source: COUNCIL.parse().unwrap(),
            event_type: CONTACT.parse().unwrap(),
            occurred_at: at,
            precision: Precision::Instant,
            not_after: None,
            released_on: self.now.london_day(),
            supersedes: None,
            fields: vec![(number("bedded_down"), Value::Bool(down))],
        })
    }

    fn known(&self, who: u8) {
        let facts = SubjectFacts {
            organisation: COUNCIL.parse().unwrap(),
            responsible_authority: None,
            chosen_authority: None,
            area_gss: None,
            restrictions: Vec::new(),
            adult_from: Some("2010-01-01".parse().unwrap()),
            link_status: LinkStatus::Match,
            link_score_ten_thousandths: 10_000,
            chosen_until: None,
        };
        let (person, handle) = (person(who), handle(who));
        self.apply(
            who,
            Input::Subject {
                person,
                handle,
                facts,
            },
        );
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Met(who, event, minutes, down) => {
                self.apply(who, self.met((who, event, minutes, down)));
            }
            Step::Fallen(who, subject_too) => {
                let retraction = Retraction {
                    handle: handle(who),
                    agreements: Vec::new(),
                    event: None,
                    reason: "RECALL".into(),
                    subject_too,
                };
                self.apply(who, Input::Retraction(retraction));
            }
            Step::Known(who) => self.known(who),
            Step::Heard(days) => {
                for who in 0..6 {
                    let heartbeat = Input::Heartbeat {
                        organisation: COUNCIL.parse().unwrap(),
                        event_type: CONTACT.parse().unwrap(),
                        last_accepted_on: self.now.london_day().plus(days),
                    };
                    self.apply(who, heartbeat);
                }
            }
            Step::Minutes(minutes) => self.now = Instant(self.now.0 + minutes * MINUTE),
            Step::Agreed => self.agreements.next_offset += 1,
            Step::List(..) => {}
        }
    }

    /// Every page, by ranks and whole.
    fn pages(&self, ranks: &Ranks, limit: u32) -> usize {
        self.pages_of(ranks, limit, Order::default(), "")
    }

    /// Every page in an order of those for whom a condition holds, by what is kept and whole.
    fn pages_of(&self, ranks: &Ranks, limit: u32, order: Order, only: &str) -> usize {
        let columns = walbrook_view::order::columns(&self.view, &walbrook_view::file::catalogue());
        let condition =
            (!only.is_empty()).then(|| Condition::over_outputs(only, &columns).unwrap());
        let viewer = Viewer {
            organisation: COUNCIL.parse().unwrap(),
            role: "housing-options-officer".into(),
            reader: "reader".into(),
        };
        let calendar = WorkingCalendar::new([]);
        let asked = Asked {
            view: &self.view,
            reading: &self.reading,
            evaluated_at: self.now,
            case_named: false,
            glass_broken: false,
            disputes: None,
            calendar: &calendar,
        };
        let mut query = Query {
            read_at: self.now,
            limit,
            order,
            only: only.to_owned(),
            ..Query::one()
        };
        let mut by_ranks = 0;
        loop {
            let wanted = Wanted {
                shelf: &self.shelf,
                agreements: &self.agreements,
                viewer: &viewer,
                query: &query,
                only: condition.as_ref(),
            };
            let listed = ranks.page(&asked, &wanted).unwrap();
            let (mut rows, mut applied) = (Vec::new(), Vec::new());
            for (held, number) in self.shelf.partitions().iter().zip(0..) {
                let held = held.read();
                applied.push((number, held.next_offset));
                page::collect(&asked, &held.state, condition.as_ref(), &mut rows).unwrap();
            }
            let limit = usize::try_from(limit).unwrap();
            let whole = page::cut(rows, &query.order, query.after.as_ref(), limit);
            let listed = listed.expect("a list as of now is answered by ranks");
            assert_eq!(listed.page, whole);
            assert_eq!(listed.applied, applied);
            by_ranks += listed.page.rows.len();
            let Some(last) = whole.rows.last().filter(|_| whole.more) else {
                return by_ranks;
            };
            query.after = Some(query.order.after(last));
        }
    }
}

proptest! {
    #[test]
    fn a_list_by_ranks_is_the_list_worked_out_whole(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        let ranks = Ranks::default();
        for step in &steps {
            world.step(step);
            if let Step::List(limit, column, down, only) = *step {
                let column = COLUMNS.get(column).map(|one| (*one).to_owned());
                let descending = down && column.is_some();
                let only = CONDITIONS.get(only).copied().unwrap_or_default();
                world.pages_of(&ranks, limit, Order { column, descending }, only);
            }
        }
        world.pages(&ranks, 2);
    }
}

#[test]
fn who_was_met_after_the_last_list_is_in_the_next_one() {
    let mut world = World::new();
    let ranks = Ranks::default();
    world.step(&Step::Known(0));
    world.pages(&ranks, 1);
    world.step(&Step::Minutes(65));
    world.step(&Step::Met(0, 0, 0, false));
    assert_eq!(world.pages(&ranks, 1), 1);
}

#[test]
fn an_earlier_instant_and_what_is_to_come_are_worked_out_whole() {
    let mut world = World::new();
    let ranks = Ranks::default();
    world.step(&Step::Known(1));
    // Somebody is seen in an hour: from then on the ranks stand for a later instant.
    world.step(&Step::Met(1, 1, 60, true));
    assert_eq!(world.pages(&ranks, 2), 0);
    world.step(&Step::Minutes(90));
    assert_eq!(world.pages(&ranks, 2), 1);
    let viewer = Viewer {
        organisation: COUNCIL.parse().unwrap(),
        role: "housing-options-officer".into(),
        reader: "reader".into(),
    };
    let calendar = WorkingCalendar::new([]);
    let by_ranks = |minutes: i64| {
        let asked = Asked {
            view: &world.view,
            reading: &world.reading,
            evaluated_at: Instant(world.now.0 + minutes * MINUTE),
            case_named: false,
            glass_broken: false,
            disputes: None,
            calendar: &calendar,
        };
        let query = Query {
            read_at: world.now,
            ..Query::one()
        };
        let wanted = Wanted {
            shelf: &world.shelf,
            agreements: &world.agreements,
            viewer: &viewer,
            query: &query,
            only: None,
        };
        ranks.page(&asked, &wanted).unwrap().is_some()
    };
    assert!(by_ranks(0));
    assert!(!by_ranks(-60));
    assert!(!by_ranks(1), "nothing is ranked for later than now");
    assert!(by_ranks(0));
}

#[test]
fn a_column_that_is_asked_for_anew_looks_at_everybody_and_then_at_nobody_else() {
    let mut world = World::new();
    let ranks = Ranks::default();
    for who in 0..6 {
        world.step(&Step::Known(who));
        world.step(&Step::Met(who, who, -60, who % 2 == 0));
    }
    let kept = || {
        let all = ranks.0.lock();
        let ranked = all.values().next().unwrap().ranked.lock();
        ranked.columns.clone()
    };
    let down = |column: &str| Order {
        column: Some(column.to_owned()),
        descending: true,
    };
    assert_eq!(world.pages_of(&ranks, 2, down("contacts_28d"), ""), 6);
    assert_eq!(kept(), ["contacts_28d"]);
    assert_eq!(
        world.pages_of(&ranks, 2, down("contacts_28d"), "points_hundredths >= 0"),
        6
    );
    for column in &COLUMNS[2..] {
        world.pages_of(&ranks, 2, down(column), "");
        assert!(kept().len() <= MOST_COLUMNS && kept().iter().any(|one| one == column));
    }
}

/// What the comparison is worth: a change that the follower did not mark is found by it.
#[test]
#[should_panic(expected = "assertion")]
fn a_change_that_was_not_marked_is_found() {
    let mut world = World::new();
    let ranks = Ranks::default();
    world.step(&Step::Known(1));
    world.step(&Step::Known(2));
    world.step(&Step::Met(1, 1, -60, true));
    world.pages(&ranks, 2);
    let (_, held) = world.shelf.of(&person(2)).unwrap();
    let met = world.met((2, 2, -60, true));
    held.write().state.apply(met, &mut Vec::new());
    world.pages(&ranks, 3);
}
