//! What the documentation shows and says.

mod examples;
mod links;
mod promises;
