//! Files stay readable: their length, thin mains, and what the materialiser and the auditor never mention.

use crate::workspace::{self, Text};
use crate::{assert_found, assert_none};

const LONGEST_FILE_LINES: usize = 500;
const LONGEST_MAIN_LINES: usize = 30;

/// Files that may be longer, each with its reason.
const LONGER: &[(&str, &str)] = &[(
    "services/identity/tests/writing.rs",
    "one harness and the tests that share it",
)];

fn too_long(texts: &[Text], exceptions: &[(&str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    for text in texts {
        let lines = text.content.lines().count();
        let limit = if text.path.ends_with("/src/main.rs") && text.path.starts_with("services/") {
            LONGEST_MAIN_LINES
        } else {
            LONGEST_FILE_LINES
        };
        if lines > limit && !exceptions.iter().any(|(path, _)| *path == text.path) {
            faults.push(format!("{}: {lines} lines, at most {limit}", text.path));
        }
    }
    for (path, _) in exceptions {
        if !texts
            .iter()
            .any(|text| text.path == *path && text.content.lines().count() > LONGEST_FILE_LINES)
        {
            faults.push(format!("{path}: an exception that is no longer needed"));
        }
    }
    faults
}

/// Words a crate's source must not say: topics and concepts that are not its business.
const NOT_ITS_BUSINESS: &[(&str, &[&str])] = &[
    // The materialiser sees released topics and the agreement half of policy; never raw events, grounds or handles.
    (
        "services/materialiser",
        &[
            "\"raw.",
            "\"control.policy\"",
            "GroundRecorded",
            "LinkRecord",
            "PersonId",
        ],
    ),
    // The pure half of the materialiser, the same.
    (
        "services/shared/view",
        &[
            "\"raw.",
            "\"control.policy\"",
            "GroundRecorded",
            "LinkRecord",
            "PersonId",
        ],
    ),
    // The generic gateway names no agency.
    (
        "services/shared/agency",
        &[
            "police",
            "\"health\"",
            "\"housing\"",
            "\"tfl\"",
            "\"social-care\"",
            "\"city\"",
            "Agreement",
        ],
    ),
    // The log knows order, not meaning.
    (
        "services/shared/eventlog-kafka",
        &["Agreement", "Pseudonym", "Handle<"],
    ),
];

fn mentions(texts: &[Text], words: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for text in texts {
        for (index, line) in text.content.lines().enumerate() {
            for word in words
                .iter()
                .filter(|word| workspace::code(line).contains(**word))
            {
                faults.push(format!("{}:{}: {word}", text.path, index + 1));
            }
        }
    }
    faults
}

#[test]
fn files_are_short_and_mains_thin() {
    let texts = workspace::texts(|path| path.ends_with(".rs") || path.ends_with(".proto"));
    assert!(
        texts.len() > 40,
        "the sources were not read: {}",
        texts.len()
    );
    assert_none("file length", &too_long(&texts, LONGER));
}

#[test]
fn crates_keep_to_their_business() {
    for (folder, words) in NOT_ITS_BUSINESS {
        assert_none(
            &format!("what {folder} never mentions"),
            &mentions(&workspace::sources(folder), words),
        );
    }
}

#[test]
fn planted_lengths_and_mentions_are_found() {
    let long = Text::new(
        "services/broker/src/loop.rs",
        &"x\n".repeat(LONGEST_FILE_LINES + 1),
    );
    let main = Text::new(
        "services/broker/src/main.rs",
        &"x\n".repeat(LONGEST_MAIN_LINES + 1),
    );
    let found = too_long(&[long.clone(), main], &[]);
    assert_found(&found, "services/broker/src/loop.rs: 501 lines");
    assert_found(&found, "services/broker/src/main.rs: 31 lines");
    assert_none(
        "an exception",
        &too_long(
            std::slice::from_ref(&long),
            &[("services/broker/src/loop.rs", "planted")],
        ),
    );
    assert_found(
        &too_long(&[long], &[("gone.rs", "planted")]),
        "gone.rs: an exception that is no longer needed",
    );
    assert_found(
        &mentions(
            &[Text::new("m.rs", "\nlet t = \"raw.police\";")],
            &["\"raw."],
        ),
        "m.rs:2: \"raw.",
    );
}
