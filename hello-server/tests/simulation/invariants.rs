//! What must hold whenever nothing can go on, and in the end.

use crate::kernel::Kernel;
use crate::kernel::clock::MILLISECOND;
use crate::kernel::connection::{Connection, LINGER};
use crate::oracle::End;
use crate::stats::{Counter, Stats};

/// When nothing can go on, nothing must be left to do.
pub(crate) fn check_quiescence(kernel: &Kernel) {
    let now = kernel.now;
    // A thread that tries again soon has not done all that it can.
    if !kernel.sleeping.is_empty() {
        return;
    }
    if let Some(stop) = kernel.stop {
        // What came while the machine stood still is dealt with after it.
        let end = stop.end.max(kernel.resumed + 50 * MILLISECOND);
        assert!(now <= end, "still running {} ns after the grace", now - end);
    }
    // The acceptor's poll is the last one, and has other tokens.
    for worker in 0..kernel.epolls.len() - 1 {
        let (sessions, last) = (kernel.sessions(worker).count(), kernel.sessions(worker).max());
        let places = last.map_or(0, |last| last + 1);
        let few = places <= 128 || places <= 4 * sessions || kernel.stop.is_some();
        assert!(few, "a worker keeps {places} places or more for {sessions} sessions");
    }
    for (queue, length) in kernel.queues.iter().enumerate() {
        assert!(*length == 0, "{length} jobs wait in queue {queue}, and nobody is awake");
    }
    // After an error it tries again soon.
    let acceptor = kernel.epolls.last().and_then(|epoll| epoll.deadline);
    let pause = if kernel.stop.is_some() { 50 } else { 250 } * MILLISECOND;
    let soon = acceptor.is_some_and(|deadline| deadline <= now + pause);
    let paused = soon && kernel.faults.accept > 0;
    for (listener, backlog) in kernel.listeners.iter().enumerate() {
        let left = backlog.inherited && backlog.closed;
        let waiting = if left { 0 } else { backlog.waiting.len() };
        assert!(waiting == 0 || paused, "{waiting} clients wait at listener {listener}");
    }
    let over = kernel.stop.is_some()
        && kernel.listeners.iter().all(|backlog| backlog.closed)
        && kernel.connections.iter().all(|it| it.closed || !it.accepted);
    assert!(!over, "all connections are closed, and {} threads still wait", kernel.threads);
    for (index, it) in kernel.connections.iter().enumerate() {
        let Some(registration) = it.registration.filter(|_| !it.closed) else { continue };
        if registration.wants_input() {
            let unread = it.input.len();
            assert!(!it.is_readable(), "connection {index}: {unread} bytes are not read");
            assert!(!it.has_unread_end(), "connection {index}: its end is not read");
        }
        if registration.wants_to_write() {
            let stuck = it.space > 0 || it.reset;
            assert!(!stuck, "connection {index}: space for {} bytes is not used", it.space);
        }
        let told = it.rejected || it.oracle.end.is_some();
        let cannot_be = it.was_starved || it.reset;
        let stops = kernel
            .stop
            .is_some_and(|stop| now > stop.drained.max(kernel.resumed) + 50 * MILLISECOND)
            && !kernel.grace_is_over();
        assert!(told || cannot_be || !stops, "connection {index}: not told of the stop");
        let idle = kernel.limits.idle_timeout;
        let rejected_too_long =
            it.rejected && now > it.touched.max(kernel.resumed) + LINGER + 100 * MILLISECOND;
        // First it is idle, and then it is closing.
        let since = it.touched.max(it.active).max(kernel.resumed);
        let idle_too_long = idle > 0
            && kernel.stop.is_none()
            && now > since + idle + idle.max(LINGER) + 200 * MILLISECOND;
        assert!(!rejected_too_long, "connection {index}: rejected, and still open");
        assert!(!idle_too_long, "connection {index}: idle, and still open");
    }
}

/// When nobody waits for a time to come, nobody may be open only until then.
pub(crate) fn check_timers(kernel: &Kernel) {
    for (index, it) in kernel.connections.iter().enumerate() {
        // Without a timeout, one that takes no replies may wait for ever with an `exit` behind them.
        let ends = kernel.limits.idle_timeout > 0 || it.rejected || it.shut.is_some();
        assert!(it.closed || !it.accepted || !ends, "connection {index}: nobody waits for its end");
    }
}

/// What the server has counted is what has happened.
pub(crate) fn check_total(kernel: &Kernel, total: &Stats) {
    let sessions = || kernel.connections.iter().filter(|it| it.is_session());
    let count = |counter| total.get(counter);
    let causes = [
        Counter::Exit,
        Counter::EndOfStream,
        Counter::TooLong,
        Counter::Idle,
        Counter::Unread,
        Counter::Shutdown,
        Counter::Lost,
    ];
    assert_eq!(count(Counter::Opened), count(Counter::Ended));
    assert_eq!(count(Counter::Ended), causes.map(count).iter().sum::<u64>());
    let rejections = [
        Counter::RejectedFull,
        Counter::RejectedAddress,
        Counter::RejectedShutdown,
        Counter::RejectedProxyHeader,
    ]
    .map(count);
    let accepted = || kernel.connections.iter().filter(|it| it.accepted);
    // At the end of the grace, who still waits for its header is closed without a word.
    let cut_off = accepted().filter(|it| kernel.grace_is_over() && it.waits_for_header()).count();
    let accepted = accepted().count() as u64;
    let counted = count(Counter::Opened) + rejections.iter().sum::<u64>();
    assert!((accepted - cut_off as u64..=accepted).contains(&counted), "{counted} of {accepted}");
    assert_eq!(count(Counter::BytesIn), sessions().map(|it| it.read).sum());
    let written: usize = sessions().map(|it| it.written).sum();
    assert_eq!(count(Counter::BytesOut), written as u64);
    let messages: u64 = sessions().map(|it| it.oracle.messages).sum();
    assert!(count(Counter::Messages) <= messages, "more is answered than was read");
    if sessions().all(|it| it.written == it.oracle.replies.len()) {
        assert_eq!(count(Counter::Messages), messages);
    }
    for (counter, end) in [
        (Counter::Exit, End::Exit),
        (Counter::EndOfStream, End::Eof),
        (Counter::TooLong, End::TooLong),
        (Counter::Idle, End::Idle),
        (Counter::Shutdown, End::Shutdown),
    ] {
        let ended = sessions().filter(|it| it.oracle.end == Some(end));
        let counted = count(counter);
        // Clients that were gone before the server could tell them of its own decision.
        let decided = matches!(end, End::Idle | End::Shutdown);
        let untold = |it: &&Connection| decided && it.oracle.end.is_none() && it.reset;
        let most = ended.clone().count() + sessions().filter(untold).count();
        // Those whom the end of the grace cuts off are told nothing.
        let cut_off = end == End::Shutdown && kernel.grace_is_over();
        assert!(counted <= most as u64 || cut_off, "{counted} counted for {end:?}");
        // The others were lost before the server saw it, or cut off.
        let whole = ended.filter(|it| !it.reset && !it.was_starved).count() as u64;
        assert!(
            counted >= whole || kernel.grace_is_over(),
            "{counted} counted for {end:?} of {whole}"
        );
    }
    for it in &kernel.connections {
        assert!(it.closed || !it.accepted, "a connection is still open after the end");
    }
}
