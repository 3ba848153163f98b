//! `walbrook view notices` and `acknowledge`: what fell of rows that the caller's organisation was shown, and what was done about it.

use clap::Args;
use serde_json::{Value as Json, json};
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{
    AcknowledgeNoticeRequest, Acknowledged, ListNoticesRequest, ListNoticesResponse, Notice,
    ReadContext, WatchNoticesRequest,
};
use walbrook_view::notice::ACTIONS;

use super::rows::wrong;
use super::{sheet, words};
use crate::caller::{CallerArgs, refused};
use crate::table::{print, table};
use crate::{Exit, Failure};

/// Notices asked for at once.
const PAGE: u32 = 500;

/// Which notices.
#[derive(Debug, Args)]
pub struct NoticesArgs {
    /// Only this view's, for example rough_sleeping_risk
    #[arg(value_name = "VIEW", default_value = "")]
    pub view: String,
    /// Only those that nobody has acknowledged
    #[arg(long)]
    pub open: bool,
    /// Only those that nobody has acknowledged in time; exit code 1 when there are any
    #[arg(long)]
    pub overdue: bool,
    /// All there are, then each as it comes, until the token ends or Ctrl-C
    #[arg(long, conflicts_with_all = ["open", "overdue", "view"])]
    pub follow: bool,
    /// Go on where an earlier --follow ended, with the token it printed
    #[arg(long, value_name = "TOKEN", default_value = "", requires = "follow")]
    pub resume: String,
    /// End after so many answers; 0: when the service ends it
    #[arg(long, value_name = "COUNT", default_value_t = 0, requires = "follow")]
    pub answers: u64,
    /// Print JSON, with everything
    #[arg(long)]
    pub json: bool,
    /// Who asks; `--role` is the role that was shown the rows
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// An acknowledgement.
#[derive(Debug, Args)]
pub struct AcknowledgeArgs {
    /// The notice, as `view notices` printed it
    #[arg(value_name = "NOTICE_ID")]
    pub notice: String,
    /// What was done; what there is to say beyond it belongs into the case file
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(ACTIONS))]
    pub action: String,
    /// The case file; a reference, never a name
    #[arg(long, value_name = "REFERENCE", default_value = "")]
    pub case: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who acknowledges; `--role` is the role that was shown the row
    #[command(flatten)]
    pub caller: CallerArgs,
}

fn role(caller: &CallerArgs) -> Result<String, Failure> {
    let role = caller.role.clone();
    role.ok_or_else(|| wrong("name the role that was shown the rows with --role"))
}

/// Lists them.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn list(args: NoticesArgs) -> Result<Exit, Failure> {
    if args.follow {
        return follow(args).await;
    }
    let role = role(&args.caller)?;
    let connection = args.caller.connect("materialiser", &role).await?;
    let mut client = ViewsClient::new(connection);
    let mut request = ListNoticesRequest {
        context: Some(ReadContext {
            role,
            ..ReadContext::default()
        }),
        view: args.view.clone(),
        open_only: args.open,
        overdue_only: args.overdue,
        page_size: PAGE,
        page_token: String::new(),
    };
    let mut all: Option<ListNoticesResponse> = None;
    loop {
        let response = client.list_notices(request.clone()).await;
        let page = response.map_err(refused("list notices"))?.into_inner();
        request.page_token.clone_from(&page.next_page_token);
        match &mut all {
            Some(all) => all.notices.extend(page.notices),
            None => all = Some(page),
        }
        if request.page_token.is_empty() {
            break;
        }
    }
    let all = all.unwrap_or_default();
    if args.json {
        let said = json!({
            "notices": all.notices.iter().map(notice_json).collect::<Vec<_>>(),
            "open": all.open,
            "overdue": all.overdue,
        });
        print(&format!("{said:#}\n"));
    } else {
        print(&listed(&all));
    }
    if args.overdue && !all.notices.is_empty() {
        return Ok(Exit::Difference);
    }
    Ok(Exit::Done)
}

