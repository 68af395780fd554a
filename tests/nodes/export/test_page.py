from html.parser import HTMLParser

from nodes.export.page import Medium, Source, Totals, render_page


class Reader(HTMLParser):
    """Collects tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def read(*arguments) -> Reader:
    reader = Reader()
    reader.feed(render_page(*arguments))
    return reader


PICTURE = Medium("pictures/a&b #1/0.jpg", "0 · 1 box", 64, 48)
CLIP = Medium("clips/a&b #1.mp4", "a&b #1", 480, 320)


def test_a_clip_plays_muted_in_a_loop_behind_its_first_picture():
    page = read("t", Totals(1, 1, None), [Source("a&b #1", CLIP, (PICTURE,))], [])
    (video,) = page.all("video")
    assert {"muted", "loop", "autoplay", "controls", "playsinline"} <= video.keys()
    assert video["src"] == "clips/a%26b%20%231.mp4"
    assert video["poster"] == "pictures/a%26b%20%231/0.jpg"


def test_text_from_data_is_escaped():
    evil = '<script>alert("1")</script>'
    page = read(
        evil,
        Totals(1, 1, {evil: 1}),
        [Source(evil, Medium("a.mp4", evil, 1, 1), (Medium("a.jpg", evil, 1, 1),))],
        [],
    )
    assert not page.all("script")
    assert page.text.count(evil) >= 4


def test_nothing_outside_the_folder_is_referred_to():
    page = read("t", Totals(1, 1, {"cat": 1}), [Source("a", CLIP, (PICTURE,))], [PICTURE])
    urls = [
        attributes[name]
        for _, attributes in page.tags
        for name in ("src", "href", "poster")
        if name in attributes
    ]
    assert urls
    assert not any(":" in url or url.startswith("/") for url in urls)
    assert not page.all("link")
    assert "http" not in render_page("t", Totals(0, 0, None), [], [])


def test_the_totals_are_told_with_their_nouns_in_number():
    text = "".join(read("t", Totals(1, 2, {"cat": 1200}), [Source("", None, (PICTURE,))], []).text)
    assert "1 picture" in text
    assert "2 clips" in text
    assert "1,200 boxes" in text
    assert "1 class" in text


def test_a_page_that_shows_a_part_says_so():
    text = "".join(read("t", Totals(500, 0, None), [Source("", None, (PICTURE,))], []).text)
    assert "1 of 500 pictures are shown" in text
