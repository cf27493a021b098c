//! The key-encryption keys: one line a key, `<id>:<32 bytes in base64url>`, the first being the one that seals.

use super::SealingError;
use crate::random::{Random, random_id};
use crate::secret::Secret;
use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
/// A file of keys is a few lines; anything longer is another file.
const MAX_TEXT_BYTES: u64 = 16 * 1024;
const MAX_ID_CHARACTERS: usize = 64;
/// 32 random bytes have fewer than 16 different values about once in 10^17 draws; typed or repeated text has them every
/// time.
const MIN_DIFFERENT_BYTES: usize = 16;

/// One loaded key.
pub(super) struct KeyEncryptionKey {
    id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    row_key: LessSafeKey,
    text_key: LessSafeKey,
}

impl KeyEncryptionKey {
    fn new(id: String, bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let row_key = aead_key(&*bytes);
        // Rows and texts never share a key, so that neither use eats into the other's nonces.
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*bytes), b"postern sealed text 1");
        let text_key = aead_key(derived.as_ref());
        Self { id, bytes, row_key, text_key }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn row_key(&self) -> &LessSafeKey {
        &self.row_key
    }

    pub(super) fn text_key(&self) -> &LessSafeKey {
        &self.text_key
    }
}

fn aead_key(bytes: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("the key has the 32 bytes of AES-256"))
}

/// The loaded key-encryption keys: at least one, the first being current.
pub struct KeyEncryptionKeys(Vec<KeyEncryptionKey>);

impl KeyEncryptionKeys {
    /// One new key.
    pub fn generate(random: &dyn Random) -> Self {
        Self(vec![generate_key(random)])
    }

    /// Reads the text form: one line a key, the current one first; empty lines and lines that begin with `#` are
    /// skipped.
    ///
    /// # Errors
    /// [`SealingError::UnusableKeys`] names the line; it never shows key material.
    pub fn parse(text: &str) -> Result<Self, SealingError> {
        let mut keys: Vec<KeyEncryptionKey> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let unusable = |what: &str| SealingError::UnusableKeys(format!("line {}: {what}", index + 1));
            let key = parse_line(line).map_err(unusable)?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(unusable("this id is given twice"));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(SealingError::UnusableKeys(
                "there is no key; one line is `<id>:<32 random bytes in base64url>`".to_owned(),
            ));
        }
        Ok(Self(keys))
    }

    /// Reads a file that only its owner may read.
    ///
    /// # Errors
    /// [`SealingError::File`] when it is absent, unreadable, or readable to group or world;
    /// [`SealingError::UnusableKeys`] for what is inside.
    pub fn load_file(path: &Path) -> Result<Self, SealingError> {
        let failed = |problem: String| SealingError::File { path: path.to_owned(), problem };
        let file = File::open(path).map_err(|error| failed(error.to_string()))?;
        let mut text = Zeroizing::new(String::new());
        refuse_readable_to_others(&file).map_err(failed)?;
        file.take(MAX_TEXT_BYTES + 1).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
        if text.len() as u64 > MAX_TEXT_BYTES {
            return Err(failed(format!("longer than {MAX_TEXT_BYTES} bytes, so not a file of keys")));
        }
        Self::parse(&text).map_err(|error| failed(error.to_string()))
    }

    /// Makes one new key and a new file (mode 0600, durable before this returns) that holds it.
    ///
    /// # Errors
    /// [`SealingError::File`], also when the file exists already: a key that may have sealed something is never
    /// overwritten.
    pub fn create_file(path: &Path, random: &dyn Random) -> Result<Self, SealingError> {
        let keys = Self::generate(random);
        write_new_private_file(path, keys.to_text().expose(), random)
            .map_err(|error| SealingError::File { path: path.to_owned(), problem: error.to_string() })?;
        Ok(keys)
    }

    /// The text form, to be kept where only its owner may read.
    pub fn to_text(&self) -> Secret {
        let mut text = String::new();
        for key in &self.0 {
            text.push_str(&key.id);
            text.push(':');
            text.push_str(&URL_SAFE_NO_PAD.encode(*key.bytes));
            text.push('\n');
        }
        Secret::new(text)
    }

    /// The ids, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(KeyEncryptionKey::id)
    }

    pub(super) fn current(&self) -> &KeyEncryptionKey {
        self.0.first().expect("every constructor puts at least one key in")
    }

    pub(super) fn find(&self, id: &str) -> Result<&KeyEncryptionKey, SealingError> {
        self.0.iter().find(|key| key.id == id).ok_or_else(|| SealingError::UnknownKey { key_id: id.to_owned() })
    }
}

