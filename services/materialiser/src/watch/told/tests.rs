//! Whatever is told goes out as the one message that it is.

use super::*;
use walbrook_proto::view::v1::{Row, SourceFreshness};

fn answer() -> WatchRowsResponse {
    let row = |number: u8| Row {
        pseudonym: vec![number; 16],
        band: "HIGH".into(),
        ..Row::default()
    };
    WatchRowsResponse {
        rows: vec![row(1), row(2)],
        left: vec![vec![3; 16]],
        whole: true,
        more: true,
        resume_token: "token".into(),
        facts: Some(AnswerFacts {
            evaluated_at: Some(prost_types::Timestamp {
                seconds: 7,
                nanos: 1,
            }),
            sources: vec![SourceFreshness {
                statement: "heard".into(),
                ..SourceFreshness::default()
            }],
            withheld: vec!["nothing".into()],
            ..AnswerFacts::default()
        }),
    }
}

#[test]
fn what_many_are_told_and_the_own_read_are_one_message() {
    let same = Same::new(&answer());
    for id in ["one", "two"] {
        let told = Told::new(same.clone(), id.to_owned());
        let mut wanted = answer();
        wanted.facts.as_mut().unwrap().read_id = id.to_owned();
        assert_eq!(told.message().unwrap(), wanted);
        let mut bytes = Vec::new();
        told.encode(&mut bytes).unwrap();
        assert_eq!(WatchRowsResponse::decode(bytes.as_slice()).unwrap(), wanted);
        assert_eq!(bytes.len(), told.same.0.len() + told.own.encoded_len());
    }
}
