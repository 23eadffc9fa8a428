//! Whether a file system tells events of its files.

use std::fs::File;

use nix::sys::statfs::fstatfs;

/// The trust in a file system's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// Each write on it happens in this kernel, which tells it.
    Sure,
    /// It is not known; a file that has told one event tells all.
    Unknown,
    /// Others write to it too, of which this kernel knows nothing.
    None,
}

/// Local file systems, by the magic numbers of statfs(2) and linux/magic.h: ext, xfs, btrfs, tmpfs,
/// ramfs, f2fs, zfs, bcachefs, jfs, reiserfs, nilfs, ubifs, jffs2, exfat, vfat.
const LOCAL: [u64; 15] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0x8584_58f6,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0xca45_1a4e,
    0x3153_464a,
    0x5265_4973,
    0x3434,
    0x2405_1905,
    0x72b6,
    0x2011_bab0,
    0x4d44,
];

/// Shared ones: nfs, smb, cifs, smb2, 9p, fuse and virtiofs, ceph, afs twice, coda, gfs2, ocfs2,
/// lustre, vboxsf, vmhgfs, gpfs, hostfs.
const SHARED: [u64; 17] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x0102_1997,
    0x6573_5546,
    0x00c3_6400,
    0x5346_414f,
    0x6b41_4653,
    0x7375_7245,
    0x0116_1970,
    0x7461_636f,
    0x0bd0_0bd0,
    0x786f_4256,
    0xbacb_acbc,
    0x4750_4653,
    0x00c0_ffee,
];

/// The trust in the events of an open file.
pub fn events(file: &File) -> Events {
    let Ok(system) = fstatfs(file) else {
        return Events::Unknown;
    };
    // The numbers have 32 bits, and are signed on some machines.
    let magic = system.filesystem_type().0 as u64 & 0xffff_ffff;
    if LOCAL.contains(&magic) {
        Events::Sure
    } else if SHARED.contains(&magic) {
        Events::None
    } else {
        Events::Unknown
    }
}
