//! `walbrook view topics`: the topics that rows are delivered to, as they stand.

use clap::Args;
use serde_json::{Value as Json, json};
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{DeliveredTopic, ListTopicsRequest};

use crate::caller::{CallerArgs, refused};
use crate::table::table;
use crate::{Exit, Failure};

/// The topics.
#[derive(Debug, Args)]
pub struct TopicsArgs {
    /// Print JSON, with everything
    #[arg(long)]
    pub json: bool,
    /// Who asks: anybody of the organisation
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Asks and prints.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn run(args: TopicsArgs) -> Result<Exit, Failure> {
    let role = args.caller.role.clone();
    let role = role.as_deref().unwrap_or("housing-options-officer");
    let connection = args.caller.connect("materialiser", role).await?;
    let mut views = ViewsClient::new(connection);
    let answer = views.list_topics(ListTopicsRequest {}).await;
    let answer = answer.map_err(refused("topics"))?.into_inner();
    if args.json {
        let topics: Vec<Json> = answer.topics.iter().map(as_json).collect();
        println!("{:#}", json!({ "topics": topics }));
    } else {
        print!("{}", rendered(&answer.topics));
    }
    Ok(Exit::Done)
}

/// The state in words.
fn state(topic: &DeliveredTopic) -> &str {
    match topic.state.as_str() {
        "DELIVERED" if topic.last_written.is_none() => "delivered: its first row makes it",
        "DELIVERED" => "delivered",
        "ENDED" => "ended: nothing delivers it any more",
        "TWO_ROLES" => "nothing: agreements name different roles",
        "WAITS" => "waits for the view's bound",
        other => other,
    }
}

fn rendered(topics: &[DeliveredTopic]) -> String {
    if topics.is_empty() {
        return "No agreement delivers rows of a view to a topic of this organisation, or did.\n"
            .to_owned();
    }
    let mut lines = table(["View", "Role", "Topic", "Rows", "Last written", "State"]);
    for topic in topics {
        let role = Some(topic.role.as_str()).filter(|role| !role.is_empty());
        lines.add_row([
            topic.view.clone(),
            role.unwrap_or("nobody").to_owned(),
            topic.topic.clone(),
            topic.rows.to_string(),
            words(topic),
            state(topic).to_owned(),
        ]);
    }
    format!("{lines}\n")
}

/// When it was last written, for people.
fn words(topic: &DeliveredTopic) -> String {
    match &topic.last_written {
        None => "never".to_owned(),
        at => super::words::instant(at.as_ref()),
    }
}

fn written(topic: &DeliveredTopic) -> Option<String> {
    let at = topic.last_written.as_ref()?;
    let at = walbrook_domain::Instant::from_seconds_nanos(at.seconds, at.nanos)?;
    Some(at.rfc3339())
}

fn as_json(topic: &DeliveredTopic) -> Json {
    let agreements = topic.agreements.iter();
    let agreements: Vec<Json> = agreements
        .map(|one| json!({ "agreement": one.agreement_id, "version": one.version }))
        .collect();
    json!({
        "view": topic.view,
        "organisation": topic.organisation,
        "role": topic.role,
        "topic": topic.topic,
        "rows": topic.rows,
        "last_written": written(topic),
        "state": topic.state,
        "agreements": agreements,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_one_line_and_none_is_a_sentence() {
        assert!(rendered(&[]).contains("No agreement delivers"));
        let topic = DeliveredTopic {
            view: "rough_sleeping_risk".into(),
            role: String::new(),
            topic: "l.view.rough_sleeping_risk.GSS-E09000007".into(),
            rows: 3,
            state: "ENDED".into(),
            ..DeliveredTopic::default()
        };
        let text = rendered(std::slice::from_ref(&topic));
        assert!(
            text.contains("l.view.rough_sleeping_risk.GSS-E09000007"),
            "{text}"
        );
        assert!(text.contains("never") && text.contains("ended"), "{text}");
        let new = DeliveredTopic {
            role: "housing-options-officer".into(),
            state: "DELIVERED".into(),
            ..topic.clone()
        };
        assert!(rendered(std::slice::from_ref(&new)).contains("its first row makes it"));
        let written = DeliveredTopic {
            last_written: Some(prost_types::Timestamp {
                seconds: 1_790_000_000,
                nanos: 0,
            }),
            ..new
        };
        let text = rendered(std::slice::from_ref(&written));
        assert!(
            text.contains("21 Sep 2026") && !text.contains("makes it"),
            "{text}"
        );
        assert_eq!(as_json(&topic)["rows"], 3);
        assert_eq!(as_json(&topic)["last_written"], Json::Null);
    }
}
