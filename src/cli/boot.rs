//! From settings to an application: the steps that `serve` and the commands beside it have in common.

use std::error::Error;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::db::{Database, migrate};
use crate::domain::installation::{self, Made, Wishes};
use crate::http::App;
use crate::http::limit::Limits;
use crate::http::state::Parts;
use crate::kernel::config::Config;
use crate::kernel::crypto::{Keyring, MasterKey, Random};
use crate::kernel::secret::Secret;
use crate::outbound::dns::Resolver;
use crate::outbound::http::{self, Client};
use crate::outbound::mail::{Mailer, SEND_TIME};
use crate::outbound::networks::Networks;
use crate::protocol::password::{self, Hasher};
use crate::seed;

/// The file in the data directory that holds the master key, where none is set.
pub(super) const KEY_FILE: &str = "secret.key";

/// Brings the database up to date, makes what a first start makes, and puts the application together.
///
/// # Errors
///
/// When the database cannot be reached or migrated, or the master key is not the one that it was sealed under.
pub async fn application(
    config: &Config,
    database: &Database,
    public_url: String,
) -> Result<(App, Made), Box<dyn Error + Send + Sync>> {
    let keyring = keyring(config, database).await?;
    migrate::run(database).await?;
    let wishes = Wishes {
        api_key: config.api_key.clone(),
        client_id: config.client_id.clone(),
        admin_token: config.admin_token.clone(),
        seeded: config.seed.as_deref().map(seed::read).transpose()?.map(|seed| seed.first()).unwrap_or_default(),
    };
    let (operator, made) =
        database.write_system(async |system| installation::prepare(system, &keyring, wishes).await).await?;
    let app = App::new(Parts {
        database: database.clone(),
        keyring,
        hasher: Hasher::start(database.random.clone(), password::Limits::default())?,
        http: http(config)?,
        mailer: mailer(config)?,
        limits: Limits::new(config.rate_limit, config.sign_in_rate_limit),
        resolver: Resolver::new(config.dns_server),
        public_url,
        operator,
        development: config.dev,
        body_limit: config.request_body_limit,
        stopping: AtomicBool::new(false),
    });
    Ok((app, made))
}

/// The way to the server for mail. The settings come together or not at all.
fn mailer(config: &Config) -> Result<Option<Mailer>, Box<dyn Error + Send + Sync>> {
    match (&config.smtp_url, &config.mail_from) {
        (Some(url), Some(from)) => {
            let mailer = Mailer::new(url.expose(), from, SEND_TIME);
            mailer.map(Some).map_err(|error| format!("VESTIBULE_SMTP_URL cannot be used: {error}").into())
        }
        (None, _) | (_, None) => Ok(None),
    }
}

/// The keys that secrets are sealed under: made, if there are none yet.
///
/// # Errors
///
/// When the master key is not the one that the database was sealed under.
pub(super) async fn keyring(config: &Config, database: &Database) -> Result<Keyring, Box<dyn Error + Send + Sync>> {
    let keyring = Keyring::new(master_key(config, &database.random)?, Vec::new(), database.random.clone());
    // Before anything is changed: who has another key has perhaps another database in mind, too.
    if migrate::is_begun(database).await? {
        installation::check_master_key(&mut database.system().await?, &keyring).await?;
    }
    Ok(keyring)
}

/// What calls out, as far as the operator allows it.
pub(super) fn http(config: &Config) -> Result<Client, Box<dyn Error + Send + Sync>> {
    Client::new(Networks::new(config.webhook_allow.clone()), &http::machine())
}

/// The master key that is set, or lies in the data directory. None where there is neither.
///
/// # Errors
///
/// When what is there is no key, or cannot be read.
pub(super) fn existing_key(config: &Config) -> Result<Option<MasterKey>, Box<dyn Error + Send + Sync>> {
    if let Some(text) = &config.secret_key {
        return Ok(Some(MasterKey::from_text(text)?));
    }
    let path = config.data_dir.join(KEY_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(MasterKey::from_text(&Secret::new(text))?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("the master key in {} cannot be read: {error}", path.display()).into()),
    }
}

fn master_key(config: &Config, random: &Random) -> Result<MasterKey, Box<dyn Error + Send + Sync>> {
    if let Some(key) = existing_key(config)? {
        return Ok(key);
    }
    // Others may pass through, as the private cluster's user must; what is secret has a mode of its own.
    std::fs::DirBuilder::new().recursive(true).mode(0o711).create(&config.data_dir)?;
    let path = config.data_dir.join(KEY_FILE);
    let key = MasterKey::generate(random);
    match keep(&path, &key) {
        // Another server that starts at the same time has made one.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return master_key(config, random),
        kept => kept?,
    }
    tracing::warn!(
        path = %path.display(),
        "no VESTIBULE_SECRET_KEY is set: made a master key; back it up, without it the secrets in the database are lost"
    );
    Ok(key)
}

/// Writes the key beside its place first, so that no crash leaves half a key, and for its owner only.
fn keep(path: &Path, key: &MasterKey) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let _ = std::fs::remove_file(&draft);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(key.to_text().expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    // A link does not replace what another server has put there in the meantime.
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    linked?;
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
