//! Floor 1: pure engines, without a database and without a socket.

pub mod dns_name;
pub mod jwt;
pub mod jwt_template;
pub mod password;
pub mod web_address;
