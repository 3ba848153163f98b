//! What an operator sees of an event on its way, and what nobody sees: spans, metrics and logs of all processes, and the
//! two traces of P2 that only the operator's collector ties together.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use tonic::{Request, Response, Status};
use walbrook_event::headers;
use walbrook_eventlog::Record;
use walbrook_proto::audit::v1::VerifyRequest;
use walbrook_proto::audit::v1::audit_client::AuditClient;
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_tests::acts::{CONTACT, PURPOSE, contact};
use walbrook_tests::backbone::{Backbone, Options, PROGRAMS, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

/// A span and the process that told of it.
#[derive(Debug, Clone)]
struct Told {
    service: String,
    span: Span,
}

impl Told {
    fn is(&self, service: &str, name: &str) -> bool {
        self.service == service && self.span.name == name
    }

    fn links_to(&self, trace: &str) -> bool {
        let trace = hex::decode(trace).expect("a trace id");
        self.span.links.iter().any(|link| link.trace_id == trace)
    }

    fn trace(&self) -> String {
        hex::encode(&self.span.trace_id)
    }
}

/// An OpenTelemetry collector that keeps what it hears.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Told>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let named = attributes
                .iter()
                .find(|attribute| attribute.key == "service.name");
            let service = named.map_or_else(String::new, |named| format!("{:?}", named.value));
            let known = PROGRAMS
                .iter()
                .find(|name| service.contains(&format!("\"walbrook-{name}\"")));
            let service = known.map_or(service.clone(), |name| (*name).to_owned());
            let spans = resource
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans);
            self.0.lock().extend(spans.map(|span| Told {
                service: service.clone(),
                span,
            }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Listens, and says where.
    async fn open() -> (Self, String) {
        let collector = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let service = TraceServiceServer::new(collector.clone());
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener)),
        );
        (collector, address)
    }

    fn told(&self) -> Vec<Told> {
        self.0.lock().clone()
    }

    /// Waits for a span.
    async fn await_span(
        &self,
        backbone: &Backbone,
        what: &str,
        wanted: impl Fn(&Told) -> bool,
    ) -> Told {
        let wanted = &wanted;
        let find = || async move {
            let told = self.told();
            let found = told.iter().find(|told| wanted(told)).cloned();
            let names: BTreeSet<String> = told
                .iter()
                .map(|told| format!("{} {}", told.service, told.span.name))
                .collect();
            found.ok_or_else(|| format!("only {names:?}"))
        };
        backbone.until(what, find).await
    }
}

/// A backbone of all processes that tells everything it can: spans at once, logs in every detail of our own crates.
async fn talkative() -> (Backbone, Collector) {
    let (collector, endpoint) = Collector::open().await;
    let mut options = Options::only(&PROGRAMS);
    options.environment = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "200".into()),
        ("WALBROOK_LOG", "info,walbrook=trace".into()),
    ];
    let backbone = Backbone::start(options).await;
    backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
    (backbone, collector)
}

/// The trace that a record carries.
fn trace_of(record: &Record) -> String {
    let parent = record.headers.text(headers::TRACE_PARENT);
    let parent = parent.expect("a traceparent").to_owned();
    parent.split('-').nth(1).expect("a trace id").to_owned()
}

/// A process's `/metrics`: the kind of text, and the text.
fn metrics(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").expect("http");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("the metrics port");
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).expect("a timeout");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    (head.to_lowercase(), body.to_owned())
}

/// The sum of all samples of a name; `None` when there is none.
fn sample(text: &str, name: &str) -> Option<f64> {
    let values: Vec<f64> = text
        .lines()
        .filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        })
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// Sent once, read once.
struct Journey {
    raw: Record,
    shared: Record,
    person: Person,
}

async fn travel(backbone: &Backbone) -> Journey {
    let person = Person::number(901).known_as("HX-7741993-Q");
    let id = event_id();
    let sent = backbone.publish(CAMDEN, contact(&id, &person, 5)).await;
    sent.expect("a receipt");
    let row = backbone.await_contacts(CAMDEN, &person, 1).await;
    let row = row.expect("a row");
    backbone.decided().await;
    let mut raw = backbone.records("raw.housing");
    raw.retain(|record| record.headers.text(headers::ID) == Some(id.as_str()));
    let mut shared = backbone.releases(PURPOSE, CONTACT);
    shared.retain(|record| record.key.as_deref() == Some(row.pseudonym.as_slice()));
    assert_eq!((raw.len(), shared.len()), (1, 1));
    Journey {
        raw: raw.remove(0),
        shared: shared.remove(0),
        person,
    }
}

