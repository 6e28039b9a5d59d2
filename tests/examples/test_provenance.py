"""What royalties were made from, and that they come out again from it."""

import json

from tests.cli.scenario import mesh
from tests.conftest import REPOSITORY
from tests.examples.published import RanOnce

MONTHLY = "mesh://royalties/royalties/v1/monthly"
PLAYS = "mesh://royalties/royalties/v1/plays_per_artist"


def test_royalties_come_out_as_they_were_published(published: RanOnce) -> None:
    del published

    result = mesh("rebuild", MONTHLY, "--workspace", str(REPOSITORY / "workspace.yaml"))

    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        0,
        "  equal: all 353 rows came out as they were published",
    )


def test_plays_of_artists_are_followed_to_every_day_of_the_stations(published: RanOnce) -> None:
    del published

    traced = json.loads(mesh("trace", PLAYS, "--json").stdout)

    made = {
        (one["address"], one["version"]): sum(len(part["publications"]) for part in one["parts"])
        for one in traced["versions"]
    }
    assert made == {
        (PLAYS, 0): 1,
        ("mesh://catalogue/music/v1/artists", 0): 1,
        ("mesh://media_player/plays/v1/events", 6): 7,
    }
    codes = {
        publication["code_version"].partition("-")[0]
        for one in traced["versions"]
        for part in one["parts"]
        for publication in part["publications"]
    }
    assert codes == {"1.0.0"}
