"""Brings Superset's metadata database to this version, and makes roles and the administrator.

Run by `ccs bi up` in Superset's environment, once for each version; running it again changes nothing
but the administrator's password, which it takes from the file in SUPERSET_HOME: no command line shows it.
"""

import os
from pathlib import Path

from flask_migrate import upgrade
from superset.app import create_app

password = (Path(os.environ["SUPERSET_HOME"]) / "admin-password").read_text().strip()
app = create_app()
with app.app_context():
    import superset
    from superset.extensions import appbuilder, security_manager

    upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    user = security_manager.find_user(username="admin")
    if user is None:
        role = security_manager.find_role("Admin")
        user = security_manager.add_user("admin", "ccs", "admin", "admin@localhost.invalid", role, password)
        if not user:
            raise SystemExit("The administrator can't be created.")
    else:
        security_manager.reset_password(user.id, password)
print("prepared")
