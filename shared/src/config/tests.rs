//! The machinery of settings as a whole: sources, precedence, problems, sample and reference.

use super::{
    ByteSize, ConfigurationError, DurationSeconds, Origin, PublicUrl, Settings as _, SettingsList, SharedSettings,
    Sources, between, print_reference, sample::print_sample,
};
use crate::db::DatabaseUrl;
use crate::secret::Secret;
use std::ffi::OsString;
use std::net::SocketAddr;

crate::settings! {
    /// Tea.
    struct TeaSettings in "auth_server" {
        /// Where the world reaches the pot.
        public_url: PublicUrl = "http://localhost:9400",
        /// Where it listens.
        listen: Vec<SocketAddr> = "127.0.0.1:9400, [::1]:9400",
        /// How long it draws.
        draw: DurationSeconds = "3m" where between(60, 600),
        /// How much a cup holds.
        cup: ByteSize = "64KiB" where between(1, 1_048_576),
        /// With milk.
        milk: bool = false,
        /// Who may open the cupboard.
        ///
        /// Keep it.
        cupboard_code: Option<Secret> where |code: &Option<Secret>| match code {
            Some(code) if code.expose().len() < 8 => Err("is shorter than 8 characters".to_owned()),
            _ => Ok(()),
        },
        /// Where cups are counted.
        database_url: DatabaseUrl = "sqlite:data/tea.sqlite",
    }
}

crate::settings! {
    /// Biscuits.
    struct BiscuitSettings in "resource_server" {
        /// Which.
        kind: String,
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

fn from_file(text: &str) -> Sources {
    Sources::new().with_file_text("postern.toml", text).unwrap()
}

fn load(sources: &Sources) -> Result<TeaSettings, ConfigurationError> {
    sources.load()
}

fn shown(result: Result<TeaSettings, ConfigurationError>) -> Vec<String> {
    result.unwrap_err().problems.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_stand_where_nothing_is_given() {
    let tea = load(&Sources::new()).unwrap();
    assert_eq!(tea.public_url.as_str(), "http://localhost:9400");
    assert_eq!(tea.listen.len(), 2);
    assert_eq!((tea.draw.seconds(), tea.cup.bytes(), tea.milk), (180, 65_536, false));
    assert!(tea.cupboard_code.is_none());
    assert_eq!(tea.database_url.sqlite_file(), Some("data/tea.sqlite".as_ref()));
}

#[test]
fn flags_go_over_environment_over_file() {
    let file = "[auth_server]\ndraw = 61\nmilk = true\npublic_url = \"https://file.example\"\n";
    let sources = from_file(file)
        .with_environment(variables(&[
            ("POSTERN__AUTH_SERVER__DRAW", "62"),
            ("POSTERN__AUTH_SERVER__PUBLIC_URL", "https://env.example"),
        ]))
        .with_flag("auth_server", "draw", "--draw", "63")
        .with_optional_flag("auth_server", "cup", "--cup", None::<String>);
    let tea = load(&sources).unwrap();
    assert_eq!(tea.draw.seconds(), 63);
    assert_eq!(tea.public_url.as_str(), "https://env.example");
    assert!(tea.milk);
}

#[test]
fn all_problems_are_named_at_once_with_their_place() {
    let file = "[auth_server]\npublic_url = \"http://tea.example\"\ndrew = 90\ndraw = 30\n\n[kettle]\nx = 1\n";
    let sources = from_file(file)
        .with_environment(variables(&[
            ("POSTERN__AUTH_SERVER__MILK", "perhaps"),
            ("POSTERN__AUTH_SERVER__SUGAR", "1"),
            ("POSTERN__TEA__MILK", "true"),
            ("POSTERN__NOTHING", "1"),
            ("POSTERN_PORT", "tcp://10.0.0.1:80"),
            ("PATH", "/bin"),
        ]))
        .with_flag("auth_server", "cup", "--cup", "2MiB");
    let problems = shown(load(&sources));
    let expected = [
        "kettle (postern.toml line 6): there is no such table; the tables are shared, auth_server, resource_server",
        "tea (environment variable POSTERN__TEA__MILK): there is no such table",
        "POSTERN__NOTHING (environment variable POSTERN__NOTHING): is to be written POSTERN__TABLE__KEY",
        "auth_server.sugar (environment variable POSTERN__AUTH_SERVER__SUGAR): there is no such setting",
        "auth_server.drew (postern.toml line 3): there is no such setting; did you mean draw?",
        "auth_server.public_url (postern.toml line 2): \"http://tea.example\" would send tokens in the clear",
        "auth_server.draw (postern.toml line 4): 30 seconds is out of bounds: from 60 to 600 seconds; expected",
        "auth_server.cup (flag --cup): 2097152 bytes is out of bounds",
        "auth_server.milk (environment variable POSTERN__AUTH_SERVER__MILK): \"perhaps\" is neither true nor false",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}\n should begin with\n{expected}");
    }
}

#[test]
fn several_tables_report_together_and_foreign_ones_are_left_alone() {
    let sources = from_file(
        "[auth_server]\nmilk = 3\n[resource_server]\nunheard_of = 1\n[shared]\ntrusted_proxies = [\"10.0.0.1/8\"]\n",
    );
    let error = sources.load::<(SharedSettings, TeaSettings)>().unwrap_err();
    let keys: Vec<&str> = error.problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["shared.trusted_proxies", "auth_server.milk"]);
    let error = sources.load::<(SharedSettings, TeaSettings, BiscuitSettings)>().unwrap_err();
    let keys: Vec<&str> = error.problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        ["resource_server.unheard_of", "shared.trusted_proxies", "auth_server.milk", "resource_server.kind"]
    );
}

