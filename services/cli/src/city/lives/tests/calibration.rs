//! The published figures, of one large city each, with the tolerance that its size allows.

use super::super::published as figures;
use super::*;
use housing::v1::RoughSleepingContact as Contact;
use housing::v1::event::Body as Housing;
use social_care::v1::event::Body as SocialCare;

fn near(what: &str, found: f64, wanted: Share, tolerance: f64) {
    let published = wanted.probability();
    assert!(
        (found - published).abs() <= tolerance,
        "{what}: {found:.4}, published {published:.4} ± {tolerance} ({})",
        wanted.source
    );
}

fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

/// A city of enough people on the street to count them: several times London's share.
struct Street {
    adults: usize,
    seen: usize,
    men: usize,
    middle: usize,
    contacts: HashMap<u64, Vec<Contact>>,
}

fn street(more: u32) -> Street {
    let lives = Lives::new(18, 60_000, span(), more);
    let mut street = Street {
        adults: 0,
        seen: 0,
        men: 0,
        middle: 0,
        contacts: HashMap::new(),
    };
    for block in 0..lives.blocks() {
        for ((soul, _), life) in lives.souls(block).into_iter().zip(lives.block(block)) {
            street.adults += usize::from(soul.age_on(span().to) >= 18);
            for told in life.told {
                if let Body::Housing(Housing::RoughSleepingContact(contact)) = told.event.body {
                    street.contacts.entry(life.index).or_default().push(contact);
                }
            }
            if street.contacts.contains_key(&life.index) {
                street.seen += 1;
                street.men += usize::from(soul.resident.male);
                street.middle += usize::from((26..56).contains(&soul.age_on(span().to.plus(-180))));
            }
        }
    }
    street
}

impl Street {
    /// The share of people whose first contact is so.
    fn of(&self, test: impl Fn(&Contact) -> bool) -> f64 {
        let so = self.contacts.values().filter(|all| test(&all[0]));
        share(so.count(), self.seen)
    }

    /// The contacts of each person who was new.
    fn newcomers(&self) -> Vec<&Vec<Contact>> {
        let new = |all: &&Vec<Contact>| all[0].derived_status.as_deref() == Some("FLOW");
        self.contacts.values().filter(new).collect()
    }
}

/// Who they are, and which of them are new.
fn demand_people(street: &Street, more: u32) {
    let seen = street.seen;
    let per_londoner = seen as f64 / 60_000.0 / f64::from(more);
    let status = |wanted: &'static str| {
        move |first: &Contact| first.derived_status.as_deref() == Some(wanted)
    };
    let (flow, stock) = (street.of(status("FLOW")), street.of(status("STOCK")));
    let (men, middle) = (share(street.men, seen), share(street.middle, seen));
    for (what, found, wanted, tolerance) in [
        (
            "seen in a year",
            per_londoner,
            figures::ROUGH_PER_LONDONER,
            0.0004,
        ),
        ("men", men, figures::ROUGH_MALE, 0.05),
        ("aged 26 to 55", middle, figures::ROUGH_AGED_26_TO_55, 0.04),
        ("flow", flow, figures::FLOW, 0.06),
        ("stock", stock, figures::STOCK, 0.05),
    ] {
        near(what, found, wanted, tolerance);
    }
}

/// How often they are met.
fn demand_contacts(street: &Street) {
    let new = street.newcomers();
    let once = new.iter().filter(|all| all.len() == 1).count();
    let once = share(once, new.len());
    near("new and seen once", once, figures::NEW_SEEN_ONCE, 0.06);
    let counts = || street.contacts.values().map(Vec::len);
    let often = share(counts().filter(|count| *count > 10).count(), street.seen);
    near(
        "seen over ten times",
        often,
        figures::SEEN_OVER_TEN_TIMES,
        0.025,
    );
    let most = counts().max().unwrap();
    assert!(most > 30, "contacts have a heavy tail: {most}");
}

