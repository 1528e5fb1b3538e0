//! The server as a whole: binds, starts its threads, supervises them, and stops.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select};
use hello_proto::{Endpoint, HostPort};
use log::{error, info, warn};
use mio::{Poll, Waker};

use crate::accept::Acceptor;
use crate::admission::Admission;
use crate::config::Config;
use crate::datagram::{self, DatagramLoop};
use crate::error::Error;
use crate::fd_limit::Capacity;
use crate::listen::bind::{BoundSocket, bind, bind_metrics, descriptors};
use crate::listen::inherited::InheritedSockets;
use crate::listen::listener::Listener;
use crate::metrics::{self, Metrics};
use crate::monitor::Monitor;
use crate::net::poll::wake;
use crate::shared::Shared;
use crate::stats::Stats;
use crate::threads::{ThreadExit, Threads};
use crate::worker::Worker;
use crate::worker::pool::Pool;

/// What the threads have to close and count all sessions, even without a grace.
const MIN_GRACE: Duration = Duration::from_millis(500);

/// A server that listens. Clients that connect are served once it has [started](Server::start).
#[derive(Debug)]
pub struct Server {
    config: Config,
    capacity: Capacity,
    bound: Vec<(Endpoint, BoundSocket)>,
    metrics: Option<(HostPort, Listener)>,
}

impl Server {
    /// Binds every address of `config`, to serve them beside the sockets that were handed over. If
    /// there is neither, it is [`Config::DEFAULT_ADDRESS`].
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] for the first that cannot be bound, [`Error::OpenFiles`] if the process may
    /// not open enough files to serve one session; nothing stays bound then.
    pub fn bind(mut config: Config, inherited: InheritedSockets) -> Result<Self, Error> {
        let InheritedSockets(mut bound) = inherited;
        if bound.is_empty() && config.addresses.is_empty() {
            let address = Config::DEFAULT_ADDRESS.parse().expect("it is an endpoint");
            config.addresses.push(address);
        }
        let metrics = config.metrics.as_ref();
        // At most: a listener has one.
        let inherited = bound.len() * datagram::DESCRIPTORS;
        let own = config.addresses.iter().map(|address| descriptors(address, config.udp_loops));
        let scraped = metrics.map_or(0, |_| metrics::DESCRIPTORS);
        let capacity = Capacity::raise(config.workers(), inherited + own.sum::<usize>() + scraped)?;
        for address in &config.addresses {
            bound.extend(bind(address, &config)?);
        }
        let metrics = metrics.map(|address| bind_metrics(address, metrics::BACKLOG)).transpose()?;
        Ok(Self { config, capacity, bound, metrics })
    }

    /// Starts its threads, which serve from now on. `dropped_log_lines` is for the metrics: it counts
    /// what the log of this process has dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] if there are no resources for one of them.
    pub fn start(self, dropped_log_lines: Arc<AtomicU64>) -> Result<Running, Error> {
        Running::start(self, Monitor::new(dropped_log_lines)).map_err(Error::Start)
    }
}

/// What a running server may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To log its counters.
    Report,
    /// To stop.
    Stop,
    /// To stop once the open sessions have ended, or the grace is over.
    Drain,
}

/// A server with its threads.
#[derive(Debug)]
pub struct Running {
    config: Config,
    endpoints: Vec<Endpoint>,
    shared: Arc<Shared>,
    threads: Threads,
    /// Of the threads that do not end with the pool.
    wakers: Vec<Arc<Waker>>,
    monitor: Arc<Monitor>,
    /// Served until this is dropped.
    _metrics: Option<Metrics>,
}

impl Running {
    fn start(server: Server, mut monitor: Monitor) -> io::Result<Self> {
        let Server { config, capacity, bound, metrics } = server;
        let max_sessions = clamp_sessions(capacity, &config);
        let admission = Admission::new(max_sessions, config.max_sessions_per_address);
        let shared = Arc::new(Shared::new(&config));
        let mut threads = Threads::new();

        let pool = start_workers(config.workers(), &shared, &mut threads, &mut monitor)?;
        let (mut endpoints, mut listeners, mut wakers) = (vec![], vec![], vec![]);
        for (endpoint, bound) in bound {
            match bound {
                BoundSocket::Streams(listener) => listeners.push(listener),
                BoundSocket::Datagrams(sockets) => {
                    for socket in sockets {
                        let (shared, stats) = (Arc::clone(&shared), monitor.thread());
                        let datagrams = DatagramLoop::new(shared, socket, endpoint.clone(), stats)?;
                        monitor.watch(datagrams.socket());
                        wakers.push(datagrams.waker());
                        threads.spawn(endpoint.to_string(), || datagrams.run())?;
                    }
                }
            }
            endpoints.push(endpoint);
        }
        let acceptor = Acceptor::new(
            Arc::clone(&shared),
            listeners,
            pool,
            admission,
            capacity.rejections,
            monitor.waiting_gauge(),
            monitor.thread(),
        )?;
        wakers.push(acceptor.waker());
        threads.spawn("acceptor".to_owned(), || acceptor.run())?;

        let monitor = Arc::new(monitor);
        let mut line = start_line(&config, max_sessions, &endpoints);
        let metrics = match metrics {
            Some((address, listener)) => {
                line += &format!("; metrics at http://{address}/metrics");
                Some(Metrics::start(listener, Arc::clone(&shared), Arc::clone(&monitor))?)
            }
            None => None,
        };
        info!("{line}");
        Ok(Self { config, endpoints, shared, threads, wakers, monitor, _metrics: metrics })
    }

