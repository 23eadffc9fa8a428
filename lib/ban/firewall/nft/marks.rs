//! Marks in the kernel: the bans are complete; bans were changed without a ledger.

use std::hash::{BuildHasher, RandomState};

use nix::errno::Errno;

use super::header::{RESTORED, UNENTERED};
use super::{Nft, again, kept, ruleset};

impl Nft {
    /// Marks that the bans are complete; `false` if the table is not the one that was seen by
    /// [`ensure`](crate::firewall::Firewall::ensure), or has another mark since.
    pub(super) fn mark_restored(&mut self) -> Result<bool, Errno> {
        again(|| {
            self.put_in_place()?;
            if (self.seen.handle, self.seen.unentered) != self.restoring {
                // Another table: all that was put into the first one is lost. Or bans were changed
                // after they were listed.
                return Ok(false);
            }
            let (old, unentered) = (self.seen.restored.is_some(), self.seen.unentered.is_some());
            let number = RandomState::new().hash_one(0);
            let request = ruleset::batch(self.seen.generation, |r| {
                ruleset::put_mark(r, RESTORED, old, number);
                if unentered {
                    ruleset::delete_mark(r, UNENTERED);
                    kept::forget(r);
                }
            });
            self.socket.ask(&request, |_, _, _| ())?;
            self.seen.generation = ruleset::next(self.seen.generation);
            self.seen.restored = Some(Some(number));
            self.seen.unentered = None;
            Ok(true)
        })
    }

    /// Does `work`; each transaction of it marks that bans are changed without a ledger, each time
    /// by another number. So one who restores bans, and has listed them before, does not
    /// [mark](Self::mark_restored) that they are complete; and no kill comes between change and
    /// mark.
    pub(super) fn unentered<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.marks = true;
        let done = work(self);
        self.marks = false;
        done
    }

    /// The number of the next mark that bans are changed without a ledger, if they are.
    pub(super) fn next_mark(&self) -> Option<u64> {
        self.marks.then(|| RandomState::new().hash_one(0))
    }
}
