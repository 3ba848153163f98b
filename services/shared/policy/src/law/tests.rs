use super::*;
use crate::testing::{catalogue, law, org, root};

#[test]
fn every_field_of_every_event_type_has_a_class_and_no_other_field_has() {
    let (law, catalogue) = (law(), catalogue());
    let mut unclassed = Vec::new();
    for shape in catalogue.events() {
        for field in &shape.fields {
            if law.field(&shape.event_type, &field.name).is_none() {
                unclassed.push(format!("{}.{}", shape.event_type, field.name));
            }
        }
    }
    assert!(
        unclassed.is_empty(),
        "class these in schemas/law/fields.toml: {unclassed:?}"
    );
    for (event_type, fields) in &law.fields {
        let shape = catalogue.event(event_type);
        let shape = shape.unwrap_or_else(|| panic!("there is no event type {event_type}"));
        for name in fields.keys() {
            assert!(shape.field(name).is_some(), "{event_type} has no {name}");
        }
    }
}

#[test]
fn gateways_know_whom_they_are_for_and_when() {
    let law = law();
    let day = |text: &str| crate::testing::at(&format!("{text}T12:00:00Z")).london_day();
    assert!(law.gateways().count() >= 25);
    let dea = law.gateway("dea2017-s35").unwrap();
    assert!(!dea.discloses.contains(&Body::Nhs) && !dea.receives.contains(&Body::Nhs));
    assert!(!dea.in_force(day("2018-07-18")) && dea.in_force(day("2018-07-19")));
    let refer = law.gateway("ha1996-s213b").unwrap();
    assert_eq!(refer.discloses, [Body::Authority, Body::Nhs]);
    assert!(refer.referral && refer.duty);
    // Enacted; nobody has entered a commencement day.
    let disclose = law.gateway("ca2004-s16la").unwrap();
    assert!(!disclose.in_force(day("2030-01-01")) && disclose.safeguarding);
    for gateway in law.gateways() {
        assert!(!gateway.discloses.is_empty(), "{}", gateway.id);
        assert!(!(gateway.duty && gateway.opt_out), "{}", gateway.id);
    }
    for paragraph in law.paragraphs() {
        assert!(law.condition(&paragraph.condition).is_some());
    }
}

#[test]
fn organisations_are_those_of_the_public_registers() {
    let law = law();
    let list = std::fs::read_to_string(root().join("schemas/codelists/london_authority.csv"));
    let mut authorities = 0;
    for line in list.unwrap().lines().filter(|line| line.starts_with("E09")) {
        let (code, rest) = line.split_once(',').unwrap();
        let name = rest.split(',').next().unwrap();
        let known = law.organisation(&org(&format!("GSS:{code}"))).unwrap();
        assert_eq!(known.name, name);
        authorities += 1;
    }
    assert_eq!(authorities, 33);
    assert_eq!(law.name(&org("GSS:E09000007")), "Camden (GSS:E09000007)");
    assert_eq!(law.name(&org("ODS:XXX")), "ODS:XXX");
    for (organisation, registered) in &law.organisations {
        assert_eq!(
            registered.last_day.is_some(),
            registered.successor.is_some(),
            "{organisation}"
        );
    }
}

#[test]
fn a_fault_of_a_law_file_is_named() {
    let says = |text: &str, reason: &str| {
        let error = Law::read(&[("x.toml", text)]).unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.starts_with("x.toml"),
            "{error}"
        );
    };
    says("[[gateway]]\nid = \"a\"", "gateway[1].provision: missing");
    says(
        "[[role]]\nid = \"a\"\ntitle = \"A\"\nbodies = [\"guild\"]",
        "guild is no kind of body",
    );
    says(
        "[[event]]\ntype = \"a.B\"\nordinary = [\"x\"]\nspecial_category = [\"x\"]",
        "two lists",
    );
    says(
        "[[event]]\ntype = \"a.B\"\nrestricted = [\"x\"]",
        "none of the class lists",
    );
    says("colour = 1", "unknown field");
    let twice = "[[article_9]]\nid = \"a\"\ntitle = \"A\"\n".repeat(2);
    says(&twice, "a stands twice");
}
