//! The server as a whole: binds, starts its threads, watches over them, and stops.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, never, select};
use hello_proto::{Endpoint, Framing};
use log::{error, info, warn};
use mio::{Poll, Waker};

use crate::acceptor::Acceptor;
use crate::admission::Admission;
use crate::bind::{BindError, Bound, Settings, bind};
use crate::clock::{Clock, TICK, Ticker, ticks};
use crate::config::Config;
use crate::datagram::DatagramLoop;
use crate::open_files::Capacity;
use crate::pool::Pool;
use crate::stats::Stats;
use crate::supervisor::{Ended, Supervisor};
use crate::worker::Worker;

/// What every thread of a server knows.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) framing: Framing,
    pub(crate) max_message: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) idle_ticks: u32,
    pub(crate) grace: Duration,
    /// When its threads have to end, once it stops.
    stop_by: OnceLock<Instant>,
}

impl Shared {
    pub(crate) fn new(config: &Config) -> Self {
        let never = config.idle_timeout.is_zero();
        Self {
            clock: Clock::default(),
            framing: config.framing,
            max_message: config.max_message,
            idle_timeout: config.idle_timeout,
            idle_ticks: if never { u32::MAX } else { ticks(config.idle_timeout) },
            grace: config.grace.saturating_sub(own_part(config.grace)),
            stop_by: OnceLock::new(),
        }
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop_by.get().is_some()
    }

    /// How much of the grace is left, once the server stops; until then, no end of time.
    #[inline]
    pub(crate) fn left(&self) -> Duration {
        let left = |by: &Instant| by.saturating_duration_since(Instant::now());
        self.stop_by.get().map_or(Duration::MAX, left)
    }
}

/// The part of the grace that is for us, so that the process has ended within it.
fn own_part(grace: Duration) -> Duration {
    (grace / 5).clamp(TICK, Duration::from_secs(1))
}

/// A server that listens. Clients that connect are served once it [runs](Server::run).
#[derive(Debug)]
pub struct Server {
    config: Config,
    bound: Vec<(Endpoint, Bound)>,
}

impl Server {
    /// Binds every address of `config`.
    ///
    /// # Errors
    ///
    /// [`BindError`] for the first that cannot be; nothing stays bound then.
    pub fn bind(config: Config) -> Result<Self, BindError> {
        let settings = Settings { backlog: config.backlog, udp_loops: config.udp_loops };
        let mut bound = Vec::new();
        for address in &config.addresses {
            bound.extend(bind(address, settings)?);
        }
        Ok(Self { config, bound })
    }

    /// Where it listens, with real ports, in the order of the configuration.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.bound.iter().map(|(endpoint, _)| endpoint)
    }

    /// Serves until `stop` says so, then until every client has been told, or the grace is over.
    ///
    /// # Errors
    ///
    /// [`RunError`] if threads cannot be started, or one of them failed: then the server stops in
    /// the same way, rather than live on without it.
    pub fn run(self, stop: &Receiver<()>) -> Result<Stats, RunError> {
        let running = Running::start(self).map_err(RunError::Start)?;
        running.watch(stop)
    }
}

/// A server with its threads.
struct Running {
    shared: Arc<Shared>,
    supervisor: Supervisor,
    pool: Arc<Pool>,
    acceptor_waker: Arc<Waker>,
    /// How long the threads have to end, once they are told to.
    patience: Duration,
}

impl Running {
    fn start(Server { config, bound }: Server) -> io::Result<Self> {
        let capacity = Capacity::raise(config.workers, bound.len() * config.udp_loops)?;
        let max_sessions = within(capacity, &config);
        let admission = Admission::new(max_sessions, config.max_sessions_per_address);
        let shared = Arc::new(Shared::new(&config));
        let mut supervisor = Supervisor::new();

        let polls: Vec<_> = (0..config.workers).map(|_| Poll::new()).collect::<Result<_, _>>()?;
        let (pool, receivers) = Pool::new(&polls)?;
        for (index, (poll, handed)) in polls.into_iter().zip(receivers).enumerate() {
            let worker = Worker::new(Arc::clone(&shared), Arc::clone(&pool), index, handed, poll)?;
            supervisor.spawn(format!("worker-{}", index + 1), || worker.run())?;
        }
        let mut listeners = Vec::new();
        for (endpoint, bound) in bound {
            match bound {
                Bound::Streams(listener) => listeners.push(listener),
                Bound::Datagrams(sockets, mut file) => {
                    for socket in sockets {
                        let (shared, file) = (Arc::clone(&shared), file.take());
                        let datagrams = DatagramLoop::new(shared, socket, endpoint.clone(), file)?;
                        supervisor.spawn(endpoint.to_string(), || datagrams.run())?;
                    }
                }
            }
        }
        let acceptor = Acceptor::new(
            Arc::clone(&shared),
            listeners,
            Arc::clone(&pool),
            admission,
            capacity.refusals,
        )?;
        let acceptor_waker = acceptor.waker();
        supervisor.spawn("acceptor".to_owned(), || acceptor.run())?;

        info!("serving with {} workers and at most {max_sessions} sessions", config.workers);
        let patience = config.grace.max(TICK);
        Ok(Self { shared, supervisor, pool, acceptor_waker, patience })
    }

    fn watch(mut self, stop: &Receiver<()>) -> Result<Stats, RunError> {
        let mut ticker = Ticker::start(Instant::now());
        let (mut stop, mut deadline) = (stop.clone(), None);
        let (mut total, mut failure) = (Stats::default(), None);
        while self.supervisor.running > 0 {
            let mut stopping = false;
            select! {
                recv(stop) -> _ => stopping = true,
                recv(self.supervisor.ended) -> ended => {
                    self.supervisor.running -= 1;
                    match ended {
                        Ok(Ended { outcome: Ok(stats), .. }) => total += stats,
                        Ok(Ended { name, outcome: Err(message) }) => {
                            error!("the thread '{name}' failed, so the server stops: {message}");
                            failure = failure.or(Some(RunError::Failed { name, message }));
                            stopping = true;
                        }
                        Err(_) => break,
                    }
                }
                default(TICK) => {}
            }
            ticker.advance(&self.shared.clock, Instant::now());
            if stopping && deadline.is_none() {
                info!("stopping, within {:?}", self.patience);
                self.stop();
                stop = never();
                deadline = Some(Instant::now() + self.patience);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                warn!("{} threads did not end in time", self.supervisor.running);
                break;
            }
        }
        info!("stopped: {total}");
        failure.map_or(Ok(total), Err)
    }

    fn stop(&self) {
        self.shared.stop_by.get_or_init(|| Instant::now() + self.shared.grace);
        self.pool.wake_all();
        if let Err(error) = self.acceptor_waker.wake() {
            warn!("cannot wake the acceptor: {error}");
        }
    }
}

/// The session limit, lowered to what the limit of open files can carry.
fn within(capacity: Capacity, config: &Config) -> usize {
    let (wanted, carried) = (config.max_sessions, capacity.sessions);
    if wanted > carried {
        warn!(
            "--max-sessions {wanted} is more than the limit of open files can carry: \
             lowered to {carried}"
        );
    }
    wanted.min(carried)
}

/// Why a server did not run until it was told to stop.
#[derive(Debug)]
pub enum RunError {
    /// Its threads could not be started.
    Start(io::Error),
    /// One of its threads failed.
    Failed {
        /// The name of the thread.
        name: String,
        /// What was wrong.
        message: String,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "cannot start: {error}"),
            Self::Failed { name, message } => write!(f, "the thread '{name}' failed: {message}"),
        }
    }
}

impl std::error::Error for RunError {}
