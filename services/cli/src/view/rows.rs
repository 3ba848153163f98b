//! Rows as tables a person can read.

use clap::Args;
use comfy_table::Table;
use prost_types::Timestamp;
use walbrook_domain::{Day, Instant, Pseudonym};
use walbrook_proto::view::v1::cell::Value;
use walbrook_proto::view::v1::get_row_request::Subject;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{
    AnswerFacts, Cell, GetRowRequest, ListRowsRequest, LocalRecord, ReadContext, Row,
};

use crate::caller::{CallerArgs, refused};
use crate::table::table;
use crate::{Exit, Failure};

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
    /// How each source stands, too
    #[arg(long)]
    pub sources: bool,
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
    /// Only these columns; all when left out
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub columns: Vec<String>,
}

/// One person.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("person").required(true).args(["local_id", "pseudonym"]))]
pub struct GetArgs {
    /// Who reads what, when
    #[command(flatten)]
    pub read: ReadArgs,
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

fn wrong(problem: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, problem.into())
}

impl GetArgs {
    fn subject(&self) -> Result<Subject, Failure> {
        if let Some(hex) = &self.pseudonym {
            let pseudonym: Pseudonym = hex
                .parse()
                .map_err(|error: walbrook_domain::WordError| wrong(error.to_string()))?;
            return Ok(Subject::Pseudonym(pseudonym.as_bytes().to_vec()));
        }
        match (&self.agency, &self.local_id) {
            (Some(agency), Some(local_id)) => Ok(Subject::Local(LocalRecord {
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
    fn context(&self) -> Result<ReadContext, Failure> {
        let role = self.caller.role.clone().ok_or_else(|| {
            wrong("name the role to read in with --role, for example housing-options-officer")
        })?;
        Ok(ReadContext {
            role,
            case_reference: self.case.clone(),
        })
    }

    fn evaluate_at(&self) -> Result<Option<Timestamp>, Failure> {
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
    if rows.is_empty() {
        println!("nothing to show");
    } else {
        println!("{}", rows_table(&rows, &args.columns));
        println!("{} of {total} rows", rows.len());
    }
    print_facts(&facts, args.read.sources);
    Ok(Exit::Done)
}

/// Prints one row, a line a column.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn get(args: GetArgs) -> Result<Exit, Failure> {
    let subject = args.subject()?;
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
        subject: Some(subject),
    };
    let response = ViewsClient::new(connection).get_row(request).await;
    let answer = response.map_err(refused("get"))?.into_inner();
    match &answer.row {
        None => println!("nothing to show"),
        Some(row) => {
            let mut cells = table(["Column", "Value"]);
            cells.add_row(["person".to_owned(), hex(&row.pseudonym)]);
            if !row.band.is_empty() {
                cells.add_row(["points".to_owned(), points(row.points_hundredths)]);
                cells.add_row(["band".to_owned(), row.band.clone()]);
            }
            for cell in &row.cells {
                cells.add_row([cell.column.clone(), shown(cell)]);
            }
            println!("{cells}");
            for reason in &row.reasons {
                println!("- {}", reason.sentence);
            }
            if args.read.sources {
                for source in &row.sources {
                    println!(
                        "  {} {}: {}",
                        source.event_type, source.organisation, source.statement
                    );
                }
            }
        }
    }
    print_facts(&answer.facts.unwrap_or_default(), args.read.sources);
    Ok(Exit::Done)
}

fn rows_table(rows: &[Row], only: &[String]) -> Table {
    let scored = rows.iter().any(|row| !row.band.is_empty());
    let wanted = |cell: &&Cell| only.is_empty() || only.contains(&cell.column);
    let mut heads = vec!["person".to_owned()];
    if scored {
        heads.extend(["points".to_owned(), "band".to_owned()]);
    }
    if let Some(first) = rows.first() {
        heads.extend(
            first
                .cells
                .iter()
                .filter(wanted)
                .map(|cell| cell.column.clone()),
        );
    }
    heads.push("reasons".to_owned());
    let mut table = table([""; 0]);
    table.set_header(heads);
    for row in rows {
        let mut line = vec![hex(&row.pseudonym).chars().take(8).collect()];
        if scored {
            line.extend([points(row.points_hundredths), row.band.clone()]);
        }
        line.extend(row.cells.iter().filter(wanted).map(shown));
        let reasons: Vec<&str> = row
            .reasons
            .iter()
            .map(|reason| reason.sentence.as_str())
            .collect();
        line.push(reasons.join("\n"));
        table.add_row(line);
    }
    table
}

/// Hundredths of a point as points.
pub fn points(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let number = hundredths.unsigned_abs();
    match number % 100 {
        0 => format!("{sign}{}", number / 100),
        rest => format!("{sign}{}.{rest:02}", number / 100),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shown(cell: &Cell) -> String {
    match &cell.value {
        None => "–".to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Text(text) | Value::NotKnown(text)) => text.clone(),
        Some(Value::Flag(true)) => "yes".to_owned(),
        Some(Value::Flag(false)) => "no".to_owned(),
        Some(Value::Date(date)) => {
            format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
        }
        Some(Value::Instant(at)) => instant(at),
    }
}

fn instant(at: &Timestamp) -> String {
    Instant::from_seconds_nanos(at.seconds, at.nanos)
        .map_or_else(|| "–".to_owned(), Instant::rfc3339)
}

fn print_facts(facts: &AnswerFacts, sources: bool) {
    let at = |at: &Option<Timestamp>| at.as_ref().map_or_else(|| "–".to_owned(), instant);
    println!(
        "stated for {}; every withdrawal through {} is applied; read {}",
        at(&facts.evaluated_at),
        at(&facts.grounds_applied_through),
        facts.read_id
    );
    for line in &facts.withheld {
        println!("{line}");
    }
    if sources {
        for source in &facts.sources {
            println!(
                "{} {}: {}",
                source.event_type, source.organisation, source.statement
            );
        }
    }
}
