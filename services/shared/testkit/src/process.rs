//! Child processes that die with this one, however it dies, and whose output is a file.

mod error;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal,
};

pub use error::ProcessError;

/// How often a wait looks again.
const TICK: Duration = Duration::from_millis(20);
/// How much of a log is read to find its last lines.
const TAIL_BYTES: u64 = 16 * 1024;

/// What to start: a program, its arguments and environment, and where its output goes.
#[derive(Debug, Clone)]
pub struct Launch {
    /// A name for messages: `kafka`, `broker`.
    pub name: String,
    /// The program, a path or a name on `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment variables added to this process's own.
    pub env: Vec<(String, String)>,
    /// The folder it runs in; this process's own when `None`.
    pub folder: Option<PathBuf>,
    /// Standard output and error are appended here.
    pub log: PathBuf,
}

impl Launch {
    /// A program with no arguments yet.
    #[must_use]
    pub fn new(name: &str, program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            folder: None,
            log: log.into(),
        }
    }

    /// The same with an argument more.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The same with an environment variable more.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it as a child that is killed when this process ends, even by `kill -9`. The child leads a process group of
    /// its own, so that Ctrl-C at a terminal reaches only the parent, which then stops its children in order.
    ///
    /// # Errors
    /// [`ProcessError::Log`] or [`ProcessError::Start`].
    pub fn start(&self) -> Result<Running, ProcessError> {
        let mut command = self.command()?;
        command.process_group(0);
        die_with_parent(&mut command);
        let child = spawn_from_nursery(command).map_err(|source| self.start_failed(source))?;
        Ok(Running {
            name: self.name.clone(),
            log: self.log.clone(),
            child,
        })
    }

    /// Starts it in a session of its own; it outlives this process. For a supervisor that is the parent of others.
    ///
    /// # Errors
    /// [`ProcessError::Log`] or [`ProcessError::Start`].
    pub fn start_detached(&self) -> Result<Running, ProcessError> {
        let mut command = self.command()?;
        leave_session(&mut command);
        let child = command
            .spawn()
            .map_err(|source| self.start_failed(source))?;
        Ok(Running {
            name: self.name.clone(),
            log: self.log.clone(),
            child,
        })
    }

    fn start_failed(&self, source: io::Error) -> ProcessError {
        ProcessError::Start {
            name: self.name.clone(),
            program: self.program.clone(),
            source,
        }
    }

    fn command(&self) -> Result<Command, ProcessError> {
        let (out, err) = self.open_log().map_err(|source| ProcessError::Log {
            name: self.name.clone(),
            log: self.log.clone(),
            source,
        })?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        Ok(command)
    }

    fn open_log(&self) -> io::Result<(File, File)> {
        if let Some(folder) = self.log.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let out = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let err = out.try_clone()?;
        Ok((out, err))
    }
}

