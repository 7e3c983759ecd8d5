//! Webhooks on their way: what is sent, when, how often, and what the operator sees of it.

mod delivery;
mod operator;
mod queue;
