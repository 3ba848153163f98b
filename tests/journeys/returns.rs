//! An authority's return, in and out: `walbrook import ssda903`, then `walbrook export ssda903` as the returns officer, then in again.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use walbrook_auditor::Checked;
use walbrook_proto::audit::v1::VerifyRequest;
use walbrook_proto::audit::v1::audit_client::AuditClient;
use walbrook_proto::control::v1::ProposeRequest;
use walbrook_proto::view::v1::ListTopicsRequest;
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_tests::acts::agreement_text;
use walbrook_tests::backbone::{Backbone, DEADLINE, Options, journey};
use walbrook_tests::people::CAMDEN;

const YEAR: &str = "2024/25";
const PURPOSE: &str = "children-in-care";
const TOPIC: &str = ".view.ssda903_return.GSS-E09000007";

const TABLES: [(&str, &str); 7] = [
    (
        "header.csv",
        "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\nC7,M,27/03/2012,WBRI,UN1,,\nC8,F,01/02/2007,MWBC,UN4,0,\n",
    ),
    (
        "episodes.csv",
        "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN\n\
         C7,15/02/2024,S,C2,N1,U6,PR1,03/04/2024,X1,CARPL,NW1 1AA,N1 2BB,SC000001\n\
         C7,03/04/2024,P,C2,N1,K2,PR4,,,,NW1 1AA,E2 3CC,SC000002\n",
    ),
    (
        "reviews.csv",
        "CHILD,DOB,REVIEW,REVIEW_CODE\nC7,27/03/2012,01/05/2024,PN1\nC7,27/03/2012,30/10/2024,PN3\n",
    ),
    (
        "missing.csv",
        "CHILD,DOB,MISSING,MIS_START,MIS_END\nC7,27/03/2012,M,05/04/2024,06/04/2024\nC7,27/03/2012,A,30/03/2025,\n",
    ),
    (
        "oc2.csv",
        "CHILD,DOB,SDQ_SCORE,SDQ_REASON,CONVICTED,HEALTH_CHECK,IMMUNISATIONS,TEETH_CHECK,HEALTH_ASSESSMENT,SUBSTANCE_MISUSE,INTERVENTION_RECEIVED,INTERVENTION_OFFERED\n\
         C7,27/03/2012,17,,0,,1,1,0,1,0,1\n",
    ),
    (
        "oc3.csv",
        "CHILD,DOB,IN_TOUCH,ACTIV,ACCOM\nC8,01/02/2007,YES,F1,S2\n",
    ),
    (
        "DoLo.csv",
        "CHILD,DOB,DOLO_START,DOLO_END\nC7,27/03/2012,10/09/2024,10/12/2024\n",
    ),
];

const LOCAL: &str = "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB,DECOM,HOME_POST,PL_POST,URN\nC7,M,27/03/2012,WBRI,UN1,,,,,,\n\
    C8,F,01/02/2007,MWBC,UN4,0,,,,,\nC7,,,,,,,15/02/2024,NW1 1AA,N1 2BB,SC000001\nC7,,,,,,,03/04/2024,NW1 1AA,E2 3CC,SC000002\n\
    C9,M,27/03/2012,WBRI,UN1,,,,,,\n";

/// The command as people run it.
fn walbrook(folder: &Path, address: &str, arguments: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let programs = tests.parent().and_then(Path::parent).unwrap();
    Command::new(programs.join("walbrook"))
        .args(arguments)
        .args([
            "--authority",
            "E09000007",
            "--year",
            YEAR,
            "--json",
            "--dir",
        ])
        .arg(folder)
        .args(["--endpoint", address])
        .current_dir(folder)
        .output()
        .unwrap()
}

