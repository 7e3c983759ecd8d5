//! Requests to addresses that somebody gave us: what they may reach, and what a hostile receiver can do to them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, MessageType, OpCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use vestibule::outbound::http::{Client, Failure, Lookup, Request, Response};
use vestibule::outbound::networks::{self, Networks};

use crate::harness::{Receiver, Reply, client, story};

/// Addresses that are no place on the public internet.
const CLOSED: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
];

/// Addresses that are.
const OPEN: &[&str] = &[
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450::1",
];

/// Spellings of this machine and of its neighbours in a URL.
const DISGUISED: &[&str] = &[
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://0/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fd00:ec2::254]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://10.0.0.1:8443/",
    "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
    "https://127\u{3002}0\u{3002}0\u{3002}1/",
    "https://%31%32%37.0.0.1/",
    "https://user@10.0.0.1/",
    "HTTPS://0X7F.0.0.1/",
];

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A client of somebody who allowed nothing, for whom every name is at these addresses.
fn closed(found: &'static [&str]) -> Client {
    client(&[], move |_| found.iter().map(|text| address(text)).collect())
}

async fn get(client: &Client, url: &str) -> Result<Response, Failure> {
    get_within(client, url, Duration::from_secs(10)).await
}

async fn get_within(client: &Client, url: &str, timeout: Duration) -> Result<Response, Failure> {
    let url = client.admit(url)?;
    let (method, headers, body) = (Method::POST, HeaderMap::new(), Bytes::from_static(b"{}"));
    client.send(Request { method, url, headers, body, timeout, keep: 1000 }).await
}

#[test]
fn only_the_addresses_of_the_internet_are_public() {
    for text in CLOSED {
        assert!(!networks::is_public(address(text)), "{text} is not public");
    }
    for text in OPEN {
        assert!(networks::is_public(address(text)), "{text} is public");
    }
}

#[test]
fn an_address_in_a_url_is_judged_in_every_spelling() {
    story(async |_| {
        let client = closed(&["8.8.8.8"]);
        for url in DISGUISED {
            assert!(matches!(client.admit(url), Err(Failure::Closed { .. } | Failure::Url(_))), "{url}");
        }
        for text in CLOSED {
            let url = if text.contains(':') { format!("https://[{text}]/") } else { format!("https://{text}/") };
            assert!(matches!(client.admit(&url), Err(Failure::Closed { .. })), "{url}");
        }
        for text in OPEN {
            let url = if text.contains(':') { format!("https://[{text}]/") } else { format!("https://{text}/") };
            client.admit(&url).unwrap();
        }
    });
}

#[test]
fn only_web_addresses_without_credentials_are_taken() {
    story(async |_| {
        let client = closed(&["8.8.8.8"]);
        for url in ["", "example.com", "/hook", "ftp://example.com", "file:///etc/passwd", "https://", "gopher://x/"] {
            assert!(matches!(client.admit(url), Err(Failure::Url(_))), "{url}");
        }
        for url in ["https://ann@example.com/", "https://ann:secret@example.com/", "https://:secret@example.com/"] {
            let failure = client.admit(url).unwrap_err();
            assert!(matches!(failure, Failure::Url(_)) && !failure.to_string().contains("secret"), "{url}");
        }
        for url in ["https://example.com", "https://b\u{fc}cher.example/", "https://example.com.:8443/a?b=c#d"] {
            client.admit(url).unwrap();
        }
    });
}

#[test]
fn plain_http_and_other_ports_are_for_allowed_networks() {
    story(async |_| {
        let strict = closed(&["8.8.8.8"]);
        for url in ["http://example.com/", "http://8.8.8.8/", "https://example.com:25/", "https://8.8.8.8:22/"] {
            assert!(matches!(strict.admit(url), Err(Failure::Unusual { .. })), "{url}");
        }
        // With something allowed, a name may turn out to be there; one that does not is refused when it is looked up.
        let lenient = client(&["127.0.0.0/8"], |_| vec![address("8.8.8.8")]);
        for url in ["http://example.com/", "https://example.com:25/"] {
            assert!(matches!(get(&lenient, url).await, Err(Failure::Unusual { .. })), "{url}");
        }
        assert!(matches!(get(&lenient, "http://10.0.0.1/").await, Err(Failure::Closed { .. })));
        let receiver = Receiver::start().await;
        assert_eq!(get(&lenient, &receiver.url()).await.unwrap().status, 200);
    });
}

