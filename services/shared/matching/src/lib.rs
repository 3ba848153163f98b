//! How sure it is that two records are the same person. Pure: no I/O, no clock, no randomness, no floats; the same on every machine.
//!
//! - [`demographics`], [`name`]: what an organisation says of a person, and what of it says something.
//! - [`features`]: a record in the form in which records are compared by the million.
//! - [`level`]: what is compared, and how alike two values can be.
//! - [`frequency`]: how often values occur among the records held.
//! - [`block`]: the keys under which candidates are found.
//! - [`brief`]: what puts most of them aside.
//! - [`model`]: a Fellegi–Sunter model, its file, its scores and what follows from them.
//! - [`mod@train`]: a model from records without labels.
//! - [`mod@explain`]: how a score came about.

mod bits;
pub mod block;
pub mod brief;
mod compare;
pub mod demographics;
pub mod explain;
pub mod features;
pub mod frequency;
mod letters;
pub mod level;
pub mod model;
pub mod name;
pub mod strategy;
pub mod train;

pub use block::{BlockKey, Blocks, blocks};
pub use brief::{Brief, Glance, Spelling};
pub use demographics::{Contradiction, Key, Known, Stated};
pub use explain::{Step, Waterfall, explain};
pub use features::Features;
pub use frequency::{Counts, Frequencies, Value};
pub use level::{Field, Levels};
pub use model::{Held, Model, ModelError, Outcome, Scored};
pub use name::Name;
pub use strategy::Strategy;
pub use train::{Plan, TrainError, train, untrained};
