"""Make two years of invoices: two tables under `store/`, with the defects of the real ones.

Out: the bytes of each table; equal at every call.
Defects: most states and some postal codes are empty, a city with a blank too many.
To be relied on, as in the real tables: each invoice is the sum of its lines. The tracks sold are
those of the catalogue, 1 to 400, of which every sixteenth is a video and costs 1.99.
"""

import random
from datetime import date
from decimal import Decimal

import polars as pl

_SEED = 412
_MONTHS = 24
_INVOICES_PER_MONTH = 5
_FIRST_YEAR = 2021
_MOST_LINES = 9
_TRACKS = 400
_VIDEO_EVERY = 16
_CUSTOMERS = (
    ("Stuttgart", None, "Germany", "70174"),
    ("Oslo", None, "Norway", "0171"),
    ("Brussels", None, "Belgium", "1000"),
    ("Edmonton", "AB", "Canada", "T6G 2C7"),
    ("Boston", "MA", "USA", "2113"),
    ("Edinburgh ", None, "United Kingdom", "EH4 1HH"),
    ("Lisbon", None, "Portugal", None),
    ("Santiago", None, "Chile", None),
    ("Prague", None, "Czech Republic", "14700"),
    ("Dublin", "Dublin", "Ireland", None),
)


def files() -> dict[str, bytes]:
    """Return every file of this domain, path to content."""
    draw = random.Random(_SEED)  # noqa: S311 - made-up invoices hold no secret
    invoices: list[dict[str, object]] = []
    lines: list[dict[str, object]] = []
    for number in range(1, _MONTHS * _INVOICES_PER_MONTH + 1):
        tracks = sorted(draw.sample(range(1, _TRACKS + 1), draw.randrange(1, _MOST_LINES + 1)))
        invoices.append(_invoice(draw, number, tracks))
        first = len(lines) + 1
        lines.extend(_line(line, number, track) for line, track in enumerate(tracks, first))
    return {
        "store/Invoice.csv": pl.DataFrame(invoices).write_csv().encode(),
        "store/InvoiceLine.csv": pl.DataFrame(lines).write_csv().encode(),
    }


def _invoice(draw: random.Random, number: int, tracks: list[int]) -> dict[str, object]:
    customer = draw.randrange(len(_CUSTOMERS))
    city, state, country, postal_code = _CUSTOMERS[customer]
    month, place = divmod(number - 1, _INVOICES_PER_MONTH)
    day = date(_FIRST_YEAR + month // 12, month % 12 + 1, place * 5 + draw.randrange(1, 6))
    return {
        "InvoiceId": number,
        "CustomerId": customer + 1,
        "InvoiceDate": f"{day} 00:00:00",
        "BillingAddress": f"{customer + 10} Main Street",
        "BillingCity": city,
        "BillingState": state,
        "BillingCountry": country,
        "BillingPostalCode": postal_code,
        "Total": str(sum(Decimal(_price(track)) for track in tracks)),
    }


def _line(number: int, invoice: int, track: int) -> dict[str, object]:
    return {
        "InvoiceLineId": number,
        "InvoiceId": invoice,
        "TrackId": track,
        "UnitPrice": _price(track),
        "Quantity": 1,
    }


def _price(track: int) -> str:
    return "1.99" if track % _VIDEO_EVERY == 0 else "0.99"
