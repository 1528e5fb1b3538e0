//! The same work for several endpoints at the same time.

use std::io;
use std::thread;

/// Does `work` for all `items` at the same time, each on a thread of its own, and passes the results to
/// `report` in the order of the items, each once it and those before it are there. Where the system has
/// no thread for an item, its result is that of `without_thread`, which is called when its turn comes.
pub(crate) fn for_each_at_once<'a, T: Sync, R: Send>(
    items: &'a [T],
    work: impl Fn(&'a T) -> R + Sync,
    without_thread: impl Fn(&'a T, io::Error) -> R,
    report: impl FnMut(R),
) {
    let work = &work;
    thread::scope(|scope| {
        let spawn = |item| (item, thread::Builder::new().spawn_scoped(scope, move || work(item)));
        let threads: Vec<_> = items.iter().map(spawn).collect();
        let done = threads.into_iter().map(|(item, thread)| match thread {
            Ok(thread) => thread.join().expect("the panic hook has reported it"),
            Err(error) => without_thread(item, error),
        });
        done.for_each(report);
    });
}
