//! Bad input at an agency's door: each fault gets a clear error that says what to do, and nothing of it reaches the log.

use crate::{reason, river, violations};
use ed25519_dalek::SigningKey;
use std::time::{Duration, SystemTime};
use tonic::{Code, Request, Status};
use walbrook_event::headers;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::common::v1::{Date, Organisation};
use walbrook_proto::housing::v1::housing_events_client::HousingEventsClient;
use walbrook_proto::housing::v1::{Event, PublishFrame, PublishRequest};
use walbrook_proto::police::v1::police_events_client::PoliceEventsClient;
use walbrook_runtime::callers::{Issuer, TokenRequest, role};
use walbrook_tests::backbone::{Backbone, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, arrears, event_id};

/// How often an event stands on the housing topic.
fn on_the_log(backbone: &Backbone, id: &str) -> usize {
    let records = backbone.records("raw.housing");
    records
        .iter()
        .filter(|record| record.headers.text(headers::ID) == Some(id))
        .count()
}

/// Sends an event with exactly this `authorization`, or none.
async fn publish_with(backbone: &Backbone, authorization: Option<&str>, event: Event) -> Status {
    let mut request = Request::new(PublishRequest { event: Some(event) });
    if let Some(text) = authorization {
        request
            .metadata_mut()
            .insert("authorization", text.parse().expect("ascii"));
    }
    let answer = HousingEventsClient::new(backbone.channel("housing"))
        .publish(request)
        .await;
    answer.expect_err("refused")
}

fn producer() -> TokenRequest {
    TokenRequest::new(CAMDEN, "housing-system", role::PRODUCER).events(&["housing.*"])
}

fn bearer(issuer: &Issuer, request: &TokenRequest, at: SystemTime) -> String {
    format!("Bearer {}", issuer.token(request, at).expect("a token"))
}

#[test]
fn a_caller_without_a_good_token_is_told_what_to_send_and_nothing_is_taken() {
    journey(async {
        let backbone = river().await;
        let id = event_id();
        let event = arrears(&id, &Person::number(1), 10_000);
        let now = SystemTime::now();
        let ours = backbone.issuer();
        let valid = bearer(ours, &producer(), now);
        let expired = bearer(
            ours,
            &producer().lifetime(Duration::from_secs(60)),
            now - Duration::from_secs(600),
        );
        let foreign = bearer(&Issuer::ephemeral("walbrook-local"), &producer(), now);
        // The right key id over another key's signature: a body that was changed after signing.
        let (signed, _) = valid.rsplit_once('.').expect("three parts");
        let (_, other_signature) = foreign.rsplit_once('.').expect("three parts");
        let forged = format!("{signed}.{other_signature}");
        let elsewhere = bearer(
            &Issuer::new("elsewhere", SigningKey::from_bytes(&[7; 32])),
            &producer(),
            now,
        );
        let reader = bearer(
            ours,
            &TokenRequest::new(CAMDEN, "officer", "housing-options-officer"),
            now,
        );
        let cases: [(Option<&str>, Code, &str, &str); 7] = [
            (
                None,
                Code::Unauthenticated,
                "TOKEN_MISSING",
                "send metadata `authorization: Bearer <token>`",
            ),
            (
                Some("Basic Y2FtZGVuOg=="),
                Code::Unauthenticated,
                "TOKEN_MALFORMED",
                "Bearer <token>",
            ),
            (
                Some(&expired),
                Code::Unauthenticated,
                "TOKEN_EXPIRED",
                "get a new one",
            ),
            (
                Some(&foreign),
                Code::Unauthenticated,
                "TOKEN_KEY_UNKNOWN",
                "get one from the issuer",
            ),
            (
                Some(&elsewhere),
                Code::Unauthenticated,
                "TOKEN_KEY_UNKNOWN",
                "get one from the issuer",
            ),
            (
                Some(&forged),
                Code::Unauthenticated,
                "TOKEN_SIGNATURE_WRONG",
                "signature is wrong",
            ),
            (
                Some(&reader),
                Code::PermissionDenied,
                "ROLE_MISSING",
                "needs the role producer",
            ),
        ];
        for (authorization, code, why, says) in cases {
            let refused = publish_with(&backbone, authorization, event.clone()).await;
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (code, why),
                "{refused}"
            );
            assert!(
                refused.message().contains(says),
                "{why}: {}",
                refused.message()
            );
        }
        assert_eq!(
            on_the_log(&backbone, &id),
            0,
            "nothing of a refused call stands on the log"
        );
        backbone
            .publish(CAMDEN, event)
            .await
            .expect("the same event with a good token");
        assert_eq!(on_the_log(&backbone, &id), 1);
    });
}