    /// Where it listens, with real ports, in the order of the configuration.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Serves until it is asked to stop, or nobody can ask any more; then until every client has been
    /// told or the grace is over. If it is asked to drain, all of that comes after another grace, which
    /// ends early if no session is open any more. It reports all that time.
    ///
    /// # Errors
    ///
    /// [`Error::Thread`] if a thread failed: then the server stops in the same way, rather than run
    /// degraded.
    pub fn wait(mut self, requests: &Receiver<Request>) -> Result<Stats, Error> {
        let (mut requests, mut cut_off) = (requests.clone(), never());
        let (mut stopping, mut failure) = (false, None);
        while self.threads.running > 0 {
            let mut drain = Duration::ZERO;
            select! {
                recv(requests) -> request => match request {
                    Ok(Request::Stop) => {}
                    Ok(Request::Drain) => drain = self.config.grace,
                    Ok(Request::Report) => {
                        self.report();
                        continue;
                    }
                    Err(_) => requests = never(),
                },
                recv(self.threads.exits) -> exit => {
                    let Ok(ThreadExit { name, outcome }) = exit else { break };
                    self.threads.running -= 1;
                    if let Err(message) = outcome {
                        error!("the thread '{name}' failed, so the server stops: {message}");
                        failure = failure.or(Some(Error::Thread { name, message }));
                    }
                }
                recv(cut_off) -> _ => {
                    warn!("{} threads did not end in time", self.threads.running);
                    break;
                }
            }
            // A thread ends by itself only if it has failed or the server stops.
            if !stopping {
                stopping = true;
                self.stop(drain);
                cut_off = at(Instant::now() + drain + self.config.grace.max(MIN_GRACE));
            }
        }
        let total = self.monitor.stats();
        info!("stopped: {total}");
        failure.map_or(Ok(total), Err)
    }

    fn report(&self) {
        let stats = self.monitor.stats();
        let waiting = match self.config.proxy_protocol {
            true => format!("; proxy headers waiting={}", self.monitor.waiting()),
            false => String::new(),
        };
        info!("running: open={}; {stats}{waiting}", stats.open());
    }

    fn stop(&self, drain: Duration) {
        self.shared.begin_stop(drain);
        self.wakers.iter().for_each(|waker| wake(waker));
    }
}

/// Starts as many workers as are asked for, and returns the pool that they are.
fn start_workers(
    count: usize,
    shared: &Arc<Shared>,
    threads: &mut Threads,
    monitor: &mut Monitor,
) -> io::Result<Pool> {
    let polls: Vec<_> = (0..count).map(|_| Poll::new()).collect::<Result<_, _>>()?;
    let (pool, inboxes) = Pool::new(&polls)?;
    for (index, (poll, inbox)) in polls.into_iter().zip(inboxes).enumerate() {
        let worker = Worker::new(Arc::clone(shared), inbox, poll, monitor.thread())?;
        threads.spawn(format!("worker-{}", index + 1), || worker.run())?;
    }
    Ok(pool)
}

/// Who serves what, and within which limits.
fn start_line(config: &Config, max_sessions: usize, endpoints: &[Endpoint]) -> String {
    let Config { framing, max_message, max_sessions_per_address, grace, .. } = config;
    let endpoints: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
    let per_address = match max_sessions_per_address {
        0 => String::new(),
        limit => format!(" ({limit} from one address)"),
    };
    let proxy_protocol = match config.proxy_protocol {
        true => " behind the PROXY protocol",
        false => "",
    };
    let idle_timeout = match config.idle_timeout {
        Duration::ZERO => "no idle timeout".to_owned(),
        timeout => format!("idle timeout {timeout:?}"),
    };
    format!(
        "{} {} (process {}): serving with {} workers and at most {max_sessions} \
         sessions{per_address}{proxy_protocol} on {}; framing {framing}, messages up to {max_message} bytes, \
         {idle_timeout}, grace period {grace:?}",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        std::process::id(),
        config.workers(),
        endpoints.join(" "),
    )
}

/// The session limit, lowered to what the limit of open files can carry.
fn clamp_sessions(capacity: Capacity, config: &Config) -> usize {
    let (requested, carried) = (config.max_sessions, capacity.sessions);
    if requested > carried {
        warn!(
            "--max-sessions {requested} is more than the limit of open files can carry: \
             lowered to {carried}"
        );
    }
    requested.min(carried)
}
