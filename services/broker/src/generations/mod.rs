//! New generations of `shared.<purpose>`: when more of a purpose's topic is superseded than stands, what stands is copied to the next generation
//! ([`copier`]), the control plane switches to it, and every partition number goes over at its epoch ([`crate::enforce::machine`]).

pub mod copier;
pub mod keeper;
pub mod live;
pub mod look;
pub mod metrics;
pub mod runner;
pub mod state;
