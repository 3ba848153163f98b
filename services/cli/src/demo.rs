//! `walbrook demo`: the whole river, shown by the public commands themselves. Each is printed before it runs.

use clap::Args;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;

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
    let stopped = stage.run("down").await;
    shown.and(stopped).map(|()| Exit::Done)
}

async fn show(stage: &Stage, args: &DemoArgs) -> Result<(), Failure> {
    let end = CityArgs::of(args.people, args.seed).end()?;
    let city = City::generate(args.people, args.seed, end);
    let cast = Cast::of(&city)?;
    let row_time = end.start().rfc3339();

    stage.say("1. Start Kafka, the schema registry and every service");
    stage.run("up --detach --fresh").await?;

    stage.say("2. What each organisation publishes: its gateways refuse everything else");
    stage.run("schedule publish deploy/schedules").await?;

    stage.say(
        "3. Agreements: proposed from their files, then signed by each party with its own key",
    );
    stage.run("agreement propose deploy/agreements").await?;
    stage.run("agreement sign --all-local").await?;

    stage.say("4. A synthetic city: half a year of events, sent by the organisations' own systems");
    let (people, seed, last) = (args.people, args.seed, end.plus(-1));
    stage
        .run(&format!(
            "city --people {people} --seed {seed} --until {last}"
        ))
        .await?;
    stage.run("settle").await?;

    stage.say("5. A Camden housing officer's list: who is at risk of sleeping rough, and why");
    stage.list(CAMDEN, &row_time, 8).await?;

    stage.say("6. The same agreement, another borough: nobody is on both lists");
    stage.list(WESTMINSTER, &row_time, 4).await?;

    stage.say("7. One child in Camden's care: every clock that runs");
    let child = local_id(CAMDEN, cast.child.number);
    stage
        .run(&format!(
            "view get children_in_care --agency social-care --scheme LA_CHILD_ID --local-id {child} --as {CAMDEN} --role social-worker \
             --name demo.social-worker --case demo-1 --at {row_time}"
        ))
        .await?;

    stage.say("8. A person agrees that hospitals tell the council where they live, and takes it back: what rested on it comes and leaves");
    let person = format!(
        "--agency housing --scheme LOCAL --local-id {}",
        local_id(CAMDEN, cast.patient.number)
    );
    let get = format!(
        "view get rough_sleeping_risk {person} --as {CAMDEN} --role housing-options-officer --name demo.officer --case demo-2 --at {row_time}"
    );
    let consent = format!("{person} --purpose rough-sleeping --as {CAMDEN} --wait");
    stage.run(&format!("consent give {consent}")).await?;
    stage.run(&get).await?;
    stage.run(&format!("consent withdraw {consent}")).await?;
    stage.run(&get).await?;

    stage.say("9. The rows of Camden's yearly return, on a topic for its own data warehouse: each is on record as it is written");
    stage
        .run(&format!(
            "view topics --as {CAMDEN} --role returns-officer --name demo.warehouse"
        ))
        .await?;

    stage.say("10. The auditor derives every decision, release and row again");
    stage.run("audit verify").await
}

/// Whom the demo follows.
struct Cast<'a> {
    child: &'a Person,
    /// Known to Camden's housing service and to a hospital, under the same name.
    patient: &'a Person,
}

impl<'a> Cast<'a> {
    fn of(city: &'a City) -> Result<Self, Failure> {
        let missing = |what: &str| {
            Failure::new(
                Exit::Usage,
                format!("this city has no {what} in Camden: give it more people or another seed"),
            )
        };
        let in_camden = |person: &&Person| CAMDEN.ends_with(person.authority);
        let aged =
            |person: &&Person| person.course == Course::LookedAfter && person.age_on(city.end) >= 4;
        let child = city.people.iter().filter(in_camden).find(aged);
        let patient = city
            .people
            .iter()
            .filter(in_camden)
            .find(|person| city.seen_alike(person, CAMDEN, "ODS:"));
        Ok(Self {
            child: child.ok_or_else(|| missing("child in care"))?,
            patient: patient.ok_or_else(|| missing("person known to both council and hospital"))?,
        })
    }
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
    async fn run(&self, command: &str) -> Result<(), Failure> {
        let dir = self.dir.display();
        println!("$ WALBROOK_DIR={dir} {} {command}", self.name());
        let status = Command::new(&self.program)
            .args(command.split_whitespace())
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
            format!("`walbrook {command}` ended with {status}; logs are in {dir}/logs"),
        ))
    }

    async fn list(&self, organisation: &str, row_time: &str, limit: u32) -> Result<(), Failure> {
        self.run(&format!(
            "view list rough_sleeping_risk --as {organisation} --role housing-options-officer --name demo.officer --at {row_time} --limit {limit}"
        ))
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
