//! `walbrook view count`: how many people, in groups, and never a row.

use clap::Args;
use serde_json::{Value as Json, json};
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{
    CohortCell, CohortDimension, CountRowsRequest, CountRowsResponse, ReadContext,
};

use super::sheet;
use crate::caller::{CallerArgs, refused};
use crate::table::{numbers, table};
use crate::{Exit, Failure};

/// A count.
#[derive(Debug, Args)]
pub struct CountArgs {
    /// The view, for example rough_sleeping_risk
    #[arg(value_name = "VIEW")]
    pub view: String,
    /// The dimensions of the view's table to keep; everybody together when left out. Two make a cross-tabulation
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    pub by: Vec<String>,
    /// The case this is about, where the agreement demands one; a reference, never a name
    #[arg(long, value_name = "REFERENCE", default_value = "")]
    pub case: String,
    /// Print JSON, with everything
    #[arg(long)]
    pub json: bool,
    /// Who reads; `--role` is one that an agreement names in cohort mode
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Asks and prints.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn run(args: CountArgs) -> Result<Exit, Failure> {
    let role = args.caller.role.clone().ok_or_else(|| {
        let problem = "name the role to read in with --role, for example statistician";
        Failure::new(Exit::Usage, problem)
    })?;
    let connection = args.caller.connect("materialiser", &role).await?;
    let request = CountRowsRequest {
        view: args.view.clone(),
        context: Some(ReadContext {
            role,
            case_reference: args.case.clone(),
            ..ReadContext::default()
        }),
        by: args.by.clone(),
    };
    let response = ViewsClient::new(connection).count_rows(request).await;
    let answer = response.map_err(refused("count"))?.into_inner();
    if args.json {
        println!("{:#}", as_json(&answer));
    } else {
        print!("{}", rendered(&answer));
    }
    Ok(Exit::Done)
}

/// The category of a cell in a dimension, by name and by label.
fn category<'a>(
    dimensions: &'a [CohortDimension],
    cell: &CohortCell,
    place: usize,
) -> (&'a str, &'a str) {
    let number = cell.categories.get(place).copied();
    let number = number.and_then(|number| usize::try_from(number).ok());
    let dimension = dimensions.get(place);
    dimension
        .zip(number)
        .and_then(|(dimension, number)| dimension.categories.get(number))
        .map_or(("", ""), |found| {
            (found.name.as_str(), found.label.as_str())
        })
}

fn people(cell: &CohortCell) -> String {
    cell.people
        .map_or_else(|| "–".to_owned(), |people| people.to_string())
}

/// One dimension as lines, two as a cross-tabulation, more as lines again.
fn rendered(answer: &CountRowsResponse) -> String {
    let facts = answer.facts.clone().unwrap_or_default();
    let title = facts.view.as_ref().map_or("", |view| view.title.as_str());
    let body = match answer.dimensions.as_slice() {
        [rows, columns] => crossed(rows, columns, &answer.cells),
        dimensions => lines(dimensions, &answer.cells),
    };
    let withheld: u64 = answer
        .cells
        .iter()
        .map(|cell| u64::from(cell.groups_withheld))
        .sum();
    let groups: u64 = answer.cells.iter().map(|cell| u64::from(cell.groups)).sum();
    let (least, rounded_to) = (answer.least, answer.rounded_to);
    format!(
        "{title}, as of the end of the last whole month\n{body}\n– : nothing is told. Of {groups} finest groups {withheld} have fewer than {least} people, \
         or none, and are counted nowhere; the others are rounded to multiples of {rounded_to} and added up, so every number here leaves people out.\n{}\n",
        sheet::footing(&facts)
    )
}

fn lines(dimensions: &[CohortDimension], cells: &[CohortCell]) -> String {
    let mut rows = table(["Group", "People", "Groups", "Not counted"]);
    numbers(&mut rows, 1..4);
    for cell in cells {
        let labels: Vec<&str> = (0..dimensions.len())
            .map(|place| category(dimensions, cell, place).1)
            .collect();
        let group = match labels.as_slice() {
            [] => "everybody".to_owned(),
            labels => labels.join(", "),
        };
        let (groups, withheld) = (cell.groups.to_string(), cell.groups_withheld.to_string());
        rows.add_row([group, people(cell), groups, withheld]);
    }
    let headings: Vec<&str> = dimensions.iter().map(|one| one.label.as_str()).collect();
    match headings.as_slice() {
        [] => rows.to_string(),
        headings => format!("By {}\n{rows}", headings.join(", ")),
    }
}

fn crossed(first: &CohortDimension, second: &CohortDimension, cells: &[CohortCell]) -> String {
    let mut rows = table([""]);
    let mut heads = vec![format!("{} \\ {}", first.label, second.label)];
    heads.extend(
        second
            .categories
            .iter()
            .map(|category| category.label.clone()),
    );
    rows.set_header(heads);
    numbers(&mut rows, 1..second.categories.len() + 1);
    let of_row = cells.chunks(second.categories.len().max(1));
    for (category, cells) in first.categories.iter().zip(of_row) {
        let mut line = vec![category.label.clone()];
        line.extend(cells.iter().map(people));
        rows.add_row(line);
    }
    rows.to_string()
}

fn as_json(answer: &CountRowsResponse) -> Json {
    let facts = answer.facts.clone().unwrap_or_default();
    let cells = answer.cells.iter().map(|cell| {
        let of: serde_json::Map<String, Json> = answer
            .dimensions
            .iter()
            .enumerate()
            .map(|(place, dimension)| {
                let (name, _) = category(&answer.dimensions, cell, place);
                (dimension.name.clone(), name.into())
            })
            .collect();
        json!({ "of": of, "people": cell.people, "groups": cell.groups, "groups_withheld": cell.groups_withheld })
    });
    let seconds = facts.evaluated_at.as_ref().map(|at| at.seconds);
    let stated_for = seconds.map(|seconds| walbrook_domain::Instant(seconds * 1_000_000).rfc3339());
    json!({
        "cells": cells.collect::<Vec<_>>(), "least": answer.least, "rounded_to": answer.rounded_to,
        "read_id": facts.read_id, "stated_for": stated_for, "withheld": facts.withheld,
    })
}

#[cfg(test)]
mod tests;
