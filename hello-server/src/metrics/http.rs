//! One request of HTTP/1.1, and its response (RFC 9112).

/// The most bytes of a request, with all its headers.
pub(super) const MAX_REQUEST: usize = 8 * 1024;

/// Scrapers send about six.
const MAX_HEADERS: usize = 64;

/// The code and the reason of a response.
pub(super) type Status = &'static str;

const OK: Status = "200 OK";
const BAD_REQUEST: Status = "400 Bad Request";
const NOT_FOUND: Status = "404 Not Found";
const METHOD_NOT_ALLOWED: Status = "405 Method Not Allowed";
const TOO_LARGE: Status = "431 Request Header Fields Too Large";

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Metrics,
    Health,
}

/// The whole response to `request`, with the page that `serve` makes; `None` if there is more to come
/// of it, which is never so once it has [`MAX_REQUEST`] bytes.
pub(super) fn respond(
    request: &[u8],
    serve: impl FnOnce(Page) -> Result<String, Status>,
) -> Option<Vec<u8>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let page = match parsed.parse(request) {
        Ok(httparse::Status::Complete(_)) => page(parsed.method, parsed.path),
        Ok(httparse::Status::Partial) if request.len() < MAX_REQUEST => return None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => Err(TOO_LARGE),
        Err(_) => Err(BAD_REQUEST),
    };
    let (status, body) = match page.and_then(serve) {
        Ok(body) => (OK, body),
        Err(status) => (status, format!("{status}\n")),
    };
    let format = if page == Ok(Page::Metrics) { "version=0.0.4; " } else { "" };
    let allow = if status == METHOD_NOT_ALLOWED { "Allow: GET, HEAD\r\n" } else { "" };
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; {format}charset=utf-8\r\n\
         Content-Length: {}\r\n{allow}Connection: close\r\n\r\n",
        body.len()
    );
    if parsed.method != Some("HEAD") {
        response.push_str(&body);
    }
    Some(response.into_bytes())
}

fn page(method: Option<&str>, target: Option<&str>) -> Result<Page, Status> {
    if !matches!(method, Some("GET" | "HEAD")) {
        return Err(METHOD_NOT_ALLOWED);
    }
    let path = target.and_then(|target| target.split('?').next());
    match path {
        Some("/metrics") => Ok(Page::Metrics),
        Some("/healthz") => Ok(Page::Health),
        _ => Err(NOT_FOUND),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respond_with(request: &str, body: Result<&str, Status>) -> Option<String> {
        let response = respond(request.as_bytes(), |_| body.map(str::to_owned));
        response.map(|response| String::from_utf8(response).unwrap())
    }

    fn status(request: &str) -> Option<String> {
        let response = respond_with(request, Ok("body\n"))?;
        let (line, _) = response.split_once("\r\n").unwrap();
        Some(line.strip_prefix("HTTP/1.1 ").unwrap().to_owned())
    }

    #[test]
    fn a_scrape_is_answered_in_the_text_format_and_the_connection_is_closed() {
        assert_eq!(
            respond_with("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", Ok("a 1\n")).unwrap(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
             Content-Length: 4\r\nConnection: close\r\n\r\na 1\n"
        );
    }

    #[test]
    fn a_head_request_gets_the_same_header_and_no_body() {
        let get = respond_with("GET /healthz HTTP/1.1\r\n\r\n", Ok("ok\n")).unwrap();
        let head = respond_with("HEAD /healthz HTTP/1.1\r\n\r\n", Ok("ok\n")).unwrap();
        assert_eq!(get, format!("{head}ok\n"));
        let missing = respond_with("HEAD / HTTP/1.1\r\n\r\n", Ok("ok\n")).unwrap();
        assert!(missing.starts_with("HTTP/1.1 404 Not Found\r\n"), "{missing}");
        assert!(missing.ends_with("\r\n\r\n"), "{missing}");
    }

    #[test]
    fn a_page_that_is_not_to_be_had_says_so() {
        let response =
            respond_with("GET /healthz HTTP/1.1\r\n\r\n", Err("503 Service Unavailable"));
        assert_eq!(
            response.unwrap(),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: 24\r\nConnection: close\r\n\r\n503 Service Unavailable\n"
        );
    }

    #[test]
    fn each_wrong_request_has_its_status() {
        for (request, expected) in [
            ("GET /metrics?name=x HTTP/1.0\r\n\r\n", OK),
            ("GET / HTTP/1.1\r\n\r\n", NOT_FOUND),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", NOT_FOUND),
            ("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", METHOD_NOT_ALLOWED),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD_REQUEST),
            ("\x16\x03\x01\x02", BAD_REQUEST),
            ("Michael\n", BAD_REQUEST),
        ] {
            assert_eq!(status(request).as_deref(), Some(expected), "{request:?}");
        }
        assert!(
            respond_with("PUT / HTTP/1.1\r\n\r\n", Ok(""))
                .unwrap()
                .contains("Allow: GET, HEAD\r\n")
        );
        let headers = "A: b\r\n".repeat(MAX_HEADERS + 1);
        let request = format!("GET /metrics HTTP/1.1\r\n{headers}\r\n");
        assert_eq!(status(&request).as_deref(), Some(TOO_LARGE));
    }

    #[test]
    fn a_request_is_waited_for_up_to_its_limit() {
        let whole = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(status(&whole[..end]), None, "{end}");
        }
        let endless = format!("GET /{}", "x".repeat(MAX_REQUEST));
        assert_eq!(status(&endless[..MAX_REQUEST - 1]), None);
        assert_eq!(status(&endless[..MAX_REQUEST]).as_deref(), Some(TOO_LARGE));
    }
}
