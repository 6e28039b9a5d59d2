from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest
import uvicorn

from mesh_dagster.run.store import Store
from mesh_dagster.share.app import application
from mesh_dagster.share.mesh import Mesh
from tests.share.browser import PROGRAM, Browser, browser
from tests.share.scenario import DAILY, LINES

PATIENCE_SECONDS = 20


@contextmanager
def listening(root: Path) -> Iterator[str]:
    """Serve a mesh over a real socket."""
    with closing(Mesh(Store.at(root))) as mesh:
        config = uvicorn.Config(application(mesh), port=0, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = Thread(target=server.run)
        thread.start()
        until = monotonic() + PATIENCE_SECONDS
        while not server.started and monotonic() < until:
            sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()


def title(page: Browser) -> str:
    return str(page.value("document.title"))


@pytest.mark.skipif(not PROGRAM, reason="No Chromium here: install it to run this test.")
def test_a_person_clicks_from_a_search_to_the_origin_of_a_column_and_nothing_is_executed(
    published: Path, tmp_path: Path
) -> None:
    with listening(published) as url, browser(tmp_path / "profile") as page:
        page.open(f"{url}/")
        page.value("document.querySelector('#find-words').value = 'takings'")
        page.click(".find button")
        searched = title(page)
        page.click("a.chip")
        column = title(page)
        page.click(f'.graph a[href*="{LINES.rpartition("/")[2]}%23amount"]')
        origin = title(page)
        page.click(".levels a")
        product, styled = title(page), page.value("getComputedStyle(document.body).margin")
        wide = page.value("document.documentElement.scrollWidth <= window.innerWidth")

    assert [searched, column, origin, product] == [
        "takings · Search · mesh",
        f"Lineage of {DAILY}#takings · mesh",
        f"Lineage of {LINES}#amount · mesh",
        "sales/invoices v1 · mesh",
    ]
    assert (styled, wide) == ("0px", True)
