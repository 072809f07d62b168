"""The one member that is compiled: the firmware's sources, from the firmware's folder, as one extension module."""  # noqa: INP001 - no package

from setuptools import Extension, setup  # pyright: ignore[reportMissingModuleSource] - where it is built

_FIRMWARE = "../../firmware"
_SOURCES = ("core/src/ef_fft.c", "core/src/ef_features.c", "generated/edgefleet_features.c")

setup(
    ext_modules=[
        Extension(
            "edgefleet_features._core",
            ["src/edgefleet_features/_core.c"],
            include_dirs=[
                f"{_FIRMWARE}/{folder}" for folder in ("core/include", "core/src", "hal/include", "generated")
            ],
            depends=[f"{_FIRMWARE}/{source}" for source in _SOURCES],
            # The bits of a device: no product and sum in one rounding where the compiler sees a chance.
            extra_compile_args=["-std=c11", "-O2", "-ffp-contract=off"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
