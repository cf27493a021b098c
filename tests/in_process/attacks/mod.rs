//! What an attacker would try against the authorization server: one module a threat.

mod algorithm_and_key_confusion;
mod assertion_audience_and_replay;
mod cache_poisoning;
mod client_impersonation;
mod code_injection;
mod code_races;
mod deep_and_oversized_input;
mod faults_at_the_pages;
mod faults_at_the_token_endpoint;
mod faults_in_key_acts;
mod header_and_log_injection;
mod id_tokens;
mod mix_up;
mod nth_fault;
mod open_redirect;
mod organizations;
mod oxide_auth_traps;
mod parameter_pollution;
mod pkce_downgrade;
mod redirect_manipulation;
mod refresh_interleavings;
mod refresh_races;
mod registration_abuse;
mod token_substitution;
mod wrong_tokens;
