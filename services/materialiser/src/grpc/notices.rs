//! What organisations are told of rows they were shown, and what they say they did. Each telling is on record before it.

use super::Service;
use super::form::{Faults, acting, case_of};
use crate::clock;
use crate::error::ReadError;
use crate::notices::{Notices, Standing, Whose, noticed_at};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use uuid::Uuid;
use walbrook_domain::Instant;
use walbrook_proto::audit::v1::{NoticeAcknowledgement, NoticeDelivery};
use walbrook_proto::view::v1 as proto;
use walbrook_runtime::callers::Principal;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_runtime::task::Kind;
use walbrook_view::Viewer;
use walbrook_view::notice::{ACTIONS, Cause};

/// Notices told at once.
const MOST_TOLD: usize = 100;
const PAGE: u32 = 50;
const MOST_PAGE: u32 = 500;
/// Answers that wait for a client.
const AHEAD: usize = 1;
/// Whether a notice is overdue is by the day: a watch says it again no later than this.
const LOOKS_EVERY: Duration = Duration::from_secs(60);

impl Service {
    /// Who asks, in a role of its token: nobody else is told anything.
    fn addressee(
        principal: &Principal,
        context: Option<proto::ReadContext>,
        mut faults: Faults,
    ) -> Result<(Viewer, proto::ReadContext), ReadError> {
        let context = context.unwrap_or_default();
        faults.context(&context);
        faults.end(Some(()))?;
        Ok((acting(principal, &context)?, context))
    }

    pub(super) async fn notices(
        &self,
        principal: &Principal,
        mut request: proto::ListNoticesRequest,
    ) -> Result<proto::ListNoticesResponse, ReadError> {
        let mut faults = Faults::default();
        let size = match request.page_size {
            0 => PAGE,
            size => size,
        };
        if size > MOST_PAGE {
            faults.add("page_size", "PAGE_SIZE", "at most 500");
        }
        let after = match request.page_token.as_str() {
            "" => None,
            text => {
                let place = place(text);
                if place.is_none() {
                    let wrong = "this is no token of a list of notices; begin again without one";
                    faults.add("page_token", "PAGE_TOKEN", wrong);
                }
                place
            }
        };
        let (viewer, _) = Self::addressee(principal, request.context.take(), faults)?;
        let whose = whose(&viewer);
        self.notices.caught_up().await?;
        let now = self.notices.now();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let page = self.notices.ask(|book| {
            let mut page = Page::default();
            let mut wanted: Vec<&Standing> = Vec::new();
            for one in book.since(&whose, 0) {
                page.open += u32::from(one.acknowledged.is_none());
                page.overdue += u32::from(one.is_overdue(now));
                let later = after.as_ref().is_none_or(|after| order(one) > *after);
                if later && is_wanted(&request, one, now) {
                    wanted.push(one);
                }
            }
            wanted.sort_by_cached_key(|one| order(one));
            page.more = wanted.len() > size;
            page.listed = wanted.into_iter().take(size).cloned().collect();
            page.notices_next = book.next_offset();
            page
        });
        let listed = page.listed;
        let next_page_token = listed.last().filter(|_| page.more).map(token);
        self.delivered(&viewer, ("LIST", page.notices_next), &listed)
            .await?;
        Ok(proto::ListNoticesResponse {
            notices: listed.iter().map(|one| told(one, now)).collect(),
            next_page_token: next_page_token.unwrap_or_default(),
            open: page.open,
            overdue: page.overdue,
        })
    }

    async fn delivered(
        &self,
        viewer: &Viewer,
        (operation, notices_next): (&str, i64),
        notices: &[Standing],
    ) -> Result<(), ReadError> {
        Ok(deliver(&self.notices, viewer, (operation, notices_next), notices).await?)
    }

