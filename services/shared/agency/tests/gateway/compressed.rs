//! Messages that grow when they are unpacked: no compression is taken, and a message larger than the limit is not read.

use http::Request as HttpRequest;
use prost::Message;
use tonic::Code;
use tonic::body::Body;
use tonic::client::GrpcService;
use walbrook_proto::housing::v1::PublishRequest;

use crate::house::{House, event};

/// Sends one message as it stands, with this flag and encoding; the status that comes back.
async fn send(house: &House, token: &str, flag: u8, encoding: &str, message: &[u8]) -> Code {
    let length = u32::try_from(message.len()).expect("small").to_be_bytes();
    let bytes = [&[flag][..], &length, message].concat();
    let request = HttpRequest::post("http://house/walbrook.housing.v1.HousingEvents/Publish")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
        .header("grpc-encoding", encoding)
        .body(Body::new(http_body_util::Full::new(bytes::Bytes::from(
            bytes,
        ))))
        .expect("a request");
    let mut channel = house.channel();
    std::future::poll_fn(|context| channel.poll_ready(context))
        .await
        .expect("ready");
    let answer = channel.call(request).await.expect("an answer");
    let status = answer.headers().get("grpc-status").cloned();
    let status = match status {
        Some(status) => status,
        None => {
            let body = http_body_util::BodyExt::collect(answer.into_body()).await;
            let trailers = body
                .expect("a body")
                .trailers()
                .cloned()
                .unwrap_or_default();
            trailers.get("grpc-status").cloned().expect("a status")
        }
    };
    Code::from_bytes(status.as_bytes())
}

#[tokio::test]
async fn a_compressed_message_is_refused_unread_and_an_oversized_one_too() {
    let house = House::open().await;
    let token = house.token();
    let request = PublishRequest {
        event: Some(event(1, "P-1")),
    };
    let message = request.encode_to_vec();
    assert_eq!(
        send(&house, &token, 0, "identity", &message).await,
        Code::Ok
    );
    // A gigabyte of zeros as gzip begins like this; what it would become is of no interest to anybody.
    let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0; 1_000]].concat();
    for encoding in ["gzip", "deflate", "zstd"] {
        let refused = send(&house, &token, 1, encoding, &bomb).await;
        assert_eq!(refused, Code::Unimplemented, "{encoding}");
    }
    let refused = send(&house, &token, 1, "identity", &message).await;
    assert_ne!(refused, Code::Ok, "flagged as compressed by nothing");
    let large = vec![0; 5 << 20];
    let refused = send(&house, &token, 0, "identity", &large).await;
    assert_eq!(refused, Code::OutOfRange);
    assert_eq!(house.log.records().len(), 1);
}
