//! What strange clients send over a real socket: whatever it is, the answer is JSON with a request id.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use crate::harness::{Place, Server, until};

/// An answer, read off the wire.
#[derive(Debug)]
struct Raw {
    status: u16,
    head: String,
    body: String,
}

impl Raw {
    /// Sends these bytes on a connection of their own and reads what comes back.
    async fn exchange(server: &Server, bytes: &[u8]) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // A server that has heard enough answers and closes before everything is sent.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        read.expect("the server answers and closes").ok();
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// The body, after seeing that it is of the form that every failure has.
    #[track_caller]
    fn fails(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.head.contains("\r\ncontent-type: application/json"), "{self:?}");
        assert!(self.head.contains("\r\nx-request-id: "), "{self:?}");
        let body: Value = serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        body
    }
}

/// A request of this line, with the key and these headers besides.
fn request(line: &[u8], key: &str, headers: &[u8], body: &[u8]) -> Vec<u8> {
    let head = format!(" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n");
    [line, head.as_bytes(), headers, b"\r\n", body].concat()
}

async fn started(place: &Place) -> (Server, String) {
    let server = place.server().await;
    let key = server.made().unwrap().api_key;
    (server, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_may_be_anything() {
    let place = Place::new();
    let (server, key) = started(&place).await;
    let long = format!("GET /organizations/{}", "a".repeat(60_000));
    let deep = format!("GET {}", "/organizations".repeat(2_000));
    let lines: [&[u8]; 16] = [
        b"GET /organizations/%00",
        b"GET /organizations/org_%00",
        b"GET /organizations/%",
        b"GET /organizations/%zz",
        b"GET /organizations/%ff%fe",
        b"GET /organizations/%c3%28",
        b"GET /organizations/%F0%9F%92%A9",
        b"GET /organizations/..%2F..%2Fetc%2Fpasswd",
        b"GET /organizations/../../etc/passwd",
        b"GET /organizations/'%20or%201=1--",
        b"GET //organizations",
        b"GET /organizations/",
        b"GET /Organizations",
        b"GET /nowhere?a=%zz",
        long.as_bytes(),
        deep.as_bytes(),
    ];
    for line in lines {
        Raw::exchange(&server, &request(line, &key, b"", b"")).await.fails(404);
    }
    for line in [&b"BREW /organizations"[..], b"PUT /organizations", b"TRACE /organizations", b"OPTIONS /organizations"]
    {
        Raw::exchange(&server, &request(line, &key, b"", b"")).await.fails(405);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_may_be_anything() {
    let place = Place::new();
    let (server, key) = started(&place).await;
    let exchange = async |query: &[u8]| {
        let line = [b"GET /organizations?", query].concat();
        Raw::exchange(&server, &request(&line, &key, b"", b"")).await
    };
    for query in
        [&b"limit=%zz"[..], b"limit=%ff", b"limit=1%00", b"before=%00", b"limit=1&limit=2", b"order[]=asc&order=x"]
    {
        exchange(query).await.fails(422);
    }
    for query in
        [&b""[..], b"&&&", b"=", b"%00=%00", b"%ff=%fe", b"a[b][c]=d", b"[=]", b"\xc3\xa9=1", b"limit=5;order=up"]
    {
        let answer = exchange(query).await;
        assert!([200, 400, 422].contains(&answer.status), "{query:?}: {answer:?}");
        assert!(
            answer.head.contains("x-request-id") && answer.head.contains("application/json"),
            "{query:?}: {answer:?}"
        );
    }
    let line = b"GET /events?events=%00";
    Raw::exchange(&server, &request(line, &key, b"", b"")).await.fails(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_be_anything() {
    let place = Place::new();
    let (server, key) = started(&place).await;
    let post = async |headers: &str, body: &[u8]| {
        let headers = format!("{headers}Content-Length: {}\r\n", body.len());
        Raw::exchange(&server, &request(b"POST /organizations", &key, headers.as_bytes(), body)).await
    };
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    for body in
        [&b"{"[..], b"{\"name\":\"\xff\"}", b"name=Acme", b"\0", b"{\"name\":\"A\"} x", b"{\"name\":1e999}", &deep]
    {
        let answer = post("Content-Type: application/json\r\n", body).await.fails(400);
        assert_eq!(answer["code"], "invalid_request_body");
    }
    for body in [&b""[..], b"   ", b"{}", b"{\"name\":\"\\u0000\"}", b"{\"name\":null}", b"[]", b"7", b"\"x\"", b"null"]
    {
        let answer = post("Content-Type: application/json\r\n", body).await.fails(422);
        assert_eq!(answer["code"], "invalid_request_parameters");
    }
    for kind in ["", "Content-Type: text/plain\r\n", "Content-Type: \r\n", "Content-Type: ;;;\r\n"] {
        assert_eq!(post(kind, b"{\"name\":\"Acme\"}").await.status, 201, "{kind}: the body is JSON all the same");
    }
    let chunked = b"5\r\n{\"nam\r\n9\r\ne\":\"Acme\"\r\n1\r\n}\r\n0\r\n\r\n";
    let bytes = request(b"POST /organizations", &key, b"Transfer-Encoding: chunked\r\n", chunked);
    assert_eq!(Raw::exchange(&server, &bytes).await.status, 201);
    let bytes = request(b"POST /organizations", &key, b"Transfer-Encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n");
    Raw::exchange(&server, &bytes).await.fails(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_not_read() {
    let place = Place::new();
    let server = place.server_with(&[("VESTIBULE_REQUEST_BODY_LIMIT", "2KiB")]).await;
    let key = server.made().unwrap().api_key;
    let post = async |headers: String, body: &[u8]| {
        Raw::exchange(&server, &request(b"POST /organizations", &key, headers.as_bytes(), body)).await
    };
    let body = |size: usize| format!("{{\"name\":\"{}\"}}", "a".repeat(size - 11)).into_bytes();
    let answer = post("Content-Length: 2049\r\n".to_owned(), &body(2049)).await.fails(413);
    assert!(answer["message"].as_str().unwrap().contains("2048"), "{answer}");
    post("Content-Length: 99999999999\r\n".to_owned(), b"{").await.fails(413);
    let chunks = [b"800\r\n".to_vec(), vec![b' '; 2048], b"\r\n800\r\n".to_vec(), vec![b' '; 2048], b"\r\n".to_vec()];
    post("Transfer-Encoding: chunked\r\n".to_owned(), &chunks.concat()).await.fails(413);
    // As large as it may be: read, and refused for what it says.
    assert_ne!(post("Content-Length: 2048\r\n".to_owned(), &body(2048)).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_may_be_anything() {
    let place = Place::new();
    let (server, key) = started(&place).await;
    for value in [&b""[..], b"Bearer", b"Bearer ", b"Basic eDp5", b"Bearer \xff\xfe", b"Bearer sk_x y", b"bearer\tsk_x"]
    {
        let bytes =
            [b"GET /organizations HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ", value, b"\r\n\r\n"];
        let answer = Raw::exchange(&server, &bytes.concat()).await.fails(401);
        assert_eq!(answer["code"], "unauthorized");
    }
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let bytes = format!("GET /organizations {version}\r\nConnection: close\r\nauthorization: BEARER {key}\r\n\r\n");
        assert_eq!(Raw::exchange(&server, bytes.as_bytes()).await.status, 200, "{version} without a host");
    }
    let id = async |given: &str| {
        let header = format!("X-Request-ID: {given}\r\n");
        let answer = Raw::exchange(&server, &request(b"GET /livez", &key, header.as_bytes(), b"")).await;
        answer.head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap().to_owned()
    };
    assert_eq!(id("abc-123").await, "abc-123");
    for odd in ["a b", "a\tb", &"a".repeat(129), "", "\u{e9}"] {
        assert!(id(odd).await.starts_with("req_"), "{odd:?}");
    }
    let bytes = request(b"HEAD /organizations", &key, b"", b"");
    let answer = Raw::exchange(&server, &bytes).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

/// Not requests at all, and still the answer is that of the API.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_told_so_in_the_form_of_every_failure() {
    let place = Place::new();
    let (server, key) = started(&place).await;
    let line = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(length));
    let (long, longer) = (line(70_000), line(900_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(200));
    // Far more than the server listens to before it answers: it must not cut the client off while that still speaks.
    let large = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(900_000));
    let both = "POST /organizations HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}";
    let cases: [(&[u8], u16); 9] = [
        (long.as_bytes(), 414),
        (longer.as_bytes(), 431),
        (many.as_bytes(), 431),
        (large.as_bytes(), 431),
        (both.as_bytes(), 400),
        (b"hello\r\n\r\n", 400),
        (b"GET /\x01 HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/7.5\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ];
    for (bytes, status) in cases {
        let answer = Raw::exchange(&server, bytes).await;
        let body = answer.fails(status);
        assert_eq!(body.get("code").is_some(), status == 400, "{answer:?}");
        assert!(answer.head.contains("\r\nconnection: close"), "{answer:?}");
        assert!(answer.head.contains("\r\ndate: "), "{answer:?}");
    }
    let entry = until("the log tells of them", async || {
        let text = server.process().log.text();
        let mut entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries.find(|entry| entry["message"] == "request" && entry["status"] == 414)
    });
    assert!(entry.await["span"]["id"].as_str().is_some_and(|id| id.starts_with("req_")));
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    silent.write_all(b"GET / HT").await.unwrap();
    drop(silent);
    let server = server.with_key(&key);
    server.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_told_so_behind_requests_too() {
    let place = Place::new();
    let (server, key) = started(&place).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let good = format!("GET /organizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n");
    stream.write_all(good.as_bytes()).await.unwrap();
    let mut answers = vec![0; 4096];
    let length = timeout(Duration::from_secs(20), stream.read(&mut answers)).await.unwrap().unwrap();
    answers.truncate(length);
    assert!(answers.starts_with(b"HTTP/1.1 200 OK\r\n"));
    stream.write_all(b"hello\r\n\r\n").await.unwrap();
    let mut rest = String::new();
    timeout(Duration::from_secs(20), stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert!(rest.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{rest}");
    assert!(rest.contains("\r\nx-request-id: req_") && rest.ends_with('}'), "{rest}");
}
