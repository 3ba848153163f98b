//! The service's calls: who may make them, and what they mean in commands and look-ups.

mod doubts;
mod lookups;
mod reviews;

use crate::error::CallError;
use crate::linkage::{Answer, Command, Directory, LinkItem, Token, Who, wire};
use crate::lookup::{Lookup, violation};
use crate::lookups::Lookups;
use crate::metrics::{Link, Metrics};
use crate::relay::needs_writer;
use crate::writer::{Clock, Desk, Done};
use std::sync::Arc;
use tonic::{Request, Response, Status};
use walbrook_domain::Handle;
use walbrook_eventlog::topics;
use walbrook_proto::identity::v1 as proto;
use walbrook_proto::identity::v1::identity_server::Identity;
use walbrook_proto::identity::v1::record_ref::By;
use walbrook_runtime::callers::{Principal, principal, role};
use walbrook_runtime::status::{Violation, status};

/// Items of one call at most.
const MOST_ITEMS: usize = 2_000;
/// Reasons an operator may give, each way.
const MERGE_REASONS: [&str; 3] = [
    "reviewed-same-person",
    "confirmed-by-organisation",
    "confirmed-by-person",
];
const UNMERGE_REASONS: [&str; 3] = [
    "reviewed-different-people",
    "confirmed-by-organisation",
    "confirmed-by-person",
];

/// The service.
pub struct Service {
    desk: Desk,
    directory: Arc<Directory>,
    lookup: Arc<Lookup>,
    lookups: Arc<Lookups>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl Service {
    /// A service over the writer's desk and what is committed.
    pub fn new(
        desk: Desk,
        directory: Arc<Directory>,
        lookup: Arc<Lookup>,
        lookups: Arc<Lookups>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self {
            desk,
            directory,
            lookup,
            lookups,
            clock,
            metrics,
        }
    }

    fn ready(&self) -> Result<(), CallError> {
        if self.desk.is_reading() {
            Ok(())
        } else {
            Err(CallError::NotReady)
        }
    }

    async fn link_items(&self, items: Vec<LinkItem>) -> Result<Vec<proto::LinkOutcome>, CallError> {
        self.ready()?;
        // A handle is for ever, but what was said of it is not: "nothing new" may be said only of what is so now.
        let says_the_same = |item: &LinkItem| item.stated.is_some() && self.known(item).is_some();
        if items.iter().any(says_the_same) {
            self.desk.fresh().await?;
        }
        // Known subjects that say nothing new are answered from what is committed; the others wait for one transaction.
        let mut outcomes: Vec<Option<proto::LinkOutcome>> = Vec::with_capacity(items.len());
        let (mut commands, mut stated) = (Vec::new(), Vec::new());
        for item in items {
            let known = self.known(&item);
            if known.is_none() {
                stated.push((
                    item.token,
                    item.stated.as_ref().map(|stated| stated.restricted),
                ));
                commands.push(Command::Link(item));
            }
            outcomes.push(known);
        }
        let written = u64::try_from(commands.len()).unwrap_or(u64::MAX);
        let known = u64::try_from(outcomes.len())
            .unwrap_or(u64::MAX)
            .saturating_sub(written);
        self.metrics.link(Link::Known, known);
        if commands.is_empty() {
            return Ok(outcomes.into_iter().flatten().collect());
        }
        let done = self.desk.submit(commands).await;
        let results = match done {
            Ok(done) => done.results,
            Err(error) => {
                self.metrics.link(Link::Failed, written);
                return Err(error);
            }
        };
        let mut results = results.into_iter().zip(stated);
        let mut answers = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            answers.push(match outcome {
                Some(known) => known,
                None => {
                    let (result, (token, stated)) = results.next().ok_or(CallError::NotWritten)?;
                    // What was not said now stands as it was said before.
                    let restricted = stated.or_else(|| {
                        let entry = self.directory.get(token)?;
                        Some(entry.said.is_restricted())
                    });
                    self.outcome(result, restricted.unwrap_or(false))?
                }
            });
        }
        Ok(answers)
    }