#[test]
fn a_name_that_leads_to_a_closed_address_is_refused() {
    story(async |_| {
        for text in CLOSED {
            let found = address(text);
            let client = client(&[], move |_| vec![found]);
            let failure = get(&client, "https://innocent.example/").await.unwrap_err();
            assert_eq!(failure, Failure::Closed { host: "innocent.example".to_owned() }, "{text}");
        }
        for name in ["https://localhost/", "https://localhost./", "https://metadata.google.internal/"] {
            assert!(matches!(get(&closed(&["169.254.169.254", "::1"]), name).await, Err(Failure::Closed { .. })));
        }
    });
}

/// The name leads to this machine only from the second look-up on: whoever judges one answer and connects to another
/// falls for it.
#[test]
fn an_answer_that_changes_between_the_judgement_and_the_connection_changes_nothing() {
    story(async |_| {
        let receiver = Receiver::start().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let rebinding = client(&["127.0.0.2/32"], move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => vec![address("10.9.9.9")],
            _ => vec![address("127.0.0.1")],
        });
        let url = format!("http://rebinding.example:{}/", receiver.address.port());
        for look_up in 1..=3 {
            assert!(matches!(get(&rebinding, &url).await, Err(Failure::Closed { .. })));
            assert_eq!(asked.load(Ordering::SeqCst), look_up, "one look-up for one connection");
        }
        assert_eq!(receiver.count(), 0);
        // Of several addresses only those are tried that may be reached.
        let mixed = client(&["127.0.0.1/32"], |_| vec![address("127.0.0.2"), address("::1"), address("127.0.0.1")]);
        assert_eq!(get(&mixed, &url).await.unwrap().status, 200);
        assert_eq!(receiver.count(), 1);
    });
}

#[test]
fn a_redirect_is_an_answer_and_leads_nowhere() {
    story(async |_| {
        let (first, second) = (Receiver::start().await, Receiver::start().await);
        let client = client(&["127.0.0.0/8"], |_| Vec::new());
        for status in [301, 302, 303, 307, 308] {
            first.reply(Reply::Answer(status, vec![("location", second.url())], String::new()));
            assert_eq!(get(&client, &first.url()).await.unwrap().status, status);
        }
        assert_eq!(second.count(), 0);
    });
}

/// A server that sends this over and over, with a pause in between, to whoever has said something.
async fn raw(first: &'static [u8], again: &'static [u8], pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(dribble(stream.read(&mut [0; 1024]).await.map(|_| stream), first, again, pause));
        }
    });
    url
}

async fn dribble(stream: std::io::Result<TcpStream>, first: &[u8], again: &[u8], pause: Duration) {
    let Ok(mut stream) = stream else { return };
    let mut sent = stream.write_all(first).await;
    // A test is over long before this is.
    for _ in 0..100_000 {
        if sent.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
        sent = stream.write_all(again).await;
    }
}

