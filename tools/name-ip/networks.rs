//! `--networks`: the networks of an owner or country as records.

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;

use crate::choice::Choice;
use crate::columns::Columns;
use crate::database::Databases;

/// Prints the networks that one of the choices takes, of each database in its order; true if there
/// were any.
pub fn run(choices: &[Choice], databases: &Databases, output: &mut Output) -> Result<bool, Fault> {
    let mut columns = (Output::is_terminal() && !output.is_json()).then(Columns::default);
    let mut any = false;
    for table in databases.tables() {
        let networks = table.networks(|entry| choices.iter().any(|choice| choice.takes(entry)));
        for (network, entry) in networks {
            any = true;
            let record = Record::with_fields(network, entry.fields());
            match &mut columns {
                Some(columns) => columns.add(record, output)?,
                None => output.record(&record)?,
            }
        }
    }
    if let Some(columns) = &mut columns {
        columns.print(output)?;
    }
    output.flush()?;
    Ok(any)
}