    /// What is answered when the subject is on the log and the item says nothing that is not there too.
    fn known(&self, item: &LinkItem) -> Option<proto::LinkOutcome> {
        let entry = self.directory.get(item.token)?;
        let same = entry.organisation == item.organisation;
        let new = item
            .stated
            .as_ref()
            .is_some_and(|stated| !entry.said.says(stated));
        (same && !new).then(|| {
            let accepted = entry.accepted_at.is_some();
            linked(entry.handle, accepted, entry.said.is_restricted())
        })
    }

    fn outcome(
        &self,
        result: Result<Answer, CallError>,
        restricted: bool,
    ) -> Result<proto::LinkOutcome, CallError> {
        match result {
            Ok(Answer::Linked(handle)) => {
                self.metrics.link(Link::Written, 1);
                Ok(linked(handle, false, restricted))
            }
            Ok(Answer::DemographicsNeeded) => {
                self.metrics.link(Link::Unstated, 1);
                let problem = "demographics-needed".to_owned();
                Ok(proto::LinkOutcome {
                    handle: Vec::new(),
                    linked: false,
                    problem,
                    accepted: false,
                    restricted: false,
                })
            }
            Err(error) => {
                self.metrics.link(Link::Failed, 1);
                Err(error)
            }
            // The writer answers each command in order.
            Ok(_) => Err(CallError::NotWritten),
        }
    }

    fn who(&self, field: &str, named: Option<proto::RecordRef>) -> Result<Who, CallError> {
        match named.and_then(|named| named.by) {
            Some(By::Handle(bytes)) => Handle::try_from(bytes.as_slice())
                .map(Who::Handle)
                .map_err(|_| CallError::Invalid(vec![violation(field, "a handle has 16 bytes")])),
            Some(By::Local(local)) => self.lookup.committed(&local).map(Who::Token),
            None => Err(CallError::Invalid(vec![violation(
                field,
                "name a record by its handle or its own id",
            )])),
        }
    }
}

fn linked(handle: Handle, accepted: bool, restricted: bool) -> proto::LinkOutcome {
    proto::LinkOutcome {
        handle: handle.as_bytes().to_vec(),
        linked: true,
        problem: String::new(),
        accepted,
        restricted,
    }
}

fn refuse(error: &CallError) -> Status {
    let refused = status(error);
    match error {
        CallError::NotTheWriter | CallError::NotFresh => needs_writer(refused),
        _ => refused,
    }
}

/// Reads the items of a call; every fault at once.
fn link_items(items: Vec<proto::LinkItem>, caller: &Principal) -> Result<Vec<LinkItem>, CallError> {
    if items.len() > MOST_ITEMS {
        return Err(CallError::Invalid(vec![violation(
            "items",
            &format!("at most {MOST_ITEMS} in one call"),
        )]));
    }
    let mut violations: Vec<Violation> = Vec::new();
    let mut read = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        if item.agency != caller.subject {
            return Err(CallError::WrongAgency {
                caller: caller.subject.clone(),
            });
        }
        match link_item(item) {
            Ok(item) => read.push(item),
            Err((field, problem)) => {
                violations.push(violation(&format!("items[{at}].{field}"), &problem))
            }
        }
    }
    if violations.is_empty() {
        Ok(read)
    } else {
        Err(CallError::Invalid(violations))
    }
}

fn link_item(item: proto::LinkItem) -> Result<LinkItem, (String, String)> {
    let of = |error: wire::WireError| (error.field.to_owned(), error.problem);
    let token: Token = wire::token(&item.token).map_err(of)?;
    let organisation = item
        .organisation
        .parse()
        .map_err(|error| ("organisation".to_owned(), format!("{error}")))?;
    if !topics::RAW.contains(&topics::raw(&item.agency).as_str()) {
        return Err((
            "agency".to_owned(),
            "expected an agency of this system".to_owned(),
        ));
    }
    if item.id_scheme.is_empty() || item.id_scheme.len() > 40 {
        return Err((
            "id_scheme".to_owned(),
            "expected 1 to 40 characters".to_owned(),
        ));
    }
    let stated = item
        .demographics
        .map(wire::stated)
        .transpose()
        .map_err(of)?;
    if stated.as_ref().is_some_and(|stated| stated.longest() > 200) {
        return Err((
            "demographics".to_owned(),
            "a field is longer than 200 bytes".to_owned(),
        ));
    }
    let previous = Some(item.previous_token.as_slice()).filter(|bytes| !bytes.is_empty());
    let previous = previous.map(wire::token).transpose();
    let previous = previous.map_err(|error| ("previous_token".to_owned(), error.problem))?;
    Ok(LinkItem {
        previous,
        token,
        organisation,
        agency: item.agency,
        id_scheme: item.id_scheme,
        stated,
    })
}

