//! The materialiser under test: started in this process, called as a reader.

use super::*;
use tonic_types::StatusExt;

/// How a process is started.
pub struct Start {
    /// The grounds bound, ms.
    pub bound_ms: u64,
    /// Its folder of data, within the place's.
    pub data: &'static str,
    /// Its folder of view files.
    pub views: PathBuf,
    /// The clock by which it keeps what it may.
    pub clock: walbrook_materialiser::keeping::Clock,
    /// What need not be ready.
    pub unready: &'static [&'static str],
}

impl Default for Start {
    fn default() -> Self {
        Self {
            bound_ms: 30_000,
            data: "data",
            views: views_dir(),
            clock: Arc::new(walbrook_materialiser::clock::now),
            unready: &[],
        }
    }
}

impl Place {
    /// The text of a configuration.
    pub fn config(&self, start: &Start, port: u16, metrics: u16) -> String {
        format!(
            "local = true\nnamespace = \"{}\"\npartitions = {PARTITIONS}\nlisten = \"127.0.0.1:{port}\"\n\
             metrics = \"127.0.0.1:{metrics}\"\nregistry = \"{}/apis/ccompat/v7\"\nkeys_dir = \"{dir}/keys\"\n\
             data_dir = \"{dir}/{}\"\nviews_dir = \"{}\"\nbreak_glass_s = {}\ngrounds_bound_ms = {}\n\
             grounds_pause_ms = 10\n[kafka]\nbootstrap = \"{}\"\n",
            self.namespace,
            self.cluster.registry,
            start.data,
            start.views.display(),
            self.glass_holds_s,
            start.bound_ms,
            self.cluster.kafka,
            dir = self.folder.path().display(),
        )
    }

    /// Starts the process on the folder's data, with this bound.
    pub async fn start(&self, bound_ms: u64) -> Running {
        let start = Start {
            bound_ms,
            ..Start::default()
        };
        self.start_so(start).await
    }

    /// Starts the process so.
    pub async fn start_so(&self, start: Start) -> Running {
        // RUST_LOG=warn shows why a process under test waits.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .try_init();
        let port = walbrook_testkit::cluster::free_port().unwrap();
        let metrics = walbrook_testkit::cluster::free_port().unwrap();
        let text = self.config(&start, port, metrics);
        let defaults = Defaults {
            name: "materialiser",
            grpc_port: 7130,
        };
        let (common, config) =
            resolve::<Config>(Some(&text), &Arguments::default(), defaults, &|_| None).unwrap();
        let shutdown = Shutdown::new();
        let context = Context {
            name: "materialiser",
            common: Arc::new(common),
            tasks: Tasks::new(shutdown.clone()),
            readiness: Readiness::new(),
            metrics: Metrics::new(),
            shutdown,
        };
        let seal = Arc::new(walbrook_event::Plain);
        let run = walbrook_materialiser::run_by(config, context.clone(), seal, start.clock);
        let running = tokio::spawn(run);
        let deadline = Instant::now() + WAIT;
        let missing = || {
            let missing = context.readiness.missing();
            let mut missing = missing.into_iter();
            missing.any(|(part, _)| !start.unready.contains(&part.to_string().as_str()))
        };
        while missing() {
            assert!(
                !running.is_finished(),
                "the materialiser ended: {:?}",
                running.await
            );
            assert!(
                Instant::now() < deadline,
                "not ready: {:?}",
                context.readiness.missing()
            );
            tokio::time::sleep(POLL).await;
        }
        let client = connected(port).await;
        Running {
            context,
            running: Some(running),
            client,
            issuer: self.issuer.clone(),
        }
    }

    /// One that was started as a process of its own, as soon as it answers calls.
    pub async fn reached(&self, port: u16) -> Running {
        let shutdown = Shutdown::new();
        Running {
            context: context_named("materialiser", shutdown),
            running: None,
            client: connected(port).await,
            issuer: self.issuer.clone(),
        }
    }
}

fn context_named(name: &'static str, shutdown: Shutdown) -> Context {
    let defaults = Defaults {
        name: "materialiser",
        grpc_port: 7130,
    };
    let text = "local = true\nnamespace = \"nobody\"\n";
    let (common, _) =
        resolve::<Config>(Some(text), &Arguments::default(), defaults, &|_| None).unwrap();
    Context {
        name,
        common: Arc::new(common),
        tasks: Tasks::new(shutdown.clone()),
        readiness: Readiness::new(),
        metrics: Metrics::new(),
        shutdown,
    }
}

