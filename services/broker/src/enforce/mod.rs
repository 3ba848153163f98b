//! The enforcement loop: what may be shared, decided once for each event, and again when a ground, a link or an agreement demands it.
//!
//! The core is sans-IO: [`partition`] goes from one state to the next, [`decide`] and [`redecide`] say what is to be written, and time and
//! randomness are arguments. [`machine`] is the loop of a member around it, sans-IO too: [`member`] drives it on the log, the simulation in memory.

mod again;
pub mod book;
mod changes;
pub mod clients;
pub mod control_view;
pub mod decide;
pub mod error;
pub mod feed;
mod flat;
mod hand;
mod heartbeat;
pub mod incoming;
pub mod kept;
pub mod keys;
pub mod lane;
pub mod links;
pub mod machine;
pub mod member;
pub mod metrics;
mod near;
pub mod outgoing;
mod owned;
pub mod page;
pub mod partition;
pub mod planted;
pub mod queue;
pub mod rebuild;
pub mod redecide;
pub mod shards;
pub mod snapshot;
pub mod stamp;
pub mod standing;
pub mod start;
mod template;
mod thing;
mod trace;
