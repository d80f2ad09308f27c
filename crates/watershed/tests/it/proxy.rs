//! A proxy that cuts connections whose server is silent, as proxies in front of real servers do.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Ends with the test process.
pub(crate) struct Proxy {
    address: SocketAddr,
    cut: Arc<AtomicUsize>,
}

impl Proxy {
    /// A proxy before `server` that cuts connections on which the server has said nothing for `idle_max`.
    #[track_caller]
    pub(crate) fn start(server: SocketAddr, idle_max: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&cut);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let server = TcpStream::connect(server).unwrap();
                connect(client.unwrap(), server, idle_max, Arc::clone(&counter));
            }
        });
        Self { address, cut }
    }

    /// `http://host:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were cut.
    pub(crate) fn cut(&self) -> usize {
        self.cut.load(Ordering::Relaxed)
    }
}

fn connect(client: TcpStream, server: TcpStream, idle_max: Duration, cut: Arc<AtomicUsize>) {
    let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        copy(&from_client, &to_server);
        close(&from_client, &to_server);
    });
    std::thread::spawn(move || {
        server.set_read_timeout(Some(idle_max)).unwrap();
        // Counted before anybody can see it.
        if copy(&server, &client) == End::Silence {
            cut.fetch_add(1, Ordering::Relaxed);
        }
        close(&server, &client);
    });
}

#[derive(PartialEq)]
enum End {
    /// One of both has closed the connection.
    Closed,
    /// Nothing came in time.
    Silence,
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) -> End {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return End::Closed,
            Ok(bytes) if to.write_all(&buffer[..bytes]).is_ok() => {}
            Ok(_) => return End::Closed,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return End::Silence;
            }
            Err(_) => return End::Closed,
        }
    }
}

fn close(one: &TcpStream, other: &TcpStream) {
    // They may be closed already.
    let _ = (one.shutdown(Shutdown::Both), other.shutdown(Shutdown::Both));
}