#[test]
fn a_receiver_that_dawdles_costs_no_more_than_its_time() {
    story(async |_| {
        let client = client(&["127.0.0.0/8"], |_| Vec::new());
        let (little, limit) = (Duration::from_millis(10), Duration::from_millis(300));
        let slow = [
            raw(b"", b"", little).await,
            raw(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", little).await,
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x", little).await,
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", little).await,
        ];
        for url in slow {
            let began = Instant::now();
            assert_eq!(get_within(&client, &url, limit).await.unwrap_err(), Failure::Timeout(limit), "{url}");
            assert!(began.elapsed() < Duration::from_secs(5));
        }
    });
}

#[test]
fn of_an_answer_without_end_only_the_beginning_is_read() {
    story(async |_| {
        let client = client(&["127.0.0.0/8"], |_| Vec::new());
        let none = Duration::ZERO;
        let body = raw(b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096], none).await;
        let answer = get(&client, &body).await.unwrap();
        assert_eq!((answer.body.len(), answer.is_cut), (1000, true));
        let headers = raw(b"HTTP/1.1 200 OK\r\n", "A-Header: of many\r\n".repeat(1000).leak().as_bytes(), none).await;
        assert!(matches!(get(&client, &headers).await, Err(Failure::Transport(_))));
        let line = raw(b"HTTP/1.1 200 OK\r\nA-Header: ", &[b'x'; 4096], none).await;
        assert!(matches!(get(&client, &line).await, Err(Failure::Transport(_))));
    });
}

#[test]
fn what_went_wrong_is_told_without_the_url() {
    story(async |_| {
        let client = client(&["127.0.0.0/8"], |_| Vec::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/?token=secret", listener.local_addr().unwrap());
        drop(listener);
        let failure = get(&client, &url).await.unwrap_err();
        assert!(failure.to_string().to_lowercase().contains("refused"), "{failure}");
        assert!(!failure.to_string().contains("secret"), "{failure}");
        let failure = get(&client, "https://nowhere.example/?token=secret").await.unwrap_err();
        assert!(!failure.to_string().contains("secret"), "{failure}");
    });
}

/// A name server that has this machine for an answer at first, then a neighbour, and so on in turn; how often it was
/// asked, and a look-up that asks it.
async fn fickle_name_server() -> (Arc<AtomicUsize>, Lookup) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let query = Message::from_vec(&buffer[..length]).unwrap();
            let question = query.queries[0].clone();
            let last = u8::try_from(count.fetch_add(1, Ordering::SeqCst) % 2).unwrap() + 1;
            let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
            answer.metadata.recursion_available = true;
            // Good for no time at all, as those who rebind have it.
            let found = RData::A(A(Ipv4Addr::new(127, 0, 0, last)));
            answer.add_answer(Record::from_rdata(question.name().clone(), 0, found));
            answer.add_query(question);
            socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
        }
    });
    let lookup: Lookup = Arc::new(move |host| {
        Box::pin(async move {
            let mut connection = ConnectionConfig::new(ProtocolConfig::Udp);
            connection.port = address.port();
            let server = NameServerConfig::new(address.ip(), true, vec![connection]);
            let config = ResolverConfig::from_name_servers(vec![server]);
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder.options_mut().cache_size = 0;
            let found = builder.build().unwrap().lookup(format!("{host}."), RecordType::A).await.unwrap();
            let address = |record: &Record| match &record.data {
                RData::A(address) => Some(IpAddr::V4(address.0)),
                _ => None,
            };
            Ok(found.answers().iter().filter_map(address).collect())
        })
    });
    (asked, lookup)
}

/// The same with an answer off the wire: every other one leads to an address that is closed.
#[test]
fn a_name_server_that_changes_its_mind_at_each_question_leads_nobody_astray() {
    story(async |_| {
        let receiver = Receiver::start().await;
        let (asked, lookup) = fickle_name_server().await;
        let networks = Networks::new(vec!["127.0.0.1/32".parse().unwrap()]);
        let url = format!("http://rebinding.example:{}/", receiver.address.port());
        for question in 1..=6 {
            // A client of its own each time, for another one would go on with the connection that it has.
            let client = Client::new(networks.clone(), &lookup).unwrap();
            let outcome = get(&client, &url).await;
            assert_eq!(asked.load(Ordering::SeqCst), question, "one question for one connection");
            if question % 2 == 1 {
                assert_eq!(outcome.unwrap().status, 200);
            } else {
                assert_eq!(outcome.unwrap_err(), Failure::Closed { host: "rebinding.example".to_owned() });
            }
        }
        assert_eq!(receiver.count(), 3);
    });
}
