//! Counts of people, and never a row.

use super::Service;
use super::form::{Faults, case_of, viewer};
use crate::answer::Served;
use crate::clock::timestamp;
use crate::convert;
use crate::count::{CountAsk, Counted};
use crate::error::ReadError;
use walbrook_proto::view::v1 as proto;
use walbrook_runtime::callers::Principal;
use walbrook_view::cohort::{Category, Cell, Dimension, LEAST, ROUNDED_TO};

impl Service {
    pub(super) async fn count(
        &self,
        principal: &Principal,
        request: proto::CountRowsRequest,
    ) -> Result<proto::CountRowsResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let context = request.context.unwrap_or_default();
        faults.context(&context);
        let by = served
            .as_ref()
            .map(|served| dimensions(served, &request.by, &mut faults));
        let (served, by) = faults.end(served.zip(by))?;
        let (viewer, role_held) = viewer(principal, &context)?;
        let role = viewer.role.clone();
        let ask = CountAsk {
            viewer,
            case_reference: case_of(context.case_reference),
            role_held,
            by,
        };
        let counted = self.reads.count(&served, ask).await?;
        Ok(response(&counted, &served, &role))
    }
}

/// The dimensions asked for, in the file's order.
fn dimensions(served: &Served, by: &[String], faults: &mut Faults) -> Vec<String> {
    let known = || served.view.cohort.iter().map(|one| one.name.as_str());
    if by.iter().any(|name| !known().any(|known| known == name)) {
        let names: Vec<&str> = known().collect();
        let description = match names.as_slice() {
            [] => "this view has no table of counts".to_owned(),
            names => format!("there is no such dimension; there are {}", names.join(", ")),
        };
        faults.add("by", "DIMENSION_UNKNOWN", &description);
    }
    known()
        .filter(|known| by.iter().any(|name| name == known))
        .map(str::to_owned)
        .collect()
}

fn response(counted: &Counted, served: &Served, role: &str) -> proto::CountRowsResponse {
    let kept = counted.table.kept.iter();
    let dimensions = kept.filter_map(|place| served.view.cohort.get(*place));
    proto::CountRowsResponse {
        dimensions: dimensions.map(dimension).collect(),
        cells: counted.table.cells.iter().map(cell).collect(),
        least: u32::try_from(LEAST).unwrap_or(u32::MAX),
        rounded_to: u32::try_from(ROUNDED_TO).unwrap_or(u32::MAX),
        facts: Some(proto::AnswerFacts {
            read_id: counted.read_id.clone(),
            evaluated_at: Some(timestamp(counted.evaluated_at)),
            grounds_applied_through: Some(timestamp(counted.grounds_applied_through)),
            sources: counted.sources.iter().map(convert::source).collect(),
            withheld: counted.withheld.clone(),
            view: Some(convert::shape(&served.view, role)),
            ..proto::AnswerFacts::default()
        }),
    }
}

fn dimension(dimension: &Dimension) -> proto::CohortDimension {
    let category = |category: &Category| proto::CohortCategory {
        name: category.name.clone(),
        label: category.label.clone(),
    };
    proto::CohortDimension {
        name: dimension.name.clone(),
        label: dimension.label.clone(),
        meaning: dimension.meaning.clone(),
        categories: dimension.categories.iter().map(category).collect(),
    }
}

fn cell(cell: &Cell) -> proto::CohortCell {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    proto::CohortCell {
        categories: cell.categories.iter().copied().map(number).collect(),
        people: cell
            .people
            .map(|people| u32::try_from(people).unwrap_or(u32::MAX)),
        groups: cell.groups,
        groups_withheld: cell.withheld,
    }
}
