use super::*;
use crate::demographics::Stated;
use crate::frequency::{Counts, Value};
use proptest::prelude::*;
use walbrook_domain::Day;

fn shipped() -> Model {
    Model::shipped().expect("the file of this repository")
}

fn record() -> impl Strategy<Value = Stated> {
    let name = || {
        prop_oneof![
            Just(String::new()),
            "[A-C]{2,6}",
            Just("A".to_owned()),
            Just("Twin 1".to_owned())
        ]
    };
    let date = proptest::option::of(
        (1960i32..1966, 1i32..=12, 1i32..=12)
            .prop_map(|(y, m, d)| Day::from_ymd(y, m, d).expect("a date")),
    );
    let post = prop_oneof![
        Just(""),
        Just("NW1 2DB"),
        Just("NW1 2DC"),
        Just("NW1 3AA"),
        Just("E8 1AA"),
        Just("ZZ99 3VZ")
    ];
    let mail = prop_oneof![
        Just(""),
        Just("a.okafor@example.org"),
        Just("a.okafer@example.org"),
        Just("x@example.net")
    ];
    let town = prop_oneof![Just(""), Just("London"), Just("Lodnon"), Just("Hull")];
    (name(), name(), date, post, mail, town, 0u32..4).prop_map(
        |(given_name, family_name, birth_date, postcode, email, town, uprn)| Stated {
            given_name,
            family_name,
            birth_date,
            postcode: postcode.into(),
            email: email.into(),
            town: town.into(),
            uprn: if uprn == 0 {
                String::new()
            } else {
                format!("1000{uprn}")
            },
            ..Stated::default()
        },
    )
}

fn held(records: &[Stated]) -> Counts {
    let mut counts = Counts::default();
    records
        .iter()
        .for_each(|record| counts.add(&record.features()));
    counts
}

proptest! {
    #[test]
    fn a_pair_scores_the_same_both_ways_and_the_steps_add_up(a in record(), b in record(), others in proptest::collection::vec(record(), 0..30)) {
        let (model, counts) = (shipped(), held(&others));
        let (x, y) = (a.features(), b.features());
        let scored = model.compare(&x, &y, &counts);
        prop_assert_eq!(scored, model.compare(&y, &x, &counts));
        let waterfall = explain(&model, &x, &y, &counts);
        let sum = waterfall.prior + waterfall.steps.iter().map(|step| step.millibits + step.rarity_millibits).sum::<i32>();
        prop_assert_eq!((sum, waterfall.total, waterfall.probability), (scored.millibits, scored.millibits, scored.probability_ten_thousandths));
        prop_assert_eq!(Waterfall::of(&waterfall.model, waterfall.prior, waterfall.steps.clone()).total, sum);
        // The quick way finds what the whole way finds, and nothing else.
        let quick = model.candidate(&x, &y, &counts);
        prop_assert_eq!(quick.is_some(), scored.probability_ten_thousandths >= model.floor());
        prop_assert!(quick.is_none_or(|quick| quick == scored));
        // What is put aside at a glance is what it does not find.
        let glance = model.glance(&x, &counts);
        prop_assert!(glance.may_be(&y.brief()) || quick.is_none());
        prop_assert!(glance.may_be_spelt(&y.brief(), &y.spelling()) || quick.is_none());
    }

    #[test]
    fn a_missing_value_neither_helps_nor_harms(a in record(), b in record(), which in 0usize..6) {
        let model = shipped();
        let mut less = b.clone();
        match which {
            0 => less.given_name.clear(),
            1 => less.family_name.clear(),
            2 => less.birth_date = None,
            3 => { less.postcode.clear(); less.uprn.clear(); less.town.clear() }
            4 => less.email.clear(),
            _ => { less.town.clear(); less.birth_date = Day::from_ymd(1960, 1, 1) }
        }
        let waterfall = explain(&model, &a.features(), &less.features(), &Counts::default());
        for step in waterfall.steps.iter().filter(|step| step.level.is_none() && step.field != Field::Relatives) {
            prop_assert_eq!((step.millibits, step.rarity_millibits), (0, 0));
        }
    }
}

