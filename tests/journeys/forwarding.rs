//! Two broker processes: a control call to the one that is not the writer is handed on, with the caller's own token.

use crate::reason;
use tonic::Code;
use walbrook_domain::control::{AgreementFact, ControlFact};
use walbrook_proto::control::v1::control_client::ControlClient;
use walbrook_proto::control::v1::{ListAgreementsRequest, RevokeReaderRequest};
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_tests::acts::agreement_text;
use walbrook_tests::backbone::{Backbone, Connection, Options, journey};
use walbrook_tests::people::CAMDEN;

const BROKERS: [&str; 2] = ["broker", "broker-2"];

/// A council's information governance officer, at one of the brokers.
fn council(backbone: &Backbone, broker: &str) -> ControlClient<Connection> {
    let caller = TokenRequest::new(CAMDEN, "d.okafor", role::CONTROL);
    ControlClient::new(backbone.connect(broker, caller))
}

fn revocation(reader: &str) -> RevokeReaderRequest {
    RevokeReaderRequest {
        organisation: CAMDEN.into(),
        reader: reader.into(),
        revoked: true,
        idempotency_key: format!("revoke-{reader}"),
    }
}

/// Revokes a reader through this broker; a call that meets a failover is told to come again.
async fn revoke(backbone: &Backbone, broker: &str, reader: &str) {
    backbone
        .until("the call to be done", || async {
            let answer = council(backbone, broker)
                .revoke_reader(revocation(reader))
                .await;
            match answer {
                Ok(_) => Ok(()),
                Err(refused) if refused.code() == Code::Unavailable => Err(refused.to_string()),
                Err(refused) => panic!("{refused}"),
            }
        })
        .await;
}

/// Who revoked which reader, as it stands on the log.
fn revoked(backbone: &Backbone) -> Vec<(String, String)> {
    let records = backbone.records("control.policy");
    let read = records.iter().map(|record| {
        walbrook_broker::control::journal::read(record)
            .expect("a record")
            .fact
    });
    read.filter_map(|fact| match fact {
        ControlFact::Agreement(AgreementFact::Reader(fact)) => Some((fact.reader, fact.by)),
        _ => None,
    })
    .collect()
}

#[test]
fn whichever_broker_is_called_the_writer_answers_and_judges_the_caller_itself() {
    journey(async {
        let backbone = Backbone::start(Options::only(&["identity", "broker"])).await;
        backbone.start_second_broker();
        let (writer, other) = backbone.writer_of(BROKERS).await;
        for broker in [writer, other] {
            revoke(&backbone, broker, &format!("reader-at-{broker}")).await;
            let mut council = council(&backbone, broker);
            let listed = council.list_agreements(ListAgreementsRequest {}).await;
            assert!(listed.expect("listed").into_inner().agreements.is_empty());
            // The caller's own rights, through either: this one is no operator.
            let request = walbrook_proto::control::v1::RegisterPartyKeyRequest {
                organisation: CAMDEN.into(),
                ..Default::default()
            };
            let refused = council
                .register_party_key(request)
                .await
                .expect_err("no operator");
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::PermissionDenied, "ROLE_MISSING")
            );
            let mut nobody = ControlClient::new(backbone.channel(broker));
            let refused = nobody.list_agreements(ListAgreementsRequest {}).await;
            assert_eq!(refused.expect_err("no token").code(), Code::Unauthenticated);
        }
        // Each stands on record under the caller's own name.
        let expected: Vec<_> = [writer, other]
            .map(|broker| (format!("reader-at-{broker}"), "d.okafor".to_owned()))
            .into();
        assert_eq!(revoked(&backbone), expected);
        let answered = |name| {
            backbone
                .number(
                    name,
                    "walbrook_control_calls_forwarded_total{answered=\"yes\"}",
                )
                .unwrap_or(0)
        };
        assert_eq!((answered(writer), answered(other)), (0, 3));
        let counted = backbone.number(
            writer,
            "walbrook_control_calls_total{method=\"RevokeReader\",outcome=\"OK\"}",
        );
        assert_eq!(counted, Some(2), "its own and the one handed on");
        assert!(backbone.number(writer, "walbrook_control_commit_seconds_count") >= Some(2));
        assert!(backbone.number(writer, "walbrook_control_records") > Some(2));
    });
}

#[test]
fn the_way_to_the_writer_follows_a_failover() {
    journey(async {
        let backbone = Backbone::start(Options::only(&["identity", "broker"])).await;
        backbone.start_second_broker();
        let (writer, other) = backbone.writer_of(BROKERS).await;
        revoke(&backbone, other, "before").await;
        backbone.kill_9(writer);
        // The one that is left takes over and answers by itself.
        revoke(&backbone, other, "after").await;
        backbone.restart(writer);
        let (now, follower) = backbone.writer_of(BROKERS).await;
        let agreed = backbone.until("a proposal through either", || async {
            let document = agreement_text("pan-london-rough-sleeping");
            let request = walbrook_proto::control::v1::ProposeRequest {
                document,
                expected_version: 0,
                idempotency_key: "once".into(),
            };
            let operator = TokenRequest::new("WALBROOK:local", "operator", role::OPERATOR);
            let mut client = ControlClient::new(backbone.connect(follower, operator));
            let answer = client.propose(request).await;
            answer.map_err(|refused| refused.to_string())
        });
        assert_eq!(agreed.await.into_inner().version, 1);
        assert_ne!(now, follower);
        let readers: Vec<String> = revoked(&backbone)
            .into_iter()
            .map(|(reader, _)| reader)
            .collect();
        assert_eq!(readers, ["before", "after"], "each once");
    });
}
