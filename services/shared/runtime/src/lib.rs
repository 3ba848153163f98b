//! Config, telemetry, health, tasks, drain, callers.
