//! Joined views, pure: a view as a file, the fold of released contributions, and the row computed for one viewer.
//!
//! It is a crate of its own, and not part of the materialiser, because two processes must compute the same row: the materialiser that answers, and
//! the auditor that derives the answer again from the topics and compares hashes. The auditor may not know the materialiser, so what both need
//! stands below both. Nothing here does I/O, reads a clock or draws a random number; state changes are told, so that a store can follow.
//!
//! - [`wire`]: a record of `shared.<purpose>` as an [`Input`].
//! - [`state`]: the fold of one partition; [`facts`] and their stored form.
//! - [`reading`]: what the agreements let one viewer read, as a view asks for it.
//! - [`united`]: from contributions to events, once each, in one order.
//! - [`model`], [`mod@file`]: views as typed data, read from files with every fault named.
//! - [`feature`], [`interval`], [`clock`], [`mod@records`], [`known`]: what is computed, and how absence is said.
//! - [`feeding`]: whether agreements can feed a view.
//! - [`passing`]: when a row changes because time passes.
//! - [`row`]: the row, its canonical encoding and hash; [`explain`]: the events behind it; [`decision`]: what officers decided because of it.
//! - [`delivered`]: a row as it stands on a topic of an organisation's own; [`mod@left`]: why it stands there no more.
//! - [`glass`]: reads beyond scope under break-glass, and their review.
//! - [`dispute`]: events that somebody disputes, and the cells they are marked in.
//! - [`cohort`]: counts of people in groups, and never a row.
//! - [`notice`]: what fell of rows that somebody was shown.
//! - [`order`], [`page`]: rows of many people, chosen and in order; [`query`]: the question of a read as text.

mod area;
pub mod canon;
pub mod clock;
pub mod cohort;
pub mod condition;
pub mod decision;
pub mod delivered;
pub mod dispute;
mod document;
pub mod explain;
pub mod facts;
pub mod feature;
pub mod feeding;
pub mod file;
pub mod glass;
pub mod interval;
mod item;
pub mod known;
pub mod left;
mod limit;
pub mod model;
mod nesting;
pub mod notice;
pub mod order;
pub mod page;
pub mod passing;
pub mod query;
pub mod reading;
pub mod records;
pub mod row;
pub mod state;
pub mod united;
pub mod value;
pub mod wire;

pub use facts::{Contribution, ContributionKey, Input, Retraction, SubjectFacts};
pub use item::{FORMAT, Touched};
pub use known::{Freshness, Known, Sources};
pub use model::View;
pub use passing::Agenda;
pub use reading::{BookReading, Grant, Reading, Source, Standing, Viewer};
pub use row::{Asked, Cell, Reason, RestsOn, Row};
pub use state::{Change, Expired, Partition, Past, Person, Removed};
pub use united::IntegrityError;
pub use value::Value;

#[cfg(test)]
mod tests;
