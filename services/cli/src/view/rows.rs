//! `walbrook view list` and `get`: rows, asked for and printed.

use clap::Args;
use prost_types::Timestamp;
use walbrook_domain::{Day, Instant, Pseudonym};
use walbrook_proto::view::v1::get_row_request::Subject;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{
    AnswerFacts, GetRowRequest, ListRowsRequest, LocalRecord, ReadContext, Row, ViewShape,
};

use crate::caller::{CallerArgs, refused};
use crate::{Exit, Failure};

use super::sheet::{self, Columns};
use walbrook_view::glass::REASONS;

/// What both reads take.
#[derive(Debug, Clone, Args)]
pub struct ReadArgs {
    /// The view, for example rough_sleeping_risk
    #[arg(value_name = "VIEW")]
    pub view: String,
    /// The case this is about, where the agreement demands one; a reference, never a name
    #[arg(long, value_name = "REFERENCE", default_value = "")]
    pub case: String,
    /// The day or instant (RFC 3339) the rows are stated for; now when left out
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
    /// How each source of the view stands, too
    #[arg(long)]
    pub sources: bool,
    /// Print JSON, with everything
    #[arg(long)]
    pub json: bool,
    /// Who reads; `--role` is one of the reader roles of an agreement
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// A list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Who reads what, when
    #[command(flatten)]
    pub read: ReadArgs,
    /// Rows to show at most
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    pub limit: u32,
    /// Only rows for which this holds, over columns by name, points_hundredths and band, for example 'contacts_28d >= 3 and band = "HIGH"'
    #[arg(long = "where", value_name = "CONDITION", default_value = "")]
    pub only: String,
    /// In the order of this column, by name; by points, most first, when left out
    #[arg(long, value_name = "COLUMN", default_value = "")]
    pub order_by: String,
    /// Largest, latest or last first
    #[arg(long, requires = "order_by")]
    pub descending: bool,
    /// These columns, by name, instead of the few that the view's file marks for lists
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// All columns, however wide
    #[arg(long, conflicts_with = "columns")]
    pub wide: bool,
}

/// One person.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// Who reads what, when
    #[command(flatten)]
    pub read: ReadArgs,
    /// About whom
    #[command(flatten)]
    pub person: PersonArgs,
    /// See somebody beyond scope, for this reason, with --case; it holds for some hours, and a second person reviews it
    #[arg(long, value_name = "REASON", value_parser = clap::builder::PossibleValuesParser::new(REASONS))]
    pub break_glass: Option<String>,
}

/// About whom: the reader's own record, or a pseudonym.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("person").required(true).args(["local_id", "pseudonym"]))]
pub struct PersonArgs {
    /// The agency whose service holds the reader's own record, for example housing
    #[arg(long, requires = "local_id")]
    pub agency: Option<String>,
    /// What kind of number the local id is
    #[arg(long, default_value = "LOCAL")]
    pub scheme: String,
    /// The reader's own number for the person
    #[arg(long, value_name = "ID", requires = "agency")]
    pub local_id: Option<String>,
    /// The person under the view's purpose, 32 hex characters
    #[arg(long, value_name = "HEX")]
    pub pseudonym: Option<String>,
}

/// A person as both calls name one.
pub(super) enum Person {
    /// By pseudonym.
    Pseudonym(Vec<u8>),
    /// By the reader's own record.
    Local(LocalRecord),
}

pub(super) fn wrong(problem: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, problem.into())
}

/// A pseudonym as people write it.
pub(super) fn pseudonym(hex: &str) -> Result<Vec<u8>, Failure> {
    let pseudonym: Pseudonym = hex
        .parse()
        .map_err(|error: walbrook_domain::WordError| wrong(error.to_string()))?;
    Ok(pseudonym.as_bytes().to_vec())
}

impl PersonArgs {
    pub(super) fn person(&self) -> Result<Person, Failure> {
        if let Some(hex) = &self.pseudonym {
            return pseudonym(hex).map(Person::Pseudonym);
        }
        match (&self.agency, &self.local_id) {
            (Some(agency), Some(local_id)) => Ok(Person::Local(LocalRecord {
                agency: agency.clone(),
                id_scheme: self.scheme.clone(),
                local_id: local_id.clone(),
            })),
            _ => Err(wrong(
                "name a person with --agency and --local-id, or with --pseudonym",
            )),
        }
    }
}

impl ReadArgs {
    pub(super) fn context(&self) -> Result<ReadContext, Failure> {
        let role = self.caller.role.clone().ok_or_else(|| {
            wrong("name the role to read in with --role, for example housing-options-officer")
        })?;
        Ok(ReadContext {
            role,
            case_reference: self.case.clone(),
            ..ReadContext::default()
        })
    }

