use super::*;

fn shipped(name: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(format!("deploy/agreements/{name}.toml")));
    let law = Law::read(&walbrook_schemas::law::FILES).unwrap();
    paper(&Agreement::read(&text.unwrap()).unwrap(), &law)
}

#[test]
fn the_paper_says_who_what_why_and_for_whom() {
    let paper = shipped("duty-to-refer");
    for words in [
        "Duty to refer: hospitals to the housing authority that the person chooses",
        "each of the 33 London local authorities",
        "Housing Act 1996 s213B: duty to refer",
        "in force since 1 Oct 2018",
        "6(1)(c) legal obligation",
        "DPA 2018 Schedule 1 paragraph 2, health or social care purposes",
        "5.1 ED attendance (health.EdAttendance), from each NHS body",
        "arrival_at (special category), accommodation_status (special category)",
        "the person consented and chose one housing authority",
        "6.1 Housing options officer of each of the 33",
        "people who chose its authority",
        "DPIA-DTR-2025-01",
    ] {
        let flat = paper.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(words), "{words}:\n{paper}");
    }
    assert!(
        paper.lines().all(|line| line.chars().count() <= WIDTH),
        "{paper}"
    );
}

#[test]
fn each_shipped_agreement_has_a_paper_and_every_party_and_field_stands_in_it() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seen = 0;
    for entry in std::fs::read_dir(root.join("deploy/agreements")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let name = name.strip_suffix(".toml").unwrap();
        let text = std::fs::read_to_string(root.join(format!("deploy/agreements/{name}.toml")));
        let agreement = Agreement::read(&text.unwrap()).unwrap();
        let paper = shipped(name);
        for flow in &agreement.flows {
            assert!(paper.contains(flow.event_type.as_str()), "{name}");
            assert!(
                flow.fields.iter().all(|field| paper.contains(field)),
                "{name}"
            );
        }
        for party in &agreement.parties {
            let flat = paper.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(&party.contact), "{name}");
        }
        assert!(
            !paper.contains("not on the list") && !paper.contains("not classed"),
            "{name}"
        );
        seen += 1;
    }
    assert!(seen >= 12);
}

#[test]
fn a_long_word_stands_on_a_line_of_its_own() {
    let law = Law::default();
    let mut paper = Paper {
        out: String::new(),
        law: &law,
    };
    paper.entry("Name", &"x".repeat(120));
    assert_eq!(
        paper.out.trim_end(),
        format!("Name              {}", "x".repeat(120))
    );
}
