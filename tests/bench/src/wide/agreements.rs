//! The twelve agreements of the workload.

use super::{COUNCILS, EVENT_TYPE, GRANTED, PURPOSE};

/// The twelve agreements and who signs each: for each council one that permits, one whose consent nobody gave, and one whose predicate is false.
#[must_use]
pub fn agreements() -> Vec<(String, [&'static str; 2])> {
    let mut all = Vec::new();
    for (at, council) in COUNCILS.into_iter().enumerate() {
        let reader = COUNCILS
            .get((at + 1) % COUNCILS.len())
            .copied()
            .unwrap_or(council);
        let kinds = [
            ("open", "not-objected", ""),
            ("consented", "required", ""),
            ("adopted", "not-objected", "where = \"rec = \\\"E11\\\"\"\n"),
        ];
        for (kind, consent, predicate) in kinds {
            all.push((
                agreement(at, kind, council, reader, consent, predicate),
                [council, reader],
            ));
        }
    }
    all
}

fn agreement(
    at: usize,
    kind: &str,
    council: &str,
    reader: &str,
    consent: &str,
    predicate: &str,
) -> String {
    let fields = GRANTED.map(|field| format!("\"{field}\"")).join(", ");
    format!(
        r#"id = "bench-{at}-{kind}"
version = 1
title = "Benchmark: care episodes of {council}, {kind}"
summary = "Another authority's social workers see where a child it also looks after is placed."
purpose = "{PURPOSE}"
kind = "sharing"
retention_days = 2190
processor = "Walbrook, run by the parties' shared service"

[law]
gateways = ["ca2004-s10"]
article_6 = ["6(1)(e)"]
article_9 = ["9(2)(g)"]
schedule_1 = ["18"]
policy_document = "APD-CIC-2025-01"

[dpia]
reference = "DPIA-BENCH-1"
outcome = "residual-risk-accepted"
completed = 2025-03-10

[period]
effective = 2025-04-01
review = 2027-03-31
expiry = 2030-03-31

[[party]]
organisation = "{council}"
role = "controller"
contact = "the authority's data protection officer"

[[party]]
organisation = "{reader}"
role = "controller"
contact = "the authority's data protection officer"

[[flow]]
organisation = "{council}"
event = "{EVENT_TYPE}"
fields = [{fields}]
precision = "day"
gateways = ["ca2004-s10"]
{predicate}
[flow.person]
consent = "{consent}"
national_opt_out = "does-not-apply"
age = "child"
restricted = "responsible-authority"
minimum_match = "MATCH"

[[reader]]
organisation = "{reader}"
role = "social-worker"
view = "children_in_care"
mode = "case"
scope = ["own-subjects"]
beyond_scope = "never"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::town;
    use walbrook_broker::control::registrar;
    use walbrook_policy::agreement::Agreement;

    #[test]
    fn the_agreements_would_be_taken() {
        let views = registrar::view_files(&walbrook_tests::backbone::root().join("deploy/views"))
            .expect("the views");
        let catalogue = registrar::catalogue(&views).expect("a catalogue");
        let documents = agreements();
        assert_eq!(documents.len(), 12);
        for (document, _) in documents {
            if let Err(faults) = Agreement::propose_on(&document, &catalogue, town::today()) {
                panic!("{faults}");
            }
        }
    }
}
