//! How sure it is that two records are the same person: demographics as compared. Pure: no I/O, no clock, no randomness.

pub mod demographics;
pub mod name;
pub mod strategy;

pub use demographics::{Contradiction, Key, Known, Stated};
pub use name::Name;
pub use strategy::Strategy;
