//! The release binaries as people and machines meet them: real clients, a real browser, kill -9. Runs one test at a time
//! (`--test-threads=1`), because tests measure time and some use the default ports.

mod browser_page;
mod conformance;
mod kill_nine;
mod machine_and_curl;
mod one_command;
mod rmcp_client;
mod screenshots;
mod server_conformance;
mod typescript_client;