    /// What the answer rests on, below the rows.
    pub(super) fn rest(&self, facts: &AnswerFacts) {
        if self.sources {
            let shape = facts.view.clone().unwrap_or_default();
            println!("Sources of the view, whoever the person:");
            println!("{}", sheet::sources(&facts.sources, &shape));
        }
        println!("{}", sheet::footing(facts));
    }

    pub(super) fn evaluate_at(&self) -> Result<Option<Timestamp>, Failure> {
        let Some(text) = &self.at else {
            return Ok(None);
        };
        let at = match text.parse::<Day>() {
            // The last moment of the day: everything that happened on it counts.
            Ok(day) => Instant(day.plus(1).start().micros() - 1),
            Err(_) => Instant::parse_rfc3339(text).map_err(|error| wrong(error.to_string()))?,
        };
        Ok(Some(Timestamp {
            seconds: at.micros().div_euclid(1_000_000),
            nanos: i32::try_from(at.micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0),
        }))
    }
}

/// Prints a list, page after page up to the limit.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn list(args: ListArgs) -> Result<Exit, Failure> {
    let role = args.read.context()?.role;
    let connection = args.read.caller.connect("materialiser", &role).await?;
    let mut client = ViewsClient::new(connection);
    let mut rows: Vec<Row> = Vec::new();
    let mut page_token = String::new();
    let (total, facts) = loop {
        let left = args
            .limit
            .saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        let request = ListRowsRequest {
            view: args.read.view.clone(),
            context: Some(args.read.context()?),
            page_size: left.clamp(1, 500),
            page_token,
            evaluate_at: args.read.evaluate_at()?,
            r#where: args.only.clone(),
            order_by: args.order_by.clone(),
            descending: args.descending,
        };
        let response = client.list_rows(request).await;
        let answer = response.map_err(refused("list"))?.into_inner();
        rows.extend(answer.rows);
        page_token = answer.next_page_token;
        let enough = u32::try_from(rows.len()).is_ok_and(|count| count >= args.limit);
        if page_token.is_empty() || enough {
            break (answer.total, answer.facts.unwrap_or_default());
        }
    };
    if args.read.json {
        println!("{:#}", sheet::json(&rows, total, &facts));
        return Ok(Exit::Done);
    }
    let shape = facts.view.clone().unwrap_or_default();
    let columns = match (args.wide, args.columns.as_slice()) {
        (true, _) => Columns::Wide,
        (false, []) => Columns::Listed,
        (false, named) => {
            known_columns(named, &shape)?;
            Columns::Named(named)
        }
    };
    if rows.is_empty() {
        println!("Nothing to show.");
    } else {
        println!("{}", shape.title);
        println!("{}", sheet::list(&rows, &shape, &columns));
        println!("{} of {total} people.", rows.len());
    }
    args.read.rest(&facts);
    Ok(Exit::Done)
}

/// Prints one row, a line a column.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn get(args: GetArgs) -> Result<Exit, Failure> {
    let subject = match args.person.person()? {
        Person::Pseudonym(bytes) => Subject::Pseudonym(bytes),
        Person::Local(local) => Subject::Local(local),
    };
    let context = args.read.context()?;
    let connection = args
        .read
        .caller
        .connect("materialiser", &context.role)
        .await?;
    let request = GetRowRequest {
        view: args.read.view.clone(),
        context: Some(context),
        evaluate_at: args.read.evaluate_at()?,
        break_glass: args.break_glass.clone().unwrap_or_default(),
        subject: Some(subject),
    };
    let response = ViewsClient::new(connection).get_row(request).await;
    let answer = response.map_err(refused("get"))?.into_inner();
    let facts = answer.facts.unwrap_or_default();
    if args.read.json {
        let total = u32::from(answer.row.is_some());
        println!("{:#}", sheet::json(answer.row.as_slice(), total, &facts));
        return Ok(Exit::Done);
    }
    match &answer.row {
        None => println!("Nothing to show."),
        Some(row) => println!("{}", sheet::person(row, &facts)),
    }
    if let Some(glass) = &facts.break_glass {
        println!("{}", super::glass::held(glass));
    }
    args.read.rest(&facts);
    Ok(Exit::Done)
}

fn known_columns(named: &[String], shape: &ViewShape) -> Result<(), Failure> {
    let known: Vec<&str> = shape
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    match named.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(wrong(format!(
            "there is no column {name}; there are {}",
            known.join(", ")
        ))),
    }
}
