"""Static files with their content's hash in the name, JavaScript modules included."""

from __future__ import annotations

from whitenoise.storage import (  # type: ignore[import-untyped]
    CompressedManifestStaticFilesStorage,
)


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Also rewrites what modules import, so that each is immutable and is loaded once."""

    support_js_module_import_aggregation = True
