"""A forecast as JSON: stable keys, figures as numbers, times in seconds from now. docs/plan.md names every key."""

from typing import Any, Final

from edgefleet.controllers.times import format_time
from edgefleet.forecasting.forecast import (
    Blast,
    Block,
    Forecast,
    Left,
    Move,
    NamespaceForecast,
    RingForecast,
    Totals,
    Wave,
)
from edgefleet.forecasting.summary import summarize

FORMAT: Final = "edgefleet.io/plan/v1"
Json = dict[str, Any]


def render_json(forecast: Forecast) -> Json:
    """Returns the forecast as a JSON object; keys are always there, null for what is not."""
    return {
        "format": FORMAT,
        "summary": summarize(forecast),
        "changes": forecast.changes,
        "now": format_time(forecast.now),
        "against": forecast.against,
        "pace": {"bytesPerSecond": forecast.pace.bandwidth, "updateSeconds": forecast.pace.update_seconds},
        "lintWarnings": forecast.warnings,
        "totals": _show_totals(forecast.totals),
        "namespaces": [_show_namespace(each) for each in forecast.namespaces],
    }


def _show_totals(totals: Totals) -> Json:
    return {
        "devices": totals.devices,
        "modelBytes": totals.model_bytes,
        "manifestBytes": totals.manifest_bytes,
        "flashSectors": totals.sectors,
        "flashSectorsPerDeviceMax": totals.sectors_max,
        "seconds": _round(totals.seconds),
    }


def _show_namespace(namespace: NamespaceForecast) -> Json:
    return {
        "namespace": namespace.name,
        "settled": namespace.settled,
        "objects": [
            {"verb": each.verb, "kind": each.kind, "name": each.name, "fields": list(each.fields)}
            for each in namespace.objects
        ],
        "rings": [_show_ring(each) for each in namespace.rings],
        "pinned": [_show_move(each) for each in namespace.pinned],
        "recalls": [{"device": each.device, "ring": each.ring} for each in namespace.recalls],
        "inNoRing": [_show_left(each) for each in namespace.strays],
        "ifBad": [_show_blast(each) for each in namespace.blasts],
        "assumptions": [
            {"reason": each.reason, "sentence": each.sentence, "names": list(each.names)}
            for each in namespace.assumptions
        ],
    }


def _show_ring(ring: RingForecast) -> Json:
    gate = ring.gate
    return {
        "ring": ring.name,
        "model": ring.model,
        "source": ring.source,
        "bounds": list(ring.bounds),
        "devices": ring.devices,
        "changed": ring.changed,
        "running": [{"version": version, "devices": count} for version, count in ring.running],
        "before": ring.before,
        "target": ring.target,
        "step": ring.step,
        "startsAt": _round(ring.starts_at),
        "provedAt": _round(ring.proved_at),
        "gate": {
            "successPercent": gate.success_percent,
            "minSample": gate.min_sample,
            "soakSeconds": _round(gate.soak),
            "figures": list(gate.figures),
            "stops": list(gate.stops),
        },
        "wavesDrawnTogether": ring.drawn_together,
        "waves": [_show_wave(each) for each in ring.waves],
        "blocks": [_show_block(each) for each in ring.blocks],
        "leftOut": [_show_left(each) for each in ring.left],
    }


def _show_wave(wave: Wave) -> Json:
    return {
        "wave": wave.number,
        "at": _round(wave.at),
        "endsAt": _round(wave.ends_at),
        "moves": [_show_move(each) for each in wave.moves],
    }


def _show_move(move: Move) -> Json:
    return {
        "device": move.device,
        "at": _round(move.at),
        "from": move.before,
        "to": move.version,
        "modelBytes": move.cost.model_bytes,
        "manifestBytes": move.cost.manifest_bytes,
        "flashSectors": move.cost.sectors,
        "seconds": _round(move.cost.seconds),
        "switchesBack": move.kept,
    }


def _show_block(block: Block) -> Json:
    return {
        "reason": block.reason,
        "waitsFor": block.waits,
        "from": _round(block.begin),
        "until": _round(block.end),
        "needsPerson": block.needs_person,
        "takenForGranted": block.granted,
    }


def _show_left(left: Left) -> Json:
    return {
        "standing": left.standing,
        "reason": left.reason,
        "message": left.message,
        "devices": list(left.devices),
    }


def _show_blast(blast: Blast) -> Json:
    return {
        "model": blast.model,
        "version": blast.version,
        "failsSelfTest": {
            "devices": len(blast.failing),
            "names": list(blast.failing),
            "stoppedBy": blast.ring,
            "stopsAt": _round(blast.stops_at),
            "final": blast.bounded,
        },
        "failsInUse": {"devices": blast.silent, "passedOnAt": _round(blast.silent_until)},
    }


def _round(seconds: float | None) -> float | None:
    return round(seconds, 1) if seconds is not None else None
