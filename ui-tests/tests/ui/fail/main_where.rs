use gocoro::go_main;

#[go_main]
fn main()
where
    u8: Copy,
{
}
