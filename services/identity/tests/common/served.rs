//! The service as its callers reach it. All people are invented; NHS numbers are from the 999 range.

use super::*;
use std::time::SystemTime;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use walbrook_event::{Key, PurposeKey, lookup_token};
use walbrook_identity::grpc::Service;
use walbrook_identity::lookup::{Bounds, Lookup};
use walbrook_identity::lookups::Lookups;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::identity_server::IdentityServer;
use walbrook_proto::identity::v1::record_ref::By;
use walbrook_proto::identity::v1::{
    AcceptedRequest, Demographics, HandleForRequest, LinkItem, LinkRequest, RecordRef,
};
use walbrook_runtime::callers::{Issuer, TokenRequest};
use walbrook_runtime::keystore::{KeyStore, LocalKeys, create_local};
use walbrook_runtime::readiness::Readiness;
use walbrook_runtime::server::{self, Services};

/// The service over a running writer on an in-memory log, reached over gRPC.
pub struct Served {
    pub client: IdentityClient<Channel>,
    pub issuer: Issuer,
    pub agency_key: Key,
    pub purpose_key: PurposeKey,
    pub stop: Shutdown,
    pub writer: Running,
    pub lookup: Arc<Lookup>,
    pub log: MemoryLog,
    pub keys: Arc<tempfile::TempDir>,
}

impl Served {
    /// With no hold, and three look-ups a second.
    pub async fn start() -> Self {
        Self::bounded(Bounds {
            organisation_per_second: 3,
            reader_per_minute: 1_000,
            hold_hours: 0,
        })
        .await
    }

    /// With these bounds on look-ups.
    pub async fn bounded(bounds: Bounds) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let (log, _) = memory();
        let appender = Arc::new(log.clone());
        Self::over(log, appender, folder, bounds).await
    }

    /// Over this log and these keys; look-ups go on record through `appender`.
    pub async fn over(
        log: MemoryLog,
        appender: Arc<dyn Appender>,
        folder: Arc<tempfile::TempDir>,
        bounds: Bounds,
    ) -> Self {
        let (_, format) = memory();
        let lookups = Lookups::new(appender, format.namespace.clone(), lookup_schema());
        let writer = Running::start(Arc::new(Memory(log.clone())), format);
        let wanted = LocalKeys {
            agencies: &["housing"],
            purposes: &["rough-sleeping"],
            parties: &[],
        };
        let keys = create_local(&folder.path().join("keys"), &wanted).unwrap();
        let issuer = keys.issuer("test").unwrap();
        let agency_key = Key::new(*keys.agency("housing").unwrap().as_bytes());
        let purpose_key = PurposeKey::new(Key::new(
            *keys.purpose("rough-sleeping", "k1").unwrap().as_bytes(),
        ));
        let lookup = Lookup::new(Arc::new(keys), writer.directory.clone(), bounds).unwrap();
        let lookup = Arc::new(lookup);
        let metrics = Metrics::new(&walbrook_runtime::metrics::Metrics::new());
        let service = Service::new(
            writer.desk.clone(),
            writer.directory.clone(),
            lookup.clone(),
            Arc::new(lookups),
            writer.clock.clone(),
            metrics,
        );
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Shutdown::new();
        let services =
            Services::new(Arc::new(issuer.verifier())).with(IdentityServer::new(service));
        let set = walbrook_proto::FILE_DESCRIPTOR_SET;
        tokio::spawn(services.serve(set, listener, Readiness::new(), stop.clone()));
        let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
        let client = IdentityClient::new(endpoint.connect().await.unwrap());
        Self {
            client,
            issuer,
            agency_key,
            purpose_key,
            stop,
            writer,
            lookup,
            log,
            keys: folder,
        }
    }

    /// A request of a caller of Camden.
    pub fn as_caller<T>(&self, subject: &str, role: &str, message: T) -> Request<T> {
        let token = self
            .issuer
            .token(&TokenRequest::new(CAMDEN, subject, role), SystemTime::now())
            .unwrap();
        let mut request = Request::new(message);
        let value: AsciiMetadataValue = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    pub fn item(&self, id: &str, demographics: Option<Demographics>) -> LinkItem {
        let token = lookup_token(&self.agency_key, &CAMDEN.parse().unwrap(), "LOCAL", id);
        LinkItem {
            token: token.to_vec(),
            organisation: CAMDEN.into(),
            agency: "housing".into(),
            id_scheme: "LOCAL".into(),
            demographics,
            previous_token: Vec::new(),
        }
    }

    pub async fn link(&mut self, id: &str) -> Handle {
        let items = vec![self.item(id, Some(named("Amara", id)))];
        let request = self.as_caller("housing", "service", LinkRequest { items });
        let outcomes = self
            .client
            .link(request)
            .await
            .unwrap()
            .into_inner()
            .outcomes;
        assert!(outcomes[0].linked);
        Handle::try_from(&*outcomes[0].handle).unwrap()
    }

    /// The housing gateway says that events about these were accepted.
    pub async fn accepted(&mut self, handles: &[Handle]) {
        let handles = handles.iter().map(|handle| handle.as_bytes().to_vec());
        let request = AcceptedRequest {
            agency: "housing".into(),
            handles: handles.collect(),
        };
        let request = self.as_caller("housing", "service", request);
        self.client.accepted(request).await.unwrap();
    }
}

pub fn named(given: &str, family: &str) -> Demographics {
    Demographics {
        given_name: given.into(),
        family_name: family.into(),
        ..Demographics::default()
    }
}

pub fn own(id: &str) -> HandleForRequest {
    HandleForRequest {
        agency: "housing".into(),
        organisation: CAMDEN.into(),
        id_scheme: "LOCAL".into(),
        local_id: id.into(),
    }
}

pub fn local(id: &str) -> Option<RecordRef> {
    Some(RecordRef {
        by: Some(By::Local(own(id))),
    })
}
