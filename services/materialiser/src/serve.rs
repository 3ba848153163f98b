//! One purpose served: a version of its views, and another that is filled beside it and takes its place once it has caught up.
//!
//! When the view files are others than those that serve and need another state, the old ones go on over the old state. The new state is filled
//! by a follower of its own, which says nothing on record. Once it is shown complete and its files are pinned, `serving` names it on disk, all
//! its views take the old ones' places at once, and the old state is deleted. When only words changed, the same is done over the same state. A
//! read in flight is answered by the version that it began with, and its record names that file's hash.

use crate::Parts;
use crate::answer::Served;
use crate::board::Board;
use crate::book::Book;
use crate::bound::{Bound, Rounds};
use crate::damage::unwound;
use crate::error::MaterialiserError;
use crate::follow::Follower;
use crate::keeping::Keeping;
use crate::ledger::Ledger;
use crate::notices::{Causes, Source};
use crate::setup::{self, ViewFile, Written};
use crate::shelf::Shelf;
use crate::versions::{Files, Version, Versions};
use crate::voice::{Said, Voice};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use tokio::sync::oneshot;
use walbrook_domain::Purpose;
use walbrook_eventlog::{Positions, TopicPartition, topics};
use walbrook_runtime::readiness::Readiness;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_runtime::task::Kind;
use walbrook_view::order;

const ASK_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks whether a new version may take its place.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// What a purpose's versions share.
#[derive(Clone)]
pub(crate) struct Lane {
    purpose: Purpose,
    part: &'static str,
    topic: String,
    shared: Vec<TopicPartition>,
    versions: Versions,
    pub(crate) book: Arc<Book>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) board: Arc<Board>,
}

/// A version at work.
struct Working {
    version: Version,
    files: Vec<ViewFile>,
    shelf: Arc<Shelf>,
    bound: Arc<Bound>,
    causes: Arc<Causes>,
    voice: Arc<Voice>,
    stop: Shutdown,
    /// Told when the follower has ended: whether nothing is owed to the audit log.
    ended: oneshot::Receiver<bool>,
}

/// What is to be done with the versions on disk.
struct Plan {
    serve: (Version, Vec<ViewFile>),
    /// Other words over the same state.
    words: Option<Vec<ViewFile>>,
    /// Another state.
    fill: Option<(Version, Vec<ViewFile>)>,
}

impl Lane {
    /// What the state of a version of these files means.
    fn fingerprint(&self, parts: &Parts<'_>, files: &[ViewFile]) -> [u8; 32] {
        setup::fingerprint(&parts.namespace, &self.topic, &setup::needs(files))
    }

    fn plan(&self, parts: &Parts<'_>, files: Vec<ViewFile>) -> Result<Plan, MaterialiserError> {
        let texts = texts(&files);
        let only = |serve| Plan {
            serve,
            words: None,
            fill: None,
        };
        let Some(serving) = self.versions.serving()? else {
            let first = self.versions.begin()?;
            first.keep(&texts)?;
            self.versions.switch(&first)?;
            self.versions.tidy(&[&first]);
            return Ok(only((first, files)));
        };
        let before = serving.files().and_then(|kept| setup::stand_ins(&kept));
        let Some(before) = before.filter(|_| serving.files().as_ref() != Some(&texts)) else {
            // The same files, or the ones before can no longer be read: there is nothing that could go on.
            serving.keep(&texts)?;
            self.versions.tidy(&[&serving]);
            return Ok(only((serving, files)));
        };
        if self.fingerprint(parts, &before) == self.fingerprint(parts, &files) {
            self.versions.tidy(&[&serving]);
            return Ok(Plan {
                serve: (serving, before),
                words: Some(files),
                fill: None,
            });
        }
        let fill = match self.versions.beside(&serving)? {
            Some(begun) => begun,
            None => self.versions.begin()?,
        };
        fill.keep(&texts)?;
        self.versions.tidy(&[&serving, &fill]);
        Ok(Plan {
            serve: (serving, before),
            words: None,
            fill: Some((fill, files)),
        })
    }

