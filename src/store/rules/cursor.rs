//! Cursors of lists: where one goes on, opaque to clients, nothing kept on the server.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chat_protocol::ErrorCode;
use chat_protocol::client::Paging;

use crate::store::StoreError;

/// Items in a page if the client doesn't say.
const ITEMS_DEFAULT: u32 = 50;
/// Most items in a page.
const ITEMS_MAX: u32 = 200;

/// The last item of a page: the next one begins after it. The default stands before every item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub name: String,
    pub id: String,
}

/// Where a page begins and how long it may get.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    pub after: Option<Place>,
    pub items: usize,
}

impl Place {
    fn encode(&self) -> String {
        // An id holds no NUL, so the first one ends it.
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}\0{}", self.id, self.name))
    }

    fn decode(text: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (id, name) = text.split_once('\0')?;
        Some(Self { name: name.to_owned(), id: id.to_owned() })
    }
}

impl Page {
    pub fn of(paging: &Paging) -> Result<Self, StoreError> {
        let after = match &paging.cursor {
            Some(cursor) => {
                Some(Place::decode(cursor).ok_or(StoreError::Refused(ErrorCode::BadRequest))?)
            }
            None => None,
        };
        let items = paging.limit.unwrap_or(ITEMS_DEFAULT).clamp(1, ITEMS_MAX);
        Ok(Self { after, items: usize::try_from(items).unwrap_or(usize::MAX) })
    }

    /// How many rows to read: one more than wanted tells whether there is a next page.
    pub fn rows(&self) -> i64 {
        i64::try_from(self.items).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Cuts `rows` to the page, and gives the cursor to go on with.
    pub fn cut<T>(&self, rows: &mut Vec<T>, place: impl Fn(&T) -> Place) -> Option<String> {
        let more = rows.len() > self.items;
        rows.truncate(self.items);
        rows.last().filter(|_| more).map(|last| place(last).encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_anything_else_is_a_bad_request() {
        let place = Place { name: "a\0b".into(), id: "x".into() };
        let page = |cursor: &str| Page::of(&Paging { cursor: Some(cursor.into()), limit: None });
        assert_eq!(page(&place.encode()).unwrap().after, Some(place));
        for bad in ["", "?", "AA=", "YWJj"] {
            assert_eq!(page(bad), Err(StoreError::Refused(ErrorCode::BadRequest)), "{bad}");
        }
    }

    #[test]
    fn there_is_a_cursor_only_if_there_is_more() {
        let page = Page { after: None, items: 2 };
        let place = |n: &u8| Place { name: n.to_string(), id: String::new() };
        let mut rows = vec![1, 2];
        assert_eq!(page.cut(&mut rows, place), None);
        rows.push(3);
        assert_eq!(page.cut(&mut rows, place).as_deref(), Some("ADI"));
        assert_eq!(rows, [1, 2]);
    }
}