struct Crowd;

impl Frequencies for Crowd {
    fn records(&self) -> u32 {
        1_000_000
    }

    fn count(&self, what: Value, _: u64) -> u32 {
        if what == Value::Postcode { 5_000 } else { 1 }
    }
}

fn amara() -> Stated {
    Stated {
        given_name: "Amara".into(),
        family_name: "Okafor".into(),
        birth_date: Day::from_ymd(1990, 5, 17),
        postcode: "NW1 2DB".into(),
        ..Stated::default()
    }
}

#[test]
fn placeholders_and_crowds_never_complete_a_match() {
    let model = shipped();
    let outcome = |a: &Stated, b: &Stated, counts: &dyn Frequencies| {
        model.outcome(&model.compare(&a.features(), &b.features(), counts))
    };
    let none = Counts::default();
    assert_eq!(outcome(&amara(), &amara(), &none), Outcome::Match);
    // Family name and postcode beside a placeholder: not without the rest.
    let baby = Stated {
        given_name: "Baby".into(),
        birth_date: Day::from_ymd(2026, 1, 1),
        ..amara()
    };
    assert_ne!(outcome(&baby, &baby, &none), Outcome::Match);
    let nowhere = Stated {
        postcode: "ZZ99 3VZ".into(),
        birth_date: None,
        ..amara()
    };
    assert_ne!(outcome(&nowhere, &nowhere, &none), Outcome::Match);
    // A postcode that thousands share is as good as none.
    let undated = Stated {
        birth_date: None,
        ..amara()
    };
    let places = |counts: &dyn Frequencies| {
        explain(&model, &undated.features(), &undated.features(), counts).steps[1].millibits
    };
    assert_eq!(places(&Crowd), 0);
    assert!(places(&none) > 5_000);
}

#[test]
fn those_who_share_everything_else_are_not_linked_unseen() {
    let model = shipped();
    let outcome = |a: &Stated, b: &Stated| {
        model.outcome(&model.compare(&a.features(), &b.features(), &Counts::default()))
    };
    let twin = Stated {
        given_name: "Chidi".into(),
        ..amara()
    };
    let same_initial = Stated {
        given_name: "Adaeze".into(),
        ..amara()
    };
    let parent = Stated {
        birth_date: Day::from_ymd(1962, 8, 3),
        ..amara()
    };
    for relative in [twin, same_initial, parent] {
        assert_ne!(outcome(&amara(), &relative), Outcome::Match);
    }
    let names = Stated {
        birth_date: None,
        postcode: String::new(),
        ..amara()
    };
    assert_ne!(outcome(&names, &names), Outcome::Match);
}

#[test]
fn the_drawing_says_in_words_what_it_shows_and_no_value() {
    let waterfall = explain(
        &shipped(),
        &amara().features(),
        &amara().features(),
        &Counts::default(),
    );
    let svg = waterfall.svg();
    assert!(
        svg.starts_with("<svg ")
            && svg.ends_with("</svg>\n")
            && svg.contains("<title id=\"title\">")
            && svg.contains("date of birth: exact")
    );
    assert_eq!(svg.matches("<g>").count(), svg.matches("</g>").count());
    assert_eq!(waterfall.rows().len(), waterfall.steps.len() + 2);
    assert!(!svg.contains("Amara") && !svg.contains("1990") && !svg.contains("NW1"));
}

#[test]
fn a_file_that_links_below_095_is_refused() {
    let text = shipped().to_text();
    assert_eq!(
        Model::read(&text).map(|model| model.to_text()),
        Ok(text.clone())
    );
    for (right, wrong) in [
        (
            "automatic_ten_thousandths = 95",
            "automatic_ten_thousandths = 94",
        ),
        ("[fields.email]", "[fields.shoe_size]"),
        ("version = 1", "version = 0"),
        ("swapped = {", "swopped = {"),
    ] {
        assert!(text.contains(right), "{right}");
        assert!(Model::read(&text.replace(right, wrong)).is_err(), "{wrong}");
    }
}
