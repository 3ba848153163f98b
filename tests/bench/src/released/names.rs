//! How releases are named on one backbone.

use super::{AGREEMENTS, Kind, PURPOSE, Released, TRUST, council};
use crate::NoFigure;
use std::sync::Arc;
use walbrook_domain::{EventType, Organisation};
use walbrook_event::Projection;
use walbrook_eventlog::topics;
use walbrook_eventlog_kafka::Registry;
use walbrook_policy::agreement::Agreement;
use walbrook_proto::shared::v1::{Heartbeat, SubjectRecord};
use walbrook_tests::backbone::{Backbone, root};

/// How one kind of event is written.
pub(super) struct Form {
    pub(super) event_type: EventType,
    pub(super) schema_id: i32,
    pub(super) data_schema: String,
    pub(super) projection: Projection,
    pub(super) mask: u64,
    pub(super) agreement: walbrook_domain::AgreementId,
}

/// How the records are named on one backbone.
pub struct Names {
    pub(super) topic: Arc<str>,
    pub(super) forms: [Form; 4],
    pub(super) subject: i32,
    pub(super) heartbeat: i32,
}

impl Names {
    /// Signs the agreements and asks the registry; the broker has registered the schemas.
    ///
    /// # Errors
    /// When one is not there.
    pub async fn agreed(place: &Backbone, released: &Released) -> Result<Self, NoFigure> {
        let topic = place.namespace.name(&topics::shared(PURPOSE));
        let mut agreements = Vec::new();
        for name in AGREEMENTS {
            let file = root().join(format!("deploy/agreements/{name}.toml"));
            let document = std::fs::read_to_string(file)?;
            let mut parties: Vec<String> =
                released.councils.iter().map(ToString::to_string).collect();
            if name == "nhs-to-housing" {
                parties.push(TRUST.to_owned());
            }
            let parties: Vec<&str> = parties.iter().map(String::as_str).collect();
            place.agree(&document, &parties).await;
            agreements.push(Agreement::read(&document)?);
        }
        let mut forms = Vec::new();
        for kind in Kind::ALL {
            forms.push(form(place, &topic, kind, &agreements).await?);
        }
        let forms = <[Form; 4]>::try_from(forms).map_err(|_| NoFigure("four kinds".into()))?;
        Ok(Self {
            subject: crate::wide::named::<SubjectRecord>(place, &topic).await?.0,
            heartbeat: crate::wide::named::<Heartbeat>(place, &topic).await?.0,
            topic: topic.into(),
            forms,
        })
    }

    pub(super) fn form(&self, kind: Kind) -> &Form {
        let [contact, arrears, stay, discharge] = &self.forms;
        match kind {
            Kind::Contact => contact,
            Kind::Arrears => arrears,
            Kind::Stay => stay,
            Kind::Discharge => discharge,
        }
    }
}

async fn form(
    place: &Backbone,
    topic: &str,
    kind: Kind,
    agreements: &[Agreement],
) -> Result<Form, NoFigure> {
    let missing = |what: &str| NoFigure(format!("{} has no {what}", kind.event_type()));
    let info = walbrook_proto::event(kind.event_type()).ok_or_else(|| missing("schema"))?;
    let event = info.event.ok_or_else(|| missing("shared form"))?;
    let subject = format!("{topic}-{}", event.shared_name);
    let found = Registry::new(place.registry())
        .lookup(&subject, event.shared_schema)
        .await?;
    let schema_id = found.ok_or_else(|| missing("registered shared schema"))?;
    let projection = Projection::new(info.schema, event.shared_schema)?;
    let event_type = EventType::new(kind.event_type())?;
    let agreement = agreements
        .get(kind.agreement())
        .ok_or_else(|| missing("agreement"))?;
    let source: Organisation = match kind {
        Kind::Discharge => TRUST.parse()?,
        _ => council(0)?,
    };
    let flow = agreement
        .flows
        .iter()
        .find(|flow| flow.event_type == event_type && flow.source.includes(&source))
        .ok_or_else(|| missing("flow"))?;
    let mask = projection
        .fields()
        .zip(0..64)
        .filter(|(name, _)| flow.fields.iter().any(|granted| granted.as_str() == *name))
        .fold(0, |mask, (_, bit)| mask | 1 << bit);
    Ok(Form {
        event_type,
        schema_id,
        data_schema: format!("{subject}/{schema_id}"),
        projection,
        mask,
        agreement: agreement.id.clone(),
    })
}
