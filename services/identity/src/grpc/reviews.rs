//! The calls of reviewers: what waits, what speaks for and against a pair, and what they decide.

use super::{MERGE_REASONS, Service, UNMERGE_REASONS, by, person, reason};
use crate::error::CallError;
use crate::linkage::demographics::Stated;
use crate::linkage::{
    Answer, Command, Decision, Explained, Found, Item, Page, Pair, Place, Reviewer, Verdict, Wanted,
};
use crate::lookup::violation;
use walbrook_domain::{Handle, Instant, Organisation, Scheme};
use walbrook_matching::Field;
use walbrook_proto::audit::v1::LookupRecord;
use walbrook_proto::identity::v1 as proto;
use walbrook_runtime::callers::Principal;

/// Pairs of one page.
const PAGE: usize = 50;
const MOST: usize = 200;

impl Service {
    pub(super) async fn list(
        &self,
        caller: &Principal,
        request: proto::ListReviewsRequest,
    ) -> Result<proto::ListReviewsResponse, CallError> {
        let blind = request.blind;
        let wanted = wanted(caller, request)?;
        match self.ask(Command::List(Box::new(wanted))).await? {
            Answer::Listed(page) => Ok(listed(*page, blind)),
            _ => Err(CallError::NotWritten),
        }
    }

    /// The look is on record before it is answered.
    pub(super) async fn explain(
        &self,
        caller: &Principal,
        request: proto::ExplainReviewRequest,
    ) -> Result<proto::ExplainReviewResponse, CallError> {
        let pair = pair(request.pair)?;
        let command = Command::Explain(pair, reviewer(caller)?);
        let answer = self.ask(command).await;
        self.put_look_on_record(caller, pair).await?;
        match answer? {
            Answer::Explained(explained) => Ok(shown(*explained, request.blind)),
            _ => Err(CallError::NotWritten),
        }
    }

    pub(super) async fn decide(
        &self,
        caller: &Principal,
        request: proto::DecideReviewRequest,
    ) -> Result<proto::DecideReviewResponse, CallError> {
        let (decision, allowed) = match Decision::read(&request.decision) {
            Some(Decision::Same) => (Decision::Same, &MERGE_REASONS),
            Some(Decision::NeverSame) => (Decision::NeverSame, &UNMERGE_REASONS),
            Some(Decision::Lifted) | None => {
                return Err(invalid("decision", "expected SAME or NEVER_SAME"));
            }
        };
        let verdict = Verdict {
            pair: pair(request.pair)?,
            decision,
            reason: reason(request.reason, allowed)?,
            reviewer: reviewer(caller)?,
            blind: request.blind,
        };
        let command = Command::Decide(Box::new(verdict));
        let (person, positions) = person(self.desk.submit(vec![command]).await?)?;
        Ok(proto::DecideReviewResponse { person, positions })
    }

    /// What was found is not said: a look at what is not there leaves the same record.
    async fn put_look_on_record(&self, caller: &Principal, pair: Pair) -> Result<(), CallError> {
        let handles = [pair.record.as_bytes(), pair.candidate.as_bytes()].map(|id| id.as_slice());
        let look = LookupRecord {
            operation: "EXPLAIN".to_owned(),
            caller: by(caller),
            subject: handles.concat(),
            items: 1,
            outcome: "ASKED".to_owned(),
            ..LookupRecord::default()
        };
        self.lookups.record(look, self.clock.now()).await
    }

    pub(super) async fn ask(&self, command: Command) -> Result<Answer, CallError> {
        let done = self.desk.submit(vec![command]).await?;
        let first = done.results.into_iter().next();
        first.unwrap_or(Err(CallError::NotWritten))
    }
}

/// The system's own reviewers see every pair, an organisation's only those of which it holds both records: what another one holds is not its to
/// see.
fn reviewer(caller: &Principal) -> Result<Reviewer, CallError> {
    let organisation: Organisation = caller
        .organisation
        .parse()
        .map_err(|_| invalid("organisation", "the token names no organisation"))?;
    Ok(Reviewer {
        within: (organisation.scheme() != Scheme::Walbrook).then_some(organisation),
        by: by(caller),
    })
}

fn wanted(caller: &Principal, request: proto::ListReviewsRequest) -> Result<Wanted, CallError> {
    if request.blind && !request.statuses.is_empty() {
        return Err(invalid("statuses", "a blind list is not chosen by outcome"));
    }
    let mut outcomes = Vec::with_capacity(request.statuses.len());
    for word in &request.statuses {
        let found = Found::read(word).filter(|found| found.is_for_review());
        outcomes.push(found.ok_or_else(|| {
            let words: Vec<&str> = Found::for_review().map(Found::as_str).collect();
            invalid("statuses", &format!("expected {}", words.join(", ")))
        })?);
    }
    let organisation = match request.organisation.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            invalid(
                "organisation",
                "expected scheme:code, for example GSS:E09000007",
            )
        })?),
    };
    let after = match request.page_token.as_str() {
        "" => None,
        token => {
            Some(read_place(token).ok_or_else(|| invalid("page_token", "take it from a page"))?)
        }
    };
    let limit = match request.page_size {
        0 => Some(PAGE),
        size => usize::try_from(size).ok().filter(|size| *size <= MOST),
    };
    Ok(Wanted {
        reviewer: reviewer(caller)?,
        after,
        limit: limit.ok_or_else(|| invalid("page_size", "expected 1 to 200"))?,
        outcomes,
        organisation,
    })
}