impl PartialEq for KeyEncryptionKeys {
    fn eq(&self, other: &Self) -> bool {
        let same =
            |(one, other): (&KeyEncryptionKey, &KeyEncryptionKey)| one.id == other.id && *one.bytes == *other.bytes;
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

impl Eq for KeyEncryptionKeys {}

impl fmt::Debug for KeyEncryptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

fn generate_key(random: &dyn Random) -> KeyEncryptionKey {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    random.fill(&mut *bytes);
    let mut id = [0; 6];
    random.fill(&mut id);
    KeyEncryptionKey::new(format!("kek_{}", URL_SAFE_NO_PAD.encode(id)), bytes)
}

fn parse_line(line: &str) -> Result<KeyEncryptionKey, &'static str> {
    let (id, key) = line.split_once(':').ok_or("not of the form `<id>:<32 random bytes in base64url>`")?;
    let id_is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if id.is_empty() || id.len() > MAX_ID_CHARACTERS || !id_is_plain {
        return Err("the id before `:` is to be 1 to 64 letters, digits, `-`, `_` or `.`");
    }
    let decoded = Zeroizing::new(
        URL_SAFE_NO_PAD.decode(key.trim_end_matches('=')).map_err(|_| "what follows `:` is not base64url")?,
    );
    let bytes: [u8; KEY_BYTES] = decoded.as_slice().try_into().map_err(|_| "the key is not 32 bytes long")?;
    let bytes = Zeroizing::new(bytes);
    if is_weak(&bytes) {
        return Err(
            "the key is not random: take 32 bytes from a random source, for example `openssl rand -base64 32 | tr '+/' '-_'`",
        );
    }
    Ok(KeyEncryptionKey::new(id.to_owned(), bytes))
}

/// Whether the bytes are obviously not random: few different ones, text that somebody typed, or counting up or down.
fn is_weak(bytes: &[u8; KEY_BYTES]) -> bool {
    let mut seen = [false; 256];
    for &byte in bytes {
        seen[usize::from(byte)] = true;
    }
    let different = seen.iter().filter(|&&seen| seen).count();
    let typed = bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    let step = bytes[1].wrapping_sub(bytes[0]);
    let counting = bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    different < MIN_DIFFERENT_BYTES || typed || counting
}

#[cfg(unix)]
fn refuse_readable_to_others(file: &File) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = file.metadata().map_err(|error| error.to_string())?.mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!("has mode {mode:04o}, so others than its owner may read it; run chmod 600 on it"))
}

#[cfg(not(unix))]
fn refuse_readable_to_others(_: &File) -> Result<(), String> {
    Ok(())
}

/// Writes to a file beside `path` and links it into place, so that nobody ever sees half a key and an existing file
/// stays.
fn write_new_private_file(path: &Path, text: &str, random: &dyn Random) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let unfinished = path.with_extension(format!("unfinished-{}", random_id(random)));
    let mut file = options.open(&unfinished)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&unfinished, path));
    std::fs::remove_file(&unfinished)?;
    written?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{KeyEncryptionKeys, SealingError};
    use crate::random::SystemRandom;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn line(id: &str, bytes: &[u8]) -> String {
        format!("{id}:{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    fn random_bytes() -> [u8; 32] {
        crate::random::random_32(&SystemRandom)
    }

    #[test]
    fn text_form_round_trips_with_the_current_key_first() {
        let text = format!("{}\n{}\n", line("new", &random_bytes()), line("old", &random_bytes()));
        let keys = KeyEncryptionKeys::parse(&text).unwrap();
        assert_eq!(keys.ids().collect::<Vec<_>>(), ["new", "old"]);
        let again = KeyEncryptionKeys::parse(keys.to_text().expose()).unwrap();
        assert_eq!(keys.ids().collect::<Vec<_>>(), again.ids().collect::<Vec<_>>());
        assert_eq!(again.current().id(), keys.ids().next().unwrap());
        assert_eq!(keys.to_text().expose(), again.to_text().expose());
    }

    #[test]
    fn comments_padding_and_empty_lines_are_fine() {
        let text = format!("# made on Friday\n\n  {}=  \n", line("2026.1", &random_bytes()));
        assert_eq!(KeyEncryptionKeys::parse(&text).unwrap().ids().collect::<Vec<_>>(), ["2026.1"]);
    }

    #[test]
    fn refuses_what_is_no_key_without_showing_it() {
        let counting: Vec<u8> = (3..35).collect();
        let good = line("a", &random_bytes());
        let cases = [
            (String::new(), "no key"),
            ("# nothing".to_owned(), "no key"),
            ("just-a-password-of-somebody".to_owned(), "not of the form"),
            (line("", &random_bytes()), "the id"),
            (line("a b", &random_bytes()), "the id"),
            (line("a", &random_bytes()[..31]), "not 32 bytes"),
            ("a:%%%%".to_owned(), "not base64url"),
            (line("a", &[0; 32]), "not random"),
            (line("a", &counting), "not random"),
            (line("a", b"abcdefghijklmnopqrstuvwxyz012345"), "not random"),
            (format!("{good}\n{good}"), "twice"),
        ];
        for (text, expected) in cases {
            let shown = KeyEncryptionKeys::parse(&text).unwrap_err().to_string();
            assert!(shown.contains(expected), "{text}: {shown}");
            assert!(!shown.contains("password") && !shown.contains("abcdef"), "{shown}");
        }
    }

    #[test]
    fn a_made_file_is_private_loads_again_and_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key-encryption-key");
        let made = KeyEncryptionKeys::create_file(&path, &SystemRandom).unwrap();
        let loaded = KeyEncryptionKeys::load_file(&path).unwrap();
        assert_eq!(made.to_text().expose(), loaded.to_text().expose());
        assert!(matches!(KeyEncryptionKeys::create_file(&path, &SystemRandom), Err(SealingError::File { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), made.to_text().expose());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key-encryption-key");
        KeyEncryptionKeys::create_file(&path, &SystemRandom).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o660, 0o777] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let shown = KeyEncryptionKeys::load_file(&path).unwrap_err().to_string();
            assert!(shown.contains("chmod 600"), "{shown}");
        }
    }

    #[test]
    fn an_absent_file_is_named() {
        let shown = KeyEncryptionKeys::load_file(std::path::Path::new("/nowhere/kek")).unwrap_err().to_string();
        assert!(shown.contains("/nowhere/kek"), "{shown}");
    }
}
