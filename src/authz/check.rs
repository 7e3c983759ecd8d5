//! The question of questions: may this membership do this on that resource?
//!
//! Checks that come at the same time are asked of the database together. While no statement of their environment is under
//! way a check leaves at once, by itself; otherwise it waits for that one to come back, and goes with all others that wait.
//! Where more than [`WORTH`] wait, a second statement goes beside it, and more where very many wait. So nobody waits when
//! there is little to do, and when there is much the cost of a round trip is shared.
//!
//! Nothing is remembered: a check is decided by a statement that begins after the check was asked, from the committed
//! rows of that moment. That is what makes a role that was taken away count for nothing from then on, on every server.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::db::{Database, Db, EnvironmentKey};
use crate::kernel::error::Kind;
use crate::kernel::id::{Kind as _, ResourceKind};
use crate::kernel::{Error, Result, trace};
use crate::model::resources::ResourceTarget;
use crate::store;
use crate::store::authorization::{Decision, Question};

/// Statements of one environment under way at once: a bound that keeps it from taking every connection.
const AT_ONCE: usize = 6;
/// More than so many have to wait for a second statement, four times as many for a third, nine times as many for a fourth.
/// For fewer its own price is more than what they win; for more, a processor stands still while they wait, or PostgreSQL
/// waits for its disk.
const WORTH: usize = 2;
/// Checks in one statement: a bound on how long the first of them waits for the last.
const MOST: usize = 64;

/// Whoever asks for decisions asks here. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Checks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    /// The environments in which somebody asks just now.
    lanes: Mutex<HashMap<EnvironmentKey, Lane>>,
}

/// The checks of an environment.
#[derive(Debug, Default)]
struct Lane {
    /// How many tasks ask for them.
    asking: usize,
    waiting: VecDeque<Waiting>,
}

/// Somebody who waits for a decision.
#[derive(Debug)]
struct Waiting {
    question: Arc<Question>,
    answer: oneshot::Sender<Result<Decision>>,
}

impl AsRef<Question> for Waiting {
    fn as_ref(&self) -> &Question {
        &self.question
    }
}

impl Checks {
    /// Checks that are decided by this database.
    pub fn new(database: Database) -> Self {
        Self(Arc::new(Inner { database, lanes: Mutex::default() }))
    }

    /// Whether a membership has a permission on a resource.
    ///
    /// It has if it is an active membership of the resource's organization, and somebody gave it, or a group that it is
    /// in, on the resource or on one above it, a role with that permission. Nothing is ever denied to one who has it by
    /// another way. A permission that does not exist is one that nobody has. A membership, or a resource in its
    /// organization, that does not exist is missing.
    pub async fn check(&self, environment: EnvironmentKey, question: Question) -> Result<bool> {
        let question = Arc::new(question);
        let (answer, answered) = oneshot::channel();
        if self.0.join(environment, Waiting { question: Arc::clone(&question), answer }) {
            tokio::spawn(Asking { inner: Arc::clone(&self.0), environment, is_done: false }.run());
        }
        let answered = async { answered.await.map_err(Error::internal)? };
        judge(&question, trace::statement("select with other checks of the same moment", answered).await?)
    }
}

/// The answers to many questions, in their order, as they are at one moment.
pub async fn check_all(db: &mut Db, questions: &[Question]) -> Result<Vec<Result<bool>>> {
    let decisions = store::authorization::decide(db, questions).await?;
    Ok(questions.iter().zip(decisions).map(|(question, decision)| judge(question, decision)).collect())
}

/// What a decision means to whoever asked.
pub fn judge(question: &Question, decision: Decision) -> Result<bool> {
    if !decision.has_membership {
        return Err(Error::missing(&question.membership));
    }
    if !decision.has_resource {
        return Err(missing(&question.target));
    }
    Ok(decision.is_authorized)
}