#[test]
fn a_missing_required_setting_says_how_to_set_it() {
    let error = Sources::new().load::<BiscuitSettings>().unwrap_err();
    assert!(error.to_string().contains("resource_server.kind: is required"), "{error}");
    assert!(error.to_string().contains("POSTERN__RESOURCE_SERVER__KIND"), "{error}");
    let given: BiscuitSettings = from_file("[resource_server]\nkind = \"rusk\"\n").load().unwrap();
    assert_eq!(given.kind, "rusk");
}

#[test]
fn a_secret_comes_from_a_file_too_but_not_from_both() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("code");
    std::fs::write(&path, "sesame open\r\n").unwrap();
    let path = path.to_str().unwrap();
    let by_file = Sources::new().with_environment(variables(&[("POSTERN__AUTH_SERVER__CUPBOARD_CODE_FILE", path)]));
    assert_eq!(load(&by_file).unwrap().cupboard_code.unwrap().expose(), "sesame open");

    let both = by_file.with_environment(variables(&[("POSTERN__AUTH_SERVER__CUPBOARD_CODE", "another one")]));
    assert!(shown(load(&both))[0].contains("give one of them"));

    // A stronger source replaces either form.
    let stronger = from_file("[auth_server]\ncupboard_code = \"from the file\"\n")
        .with_environment(variables(&[("POSTERN__AUTH_SERVER__CUPBOARD_CODE_FILE", path)]));
    assert_eq!(load(&stronger).unwrap().cupboard_code.unwrap().expose(), "sesame open");

    let absent = from_file("[auth_server]\ncupboard_code_file = \"/nowhere/code\"\n");
    assert!(shown(load(&absent))[0].contains("postern.toml line 2): \"/nowhere/code\" cannot be read"));

    let not_secret = from_file("[auth_server]\nmilk_file = \"x\"\n");
    assert!(shown(load(&not_secret))[0].contains("no such setting"));
}

#[test]
fn a_secret_is_never_shown() {
    let weak = from_file("[auth_server]\ncupboard_code = \"sesame\"\ndatabase_url = \"mysql://tea:hunter2@host/db\"\n");
    let problems = shown(load(&weak)).join("\n");
    assert!(problems.contains("shorter than 8"), "{problems}");
    assert!(!problems.contains("sesame") && !problems.contains("hunter2"), "{problems}");
    let broken = Sources::new()
        .with_file_text("postern.toml", "[auth_server]\ncupboard_code = \"sesame\nmilk = true")
        .err()
        .unwrap();
    assert!(!broken.to_string().contains("sesame"), "{broken}");
    let fine = load(&from_file("[auth_server]\ncupboard_code = \"open sesame\"\n")).unwrap();
    assert!(!format!("{fine:?}").contains("sesame"));
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    let error = Sources::new().with_file_text("tea.toml", "[auth_server]\nmilk = \n").err().unwrap();
    assert_eq!(error.problems[0].origin, Origin::File { name: "tea.toml".to_owned(), line: 2 });
    let bare = from_file("milk = true\n");
    assert!(shown(load(&bare))[0].contains("settings stand in a table"));
    let twice = Sources::new().with_file_text("tea.toml", "[auth_server]\nmilk = true\nmilk = true\n");
    assert!(twice.is_err());
}

