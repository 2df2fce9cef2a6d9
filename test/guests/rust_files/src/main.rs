//! A WASI command that does with files what Rust programs do, with `std::fs`, in the folder that its first argument
//! names. It prints a line for each step: `ok`, or what kind of error there was.
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

fn say<T>(step: &str, result: io::Result<T>) {
    match result {
        Ok(_) => println!("{step}: ok"),
        Err(error) => println!("{step}: {:?}", error.kind()),
    }
}

fn expect(good: bool) -> io::Result<()> {
    if good { Ok(()) } else { Err(io::Error::other("something else came")) }
}

fn read_and_write(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    file.write_all(b"0123456789")?;
    file.seek(SeekFrom::Start(5))?;
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    file.sync_all()?;
    expect(rest == "56789")
}

fn set_times(path: &Path) -> io::Result<()> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    File::options().write(true).open(path)?.set_times(FileTimes::new().set_modified(time))?;
    expect(fs::metadata(path)?.modified()? == time)
}

fn append(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(b"+")?;
    expect(fs::read(path)? == b"0123456789+")
}

fn list(path: &Path) -> io::Result<()> {
    let mut names: Vec<_> = fs::read_dir(path)?.map(|entry| entry.map(|e| e.file_name())).collect::<Result<_, _>>()?;
    names.sort();
    expect(names == ["copy", "e", "file"])
}

fn change(folder: &Path) {
    let d = folder.join("d");
    say("create_dir_all", fs::create_dir_all(d.join("e/f")));
    say("read and write", read_and_write(&d.join("file")));
    say("create_new again", File::create_new(d.join("file")));
    say("append", append(&d.join("file")));
    say("set_len", File::options().write(true).open(d.join("file")).and_then(|file| file.set_len(3)));
    say("set_times", set_times(&d.join("file")));
    say("copy", fs::copy(d.join("file"), d.join("copy")));
    say("rename", fs::rename(d.join("copy"), d.join("e/copy")).and_then(|_| fs::rename(d.join("e/copy"), d.join("copy"))));
    say("hard_link", fs::hard_link(d.join("file"), d.join("second")).and_then(|_| fs::remove_file(d.join("second"))));
    say("list", list(&d));
    say("metadata", fs::metadata(d.join("file")).and_then(|of| expect(of.len() == 3 && of.is_file())));
    say("remove_dir of a full folder", fs::remove_dir(&d));
    say("remove_dir_all", fs::remove_dir_all(&d));
    say("is gone", expect(!d.exists()));
}

fn look(folder: &Path) {
    say("read what is there", fs::read_to_string(folder.join("there")).and_then(|text| expect(text == "there")));
    say("write what is there", fs::write(folder.join("there"), "not there"));
    say("open what is there for writing", OpenOptions::new().write(true).open(folder.join("there")));
    say("remove what is there", fs::remove_file(folder.join("there")));
    say("leave by two dots", File::open(folder.join("../outside")));
    say("leave by a link", File::open(folder.join("way")));
    say("a file that is not there", File::open(folder.join("absent")));
}

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_default();
    change(Path::new(&folder));
    look(Path::new(&folder));
}
