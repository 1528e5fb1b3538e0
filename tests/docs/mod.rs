//! What the documentation shows and says.

mod completions;
mod examples;
mod links;
mod promises;
mod translations;
