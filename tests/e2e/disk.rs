//! A disk that is full: what cannot be written is refused with 503 and leaves nothing behind, what can be read is read, and
//! when there is room again everything goes on by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::database::{KEY, Postgres};
use crate::harness::{Place, until};

/// A disk of its own, of so many MiB, for as long as this lives.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// None where this machine lets nobody mount one.
    fn mount(path: &Path, mebibytes: u32) -> Option<Self> {
        std::fs::create_dir(path).unwrap();
        let size = format!("size={mebibytes}m,mode=755");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        is_mounted.then(|| Self { path: path.to_owned() })
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let ballast = std::fs::File::create(self.path.join("ballast")).unwrap();
        let mut chunk = 1 << 20;
        while chunk >= 4096 {
            if std::io::Write::write_all(&mut &ballast, &vec![0; chunk]).is_err() {
                chunk /= 2;
            }
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// A few kilobytes that no compression makes much smaller.
fn bulk(seed: u64) -> Value {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    };
    let text = |word: &mut dyn FnMut() -> String| (0..37).map(|_| word()).collect::<String>();
    (0..10).map(|key| (key.to_string(), Value::from(text(&mut word)))).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_refuses_what_is_written_and_nothing_else() {
    let place = Place::new();
    let Some(disk) = Disk::mount(&place.path.join("disk"), 160) else {
        eprintln!("passed over: no disk of its own can be had here");
        return;
    };
    let postgres = Postgres::start(&place, "disk/pg").await;
    let url = postgres.url();
    let server = place.server_with(&[("DATABASE_URL", &url), ("VESTIBULE_SECRET_KEY", KEY)]).await;
    let key = server.made().unwrap().api_key;
    let server = server.with_key(&key);
    // What is written is taken from the disk at once.
    postgres.run(&["alter system set bgwriter_lru_maxpages = 0", "select pg_reload_conf()"]).await;
    let mut kept = vec![server.post("/organizations", json!({ "name": "Before" })).await.expect(201)];
    disk.fill();
    let mut number = 0;
    let refused = until("it is full", async || {
        number += 1;
        let body = json!({ "name": number.to_string(), "metadata": bulk(number) });
        let answer = server.post("/organizations", body).await;
        if answer.status == 201 {
            kept.push(answer.body);
            return None;
        }
        Some(answer)
    })
    .await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.retry_after.is_some());
    assert_eq!(refused.body["code"], "service_unavailable");
    assert!(server.process().log.text().contains("No space left on device"), "the operator is told why");
    // What is there is read, as before; of what was refused there is nothing.
    assert_eq!(server.get("/readyz").await.status, 200);
    assert_eq!(server.pages("/organizations").await, kept);

    disk.make_room();
    let body = json!({ "name": "After", "metadata": bulk(number) });
    kept.push(server.post("/organizations", body).await.expect(201));
    assert_eq!(server.pages("/organizations").await, kept);
    assert_eq!(server.events("organization.created", kept.len()).await.len(), kept.len());
    drop(server);
    postgres.stop().await;
}
