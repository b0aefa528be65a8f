"""All settings. Values come from the environment; the defaults are safe on a developer's machine.

In production (`SCRM_ENV=production`) nothing secret has a default: the process refuses to start.
"""

import base64
import json
import sys
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.str("SCRM_VAR", default=str(BASE_DIR / "var")))

ENV = env.str("SCRM_ENV", default="local")
if ENV not in {"local", "production"}:
    raise ImproperlyConfigured("SCRM_ENV is `local` or `production`.")
LOCAL = ENV == "local"

# Known to everyone, so good for nothing but a machine of one's own.
_LOCAL_SECRET = "local-only-secret-of-a-developers-machine-0123456789"  # noqa: S105
_LOCAL_MASTER = "bG9jYWwtb25seS1tYXN0ZXIta2V5LTAxMjM0NTY3ODk="

SECRET_KEY = env.str("SECRET_KEY", default=_LOCAL_SECRET)
MASTER_KEY = env.str("SCRM_MASTER_KEY", default=_LOCAL_MASTER)  # 32 bytes, base64
# Those that open only: the key before, or the next one (docs/keys.md).
OTHER_MASTER_KEYS: list[str] = env.list("SCRM_OTHER_MASTER_KEYS", default=[])
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except ValueError:
        return False


if not all(map(_is_key, (MASTER_KEY, *OTHER_MASTER_KEYS))):
    raise ImproperlyConfigured(
        "SCRM_MASTER_KEY, and each of SCRM_OTHER_MASTER_KEYS, is 32 random bytes in base64."
    )
if not LOCAL:
    if SECRET_KEY == _LOCAL_SECRET or len(SECRET_KEY) < 40:
        raise ImproperlyConfigured("Set SECRET_KEY to 40 or more random characters.")
    if MASTER_KEY == _LOCAL_MASTER:
        raise ImproperlyConfigured("Set SCRM_MASTER_KEY to 32 random bytes in base64.")
    if DEBUG:
        raise ImproperlyConfigured("DEBUG must be off in production.")

# --- the servers: the environment, or those that `make demo` runs under var/ ---

_servers: dict[str, str] = {}
if LOCAL and "DATABASE_URL" not in env.ENVIRON and (VAR_DIR / "servers.json").exists():
    _servers = json.loads((VAR_DIR / "servers.json").read_text())


def _server(name: str, key: str) -> str:
    value: str = env.str(name, default=_servers.get(key, ""))
    if value:
        return value
    if LOCAL:
        # Commands that need no server (help, makemigrations --check …) may still run.
        return (
            "postgres://none:none@127.0.0.1:9/none"
            if "database" in name.lower()
            else "redis://127.0.0.1:9/0"
        )
    raise ImproperlyConfigured(f"Set {name}.")


SERVERS_KNOWN = bool(_servers) or "DATABASE_URL" in env.ENVIRON

DATABASES = {
    "default": env.db_url_config(_server("DATABASE_URL", "database_url")),
    "owner": env.db_url_config(_server("DATABASE_OWNER_URL", "owner_url")),
    "platform": env.db_url_config(_server("DATABASE_PLATFORM_URL", "platform_url")),
}
for _database in DATABASES.values():
    _database["CONN_MAX_AGE"] = 60
    _database["CONN_HEALTH_CHECKS"] = True
    _database["OPTIONS"] = {"connect_timeout": 5, "application_name": "scrm"}
DATABASE_ROUTERS = ["tenants.isolation.MigrateAsOwner"]

REDIS_URL = _server("REDIS_URL", "redis_url")
BASE_URL = env.str(
    "SCRM_BASE_URL", default=_servers.get("base_url", "http://127.0.0.1:8000")
).rstrip("/")
# Webhooks may go to this machine, and without TLS: for tests and trials, never in production.
WEBHOOKS_TO_LOOPBACK = LOCAL and env.bool("WEBHOOKS_TO_LOOPBACK", default=True)
# When set, all WeChat hosts are mapped to it: the sandbox, or an egress proxy.
WECHAT_BASE_URL = env.str("WECHAT_BASE_URL", default=_servers.get("wechat_base_url", ""))
# The pages that people's browsers are sent to (sign-in, scripts of the client): where the above is,
# unless this names another base; `platform` means the real ones, for a server behind a proxy.
WECHAT_PAGES_BASE_URL = env.str("WECHAT_PAGES_BASE_URL", default="")
# The client's own scripts, which the sidebar loads; nothing else comes from elsewhere.
WECHAT_SCRIPTS: list[str] = env.list(
    "WECHAT_SCRIPTS",
    default=[
        "https://res.wx.qq.com/open/js/jweixin-1.2.0.js",
        "https://open.work.weixin.qq.com/wwopen/js/jwxwork-1.0.0.js",
    ],
)

