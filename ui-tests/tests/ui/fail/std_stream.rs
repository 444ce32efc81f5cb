//! A std socket where gocoro's is wanted: it converts.

use gocoro::net::TcpStream;

fn serve(_stream: TcpStream) {}

fn main() {
    let stream = std::net::TcpStream::connect("127.0.0.1:7000").unwrap();
    serve(stream);
}
