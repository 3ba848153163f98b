use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use prometheus_client::metrics::counter::Counter;

use super::*;

async fn get(
    client: &Client<hyper_util::client::legacy::connect::HttpConnector, Empty<Bytes>>,
    uri: String,
) -> (u16, String) {
    let response = client.get(uri.parse().expect("uri")).await.expect("answer");
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("body")
        .to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn metrics_and_health_are_served() {
    let metrics = Metrics::new();
    let counter = metrics.register(|registry| {
        let counter = Counter::<u64>::default();
        registry.register("events", "Events", counter.clone());
        counter
    });
    counter.inc_by(3);
    let readiness = Readiness::new();
    readiness.not_ready("kafka", "no answer from 127.0.0.1:1");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let base = format!("http://{}", listener.local_addr().expect("address"));
    let shutdown = Shutdown::new();
    let served = tokio::spawn(serve(
        listener,
        metrics,
        readiness.clone(),
        shutdown.clone(),
    ));

    let client = Client::builder(TokioExecutor::new()).build_http();
    let (status, text) = get(&client, format!("{base}/metrics")).await;
    assert_eq!(status, 200);
    assert!(text.contains("walbrook_events_total 3"), "{text}");
    let (status, text) = get(&client, format!("{base}/healthz")).await;
    assert_eq!(
        (status, text.as_str()),
        (503, "not ready\nkafka: no answer from 127.0.0.1:1\n")
    );
    readiness.ready("kafka");
    assert_eq!(
        get(&client, format!("{base}/healthz")).await,
        (200, "ready\n".to_owned())
    );
    assert_eq!(get(&client, format!("{base}/else")).await.0, 404);

    shutdown.request();
    served.await.expect("joined").expect("served");
}

#[test]
fn a_process_without_parts_is_not_ready() {
    assert!(!Readiness::new().is_ready());
}
