//! Reads the sources: `rsa` and `p256` may generate, encode, import and check keys, and nothing else (RUSTSEC-2023-0071: the private
//! operations of `rsa` leak by their timing).

use std::{fs, path::Path};

/// Names that stand for a private operation, wherever they are written.
const FORBIDDEN: [&str; 19] = [
    "rsa::pkcs1v15",
    "rsa::pss",
    "rsa::oaep",
    "rsa::hazmat",
    "rsa::signature",
    "rsa::{pkcs1v15",
    "rsa::{pss",
    "rsa::{oaep",
    "Pkcs1v15Sign",
    "Pkcs1v15Encrypt",
    "Oaep",
    "BlindedSigningKey",
    "SignatureScheme",
    "PaddingScheme",
    "sign_with_rng",
    "decrypt_blinded",
    "p256::ecdsa",
    "p256::ecdh",
    "diffie_hellman",
];
/// Names that a file may not write when it names one of the two crates.
const FORBIDDEN_BESIDE: [&str; 6] =
    [".sign(", ".try_sign(", ".decrypt(", "ecdsa::", "SigningKey as ", "PrivateKeyParts"];

/// What of a source text is forbidden; tests at the foot of a file are not read.
fn faults(source: &str) -> Vec<&'static str> {
    let product = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    // The library that does sign has a module of the same name.
    let product = product.replace("aws_lc_rs::rsa::", "");
    let names_the_crates = ["rsa::", "p256::"].iter().any(|name| product.contains(name));
    let beside: &[&str] = if names_the_crates { &FORBIDDEN_BESIDE } else { &[] };
    FORBIDDEN.iter().chain(beside).filter(|name| product.contains(**name)).copied().collect()
}

fn read(directory: &Path, check: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).expect("directory") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            read(&path, check);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("never_sign.rs") {
            check(&path, &fs::read_to_string(&path).expect("source"));
        }
    }
}

#[test]
fn rsa_and_p256_never_sign_or_decrypt() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("workspace");
    let (mut files, mut naming) = (0, 0);
    for directory in ["keys/src", "shared/src", "auth-server/src", "resource-server/src", "standalone/src"] {
        read(&root.join(directory), &mut |path, source| {
            files += 1;
            naming += usize::from(source.contains("rsa::") || source.contains("p256::"));
            assert_eq!(faults(source), Vec::<&str>::new(), "{}", path.display());
        });
    }
    assert!(files > 20 && naming >= 2, "the sources were not found");
}

#[test]
fn the_reader_knows_a_fault_when_it_sees_one() {
    for bad in [
        "use rsa::pkcs1v15::SigningKey;",
        "use rsa::{pss, RsaPrivateKey};",
        "let key: rsa::RsaPrivateKey = x; key.sign(padding, hash)",
        "use rsa::RsaPrivateKey; key.decrypt(padding, text)",
        "use p256::ecdsa::SigningKey;",
        "p256::SecretKey::from_slice(b); p.try_sign(m)",
    ] {
        assert!(!faults(bad).is_empty(), "{bad}");
    }
    assert!(faults("use aws_lc_rs::rsa::KeySize; pair.sign(&random, message)").is_empty(), "aws-lc-rs may sign");
    assert!(faults("use rsa::RsaPublicKey;\n#[cfg(test)]\nmod tests { k.sign(m) }").is_empty());
}