#[test]
fn an_organisation_sends_for_itself_and_its_own_types_only() {
    journey(async {
        let backbone = river().await;
        let id = event_id();
        let mut event = arrears(&id, &Person::number(2), 10_000);
        let organisation = Organisation {
            scheme: "GSS".into(),
            code: ISLINGTON.trim_start_matches("GSS:").into(),
        };
        event.head.as_mut().expect("head").organisation = Some(organisation);
        let refused = backbone
            .publish(CAMDEN, event.clone())
            .await
            .expect_err("another organisation's name");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "ORGANISATION_NOT_ALLOWED")
        );
        assert!(
            refused
                .message()
                .contains("leave it out, or use that organisation's token"),
            "{}",
            refused.message()
        );

        let others = TokenRequest::new(CAMDEN, "housing-system", role::PRODUCER)
            .events(&["police.*", "housing.PossessionNotice"]);
        let mut client = HousingEventsClient::new(backbone.connect("housing", others));
        event.head.as_mut().expect("head").organisation = None;
        let refused = client
            .publish(PublishRequest {
                event: Some(event.clone()),
            })
            .await
            .expect_err("another type");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "EVENT_TYPE_NOT_ALLOWED")
        );
        assert!(
            refused.message().contains("housing.RentArrearsChanged"),
            "{}",
            refused.message()
        );
        assert_eq!(on_the_log(&backbone, &id), 0);
    });
}

#[test]
fn an_event_of_another_agency_is_refused_as_no_event_of_this_one() {
    journey(async {
        let backbone = river().await;
        let id = event_id();
        let event = arrears(&id, &Person::number(3), 10_000);
        // A body of social care (its field 20) at the door of the police, who know no such field: as a client with a wrong contract sends it.
        let stay =
            walbrook_proto::social_care::v1::event::Body::DeprivationOfLiberty(Default::default());
        let bytes = prost::Message::encode_to_vec(&walbrook_proto::social_care::v1::Event {
            head: event.head.clone(),
            body: Some(stay),
        });
        let foreign: walbrook_proto::police::v1::Event =
            prost::Message::decode(bytes.as_slice()).expect("unknown fields are skipped");
        let everything = TokenRequest::new(CAMDEN, "housing-system", role::PRODUCER).events(&["*"]);
        let mut police = PoliceEventsClient::new(backbone.connect("police", everything.clone()));
        let request = walbrook_proto::police::v1::PublishRequest {
            event: Some(foreign),
        };
        let refused = police
            .publish(request)
            .await
            .expect_err("no event of the police");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(
            violations(&refused),
            [("body".to_owned(), "BODY_MISSING".to_owned())]
        );
        // And the call of the other service is none of this process.
        let mut client = HousingEventsClient::new(backbone.connect("police", everything));
        let refused = client
            .publish(PublishRequest { event: Some(event) })
            .await
            .expect_err("no such call");
        assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
        let records = backbone.records("raw.police");
        assert!(
            records
                .iter()
                .all(|record| record.headers.text(headers::ID) != Some(&id))
        );
    });
}

#[test]
fn a_date_that_does_not_exist_is_refused_with_its_field() {
    journey(async {
        let backbone = river().await;
        let id = event_id();
        let mut event = arrears(&id, &Person::number(4), 10_000);
        let head = event.head.as_mut().expect("head");
        head.when = Some(When::OccurredOn(Date {
            year: 2025,
            month: 2,
            day: 29,
        }));
        let told = head
            .subject
            .as_mut()
            .and_then(|subject| subject.demographics.as_mut())
            .expect("told");
        told.birth_date = Some(Date {
            year: 1985,
            month: 6,
            day: 31,
        });
        let refused = backbone
            .publish(CAMDEN, event)
            .await
            .expect_err("no such day");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "EVENT_REFUSED")
        );
        let expected = [
            ("head.occurred_on", "OCCURRED_IMPOSSIBLE"),
            (
                "head.subject.demographics.birth_date",
                "BIRTH_DATE_IMPOSSIBLE",
            ),
        ];
        assert_eq!(
            violations(&refused),
            expected.map(|(field, rule)| (field.to_owned(), rule.to_owned()))
        );
        assert!(
            refused.message().contains("see the field violations"),
            "{}",
            refused.message()
        );
        assert_eq!(on_the_log(&backbone, &id), 0);
    });
}

