//! Snapshots on invented data. A test never writes its snapshot: it leaves what it found beside the build, and says where.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use walbrook_auditor::observed::{Observed, Use};
use walbrook_domain::control::{
    AgreementFact, AgreementProposed, AgreementSigned, ControlFact, ControlRecord, PartyKey,
};
use walbrook_domain::{Day, EventType, Instant, Organisation};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_policy::state::PolicyState;

use super::facts::{Facts, law};
use super::{Register, Sheet};

/// An agreement in use, with a consent, a predicate and two kinds of source; its review is near.
const REFERRALS: &str = r#"
id = "harbour-referrals"
version = 1
title = "Harbour referrals: hospital to housing | with consent"
summary = "When a person agrees, the council that works with them learns that a hospital recorded them as homeless."
purpose = "rough-sleeping"
kind = "sharing"
retention_days = 365
processor = "Walbrook, run by the parties' shared service"

[law]
gateways = ["ha1996-part7"]
article_6 = ["6(1)(e)"]
article_9 = ["9(2)(g)"]
schedule_1 = ["6"]

[dpia]
reference = "DPIA-HARBOUR-1"
outcome = "low-residual-risk"
completed = 2026-01-05

[period]
effective = 2026-02-01
review = 2026-07-15
expiry = 2029-01-31

[[party]]
class = "nhs-body"
role = "controller"
contact = "the trust's Caldicott guardian"

[[party]]
class = "london-authority"
role = "joint-controller"
contact = "the authority's data protection officer"

[[flow]]
class = "nhs-body"
event = "health.EdAttendance"
fields = ["arrival_at", "accommodation_status"]
precision = "day"
gateways = ["ha1996-part7"]
max_age_days = 365
where = "accommodation_status is present"

[flow.person]
consent = "required"
national_opt_out = "applies"
age = "adult"
restricted = "withhold"
minimum_match = "MATCH"

[[flow]]
class = "london-authority"
event = "housing.RentArrearsChanged"
fields = ["arrears_pence", "contact_made"]
precision = "day"
gateways = ["ha1996-part7"]

[flow.person]
consent = "not-objected"
national_opt_out = "does-not-apply"
age = "adult"
restricted = "withhold"
minimum_match = "MATCH"

[[reader]]
class = "london-authority"
role = "housing-options-officer"
view = "rough_sleeping_risk"
mode = "case"
scope = ["own-subjects"]
beyond_scope = "case-reference"
"#;

/// An agreement that nothing ever came under, and that ends within the month; and a third that nobody signed.
fn others() -> [String; 2] {
    let quiet = REFERRALS
        .replace("harbour-referrals", "quiet-quay")
        .replace(
            "Harbour referrals: hospital to housing | with consent",
            "=Quiet quay",
        )
        .replace("expiry = 2029-01-31", "expiry = 2026-06-20");
    let unsigned = REFERRALS
        .replace("harbour-referrals", "unsigned-pier")
        .replace(
            "Harbour referrals: hospital to housing | with consent",
            "Unsigned pier",
        );
    [quiet, unsigned]
}

const TRUST: &str = "ODS:RRV";
const COUNCIL: &str = "GSS:E09000007";

fn organisation(text: &str) -> Organisation {
    text.parse().unwrap()
}

/// A control plane under construction.
struct Desk(PolicyState);

impl Desk {
    fn say(&mut self, fact: AgreementFact) {
        let record = ControlRecord {
            offset: self.0.next_offset(),
            appended_at: Instant::parse_rfc3339("2026-02-02T09:00:00Z").unwrap(),
            idempotency_key: String::new(),
            fact: ControlFact::Agreement(fact),
        };
        self.0.apply(&record).unwrap();
    }

    fn agree(&mut self, document: &str, parties: &[&str]) {
        use ed25519_dalek::Signer as _;
        let agreement = Agreement::read(document).unwrap();
        let text = agreement.canonical_text();
        let text_sha256 = sha256(&text);
        self.say(AgreementFact::Proposed(AgreementProposed {
            agreement: agreement.id.clone(),
            version: agreement.version,
            text,
            text_sha256,
            by_organisation: organisation(COUNCIL),
            by: "dpo".to_owned(),
        }));
        for party in parties {
            let key = ed25519_dalek::SigningKey::from_bytes(&sha256(party));
            self.say(AgreementFact::Signed(AgreementSigned {
                agreement: agreement.id.clone(),
                version: agreement.version,
                party: organisation(party),
                key_id: "k1".to_owned(),
                signature: key.sign(&text_sha256).to_bytes(),
                text_sha256,
            }));
        }
    }
}

