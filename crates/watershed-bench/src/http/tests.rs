use super::*;
use std::net::TcpListener;
use std::thread;

fn read(text: &str) -> io::Result<(Head, String)> {
    let mut stream = text.as_bytes();
    let head = read_head(&mut stream)?;
    let mut body = Vec::new();
    read_body(&mut stream, &head, &mut body)?;
    Ok((head, String::from_utf8(body).unwrap()))
}

#[test]
fn bodies_end_where_their_head_says() {
    let (head, body) = read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc").unwrap();
    assert_eq!((head.status, head.keep, body.as_str()), (200, true, "ab"));
    let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\n\r\n";
    assert_eq!(read(text).unwrap().1, "abc0123456789");
    let (head, body) = read("HTTP/1.1 500 No\r\n\r\nabc").unwrap();
    assert_eq!((head.keep, body.as_str()), (false, "abc"));
}

#[test]
fn half_an_answer_is_none() {
    assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc").is_err());
    assert!(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").is_err());
    assert!(read("HTTP/1.1 204 No").is_err());
    assert!(read("").is_err());
}

#[test]
fn a_body_that_is_not_wanted_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = vec![0; 4096];
        let bytes = stream.read(&mut head).unwrap();
        let answer =
            "HTTP/1.1 503 Full\r\nRetry-After: 2\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        (String::from_utf8(head[..bytes].to_vec()).unwrap(), rest)
    });
    let token = "secret".to_owned();
    let mut client = Client::new(Target { address, token });
    let answer = client.post_when_wanted("/write", b"rows").unwrap();
    drop(client);
    let (head, rest) = server.join().unwrap();
    assert_eq!((answer.status, answer.retry_after_seconds), (503, Some(2)));
    assert!(
        head.contains("Expect: 100-continue\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert!(rest.is_empty());
}
