//! Tests by part.

mod children;
mod files;
mod fold;
mod history;
mod housing;
mod pages;
mod records;
mod rows;
mod support;