    /// Puts views before readers, all at once.
    fn put(&self, files: &[ViewFile], shelf: &Arc<Shelf>, bound: &Arc<Bound>) {
        let served = served(files, (shelf, bound, &self.ledger));
        self.board.put(&self.purpose, served);
    }

    fn are_pinned(&self, files: &[ViewFile]) -> bool {
        let agreements = self.book.now();
        let mut all = files.iter();
        all.all(|file| file.stands_in || agreements.pins_view(&file.view.sha256))
    }
}

fn served(
    files: &[ViewFile],
    (shelf, bound, ledger): (&Arc<Shelf>, &Arc<Bound>, &Arc<Ledger>),
) -> Vec<Arc<Served>> {
    let catalogue = walbrook_view::file::catalogue();
    let served = files.iter().map(|file| Served {
        columns: order::columns(&file.view, &catalogue),
        view: file.view.clone(),
        shelf: Arc::clone(shelf),
        bound: Arc::clone(bound),
        ledger: Arc::clone(ledger),
        goes_on: file.stands_in,
    });
    served.map(Arc::new).collect()
}

fn texts(files: &[ViewFile]) -> Files {
    let texts = files.iter();
    texts
        .map(|file| (file.name.clone(), file.text.clone()))
        .collect()
}

impl Parts<'_> {
    /// Serves a purpose. What is wrong with its own store is its own matter: its reads refuse, and the other purposes go on.
    pub(crate) fn serve_purpose(
        &self,
        purpose: &Purpose,
        files: Vec<ViewFile>,
        (book, ledger, board): (&Arc<Book>, &Arc<Ledger>, &Arc<Board>),
    ) -> Result<(), MaterialiserError> {
        let topic = topics::shared(purpose.as_str());
        let part = setup::part(purpose);
        let folder = self.views_folder().join(purpose.as_str());
        let readiness = &self.context.readiness;
        readiness.not_ready(part, "restoring");
        let refused = files.clone();
        let started = Versions::open(&folder).map_err(MaterialiserError::from);
        let started = started.and_then(|versions| {
            let lane = Lane {
                purpose: purpose.clone(),
                part,
                shared: self.partitions(&topic),
                topic: topic.clone(),
                versions,
                book: Arc::clone(book),
                ledger: Arc::clone(ledger),
                board: Arc::clone(board),
            };
            self.serve_lane(&lane, files)
        });
        match started {
            Err(error @ (MaterialiserError::Store(_) | MaterialiserError::Versions(_))) => {
                let cause = walbrook_runtime::status::chain(&error);
                tracing::error!(purpose = %purpose, cause, "nothing of this purpose is served");
                readiness.not_ready(part, cause);
                let shelf = Arc::new(Shelf::new(topic, Vec::new()));
                let bound = Arc::new(Bound::new(self.config.grounds_bound));
                board.put(purpose, served(&refused, (&shelf, &bound, ledger)));
                Ok(())
            }
            other => other,
        }
    }

    fn serve_lane(&self, lane: &Lane, files: Vec<ViewFile>) -> Result<(), MaterialiserError> {
        let plan = lane.plan(self, files)?;
        let (version, files) = plan.serve;
        let working = self.work(lane, version, files, Voice::speaking())?;
        lane.put(&working.files, &working.shelf, &working.bound);
        self.notices.serve(working.source(lane))?;
        let tasks = &self.context.tasks;
        if let Some(files) = plan.words {
            let lane = lane.clone();
            tasks.spawn(Kind::finite("view-words"), async move {
                lane.reword(working, files).await;
                Ok::<(), String>(())
            });
            return Ok(());
        }
        let Some((version, files)) = plan.fill else {
            return Ok(());
        };
        let new = match self.work(lane, version, files, Voice::default()) {
            Ok(new) => new,
            Err(error) => {
                let cause = walbrook_runtime::status::chain(&error);
                tracing::error!(purpose = %lane.purpose, cause, "the new version of the views cannot be filled; the one before goes on");
                return Ok(());
            }
        };
        tracing::info!(purpose = %lane.purpose, serves = working.version.name(), filled = new.version.name(),
            "the views changed: the old version goes on while the new one is filled");
        let (lane, notices) = (lane.clone(), Arc::clone(&self.notices));
        let readiness = self.context.readiness.clone();
        tasks.spawn(Kind::finite("view-switch"), async move {
            lane.switch(working, new, &notices, &readiness).await;
            Ok::<(), String>(())
        });
        Ok(())
    }

    /// Restores a version and sets its follower and its rounds to work.
    fn work(
        &self,
        lane: &Lane,
        version: Version,
        files: Vec<ViewFile>,
        voice: Voice,
    ) -> Result<Working, MaterialiserError> {
        let fingerprint = lane.fingerprint(self, &files);
        let ends = self.kafka.ends()?;
        let (group, links) = (
            self.namespace.name("broker"),
            self.partitions(topics::LINKS),
        );
        let committed = self
            .kafka
            .positions()
            .committed(&group, &links, false, ASK_WITHIN)?;
        let written = Written::of(lane.purpose.as_str(), &committed);
        let shared = (lane.shared.as_slice(), written);
        let (store, held, began_in) = setup::restore(&version, &fingerprint, ends, shared)?;
        let causes = Arc::new(store.causes());
        let looks = self.metrics.looks(&lane.topic);
        let shelf = Arc::new(Shelf::new(lane.topic.clone(), held).counted(looks));
        let bound = Arc::new(Bound::new(self.config.grounds_bound));
        let (voice, stop) = (Arc::new(voice), self.context.shutdown.child());
        let names: Vec<String> = files.iter().map(|file| file.view.name.clone()).collect();
        let follower = Follower {
            part: lane.part,
            topic: self.namespace.name(&lane.topic).into(),
            began_in,
            shelf: Arc::clone(&shelf),
            store,
            version: version.clone(),
            versions: lane.versions.clone(),
            keeping: Keeping::new(Arc::clone(&lane.book), Arc::clone(&self.clock)),
            voice: Arc::clone(&voice),
            looked: Monotonic::now(),
            reader: Box::new(self.kafka.reader()?),
            schema_text: setup::schema_text(self.registry.clone()),
            seal: Arc::clone(&self.seal),
            needs: setup::needs(&files),
            views: names.clone(),
            audit: Arc::clone(&self.audit),
            causes: Arc::clone(&causes),
            metrics: self.metrics.clone(),
            schemas: HashMap::new(),
            names: walbrook_view::wire::Names::default(),
            inputs: Vec::new(),
        };
        let ended = self.start_follower(follower, stop.clone());
        let rounds = Rounds {
            bound: Arc::clone(&bound),
            shelf: Arc::clone(&shelf),
            voice: Arc::clone(&voice),
            views: names,
            group,
            policy: self.single(topics::POLICY),
            links,
            purpose: lane.purpose.to_string(),
            shared: lane.shared.clone(),
            ends: Box::new(self.kafka.ends()?),
            positions: Box::new(self.kafka.positions()),
            audit: Arc::clone(&self.audit),
            pause: self.config.grounds_pause,
            metrics: self.metrics.clone(),
            stated: (Vec::new(), (0, 0)),
        };
        let until = stop.clone();
        let tasks = &self.context.tasks;
        tasks.spawn_blocking(Kind::finite("grounds-bound"), move || {
            rounds.run(&until);
            Ok::<(), String>(())
        });
        Ok(Working {
            version,
            files,
            shelf,
            bound,
            causes,
            voice,
            stop,
            ended,
        })
    }

    /// When one purpose stops, its reads refuse once the bound is over; the other purposes go on.
    fn start_follower(&self, follower: Follower, stop: Shutdown) -> oneshot::Receiver<bool> {
        let (told, ended) = oneshot::channel();
        let readiness = self.context.readiness.clone();
        let tasks = &self.context.tasks;
        tasks.spawn_blocking(Kind::finite("shared-follower"), move || {
            let (part, voice) = (follower.part, Arc::clone(&follower.voice));
            let topic = Arc::clone(&follower.topic);
            let ran = unwound(|| follower.run(&readiness, &stop));
            let ran = ran.map(|ran| ran.map_err(|error| walbrook_runtime::status::chain(&error)));
            let ran = ran.unwrap_or_else(|| Err("it panicked; start the process again".to_owned()));
            let settled = ran.unwrap_or_else(|cause| {
                tracing::error!(topic = &*topic, cause, "the topic is not followed any more: rows of its views are refused once the bound is over");
                if !voice.is_silent() && !stop.is_requested() {
                    readiness.not_ready(part, cause);
                }
                // Nothing shows the bound any more, whether or not more stands on the log.
                stop.request();
                false
            });
            // Nobody waits but a switch.
            let _ = told.send(settled);
            Ok::<(), String>(())
        });
        ended
    }
}

