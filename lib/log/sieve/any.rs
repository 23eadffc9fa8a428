//! A search for any of some texts.

use memchr::memmem::Finder;

use super::table::Sieve;

/// Finds the first of some texts.
#[derive(Clone, Debug)]
pub enum AnyOf {
    /// One text.
    One(Finder<'static>),
    /// Several texts.
    Several(Sieve),
}

impl AnyOf {
    /// `None` where there are no texts, or one is too short to tell lines apart.
    pub fn new(texts: &[&[u8]]) -> Option<AnyOf> {
        if let [text] = texts {
            return Some(AnyOf::One(Finder::new(text).into_owned()));
        }
        let texts: Vec<_> = texts.iter().map(|t| t.to_vec()).collect();
        let sieve = Sieve::new(&[texts]).ok()?;
        sieve.literals()?;
        Some(AnyOf::Several(sieve))
    }

    /// The position of the first one that begins at `from` or later.
    pub fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        match self {
            AnyOf::One(finder) => finder.find(text.get(from..)?).map(|i| from + i),
            AnyOf::Several(sieve) => sieve.find(text, from),
        }
    }
}