#[test]
fn an_event_can_be_followed_by_the_operator_and_by_nobody_else() {
    journey(async {
        let (backbone, collector) = talkative().await;
        let sent = travel(&backbone).await;
        let (raw, new) = (trace_of(&sent.raw), trace_of(&sent.shared));
        assert_ne!(raw, new, "the raw trace stands on a shared topic");

        // The call, and what it did until the log had acknowledged.
        let publish = "/walbrook.housing.v1.HousingEvents/Publish";
        for (service, name) in [
            ("housing", publish),
            ("housing", "accept"),
            ("identity", "/walbrook.identity.v1.Identity/Link"),
            ("housing", "append"),
        ] {
            let here = |told: &Told| told.is(service, name) && told.trace() == raw;
            collector
                .await_span(&backbone, &format!("{service}'s {name}"), here)
                .await;
        }
        // The batch in which it was decided is no part of that trace.
        let batch = |told: &Told| told.is("broker", "enforce") && told.links_to(&raw);
        let batch = collector.await_span(&backbone, "the batch", batch).await;
        for part in ["decide", "commit"] {
            let here = |told: &Told| {
                told.is("broker", part) && told.span.parent_span_id == batch.span.span_id
            };
            collector.await_span(&backbone, part, here).await;
        }
        // The release begins a trace of its own; its links are where the two meet.
        let release = |told: &Told| told.is("broker", "release") && told.links_to(&raw);
        let release = collector
            .await_span(&backbone, "the release", release)
            .await;
        assert_eq!(release.trace(), new);
        assert!(release.links_to(&batch.trace()));
        // The view goes on in the new one.
        let applied = |told: &Told| told.is("materialiser", "apply") && told.trace() == new;
        let applied = collector
            .await_span(&backbone, "its application to the view", applied)
            .await;
        assert!(
            !applied.links_to(&raw),
            "the view has heard of the raw trace"
        );

        let services = |trace: &str| -> BTreeSet<String> {
            let told = collector.told();
            let of = told.into_iter().filter(|told| told.trace() == trace);
            of.map(|told| told.service).collect()
        };
        let sent_by = BTreeSet::from(["housing".into(), "identity".into()]);
        assert_eq!(services(&raw), sent_by, "who works in the caller's trace");
        let shared_by = BTreeSet::from(["broker".into(), "materialiser".into()]);
        assert_eq!(services(&new), shared_by, "who works in the release's");
        assert!(![&raw, &new].contains(&&batch.trace()));

        numbers(&backbone).await;
        backbone.assert_audit_is_clean();
        tells_nothing_of(&sent, &backbone, &collector);
    });
}

/// No attribute of a span, no line of a log and no label of a metric says who it was about.
fn tells_nothing_of(sent: &Journey, backbone: &Backbone, collector: &Collector) {
    let person = &sent.person.demographics;
    let birth = person.birth_date.as_ref().expect("a birth date");
    let (year, month, day) = (birth.year, birth.month, birth.day);
    let secrets = [
        person.given_name.clone(),
        person.family_name.clone(),
        person.postcode.clone(),
        person.postcode.replace(' ', ""),
        person.nhs_number.clone().expect("a number"),
        format!("{year}-{month:02}-{day:02}"),
        format!("{day:02}/{month:02}/{year}"),
        sent.person.local_id.clone(),
        // Nor what would join the raw topics to the shared ones.
        hex::encode(sent.raw.key.as_deref().expect("a handle")),
        hex::encode(sent.shared.key.as_deref().expect("a pseudonym")),
    ]
    .map(|secret| secret.to_lowercase());
    let assert_silent = |place: &str, text: &str| {
        let text = text.to_lowercase();
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} in {place}: {text}");
        }
    };
    let told = collector.told();
    assert!(told.len() > 10, "spans of all processes");
    for told in &told {
        let (attributes, events) = (&told.span.attributes, &told.span.events);
        let (links, status) = (&told.span.links, &told.span.status);
        let text = format!(
            "{} {attributes:?} {events:?} {links:?} {status:?}",
            told.span.name
        );
        assert_silent(&told.service, &text);
    }
    for program in PROGRAMS {
        let log = backbone.whole_log_of(program);
        assert!(log.contains("\"level\":\"INFO\""), "{program} logs");
        for line in log.lines() {
            assert!(line.is_empty() || line.starts_with('{'), "{line}");
            assert_silent(&format!("the log of {program}"), line);
        }
        let (_, text) = metrics(&backbone.metrics_url(program));
        assert_silent(&format!("the metrics of {program}"), &text);
    }
}

