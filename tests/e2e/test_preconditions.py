"""F11: conditional requests (RFC 9110 13), and F14: If-Range."""

import email.utils

import pytest

MTIME = 1_500_000_000  # Fri, 14 Jul 2017 02:40:00 GMT, a whole second
CONTENT = b"0123456789"


def imf(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("file.txt", CONTENT, MTIME)
    server.put("epoch.txt", CONTENT, 0)


@pytest.fixture
def tag(site):
    return site.get("/file.txt").field("etag")


SAME, OLDER, NEWER = imf(MTIME), imf(MTIME - 1), imf(MTIME + 1)
SAME_850, NEWER_850 = "Friday, 14-Jul-17 02:40:00 GMT", "Friday, 14-Jul-17 02:40:01 GMT"
SAME_ASCTIME, OLDER_ASCTIME = "Fri Jul 14 02:40:00 2017", "Fri Jul 14 02:39:59 2017"

# name: (status, fields). {tag} is the current tag.
CONDITIONS = {
    "none": (200, []),
    # If-Match compares strongly.
    "if-match-same": (200, [("If-Match", "{tag}")]),
    "if-match-other": (412, [("If-Match", '"other"')]),
    "if-match-list": (200, [("If-Match", '"a", {tag} ,"b"')]),
    "if-match-list-other": (412, [("If-Match", '"a", "b"')]),
    "if-match-two-lines": (200, [("If-Match", '"a"'), ("If-Match", "{tag}")]),
    "if-match-star": (200, [("If-Match", "*")]),
    "if-match-weak": (412, [("If-Match", "W/{tag}")]),
    "if-match-comma-inside-a-tag": (412, [("If-Match", '"a,{bare},b"')]),
    # If-Unmodified-Since, to the second, only without If-Match.
    "if-unmodified-since-same": (200, [("If-Unmodified-Since", SAME)]),
    "if-unmodified-since-newer": (200, [("If-Unmodified-Since", NEWER)]),
    "if-unmodified-since-older": (412, [("If-Unmodified-Since", OLDER)]),
    "if-unmodified-since-rfc850": (200, [("If-Unmodified-Since", SAME_850)]),
    "if-unmodified-since-asctime": (412, [("If-Unmodified-Since", OLDER_ASCTIME)]),
    "if-unmodified-since-malformed": (200, [("If-Unmodified-Since", "yesterday")]),
    "if-match-wins-over-unmodified-since": (200, [("If-Match", "{tag}"), ("If-Unmodified-Since", OLDER)]),
    "if-match-fails-in-spite-of-unmodified-since": (412, [("If-Match", '"x"'), ("If-Unmodified-Since", NEWER)]),
    # If-None-Match compares weakly.
    "if-none-match-same": (304, [("If-None-Match", "{tag}")]),
    "if-none-match-other": (200, [("If-None-Match", '"other"')]),
    "if-none-match-weak": (304, [("If-None-Match", "W/{tag}")]),
    "if-none-match-list": (304, [("If-None-Match", '"a",W/"b" , {tag}')]),
    "if-none-match-two-lines": (304, [("If-None-Match", '"a"'), ("If-None-Match", "{tag}")]),
    "if-none-match-empty-members": (304, [("If-None-Match", ',, "a", ,{tag}')]),
    "if-none-match-star": (304, [("If-None-Match", "*")]),
    "if-none-match-without-quotes": (200, [("If-None-Match", "{bare}")]),
    # If-Modified-Since, to the second, only without If-None-Match.
    "if-modified-since-same": (304, [("If-Modified-Since", SAME)]),
    "if-modified-since-newer": (304, [("If-Modified-Since", NEWER)]),
    "if-modified-since-older": (200, [("If-Modified-Since", OLDER)]),
    "if-modified-since-rfc850": (304, [("If-Modified-Since", NEWER_850)]),
    "if-modified-since-asctime": (304, [("If-Modified-Since", SAME_ASCTIME)]),
    "if-modified-since-asctime-older": (200, [("If-Modified-Since", OLDER_ASCTIME)]),
    "if-modified-since-malformed": (200, [("If-Modified-Since", "tomorrow")]),
    "if-modified-since-not-gmt": (200, [("If-Modified-Since", "Fri, 14 Jul 2017 02:40:00 +0000")]),
    "if-modified-since-no-such-day": (200, [("If-Modified-Since", "Fri, 31 Feb 2017 02:40:00 GMT")]),
    "if-modified-since-number": (200, [("If-Modified-Since", str(MTIME))]),
    "if-none-match-wins-over-modified-since": (200, [("If-None-Match", '"x"'), ("If-Modified-Since", NEWER)]),
    "if-none-match-hits-in-spite-of-modified-since":
        (304, [("If-None-Match", "{tag}"), ("If-Modified-Since", OLDER)]),
    # The order of RFC 9110 13.2.2.
    "match-then-none-match": (304, [("If-Match", "{tag}"), ("If-None-Match", "{tag}")]),
    "match-fails-before-none-match": (412, [("If-Match", '"x"'), ("If-None-Match", "{tag}")]),
    "unmodified-then-modified": (304, [("If-Unmodified-Since", SAME), ("If-Modified-Since", SAME)]),
    # Ranges come last.
    "range-after-none-match": (304, [("Range", "bytes=0-1"), ("If-None-Match", "{tag}")]),
    "range-after-match": (412, [("Range", "bytes=0-1"), ("If-Match", '"x"')]),
    "range-with-match": (206, [("Range", "bytes=0-1"), ("If-Match", "{tag}")]),
    "impossible-range-after-none-match": (304, [("Range", "bytes=99-"), ("If-None-Match", "{tag}")]),
}


def filled(fields, tag):
    return [(name, value.replace("{tag}", tag).replace("{bare}", tag.strip('"'))) for name, value in fields]


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_F11_preconditions(site, tag, name, method):
    status, fields = CONDITIONS[name]
    if method == "HEAD" and status == 206:
        status = 200  # Range is for GET only
    with site.connect() as client:
        response = client.get("/file.txt", method, filled(fields, tag))
        assert response.status == status, response
        if method == "GET" and status in (200, 206):
            assert response.body == (CONTENT if status == 200 else CONTENT[0:2])
        if status == 304:
            assert response.field("etag") == tag
            assert response.field("date")
            assert response.size == 0
        assert client.get("/file.txt").body == CONTENT


def test_F11_dates_are_ignored_where_there_is_no_date(site):
    for field in ("If-Modified-Since", "If-Unmodified-Since"):
        assert site.get("/epoch.txt", fields=[(field, NEWER)]).status == 200


@pytest.mark.parametrize("fields", [[("If-Match", "*")], [("If-Match", '"x"')], [("If-None-Match", "*")],
                                    [("If-Modified-Since", SAME)]])
def test_F11_conditions_on_what_is_not_there_are_404(site, fields):
    assert site.get("/missing", fields=fields).status in (404, 412)


def test_F11_a_refused_method_stays_refused(site):
    assert site.get("/file.txt", "DELETE", [("If-Match", '"x"')]).status == 405


# name: (whether the range is honoured, If-Range)
IF_RANGE = {
    "same-tag": (True, "{tag}"),
    "other-tag": (False, '"other"'),
    "weak-tag": (False, "W/{tag}"),
    "a-list-is-not-allowed": (False, '"a", {tag}'),
    "star-is-not-allowed": (False, "*"),
    "bare-tag": (False, "{bare}"),
    "same-second": (True, SAME),
    "same-second-rfc850": (True, SAME_850),
    "same-second-asctime": (True, SAME_ASCTIME),
    "newer": (False, NEWER),
    "older": (False, OLDER),
    "malformed": (False, "yesterday"),
    "empty": (False, ""),
}


@pytest.mark.parametrize("name", IF_RANGE)
def test_F14_if_range(site, tag, name):
    honoured, value = IF_RANGE[name]
    fields = filled([("Range", "bytes=2-4"), ("If-Range", value)], tag)
    response = site.get("/file.txt", fields=fields)
    assert (response.status, response.body) == ((206, CONTENT[2:5]) if honoured else (200, CONTENT))


def test_F14_if_range_without_range_means_nothing(site):
    response = site.get("/file.txt", fields=[("If-Range", '"other"')])
    assert (response.status, response.body) == (200, CONTENT)


def test_F14_an_impossible_range_under_another_version_is_the_whole_file(site, tag):
    assert site.get("/file.txt", fields=[("Range", "bytes=99-"), ("If-Range", '"other"')]).body == CONTENT
    assert site.get("/file.txt", fields=[("Range", "bytes=99-"), ("If-Range", tag)]).status == 416