fn facts() -> Facts {
    let catalogue = Arc::new(walbrook_view::file::catalogue());
    let mut desk = Desk(PolicyState::new(catalogue));
    for party in [TRUST, COUNCIL] {
        let key = ed25519_dalek::SigningKey::from_bytes(&sha256(party));
        desk.say(AgreementFact::PartyKey(PartyKey {
            organisation: organisation(party),
            key_id: "k1".to_owned(),
            public_key: key.verifying_key().to_bytes(),
            active: true,
        }));
    }
    let [quiet, unsigned] = others();
    desk.agree(&unsigned, &[]);
    desk.agree(&quiet, &[TRUST, COUNCIL]);
    desk.agree(REFERRALS, &[COUNCIL, TRUST]);
    let day = |text: &str| text.parse::<Day>().unwrap();
    let of = |event: &str, fields: &[&str]| {
        let event_type: EventType = event.parse().unwrap();
        let catalogue = walbrook_view::file::catalogue();
        let shape = catalogue.event(&event_type).unwrap();
        (event_type, shape.mask(fields.iter().copied()))
    };
    let used = Use {
        releases: 12,
        last_released: Some(day("2026-05-30")),
        released: [
            of(
                "health.EdAttendance",
                &["arrival_at", "accommodation_status"],
            ),
            of(
                "housing.RentArrearsChanged",
                &["arrears_pence", "contact_made"],
            ),
        ]
        .into(),
        reads: 3,
        rows: 7,
        last_read: Some(day("2026-05-31")),
        read: [
            of("health.EdAttendance", &["accommodation_status"]),
            of("housing.RentArrearsChanged", &["arrears_pence"]),
        ]
        .into(),
    };
    let observed = Observed {
        state: desk.0,
        uses: BTreeMap::from([("harbour-referrals".parse().unwrap(), used)]),
        labels: BTreeMap::from([(
            "health.EdAttendance".parse().unwrap(),
            "A&E attendances".to_owned(),
        )]),
    };
    Facts::new(observed, law().unwrap(), day("2026-06-01"), 90)
}

/// Compares with the file of that name under `tests/register`.
fn snapshot(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/register")
        .join(name);
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if found == expected {
        return;
    }
    let left = std::env::temp_dir().join(format!("walbrook-{name}"));
    std::fs::write(&left, found).unwrap();
    let differs = found
        .lines()
        .zip(expected.lines().chain(std::iter::repeat("")))
        .find(|(found, expected)| found != expected);
    panic!(
        "{name} differs from its snapshot: {differs:?}\nlook at the whole of it: diff {} {}",
        path.display(),
        left.display()
    );
}

fn sheet(register: Register) -> Sheet {
    register.sheet(&facts())
}

#[test]
fn registers_read_as_they_did_as_markdown_and_as_csv() {
    let mut faults = Vec::new();
    for register in Register::ALL {
        let sheet = sheet(register);
        for (ending, text) in [("md", sheet.markdown()), ("csv", sheet.csv().unwrap())] {
            let name = format!("{}.{ending}", register.file());
            if let Err(fault) = std::panic::catch_unwind(|| snapshot(&name, &text)) {
                faults.push(fault.downcast_ref::<String>().cloned().unwrap_or(name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_row_has_a_value_for_every_column_and_the_order_is_stable() {
    for register in Register::ALL {
        let (one, other) = (sheet(register), sheet(register));
        assert_eq!(one, other);
        for row in &one.rows {
            assert_eq!(row.len(), one.columns.len(), "{register:?}");
        }
        assert!(!one.rows.is_empty(), "{register:?} has nothing to show");
    }
}

#[test]
fn what_is_in_force_for_nobody_is_in_no_register_but_said() {
    let sharing = sheet(Register::Sharing);
    let ids: Vec<&str> = sharing.rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(ids, ["harbour-referrals", "quiet-quay"]);
    assert!(
        sharing
            .preface
            .contains("One agreement on record is in force for nobody")
    );
}

#[test]
fn findings_name_what_was_never_used_never_read_and_ends_soon() {
    let found = sheet(Register::Observed).rows;
    let of = |finding: &str| -> Vec<(&str, &str)> {
        found
            .iter()
            .filter(|row| row[0] == finding)
            .map(|row| (row[1].as_str(), row[2].as_str()))
            .collect()
    };
    assert_eq!(
        of("Agreements never used"),
        [("quiet-quay", "nothing was ever released under it")]
    );
    assert_eq!(
        of("Fields shared and never read"),
        [
            ("harbour-referrals", "health.EdAttendance: arrival_at"),
            (
                "harbour-referrals",
                "housing.RentArrearsChanged: contact_made"
            ),
        ]
    );
    assert_eq!(
        of("Agreements near their end or review"),
        [
            ("harbour-referrals", "review due in 44 days"),
            ("quiet-quay", "ends in 19 days"),
            ("quiet-quay", "review due in 44 days"),
        ]
    );
}

#[test]
fn a_title_is_no_formula_and_breaks_no_table() {
    let sharing = sheet(Register::Sharing);
    assert!(sharing.csv().unwrap().contains(",'=Quiet quay,"));
    assert!(
        sharing
            .markdown()
            .contains("hospital to housing \\| with consent |")
    );
}