/// There is no such resource.
pub(super) fn missing(target: &ResourceTarget) -> Error {
    match target {
        ResourceTarget::Id(id) => Error::missing(id),
        ResourceTarget::External { resource_type_slug: _, external_id } => {
            Error::missing_named(ResourceKind::NAME, external_id)
        }
    }
}

impl Inner {
    fn lanes(&self) -> MutexGuard<'_, HashMap<EnvironmentKey, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins those who wait; whether another task is to ask for them.
    fn join(&self, environment: EnvironmentKey, waiting: Waiting) -> bool {
        let mut lanes = self.lanes();
        let lane = lanes.entry(environment).or_default();
        lane.waiting.push_back(waiting);
        let is_wanted = lane.asking < AT_ONCE && lane.waiting.len() > lane.asking.pow(2) * WORTH;
        lane.asking += usize::from(is_wanted);
        is_wanted
    }

    /// The next who wait, in the order in which they came, apart from those who have gone away.
    fn take(&self, environment: EnvironmentKey, most: usize) -> Vec<Waiting> {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(&environment) else { return Vec::new() };
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(waiting) = lane.waiting.pop_front()
        {
            if !waiting.answer.is_closed() {
                taken.push(waiting);
            }
        }
        taken
    }

    /// Asks for as many as fit into one statement.
    async fn ask(&self, environment: EnvironmentKey) {
        // The connection first: whoever comes while there is none goes along.
        match self.database.read(environment).await {
            Ok(mut db) => {
                // Requests that have arrived but were not looked at yet go along too. On an idle server there are none, and
                // this is over at once.
                tokio::task::yield_now().await;
                let taken = self.take(environment, MOST);
                match store::authorization::decide(&mut db, &taken).await {
                    // Nothing that a client sends can make the statement fail. If it does, whoever is the cause of that
                    // fails alone.
                    Err(error) if error.kind() == Kind::Internal && taken.len() > 1 => {
                        for one in taken {
                            let decided = store::authorization::decide(&mut db, &[&one]).await;
                            answer(vec![one], decided);
                        }
                    }
                    decided => answer(taken, decided),
                }
            }
            // What there is no connection for now has waited long enough.
            Err(error) => answer(self.take(environment, usize::MAX), Err(error)),
        }
    }
}

/// Tells everybody what was decided. Who has gone away meanwhile is not missed.
fn answer(taken: Vec<Waiting>, decided: Result<Vec<Decision>>) {
    match decided {
        Ok(decisions) => {
            for (waiting, decision) in taken.into_iter().zip(decisions) {
                let _ = waiting.answer.send(Ok(decision));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for waiting in taken {
                let _ = waiting.answer.send(Err(Error::shared(&error)));
            }
        }
    }
}

/// A task that asks for the checks of an environment until none waits.
struct Asking {
    inner: Arc<Inner>,
    environment: EnvironmentKey,
    is_done: bool,
}

impl Asking {
    async fn run(mut self) {
        while !self.is_done() {
            self.inner.ask(self.environment).await;
        }
    }

    /// Leaves if nobody waits: both under one lock, so that whoever comes next either is seen or sends another task.
    fn is_done(&mut self) -> bool {
        let mut lanes = self.inner.lanes();
        self.is_done = lanes.get(&self.environment).is_none_or(|lane| lane.waiting.is_empty());
        if self.is_done {
            leave(&mut lanes, self.environment);
        }
        self.is_done
    }
}

impl Drop for Asking {
    /// A task that was broken off leaves too, and nobody may go on waiting for it.
    fn drop(&mut self) {
        if !self.is_done {
            leave(&mut self.inner.lanes(), self.environment);
        }
    }
}

/// One task less. With the last one goes the lane, and whoever still waits in it is told by that.
fn leave(lanes: &mut HashMap<EnvironmentKey, Lane>, environment: EnvironmentKey) {
    if let Some(lane) = lanes.get_mut(&environment) {
        lane.asking -= 1;
        if lane.asking == 0 {
            lanes.remove(&environment);
        }
    }
}
