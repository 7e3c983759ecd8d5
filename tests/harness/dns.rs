//! A name server on this machine, over UDP and TCP, that says what a test wants it to say.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{CNAME, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use vestibule::outbound::dns::Resolver;

/// What the server says about a name. About those that it does not know it says that they do not exist.
#[derive(Clone)]
pub enum Resolution {
    /// TXT records, each of several strings.
    Texts(Vec<Vec<String>>),
    /// It is another name for this one, whose records follow.
    Alias(&'static str),
    /// It exists, without TXT records.
    Nothing,
    /// The server failed.
    Failure,
    /// No answer at all.
    Silence,
    /// The answer waits until it is let go, and is then what is said at that time.
    Held(Arc<Semaphore>, Box<Resolution>),
}

impl Resolution {
    /// One TXT record of one string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Texts(vec![vec![text.into()]])
    }
}

/// The server. It answers for as long as it lives.
#[derive(Clone)]
pub struct NameServer {
    pub address: SocketAddr,
    zone: Arc<Zone>,
}

#[derive(Default)]
struct Zone {
    replies: Mutex<HashMap<String, Resolution>>,
    /// What was asked, and over what.
    asked: Mutex<Vec<(String, &'static str)>>,
}

impl NameServer {
    pub async fn start() -> Self {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (tcp, udp);
            }
        };
        let address = tcp.local_addr().unwrap();
        let zone = Arc::<Zone>::default();
        tokio::spawn(serve_udp(Arc::new(udp), zone.clone()));
        tokio::spawn(serve_tcp(tcp, zone.clone()));
        Self { address, zone }
    }

    /// Asks this server.
    pub fn resolver(&self) -> Resolver {
        Resolver::new(Some(self.address))
    }

    /// From now on it says this about a name.
    pub fn say(&self, name: &str, reply: Resolution) {
        self.zone.replies.lock().unwrap().insert(name.to_owned(), reply);
    }

    /// How often it was asked for this name, over `udp` or `tcp`.
    pub fn asked(&self, name: &str, over: &str) -> usize {
        let asked = self.zone.asked.lock().unwrap();
        asked.iter().filter(|(asked, protocol)| asked == name && *protocol == over).count()
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, zone: Arc<Zone>) {
    let mut buffer = [0; 4096];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
        let Ok(query) = Message::from_vec(&buffer[..length]) else { continue };
        let (socket, zone) = (socket.clone(), zone.clone());
        tokio::spawn(async move {
            let room = usize::from(query.max_payload());
            let Some(mut answer) = zone.answer(&query, "udp").await else { return };
            if answer.to_vec().unwrap().len() > room {
                answer.answers.clear();
                answer.metadata.truncation = true;
            }
            socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
        });
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Zone>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve_stream(stream, zone.clone()));
    }
}

/// Each message behind its length (RFC 1035, 4.2.2).
async fn serve_stream(mut stream: TcpStream, zone: Arc<Zone>) {
    while let Ok(length) = stream.read_u16().await {
        let mut buffer = vec![0; length.into()];
        stream.read_exact(&mut buffer).await.unwrap();
        let Some(answer) = zone.answer(&Message::from_vec(&buffer).unwrap(), "tcp").await else { return };
        let bytes = answer.to_vec().unwrap();
        stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    }
}

impl Zone {
    fn reply(&self, name: &str) -> Option<Resolution> {
        self.replies.lock().unwrap().get(name).cloned()
    }

    async fn answer(&self, query: &Message, over: &'static str) -> Option<Message> {
        let question = query.queries[0].clone();
        let name = question.name().to_ascii().trim_end_matches('.').to_lowercase();
        self.asked.lock().unwrap().push((name.clone(), over));
        let mut reply = self.reply(&name);
        if let Some(Resolution::Held(gate, then)) = reply {
            gate.acquire().await.unwrap().forget();
            reply = Some(*then);
        }
        let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        let mut owner = question.name().clone();
        answer.add_query(question);
        if let Some(Resolution::Alias(target)) = reply {
            let target = Name::from_str(&format!("{target}.")).unwrap();
            answer.add_answer(Record::from_rdata(owner, 60, RData::CNAME(CNAME(target.clone()))));
            reply = self.reply(target.to_ascii().trim_end_matches('.'));
            owner = target;
        }
        match reply {
            None => answer.metadata.response_code = ResponseCode::NXDomain,
            Some(Resolution::Texts(texts)) => {
                answer.add_answers(
                    texts.into_iter().map(|text| Record::from_rdata(owner.clone(), 60, RData::TXT(TXT::new(text)))),
                );
            }
            Some(Resolution::Nothing) => {}
            Some(Resolution::Failure) => answer.metadata.response_code = ResponseCode::ServFail,
            Some(Resolution::Silence | Resolution::Alias(_) | Resolution::Held(..)) => return None,
        }
        Some(answer)
    }
}
