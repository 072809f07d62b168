"""Settings name what is wrong with them."""

from pathlib import Path

import pytest

from edgefleet_model_registry.settings import Settings, SettingsError


def test_an_empty_environment_is_the_images() -> None:
    settings = Settings.read({})
    assert settings.tls == Path("/etc/edgefleet/tls")
    assert settings.store == Path("/var/lib/model-registry")
    assert settings.port == 8443
    assert settings.blob_max_bytes == 64 * 2**20


def test_an_empty_number_is_the_default() -> None:
    assert Settings.read({"EDGEFLEET_PORT": ""}).port == 8443


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EDGEFLEET_PORT", "https"),
        ("EDGEFLEET_PORT", "65536"),
        ("EDGEFLEET_PORT", "-1"),
        ("EDGEFLEET_PORT", "٣"),
        ("EDGEFLEET_BLOB_MAX_BYTES", "0"),
        ("EDGEFLEET_BLOB_MAX_BYTES", "64Mi"),
        ("EDGEFLEET_REQUESTS_MAX", "0"),
    ],
)
def test_a_bad_number_is_refused_with_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: a whole number from"):
        Settings.read({name: value})
