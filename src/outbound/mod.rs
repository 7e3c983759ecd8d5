//! Floor 1: what leaves the machine: requests to addresses that somebody gave us, mail, look-ups of names.
//!
//! Nothing here is called inside a transaction, and nothing leaves unless an operator or an application asked for it.

pub mod dns;
pub mod http;
pub mod mail;
pub mod networks;