fn listed(page: Page, blind: bool) -> proto::ListReviewsResponse {
    let items = page.items.into_iter().map(|item| item_message(item, blind));
    proto::ListReviewsResponse {
        items: items.collect(),
        next_page_token: page.next.map(place).unwrap_or_default(),
        waiting: i64::try_from(page.waiting).unwrap_or(i64::MAX),
    }
}

fn item_message(item: Item, blind: bool) -> proto::ReviewItem {
    let candidate = item.candidate;
    let mut message = proto::ReviewItem {
        pair: Some(proto::ReviewPair {
            record: item.pair.record.as_bytes().to_vec(),
            candidate: item.pair.candidate.as_bytes().to_vec(),
        }),
        record_organisation: item.organisations.0.to_string(),
        candidate_organisation: item.organisations.1.to_string(),
        waiting_since: Some(crate::linkage::wire::timestamp(candidate.since)),
        ..proto::ReviewItem::default()
    };
    if !blind {
        message.status = candidate.found.as_str().to_owned();
        message.score_ten_thousandths = candidate.score;
        message.strategy =
            crate::linkage::wire::strategy_word(candidate.strategy, candidate.model.as_deref());
    }
    message
}

fn shown(explained: Explained, blind: bool) -> proto::ExplainReviewResponse {
    let (record, candidate) = &explained.stated;
    let mut evidence: Vec<proto::Evidence> = fields(record)
        .into_iter()
        .zip(fields(candidate))
        .map(|((field, record_value), (_, candidate_value))| {
            let level = match (record_value.as_str(), candidate_value.as_str()) {
                ("", "") | ("", _) | (_, "") => "missing",
                (a, b) if a == b => "the same",
                _ => "different",
            };
            proto::Evidence {
                field: field.to_owned(),
                level: level.to_owned(),
                record_value,
                candidate_value,
                ..proto::Evidence::default()
            }
        })
        .collect();
    let waterfall = &explained.waterfall;
    for step in &waterfall.steps {
        let of = |name: &str| evidence.iter().position(|row| row.field == name);
        let place = of(step.field.as_str());
        let mut row = place
            .map(|place| evidence.remove(place))
            .unwrap_or_default();
        row.field = step.field.as_str().to_owned();
        row.level = step.level.unwrap_or("missing").replace('_', " ");
        if !blind {
            row.weight_millibits = step.millibits.saturating_add(step.rarity_millibits);
            row.rarity_millibits = step.rarity_millibits;
        }
        // The address is compared as a whole: it stands before what there is of it.
        let before = match step.field {
            Field::Place => evidence.iter().position(|row| row.field == "postcode"),
            _ => None,
        };
        let place = place.or(before).unwrap_or(evidence.len());
        evidence.insert(place, row);
    }
    let prior_millibits = if blind { 0 } else { waterfall.prior };
    let obstacle = explained.obstacle.filter(|_| !blind);
    proto::ExplainReviewResponse {
        item: Some(item_message(explained.item, blind)),
        prior_millibits,
        evidence,
        obstacle: obstacle.map(sentence).unwrap_or_default().to_owned(),
    }
}

/// What an organisation said, by the names of the evidence.
fn fields(stated: &Stated) -> [(&'static str, String); 10] {
    let born = stated.birth_date.map(|day| day.to_string());
    [
        ("given_name", stated.given_name.clone()),
        ("family_name", stated.family_name.clone()),
        ("birth_date", born.unwrap_or_default()),
        ("postcode", stated.postcode.clone()),
        ("uprn", stated.uprn.clone()),
        ("email", stated.email.clone()),
        ("town", stated.town.clone()),
        ("nhs_number", stated.nhs_number.clone()),
        ("upn", stated.upn.clone()),
        ("la_child_id", stated.la_child_id.clone()),
    ]
}

fn sentence(found: Found) -> &'static str {
    match found {
        Found::TwoNhsNumbers => "the two persons have different verified NHS numbers",
        Found::BirthsFar => {
            "the two persons' dates of birth differ by more than a swap of day and month or one digit"
        }
        Found::Contradicted => "given and family names of the two persons are both far apart",
        Found::Apart => "somebody said that records of the two are different people",
        Found::Full => "together they would have more records than one person may have",
        Found::NotCovered => {
            "no signed matching agreement covers all organisations that hold records of the two"
        }
        _ => "",
    }
}

fn pair(named: Option<proto::ReviewPair>) -> Result<Pair, CallError> {
    let named = named.unwrap_or_default();
    let handle = |field: &str, bytes: &[u8]| {
        Handle::try_from(bytes).map_err(|_| invalid(field, "a handle has 16 bytes"))
    };
    Ok(Pair {
        record: handle("pair.record", &named.record)?,
        candidate: handle("pair.candidate", &named.candidate)?,
    })
}

fn invalid(field: &str, problem: &str) -> CallError {
    CallError::Invalid(vec![violation(field, problem)])
}

/// A place in the queue as text: microseconds, then the two handles.
fn place((since, record, candidate): Place) -> String {
    format!("{:x}.{record}.{candidate}", since.0)
}

fn read_place(text: &str) -> Option<Place> {
    let mut parts = text.split('.');
    let since = i64::from_str_radix(parts.next()?, 16).ok()?;
    let (record, candidate) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    (parts.next().is_none()).then_some((Instant(since), record, candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_and_read_back() {
        let at = (
            Instant(1_780_000_000_000_001),
            Handle::new([1; 16]),
            Handle::new([2; 16]),
        );
        assert_eq!(read_place(&place(at)), Some(at));
        for wrong in ["", "12", "12.34.56", "x..", &format!("{}.00", place(at))] {
            assert_eq!(read_place(wrong), None, "{wrong}");
        }
    }
}
