//! Who runs next.

use std::ops::Range;

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

use super::{Kernel, reset, with};
use crate::random::Random;

/// Runs one seed after the other: any thread that can run may be next, and the first, which is the
/// world outside, is so too, but learns when it is the only one.
#[derive(Debug)]
pub(crate) struct Seeds {
    seeds: Range<u64>,
    random: Random,
    /// In percent: that a thread goes on, and that otherwise the world is next.
    stay: u64,
    world: u64,
    traced: bool,
}

impl Seeds {
    pub(crate) fn new(seeds: Range<u64>, traced: bool) -> Self {
        Self { seeds, random: Random::new(0), stay: 0, world: 0, traced }
    }
}

impl Scheduler for Seeds {
    fn new_execution(&mut self) -> Option<Schedule> {
        let seed = self.seeds.next()?;
        let mut kernel = Kernel::new(seed);
        kernel.traced = self.traced;
        reset(kernel);
        crate::run::CURRENT.set(seed);
        self.random = Random::new(!seed);
        self.stay = self.random.pick(&[0, 50, 80, 95]);
        self.world = self.random.pick(&[5, 20, 50, 80]);
        Some(Schedule::new(seed))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let id = |task: &&Task| usize::from(task.id());
        let others = runnable.len() - usize::from(runnable.iter().any(|task| id(task) == 0));
        if others == 0 {
            with(|kernel| kernel.quiescent = true);
            return Some(runnable[0].id());
        }
        let may_stay = current
            .filter(|current| !is_yielding && runnable.iter().any(|task| task.id() == *current));
        if let Some(current) = may_stay
            && self.random.percent(self.stay)
        {
            return Some(current);
        }
        let world = runnable.iter().find(|task| id(task) == 0);
        if let Some(world) = world
            && self.random.percent(self.world)
        {
            return Some(world.id());
        }
        let chosen = self.random.size(0..others);
        let mut others = runnable.iter().filter(|task| id(task) != 0);
        others.nth(chosen).map(|task| task.id())
    }

    fn next_u64(&mut self) -> u64 {
        self.random.next()
    }
}