/// Each process's metrics that must have moved by one event and one read, by the name of the process.
const MOVED: [(&str, &[&str]); 4] = [
    (
        "housing",
        &[
            "walbrook_gateway_events_received_total",
            "walbrook_gateway_events_appended_total",
            "walbrook_gateway_subjects_asked_total",
            "walbrook_gateway_receipt_seconds_count",
        ],
    ),
    (
        "identity",
        &[
            "walbrook_identity_links_total",
            "walbrook_identity_batch_commands_count",
            "walbrook_identity_commit_seconds_count",
            "walbrook_identity_records",
        ],
    ),
    (
        "broker",
        &[
            "walbrook_enforce_events_total",
            "walbrook_enforce_transactions_total",
            "walbrook_enforce_batch_events_count",
            "walbrook_enforce_barrier_seconds_count",
            "walbrook_enforce_decide_seconds_count",
            "walbrook_enforce_commit_seconds_count",
        ],
    ),
    (
        "materialiser",
        &[
            "walbrook_view_records_total",
            "walbrook_view_reads_total",
            "walbrook_view_read_seconds_count",
            "walbrook_view_barrier_seconds_count",
            "walbrook_view_grounds_round_seconds_count",
            "walbrook_view_grounds_applied_through_seconds",
        ],
    ),
];

async fn numbers(backbone: &Backbone) {
    for program in PROGRAMS {
        let (head, text) = metrics(&backbone.metrics_url(program));
        assert!(head.contains("content-type: application/openmetrics-text"));
        assert!(text.ends_with("# EOF\n"), "{program}: {text}");
        assert!(text.contains("# HELP walbrook_"), "{program}: {text}");
    }
    for (program, names) in MOVED {
        let (_, text) = metrics(&backbone.metrics_url(program));
        for name in names {
            let value = sample(&text, name);
            assert!(value.is_some_and(|value| value > 0.0), "{name} in {text}");
        }
    }
    let (_, broker) = metrics(&backbone.metrics_url("broker"));
    let permitted = broker.lines().any(|line| {
        line.starts_with("walbrook_enforce_decisions_total{")
            && line.contains("outcome=\"permit\"")
            && line.contains("reason=\"")
    });
    assert!(permitted, "decisions by outcome and reason: {broker}");
    // Measured once a second; everything is decided.
    backbone
        .until("the lag to be 0 and known", || async {
            let (_, text) = metrics(&backbone.metrics_url("broker"));
            match sample(&text, "walbrook_enforce_lag_events") {
                Some(0.0) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    proof(backbone).await;
}

/// The auditor's numbers, after a verification.
async fn proof(backbone: &Backbone) {
    let caller = TokenRequest::new("WALBROOK:local", "an-auditor", role::AUDITOR);
    let mut audit = AuditClient::new(backbone.connect("auditor", caller));
    let told = audit.verify(VerifyRequest { now: true }).await;
    assert_eq!(told.expect("an answer").into_inner().difference_count, 0);
    backbone
        .until("signed tree heads", || async {
            let (_, text) = metrics(&backbone.metrics_url("auditor"));
            let signed = sample(&text, "walbrook_audit_signed_heads_total");
            match signed.is_some_and(|signed| signed > 0.0) {
                true => Ok(()),
                false => Err(text),
            }
        })
        .await;
    let (_, text) = metrics(&backbone.metrics_url("auditor"));
    assert_eq!(sample(&text, "walbrook_audit_differences"), Some(0.0));
    for name in [
        "walbrook_audit_checked",
        "walbrook_audit_verify_seconds_count",
    ] {
        let value = sample(&text, name);
        assert!(value.is_some_and(|value| value > 0.0), "{name} in {text}");
    }
}
