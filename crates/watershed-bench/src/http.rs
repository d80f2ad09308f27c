//! HTTP/1.1 with as little as possible between the load and the socket: one connection, one request at a
//! time, blocking.

#[cfg(test)]
mod tests;

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may be silent: an answer can wait for a persist, not for ever.
const ANSWER_PATIENCE: Duration = Duration::from_secs(120);

/// The most bytes of an answer that are taken.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// The most bytes of one line of a head.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// A server, and who asks it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// An operator token, or one that may write and read the database.
    pub token: String,
}

/// An answer with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header `Retry-After`, in seconds.
    pub retry_after_seconds: Option<u64>,
    /// Without the framing.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that is opened when it is needed, and again after it was closed.
#[derive(Debug)]
pub struct Client {
    target: Target,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            stream: None,
        }
    }

    /// Asks without a body.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.request("GET", path, "text/plain", b"")
    }

    /// Sends a small body.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn post(&mut self, path: &str, kind: &str, body: &[u8]) -> io::Result<Answer> {
        self.request("POST", path, kind, body)
    }

    /// Sends a large body, but only once the server has said that it wants it. So one that refuses by the
    /// head alone can say so: had the body been on its way already, the closed connection would have taken the
    /// answer with it, and nobody would know what became of the rows.
    ///
    /// # Errors
    /// When there is no whole answer: what became of the request is not known then.
    pub fn post_when_wanted(&mut self, path: &str, body: &[u8]) -> io::Result<Answer> {
        let head = self.head("POST", path, "text/plain", body.len(), true);
        self.exchange(|stream| {
            stream.get_mut().write_all(head.as_bytes())?;
            let first = read_head(stream)?;
            if first.status != 100 {
                return Ok(first);
            }
            stream.get_mut().write_all(body)?;
            read_head(stream)
        })
    }

    fn request(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<Answer> {
        let head = self.head(method, path, kind, body.len(), false);
        self.exchange(|stream| {
            stream.get_mut().write_all(head.as_bytes())?;
            stream.get_mut().write_all(body)?;
            read_head(stream)
        })
    }

    fn head(&self, method: &str, path: &str, kind: &str, bytes: usize, wait: bool) -> String {
        let Target { address, token } = &self.target;
        let expect = if wait { "Expect: 100-continue\r\n" } else { "" };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: {kind}\r\nContent-Length: {bytes}\r\n{expect}\r\n"
        )
    }

    /// Does one request. The connection is kept only when all of the answer has been read and the server
    /// keeps it too.
    fn exchange(
        &mut self,
        send: impl FnOnce(&mut BufReader<TcpStream>) -> io::Result<Head>,
    ) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.target.address)?,
        };
        let head = send(&mut stream)?;
        let mut body = Vec::new();
        read_body(&mut stream, &head, &mut body)?;
        if head.keep {
            self.stream = Some(stream);
        }
        Ok(Answer {
            status: head.status,
            retry_after_seconds: head.retry_after_seconds,
            body,
        })
    }
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, CONNECT_PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
    stream.set_write_timeout(Some(ANSWER_PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// Where the body of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunks,
    /// With the connection.
    Close,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    status: u16,
    framing: Framing,
    keep: bool,
    retry_after_seconds: Option<u64>,
}

fn read_head(stream: &mut impl BufRead) -> io::Result<Head> {
    let first = read_line(stream)?;
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|s| s.get(..3));
    let status: u16 = status
        .and_then(|s| s.parse().ok())
        .ok_or_else(|| bad("no status line"))?;
    let mut head = Head {
        status,
        framing: Framing::Close,
        keep: true,
        retry_after_seconds: None,
    };
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad("no header"))?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let bytes = value.parse().map_err(|_| bad("no length"))?;
                head.framing = Framing::Length(bytes);
            }
            "transfer-encoding" => head.framing = Framing::Chunks,
            "connection" => head.keep = !value.eq_ignore_ascii_case("close"),
            "retry-after" => head.retry_after_seconds = value.parse().ok(),
            _ => {}
        }
    }
    if status == 204 || status == 100 {
        head.framing = Framing::Length(0);
    }
    head.keep &= head.framing != Framing::Close;
    Ok(head)
}

fn read_body(stream: &mut impl BufRead, head: &Head, body: &mut Vec<u8>) -> io::Result<()> {
    match head.framing {
        Framing::Length(bytes) => read_exactly(stream, bytes, body),
        Framing::Close => stream.take(ANSWER_BYTES_MAX).read_to_end(body).map(drop),
        Framing::Chunks => loop {
            let line = read_line(stream)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let bytes = u64::from_str_radix(size, 16).map_err(|_| bad("no chunk size"))?;
            read_exactly(stream, bytes, body)?;
            // The end of the chunk, or of the (empty) trailers.
            read_line(stream)?;
            if bytes == 0 {
                return Ok(());
            }
        },
    }
}

fn read_exactly(stream: &mut impl BufRead, bytes: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if body.len() as u64 + bytes > ANSWER_BYTES_MAX {
        return Err(bad("the answer is too long"));
    }
    let read = stream.take(bytes).read_to_end(body)? as u64;
    if read == bytes {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// A line without its end.
fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.take(LINE_BYTES_MAX).read_line(&mut line)?;
    if !line.ends_with('\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