    pub(super) async fn watch_told(
        &self,
        principal: &Principal,
        request: proto::WatchNoticesRequest,
    ) -> Result<ReceiverStream<Result<proto::WatchNoticesResponse, Status>>, ReadError> {
        let mut faults = Faults::default();
        let text = request.resume_token.as_str();
        let from = match text {
            "" => Some(0),
            text => text.parse().ok().filter(|from: &i64| *from >= 0),
        };
        let wrong = "this is no token of a watch of notices; begin again without one";
        if from.is_none() {
            faults.add("resume_token", "RESUME_TOKEN", wrong);
        }
        let (viewer, _) = Self::addressee(principal, request.context, faults)?;
        self.notices.caught_up().await?;
        let from = from.unwrap_or(0);
        if from > self.notices.ask(|book| book.next_offset()) {
            let mut faults = Faults::default();
            faults.add("resume_token", "RESUME_TOKEN", wrong);
            return faults.end(None);
        }
        let (to, answers) = mpsc::channel(AHEAD);
        let stream = Stream {
            notices: Arc::clone(&self.notices),
            whose: whose(&viewer),
            viewer,
            from,
            expires_at: principal.expires_at,
            stop: self.watches.stop().clone(),
            to,
        };
        let tasks = self.watches.tasks();
        tasks.spawn(Kind::finite("notices-stream"), async move {
            stream.run().await;
            Ok::<(), String>(())
        });
        Ok(ReceiverStream::new(answers))
    }

    pub(super) async fn acknowledge(
        &self,
        principal: &Principal,
        request: proto::AcknowledgeNoticeRequest,
    ) -> Result<proto::AcknowledgeNoticeResponse, ReadError> {
        let mut faults = Faults::default();
        let id = Uuid::parse_str(&request.notice_id).ok();
        if id.is_none() {
            faults.add("notice_id", "NOTICE_ID", "take it from a notice");
        }
        if !ACTIONS.contains(&request.action.as_str()) {
            let known = ACTIONS.join(", ");
            faults.add("action", "WORD_UNKNOWN", &format!("one of {known}"));
        }
        let (viewer, context) = Self::addressee(principal, request.context, faults)?;
        let id = id.ok_or(ReadError::NoSuchNotice)?;
        self.notices.caught_up().await?;
        let own = whose(&viewer);
        let standing = || {
            self.notices.ask(|book| {
                let standing = book.get(&id);
                standing
                    .filter(|one| crate::notices::book::whose(&one.notice) == own)
                    .cloned()
            })
        };
        let before = standing().ok_or(ReadError::NoSuchNotice)?;
        if before.acknowledged.is_none() {
            let now = self.notices.now();
            let said = NoticeAcknowledgement {
                notice_id: id.to_string(),
                officer: viewer.reader,
                organisation: own.0.clone(),
                role: own.1.clone(),
                action: request.action,
                case_reference: case_of(context.case_reference),
                acknowledged_at: Some(clock::timestamp(now)),
            };
            let offset = self.notices.records().acknowledgement(&said, now).await;
            let offset = offset.map_err(crate::notices::NoticesError::from)?;
            self.notices.applied_through(offset + 1).await?;
        }
        // What counts is what was said first, by whomever.
        let after = standing().ok_or(ReadError::NoSuchNotice)?;
        Ok(proto::AcknowledgeNoticeResponse {
            acknowledged: acknowledged(&after),
        })
    }
}

/// A page of a list.
#[derive(Default)]
struct Page {
    listed: Vec<Standing>,
    more: bool,
    open: u32,
    overdue: u32,
    notices_next: i64,
}

fn is_wanted(request: &proto::ListNoticesRequest, one: &Standing, now: Instant) -> bool {
    let of_view = request.view.is_empty() || one.notice.view == request.view;
    let still = one.acknowledged.is_none() || !(request.open_only || request.overdue_only);
    of_view && still && (!request.overdue_only || one.is_overdue(now))
}

/// A watch of notices that runs.
struct Stream {
    notices: Arc<Notices>,
    whose: Whose,
    viewer: Viewer,
    from: i64,
    expires_at: SystemTime,
    stop: Shutdown,
    to: mpsc::Sender<Result<proto::WatchNoticesResponse, Status>>,
}

impl Stream {
    async fn run(mut self) {
        let (stop, expires_at) = (self.stop.clone(), self.expires_at);
        let ended = tokio::select! {
            ended = self.tell() => ended,
            () = until(expires_at) => Err(ReadError::TokenExpired),
            () = stop.requested() => Err(ReadError::Stopping),
        };
        if let Err(error) = ended {
            // A client that has gone needs no reason.
            let _ = self.to.send(Err(error.into())).await;
        }
    }

