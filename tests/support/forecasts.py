"""Forecasts of small fleets, from manifests as they stand in Git and objects as kubectl prints them."""

from datetime import datetime
from typing import Any

from edgefleet.forecasting.forecast import Forecast, NamespaceForecast, RingForecast
from edgefleet.forecasting.foresight import foresee
from edgefleet.forecasting.loading import Loading, load_fleet
from edgefleet.forecasting.pace import Pace
from edgefleet.manifests.folder import read_files
from support.fleets import to_yaml
from support.good_manifests import Json
from support.live_fleet import NOW

AT = datetime.fromisoformat(NOW).timestamp()


def load(declared: list[Json], live: list[Json] | None = None, **options: Any) -> Loading:
    """Returns what one file declares, over live objects."""
    return load_fleet(read_files({"fleet.yaml": to_yaml(tuple(declared))}), live, now=AT, **options)


def forecast(
    declared: list[Json], live: list[Json] | None = None, pace: Pace | None = None, **options: Any
) -> Forecast:
    """Returns what applying one file would do."""
    return foresee(load(declared, live, **options), AT, pace or Pace())


def only(found: Forecast) -> NamespaceForecast:
    """Returns the forecast's only namespace."""
    (namespace,) = found.namespaces
    return namespace


def ring(found: Forecast, name: str) -> RingForecast:
    """Returns a ring of the only namespace."""
    return next(each for each in only(found).rings if each.name == name)


def told(found: RingForecast) -> list[str]:
    """Returns the devices that are told something, sorted."""
    return sorted(move.device for move in found.moves)
