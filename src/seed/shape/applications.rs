//! How applications reach an environment, as a seed says it: redirect URIs, origins of browsers, resources of OAuth, and the
//! template of tokens. The emulator's file has the last one.

use super::super::place::{Entry, Place};
use crate::body;
use crate::kernel::id::{CorsOriginId, OauthResourceId, RedirectUriId};

body! {
    /// An address that people may be sent back to.
    pub struct RedirectUri {
        /// Its id, if it is pinned.
        id: Option<RedirectUriId>,
        /// The address.
        uri: String,
        /// Whether it is the default; the first that can be is, unless the file says another.
        is_default as "default": Option<bool>;
        at: Place<RedirectUri>
    }
}

impl Entry for RedirectUri {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// An origin that browsers may ask from.
    pub struct CorsOrigin {
        /// Its id, if it is pinned.
        id: Option<CorsOriginId>,
        /// The origin.
        origin: String;
        at: Place<CorsOrigin>
    }
}

impl Entry for CorsOrigin {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// A resource that tokens may be for.
    pub struct OauthResource {
        /// Its id, if it is pinned.
        id: Option<OauthResourceId>,
        /// The resource.
        uri: String,
        /// Whether it is the default.
        is_default as "default": Option<bool>;
        at: Place<OauthResource>
    }
}

impl Entry for OauthResource {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// The template of access tokens.
    pub struct JwtTemplate {
        /// The template.
        content: String;
        at: Place<JwtTemplate>
    }
}

impl Entry for JwtTemplate {
    const LATER: &'static [&'static str] = &[];
}
