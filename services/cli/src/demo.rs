//! `walbrook demo`: the whole river, shown by the public commands themselves. Each is printed before it runs.

use clap::Args;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;
use walbrook_domain::Day;

use crate::city::{City, CityArgs, Course, Person, local_id};
use crate::{Exit, Failure};

/// Show the whole river
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Another seed gives other people
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many people
    #[arg(long, default_value_t = 2_000)]
    pub people: usize,
    /// Stop everything at the end, instead of staying up until Ctrl-C
    #[arg(long)]
    pub exit: bool,
    /// The folder of the local backbone; what is in it from an earlier demo is removed
    #[arg(long, value_name = "FOLDER", default_value = ".walbrook/demo")]
    pub dir: PathBuf,
}

const CAMDEN: &str = "GSS:E09000007";
const WESTMINSTER: &str = "GSS:E09000033";

/// Runs it.
///
/// # Errors
/// When a command of it does not end as it should; everything that was started is stopped then.
pub async fn run(args: DemoArgs) -> Result<Exit, Failure> {
    let stage = Stage {
        program: std::env::current_exe().map_err(|error| Failure::new(Exit::Internal, error))?,
        dir: args.dir.clone(),
    };
    let shown = tokio::select! {
        shown = show(&stage, &args) => shown,
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Unavailable, "interrupted")),
    };
    if shown.is_ok() && !args.exit {
        stage.how_to_call();
        tokio::signal::ctrl_c()
            .await
            .map_err(|error| Failure::new(Exit::Internal, error))?;
    }
    let stopped = stage.run(&["down"]).await;
    shown.and(stopped).map(|()| Exit::Done)
}

async fn show(stage: &Stage, args: &DemoArgs) -> Result<(), Failure> {
    let city_args = CityArgs::of(args.people, args.seed);
    let end = city_args.end()?;
    let city = City::generate(args.people, args.seed, end);
    let cast = Cast::of(&city)?;
    let row_time = end.start().rfc3339();
    let (people, seed) = (args.people.to_string(), args.seed.to_string());

    stage.say("1. Start Kafka, the schema registry and every service");
    stage.run(&["up", "--detach", "--fresh"]).await?;

    stage.say(
        "2. Agreements: proposed from their files, then signed by each party with its own key",
    );
    stage
        .run(&["agreement", "propose", "deploy/agreements"])
        .await?;
    stage.run(&["agreement", "sign", "--all-local"]).await?;

    stage.say("3. A synthetic city: half a year of events, sent by the organisations' own systems");
    let last = end.plus(-1).to_string();
    stage
        .run(&[
            "city", "--people", &people, "--seed", &seed, "--until", &last,
        ])
        .await?;
    stage.run(&["settle"]).await?;

    stage.say("4. A Camden housing officer's list: who is at risk of sleeping rough, and why");
    stage.list(CAMDEN, &row_time, "8").await?;

    stage.say("5. The same agreement, another borough: nobody is on both lists");
    stage.list(WESTMINSTER, &row_time, "4").await?;

    stage.say("6. One child in Camden's care: every clock that runs");
    let child = local_id(CAMDEN, cast.child.number);
    stage
        .run(&[
            "view",
            "get",
            "children_in_care",
            "--agency",
            "social-care",
            "--scheme",
            "LA_CHILD_ID",
            "--local-id",
            &child,
            "--as",
            CAMDEN,
            "--role",
            "social-worker",
            "--name",
            "demo.social-worker",
            "--case",
            "demo-1",
            "--at",
            &row_time,
        ])
        .await?;

    stage.say("7. One of them objects: what rested on it leaves, and the receipt says so");
    let person = local_id(CAMDEN, cast.objector.number);
    let get = [
        "view",
        "get",
        "rough_sleeping_risk",
        "--agency",
        "housing",
        "--scheme",
        "LOCAL",
        "--local-id",
        &person,
        "--as",
        CAMDEN,
        "--role",
        "housing-options-officer",
        "--name",
        "demo.officer",
        "--case",
        "demo-2",
        "--at",
        &row_time,
    ];
    stage.run(&get).await?;
    stage
        .run(&[
            "consent",
            "object",
            "--agency",
            "housing",
            "--scheme",
            "LOCAL",
            "--local-id",
            &person,
            "--purpose",
            "rough-sleeping",
            "--as",
            CAMDEN,
            "--wait",
        ])
        .await?;
    stage.run(&get).await?;

    stage.say("8. The auditor derives every decision, release and row again");
    stage.run(&["audit", "verify"]).await
}