/// Where they came from, where they are met, and what they need.
fn demand_histories(street: &Street) {
    let from = |first: &Contact, institution: &str| {
        first.previous_institution.as_deref() == Some(institution)
    };
    let new = street.newcomers();
    let asylum = new.iter().filter(|all| from(&all[0], "ASYLUM_SUPPORT"));
    let asylum = share(asylum.count(), new.len());
    near(
        "new from asylum support",
        asylum,
        figures::NEW_FROM_ASYLUM_SUPPORT,
        0.05,
    );
    for (institution, wanted, tolerance) in [
        ("PRISON", figures::ROUGH_PRISON, 0.06),
        ("CARE", figures::ROUGH_CARE, 0.04),
        ("ARMED_FORCES", figures::ROUGH_FORCES, 0.02),
    ] {
        let found = street.of(|first| from(first, institution));
        near(institution, found, wanted, tolerance);
    }
    let westminster = street.of(|first| first.area == "E09000033");
    near(
        "Westminster",
        westminster,
        figures::SEEN_IN_WESTMINSTER,
        0.05,
    );
    let buses = street.of(|first| first.area == "BUS");
    near("buses", buses, figures::SEEN_ON_BUSES, 0.012);
    let needs = |first: &Contact, need: &str| first.needs.iter().any(|one| one == need);
    let all = [
        ("MENTAL_HEALTH", figures::NEED_MENTAL_HEALTH),
        ("ALCOHOL", figures::NEED_ALCOHOL),
        ("DRUGS", figures::NEED_DRUGS),
    ];
    for (need, wanted) in all {
        near(need, street.of(|first| needs(first, need)), wanted, 0.06);
    }
    let three = street.of(|first| all.iter().all(|(need, _)| needs(first, need)));
    near("all three needs", three, figures::NEED_ALL_THREE, 0.04);
}

#[test]
fn people_on_the_street_are_as_chain_counts_them() {
    let more = 8;
    let street = street(more);
    demand_people(&street, more);
    demand_contacts(&street);
    demand_histories(&street);
}

#[test]
fn children_in_care_are_as_the_department_counts_them() {
    // Some children have dozens of incidents: many children are needed to count them.
    let more = 12;
    let lives = Lives::new(23, 120_000, span(), more);
    let (mut children, mut looked_after, mut boys, mut missing, mut older, mut care_days) =
        (0, 0, 0, 0, 0, 0_i64);
    for block in 0..lives.blocks() {
        for ((soul, _), life) in lives.souls(block).into_iter().zip(lives.block(block)) {
            let from = span().from;
            children += usize::from(soul.resident.birth <= from && soul.birthday(18) > from);
            let mut in_care = false;
            for told in &life.told {
                let Body::SocialCare(body) = &told.event.body else {
                    continue;
                };
                match body {
                    SocialCare::CareEpisode(episode) => {
                        let began = episode
                            .decom
                            .as_ref()
                            .map(|d| Day::from_ymd(d.year, d.month, d.day).unwrap())
                            .unwrap();
                        in_care |= began < from
                            && Instant(told.at_micros).london_day() == from
                            && episode.dec.is_none();
                        let ended = episode
                            .dec
                            .as_ref()
                            .map(|d| Day::from_ymd(d.year, d.month, d.day).unwrap());
                        let to = span().to;
                        match ended {
                            None => care_days += i64::from(to.0 - began.max(from).0),
                            Some(ended) if ended >= from => care_days -= i64::from(to.0 - ended.0),
                            Some(_) => {}
                        }
                    }
                    SocialCare::MissingEpisode(episode) if episode.mis_end.is_none() => {
                        missing += 1;
                        let on = episode
                            .mis_start
                            .as_ref()
                            .map(|d| Day::from_ymd(d.year, d.month, d.day).unwrap())
                            .unwrap();
                        older += usize::from(soul.age_on(on) >= 16);
                    }
                    _ => {}
                }
            }
            looked_after += usize::from(in_care);
            boys += usize::from(in_care && soul.resident.male);
        }
    }
    let of_all = share(looked_after, children) / f64::from(more);
    near("looked after", of_all, figures::LOOKED_AFTER, 0.0012);
    near("boys", share(boys, looked_after), figures::CARE_BOYS, 0.05);
    let years = care_days as f64 / 365.25;
    near(
        "missing incidents",
        missing as f64 / years,
        figures::MISSING_INCIDENTS,
        0.30,
    );
    near(
        "missing at 16 and over",
        share(older, missing),
        figures::MISSING_AGED_16_PLUS,
        0.12,
    );
}

#[test]
fn what_services_see_of_everybody_has_the_published_means() {
    let people = 60_000;
    let lives = Lives::new(29, people, span(), 1);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut swapped, mut records) = (0, 0);
    for life in all(&lives) {
        for known in &life.known {
            records += 1;
            swapped += usize::from(known.errors.contains(&"swapped-date"));
        }
        for told in &life.told {
            use health::v1::event::Body as Health;
            use police::v1::event::Body as Police;
            let what = match &told.event.body {
                Body::Health(Health::EdAttendance(_)) => "attendances",
                Body::Health(Health::InpatientDischarge(m)) if m.discharged_at.is_some() => {
                    "discharges"
                }
                Body::Health(Health::GpRegistrationChanged(_)) => "practices",
                Body::Health(Health::MentalHealthReferral(m)) if m.closed_on.is_none() => {
                    "referrals"
                }
                Body::Police(Police::CustodyReleased(_)) => "releases",
                _ => continue,
            };
            *counts.entry(what).or_default() += 1;
        }
    }
    let per_person = |what: &str| counts[what] as f64 / people as f64;
    near(
        "attendances",
        per_person("attendances"),
        figures::ED_ATTENDANCES,
        0.05,
    );
    near(
        "discharges",
        per_person("discharges"),
        figures::INPATIENT_SPELLS,
        0.015,
    );
    near(
        "practices",
        per_person("practices"),
        figures::GP_CHANGES,
        0.015,
    );
    // Those already open on the first day are told once more on it: about two fifths of a year's.
    near(
        "mental-health referrals",
        per_person("referrals") / 1.0,
        figures::MENTAL_HEALTH_REFERRALS,
        0.02,
    );
    near(
        "releases",
        per_person("releases") / 0.78,
        figures::CUSTODY_RELEASES,
        0.006,
    );
    // Every record can have it, at the noise of its service: 1.0 to 3.0 times the stated rate, for dates whose day can be a month.
    let stated = figures::SWAPPED_DATE.ten_thousandths as f64 / 10_000.0;
    let found = share(swapped, records);
    assert!(
        (stated * 0.3..stated * 1.6).contains(&found),
        "{found}, stated {stated}"
    );
}

