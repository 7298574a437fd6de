"""All settings, read from the environment or `.env`; every variable stands in `.env.example`.

Defaults run a fresh clone on SQLite, files and no broker. What would be wrong in production is
reported by system checks (`portal/checks.py`), with a hint, rather than refused here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.FileAwareEnv()  # NAME_FILE names a file that holds the secret
environ.Env.read_env(BASE_DIR / ".env")

TESTING = "pytest" in sys.modules
DEBUG: bool = env.bool("DEBUG", default=False)

# An empty key is refused by Django itself; one made here would log everybody out at each restart.
SECRET_KEY: str = env.str("SECRET_KEY", default="tests-only" * 6 if TESTING else "")
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG or TESTING else []
)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXY_COUNT: int = env.int("TRUSTED_PROXY_COUNT", default=0)

# --- The Particle cloud ---------------------------------------------------------------------
# With DEBUG on and nothing said about the cloud, the portal speaks with the simulated one.
_CLOUD_NAMES = (
    "PARTICLE_API_URL",
    "PARTICLE_PRODUCT",
    "PARTICLE_ACCESS_TOKEN",
    "PARTICLE_CLIENT_ID",
    "PARTICLE_CLIENT_SECRET",
)
_SIMULATED = DEBUG and not any(env.str(name, default="") for name in _CLOUD_NAMES)
PARTICLE_API_URL: str = env.str(
    "PARTICLE_API_URL", default="http://127.0.0.1:8600" if _SIMULATED else "https://api.particle.io"
)
PARTICLE_PRODUCT: str = env.str("PARTICLE_PRODUCT", default="rainbow-button" if _SIMULATED else "")
PARTICLE_ACCESS_TOKEN: str = env.str(
    "PARTICLE_ACCESS_TOKEN", default="simulator-token" if _SIMULATED else ""
)
PARTICLE_CLIENT_ID: str = env.str("PARTICLE_CLIENT_ID", default="")
PARTICLE_CLIENT_SECRET: str = env.str("PARTICLE_CLIENT_SECRET", default="")

# --- Applications ---------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",  # first: its runserver serves websockets too
    "portal.apps.PortalConfig",
    "portal.lib.apps.LibConfig",
    "portal.live.apps.LiveConfig",
    "portal.customers.apps.CustomersConfig",
    "particle_integration.apps.ParticleIntegrationConfig",
    "devices.apps.DevicesConfig",
    "feed.apps.FeedConfig",
    "unfold",  # before the admin, whose templates it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "csp",
    "allauth",
    "allauth.account",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.middleware.NoNulMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.policy.ContentSecurityPolicyMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------
_SQLITE_OPTIONS = {
    # Under WAL a reader that turns writer fails at once ("snapshot is stale").
    "transaction_mode": "IMMEDIATE",
    "timeout": 10,  # seconds
    # FULL loses nothing acknowledged at a power cut; with batches it costs nothing (design.md).
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
}
_database_url = env.str("DATABASE_URL", default="") or f"sqlite:///{VAR_DIR / 'portal.sqlite3'}"
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(_database_url)}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    VAR_DIR.mkdir(exist_ok=True)
    _database["ENGINE"] = "portal.lib.sqlite"
    _database["OPTIONS"] = {**_SQLITE_OPTIONS, **_database.get("OPTIONS", {})}
    # Tests run several connections and processes: a memory database would be private to one.
    _database["TEST"] = {
        "NAME": env.str("TEST_DATABASE_NAME", default=str(VAR_DIR / "test.sqlite3"))
    }
else:
    _database["CONN_MAX_AGE"] = 0  # the web process pools (portal/asgi.py); commands own theirs
    _database["CONN_HEALTH_CHECKS"] = True  # a pooled connection may be older than the server
    _database["OPTIONS"] = {**_database.get("OPTIONS", {})}

DATABASE_POOL_SIZE: int = env.int("DATABASE_POOL_SIZE", default=10)

# --- Redis: optional, only hints --------------------------------------------------------------
REDIS_URL: str = env.str("REDIS_URL", default="")
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [{"address": REDIS_URL}], "prefix": "portal"},
        }
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}
# Throttles count across processes, so their cache is shared: Redis, else a table.
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "shared_cache"}
    ),
    # Rendered cards: cheap to make anew, so each process keeps its own.
    "cards": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "cards",
        "OPTIONS": {"MAX_ENTRIES": 5_000},
    },
}

# --- Files ------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# file:///folder holds two folders: `media`, published renditions, all of which may be served, and
# `private`, what devices sent, which no route serves.
_files = VAR_DIR / "test" if TESTING else VAR_DIR
MEDIA_STORAGE_URL: str = env.str("MEDIA_STORAGE_URL", default="") or f"file://{_files}"
if not MEDIA_STORAGE_URL.startswith("file:///"):
    raise ImproperlyConfigured(f"MEDIA_STORAGE_URL is {MEDIA_STORAGE_URL!r}: use file:///folder.")
_files = Path(MEDIA_STORAGE_URL.removeprefix("file://"))
MEDIA_URL = "/media/"
MEDIA_ROOT = _files / "media"
ORIGINALS_ROOT = _files / "private"
_MANIFEST = "portal.lib.static_files.ModuleManifestStorage"
_PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "originals": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(ORIGINALS_ROOT), "base_url": None},
    },
    "staticfiles": {"BACKEND": _PLAIN if DEBUG or TESTING else _MANIFEST},
}
WHITENOISE_AUTOREFRESH = DEBUG or TESTING  # there, nobody has collected the static files
# A worker writes what the web process reads: same user in the sensible set-up, group otherwise.
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750

# --- People -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "customers.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
EMAIL_URL: str = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="portal@localhost")
ACCOUNT_ADAPTER = "portal.customers.accounts.AccountAdapter"
ACCOUNT_FORMS = {"signup": "portal.customers.forms.SignupForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if EMAIL_URL else "none"
ACCOUNT_SESSION_REMEMBER = True
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT  # else all limits count the proxy's address

# --- Language and time --------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Security -----------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_ENGINE = "portal.customers.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Plain http is for a laptop: everywhere else cookies travel over TLS only.
_TLS = not (DEBUG or TESTING)
SESSION_COOKIE_SECURE = _TLS
CSRF_COOKIE_SECURE = _TLS
SECURE_SSL_REDIRECT = _TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _TLS
SECURE_HSTS_PRELOAD = _TLS
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # placeholders of pictures are tiny data URLs
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}

# --- REST API -----------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "600/minute"},
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Rainbow portal",
    "SITE_HEADER": "Rainbow portal",
    "SHOW_HISTORY": True,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("portal/icon.svg"),
        },
    ],
}

# --- Logging: one line per state change on standard error -----------------------------------
LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "daphne": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "urllib3": {"level": "WARNING"},
    },
}
