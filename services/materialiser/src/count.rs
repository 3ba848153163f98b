//! Counts: cohort mode. The same steps as a read of rows, and no row at all: the record says which table was told, by its hash.

use crate::answer::{Ask, Reads, Served, Subject};
use crate::book::Known as Agreements;
use crate::clock;
use crate::compute::{basis, standing};
use crate::error::ReadError;
use std::sync::Arc;
use std::time::Instant as Monotonic;
use walbrook_domain::{AgreementId, AgreementVersion, Instant, WorkingCalendar};
use walbrook_policy::agreement::Mode;
use walbrook_policy::catalogue::FieldKind;
use walbrook_proto::audit::v1 as audit;
use walbrook_view::cohort::{self, CountQuery, Groups, Of, Table};
use walbrook_view::model::Mode as Offered;
use walbrook_view::query::Query;
use walbrook_view::row::Asked;
use walbrook_view::{BookReading, Freshness, IntegrityError, Reading, Sources, View, Viewer};

const OPERATION: &str = "COUNT";

/// A count, checked for form.
#[derive(Debug, Clone)]
pub struct CountAsk {
    /// Who reads.
    pub viewer: Viewer,
    /// The case, where the reader names one.
    pub case_reference: Option<String>,
    /// The role is one of the token's.
    pub role_held: bool,
    /// Dimensions to keep, in the file's order.
    pub by: Vec<String>,
}

/// What a count is answered with.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The read's id.
    pub read_id: String,
    /// The table.
    pub table: Table,
    /// What it is stated for.
    pub evaluated_at: Instant,
    /// How sources stand.
    pub sources: Vec<Freshness>,
    /// What agreements do not grant.
    pub withheld: Vec<String>,
    /// Through when grounds are applied.
    pub grounds_applied_through: Instant,
}

/// What was counted under one state of the agreements.
struct Computed {
    query: CountQuery,
    evaluated_at: Instant,
    entitlements: Vec<(AgreementId, AgreementVersion)>,
    applied: Vec<(i32, i64)>,
    table: Table,
    sources: Vec<Freshness>,
    withheld: Vec<String>,
}

impl CountAsk {
    /// Why it is refused, if it is, before any agreement is asked.
    fn refusal(&self, served: &Served) -> Option<(&'static str, ReadError)> {
        if !self.role_held {
            return Some(("ROLE_NOT_HELD", ReadError::WrongRole));
        }
        let offered = served.view.modes.contains(&Offered::Cohort);
        (!offered).then_some(("MODE", ReadError::NotByCounts))
    }

    /// What a record of it has in common with records of other reads.
    fn read(&self, read_id: &str, evaluated_at: Instant) -> Ask {
        Ask {
            read_id: read_id.to_owned(),
            viewer: self.viewer.clone(),
            case_reference: self.case_reference.clone(),
            operation: OPERATION,
            subject: Subject::Everyone,
            evaluated_at,
            query: Query::one(),
            only: None,
            role_held: self.role_held,
            glass: None,
        }
    }
}

impl Reads {
    /// Answers a count, once it is on record.
    ///
    /// # Errors
    /// Why nothing is answered.
    pub async fn count(&self, served: &Arc<Served>, ask: CountAsk) -> Result<Counted, ReadError> {
        let began = Monotonic::now();
        let answered = self.counted(served, ask).await;
        let outcome = match &answered {
            Ok(counted) if counted.table.is_empty() => "empty",
            Ok(_) => "answered",
            Err(ReadError::Integrity(_)) => {
                self.metrics().integrity();
                "failed"
            }
            Err(ReadError::WrongRole | ReadError::NotByCounts) => "refused",
            Err(_) => "failed",
        };
        self.metrics()
            .read(&served.view.name, OPERATION, outcome, began.elapsed());
        answered
    }

