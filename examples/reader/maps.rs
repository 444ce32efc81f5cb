//! What files a process has in its memory.

use std::fs;
use std::os::linux::fs::MetadataExt;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::memory::Process;

/// A part of a file in a process's memory.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) is_writable: bool,
    pub(crate) is_code: bool,
    pub(crate) is_private: bool,
    /// Where the part begins in the file.
    pub(crate) offset: u64,
    pub(crate) inode: u64,
    pub(crate) path: String,
}

impl Mapping {
    /// A line of `/proc/PID/maps`. `None`: it is no file's, or no such line.
    fn parse(line: &str) -> Option<Self> {
        let mut rest = line;
        let mut next = || {
            let (field, after) = rest.split_once(' ')?;
            rest = after.trim_start();
            Some(field)
        };
        let (start, end) = next()?.split_once('-')?;
        let rights = next()?;
        let offset = next()?;
        let _device = next()?;
        // The path is missing if there is none, and with it the space before it.
        let inode = next().unwrap_or("0").parse().ok()?;
        let hex = |text| u64::from_str_radix(text, 16).ok();
        Some(Self {
            start: hex(start)?,
            end: hex(end)?,
            is_writable: rights.contains('w'),
            is_code: rights.contains('x'),
            is_private: rights.contains('p'),
            offset: hex(offset)?,
            inode,
            path: rest.to_owned(),
        })
        .filter(|mapping| mapping.inode != 0)
    }

    /// The name under which the file is opened: that of the process's own file system, if that is
    /// still the file which was mapped; else one that the kernel keeps, for those who may use it.
    pub(crate) fn file(&self, process: &Process) -> PathBuf {
        let exe = process.file("exe");
        let is_this =
            |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.st_ino() == self.inode);
        let named = process.file(&format!("root{}", self.path));
        if is_this(&named) {
            return named;
        }
        if is_this(&exe) {
            return exe;
        }
        process.file(&format!("map_files/{:x}-{:x}", self.start, self.end))
    }
}

/// The parts of files that the process has in its memory now.
pub(crate) fn mappings(process: &Process) -> Result<Vec<Mapping>, Failure> {
    let maps = fs::read_to_string(process.file("maps")).map_err(|e| process.why_not(e))?;
    if maps.is_empty() {
        return Err(Failure::Ended(process.number));
    }
    Ok(maps.lines().filter_map(Mapping::parse).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_files_are_read_and_others_are_not() {
        let line = "7f00-7f80 rw-p 00001000 fe:01 1234                       /a b/c (deleted)";
        let mapping = Mapping::parse(line).unwrap();
        assert_eq!((mapping.start, mapping.end, mapping.offset), (0x7f00, 0x7f80, 0x1000));
        assert!(mapping.is_writable && mapping.is_private && !mapping.is_code);
        assert_eq!((mapping.inode, &*mapping.path), (1234, "/a b/c (deleted)"));
        for line in
            ["", "x", "7f00-7f80 rw-p 00000000 00:00 0 ", "7f00-7f80 rw-p 00000000 00:00 0 [heap]"]
        {
            assert!(Mapping::parse(line).is_none(), "{line:?}");
        }
    }
}
