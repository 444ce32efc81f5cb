use gocoro::go;

struct Client;

impl Client {
    async fn fetch(self) -> u32 {
        1
    }
}

fn main() {
    let task = go!(Client.fetch());
    task.wait();
}
