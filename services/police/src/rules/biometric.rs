//! The conditions under which a biometric system may be used on the people of London: each has to be recorded by the document that shows it, or
//! the deployment is refused.

use walbrook_agency::{Context, Findings, Rule};
use walbrook_proto::police::v1::BiometricDeployment;

use super::{in_order, seconds};

const PANEL: &str = "London Policing Ethics Panel, final report on live facial recognition (2019)";

/// Condition 1 of the panel.
pub static LFR_1_BENEFIT: Rule = Rule::refuse(
    "LFR_1_BENEFIT",
    "It is recorded that the benefit to public safety outweighs the risk that the public loses its trust.",
    PANEL,
);

/// Condition 2 of the panel.
pub static LFR_2_BIAS: Rule = Rule::refuse(
    "LFR_2_BIAS",
    "The evidence is recorded that the system brings no gender or racial bias into policing operations.",
    PANEL,
);

/// Condition 3 of the panel.
pub static LFR_3_NECESSITY: Rule = Rule::refuse(
    "LFR_3_NECESSITY",
    "This deployment was assessed and, before it begins, authorised as necessary and proportionate for its purpose.",
    PANEL,
);

/// Condition 4 of the panel.
pub static LFR_4_TRAINING: Rule = Rule::refuse(
    "LFR_4_TRAINING",
    "It is recorded that the operators are trained in the risks and know that they are accountable.",
    PANEL,
);

/// Condition 5 of the panel.
pub static LFR_5_GUIDELINES: Rule = Rule::refuse(
    "LFR_5_GUIDELINES",
    "The guidelines of the force and the mayor's office that balance benefit and intrusion are recorded.",
    PANEL,
);

/// What the regulator demands besides.
pub static LFR_ASSESSMENTS: Rule = Rule::refuse(
    "LFR_ASSESSMENTS",
    "The data protection impact assessment and the appropriate policy document are recorded.",
    "ICO Opinion 2019/01; Data Protection Act 2018 s35(8)(b), s42 and s64",
);

/// A deployment without an end in sight.
pub static DEPLOYMENT_OVER_A_DAY: Rule = Rule::query(
    "DEPLOYMENT_OVER_A_DAY",
    "Each deployment is assessed by itself: one lasts no longer than 24 hours.",
    PANEL,
);

const DAY_S: i64 = 86_400;

/// Checks a deployment.
pub fn biometric_deployment(m: &BiometricDeployment, _: &Context<'_>, out: &mut Findings) {
    let recorded = |reference: &Option<String>| {
        let text = reference.as_deref().unwrap_or_default();
        !text.is_empty()
    };
    let conditions = [
        (
            &m.benefit_evidence_ref,
            &LFR_1_BENEFIT,
            "benefit_evidence_ref",
        ),
        (&m.bias_evidence_ref, &LFR_2_BIAS, "bias_evidence_ref"),
        (
            &m.training_evidence_ref,
            &LFR_4_TRAINING,
            "training_evidence_ref",
        ),
        (&m.guidelines_ref, &LFR_5_GUIDELINES, "guidelines_ref"),
    ];
    for (reference, rule, field) in conditions {
        out.check(recorded(reference), rule, field);
    }
    let in_time = seconds(&m.authorised_at)
        .is_some_and(|authorised| seconds(&m.starts_at).is_none_or(|starts| authorised <= starts));
    let assessed = recorded(&m.necessity_evidence_ref);
    out.check(
        assessed && in_time,
        &LFR_3_NECESSITY,
        if assessed {
            "authorised_at"
        } else {
            "necessity_evidence_ref"
        },
    );
    let weighed = recorded(&m.dpia_ref);
    out.check(
        weighed && recorded(&m.policy_document_ref),
        &LFR_ASSESSMENTS,
        if weighed {
            "policy_document_ref"
        } else {
            "dpia_ref"
        },
    );
    in_order(&m.starts_at, &m.ends_at, "ends_at", out);
    let length = seconds(&m.starts_at).zip(seconds(&m.ends_at));
    let short = length.is_none_or(|(start, end)| end - start <= DAY_S);
    out.check(short, &DEPLOYMENT_OVER_A_DAY, "ends_at");
}
