"""Superset as `ccs bi up` runs it. Every setting comes from the environment; no secret stands here.

SUPERSET_HOME            folder of the metadata database and of the secret key
SUPERSET_METADATA_URI    another metadata database than the SQLite file in that folder
OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET
                         login by OpenID Connect instead of passwords; docs/bi.md has the others
RS_PWD                   Redshift's password, given to the driver when it connects, stored nowhere
"""

import json
import logging
import os
import threading
from datetime import timedelta
from pathlib import Path

from flask_appbuilder.security.manager import AUTH_DB, AUTH_OAUTH
from sqlalchemy import event
from sqlalchemy.engine import Engine
from superset.security import SupersetSecurityManager

HOME = Path(os.environ["SUPERSET_HOME"])


def _flag(name, default="false"):
    return os.environ.get(name, default).lower() in ("1", "true", "yes")


# Signs sessions and encrypts what the metadata database holds; made by ccs, readable by its owner alone.
SECRET_KEY = (HOME / "secret-key").read_text().strip()
SQLALCHEMY_DATABASE_URI = os.environ.get("SUPERSET_METADATA_URI") or f"sqlite:///{HOME}/superset.db"
GUEST_TOKEN_JWT_SECRET = f"guest {SECRET_KEY}"

# A person who may add databases must not read files of this machine through SQLite.
PREVENT_UNSAFE_DB_CONNECTIONS = True

# Cookies and requests from other sites.
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Behind a proxy with TLS: SUPERSET_HTTPS=true.
SESSION_COOKIE_SECURE = _flag("SUPERSET_HTTPS")
ENABLE_PROXY_FIX = _flag("SUPERSET_HTTPS")
PERMANENT_SESSION_LIFETIME = timedelta(hours=12)

# The page may load nothing from other hosts: no fonts, maps or pictures, and nobody is told of its use.
TALISMAN_ENABLED = True
CONTENT_SECURITY_POLICY_WARNING = False
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "frame-ancestors": ["'none'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": _flag("SUPERSET_HTTPS"),
    "session_cookie_secure": _flag("SUPERSET_HTTPS"),
}

# Guessing passwords.
RATELIMIT_ENABLED = True
RATELIMIT_APPLICATION = "100 per second"
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "5 per second"

ROW_LIMIT = 10_000
SUPERSET_WEBSERVER_TIMEOUT = 60
SQLLAB_TIMEOUT = 60
FAB_API_SWAGGER_UI = False
LOG_LEVEL = getattr(logging, os.environ.get("SUPERSET_LOG_LEVEL", "WARNING"))
APP_NAME = "ccs"


def DB_CONNECTION_MUTATOR(uri, params, username, security_manager, source):
    """Adds Redshift's password, which neither the metadata database nor an export holds."""
    if uri.drivername.startswith("redshift") and uri.password is None and os.environ.get("RS_PWD"):
        uri = uri.set(password=os.environ["RS_PWD"])
    return uri, params


_duckdb = threading.Lock()


@event.listens_for(Engine, "connect")
def confine_duckdb(connection, record):
    """SQL of people reads the marts and the lake beside them, and no other file of this machine."""
    if not type(connection).__module__.startswith("duckdb_engine"):
        return
    # Threads share one database; what is forbidden once stays so.
    with _duckdb:
        cursor = connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        cursor.execute("SELECT current_setting('enable_external_access')")
        if not cursor.fetchone()[0]:
            return
        cursor.execute("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL")
        places = {Path(path).parent.parent for (path,) in cursor.fetchall()}
        places |= {place.resolve() for place in places}
        quoted = ", ".join("'" + str(place).replace("'", "''") + "/'" for place in sorted(places))
        cursor.execute(f"SET allowed_directories = [{quoted}]")
        cursor.execute("SET enable_external_access = false")


# Who may enter: accounts of Superset itself, or those of an OpenID provider.
OIDC_ISSUER = os.environ.get("OIDC_ISSUER", "").rstrip("/")
OIDC_NAME = os.environ.get("OIDC_NAME", "sso")
OIDC_GROUPS_CLAIM = os.environ.get("OIDC_GROUPS_CLAIM", "groups")


class OidcSecurityManager(SupersetSecurityManager):
    """Reads a person from the claims of the ID token, whose signature Authlib has checked."""

    def get_oauth_user_info(self, provider, resp):
        claims = dict(resp.get("userinfo") or {})
        if not claims.get("email"):
            # Some providers put only the subject into the token.
            claims |= dict(self.oauth_remotes[provider].userinfo(token=resp))
        name = claims.get("preferred_username") or claims.get("email") or claims["sub"]
        return {
            "username": name,
            "email": claims.get("email") or name,
            "first_name": claims.get("given_name") or claims.get("name") or name,
            "last_name": claims.get("family_name") or "",
            "role_keys": claims.get(OIDC_GROUPS_CLAIM) or [],
        }


AUTH_TYPE = AUTH_OAUTH if OIDC_ISSUER else AUTH_DB
if OIDC_ISSUER:
    CUSTOM_SECURITY_MANAGER = OidcSecurityManager
    OAUTH_PROVIDERS = [
        {
            "name": OIDC_NAME,
            "icon": "fa-key",
            "token_key": "access_token",
            "remote_app": {
                "client_id": os.environ["OIDC_CLIENT_ID"],
                "client_secret": os.environ.get("OIDC_CLIENT_SECRET"),
                "server_metadata_url": f"{OIDC_ISSUER}/.well-known/openid-configuration",
                "client_kwargs": {
                    "scope": os.environ.get("OIDC_SCOPES", "openid email profile"),
                    "code_challenge_method": "S256",
                },
            },
        }
    ]
    # `ccs bi` goes on logging in as the administrator whom it made, through the API alone.
    AUTH_API_LOGIN_ALLOW_MULTIPLE_PROVIDERS = True
    # A first login makes the account. Its role is what the groups say, else OIDC_ROLE.
    AUTH_USER_REGISTRATION = True
    AUTH_USER_REGISTRATION_ROLE = os.environ.get("OIDC_ROLE", "Gamma")
    # {"bi-admins": ["Admin"], "staff": ["Alpha"]}
    AUTH_ROLES_MAPPING = json.loads(os.environ.get("OIDC_ROLES", "{}"))
    AUTH_ROLES_SYNC_AT_LOGIN = bool(AUTH_ROLES_MAPPING)
