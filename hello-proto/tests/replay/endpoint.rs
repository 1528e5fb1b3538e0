//! Whatever a person types: an address that is written as it is read, or one line that says why
//! not.

use hello_proto::{Address, Endpoint, MAX_UNIX_PATH};

pub(crate) fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match text.parse::<Address>() {
        Ok(address) => {
            assert_eq!(address.to_string().parse(), Ok(address.clone()));
            if let Address::Endpoint(Endpoint::Unix(path) | Endpoint::Unixgram(path)) = address {
                assert!(path.is_absolute() && path.as_os_str().len() <= MAX_UNIX_PATH);
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n')),
    }
}
