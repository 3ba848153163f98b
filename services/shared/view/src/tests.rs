//! Tests by part.

mod children;
mod files;
mod fold;
mod pages;
mod rows;
mod support;