fn import(backbone: &Backbone, folder: &Path, of: &str) -> serde_json::Value {
    let address = backbone.address("social-care");
    let out = walbrook(folder, &address, &["import", "ssda903", of]);
    assert!(out.status.success(), "{out:?}");
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Exports until the view has everything; what was not whole yet is thrown away.
fn export(backbone: &Backbone, folder: &Path, into: &str) {
    let address = backbone.address("materialiser");
    let began = Instant::now();
    loop {
        let arguments = ["export", "ssda903", "--local", "local.txt", "--out", into];
        let out = walbrook(folder, &address, &arguments);
        let whole = out.status.success() && {
            let written: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
            let rows = |file: &str| written["tables"][file].as_u64();
            rows("header.csv") == Some(2)
                && rows("oc2.csv") == Some(1)
                && rows("missing.csv") == Some(2)
                && rows("DoLo.csv") == Some(1)
                && rows("reviews.csv") == Some(2)
                && rows("episodes.csv") == Some(2)
        };
        if whole {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "{out:?}");
        let _ = std::fs::remove_dir_all(folder.join(into));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

fn demand_tables(folder: &Path) {
    for (name, text) in TABLES {
        let found = std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(found, text, "{name}");
    }
}

#[test]
fn a_return_that_was_exported_imports_as_what_stands_already() {
    journey(async {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let services = [
            "identity",
            "broker",
            "materialiser",
            "social-care",
            "auditor",
        ];
        let backbone = Backbone::start(Options::only(&services).with_keys(&keys)).await;
        let agreement = agreement_text("children-in-care-council");
        backbone.agree(&agreement, &[CAMDEN]).await;
        let sent = folder.path().join("sent");
        std::fs::create_dir(&sent).unwrap();
        for (name, text) in TABLES {
            std::fs::write(sent.join(name), text).unwrap();
        }
        std::fs::write(folder.path().join("local.txt"), LOCAL).unwrap();

        let first = import(&backbone, folder.path(), "sent");
        assert_eq!(first["total"]["read"], 11, "{first}");
        assert_eq!(first["total"]["refused"], 0, "{first}");
        assert_eq!(first["total"]["not_mapped"], 0, "{first}");
        export(&backbone, folder.path(), "once");
        demand_tables(&folder.path().join("once"));
        let count = || -> usize {
            let types = ["CareEpisode", "ReviewHeld", "MissingEpisode"];
            types
                .map(|name| {
                    backbone
                        .releases(PURPOSE, &format!("social_care.{name}"))
                        .len()
                })
                .iter()
                .sum()
        };
        let released = count();
        assert_eq!(released, 6);

        let again = import(&backbone, folder.path(), "once");
        assert_eq!(again["total"], first["total"]);
        backbone.decided().await;
        export(&backbone, folder.path(), "twice");
        demand_tables(&folder.path().join("twice"));
        assert_eq!(count(), released, "nothing was released a second time");

        // Another role of the same organisation has no such view.
        let arguments = [
            "export",
            "ssda903",
            "--local",
            "local.txt",
            "--out",
            "none",
            "--role",
            "social-worker",
        ];
        let out = walbrook(folder.path(), &backbone.address("materialiser"), &arguments);
        let none = !out.status.success()
            || serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap()["children"] == 0;
        assert!(none, "{out:?}");
        in_the_warehouse(&backbone).await;
        in_no_other_role(&backbone, &agreement).await;
    });
}

/// The rows stand on the authority's own topic too, and whoever proves the log while it grows knows the topic that came after it began.
async fn in_the_warehouse(backbone: &Backbone) {
    let mut views = backbone.views(CAMDEN, "returns-officer", "warehouse");
    let began = Instant::now();
    loop {
        let topics = views.list_topics(ListTopicsRequest {}).await;
        let topics = topics.expect("an answer").into_inner().topics;
        let [topic] = topics.as_slice() else {
            panic!("one topic: {topics:?}");
        };
        assert!(topic.topic.ends_with(TOPIC), "{topic:?}");
        if (topic.rows, topic.state.as_str()) == (2, "DELIVERED") {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "{topic:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let request = TokenRequest::new("WALBROOK:local", "an-auditor", role::AUDITOR);
    let mut audit = AuditClient::new(backbone.connect("auditor", request));
    let told = audit.verify(VerifyRequest { now: true }).await;
    let told = told.expect("a verification").into_inner();
    assert_eq!(told.difference_count, 0, "{told:?}");
    let report = backbone.assert_audit_is_clean();
    assert!(report.checked(Checked::Delivered) >= 2);
}

/// Another agreement may not have the view delivered to whom this one delivers it, in another role.
async fn in_no_other_role(backbone: &Backbone, agreement: &str) {
    let document = agreement
        .replacen("children-in-care-council", "another-council", 1)
        .replacen("role = \"returns-officer\"", "role = \"social-worker\"", 1);
    let request = ProposeRequest {
        document,
        expected_version: 0,
        idempotency_key: String::new(),
    };
    let refused = backbone.operator().propose(request).await;
    let refused = refused.expect_err("refused");
    let violations = String::from_utf8_lossy(refused.details());
    let words = "children-in-care-council has it delivered";
    assert!(violations.contains(words), "{refused:?}");
}