impl Working {
    fn source(&self, lane: &Lane) -> Source {
        Source {
            purpose: lane.purpose.to_string(),
            shelf: Arc::clone(&self.shelf),
            bound: Arc::clone(&self.bound),
            causes: Arc::clone(&self.causes),
        }
    }
}

impl Lane {
    /// Waits until `ready`; false when the version's process stops before.
    async fn wait(&self, stop: &Shutdown, ready: impl Fn() -> bool) -> bool {
        while !ready() {
            tokio::select! {
                () = stop.requested() => return false,
                () = tokio::time::sleep(LOOKS_EVERY) => {}
            }
        }
        true
    }

    /// Other words take the place of those that serve, over the same state.
    async fn reword(&self, working: Working, files: Vec<ViewFile>) {
        if !self.wait(&working.stop, || self.are_pinned(&files)).await {
            return;
        }
        let kept = self.versions.serving().map(|serving| {
            // The follower may have written the state anew elsewhere since.
            serving.map_or(Ok(()), |serving| serving.keep(&texts(&files)))
        });
        if let Ok(Err(error)) | Err(error) = kept {
            tracing::warn!(%error, "the new view files serve, and are not kept beside their state");
        }
        self.put(&files, &working.shelf, &working.bound);
        tracing::info!(purpose = %self.purpose, "the new view files serve, over the same state");
    }

