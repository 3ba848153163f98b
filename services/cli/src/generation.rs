//! `walbrook generation`: new generations of `shared.<purpose>`: begin one, see how they stand.

use clap::{Args, Subcommand};
use walbrook_proto::control::v1 as proto;

use crate::agreement::{again, control, key, receipt_json};
use crate::caller::{CallerArgs, refused};
use crate::table::{numbers, table};
use crate::{Exit, Failure};

/// Generations of purposes' topics.
#[derive(Debug, Args)]
pub struct GenerationArgs {
    /// What to do
    #[command(subcommand)]
    pub command: GenerationCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum GenerationCommand {
    /// Begin to fill the next generation of a purpose's topic; it is switched to by itself once it is filled
    Begin(BeginArgs),
    /// The generations in force, what of them is live, and how far the next ones are filled
    List(ListArgs),
}

/// Which to begin.
#[derive(Debug, Args)]
pub struct BeginArgs {
    /// The purpose, for example rough-sleeping
    pub purpose: String,
    /// Only where this generation is in force: sent twice, it begins one [default: the one in force now]
    #[arg(long, value_name = "GENERATION")]
    pub after: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who calls (an operator)
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// How to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Runs one of them.
///
/// # Errors
/// When the caller may not, or the broker refuses or does not answer.
pub async fn run(args: GenerationArgs) -> Result<Exit, Failure> {
    match args.command {
        GenerationCommand::Begin(args) => begin(args).await,
        GenerationCommand::List(args) => list(args).await,
    }
}

async fn begin(args: BeginArgs) -> Result<Exit, Failure> {
    let known = standing(&args.caller).await?;
    let one = known.iter().find(|one| one.purpose == args.purpose);
    let Some(one) = one else {
        let purposes: Vec<_> = known.iter().map(|one| one.purpose.as_str()).collect();
        let problem = format!(
            "there is no purpose {}: take one of {}",
            args.purpose,
            purposes.join(", ")
        );
        return Err(Failure::new(Exit::Input, problem));
    };
    let after = args.after.unwrap_or(one.generation);
    let request = proto::BeginGenerationRequest {
        purpose: args.purpose.clone(),
        expected_generation: after,
        idempotency_key: key(),
    };
    let client = control(&args.caller, "operator").await?;
    let answer = again(async || client.clone().begin_generation(request.clone()).await).await;
    let receipt = answer.map_err(refused("begin a generation"))?.into_inner();
    if args.json {
        println!("{}", receipt_json(&receipt));
    } else {
        println!(
            "generation {} of shared.{} is being filled (control.policy offset {}); `walbrook generation list` shows how far",
            after + 1,
            args.purpose,
            receipt.offset
        );
    }
    Ok(Exit::Done)
}

async fn standing(caller: &CallerArgs) -> Result<Vec<proto::GenerationStatus>, Failure> {
    let client = control(caller, "operator").await?;
    let request = proto::ListGenerationsRequest {};
    let answer = again(async || client.clone().list_generations(request).await).await;
    let answer = answer.map_err(refused("list the generations"))?;
    Ok(answer.into_inner().purposes)
}

async fn list(args: ListArgs) -> Result<Exit, Failure> {
    let purposes = standing(&args.caller).await?;
    if args.json {
        let all: Vec<_> = purposes.iter().map(json).collect();
        println!("{}", serde_json::Value::Array(all));
        return Ok(Exit::Done);
    }
    let mut rows = table([
        "Purpose",
        "Generation",
        "State",
        "Offsets",
        "Live",
        "Left to copy",
        "Waits for",
    ]);
    numbers(&mut rows, 3..5);
    for one in &purposes {
        rows.add_row([
            one.purpose.clone(),
            one.generation.to_string(),
            one.state.to_lowercase().replace('_', " "),
            one.offsets.to_string(),
            share(one),
            left(one),
            waits_for(one).unwrap_or_default(),
        ]);
    }
    println!("{rows}");
    Ok(Exit::Done)
}

/// What is live, and how much that is of a hundred offsets.
fn share(one: &proto::GenerationStatus) -> String {
    let percent = (100 * one.live).checked_div(one.offsets);
    percent.map_or_else(
        || one.live.to_string(),
        |percent| format!("{} ({percent} %)", one.live),
    )
}

/// What the next step waits for; `None`: no generation is under way.
fn waits_for(one: &proto::GenerationStatus) -> Option<String> {
    let those = |which: &dyn Fn(&proto::GenerationCopy) -> bool| -> Vec<String> {
        let found = one.copies.iter().filter(|copy| which(copy));
        found.map(|copy| copy.partition.to_string()).collect()
    };
    let said = |numbers: Vec<String>, what: &str| {
        let many = if numbers.len() == 1 { "" } else { "s" };
        let numbers = numbers.join(", ");
        (!numbers.is_empty()).then(|| what.replace("{}", &format!("partition{many} {numbers}")))
    };
    let first = |reasons: [Option<String>; 2], last: &str| {
        let found = reasons.into_iter().flatten().next();
        Some(found.unwrap_or_else(|| last.to_owned()))
    };
    match one.state.as_str() {
        "FILLING" => first(
            [
                said(those(&|copy| copy.copied.is_none()), "{} to be begun"),
                said(
                    those(&|copy| copy.copied.is_some_and(|copied| copied < copy.end)),
                    "{} to be copied",
                ),
            ],
            "the switch",
        ),
        "SWITCHING" => first(
            [
                said(
                    those(&|copy| !copy.switched),
                    "{} to go over, which first see what they wrote copied",
                ),
                said(those(&|copy| !copy.ended), "{} to be ended"),
            ],
            "nothing more",
        ),
        _ => None,
    }
}

/// Offsets left to be copied, by partition.
fn left(one: &proto::GenerationStatus) -> String {
    let each = one.copies.iter().map(|copy| {
        if copy.ended {
            "done".to_owned()
        } else {
            let copied = copy.copied.unwrap_or_default();
            copy.end.saturating_sub(copied).to_string()
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

fn json(one: &proto::GenerationStatus) -> serde_json::Value {
    let copies = one.copies.iter().map(|copy| {
        serde_json::json!({
            "partition": copy.partition,
            "copied": copy.copied,
            "end": copy.end,
            "switched": copy.switched,
            "ended": copy.ended,
        })
    });
    serde_json::json!({
        "purpose": one.purpose,
        "generation": one.generation,
        "state": one.state,
        "offsets": one.offsets,
        "live": one.live,
        "copies": copies.collect::<Vec<_>>(),
        "waits_for": waits_for(one),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(partition: i32, copied: Option<i64>) -> proto::GenerationCopy {
        proto::GenerationCopy {
            partition,
            copied,
            end: 10,
            switched: false,
            ended: false,
        }
    }

    fn standing(state: &str, copies: &[proto::GenerationCopy]) -> proto::GenerationStatus {
        proto::GenerationStatus {
            purpose: "rough-sleeping".to_owned(),
            generation: 1,
            state: state.to_owned(),
            offsets: 20,
            live: 5,
            copies: copies.to_vec(),
        }
    }

    #[test]
    fn what_a_generation_waits_for_is_said() {
        let waits = |state, copies: &[_]| waits_for(&standing(state, copies)).unwrap_or_default();
        let (begun, whole) = (copy(1, Some(3)), copy(2, Some(10)));
        let unbegun = copy(0, None);
        assert_eq!(
            waits("FILLING", &[unbegun, begun, whole]),
            "partition 0 to be begun"
        );
        let two = [begun, copy(3, Some(0)), whole];
        assert_eq!(waits("FILLING", &two), "partitions 1, 3 to be copied");
        let told = waits("FILLING", &[whole]);
        assert_eq!(told, "the switch");
        let switched = proto::GenerationCopy {
            switched: true,
            ..whole
        };
        let told = waits("SWITCHING", &[begun, switched]);
        assert!(told.starts_with("partition 1 to go over"), "{told}");
        let told = waits("SWITCHING", &[switched]);
        assert_eq!(told, "partition 2 to be ended");
        assert_eq!(waits_for(&standing("IN_USE", &[])), None);
        assert_eq!(left(&standing("FILLING", &two)), "7, 10, 0");
        assert_eq!(share(&standing("FILLING", &two)), "5 (25 %)");
    }
}
