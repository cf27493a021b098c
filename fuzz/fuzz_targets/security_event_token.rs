#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| system_tests::fuzz_targets::run("security_event_token", bytes));