#[test]
fn a_named_file_must_exist_and_the_default_one_need_not() {
    assert!(Sources::read(Some(std::path::Path::new("/nowhere/postern.toml")), []).is_err());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.toml");
    std::fs::write(&path, "[auth_server]\nmilk = true\n").unwrap();
    assert!(load(&Sources::read(Some(&path), []).unwrap()).unwrap().milk);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_named() {
    use std::os::unix::ffi::OsStringExt as _;
    let odd = OsString::from_vec(vec![0xff]);
    let sources =
        Sources::new().with_environment([("POSTERN__AUTH_SERVER__MILK".into(), odd.clone()), (odd.clone(), odd)]);
    assert_eq!(
        shown(load(&sources)),
        ["auth_server.milk (environment variable POSTERN__AUTH_SERVER__MILK): is not UTF-8"]
    );
}

#[test]
fn the_sample_changes_nothing_as_printed_and_is_right_when_uncommented() {
    let sample = print_sample(&[SharedSettings::describe(), TeaSettings::describe()]);
    assert!(from_file(&sample).load::<(SharedSettings, TeaSettings)>().is_ok(), "{sample}");
    for line in [
        "[auth_server]\n",
        "# Where the world reaches the pot.\n",
        "#public_url = \"http://localhost:9400\"\n",
        "#listen = [\"127.0.0.1:9400\", \"[::1]:9400\"]\n",
        "#draw = \"3m\"\n",
        "#milk = false\n",
        "#cupboard_code_file = ",
        "# Environment: POSTERN__AUTH_SERVER__DRAW\n",
        "from 60 to 600 seconds",
    ] {
        assert!(sample.contains(line), "{line} in {sample}");
    }
    let uncommented: String = sample
        .lines()
        .filter_map(|line| if line.starts_with("# ") { None } else { Some(line.trim_start_matches('#')) })
        .filter(|line| {
            !line.contains("_file =") && !line.starts_with("key_encryption_key") && !line.starts_with("cupboard_code")
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let (shared, tea) = from_file(&uncommented).load::<(SharedSettings, TeaSettings)>().unwrap();
    assert_eq!(shared.data_dir.to_str(), Some("./data"));
    assert_eq!(tea.draw.seconds(), 180);
}

#[test]
fn the_reference_tells_the_same() {
    let reference = print_reference(&[TeaSettings::describe()]);
    for part in [
        "## `[auth_server]`",
        "### `draw`",
        "- Default: `\"3m\"`",
        "- Environment: `POSTERN__AUTH_SERVER__CUPBOARD_CODE`",
        "`cupboard_code_file`",
    ] {
        assert!(reference.contains(part), "{part} in {reference}");
    }
}

crate::settings! {
    /// A shelf.
    struct ShelfSettings in "resource_server.shelves" {
        /// What it is called.
        name: String,
        /// How much it bears.
        load: u32 = 5 where between(1, 10),
        /// Opens it.
        key: Option<Secret>,
    }
}

#[test]
fn a_list_has_any_number_of_tables() {
    let load = |text: &str| from_file(text).load::<(BiscuitSettings, SettingsList<ShelfSettings>)>();
    let text = "[resource_server]\nkind = \"a\"\n[[resource_server.shelves]]\nname = \"top\"\n[[resource_server.shelves]]\nname = \"low\"\nload = 7\n";
    let (_, SettingsList(shelves)) = load(text).unwrap();
    let read: Vec<_> = shelves.iter().map(|shelf| (shelf.name.as_str(), shelf.load, shelf.key.is_some())).collect();
    assert_eq!(read, [("top", 5, false), ("low", 7, false)]);
    for none in ["[resource_server]\nkind = \"a\"\n", "[resource_server]\nkind = \"a\"\nshelves = []\n"] {
        assert!(load(none).unwrap().1.0.is_empty(), "{none}");
    }
    let inline = "[resource_server]\nkind = \"a\"\nshelves = [{ name = \"only\" }]\n";
    assert_eq!(load(inline).unwrap().1.0.len(), 1);
}

#[test]
fn whatever_is_wrong_in_a_list_is_named_with_its_line() {
    let text = "[resource_server]\nkind = 1\n[[resource_server.shelves]]\nload = 11\n[[resource_server.shelves]]\nname = \"low\"\nlod = 7\nkey = \"a\"\nkey_file = \"/nowhere\"\n[[resource_server.drawers]]\n";
    let error = from_file(text).load::<(BiscuitSettings, SettingsList<ShelfSettings>)>().unwrap_err();
    let shown: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    for expected in [
        "resource_server.kind (postern.toml line 2)",
        "resource_server.shelves.name (postern.toml line 3): is required",
        "resource_server.shelves.load (postern.toml line 4): 11 is out of bounds",
        "resource_server.shelves.lod (postern.toml line 7): there is no such setting; did you mean load?",
        "resource_server.shelves.key_file (postern.toml line 9): is given together with key",
        "resource_server.drawers (postern.toml line 10): there is no such list of tables",
    ] {
        assert!(shown.iter().any(|problem| problem.starts_with(expected)), "{expected} in {shown:#?}");
    }
    assert_eq!(shown.len(), 6, "{shown:#?}");
    let mixed = from_file("[resource_server]\nkind = \"a\"\nshelves = [1, {}]\n");
    assert!(mixed.load::<(BiscuitSettings, SettingsList<ShelfSettings>)>().is_err());
}

#[test]
fn a_list_is_described_without_variables() {
    let tables = [SettingsList::<ShelfSettings>::describe()];
    let reference = print_reference(&tables);
    assert!(reference.contains("## `[[resource_server.shelves]]`") && reference.contains("`key_file` names a file"));
    let sample = print_sample(&tables);
    assert!(sample.contains("#[[resource_server.shelves]]\n"), "{sample}");
    assert!(!reference.contains("POSTERN__") && !sample.contains("POSTERN__"), "{reference}{sample}");
}
