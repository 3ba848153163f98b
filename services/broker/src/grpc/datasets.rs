//! The calls about open datasets whose schemas others made.

use super::{Caller, KEY_LIMIT, Service, invalid, receipt_of};
use crate::error::ControlError;
use tonic::{Request, Response, Status};
use walbrook_domain::control::{ControlFact, PinFact, PinKind};
use walbrook_event::dataset::{self, DatasetSchema};
use walbrook_eventlog::topics;
use walbrook_policy::agreement::sha256;
use walbrook_policy::state::{Pin, PolicyState};
use walbrook_proto::control::v1 as proto;
use walbrook_runtime::callers::role;
use walbrook_runtime::status::status;

use crate::control::core::Receipt;

/// Longest name of a dataset.
const NAME_LIMIT: usize = 40;

/// The registry and the log, as far as a dataset needs them before it is on record.
#[tonic::async_trait]
pub trait Admission: Send + Sync {
    /// Makes sure that the topic of the dataset is there, and that the registry knows the schema under it, held to FULL_TRANSITIVE. Returns its id.
    ///
    /// # Errors
    /// When there is no topic, the registry refuses (an incompatible version above all), or one of them does not answer.
    async fn admit(&self, dataset: &str, full_name: &str, text: &str) -> Result<i32, ControlError>;
}

impl Service {
    pub(super) async fn dataset(
        &self,
        request: Request<proto::RegisterDatasetRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        Caller::of(&request, &[role::OPERATOR])?;
        let request = request.into_inner();
        let key = request.idempotency_key.clone();
        if key.len() > KEY_LIMIT {
            let fault = invalid("idempotency_key", "TOO_LONG", "at most 100 bytes");
            return Err(status(&fault));
        }
        let fact = match self.registration(&request).await {
            Ok(Registration::New(fact)) => fact,
            Ok(Registration::Known(receipt)) => return Ok(Response::new(receipt_of(receipt))),
            Err(error) => return Err(status(&error)),
        };
        self.submit(ControlFact::Pin(fact), key).await
    }

    async fn registration(
        &self,
        request: &proto::RegisterDatasetRequest,
    ) -> Result<Registration, ControlError> {
        let name = &request.dataset;
        if !is_name(name) || topics::DATASETS.contains(&name.as_str()) {
            let expected = "expected 1 to 40 small letters, digits and hyphens, beginning with a letter, and no dataset of this release";
            return Err(invalid("dataset", "DATASET_NAME", expected));
        }
        let fault = |rule: &'static str| {
            move |fault: dataset::SchemaFault| invalid("schema", rule, &fault.to_string())
        };
        let text = dataset::registered_text(name, &request.schema, &request.people_counts)
            .map_err(fault("SCHEMA"))?;
        let schema = DatasetSchema::read(&text).map_err(fault("SCHEMA"))?;
        let (known, before) = self.desk.read(|state| {
            let versions: Vec<String> = registered(state)
                .filter(|(schema, _)| schema.dataset() == name)
                .map(|(_, pin)| pin.content.clone())
                .collect();
            let same = registered(state).find(|(_, pin)| pin.content == text);
            let taken = registered(state).any(|(other, _)| {
                other.full_name() == schema.full_name() && other.dataset() != name
            });
            (same.map(|(_, pin)| pin.offset), (versions, taken))
        })?;
        let id = format!("{}/{}", PinKind::Schema, schema.full_name());
        if let Some(offset) = known {
            return Ok(Registration::Known(Receipt {
                offset,
                version: 0,
                id,
                recorded_at: (self.clock)(),
                repeated: true,
            }));
        }
        let (versions, taken) = before;
        if taken {
            let taken = "another dataset has a record of this name: give it a namespace of its own";
            return Err(invalid("schema", "NAME_TAKEN", taken));
        }
        // Before the registry is asked, which asks the same.
        dataset::compatible(&text, &versions).map_err(fault("INCOMPATIBLE"))?;
        let schema_id = self.datasets.admit(name, schema.full_name(), &text).await?;
        Ok(Registration::New(PinFact {
            kind: PinKind::Schema,
            name: schema.full_name().to_owned(),
            schema_id,
            sha256: sha256(&text),
            content: text,
        }))
    }

    pub(super) fn registered(&self) -> Result<proto::ListDatasetsResponse, ControlError> {
        let datasets = self.desk.read(|state| {
            let one = |(schema, pin): (DatasetSchema, &Pin)| proto::RegisteredDataset {
                dataset: schema.dataset().to_owned(),
                schema: pin.content.clone(),
                schema_sha256: hex::encode(pin.sha256),
                schema_id: pin.schema_id,
                newest: state
                    .pins()
                    .get(PinKind::Schema, schema.full_name())
                    .is_some_and(|newest| newest.schema_id == pin.schema_id),
            };
            registered(state).map(one).collect()
        })?;
        Ok(proto::ListDatasetsResponse { datasets })
    }

    /// Whether others' records may be published as this dataset.
    pub(super) fn has_dataset(&self, name: &str) -> Result<bool, ControlError> {
        self.desk
            .read(|state| registered(state).any(|(schema, _)| schema.dataset() == name))
    }
}

enum Registration {
    /// To be put on record.
    New(PinFact),
    /// On record already.
    Known(Receipt),
}

/// Every version of every registered schema.
fn registered(state: &PolicyState) -> impl Iterator<Item = (DatasetSchema, &Pin)> {
    state
        .pins()
        .schemas()
        .filter(|(_, name, _)| dataset::is_foreign(name))
        .filter_map(|(_, _, pin)| Some((DatasetSchema::read(&pin.content).ok()?, pin)))
}

fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= NAME_LIMIT
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(letter)
}
