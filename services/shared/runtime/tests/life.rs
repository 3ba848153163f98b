//! A whole process, seen from outside: this test program starts itself again as the process and watches what it does.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use rustix::process::{Pid, Signal, kill_process};
use tonic::{Request, Response, Status};
use walbrook_runtime::config::NoSettings;
use walbrook_runtime::process::{Process, run_from};
use walbrook_runtime::server;

const DEADLINE: Duration = Duration::from_secs(20);
const ROLE: &str = "WALBROOK_TEST_ROLE";
const PROCESS: Process = Process {
    name: "example",
    grpc_port: 7199,
};

/// What the child does: `serves` until it is asked to stop, `lingers` on when asked, or `fails`.
#[test]
#[ignore = "the process that the other tests start"]
fn child() {
    let role = std::env::var(ROLE).expect("started by another test");
    let line = ["walbrook-example".into(), "--local".into()];
    let code = run_from(PROCESS, line, |_: NoSettings, context| async move {
        context.readiness.ready(server::PART);
        tracing::info_span!("work", kind = "example").in_scope(|| tracing::info!("working"));
        let behaviour = rustix::process::dumpable_behavior();
        tracing::info!(?behaviour, "what a crash would leave");
        if role == "fails" {
            return Err(std::io::Error::other("the disk is full"));
        }
        context.shutdown.requested().await;
        if role == "lingers" {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    // The test harness would make 101 of every failure.
    let same = |known: &u8| format!("{:?}", ExitCode::from(*known)) == format!("{code:?}");
    let known = [0, 1, 64]
        .into_iter()
        .find(same)
        .expect("one of the codes that a process ends with");
    std::process::exit(known.into());
}

/// Started by a test that is killed: its own child must not outlive it.
#[test]
#[ignore = "the parent that another test starts and kills"]
fn parent() {
    let mut child = launch(
        "serves",
        &[("WALBROOK_PARENT_PID", std::process::id().to_string())],
    );
    println!("grandchild {}", child.process.id());
    std::io::stdout().flush().expect("flushed");
    let _ = child.process.wait();
}

struct Launched {
    process: Child,
    metrics: SocketAddr,
    lines: mpsc::Receiver<String>,
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("port")
}

fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.args([
        test,
        "--exact",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
        .env_remove("WALBROOK_LOG");
    command
}

fn launch(role: &str, environment: &[(&str, String)]) -> Launched {
    let metrics = free_port();
    let mut command = again("child");
    command
        .env(ROLE, role)
        .env("WALBROOK_METRICS", metrics.to_string());
    for (name, value) in environment {
        command.env(name, value);
    }
    let mut process = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let errors = BufReader::new(process.stderr.take().expect("piped"));
    let (tell, lines) = mpsc::channel();
    std::thread::spawn(move || {
        errors
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| tell.send(line))
    });
    Launched {
        process,
        metrics,
        lines,
    }
}

impl Launched {
    /// Every line up to one that contains `text`.
    fn said(&self, text: &str) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("{text} was not said: {lines:#?}"));
            let found = line.contains(text);
            lines.push(line);
            if found {
                return lines;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("fits")).expect("pid");
        kill_process(pid, signal).expect("signalled");
    }

    fn exit(&mut self) -> Option<i32> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.process.try_wait().expect("waited") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn health(&self) -> String {
        let mut socket = TcpStream::connect(self.metrics).expect("metrics port");
        write!(
            socket,
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .expect("asked");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("answer");
        answer
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_signal_drains_and_every_line_is_json() {
    let mut child = launch("serves", &[]);
    let mut lines = child.said("working");
    assert!(child.health().starts_with("HTTP/1.1 200"));
    child.signal(Signal::TERM);
    lines.extend(child.said("stopped"));
    assert_eq!(child.exit(), Some(0));
    assert!(lines.len() >= 4);
    for line in lines {
        assert!(
            line.starts_with('{') && line.ends_with('}') && line.contains("\"level\":"),
            "{line}"
        );
    }
}

#[test]
fn a_crash_leaves_no_core() {
    let child = launch("serves", &[]);
    let lines = child.said("what a crash would leave");
    let said = lines.last().expect("a line");
    assert!(said.contains("NotDumpable"), "{said}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.process.id()));
    let limits = limits.expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core"));
    let words: Vec<&str> = core.expect("a limit").split_whitespace().collect();
    // Soft and hard: nothing in the process can raise it again.
    assert_eq!(words.get(4..6), Some(["0", "0"].as_slice()), "{words:?}");
}

#[test]
fn a_second_signal_exits_at_once() {
    let mut child = launch("lingers", &[]);
    child.said("working");
    child.signal(Signal::INT);
    child.said("draining");
    child.signal(Signal::TERM);
    assert_eq!(child.exit(), Some(130));
}

#[test]
fn a_failure_is_printed_once_and_exits_with_one() {
    let mut child = launch("fails", &[]);
    let lines = child.said("stopped");
    assert_eq!(child.exit(), Some(1));
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("the disk is full"))
            .count(),
        1
    );
}

#[test]
fn bad_configuration_exits_with_64() {
    let mut child = launch(
        "serves",
        &[
            ("WALBROOK_LISTEN", "nowhere".into()),
            ("WALBROOK_NAMESPACE", "A B".into()),
        ],
    );
    child.said("WALBROOK_NAMESPACE: must be");
    child.said("WALBROOK_LISTEN: must be");
    assert_eq!(child.exit(), Some(64));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("address").to_string();
    let mut child = launch("serves", &[("WALBROOK_METRICS", address.clone())]);
    child.said(&format!("cannot listen on {address}"));
    assert_eq!(child.exit(), Some(1));
}

#[test]
fn a_child_dies_with_its_parent() {
    let mut parent = again("parent")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let output = BufReader::new(parent.stdout.take().expect("piped"));
    let (tell, lines) = mpsc::channel();
    std::thread::spawn(move || {
        output
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| tell.send(line))
    });
    let pid = loop {
        let line = lines
            .recv_timeout(DEADLINE)
            .expect("the number of the child");
        // The harness may have begun the line with the test's name.
        if let Some((_, pid)) = line.split_once("grandchild ") {
            break Pid::from_raw(pid.parse().expect("number")).expect("pid");
        }
    };
    parent.kill().expect("killed");
    parent.wait().expect("reaped");
    let deadline = Instant::now() + DEADLINE;
    while is_alive(pid) {
        assert!(Instant::now() < deadline, "the child outlives its parent");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process runs; one that ended and that nobody has reaped does not.
fn is_alive(pid: Pid) -> bool {
    let stat =
        std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

struct Collector(mpsc::Sender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0
            .send(request.into_inner())
            .map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[test]
fn spans_reach_the_collector_that_the_standard_variables_name() {
    let (tell, exported) = mpsc::channel();
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let listener = runtime
        .block_on(server::bind("127.0.0.1:0".parse().expect("address")))
        .expect("bound");
    let endpoint = format!("http://{}", listener.local_addr().expect("address"));
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let collector = TraceServiceServer::new(Collector(tell));
    runtime.spawn(
        tonic::transport::Server::builder()
            .add_service(collector)
            .serve_with_incoming(incoming),
    );

    let mut child = launch("serves", &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
    child.said("working");
    child.signal(Signal::TERM);
    assert_eq!(child.exit(), Some(0));
    let deadline = Instant::now() + DEADLINE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let export = exported.recv_timeout(left).expect("spans");
        let text = format!("{export:?}");
        if text.contains("\"work\"") {
            assert!(text.contains("walbrook-example"), "{text}");
            return;
        }
    }
}
