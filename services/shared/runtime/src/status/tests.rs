use super::*;

#[derive(Debug, thiserror::Error)]
#[error("the event is refused")]
struct Refused {
    violations: Vec<Violation>,
}

impl Coded for Refused {
    fn code(&self) -> Code {
        Code::Invalid
    }

    fn reason(&self) -> &'static str {
        "EVENT_REFUSED"
    }

    fn violations(&self) -> Vec<Violation> {
        self.violations.clone()
    }
}

fn violation(number: usize) -> Violation {
    Violation {
        field: format!("care_episode.placements[{number}].date"),
        rule_id: "DATE_DOES_NOT_EXIST".into(),
        description:
            "a date that the calendar does not have; expected year, month and day of a real day"
                .into(),
    }
}

#[test]
fn field_violations_carry_rule_ids() {
    let status = status(&Refused {
        violations: vec![violation(0), violation(1)],
    });
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let details = status.get_error_details();
    let fields = &details.bad_request().expect("bad request").field_violations;
    assert_eq!(fields.len(), 2);
    assert_eq!(fields[1].field, "care_episode.placements[1].date");
    assert_eq!(fields[1].reason, "DATE_DOES_NOT_EXIST");
    let info = details.error_info().expect("info");
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("EVENT_REFUSED", ERROR_DOMAIN)
    );
}

#[test]
fn details_fit_a_clients_header_limit_and_say_what_was_left_out() {
    let status = status(&Refused {
        violations: (0..1000).map(violation).collect(),
    });
    assert!(
        status.details().len() * 4 / 3 < 12_000,
        "{}",
        status.details().len()
    );
    let details = status.get_error_details();
    let told = details
        .bad_request()
        .expect("bad request")
        .field_violations
        .len();
    let omitted = details
        .error_info()
        .and_then(|info| info.metadata.get("violations_omitted").cloned());
    assert_eq!(omitted, Some((1000 - told).to_string()));
    assert!(told > 20);
}
