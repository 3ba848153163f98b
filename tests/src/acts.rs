//! What people do with a backbone: an outreach worker reports, a council withdraws a consent, an officer reads a row.

use crate::backbone::{Backbone, Party, root};
use crate::people::{Person, days_ago, head};
use prost_types::Timestamp;
use walbrook_proto::control::v1::{
    ControlReceipt, GetReceiptRequest, ReceiptStatus, RecordGroundRequest,
};
use walbrook_proto::housing::v1::{Event, RoughSleepingContact, event};
use walbrook_proto::identity::v1::{
    HandleForRequest, MergeRequest, RecordRef, UnmergeRequest, record_ref,
};
use walbrook_proto::view::v1::{
    Cell, GetRowRequest, ListRowsRequest, ListRowsResponse, LocalRecord, ReadContext, Row, cell,
    get_row_request,
};

/// The view of these journeys.
pub const VIEW: &str = "rough_sleeping_risk";
/// Its purpose.
pub const PURPOSE: &str = "rough-sleeping";
/// The event that these journeys count.
pub const CONTACT: &str = "housing.RoughSleepingContact";
/// The role that reads it for a council.
pub const OFFICER: &str = "housing-options-officer";

/// Midnight UTC of a day before today, as an instant.
#[must_use]
pub fn midnight(days: i32) -> Timestamp {
    let day = days_ago(days).days().expect("a day");
    Timestamp {
        seconds: i64::from(day) * 86_400,
        nanos: 0,
    }
}

/// An outreach worker met the person so many days ago; each is one in the row's count of 28 days.
#[must_use]
pub fn contact(id: &str, person: &Person, days: i32) -> Event {
    let mut met = midnight(days);
    met.seconds += 12 * 3_600;
    let body = RoughSleepingContact {
        contact_at: Some(met),
        bedded_down: true,
        area: "E09000007".into(),
        outreach_team: "TEAM-1".into(),
        needs: Vec::new(),
        derived_status: None,
        previous_institution: None,
    };
    Event {
        head: Some(head(id, person, days_ago(days))),
        body: Some(event::Body::RoughSleepingContact(body)),
    }
}

/// A number in a row.
#[must_use]
pub fn number(row: &Row, column: &str) -> Option<i64> {
    row.cells
        .iter()
        .find(|cell| cell.column == column)
        .and_then(|cell: &Cell| match cell.value {
            Some(cell::Value::Number(number)) => Some(number),
            _ => None,
        })
}

