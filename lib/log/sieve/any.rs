//! A search for any of some texts.

use memchr::memmem::Finder;

use super::Sieve;

/// Finds the first of some texts.
#[derive(Clone, Debug)]
pub enum AnyOf {
    One(Finder<'static>),
    Several(Sieve),
}

impl AnyOf {
    /// `None` where there are no texts, or such as are everywhere.
    pub fn new(texts: &[&[u8]]) -> Option<AnyOf> {
        if let [text] = texts {
            return Some(AnyOf::One(Finder::new(text).into_owned()));
        }
        let texts: Vec<_> = texts.iter().map(|t| t.to_vec()).collect();
        let sieve = Sieve::new(&[texts]).ok()?;
        sieve.literals()?;
        Some(AnyOf::Several(sieve))
    }

    /// Where in `text` the first one begins that does so at `from` or later.
    pub fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        match self {
            AnyOf::One(finder) => finder.find(text.get(from..)?).map(|i| from + i),
            AnyOf::Several(sieve) => sieve.find(text, from),
        }
    }
}
