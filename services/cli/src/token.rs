//! `walbrook token`: a token of the local issuer, for other clients.

use clap::Args;

use crate::caller::CallerArgs;
use crate::{Exit, Failure};

/// Print a token of the local issuer, for grpcurl and other clients; valid for twelve hours
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Event types the caller may send (for producers), for example housing.*
    #[arg(long = "event", value_name = "PATTERN")]
    pub events: Vec<String>,
    /// Who calls
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Prints it.
///
/// # Errors
/// When no role is named or the local keys are not there.
pub fn run(args: &TokenArgs) -> Result<Exit, Failure> {
    let events: Vec<&str> = args.events.iter().map(String::as_str).collect();
    let role = match (&args.caller.role, events.is_empty()) {
        (Some(role), _) => role,
        (None, false) => "producer",
        (None, true) => {
            return Err(Failure::new(
                Exit::Usage,
                "name a role (--role housing-options-officer) or the event types to send (--event 'housing.*')",
            ));
        }
    };
    println!("{}", args.caller.token(&events, role)?);
    Ok(Exit::Done)
}