    /// Tells until the client goes.
    async fn tell(&mut self) -> Result<(), ReadError> {
        let mut moved = self.notices.moved();
        loop {
            let (listed, next, more) = self.notices.ask(|book| {
                let mut listed: Vec<Standing> = Vec::new();
                let mut since = book.since(&self.whose, self.from);
                listed.extend(since.by_ref().take(MOST_TOLD).cloned());
                (listed, book.next_offset(), since.next().is_some())
            });
            let last = listed.last().map(|one| one.changed_at + 1);
            self.from = last.filter(|_| more).unwrap_or(next);
            if !listed.is_empty() {
                deliver(&self.notices, &self.viewer, ("WATCH", next), &listed).await?;
                let now = self.notices.now();
                let answer = proto::WatchNoticesResponse {
                    notices: listed.iter().map(|one| told(one, now)).collect(),
                    resume_token: self.from.to_string(),
                    more,
                };
                if self.to.send(Ok(answer)).await.is_err() {
                    return Ok(());
                }
            }
            if more {
                continue;
            }
            tokio::select! {
                () = self.to.closed() => return Ok(()),
                moved = moved.changed() => moved.map_err(|_| ReadError::Stopping)?,
                () = tokio::time::sleep(LOOKS_EVERY) => {}
            }
        }
    }
}

async fn until(expires_at: SystemTime) {
    let left = expires_at.duration_since(SystemTime::now());
    tokio::time::sleep(left.unwrap_or_default()).await;
}

/// Puts on record that notices are about to be told.
async fn deliver(
    notices: &Notices,
    viewer: &Viewer,
    (operation, notices_next): (&str, i64),
    told: &[Standing],
) -> Result<(), crate::notices::NoticesError> {
    let now = notices.now();
    let delivery = NoticeDelivery {
        delivery_id: Uuid::new_v4().to_string(),
        reader: viewer.reader.clone(),
        organisation: viewer.organisation.to_string(),
        role: viewer.role.clone(),
        operation: operation.to_owned(),
        notice_ids: told
            .iter()
            .map(|one| one.notice.notice_id.clone())
            .collect(),
        notices_next,
        delivered_at: Some(clock::timestamp(now)),
    };
    Ok(notices.records().delivery(&delivery, now).await?)
}

fn whose(viewer: &Viewer) -> Whose {
    (viewer.organisation.to_string(), viewer.role.clone())
}

/// Those due first come first.
fn order(one: &Standing) -> (i32, String) {
    (one.due_on().0, one.notice.notice_id.clone())
}

fn token(one: &Standing) -> String {
    let (due, id) = order(one);
    format!("{due}/{id}")
}

fn place(text: &str) -> Option<(i32, String)> {
    let (due, id) = text.split_once('/')?;
    let id = Uuid::parse_str(id).ok()?;
    Some((due.parse().ok()?, id.to_string()))
}

fn acknowledged(one: &Standing) -> Option<proto::Acknowledged> {
    let said = one.acknowledged.as_ref()?;
    Some(proto::Acknowledged {
        officer: said.officer.clone(),
        action: said.action.clone(),
        at: said.acknowledged_at,
    })
}

/// A notice as its reader is told it: of a ground that fell not even which events rested on it.
fn told(one: &Standing, now: Instant) -> proto::Notice {
    let notice = &one.notice;
    let event_ids = if Cause::says_which(&notice.cause) {
        notice.event_ids.clone()
    } else {
        Vec::new()
    };
    proto::Notice {
        notice_id: notice.notice_id.clone(),
        view: notice.view.clone(),
        pseudonym: notice.person_pseudonym.clone(),
        cause: notice.cause.clone(),
        event_ids,
        read_ids: notice.read_ids.clone(),
        noticed_at: Some(clock::timestamp(noticed_at(notice))),
        due_on: notice.due_on,
        overdue: one.is_overdue(now),
        acknowledged: acknowledged(one),
    }
}
