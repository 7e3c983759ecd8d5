//! Who is asked: this server, or a peer. Each says the same questions in its own words.

use std::net::SocketAddr;

use super::expect::Question;
use super::forest::Mover;
use super::questions::{Check, Discovery, Revocable, Who};

/// A running server that holds the forest.
pub trait Side: Send + Sync {
    fn name(&self) -> &'static str;
    fn address(&self) -> SocketAddr;
    /// Its first process.
    fn process(&self) -> u32;

    fn check(&self, check: &Check) -> Question;
    /// The first ten, or as few as it can be asked for.
    fn discovery(&self, discovery: &Discovery) -> Question;
    fn who(&self, who: &Who) -> Question;

    /// Takes the role away.
    fn revoke(&self, revocable: &Revocable) -> Question;
    /// Gives it back.
    fn grant(&self, revocable: &Revocable) -> Question;
    /// Another document on the building site, under a name that was not used before.
    fn create(&self, site: u32, name: &str) -> Question;
    /// From one home to the other: the first move goes away from the first home.
    fn relocate(&self, mover: &Mover, away: bool) -> Question;
}
