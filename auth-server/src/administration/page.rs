//! Lists a page at a time, by a cursor that says behind what the next page begins.

use super::Refusal;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Items of a page, unless it is said otherwise.
pub const PAGE_DEFAULT_ITEMS: u32 = 50;
/// Items of a page at most.
pub const PAGE_MAX_ITEMS: u32 = 200;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which page a query asks for. Lists with more parameters flatten it into theirs; whoever hands a query over has refused unknown ones.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(super) struct PageQuery {
    /// How many items the page has at most.
    #[schemars(range(min = 1, max = 200))]
    pub(super) limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// Which page is asked for, as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    collection: &'static str,
    limit: u32,
    /// Behind what it begins; empty for the first page.
    pub(super) after: String,
}

impl Asked {
    /// Reads what a query says about pages of `collection`.
    ///
    /// # Errors
    /// A limit out of bounds, or a cursor that is none of this collection.
    pub(super) fn of(collection: &'static str, query: &PageQuery) -> Result<Self, Refusal> {
        let limit = query.limit.unwrap_or(PAGE_DEFAULT_ITEMS);
        if !(1..=PAGE_MAX_ITEMS).contains(&limit) {
            return Err(Refusal::invalid("A page has 1 to 200 items.").about("limit"));
        }
        let after = match query.cursor.as_deref() {
            None => String::new(),
            Some(cursor) => decode(collection, cursor).ok_or_else(Refusal::cursor)?,
        };
        Ok(Self { collection, limit, after })
    }

    /// How many rows to read: one more than fit, which tells whether there is another page.
    pub(super) fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The page made of the rows that were read; `key` is behind what the next one begins.
    pub(super) fn page<R, T>(&self, mut rows: Vec<R>, key: impl Fn(&R) -> String, view: impl Fn(R) -> T) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| has_more).map(|last| encode(self.collection, &key(last)));
        Page { items: rows.into_iter().map(view).collect(), next_cursor }
    }
}

fn encode(collection: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{collection}\n{key}"))
}

fn decode(collection: &str, cursor: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let key = text.strip_prefix(collection)?.strip_prefix('\n')?;
    (!key.is_empty() && !key.chars().any(char::is_control)).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Asked, PageQuery, decode, encode};

    #[test]
    fn a_cursor_is_good_in_its_own_collection_only() {
        let cursor = encode("users", "id");
        assert_eq!(decode("users", &cursor).as_deref(), Some("id"));
        for other in
            [encode("clients", "id"), encode("users", ""), encode("users", "a\0"), "!".to_owned(), String::new()]
        {
            assert_eq!(decode("users", &other), None, "{other}");
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = |after: &str, rows: Vec<u8>| {
            let cursor = (!after.is_empty()).then(|| encode("users", after));
            let query = PageQuery { limit: Some(2), cursor };
            let asked = Asked::of("users", &query).expect("in bounds");
            assert_eq!((asked.after.as_str(), asked.rows()), (after, 3));
            asked.page(rows, u8::to_string, |row| row)
        };
        let first = page("", vec![1, 2, 3]);
        assert_eq!(first.items, [1, 2]);
        assert_eq!(decode("users", &first.next_cursor.expect("more")).as_deref(), Some("2"));
        assert!(page("2", vec![3]).next_cursor.is_none());
        for limit in [0, 201] {
            assert!(Asked::of("users", &PageQuery { limit: Some(limit), cursor: None }).is_err(), "{limit}");
        }
    }
}
