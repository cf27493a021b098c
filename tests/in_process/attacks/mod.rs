//! What an attacker would try against the authorization server: one module a threat.

mod code_races;
mod faults_at_the_pages;
mod faults_at_the_token_endpoint;
mod id_tokens;
mod nth_fault;
mod oxide_auth_traps;
mod refresh_interleavings;
mod refresh_races;
mod wrong_tokens;