/// A child that runs. Dropping it kills it, unless it was started detached and [`Running::leave`] is called.
#[derive(Debug)]
pub struct Running {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Running {
    /// The name it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its log file.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// An error when it is no longer running.
    ///
    /// # Errors
    /// [`ProcessError::Ended`] with the end of its log; [`ProcessError::Control`].
    pub fn still_running(&mut self) -> Result<(), ProcessError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(ProcessError::Ended {
                name: self.name.clone(),
                status,
                log: self.log.clone(),
                tail: tail(&self.log, 20),
            }),
            Err(source) => Err(self.control_failed("ask after", source)),
        }
    }

    /// Waits until `ready` says so, for at most `deadline`.
    ///
    /// # Errors
    /// [`ProcessError::Ended`] as soon as the child ends, [`ProcessError::NotReady`] at the deadline.
    pub fn wait_until(
        &mut self,
        deadline: Duration,
        ready: impl Fn() -> bool,
    ) -> Result<(), ProcessError> {
        let start = Instant::now();
        loop {
            self.still_running()?;
            if ready() {
                return Ok(());
            }
            if start.elapsed() > deadline {
                return Err(ProcessError::NotReady {
                    name: self.name.clone(),
                    waited_s: deadline.as_secs(),
                    log: self.log.clone(),
                    tail: tail(&self.log, 20),
                });
            }
            thread::sleep(TICK);
        }
    }

    /// Waits for it to end by itself, for at most `deadline`; `None` when it still runs then.
    ///
    /// # Errors
    /// [`ProcessError::Control`].
    pub fn wait_for_end(&mut self, deadline: Duration) -> Result<Option<ExitStatus>, ProcessError> {
        let start = Instant::now();
        loop {
            let status = self
                .child
                .try_wait()
                .map_err(|source| self.control_failed("wait for", source))?;
            if status.is_some() || start.elapsed() > deadline {
                return Ok(status);
            }
            thread::sleep(TICK);
        }
    }

    /// Asks it to end (SIGTERM) and does not wait: to let several drain side by side.
    ///
    /// # Errors
    /// [`ProcessError::Control`].
    pub fn ask_to_stop(&mut self) -> Result<(), ProcessError> {
        self.signal(Signal::TERM)
    }

    /// Waits for the end of one that was asked to stop, and kills it when it has not ended within `grace`.
    ///
    /// # Errors
    /// [`ProcessError::Control`].
    pub fn end_within(&mut self, grace: Duration) -> Result<(), ProcessError> {
        if self.wait_for_end(grace)?.is_none() {
            self.kill()?;
        }
        Ok(())
    }

    /// Asks it to end and kills it when it has not within `grace`.
    ///
    /// # Errors
    /// [`ProcessError::Control`].
    pub fn stop(&mut self, grace: Duration) -> Result<(), ProcessError> {
        self.ask_to_stop()?;
        self.end_within(grace)
    }

    /// Kills it at once (SIGKILL) and waits until it is gone: what a crash looks like.
    ///
    /// # Errors
    /// [`ProcessError::Control`].
    pub fn kill(&mut self) -> Result<(), ProcessError> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed
            .map(|_| ())
            .map_err(|source| self.control_failed("kill", source))
    }

    /// Freezes it (SIGSTOP): a process that hangs without ending.
    ///
    /// # Errors
    /// [`ProcessError::Control`].
    pub fn freeze(&mut self) -> Result<(), ProcessError> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen one go on (SIGCONT).
    ///
    /// # Errors
    /// [`ProcessError::Control`].
    pub fn thaw(&mut self) -> Result<(), ProcessError> {
        self.signal(Signal::CONT)
    }

    /// Lets a detached one run on without this handle.
    pub fn leave(self) {
        // The child is neither killed nor waited for: its parent becomes whoever adopts it.
        std::mem::forget(self);
    }

    fn signal(&mut self, signal: Signal) -> Result<(), ProcessError> {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let sent = pid.map_or(Ok(()), |pid| kill_process(pid, signal));
        sent.map_err(|source| self.control_failed("signal", source.into()))
    }

    fn control_failed(&self, operation: &'static str, source: io::Error) -> ProcessError {
        ProcessError::Control {
            name: self.name.clone(),
            operation,
            pid: self.child.id(),
            source,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // A failure here means that it is already gone.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The last `lines` lines of a file; empty when it cannot be read.
#[must_use]
pub fn tail(path: &Path, lines: usize) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = read()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let from = all.len().saturating_sub(lines);
    all.get(from..).unwrap_or_default().join("\n")
}

#[expect(
    unsafe_code,
    reason = "asks the kernel to kill the child when its parent dies; there is no safe door to it"
)]
fn die_with_parent(command: &mut Command) {
    let parent = getpid();
    // SAFETY: the closure runs between fork and exec and makes two system calls; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have died before the line above: then nobody would ever send the signal.
            if getppid() == Some(parent) {
                Ok(())
            } else {
                Err(rustix::io::Errno::SRCH.into())
            }
        });
    }
}

#[expect(
    unsafe_code,
    reason = "a supervisor leaves the terminal's session, so that closing the terminal spares it"
)]
fn leave_session(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec and makes one system call; it neither allocates nor locks.
    unsafe {
        command.pre_exec(|| Ok(rustix::process::setsid().map(|_| ())?));
    }
}

struct Order {
    command: Command,
    reply: mpsc::SyncSender<io::Result<Child>>,
}

/// The kernel's "parent" is the thread that forked: a child started from a test's thread would die with that test.
/// One thread that lives as long as the process starts them all.
fn spawn_from_nursery(command: Command) -> io::Result<Child> {
    static NURSERY: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let nursery = NURSERY.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for mut order in inbox {
                // A requester that has gone away drops the child handle; the child then dies with this process.
                let _ = order.reply.send(order.command.spawn());
            }
        });
        orders
    });
    let (reply, answer) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the thread that starts children has ended");
    nursery.send(Order { command, reply }).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}