    async fn counted(&self, served: &Arc<Served>, ask: CountAsk) -> Result<Counted, ReadError> {
        let read_id = uuid::Uuid::new_v4().to_string();
        let ask = Arc::new(ask);
        let (computed, through) = self
            .recorded(served, |agreements, through| {
                let (ask, read_id) = (Arc::clone(&ask), read_id.clone());
                let (served, calendar) = (Arc::clone(served), Arc::clone(self.calendar()));
                async move {
                    // A count walks everyone: off the threads that serve.
                    let work = move || {
                        let computed = compute(&served, &agreements, &ask, &calendar)?;
                        let record =
                            record(&served, &ask, &read_id, &agreements, &computed, through);
                        Ok::<_, IntegrityError>((record, computed))
                    };
                    let done = tokio::task::spawn_blocking(work).await;
                    Ok(done.map_err(|_| ReadError::Work)??)
                }
            })
            .await?;
        if let Some((_, refused)) = ask.refusal(served) {
            return Err(refused);
        }
        Ok(Counted {
            read_id,
            table: computed.table,
            evaluated_at: computed.evaluated_at,
            sources: computed.sources,
            withheld: computed.withheld,
            grounds_applied_through: through,
        })
    }
}

fn compute(
    served: &Served,
    agreements: &Agreements,
    ask: &CountAsk,
    calendar: &WorkingCalendar,
) -> Result<Computed, IntegrityError> {
    let view = &served.view;
    let read_at = clock::now();
    let evaluated_at = cohort::stated_for(read_at);
    let reading = BookReading::in_mode(&agreements.book, &ask.viewer, view, Mode::Cohort, read_at);
    let entitlements = match ask.refusal(served) {
        None => reading.entitlements(),
        Some(_) => Vec::new(),
    };
    let asked = Asked {
        view,
        reading: &reading,
        evaluated_at,
        case_named: false,
        glass_broken: false,
        disputes: None,
        calendar,
    };
    let mut groups = Groups::new(&view.cohort);
    let mut applied = Vec::new();
    if !entitlements.is_empty() {
        for (held, number) in served.shelf.partitions().iter().zip(0..) {
            let held = held.read();
            applied.push((number, held.next_offset));
            groups.collect(&asked, &held.state)?;
        }
    }
    let entitled = !entitlements.is_empty();
    let (sources, mut withheld) = standing(served, &reading, entitled, evaluated_at);
    if entitled {
        withheld = not_granted(
            view,
            &Sources::new(view, &reading, evaluated_at.london_day()),
        );
    }
    Ok(Computed {
        table: Table::of(&groups, &ask.by),
        query: CountQuery {
            read_at,
            by: ask.by.clone(),
        },
        evaluated_at,
        entitlements,
        applied,
        sources,
        withheld,
    })
}

/// The dimensions that no agreement of this viewer feeds, in words: a table rests on less than a row does.
fn not_granted(view: &View, sources: &Sources<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for dimension in &view.cohort {
        let output = match &dimension.of {
            Of::Band => continue,
            Of::Codes { output, .. } | Of::Ranges { output, .. } | Of::YesNo { output } => output,
        };
        let feature = view.features.iter().find(|feature| {
            let outputs = feature.outputs(|_, _| FieldKind::Text);
            outputs.iter().any(|(name, _)| name == output)
        });
        let selects = feature
            .into_iter()
            .flat_map(|feature| feature.kind.selects());
        let words = selects.filter_map(|select| sources.withheld(select)).next();
        lines.extend(words.map(|words| format!("{}: {words}", dimension.label)));
    }
    lines
}

fn record(
    served: &Served,
    ask: &CountAsk,
    read_id: &str,
    agreements: &Agreements,
    computed: &Computed,
    through: Instant,
) -> audit::ReadRecord {
    let said = if let Some((reason, _)) = ask.refusal(served) {
        ("REFUSED", reason)
    } else if computed.entitlements.is_empty() {
        ("REFUSED", "NO_AGREEMENT")
    } else if computed.table.is_empty() {
        ("EMPTY", "NOTHING_TO_SHOW")
    } else {
        ("ANSWERED", "ENTITLED")
    };
    // An empty table is told too: that every group is small.
    let told = said.0 != "REFUSED";
    audit::ReadRecord {
        query: computed.query.to_string(),
        table_sha256: told.then(|| computed.table.sha256().to_vec()),
        ..basis(
            served,
            &ask.read(read_id, computed.evaluated_at),
            said,
            agreements,
            (&computed.entitlements, &computed.applied),
            through,
        )
    }
}