    /// The new version takes the old one's place once it has caught up and is pinned.
    async fn switch(
        &self,
        old: Working,
        new: Working,
        notices: &crate::notices::Notices,
        readiness: &Readiness,
    ) {
        let caught_up = || new.bound.check(Monotonic::now()).is_ok() && self.are_pinned(&new.files);
        if !self.wait(&new.stop, caught_up).await {
            return;
        }
        if let Err(error) = self.versions.switch(&new.version) {
            let cause = walbrook_runtime::status::chain(&error);
            tracing::error!(purpose = %self.purpose, cause, "the new version of the views cannot take its place; the one before goes on");
            new.stop.request();
            return;
        }
        self.put(&new.files, &new.shelf, &new.bound);
        if let Err(error) = notices.serve(new.source(self)) {
            tracing::warn!(%error, "notices are told of nothing that falls in the new version until the process starts again");
        }
        old.stop.request();
        let settled = old.ended.await.unwrap_or(false);
        let said = match settled {
            true => Said::below(old.shelf.applied().borrow().clone()),
            // What the old one may not have said is said again: it names the same causes.
            false => Said::default(),
        };
        new.voice.speak(said);
        readiness.ready(self.part);
        self.versions.tidy(&[&new.version]);
        tracing::info!(purpose = %self.purpose, serves = new.version.name(), "the new version of the views has caught up and serves");
    }
}
