//! Bad input at an agency's door: each fault gets a clear error that says what to do, and nothing of it reaches the log.
