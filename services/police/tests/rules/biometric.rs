//! A biometric system is put into use only with the five conditions on record.

use proptest::prelude::*;
use proptest::sample::select;
use walbrook_police::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::police::v1::BiometricDeployment;

use super::{at, book};

type Broken = Vec<&'static str>;
const HOUR: i64 = 3_600;

fn message() -> BiometricDeployment {
    let document = |name: &str| Some(name.to_owned());
    BiometricDeployment {
        deployment_ref: "LFR-2026-31".to_owned(),
        technology: "LIVE_FACIAL_RECOGNITION".to_owned(),
        register_id: document("MPS-LFR-1"),
        purpose: "SERIOUS_OFFENDERS".to_owned(),
        authority_gss: "E09000007".to_owned(),
        starts_at: at(0),
        ends_at: at(6 * HOUR),
        benefit_evidence_ref: document("MPS/LFR/BEN-4"),
        bias_evidence_ref: document("NPL-2023-EQ"),
        necessity_evidence_ref: document("LFR-2026-31/NP"),
        authorised_at: at(-48 * HOUR),
        training_evidence_ref: document("LFR-TRAIN-12"),
        guidelines_ref: document("MOPAC-LFR-2025"),
        dpia_ref: document("DPIA-LFR-9"),
        policy_document_ref: document("APD-LFR-3"),
    }
}

fn deployment(change: impl FnOnce(&mut BiometricDeployment)) -> Broken {
    let mut message = message();
    change(&mut message);
    book().broken(&message, rules::biometric_deployment)
}

/// Takes away what records one condition.
type Omission = fn(&mut BiometricDeployment);

const OMISSIONS: [(&str, Omission); 8] = [
    ("LFR_1_BENEFIT", |m| m.benefit_evidence_ref = None),
    ("LFR_2_BIAS", |m| m.bias_evidence_ref = None),
    ("LFR_3_NECESSITY", |m| m.necessity_evidence_ref = None),
    ("LFR_3_NECESSITY", |m| m.authorised_at = None),
    ("LFR_4_TRAINING", |m| m.training_evidence_ref = None),
    ("LFR_5_GUIDELINES", |m| m.guidelines_ref = None),
    ("LFR_ASSESSMENTS", |m| m.dpia_ref = None),
    ("LFR_ASSESSMENTS", |m| m.policy_document_ref = None),
];

/// Inputs that only the rule named catches.
pub fn cases() -> Vec<(&'static str, Broken)> {
    let mut cases: Vec<_> = OMISSIONS
        .iter()
        .map(|(rule, omission)| (*rule, deployment(omission)))
        .collect();
    cases.extend([
        ("LFR_3_NECESSITY", deployment(|m| m.authorised_at = at(1))),
        (
            "DEPLOYMENT_OVER_A_DAY",
            deployment(|m| m.ends_at = at(25 * HOUR)),
        ),
        ("ENDS_BEFORE_START", deployment(|m| m.ends_at = at(-1))),
        (
            "CODE_NOT_IN_LIST",
            deployment(|m| m.purpose = "CROWD".into()),
        ),
        (
            "NOT_A_REFERENCE",
            deployment(|m| m.bias_evidence_ref = Some("trust us".into())),
        ),
    ]);
    cases
}

/// Every system of the list, not live facial recognition alone; the five together and each alone.
#[test]
fn no_biometric_system_is_used_without_the_panels_five_conditions() {
    let systems = [
        "LIVE_FACIAL_RECOGNITION",
        "RETROSPECTIVE_FACIAL_RECOGNITION",
        "OPERATOR_INITIATED_FACIAL_RECOGNITION",
        "MOBILE_FINGERPRINT",
        "OTHER_BIOMETRIC",
    ];
    for system in systems {
        assert_eq!(deployment(|m| m.technology = system.into()), Broken::new());
        for (rule, omission) in OMISSIONS {
            let broken = deployment(|m| {
                m.technology = system.into();
                omission(m);
            });
            assert_eq!(broken, [rule]);
            assert!(book().refuses(&broken));
        }
    }
    let bare = deployment(|m| OMISSIONS.iter().for_each(|(_, omission)| omission(m)));
    let five = [
        "LFR_1_BENEFIT",
        "LFR_2_BIAS",
        "LFR_3_NECESSITY",
        "LFR_4_TRAINING",
        "LFR_5_GUIDELINES",
    ];
    assert!(
        five.iter().all(|rule| bare.contains(rule)),
        "all at once: {bare:?}"
    );
    let blank = deployment(|m| m.guidelines_ref = Some(String::new()));
    assert!(
        blank.contains(&"LFR_5_GUIDELINES"),
        "an empty reference records nothing"
    );
}

proptest! {
    #[test]
    fn an_accepted_deployment_has_every_condition_on_record(
        omitted in proptest::collection::vec(any::<bool>(), OMISSIONS.len()),
        authorised in -100..100_i64,
        hours in -5..40_i64,
        technology in select(vec!["LIVE_FACIAL_RECOGNITION", "FACES"]),
    ) {
        let mut message = message();
        message.authorised_at = at(authorised);
        message.ends_at = at(hours * HOUR);
        message.technology = technology.into();
        for ((_, omission), _) in OMISSIONS.iter().zip(&omitted).filter(|(_, omitted)| **omitted) {
            omission(&mut message);
        }
        let accepted = !book().refuses(&book().broken(&message, rules::biometric_deployment));
        let whole = !omitted.contains(&true) && authorised <= 0;
        prop_assert_eq!(accepted, whole && hours >= 0 && technology != "FACES");
        if accepted {
            prop_assert_eq!(BiometricDeployment::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}