fn listed(all: &ListNoticesResponse) -> String {
    let mut table = table(["notice", "view", "person", "what", "due", "state"]);
    for notice in &all.notices {
        table.add_row([
            notice.notice_id.clone(),
            notice.view.clone(),
            hex::encode(&notice.pseudonym),
            what(notice),
            notice.due_on.as_ref().map(words::date).unwrap_or_default(),
            state(notice),
        ]);
    }
    let counts = format!("{} open, {} of them overdue\n", all.open, all.overdue);
    if all.notices.is_empty() {
        return counts;
    }
    format!("{table}\n{counts}")
}

fn what(notice: &Notice) -> String {
    match notice.event_ids.len() {
        0 => notice.cause.clone(),
        1 => format!("{}: 1 event", notice.cause),
        count => format!("{}: {count} events", notice.cause),
    }
}

fn state(notice: &Notice) -> String {
    match &notice.acknowledged {
        Some(said) => format!("{} on {}", said.action, words::instant(said.at.as_ref())),
        None if notice.overdue => "OVERDUE".to_owned(),
        None => "open".to_owned(),
    }
}

fn notice_json(notice: &Notice) -> Json {
    json!({
        "notice_id": notice.notice_id,
        "view": notice.view,
        "pseudonym": hex::encode(&notice.pseudonym),
        "cause": notice.cause,
        "event_ids": notice.event_ids,
        "read_ids": notice.read_ids,
        "noticed_at": sheet::instant_json(notice.noticed_at.as_ref()),
        "due_on": notice.due_on.as_ref().map(sheet::iso),
        "overdue": notice.overdue,
        "acknowledged": notice.acknowledged.as_ref().map(acknowledged_json),
    })
}

fn acknowledged_json(said: &Acknowledged) -> Json {
    json!({
        "officer": said.officer,
        "action": said.action,
        "at": sheet::instant_json(said.at.as_ref()),
    })
}

async fn follow(args: NoticesArgs) -> Result<Exit, Failure> {
    let role = role(&args.caller)?;
    let connection = args.caller.connect("materialiser", &role).await?;
    let request = WatchNoticesRequest {
        context: Some(ReadContext {
            role,
            ..ReadContext::default()
        }),
        resume_token: args.resume.clone(),
    };
    let response = ViewsClient::new(connection).watch_notices(request).await;
    let mut answers = response.map_err(refused("follow notices"))?.into_inner();
    let (mut token, mut told) = (args.resume.clone(), 0);
    let ended = loop {
        let next = tokio::select! {
            next = answers.message() => next,
            _ = tokio::signal::ctrl_c() => break None,
        };
        let answer = match next {
            Ok(Some(answer)) => answer,
            Ok(None) => break None,
            Err(status) => break Some(status),
        };
        token.clone_from(&answer.resume_token);
        for notice in &answer.notices {
            if args.json {
                print(&format!("{}\n", notice_json(notice)));
            } else {
                let due = notice.due_on.as_ref().map(words::date).unwrap_or_default();
                let (what, state) = (what(notice), state(notice));
                let person = hex::encode(&notice.pseudonym);
                let (id, view) = (&notice.notice_id, &notice.view);
                print(&format!(
                    "{id} {view} {person} {what}, due {due}: {state}\n"
                ));
            }
        }
        told += 1;
        if told == args.answers {
            break None;
        }
    };
    if !token.is_empty() {
        eprintln!("Go on with --resume {token}");
    }
    match ended {
        None => Ok(Exit::Done),
        Some(status) => Err(refused("follow notices")(status)),
    }
}

/// Puts on record what was done.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn acknowledge(args: AcknowledgeArgs) -> Result<Exit, Failure> {
    let role = role(&args.caller)?;
    let connection = args.caller.connect("materialiser", &role).await?;
    let request = AcknowledgeNoticeRequest {
        context: Some(ReadContext {
            role,
            case_reference: args.case,
            ..ReadContext::default()
        }),
        notice_id: args.notice.clone(),
        action: args.action.clone(),
    };
    let response = ViewsClient::new(connection)
        .acknowledge_notice(request)
        .await;
    let answer = response.map_err(refused("acknowledge"))?.into_inner();
    let said = answer.acknowledged.unwrap_or_default();
    if args.json {
        println!("{:#}", acknowledged_json(&said));
    } else {
        let at = words::instant(said.at.as_ref());
        println!(
            "{}: {} by {}, {at}.",
            args.notice, said.action, said.officer
        );
    }
    Ok(Exit::Done)
}