# How long a message by mass task waits for others that say the same through the same member: they
# are one task, and the member confirms once (docs/routes.md).
TOUCH_GATHER_S = env.int("TOUCH_GATHER_S", default=60)
# How old a callback's signature may be. Wider where the sandbox's clock is moved.
# Warnings on the page about the risk of being restricted by the platform; 0 turns one off.
RISK_ADDS_AN_HOUR = env.int("RISK_ADDS_AN_HOUR", default=30)  # new customers, per member
RISK_ADDS_A_DAY = env.int("RISK_ADDS_A_DAY", default=100)
RISK_DELETED_PERCENT = env.int("RISK_DELETED_PERCENT", default=5)  # of messages, within 24 hours
RISK_FEWEST_SENDS = env.int("RISK_FEWEST_SENDS", default=20)  # below, a share says nothing
RISK_NEAR_PERCENT = env.int("RISK_NEAR_PERCENT", default=80)  # of a limit: warned from here on
WECHAT_CALLBACK_WINDOW_S = env.int("WECHAT_CALLBACK_WINDOW_S", default=600)

# --- e-mail (scheduled reports) ---

# smtp+tls://user:password@host:587, smtp+ssl://…:465 or consolemail://. Without it a developer's
# machine puts each e-mail as a file under var/mail, and production sends none.
EMAIL_URL = env.str("EMAIL_URL", default="")
EMAIL_READY = LOCAL or bool(EMAIL_URL)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("SCRM_EMAIL_FROM", default="SCRM <scrm@localhost>")
if EMAIL_URL:
    _mail = env.email_url_config(EMAIL_URL)
    EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
    EMAIL_HOST = _mail["EMAIL_HOST"] or "localhost"
    EMAIL_PORT = _mail["EMAIL_PORT"] or 25
    EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
    EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
    EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
    EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
elif LOCAL:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = VAR_DIR / "mail"

# --- applications ---

INSTALLED_APPS = [
    "scrm",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "scrm.apps.OperatorsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "tenants",
    "contacts",
    "journeys",
    "campaigns",
    "analytics",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenants.middleware.request_id",
    "tenants.middleware.access_log",
    "tenants.middleware.callbacks_first",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.middleware.TenantScope",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "scrm.urls"
WSGI_APPLICATION = "scrm.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "scrm" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- people ---

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["tenants.auth.EmailBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "scrm_session"
CSRF_COOKIE_NAME = "scrm_csrf"
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
if not LOCAL:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=3600)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- language and time ---

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "scrm" / "locale"]
LANGUAGE_COOKIE_NAME = "scrm_language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"  # of the database; pages and rules use the tenant's zone
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- files ---

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
MEDIA_ROOT = Path(env.str("SCRM_MEDIA", default=str(VAR_DIR / "media")))
WHITENOISE_USE_FINDERS = LOCAL
WHITENOISE_AUTOREFRESH = False
if LOCAL:  # files are served from the packages; whitenoise still wants its folder
    STATIC_ROOT = VAR_DIR / "static"
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "tenants.storage.SealedStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if LOCAL
        else "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    },
}
FILE_UPLOAD_HANDLERS = ["tenants.storage.UploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=1024**3)
# Uploaded files and finished exports hold personal data: so long they lie.
IMPORT_FILES_DAYS = env.int("IMPORT_FILES_DAYS", default=7)
EXPORT_LINK_HOURS = env.int("EXPORT_LINK_HOURS", default=24)

# --- cache, queue ---

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "scrm:cache",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

# --- REST (API.md is kept by tenants/rest) ---

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.rest.authentication.ByApiKey",
        "tenants.rest.authentication.BySession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.rest.permissions.ByAbility"],
    "DEFAULT_PARSER_CLASSES": ["tenants.rest.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["tenants.rest.renderers.FastJSON"],
    "DEFAULT_PAGINATION_CLASS": "tenants.rest.pages.Cursor",
    "DEFAULT_FILTER_BACKENDS": ["tenants.rest.filters.Filters"],
    "DEFAULT_THROTTLE_CLASSES": ["tenants.rest.limits.PerCaller"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tenants.rest.errors.envelope",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=3000)

SPECTACULAR_SETTINGS = {
    "TITLE": "SCRM API",
    "DESCRIPTION": "Contacts, events, orders and journeys of one tenant. "
    "Times are RFC 3339 with offset, money is a decimal string in the tenant's currency, "
    "ids are opaque strings.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["scrm.api.without_slash"],
    "POSTPROCESSING_HOOKS": [],  # choices stay where they are used: shared names would collide
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

# Shuffled letters of our opaque ids: never change them once ids are given out.
ID_ALPHABET = env.str(
    "SCRM_ID_ALPHABET", default="k3G7QAe51FCsPW92uEOyq4Bg6Sp8YzVTmnU0liwDdHXLajZrfxNhobJIRcMvKt"
)

# --- pages ---

UNFOLD: dict[str, object] = {
    "SITE_TITLE": "SCRM",
    "SITE_HEADER": "SCRM",
    "SITE_SUBHEADER": "scrm.admin.name_of_tenant",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "scrm.admin.icon"}],
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {"action": "scrm.admin.language_action"},
    "ACCOUNT": {"navigation": "scrm.admin.account_links"},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "STYLES": ["scrm.admin.style"],
    "SCRIPTS": ["scrm.admin.script"],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "scrm.admin.navigation",
    },
}

# --- logs: one line a record, no request bodies, no secrets ---

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line"}
    },
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django.request": {"level": "ERROR"}, "urllib3": {"level": "WARNING"}},
}
SILENCED_SYSTEM_CHECKS: list[str] = []
