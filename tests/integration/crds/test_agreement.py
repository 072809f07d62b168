"""pydantic, lint and the API server give the same verdict: on the named manifests and on random ones."""

import json
import random

import pytest
from pydantic import ValidationError

from edgefleet.api.v1alpha1 import KINDS
from edgefleet.manifests.folder import read_files
from edgefleet.manifests.objects import declare
from support.apiserver import ApiServer
from support.good_manifests import Json, good_manifests
from support.manifest_cases import CASES, Case
from support.mutations import mutate

KIND_BY_NAME = {kind.definition.kind: kind for kind in KINDS}
SEED = 20261121
MUTATIONS = 2000


def pydantic_accepts(manifest: Json) -> bool:
    try:
        KIND_BY_NAME[manifest["kind"]].model_validate(manifest)
    except ValidationError:
        return False
    return True


def lint_accepts(manifest: Json) -> bool:
    reading = read_files({"manifest.json": json.dumps(manifest).encode()})
    return not reading.findings and not declare(reading.manifests).findings


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_named_manifest_has_one_verdict(api: ApiServer, case: Case) -> None:
    manifest = case.build()
    answer = api.judge(manifest)
    assert answer.accepted is case.is_good, answer
    assert pydantic_accepts(manifest) is case.is_good
    assert lint_accepts(manifest) is case.is_good


def disagreements(api: ApiServer, seed: int, count: int) -> tuple[list[str], int]:
    """Returns what was judged differently, and how many manifests the server accepted."""
    dice = random.Random(seed)
    goods = list(good_manifests().values())
    manifests = [mutate(dice, dice.choice(goods)) for _ in range(count)]
    answers = api.judge_all(manifests)
    odd: list[str] = []
    for manifest, answer in zip(manifests, answers, strict=True):
        ours = (pydantic_accepts(manifest), lint_accepts(manifest))
        if ours != (answer.accepted, answer.accepted):
            odd.append(f"pydantic, lint: {ours}; server: {answer}\n{json.dumps(manifest)}")
    return odd, sum(answer.accepted for answer in answers)


def test_random_mutations_have_one_verdict(api: ApiServer) -> None:
    odd, accepted = disagreements(api, SEED, MUTATIONS)
    assert not odd, (SEED, odd[:3])
    assert 0.1 < accepted / MUTATIONS < 0.9, "the mutations test only one side"


@pytest.mark.slow
def test_many_more_mutations_have_one_verdict(api: ApiServer) -> None:
    seed = random.SystemRandom().randrange(2**32)
    odd, _ = disagreements(api, seed, 50_000)
    assert not odd, (seed, odd[:3])
