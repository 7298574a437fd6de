"""What the cloud says of a device is made fit for our columns, whatever it says."""

from __future__ import annotations

import pytest

from particle_integration.client import CloudDevice


def test_text_that_no_database_takes_is_mended():
    device = CloudDevice.from_fields({"id": "E" * 24, "name": "a\0b\ud800", "functions": ["d\0"]})

    assert device.particle_device_id == "e" * 24
    assert device.name == "a\ufffdb?"
    assert device.functions == ("d\ufffd",)


@pytest.mark.parametrize("version", [2**31, -1, True, "7", None, 1.5])
def test_a_firmware_version_that_is_none_is_left_out(version):
    device = CloudDevice.from_fields({"id": "e" * 24, "firmware_version": version})

    assert device.firmware_version is None