fn reason(reason: String, allowed: &[&str]) -> Result<String, CallError> {
    if allowed.contains(&reason.as_str()) {
        return Ok(reason);
    }
    let expected = format!("expected {}", allowed.join(", "));
    Err(CallError::Invalid(vec![violation("reason", &expected)]))
}

fn by(caller: &Principal) -> String {
    format!("{}/{}", caller.organisation, caller.subject)
}

/// The person and positions of a merge or un-merge.
fn person(done: Done) -> Result<(Vec<u8>, Vec<proto::LinkPosition>), CallError> {
    let positions = done.positions.into_iter();
    let positions = positions.map(|(partition, next_offset)| proto::LinkPosition {
        partition,
        next_offset,
    });
    match done.results.into_iter().next() {
        Some(Ok(Answer::Person(person))) => Ok((person.as_bytes().to_vec(), positions.collect())),
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => Err(CallError::NotWritten),
    }
}

#[tonic::async_trait]
impl Identity for Service {
    #[tracing::instrument(name = "identity.link", skip_all, fields(items = request.get_ref().items.len()))]
    async fn link(
        &self,
        request: Request<proto::LinkRequest>,
    ) -> Result<Response<proto::LinkResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::SERVICE)?;
        let items =
            link_items(request.into_inner().items, &caller).map_err(|error| refuse(&error))?;
        let outcomes = self
            .link_items(items)
            .await
            .map_err(|error| refuse(&error))?;
        Ok(Response::new(proto::LinkResponse { outcomes }))
    }

    #[tracing::instrument(name = "identity.handle_for", skip_all)]
    async fn handle_for(
        &self,
        request: Request<proto::HandleForRequest>,
    ) -> Result<Response<proto::HandleForResponse>, Status> {
        principal(&request)?.require_role(role::SERVICE)?;
        // A handle is for ever; that there is none may be out of date. Both wait, so that they do the same.
        let fresh = self.desk.fresh().await;
        let found = fresh.and_then(|()| self.lookup.handle(request.get_ref()));
        let handle = found.map_err(|error| refuse(&error))?;
        Ok(Response::new(proto::HandleForResponse {
            handle: handle.map(|handle| handle.as_bytes().to_vec()),
        }))
    }

    #[tracing::instrument(name = "identity.resolve_for_read", skip_all)]
    async fn resolve_for_read(
        &self,
        request: Request<proto::ResolveForReadRequest>,
    ) -> Result<Response<proto::ResolveForReadResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::SERVICE)?;
        let answer = self.resolve(&caller, request.into_inner()).await;
        answer.map(Response::new).map_err(|error| refuse(&error))
    }

    #[tracing::instrument(name = "identity.merge", skip_all)]
    async fn merge(
        &self,
        request: Request<proto::MergeRequest>,
    ) -> Result<Response<proto::MergeResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::OPERATOR)?;
        let message = request.into_inner();
        let merged = async {
            let command = Command::Merge {
                survivor: self.who("survivor", message.survivor)?,
                other: self.who("other", message.other)?,
                reason: reason(message.reason, &MERGE_REASONS)?,
                by: by(&caller),
            };
            person(self.desk.submit(vec![command]).await?)
        };
        let (person, positions) = merged.await.map_err(|error| refuse(&error))?;
        tracing::info!(by = by(&caller), "two records were merged");
        Ok(Response::new(proto::MergeResponse { person, positions }))
    }

    #[tracing::instrument(name = "identity.unmerge", skip_all)]
    async fn unmerge(
        &self,
        request: Request<proto::UnmergeRequest>,
    ) -> Result<Response<proto::UnmergeResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::OPERATOR)?;
        let message = request.into_inner();
        let parted = async {
            let command = Command::Unmerge {
                record: self.who("record", message.record)?,
                reason: reason(message.reason, &UNMERGE_REASONS)?,
                by: by(&caller),
            };
            person(self.desk.submit(vec![command]).await?)
        };
        let (person, positions) = parted.await.map_err(|error| refuse(&error))?;
        tracing::info!(by = by(&caller), "a merge was undone");
        Ok(Response::new(proto::UnmergeResponse { person, positions }))
    }

    #[tracing::instrument(name = "identity.matches", skip_all, fields(items = request.get_ref().items.len()))]
    async fn matches(
        &self,
        request: Request<proto::MatchesRequest>,
    ) -> Result<Response<proto::MatchesResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_any_role(&[role::AUDITOR, role::SERVICE])?;
        let items = request.into_inner().items;
        let matches = self.check_matches(&caller, items).await;
        let matches = matches.map_err(|error| refuse(&error))?;
        tracing::info!(
            caller = by(&caller),
            token = caller.token_id,
            items = matches.len(),
            matching = matches.iter().filter(|matching| **matching).count(),
            "pseudonyms were checked"
        );
        Ok(Response::new(proto::MatchesResponse { matches }))
    }

    #[tracing::instrument(name = "identity.accepted", skip_all, fields(handles = request.get_ref().handles.len()))]
    async fn accepted(
        &self,
        request: Request<proto::AcceptedRequest>,
    ) -> Result<Response<proto::AcceptedResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::SERVICE)?;
        let told = self.told_accepted(&caller, request.into_inner()).await;
        told.map_err(|error| refuse(&error))?;
        Ok(Response::new(proto::AcceptedResponse {}))
    }

    #[tracing::instrument(name = "identity.approve_lookup", skip_all)]
    async fn approve_lookup(
        &self,
        request: Request<proto::ApproveLookupRequest>,
    ) -> Result<Response<proto::ApproveLookupResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::SUPERVISOR)?;
        let answer = self.approve(&caller, request.into_inner()).await;
        answer.map(Response::new).map_err(|error| refuse(&error))
    }

    #[tracing::instrument(name = "identity.list_reviews", skip_all)]
    async fn list_reviews(
        &self,
        request: Request<proto::ListReviewsRequest>,
    ) -> Result<Response<proto::ListReviewsResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::REVIEWER)?;
        let listed = self.list(&caller, request.into_inner()).await;
        listed.map(Response::new).map_err(|error| refuse(&error))
    }

    #[tracing::instrument(name = "identity.explain_review", skip_all)]
    async fn explain_review(
        &self,
        request: Request<proto::ExplainReviewRequest>,
    ) -> Result<Response<proto::ExplainReviewResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::REVIEWER)?;
        let explained = self.explain(&caller, request.into_inner()).await;
        explained.map(Response::new).map_err(|error| refuse(&error))
    }

    #[tracing::instrument(name = "identity.decide_review", skip_all)]
    async fn decide_review(
        &self,
        request: Request<proto::DecideReviewRequest>,
    ) -> Result<Response<proto::DecideReviewResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::REVIEWER)?;
        let decided = self.decide(&caller, request.into_inner()).await;
        let decided = decided.map_err(|error| refuse(&error))?;
        tracing::info!(by = by(&caller), "a review was decided");
        Ok(Response::new(decided))
    }

    #[tracing::instrument(name = "identity.doubt_link", skip_all)]
    async fn doubt_link(
        &self,
        request: Request<proto::DoubtLinkRequest>,
    ) -> Result<Response<proto::DoubtLinkResponse>, Status> {
        let caller = principal(&request)?;
        caller.require_role(role::SERVICE)?;
        let told = self.doubt(&caller, request.into_inner()).await;
        told.map(Response::new).map_err(|error| refuse(&error))
    }
}
