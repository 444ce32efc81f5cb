use gocoro::select;

fn main() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    select! {
        readable(socket) => println!("readable"),
    }
}
