//! Pages of lists: keyset, in both directions and three orders.
//!
//! A page is turned into two bounds and a direction of scanning ([`Scan`]); the SQL that uses them is made by
//! `page_sql!`. A bound is compared, never looked up, so paging survives the deletion of the row it names.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::id::{Id, Kind};
use super::read::{Read, ReadFields, Reader};
use super::schema::Fields;

crate::words! {
    /// The order of a list.
    pub enum Order {
        /// Oldest first.
        Asc = "asc",
        /// Newest first.
        Desc = "desc",
        /// Newest first, with the meanings of `before` and `after` exchanged: `before` asks for older ones.
        Normal = "normal",
    }
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub struct Page<K: Kind> {
    limit: u8,
    before: Option<Id<K>>,
    after: Option<Id<K>>,
    order: Option<Order>,
}

impl<K: Kind> ReadFields for Page<K> {
    fn describe(fields: &mut Fields) {
        fields.add_optional("limit", json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 10 }));
        fields.add::<Option<Id<K>>>("before");
        fields.add::<Option<Id<K>>>("after");
        fields.add::<Option<Order>>("order");
    }

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        let limit = Option::<i64>::read(map.remove("limit"), &mut at.field("limit"));
        let limit = limit.and_then(|limit| match u8::try_from(limit.unwrap_or(10)) {
            Ok(limit @ 1..=100) => Some(limit),
            Ok(_) | Err(_) => at.field("limit").fault("invalid_value", "must be between 1 and 100"),
        });
        let before = Option::read(map.remove("before"), &mut at.field("before"));
        let after = Option::read(map.remove("after"), &mut at.field("after"));
        let order = Option::read(map.remove("order"), &mut at.field("order"));
        Some(Self { limit: limit?, before: before?, after: after?, order: order? })
    }
}

/// The way to read a page from an index on the key.
#[derive(Debug)]
pub struct Scan<'p> {
    /// Whether to read upwards.
    pub ascending: bool,
    /// Read keys greater than this.
    pub above: &'p str,
    /// Read keys less than this.
    pub below: &'p str,
    /// Read that many rows: one more than the page, to learn whether there is more.
    pub rows: i64,
}

/// Greater than every key in the "C" collation.
const TOP: &str = "\u{10FFFF}";

impl<K: Kind> Page<K> {
    /// The order asked for, or newest first.
    fn order(&self) -> Order {
        self.order.unwrap_or(Order::Desc)
    }

    /// The same page, in this order unless the client named one.
    #[must_use]
    pub fn or_order(mut self, order: Order) -> Self {
        self.order.get_or_insert(order);
        self
    }

    /// The cursors in terms of keys: (below the page, above the page).
    pub fn bounds(&self) -> (Option<&Id<K>>, Option<&Id<K>>) {
        let (start, end) = self.cursors();
        if self.order() == Order::Asc { (start, end) } else { (end, start) }
    }

    /// The first of a list that is read to its end, oldest first.
    pub fn from_start() -> Self {
        Self { limit: 100, before: None, after: None, order: Some(Order::Asc) }
    }

    /// The page after this one, whose answer this is; None if it was the last.
    #[must_use]
    pub fn next<T>(&self, answer: &List<T>) -> Option<Self> {
        let after = answer.list_metadata.after.as_deref().map(Id::verbatim);
        after.map(|after| Self { limit: self.limit, before: None, after: Some(after), order: self.order })
    }

    /// How many at most.
    pub fn limit(&self) -> usize {
        self.limit.into()
    }

    /// The cursors in terms of what is shown: (what must come before the page, what must come after it).
    pub fn cursors(&self) -> (Option<&Id<K>>, Option<&Id<K>>) {
        match self.order() {
            Order::Asc | Order::Desc => (self.after.as_ref(), self.before.as_ref()),
            Order::Normal => (self.before.as_ref(), self.after.as_ref()),
        }
    }

    /// Whether only the end of the page is fixed, so that it must be read from there backwards.
    pub fn is_backward(&self) -> bool {
        let (start, end) = self.cursors();
        start.is_none() && end.is_some()
    }

    /// How to read it.
    pub fn scan(&self) -> Scan<'_> {
        let (low, high) = self.bounds();
        Scan {
            ascending: (self.order() == Order::Asc) != self.is_backward(),
            above: low.map_or("", Id::as_str),
            below: high.map_or(TOP, Id::as_str),
            rows: i64::from(self.limit) + 1,
        }
    }

    /// Makes the answer of the rows that [`Page::scan`] asked for, in the order in which they were read.
    pub fn list<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> &str) -> List<T> {
        let backward = self.is_backward();
        let more = rows.len() > self.limit();
        rows.truncate(self.limit());
        if backward {
            rows.reverse();
        }
        let (start, end) = self.cursors();
        let (earlier, later) = if backward { (more, true) } else { (start.is_some(), more || end.is_some()) };
        let first = rows.first().filter(|_| earlier).map(|row| id(row).to_owned());
        let last = rows.last().filter(|_| later).map(|row| id(row).to_owned());
        let (before, after) = if self.order() == Order::Normal { (last, first) } else { (first, last) };
        List { object: ListObject::List, data: rows, list_metadata: ListMetadata { before, after } }
    }
}

/// A page of a list, as it is answered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct List<T> {
    object: ListObject,
    /// The objects of the page.
    pub data: Vec<T>,
    /// Where the neighbouring pages are.
    pub list_metadata: ListMetadata,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum ListObject {
    List,
}

/// The cursors of the neighbouring pages; null where there is none.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListMetadata {
    /// Give this as `before`.
    pub before: Option<String>,
    /// Give this as `after`.
    pub after: Option<String>,
}

impl<T> List<T> {
    /// A list that is answered whole.
    pub fn whole(data: Vec<T>) -> Self {
        Self { object: ListObject::List, data, list_metadata: ListMetadata { before: None, after: None } }
    }

    /// The same page of other objects, if all of them can be made.
    pub fn try_map<U, E>(self, change: impl FnMut(T) -> Result<U, E>) -> Result<List<U>, E> {
        let data = self.data.into_iter().map(change).collect::<Result<_, E>>()?;
        Ok(List { object: self.object, data, list_metadata: self.list_metadata })
    }

    /// The same page of other objects.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> List<U> {
        let data = self.data.into_iter().map(change).collect();
        List { object: self.object, data, list_metadata: self.list_metadata }
    }
}

/// A list that carries no `list_metadata` at all, as a few operations answer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}BareList")]
pub struct BareList<T> {
    object: ListObject,
    /// All the objects.
    pub data: Vec<T>,
}

impl<T> BareList<T> {
    /// A list of these.
    pub fn new(data: Vec<T>) -> Self {
        Self { object: ListObject::List, data }
    }
}
