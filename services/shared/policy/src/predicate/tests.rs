use super::*;
use crate::catalogue::{FieldShape, SubjectKind};
use proptest::prelude::*;
use std::collections::BTreeMap;
use walbrook_domain::Instant;

struct Map(BTreeMap<&'static str, FieldValue<'static>>);

impl Fields for Map {
    fn value(&self, name: &str) -> FieldValue<'_> {
        self.0.get(name).cloned().unwrap_or(FieldValue::Missing)
    }
}

fn event() -> Map {
    Map(BTreeMap::from([
        ("stage", FieldValue::Text("EVICTED")),
        ("pence", FieldValue::Integer(120_000)),
        ("made", FieldValue::Bool(true)),
        ("grounds", FieldValue::TextList(vec!["8", "10"])),
        (
            "served_on",
            FieldValue::Day(Day::from_ymd(2026, 5, 1).unwrap()),
        ),
        (
            "at",
            FieldValue::Instant(Instant::parse_rfc3339("2026-05-01T23:30:00Z").unwrap()),
        ),
        ("gone", FieldValue::Absent),
    ]))
}

fn verdict(text: &str) -> Verdict {
    Predicate::parse(text).unwrap().evaluate(&event())
}

#[test]
fn each_form_answers() {
    for (text, expected) in [
        ("stage = 'EVICTED'", Verdict::True),
        ("stage != \"EVICTED\"", Verdict::False),
        ("stage in ['ORDER', 'EVICTED']", Verdict::True),
        ("stage in ['ORDER']", Verdict::False),
        ("pence >= 120_000 and pence < 120001", Verdict::True),
        ("pence = -1", Verdict::False),
        ("made = true", Verdict::True),
        ("grounds has '8'", Verdict::True),
        ("grounds has '1'", Verdict::False),
        ("served_on <= 2026-05-01", Verdict::True),
        // 23:30 UTC in May is the next day in London.
        ("at = 2026-05-02", Verdict::True),
        ("gone is absent and stage is present", Verdict::True),
        ("not (stage = 'ORDER' or made = false)", Verdict::True),
    ] {
        assert_eq!(verdict(text), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_known_fails_and_no_negation_grants_it() {
    for text in [
        "gone = 'x'",
        "not gone = 'x'",
        "nowhere = 1",
        "nowhere is absent",
        "stage = 1",
        "pence has '1'",
        "gone in ['a', 'b']",
        "gone = 'x' or stage = 'ORDER'",
        "gone = 'x' and stage = 'EVICTED'",
    ] {
        assert_eq!(verdict(text), Verdict::Failed, "{text}");
    }
    assert_eq!(verdict("gone = 'x' and stage = 'ORDER'"), Verdict::False);
    assert_eq!(verdict("gone = 'x' or stage = 'EVICTED'"), Verdict::True);
}

#[test]
fn texts_that_are_no_predicate_say_where() {
    for (text, at) in [
        ("", 0),
        ("stage", 5),
        ("stage = ", 8),
        ("stage = EVICTED", 8),
        ("stage = 'EVICTED", 8),
        ("stage = 'a' stage = 'b'", 12),
        ("(stage = 'a'", 12),
        ("day = 2026-02-30", 6),
        ("a in []", 6),
        ("a is null", 5),
        ("not and = 1", 4),
    ] {
        assert_eq!(Predicate::parse(text).unwrap_err().at, at, "{text}");
    }
    assert!(Predicate::parse(&format!("{}a = 1", "not ".repeat(30))).is_err());
    assert!(Predicate::parse(&format!("a = '{}'", "x".repeat(3_000))).is_err());
}

#[test]
fn types_are_checked_against_the_event_type() {
    let field = |name: &str, kind| FieldShape {
        name: name.to_owned(),
        kind,
    };
    let shape = EventShape {
        event_type: "housing.PossessionNotice".parse().unwrap(),
        subject: SubjectKind::Person,
        fields: vec![
            field("stage", FieldKind::Text),
            field("grounds", FieldKind::TextList),
            field("at", FieldKind::Instant),
        ],
    };
    let faults = |text: &str| Predicate::parse(text).unwrap().check(&shape).len();
    assert_eq!(
        faults("stage = 'a' and grounds has '8' and at > 2026-01-01"),
        0
    );
    assert_eq!(faults("stage = 1 or grounds = '8' or nowhere = 1"), 3);
    assert_eq!(faults("stage < 'b'"), 1);
    assert_eq!(faults("stage has 'b'"), 1);
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(Literal::Integer),
        "[A-Za-z0-9 :.()]{0,8}".prop_map(Literal::Text),
        (0i32..40_000).prop_map(|day| Literal::Day(Day(day))),
    ]
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("stage"),
        Just("pence"),
        Just("made"),
        Just("grounds"),
        Just("gone"),
        Just("nowhere")
    ]
    .prop_map(str::to_owned)
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let operator = prop_oneof![
        Just(Operator::Equal),
        Just(Operator::NotEqual),
        Just(Operator::Less),
        Just(Operator::GreaterOrEqual)
    ];
    let leaf = prop_oneof![
        (field(), operator, literal()).prop_map(|(field, operator, literal)| Predicate::Compare {
            field,
            operator,
            literal
        }),
        (field(), prop::collection::vec(literal(), 1..4))
            .prop_map(|(field, literals)| Predicate::In { field, literals }),
        (field(), "[a-z]{0,3}").prop_map(|(field, text)| Predicate::Has { field, text }),
        (field(), any::<bool>()).prop_map(|(field, present)| Predicate::Present { field, present }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Predicate::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Predicate::Any),
            inner.prop_map(|one| Predicate::Not(Box::new(one))),
        ]
    })
}

proptest! {
    #[test]
    fn text_reads_back_to_the_same_predicate(one in predicate()) {
        prop_assert_eq!(Predicate::parse(&one.to_string()), Ok(one));
    }

    #[test]
    fn de_morgan_holds_with_failures(a in predicate(), b in predicate()) {
        let not = |one: &Predicate| Predicate::Not(Box::new(one.clone()));
        let left = Predicate::Not(Box::new(Predicate::All(vec![a.clone(), b.clone()])));
        let right = Predicate::Any(vec![not(&a), not(&b)]);
        prop_assert_eq!(left.evaluate(&event()), right.evaluate(&event()));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        let _ = Predicate::parse(&text);
    }
}
