//! The steps of reading a line in the usual form that some processors do faster.

use pipeban::address::fast::whole_quad;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
use pipeban::address::list::avx2::quad;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
use pipeban::masks;
use pipeban::masks::{Common, Compare};

/// A way to do them.
pub trait Steps: Copy {
    /// The TABs and newlines, and the backslashes and carriage returns.
    fn field_ends(self, chunk: &[u8; 64]) -> (u64, u64);

    /// The dotted quad that fills the first `length` bytes.
    fn quad(self, text: &[u8; 16], length: usize) -> Option<u32>;
}

/// The way for every processor of this kind.
#[derive(Clone, Copy)]
pub struct Plain;

impl Steps for Plain {
    #[inline(always)]
    fn field_ends(self, chunk: &[u8; 64]) -> (u64, u64) {
        Common::field_ends(chunk)
    }

    #[inline(always)]
    fn quad(self, text: &[u8; 16], length: usize) -> Option<u32> {
        whole_quad(text, length)
    }
}

/// The way by AVX2 and BMI1: there is one only where the processor has them.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[derive(Clone, Copy)]
pub struct Avx2(());

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
impl Avx2 {
    /// `None` if this processor lacks them.
    #[inline(always)]
    pub fn detect() -> Option<Self> {
        masks::has_avx2().then_some(Avx2(()))
    }
}

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
impl Steps for Avx2 {
    #[inline(always)]
    fn field_ends(self, chunk: &[u8; 64]) -> (u64, u64) {
        // SAFETY: the processor has AVX2.
        unsafe { masks::avx2::field_ends(chunk) }
    }

    #[inline(always)]
    fn quad(self, text: &[u8; 16], length: usize) -> Option<u32> {
        // SAFETY: the processor has AVX2 and BMI1.
        unsafe { quad(text, length) }
    }
}