#[test]
fn an_nhs_number_that_fails_its_check_digit_is_queried_and_links_nobody_but_the_event_stays() {
    journey(async {
        let backbone = river().await;
        let wrong = |person: Person, number: &str| {
            let mut person = person;
            person.demographics.nhs_number = Some(number.to_owned());
            person
        };
        let right = Person::number(5);
        let mut digits = right.demographics.nhs_number.clone().expect("a number");
        let last = digits.pop().expect("a digit");
        digits.push(if last == '0' { '1' } else { '0' });
        // Two different people whose records carry the same mistyped number.
        let (one, other) = (
            wrong(Person::number(5), &digits),
            wrong(Person::number(6), &digits),
        );
        for person in [&one, &other] {
            let id = event_id();
            let receipt = backbone
                .publish(CAMDEN, arrears(&id, person, 20_000))
                .await
                .expect("accepted");
            let told: Vec<_> = receipt
                .queries
                .iter()
                .map(|note| (note.rule_id.as_str(), note.field.as_str()))
                .collect();
            assert_eq!(
                told,
                [(
                    "NHS_NUMBER_CHECK_DIGIT",
                    "head.subject.demographics.nhs_number"
                )]
            );
            let records = backbone.records("raw.housing");
            let record = records
                .iter()
                .find(|record| record.headers.text(headers::ID) == Some(&id))
                .expect("on the log");
            assert_eq!(
                record.headers.text("wb_queries"),
                Some("NHS_NUMBER_CHECK_DIGIT")
            );
            let text = format!("{record:?}");
            assert!(!text.contains(&digits), "the number stands on the log");
        }
    });
}

#[test]
fn a_stream_answers_every_event_of_a_frame_and_a_malformed_frame_ends_it_with_a_reason() {
    journey(async {
        let backbone = river().await;
        let (good, bad, late) = (event_id(), "not-a-uuid".to_owned(), event_id());
        let person = Person::number(7);
        let first = PublishFrame {
            sequence: 1,
            events: vec![arrears(&good, &person, 1), arrears(&bad, &person, 2)],
        };
        // Frame 3 where frame 2 is due: the sender lost one, and must not think otherwise.
        let third = PublishFrame {
            sequence: 3,
            events: vec![arrears(&late, &person, 3)],
        };
        let stream = tokio_stream::iter([first, third]);
        let mut answers = backbone
            .housing(CAMDEN)
            .publish_stream(stream)
            .await
            .expect("a stream")
            .into_inner();
        let answer = answers
            .message()
            .await
            .expect("an answer")
            .expect("the first frame's");
        let outcomes: Vec<_> = answer
            .outcomes
            .into_iter()
            .filter_map(|outcome| outcome.outcome)
            .collect();
        assert!(
            matches!(&outcomes[0], Outcome::Receipt(receipt) if receipt.event_id == good),
            "{outcomes:?}"
        );
        assert!(
            matches!(&outcomes[1], Outcome::Refusal(refusal) if refusal.violations[0].rule_id == "EVENT_ID_NOT_A_UUID")
        );
        let refused = answers.message().await.expect_err("out of sequence");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "FRAME_OUT_OF_SEQUENCE")
        );
        assert!(
            refused
                .message()
                .contains("number the frames of a stream from 1"),
            "{}",
            refused.message()
        );
        assert_eq!(
            (on_the_log(&backbone, &good), on_the_log(&backbone, &late)),
            (1, 0)
        );
    });
}

#[test]
fn bytes_that_are_no_message_are_refused_and_the_service_goes_on() {
    journey(async {
        let backbone = river().await;
        let mut grpc = tonic::client::Grpc::new(backbone.connect("housing", producer()));
        grpc.ready().await.expect("the service");
        let path = "/walbrook.housing.v1.HousingEvents/Publish"
            .parse()
            .expect("a path");
        // A PublishRequest whose event is said to be longer than what follows.
        let garbage = Garbage(vec![0x0a, 0x7f, 0x01]);
        let answer = grpc.unary(Request::new(garbage), path, GarbageCodec).await;
        let refused = answer.map(|_| ()).expect_err("no message");
        assert!(
            matches!(refused.code(), Code::Internal | Code::InvalidArgument),
            "{refused}"
        );
        assert!(
            refused.message().contains("decode"),
            "{}",
            refused.message()
        );
        let id = event_id();
        backbone
            .publish(CAMDEN, arrears(&id, &Person::number(8), 1))
            .await
            .expect("the service goes on");
    });
}

/// Bytes sent as they are.
struct Garbage(Vec<u8>);

#[derive(Clone, Copy)]
struct GarbageCodec;

impl tonic::codec::Codec for GarbageCodec {
    type Encode = Garbage;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl tonic::codec::Encoder for GarbageCodec {
    type Item = Garbage;
    type Error = Status;

    fn encode(
        &mut self,
        item: Garbage,
        buffer: &mut tonic::codec::EncodeBuf<'_>,
    ) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item.0);
        Ok(())
    }
}

impl tonic::codec::Decoder for GarbageCodec {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<()>, Status> {
        bytes::Buf::advance(buffer, bytes::Buf::remaining(buffer));
        Ok(Some(()))
    }
}
