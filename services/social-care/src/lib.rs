//! Facts of children's social care as an agency: their event types, the rules particular to them, and the address of their service.
//! The generic gateway owns the behaviour; what holds for every event is checked there.

pub mod rules;
