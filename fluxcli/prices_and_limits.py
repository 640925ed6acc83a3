"""The models and their prices, the limits of the service, its addresses. Facts only.

Source: Kie.ai's documentation of Flux Kontext and recorded traffic, as of 2026-09.
Prices are estimates: the service may change them without notice.
"""

from __future__ import annotations

from typing import Final

PRO: Final = "flux-kontext-pro"
MAX: Final = "flux-kontext-max"
MODELS: Final[dict[str, str]] = {"pro": PRO, "max": MAX, PRO: PRO, MAX: MAX}
"""What a user may write for a model, and the service's own name for it."""

CREDITS: Final[dict[str, int]] = {PRO: 5, MAX: 10}
"""Estimated credits per image; one credit is about US$0.005."""

USUAL_SECONDS: Final[dict[str, float]] = {PRO: 12.0, MAX: 20.0}
"""How long an image usually takes, in seconds, where this machine has no history yet."""

MAX_COUNT: Final = 100
SUBMISSIONS: Final = 20
WINDOW_SECONDS: Final = 10.0
"""An account may submit this many tasks within this many seconds; more are refused."""

RESULT_DAYS: Final = 14
UPLOAD_REUSE_HOURS: Final = 20
"""An upload lives 24 hours at the service; it is used again for this many."""

CONSENT_CREDITS: Final = 100
"""A run estimated above this needs consent, `--yes` or `--max-credits`."""

API_URL: Final = "https://api.kie.ai"
UPLOAD_URL: Final = "https://kieai.redpandaai.co"
SANDBOX_URL: Final = "https://api.sandbox.invalid"
"""The base URL of the stand-in inside this process."""

KEY_PAGE: Final = "https://kie.ai/api-key"
LOGS_PAGE: Final = "https://kie.ai/logs"
