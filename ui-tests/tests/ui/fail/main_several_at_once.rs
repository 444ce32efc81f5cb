use gocoro::go_main;

#[go_main(wrokers = 2, grace = 5)]
async fn main(arguments: Vec<String>) -> Result<(), std::io::Error> {
    println!("{arguments:?}");
    Ok(())
}