/// The text of an agreement of `deploy/agreements`.
#[must_use]
pub fn agreement_text(name: &str) -> String {
    let path = root()
        .join("deploy/agreements")
        .join(format!("{name}.toml"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An organisation's own record of a person.
fn own(organisation: &str, local_id: &str) -> RecordRef {
    let local = HandleForRequest {
        agency: "housing".into(),
        organisation: organisation.into(),
        id_scheme: "LOCAL".into(),
        local_id: local_id.into(),
    };
    RecordRef {
        by: Some(record_ref::By::Local(local)),
    }
}

impl Backbone {
    /// The pan-London agreement on rough sleeping, signed by these parties.
    pub async fn agree_on_rough_sleeping(&self, parties: &[&str]) -> Party {
        self.agree(&agreement_text("pan-london-rough-sleeping"), parties)
            .await
    }

    /// Records a consent of a council's client for every purpose: GIVEN, REFUSED or WITHDRAWN.
    ///
    /// # Errors
    /// The control plane's refusal.
    pub async fn consent(
        &self,
        organisation: &str,
        person: &Person,
        state: &str,
        expected_version: u32,
    ) -> Result<ControlReceipt, tonic::Status> {
        let request = RecordGroundRequest {
            agency: "housing".into(),
            id_scheme: "LOCAL".into(),
            local_id: person.local_id.clone(),
            kind: "CONSENT".into(),
            state: state.into(),
            expected_version,
            idempotency_key: String::new(),
            ..RecordGroundRequest::default()
        };
        Ok(self
            .control(organisation)
            .record_ground(request)
            .await?
            .into_inner())
    }

    /// What an officer of the organisation is shown about the person the organisation knows by this local id.
    ///
    /// # Errors
    /// The refusal.
    pub async fn row(
        &self,
        organisation: &str,
        local_id: &str,
    ) -> Result<Option<Row>, tonic::Status> {
        let request = GetRowRequest {
            view: VIEW.into(),
            context: Some(ReadContext {
                role: OFFICER.into(),
                case_reference: String::new(),
                ..ReadContext::default()
            }),
            evaluate_at: Some(midnight(0)),
            break_glass: String::new(),
            subject: Some(get_row_request::Subject::Local(LocalRecord {
                agency: "housing".into(),
                id_scheme: "LOCAL".into(),
                local_id: local_id.into(),
            })),
        };
        Ok(self
            .views(organisation, OFFICER, "an-officer")
            .get_row(request)
            .await?
            .into_inner()
            .row)
    }

    /// Everyone an officer of the organisation is shown.
    ///
    /// # Errors
    /// The refusal.
    pub async fn list(&self, organisation: &str) -> Result<ListRowsResponse, tonic::Status> {
        self.list_as(organisation, "an-officer").await
    }

    /// The same for an officer of that name.
    ///
    /// # Errors
    /// The refusal.
    pub async fn list_as(
        &self,
        organisation: &str,
        officer: &str,
    ) -> Result<ListRowsResponse, tonic::Status> {
        let request = ListRowsRequest {
            view: VIEW.into(),
            context: Some(ReadContext {
                role: OFFICER.into(),
                case_reference: String::new(),
                ..ReadContext::default()
            }),
            page_size: 500,
            page_token: String::new(),
            evaluate_at: Some(midnight(0)),
            ..ListRowsRequest::default()
        };
        Ok(self
            .views(organisation, OFFICER, officer)
            .list_rows(request)
            .await?
            .into_inner())
    }

    /// Waits until an officer's row counts so many contacts; 0: until there is no row, or one without contacts.
    pub async fn await_contacts(
        &self,
        organisation: &str,
        person: &Person,
        wanted: i64,
    ) -> Option<Row> {
        let what = format!(
            "{wanted} contacts in the row of {} for {organisation}",
            person.local_id
        );
        self.until(&what, || async {
            let row = self
                .row(organisation, &person.local_id)
                .await
                .map_err(|refused| refused.to_string())?;
            let found = row
                .as_ref()
                .and_then(|row| number(row, "contacts_28d"))
                .unwrap_or(0);
            if found == wanted {
                Ok(row)
            } else {
                Err(format!("{found} now"))
            }
        })
        .await
    }

    /// Waits until every view has shown that the cause at this receipt has reached it.
    pub async fn await_removal(&self, receipt: &ControlReceipt) -> ReceiptStatus {
        self.until("the withdrawal to reach every view", || async {
            let request = GetReceiptRequest {
                offset: receipt.offset,
            };
            let status = self
                .operator()
                .get_receipt(request)
                .await
                .map_err(|refused| refused.to_string())?
                .into_inner();
            if !status.views.is_empty() && status.views.iter().all(|view| view.complete) {
                Ok(status)
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await
    }

    /// Says that two records of an organisation are the same person.
    ///
    /// # Errors
    /// Identity's refusal.
    pub async fn merge(
        &self,
        organisation: &str,
        survivor: &str,
        other: &str,
    ) -> Result<(), tonic::Status> {
        let request = MergeRequest {
            survivor: Some(own(organisation, survivor)),
            other: Some(own(organisation, other)),
            reason: "reviewed-same-person".into(),
        };
        self.identity().merge(request).await.map(|_| ())
    }

    /// Takes a record out of its person again.
    ///
    /// # Errors
    /// Identity's refusal.
    pub async fn unmerge(&self, organisation: &str, record: &str) -> Result<(), tonic::Status> {
        let request = UnmergeRequest {
            record: Some(own(organisation, record)),
            reason: "reviewed-different-people".into(),
        };
        self.identity().unmerge(request).await.map(|_| ())
    }
}
