//! Tests by part.

mod area;
mod children;
mod clocks;
mod cohort;
mod delivered;
mod disputes;
mod explained;
mod files;
mod fold;
mod glass;
mod histories;
mod history;
mod housing;
mod limits;
mod notice;
mod pages;
mod passing;
mod records;
mod risk;
mod rows;
mod setting;
mod support;
