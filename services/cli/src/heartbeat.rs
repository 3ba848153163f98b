//! `walbrook heartbeat`: an organisation with nothing to report says so.

use clap::Args;
use std::collections::BTreeMap;
use std::time::SystemTime;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::heartbeats_client::HeartbeatsClient;
use walbrook_proto::common::v1::{EventHead, HeartbeatRequest, NothingToReport, Receipt};
use walbrook_proto::control::v1::ListSchedulesRequest;

use crate::agreement::control;
use crate::caller::{CallerArgs, refused};
use crate::table::table;
use crate::{Exit, Failure};

/// Say that an organisation has nothing to report, so that its silence is not mistaken for absence
#[derive(Debug, Args)]
pub struct HeartbeatArgs {
    /// Event types of which there is nothing to report; all that its publication schedule names when left out
    #[arg(value_name = "EVENT_TYPE")]
    pub event_types: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Whose word it is (--as)
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Says it for each event type.
///
/// # Errors
/// When the organisation publishes nothing, or a gateway does not answer or refuses; what was said before that stays said.
pub async fn run(args: HeartbeatArgs) -> Result<Exit, Failure> {
    let event_types = match args.event_types.is_empty() {
        true => scheduled(&args.caller).await?,
        false => args.event_types.clone(),
    };
    let mut of_agency: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event_type in &event_types {
        let info = walbrook_proto::event(event_type).and_then(|info| info.event);
        let agency = info.map(|event| event.agency).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                format!("{event_type} is no event type of this release"),
            )
        })?;
        of_agency.entry(agency).or_default().push(event_type);
    }
    let mut said = Vec::new();
    for (agency, event_types) in of_agency {
        let connection = args.caller.connect_producer(agency, &event_types).await?;
        let mut client = HeartbeatsClient::new(connection);
        for event_type in event_types {
            let answer = client.say(request(event_type)).await;
            let receipt = answer.map_err(refused("say that there is nothing to report"))?;
            said.push((event_type, receipt.into_inner()));
        }
    }
    print(&args, &said);
    Ok(Exit::Done)
}

/// What the organisation has said that it publishes.
async fn scheduled(caller: &CallerArgs) -> Result<Vec<String>, Failure> {
    let request = ListSchedulesRequest {
        organisation: Some(caller.organisation.clone()),
    };
    let reader = caller.acting(&caller.organisation, "control", &caller.subject);
    let listed = control(&reader, "control")
        .await?
        .list_schedules(request)
        .await;
    let schedules = listed
        .map_err(refused("list schedules"))?
        .into_inner()
        .schedules;
    let entries = schedules.into_iter().flat_map(|schedule| schedule.entries);
    let event_types: Vec<String> = entries.map(|entry| entry.event_type).collect();
    if event_types.is_empty() {
        let problem = format!(
            "{} publishes nothing (`walbrook schedule show`), so there is nothing of which it could have nothing to report",
            caller.organisation
        );
        return Err(Failure::new(Exit::Input, problem));
    }
    Ok(event_types)
}

fn request(event_type: &str) -> HeartbeatRequest {
    let head = EventHead {
        event_id: uuid::Uuid::now_v7().to_string(),
        when: Some(When::OccurredAt(SystemTime::now().into())),
        ..Default::default()
    };
    HeartbeatRequest {
        head: Some(head),
        nothing_to_report: Some(NothingToReport {
            event_type: event_type.to_owned(),
        }),
    }
}

fn print(args: &HeartbeatArgs, said: &[(&str, Receipt)]) {
    if args.json {
        let rows: Vec<_> = said
            .iter()
            .map(|(event_type, receipt)| {
                serde_json::json!({ "event_type": event_type, "receipt": receipt.receipt_id })
            })
            .collect();
        println!(
            "{}",
            serde_json::json!({ "organisation": args.caller.organisation, "said": rows })
        );
        return;
    }
    let mut out = table(["nothing to report of", "receipt"]);
    for (event_type, receipt) in said {
        out.add_row([(*event_type).to_owned(), receipt.receipt_id.clone()]);
    }
    println!("{out}");
}
