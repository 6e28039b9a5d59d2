"""Read pages as a person does who cannot see them: headings, links, labels, regions."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = ("area", "br", "col", "hr", "img", "input", "link", "meta", "wbr")


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    """Its own and that of what stands in it."""


@dataclass
class Page(HTMLParser):
    """A page that was read."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()
        if tag in ("td", "th"):
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [one for one in self.elements if one.tag in tags]

    def texts(self, *tags: str) -> list[str]:
        return [" ".join(one.text.split()) for one in self.all(*tags)]

    def href(self, text: str) -> str:
        """Return where the first link with a text leads."""
        found = [a for a in self.all("a") if " ".join(a.text.split()) == text]
        assert found, f"No link '{text}' among {self.texts('a')}"
        return found[0].attributes["href"] or ""


def read(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page