#[test]
fn homes_and_arrears_have_the_stated_shares() {
    let people = 60_000;
    let lives = Lives::new(31, people, span(), 1);
    let (mut households, mut social, mut behind, mut placed) = (
        HashSet::new(),
        HashSet::new(),
        HashSet::new(),
        HashSet::new(),
    );
    for block in 0..lives.blocks() {
        for ((soul, _), life) in lives.souls(block).into_iter().zip(lives.block(block)) {
            households.insert(life.household);
            if soul.tenure == Tenure::Social {
                social.insert(life.household);
            }
            for told in &life.told {
                match &told.event.body {
                    Body::Housing(Housing::RentArrearsChanged(_)) => {
                        behind.insert(life.household);
                    }
                    Body::Housing(Housing::TemporaryAccommodation(m))
                        if m.ended_on.is_none()
                            && Instant(told.at_micros).london_day() == span().from =>
                    {
                        placed.insert(life.household);
                    }
                    _ => {}
                }
            }
        }
    }
    near(
        "social rent",
        share(social.len(), households.len()),
        figures::SOCIAL_RENT,
        0.02,
    );
    near(
        "in arrears",
        share(behind.len(), social.len()),
        figures::IN_ARREARS,
        0.06,
    );
    near(
        "temporary accommodation",
        share(placed.len(), households.len()),
        figures::TEMPORARY,
        0.006,
    );
}

#[test]
fn vulnerability_drives_several_things_at_once_and_the_street_has_forerunners() {
    let lives = Lives::new(37, 60_000, span(), 20);
    let to = lives.span().to;
    let (mut rough, mut others) = ((0_i64, 0_i64), (0_i64, 0_i64));
    let (mut flagged, mut flagged_next, mut adults, mut adults_next) = (0, 0, 0, 0);
    let (mut arrears, mut both, mut ill) = (0, 0, 0);
    for life in all(&lives) {
        let Some(label) = life.next(to) else { continue };
        let has = |course: &str| life.courses.contains(&course);
        let group = if has("slept-rough") {
            &mut rough
        } else {
            &mut others
        };
        *group = (group.0 + life.vulnerability_thousandths, group.1 + 1);
        arrears += usize::from(has("arrears"));
        ill += usize::from(has("mental-health"));
        both += usize::from(has("arrears") && has("mental-health"));
        adults += 1;
        adults_next += usize::from(label.within_180_days);
        // Somebody without a home at a release, a discharge or an eviction in what was told of the last half year.
        let since = to.plus(-180).start().micros();
        let flag = life
            .told
            .iter()
            .filter(|told| told.at_micros >= since)
            .any(|told| match &told.event.body {
                Body::Police(police::v1::event::Body::CustodyReleased(m)) => m.no_fixed_abode,
                Body::Health(health::v1::event::Body::InpatientDischarge(m)) => m.homelessness_risk,
                Body::Housing(Housing::PossessionNotice(m)) => m.stage == "EVICTED",
                Body::Housing(
                    Housing::HomelessnessApplication(_) | Housing::RoughSleepingContact(_),
                ) => true,
                _ => false,
            });
        flagged += usize::from(flag);
        flagged_next += usize::from(flag && label.within_180_days);
    }
    assert!(
        rough.0 / rough.1 > others.0 / others.1 + 800,
        "{rough:?} {others:?}"
    );
    let apart = arrears as f64 * ill as f64 / adults as f64;
    assert!(
        both as f64 > 1.2 * apart,
        "{both} have both, {apart:.0} would if they were apart"
    );
    let lift = share(flagged_next, flagged) / share(adults_next, adults);
    assert!(
        lift > 3.0,
        "what stands before the street says nothing of it: lift {lift:.1}"
    );
}
