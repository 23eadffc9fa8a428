//! The files of the state: made for the user who owns the folder, and not followed through links.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use nix::libc;
use nix::unistd::geteuid;

/// The name of a file beside another one: that name with a suffix.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens a file to read and append, made if need be with mode 0600. A link in its place is an
/// error.
///
/// One that root makes belongs to the owner of `like`: else that user could not use it.
pub fn open(path: &Path, like: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .append(true)
        .custom_flags(libc::O_NOFOLLOW);
    loop {
        match options.open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => (),
            Err(e) if e.raw_os_error() == Some(libc::ELOOP) => return Err(is_link()),
            done => return done,
        }
        let owner = fs::metadata(like)?;
        let made = match geteuid().is_root() && owner.uid() != 0 {
            true => make_for(&owner, path),
            false => options.clone().create_new(true).mode(0o600).open(path),
        };
        match made {
            // Another process was quicker.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => (),
            done => return done,
        }
    }
}

/// Makes a file that belongs to this owner from the moment on that it has its name.
fn make_for(owner: &Metadata, path: &Path) -> io::Result<File> {
    let new = beside(path, &format!(".new-{}", std::process::id()));
    // An older process of this number may have been killed here.
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true).mode(0o600);
    let file = options.open(&new)?;
    let named = fchown(&file, Some(owner.uid()), Some(owner.gid()))
        .and_then(|()| fs::hard_link(&new, path));
    fs::remove_file(&new)?;
    named.map(|()| file)
}

/// Makes the folder of a file, and those above it, with mode 0700. Folders that root makes belong
/// to the owner of the folder in which they are made.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let folder = folder(path);
    if folder.exists() {
        return Ok(());
    }
    make_folder(&folder)?;
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(()),
        done => done?,
    }
    let above = fs::metadata(self::folder(&folder))?;
    if geteuid().is_root() && above.uid() != 0 {
        chown(&folder, Some(above.uid()), Some(above.gid()))?;
    }
    Ok(())
}

/// The path of a file with all links in its folder resolved; a link in place of the file itself is
/// an error.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    let path = fs::canonicalize(folder(path))?.join(name);
    match fs::symlink_metadata(&path) {
        Ok(file) if file.is_symlink() => Err(is_link()),
        _ => Ok(path),
    }
}

/// Fails with a reason in words if another user than the caller (and root) could have written this
/// file: by the rights of the file, of its folder, or of a folder above.
pub fn is_callers_own(path: &Path) -> Result<(), String> {
    let path = real(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let me = geteuid().as_raw();
    // In a folder with the sticky bit others may make files, but not replace those of the owner.
    let check = |path: &Path, others: &[u32], sticky: u32| {
        let file = fs::metadata(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let owner = file.uid();
        if owner != me && !others.contains(&owner) {
            return Err(format!("{} belongs to user {owner}", path.display()));
        }
        if file.mode() & 0o022 != 0 && file.mode() & sticky == 0 {
            return Err(format!("{} can be written by others", path.display()));
        }
        Ok(())
    };
    // First the folder: another user's may hide what is in it.
    let folder = folder(&path);
    check(&folder, &[], 0)?;
    check(&path, &[], 0)?;
    for suffix in ["-wal", "-shm"].map(|suffix| beside(&path, suffix)) {
        if suffix.exists() {
            check(&suffix, &[], 0)?;
        }
    }
    // Root, and in a user namespace whoever has the root directory.
    let top = fs::metadata("/").map_or(0, |top| top.uid());
    for above in folder.ancestors().skip(1) {
        check(above, &[0, top], libc::S_ISVTX)?;
    }
    Ok(())
}

/// The folder of a file.
pub fn folder(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|d| !d.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

fn is_link() -> io::Error {
    io::Error::other("a symbolic link, which is not followed")
}
