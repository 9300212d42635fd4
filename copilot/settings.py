"""Django's settings, mapped from `copilot.config`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from copilot.config import config

_config = config()


# A server that is gone without a word, as after a fail-over, is given up after so long, not after the kernel's quarter of an hour;
# milliseconds for tcp_user_timeout, else seconds. The address may say otherwise.
SILENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


def _database(url: str) -> dict[str, Any]:
    """Return Django's form of a `postgresql://` URL; host may be a socket folder in `?host=`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"DATABASE_URL must start with postgresql://, not {parts.scheme}://")
    options: dict[str, Any] = SILENCE | dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    if _config.database_pool:
        options["pool"] = {"min_size": 1, "max_size": _config.database_pool, "timeout": 3}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "copilot",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or options.pop("port", "")),
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        # A pooled connection that the server has closed is replaced when it is taken, not after a request has failed on it.
        "CONN_HEALTH_CHECKS": bool(_config.database_pool),
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


# Django's own signing (sessions, admin forms) uses a key of its own, derived so that one secret is enough to run.
SECRET_KEY = (
    "django/" + _config.secret_keys[0].get_secret_value() if _config.secret_keys else "unset: no process may start so"
)
SECRET_KEY_FALLBACKS = ["django/" + key.get_secret_value() for key in _config.secret_keys[1:]]
DEBUG = _config.debug
ALLOWED_HOSTS = _config.allowed_hosts
CSRF_TRUSTED_ORIGINS = [_config.ops_url] if _config.ops_url.startswith("https://") else []
DATABASES = {"default": _database(_config.database_url.get_secret_value())}
INSTALLED_APPS = [
    "copilot.admin.apps.OpsAdmin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "copilot.apps.Copilot",
    "slackbot.apps.Slackbot",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "copilot.admin.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "copilot.admin.security.content_security_policy",
]
ROOT_URLCONF = "copilot.admin.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the apps' own, so that the admin's pages may be ours.
        "DIRS": [Path(__file__).parent / "admin" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"marks": "copilot.admin.marks"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
FORMAT_MODULE_PATH = ["copilot.admin.formats"]
STATIC_URL = "/static/"
STATICFILES_DIRS = [Path(__file__).parent / "admin" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _config.ops_url.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 8 * 60 * 60
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _config.ops_url.startswith("https://") else None
# Logging is structlog's, set up once per process in copilot.observe.
LOGGING_CONFIG = None
