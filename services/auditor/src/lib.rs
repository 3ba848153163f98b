//! Proof: every decision derived again.
