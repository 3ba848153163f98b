//! Tests by part.

mod files;
mod fold;
mod rows;
mod support;
