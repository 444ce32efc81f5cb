use gocoro::{go, net::TcpStream};

fn serve(_stream: TcpStream) {}

fn main() {
    let stream = std::net::TcpStream::connect("127.0.0.1:7000").unwrap();
    go!(serve(stream));
}
