//! Who the children are: from the header table on disk, or from the header that came last.

use walbrook_proto::common::v1::{Date, Demographics};

use super::super::frame::index::Index;
use super::super::frame::{Content, Row};

/// Where a child's header row is found.
#[derive(Debug)]
pub enum Children {
    /// In the table, by the child's number; the table stays on disk.
    Table(Box<Index>),
    /// It came before the child's other rows, as in XML.
    Newest(Option<Box<Row>>),
}

/// What the return says of who a child is.
#[derive(Debug, Clone)]
pub struct Known {
    /// For identity only.
    pub demographics: Demographics,
    /// The header row that says so; none: there is none.
    pub header: Option<u64>,
}

impl Children {
    /// From an index over the header table.
    pub fn of(index: Index) -> Self {
        Self::Table(Box::new(index))
    }

    /// Header rows come before what is about the child.
    pub fn as_they_come() -> Self {
        Self::Newest(None)
    }

    /// A header row is read. False: the child has another one before it.
    pub fn read(&mut self, child: &str, row: &Row) -> std::io::Result<bool> {
        match self {
            Self::Table(index) => {
                let first = index.first(child)?;
                Ok(first.is_none_or(|first| first.number == row.number))
            }
            Self::Newest(newest) => {
                *newest = Some(Box::new(row.clone()));
                Ok(true)
            }
        }
    }

    /// Who a child is; `own_birth_date` is what the row at hand says, for a child without a header row.
    pub fn known(&mut self, child: &str, own_birth_date: Option<Date>) -> std::io::Result<Known> {
        let header = match self {
            Self::Table(index) => index.first(child)?,
            Self::Newest(newest) => newest
                .as_deref()
                .filter(|row| row.cell("CHILD") == Some(child)),
        };
        let header = header.filter(|row| !matches!(row.content, Content::Unreadable { .. }));
        let mut demographics = Demographics {
            la_child_id: Some(child.to_owned()),
            ..Demographics::default()
        };
        match header {
            Some(row) => {
                demographics.birth_date = row
                    .cell("DOB")
                    .and_then(|text| super::mapping::date(text).ok());
                // UN1 to UN5 say why there is none.
                demographics.upn = row
                    .cell("UPN")
                    .filter(|upn| !upn.starts_with("UN"))
                    .map(str::to_owned);
            }
            None => demographics.birth_date = own_birth_date,
        }
        Ok(Known {
            demographics,
            header: header.map(|row| row.number),
        })
    }
}