async fn connected(port: u16) -> ViewsClient<Channel> {
    let deadline = Instant::now() + WAIT;
    loop {
        let channel = Channel::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
        match channel.connect().await {
            Ok(channel) => return ViewsClient::new(channel),
            Err(error) => assert!(Instant::now() < deadline, "it does not listen: {error}"),
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A materialiser that serves.
pub struct Running {
    pub context: Context,
    running: Option<tokio::task::JoinHandle<Result<(), MaterialiserError>>>,
    pub client: ViewsClient<Channel>,
    issuer: Issuer,
}

impl Running {
    pub fn request<T>(&self, organisation: &str, role: &str, message: T) -> tonic::Request<T> {
        self.request_for(TokenRequest::new(organisation, "officer-1", role), message)
    }

    pub fn request_for<T>(&self, caller: TokenRequest, message: T) -> tonic::Request<T> {
        let token = self.issuer.token(&caller, SystemTime::now()).unwrap();
        let mut request = tonic::Request::new(message);
        request.set_timeout(WAIT);
        let value: AsciiMetadataValue = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    pub async fn list_as(
        &self,
        organisation: &str,
        token_role: &str,
        page: (u32, &str),
    ) -> Result<ListRowsResponse, tonic::Status> {
        let message = ListRowsRequest {
            view: VIEW.into(),
            context: context(),
            page_size: page.0,
            page_token: page.1.into(),
            evaluate_at: page.1.is_empty().then(evaluate_at),
            ..ListRowsRequest::default()
        };
        let request = self.request(organisation, token_role, message);
        self.client
            .clone()
            .list_rows(request)
            .await
            .map(tonic::Response::into_inner)
    }

    pub async fn list(&self, organisation: &str) -> Result<ListRowsResponse, tonic::Status> {
        self.list_as(organisation, OFFICER, (0, "")).await
    }

    pub async fn get(
        &self,
        organisation: &str,
        person: u8,
    ) -> Result<GetRowResponse, tonic::Status> {
        let message = GetRowRequest {
            view: VIEW.into(),
            context: context(),
            evaluate_at: Some(evaluate_at()),
            break_glass: String::new(),
            subject: Some(get_row_request::Subject::Pseudonym(vec![person; 16])),
        };
        let request = self.request(organisation, OFFICER, message);
        self.client
            .clone()
            .get_row(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// People looked up for reads of one person so far.
    pub fn looks(&self) -> u64 {
        let text = self.context.metrics.text();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("walbrook_view_person_looks_total"));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// The list, once it satisfies; until then it may refuse while the bound is not shown.
    pub async fn list_until(
        &self,
        organisation: &str,
        what: &str,
        good: impl Fn(&ListRowsResponse) -> bool,
    ) -> ListRowsResponse {
        let deadline = Instant::now() + WAIT;
        loop {
            let last = self.list(organisation).await;
            match last {
                Ok(answer) if good(&answer) => return answer,
                last => assert!(
                    Instant::now() < deadline,
                    "waited too long until {what}: {last:?}"
                ),
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub async fn stop(mut self) {
        self.context.shutdown.request();
        self.running.take().unwrap().await.unwrap().unwrap();
        assert!(self.context.tasks.drain(WAIT).await, "a task did not end");
    }
}

/// A test that fails leaves no thread behind that its runtime would wait for.
impl Drop for Running {
    fn drop(&mut self) {
        self.context.shutdown.request();
    }
}

/// Camden's three people and Hackney's one, served: see [`city`].
pub async fn served() -> (Place, Running) {
    let place = Place::new().await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN, HACKNEY]);
        city(place);
    })
    .await;
    let running = place.start(30_000).await;
    let three = |answer: &ListRowsResponse| answer.rows.len() == 3;
    running
        .list_until(CAMDEN, "all three are there", three)
        .await;
    (place, running)
}

/// An officer's context of a read.
pub fn context() -> Option<ReadContext> {
    Some(ReadContext {
        role: OFFICER.into(),
        case_reference: String::new(),
        ..ReadContext::default()
    })
}

/// Why a call was refused, in the word for machines.
pub fn reason(status: &tonic::Status) -> String {
    let details = status.get_error_details();
    details
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}
