//! Whatever a person types: an endpoint that is displayed as it is parsed, or one line that says why
//! not.

use hello_proto::{Endpoint, EndpointSpec, MAX_UNIX_PATH};

pub(crate) fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match text.parse::<EndpointSpec>() {
        Ok(spec) => {
            assert_eq!(spec.to_string().parse(), Ok(spec.clone()));
            if let EndpointSpec::Endpoint(Endpoint::Unix(path) | Endpoint::Unixgram(path)) = spec {
                assert!(path.is_absolute() && path.as_os_str().len() <= MAX_UNIX_PATH);
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n')),
    }
}
