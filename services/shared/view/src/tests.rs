//! Tests by part.

mod files;
mod fold;
mod pages;
mod rows;
mod support;
