//! What the system needs and does not have: the caller is told what to do, and nothing that was acknowledged is lost.
