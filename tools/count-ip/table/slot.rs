//! A slot of a table: a key with a value.

/// A key with a value; the value 0 is an empty slot.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Slot<K> {
    pub key: K,
    pub value: u32,
}

/// A bit for each slot of a bucket for which `is` holds; the first slot is the lowest bit.
#[inline(always)]
pub fn mask<K, const N: usize>(bucket: &[Slot<K>; N], is: impl Fn(&Slot<K>) -> bool) -> u32 {
    (0..N).fold(0, |mask, i| mask | u32::from(is(&bucket[i])) << i)
}