/// Whom the demo follows.
struct Cast<'a> {
    child: &'a Person,
    objector: &'a Person,
}

impl<'a> Cast<'a> {
    fn of(city: &'a City) -> Result<Self, Failure> {
        let find = |what: &str, wanted: &dyn Fn(&Person) -> bool| {
            city.people
                .iter()
                .find(|person| person.authority == "E09000007" && wanted(person))
                .ok_or_else(|| {
                    Failure::new(
                        Exit::Usage,
                        format!(
                            "this city has no {what} in Camden: give it more people or another seed"
                        ),
                    )
                })
        };
        Ok(Self {
            child: find("child in care", &|person| {
                person.course == Course::LookedAfter && aged(person, city.end)
            })?,
            objector: find("person in arrears", &|person| {
                person.course == Course::InArrears
            })?,
        })
    }
}

fn aged(person: &Person, day: Day) -> bool {
    person.age_on(day) >= 4
}

/// Where the commands run.
struct Stage {
    program: PathBuf,
    dir: PathBuf,
}

impl Stage {
    /// This program as somebody standing here would type it.
    fn name(&self) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        let program = self.program.strip_prefix(&here).unwrap_or(&self.program);
        program.display().to_string()
    }

    fn say(&self, text: &str) {
        println!("\n{text}");
    }

    /// Prints a command, runs it, and lets its output stand.
    async fn run(&self, words: &[&str]) -> Result<(), Failure> {
        let dir = self.dir.display().to_string();
        let quoted: Vec<&str> = words.to_vec();
        println!("$ WALBROOK_DIR={dir} {} {}", self.name(), quoted.join(" "));
        let status = Command::new(&self.program)
            .args(words)
            .env("WALBROOK_DIR", &self.dir)
            .stdin(Stdio::null())
            .status()
            .await
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Difference,
            format!(
                "`walbrook {}` ended with {status}; logs are in {dir}/logs",
                words.join(" ")
            ),
        ))
    }

    async fn list(&self, organisation: &str, row_time: &str, limit: &str) -> Result<(), Failure> {
        self.run(&[
            "view",
            "list",
            "rough_sleeping_risk",
            "--as",
            organisation,
            "--role",
            "housing-options-officer",
            "--name",
            "demo.officer",
            "--at",
            row_time,
            "--limit",
            limit,
        ])
        .await
    }

    fn how_to_call(&self) {
        let (dir, walbrook) = (self.dir.display(), self.name());
        println!("\nEverything stays up until Ctrl-C. How to call each service:\n");
        let rows = [
            (
                "police",
                "7101",
                "walbrook.police.v1.PoliceEvents/Publish",
                "city",
            ),
            (
                "health",
                "7102",
                "walbrook.health.v1.HealthEvents/Publish",
                "city",
            ),
            (
                "housing",
                "7103",
                "walbrook.housing.v1.HousingEvents/Publish",
                "city",
            ),
            ("tfl", "7104", "walbrook.tfl.v1.TflEvents/Publish", "city"),
            (
                "social-care",
                "7105",
                "walbrook.social_care.v1.SocialCareEvents/Publish",
                "import ssda903 DIR --authority E09000007 --year 2017/18",
            ),
            (
                "identity",
                "7110",
                "walbrook.identity.v1.Identity/Merge",
                "identity merge --help",
            ),
            (
                "broker",
                "7120",
                "walbrook.control.v1.Control/ListAgreements",
                "agreement list",
            ),
            (
                "materialiser",
                "7130",
                "walbrook.view.v1.Views/ListRows",
                "view list rough_sleeping_risk --as GSS:E09000007 --role housing-options-officer",
            ),
            (
                "auditor",
                "7140",
                "walbrook.audit.v1.Audit/Verify",
                "audit verify",
            ),
        ];
        println!(
            "TOKEN=$(WALBROOK_DIR={dir} {walbrook} token --as GSS:E09000007 --event 'housing.*')   # or --role ROLE\n"
        );
        for (service, port, method, words) in rows {
            println!("{service}");
            println!(
                "  grpcurl -plaintext -H \"authorization: Bearer $TOKEN\" -d '{{}}' 127.0.0.1:{port} {method}"
            );
            println!("  WALBROOK_DIR={dir} {walbrook} {words}");
        }
    }
}
